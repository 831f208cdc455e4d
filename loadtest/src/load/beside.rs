//! Short connections while others are busy: how long a newcomer waits where there is work already.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use super::churn::Churn;
use super::ping_pong::{PingPong, Until};
use super::{Conditions, Outcome, Window};

/// The busy ones warm up first, so that newcomers never see a proxy at rest.
struct Started(mpsc::Sender<()>);

impl Window for Started {
    fn open(&mut self) {
        // Nobody hears it any more if the other load has failed already.
        self.0.send(()).ok();
    }

    fn close(&mut self) {}
}

/// Runs `churn` while `busy` runs, and tells what `churn` saw.
///
/// # Errors
///
/// Either of them failed.
pub fn run(
    churn: Churn,
    busy: PingPong,
    address: SocketAddr,
    conditions: Conditions,
    window: &mut dyn Window,
) -> io::Result<Outcome> {
    let stop = AtomicBool::new(false);
    let (started, is_started) = mpsc::channel();
    thread::scope(|scope| {
        let busy = scope.spawn(|| busy.run(address, conditions, Until::Stopped(&stop), &mut Started(started)));
        // It hangs up without a word if it fails before.
        let outcome = is_started.recv().map(|()| churn.run(address, conditions, window));
        // Nothing else hangs on the order in which this is seen.
        stop.store(true, Ordering::Relaxed);
        busy.join().map_err(|_| io::Error::other("the busy connections failed"))??;
        outcome.map_err(io::Error::other)?
    })
}
