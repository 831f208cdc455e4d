//! A listener's accept loop on one shard.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Orders;
use crate::connection::{self, Accepted, Context};
use crate::limits;
use crate::log::Notice;
use crate::sys::acceptor::Acceptor;

/// Accepts until the orders say otherwise, and then what is queued already: closing a listening socket resets the
/// connections in its queue, and with `SO_REUSEPORT` no other socket takes them over.
pub(super) async fn serve(acceptor: Acceptor, index: usize, context: Rc<Context>, mut orders: watch::Receiver<Orders>) {
    let mut trouble = Trouble::default();
    loop {
        // A relay that is behind gets no more work: new connections are better off in the kernel's queue.
        let is_congested = context.relay.is_full();
        let at_most = if is_congested { 0 } else { limits::ACCEPT_TURN };
        let outcome = accept_some(&acceptor, index, &context, at_most);
        let wait = async {
            match outcome {
                Ok(()) => {
                    trouble.over();
                    // Also after a full turn: the open connections' waits reach the kernel when the thread parks.
                    if is_congested || acceptor.ready().await.is_err() {
                        tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                    }
                }
                Err(error) => {
                    let name = &context.listener(index).name;
                    if let Some(times) = trouble.worth_telling() {
                        let error = error.to_string();
                        context.log.notice(Notice::AcceptFailed { listener: name.clone(), error, times });
                    }
                    tokio::time::sleep(trouble.pause()).await;
                }
            }
        };
        tokio::select! {
            () = wait => {}
            _ = orders.wait_for(|orders| *orders >= Orders::Drain) => {
                // No more than a queue holds: others may be connecting all the time.
                drop(accept_some(&acceptor, index, &context, limits::LISTEN_BACKLOG.unsigned_abs()));
                return;
            }
        }
    }
}

/// Accepts what is queued, up to `at_most` connections.
fn accept_some(acceptor: &Acceptor, index: usize, context: &Rc<Context>, at_most: u32) -> io::Result<()> {
    for _ in 0..at_most {
        match acceptor.accept() {
            Ok(Some((socket, peer))) => {
                let local = acceptor.local();
                connection::start(Accepted { socket, peer, local, listener: index }, context);
            }
            Ok(None) => return Ok(()),
            Err(error) if is_shortage(&error) => return Err(error),
            // A client that has left already, or an error of its network that accept(2) passes on: not ours to keep.
            Err(_) => {}
        }
    }
    Ok(())
}

/// Whether accepting cannot work until something is freed: trying again at once would spin.
fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

/// Failures to accept: how long to pause, and which to tell of.
#[derive(Default)]
struct Trouble {
    pause: Duration,
    untold: u64,
    told: Option<Instant>,
}

impl Trouble {
    fn over(&mut self) {
        self.pause = Duration::ZERO;
    }

    /// The next pause: doubled each time, up to a second.
    fn pause(&mut self) -> Duration {
        self.pause = (self.pause * 2).clamp(limits::ACCEPT_PAUSE, limits::ACCEPT_PAUSE_LONGEST);
        self.pause
    }

    /// Counts a failure; the number to tell of, at most every ten seconds.
    fn worth_telling(&mut self) -> Option<u64> {
        self.untold += 1;
        if self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return None;
        }
        self.told = Some(Instant::now());
        Some(std::mem::take(&mut self.untold))
    }
}

const TELL_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_and_start_anew() {
        let mut trouble = Trouble::default();
        let pauses: Vec<u128> = (0..9).map(|_| trouble.pause().as_millis()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        trouble.over();
        assert_eq!(trouble.pause().as_millis(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_is_told_of_every_ten_seconds() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.worth_telling(), Some(1));
        assert_eq!(trouble.worth_telling(), None);
        assert_eq!(trouble.worth_telling(), None);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(trouble.worth_telling(), Some(3));
    }

    #[test]
    fn only_shortages_pause() {
        for errno in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
            assert!(is_shortage(&io::Error::from_raw_os_error(errno)));
        }
        for errno in [libc::ECONNABORTED, libc::EINTR, libc::EPROTO, libc::EPERM] {
            assert!(!is_shortage(&io::Error::from_raw_os_error(errno)));
        }
    }
}
