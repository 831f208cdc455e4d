//! The relay's thread: takes connections, handles events, waits.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Owner;
use super::hand_over::{Arrivals, Relay, queue};
use super::io::{Epoll, Io, Ring};
use super::raw::Raw;
use crate::limits;
use crate::log::Tally;
use crate::sys::cpu::{self, CoreId};
use crate::sys::runtime::Engine;
use crate::tap::queue::Tap;

/// How the names of relays' threads begin.
pub const THREAD_NAME: &str = "relay-";

/// What a relay is made of.
#[derive(Debug)]
pub struct Parts {
    /// The shard's number, from 0.
    pub number: usize,
    /// The CPU its thread is pinned to: the shard's.
    pub core: Option<CoreId>,
    /// What it waits with.
    pub engine: Engine,
    /// Its end of a queue to the decoder, if anything is sampled.
    pub tap: Option<Tap>,
    /// Counts and tells of what watched connections carry.
    pub tally: Tally,
}

/// A relay's thread, to be waited for.
#[derive(Debug)]
pub struct Relaying {
    ended: oneshot::Receiver<()>,
    thread: JoinHandle<()>,
}

/// Starts a relay; returns once its engine is set up. Its thread ends with its last connection after [`Relay::close`].
///
/// # Errors
///
/// If the kernel refuses the thread or what the engine needs.
pub fn start<O: Owner>(parts: Parts) -> io::Result<(Relay<O>, Relaying)> {
    let (relay, arrivals) = queue(limits::HAND_OVER_FLOWS)?;
    let (started, outcome) = sync_channel(1);
    let (ending, ended) = oneshot::channel();
    let name = format!("{THREAD_NAME}{}", parts.number);
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        run(parts, arrivals, &started);
        drop(ending);
    })?;
    // A thread that has ended without a word has panicked, which ends the process.
    outcome.recv().map_err(io::Error::other)??;
    Ok((relay, Relaying { ended, thread }))
}

impl Relaying {
    /// Waits until the relay has ended.
    pub async fn ended(&mut self) {
        // Nothing is ever sent: the thread drops its end as the last thing.
        drop((&mut self.ended).await);
    }

    /// Waits for the thread.
    pub fn join(self) {
        // A panic there has ended the process.
        drop(self.thread.join());
    }
}

fn run<O: Owner>(parts: Parts, arrivals: Arrivals<O>, started: &SyncSender<io::Result<()>>) {
    // A thread that is not pinned works, too; the scheduler decides then.
    if let Some(core) = parts.core {
        cpu::pin(core);
    }
    let wake = Arc::clone(arrivals.wake());
    match parts.engine {
        Engine::IoUring => run_on(Ring::new(wake), parts.tap, parts.tally, arrivals, started),
        Engine::Epoll => run_on(Epoll::new(wake), parts.tap, parts.tally, arrivals, started),
    }
}

fn run_on<I: Io, O: Owner>(
    engine: io::Result<I>,
    tap: Option<Tap>,
    tally: Tally,
    arrivals: Arrivals<O>,
    started: &SyncSender<io::Result<()>>,
) {
    // Whoever started the thread waits for the outcome.
    match engine {
        Ok(engine) => {
            drop(started.send(Ok(())));
            serve(Raw::new(engine, tap.map(Rc::new), tally), arrivals);
        }
        Err(error) => drop(started.send(Err(error))),
    }
}

fn serve<I: Io, O: Owner>(mut raw: Raw<I, O>, mut arrivals: Arrivals<O>) {
    loop {
        raw.handle_events();
        // Some at a time: connections that are relayed already must not wait for all that arrive.
        for _ in 0..ARRIVALS_A_TURN {
            let Some(flow) = arrivals.next() else { break };
            raw.begin(flow);
        }
        let orders = arrivals.orders();
        if orders.drain {
            raw.drain();
        }
        if orders.stop {
            raw.stop();
        }
        if orders.close && arrivals.is_empty() && raw.is_empty() {
            return;
        }
        // The one look at the clock: once a wait, however many messages one brings.
        let now = Instant::now();
        raw.on_time(now);
        arrivals.wake().fall_asleep();
        let has_news = !arrivals.is_empty() || arrivals.orders() != orders;
        let at_most = if has_news { Some(Duration::ZERO) } else { raw.patience(now) };
        let waited = raw.wait(at_most);
        arrivals.wake().wake_up();
        if let Err(error) = waited {
            #[expect(clippy::panic, reason = "a shard without its kernel side can neither serve nor end its clients")]
            {
                panic!("cannot wait for connections: {error}");
            }
        }
    }
}

/// Connections taken over between two waits.
const ARRIVALS_A_TURN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Log;
    use crate::relay::End;

    struct Nobody;

    impl Owner for Nobody {
        fn ended(self, _: End) {}
    }

    /// Each order comes a little later, so that some come just when the thread is about to fall asleep.
    #[test]
    fn no_order_is_slept_through() {
        for engine in [Engine::Epoll, Engine::IoUring] {
            for round in 0..1000_u32 {
                let tally = Tally::new(Arc::default(), Log::queue().0);
                let parts = Parts { number: 0, core: None, engine, tap: None, tally };
                let (relay, relaying) = start::<Nobody>(parts).unwrap();
                for _ in 0..round % 200 {
                    std::hint::spin_loop();
                }
                relay.close();
                let deadline = Instant::now() + Duration::from_secs(10);
                while !relaying.thread.is_finished() {
                    assert!(Instant::now() < deadline, "{engine:?}");
                    std::thread::yield_now();
                }
                relaying.join();
            }
        }
    }
}
