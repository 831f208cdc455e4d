//! A shard: one core, its own listening sockets and its own connections, and two threads.
//!
//! The front, the thread `shard-N`, sets connections up and hands them to the relay, the thread `relay-N`.
//!
//! Shards share nothing but the configuration, which does not change, and the log's queue. The kernel deals new
//! connections out to the listening sockets of an address (`SO_REUSEPORT`), and a connection stays where it was accepted.

mod bind;
mod listener;

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

pub use bind::{BindError, Bound, BoundAddress, bind};

use crate::config::Config;
use crate::connection::{Context, Ledger};
use crate::log::{Counters, Log, Tally};
use crate::relay::{self, Relay, Relaying};
use crate::sys::acceptor::Acceptor;
use crate::sys::cpu::{self, CoreId};
use crate::sys::runtime::{self, Engine, Runtime};
use crate::tap::queue::Tap;

/// What a shard is to do. It only ever goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Orders {
    /// Serve.
    Serve,
    /// Accept nothing new; let connections finish.
    Drain,
    /// End every connection.
    Stop,
}

/// What a shard is made of.
#[derive(Debug)]
pub struct Parts {
    /// Its number, from 0.
    pub number: usize,
    /// The CPU it is pinned to; `None`: it is not.
    pub core: Option<CoreId>,
    /// What it waits with.
    pub engine: Engine,
    /// Shared by all shards.
    pub config: Arc<Config>,
    /// Its listening sockets, each with the index of its listener in the configuration.
    pub listeners: Vec<(usize, socket2::Socket)>,
    /// Where its lines go.
    pub log: Log,
    /// Its counts.
    pub counters: Arc<Counters>,
    /// Its front's end of the queues to the decoder, if anything is sampled.
    pub tap: Option<Tap>,
    /// Its relay's end of them.
    pub relay_tap: Option<Tap>,
    /// What it is to do.
    pub orders: watch::Receiver<Orders>,
    /// Gets the outcome of the start: whether the runtime could be set up.
    pub started: SyncSender<io::Result<()>>,
}

/// Starts the shard's thread.
///
/// # Errors
///
/// If the thread cannot be started. Whether the runtime can be set up is told through [`Parts::started`].
pub fn start(parts: Parts) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("{THREAD_NAME}{}", parts.number)).spawn(move || run(parts))
}

/// How the names of shards' threads begin.
pub const THREAD_NAME: &str = "shard-";

fn run(mut parts: Parts) {
    // A shard that is not pinned works, too; the scheduler decides then.
    if let Some(core) = parts.core {
        cpu::pin(core);
    }
    let Parts { number, core, engine, relay_tap, counters, log, .. } = &mut parts;
    let tally = Tally::new(Arc::clone(counters), log.clone());
    let of_relay = relay::Parts { number: *number, core: *core, engine: *engine, tap: relay_tap.take(), tally };
    let set_up = Runtime::new(*engine).and_then(|runtime| Ok((runtime, relay::start(of_relay)?)));
    let (runtime, (relay, mut relaying)) = match set_up {
        Ok(set_up) => set_up,
        Err(error) => return report(&parts.started, Err(error)),
    };
    report(&parts.started, Ok(()));
    runtime.block_on(serve(parts, relay, &mut relaying));
    relaying.join();
}

/// Whoever started the shard may have given up waiting; that changes nothing here.
fn report(started: &SyncSender<io::Result<()>>, outcome: io::Result<()>) {
    drop(started.send(outcome));
}

async fn serve(parts: Parts, relay: Relay<Ledger>, relaying: &mut Relaying) {
    let Parts { number, config, listeners, log, counters, tap, mut orders, .. } = parts;
    let context = Rc::new(Context::new(config, number, log, counters, tap, relay));
    let waking = Rc::clone(&context);
    // Ends with the runtime.
    drop(runtime::spawn(async move { waking.relay.wake_in_turn().await }));
    let mut accepting = Vec::new();
    for (index, socket) in listeners {
        if let Ok(acceptor) = Acceptor::new(socket) {
            accepting.push(runtime::spawn(listener::serve(acceptor, index, Rc::clone(&context), orders.clone())));
        }
    }
    reached(&mut orders, Orders::Drain).await;
    for listener in accepting {
        // They empty their queues first, and what was in them is to be waited for. A panic has ended the process.
        drop(listener.await);
    }
    // Only now: who is told to connect anew is not to do so here. A listener takes no time to end.
    context.drain();
    context.relay.drain();
    tokio::select! {
        () = drained(&context) => {}
        () = reached(&mut orders, Orders::Stop) => {
            // First, as what follows may take a while. What is handed over later is ended, too.
            context.relay.stop();
            stop(&context).await;
        }
    }
    context.relay.close();
    tokio::select! {
        () = relaying.ended() => {}
        () = reached(&mut orders, Orders::Stop) => context.relay.stop(),
    }
}

/// Waits until the orders are at least `wanted`. A proxy that is gone without a word wants its shards to end.
async fn reached(orders: &mut watch::Receiver<Orders>, wanted: Orders) {
    drop(orders.wait_for(|orders| *orders >= wanted).await);
}

async fn drained(context: &Context) {
    while context.open() > 0 {
        context.ended.notified().await;
    }
}

/// Ends every connection. One that is just being handed over does not hear the first call, so it is repeated; one that
/// is saying its last words is given the time it may take for that.
async fn stop(context: &Context) {
    let all_ended = async {
        while context.open() > 0 {
            context.stop.notify_waiters();
            drop(tokio::time::timeout(CALL_AGAIN, context.ended.notified()).await);
        }
    };
    drop(tokio::time::timeout(crate::limits::DISCARD_DEADLINE + Duration::from_secs(1), all_ended).await);
}

const CALL_AGAIN: Duration = Duration::from_millis(20);
