//! The reader's thread: takes pieces from all queues and shows them to an observer, connection by connection.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use super::budget::Budget;
use super::event::Direction;
use super::queue::{Label, Outlet, Piece, sleep};
use crate::log::{ConnectionId, Log, Summary};

/// Someone who is shown what sampled connections carry.
pub trait Observer: Send {
    /// A sample begins.
    fn begin(&mut self, label: &Label);

    /// Bytes passed, in the order in which they passed in their direction.
    fn bytes(&mut self, label: &Label, direction: Direction, at: SystemTime, bytes: &[u8]);

    /// Bytes behind those shown so far are missing; no more are shown of this connection.
    fn lost(&mut self, label: &Label);

    /// The connection has ended; without a summary if even that was lost.
    fn end(&mut self, label: &Label, summary: Option<&Summary>);

    /// Whether there is any use in going on. Once it is not, sampling ends; the traffic does not.
    fn is_open(&self) -> bool;
}

/// Starts the thread. It ends when the shards are gone and everything they queued was shown. The summary of a sampled
/// connection goes to `log` once the observer has been told of its end, so that it stands behind the sample there.
///
/// # Errors
///
/// If the thread cannot be started.
pub fn start(
    outlets: Vec<Outlet>,
    budget: Arc<Budget>,
    log: Log,
    observer: Box<dyn Observer>,
) -> io::Result<JoinHandle<()>> {
    let reader = Reader { outlets, budget, log, observer, live: HashMap::new() };
    std::thread::Builder::new().name("tap".to_owned()).spawn(move || reader.run())
}

struct Reader {
    outlets: Vec<Outlet>,
    budget: Arc<Budget>,
    log: Log,
    observer: Box<dyn Observer>,
    live: HashMap<ConnectionId, Live>,
}

struct Live {
    label: Arc<Label>,
    told_lost: bool,
}

impl Reader {
    fn run(mut self) {
        loop {
            let mut read = 0;
            for index in 0..self.outlets.len() {
                // A turn for each shard: a busy one must not keep another's pieces waiting until its queues are full.
                for _ in 0..PIECES_A_TURN {
                    let Some(piece) = self.outlets.get_mut(index).and_then(Outlet::pop) else { break };
                    self.show(piece);
                    read += 1;
                }
            }
            if !self.observer.is_open() {
                self.budget.close();
            }
            if read == 0 {
                // Asked before the sweep: once the shards are gone, the sweep sees the last of their samples end.
                let is_finished = self.outlets.iter().all(Outlet::is_finished);
                self.sweep();
                if is_finished {
                    return;
                }
                sleep(&self.budget, &self.outlets, SWEEP_EVERY);
            }
        }
    }

    fn show(&mut self, piece: Piece) {
        match piece {
            Piece::Begin(label) => {
                self.tell(|observer| observer.begin(&label));
                self.live.insert(label.id, Live { label, told_lost: false });
            }
            Piece::Bytes { of, direction, at, bytes } => {
                // What was queued while the loss was told comes too late.
                if self.live.get(&of.id).is_some_and(|live| !live.told_lost) {
                    self.tell(|observer| observer.bytes(&of, direction, at, &bytes));
                }
            }
            Piece::End { of, summary } => {
                if self.live.remove(&of.id).is_some_and(|live| of.is_lost() && !live.told_lost) {
                    self.tell(|observer| observer.lost(&of));
                }
                self.tell(|observer| observer.end(&of, Some(&summary)));
                self.log.summary(summary);
            }
        }
    }

    /// With the queues empty, nothing of a lost sample is still to come; and one that nobody holds any more has ended
    /// without room to say so.
    fn sweep(&mut self) {
        let mut live = std::mem::take(&mut self.live);
        live.retain(|_, live| {
            if live.label.is_lost() && !live.told_lost {
                self.tell(|observer| observer.lost(&live.label));
                live.told_lost = true;
            }
            let is_held = Arc::strong_count(&live.label) > 1;
            if !is_held {
                self.tell(|observer| observer.end(&live.label, None));
            }
            is_held
        });
        self.live = live;
    }

    /// An observer that panics is told nothing more. It costs the samples, not the summaries that wait behind them.
    fn tell(&mut self, what: impl FnOnce(&mut dyn Observer)) {
        if catch_unwind(AssertUnwindSafe(|| what(self.observer.as_mut()))).is_err() {
            self.observer = Box::new(Nobody);
        }
    }
}

/// In the place of an observer that panicked.
struct Nobody;

impl Observer for Nobody {
    fn begin(&mut self, _label: &Label) {}

    fn bytes(&mut self, _label: &Label, _direction: Direction, _at: SystemTime, _bytes: &[u8]) {}

    fn lost(&mut self, _label: &Label) {}

    fn end(&mut self, _label: &Label, _summary: Option<&Summary>) {}

    fn is_open(&self) -> bool {
        false
    }
}

const PIECES_A_TURN: usize = 256;
const SWEEP_EVERY: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::Mutex;

    use super::*;
    use crate::log::Line;
    use crate::tap::queue::{Tap, queues};

    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    impl Notes {
        fn put(&self, note: String) {
            self.0.lock().unwrap().push(note);
        }

        /// Those of one connection, whose order among others is nobody's promise.
        fn of(&self, number: u64) -> Vec<String> {
            let id = id(number).to_string();
            self.0.lock().unwrap().iter().filter(|note| note.split(' ').any(|word| word == id)).cloned().collect()
        }
    }

    impl Observer for Notes {
        fn begin(&mut self, label: &Label) {
            self.put(format!("begin {}", label.id));
        }

        fn bytes(&mut self, label: &Label, direction: Direction, _at: SystemTime, bytes: &[u8]) {
            self.put(format!("{} {direction:?} {}", label.id, String::from_utf8_lossy(bytes)));
        }

        fn lost(&mut self, label: &Label) {
            self.put(format!("lost {}", label.id));
        }

        fn end(&mut self, label: &Label, summary: Option<&Summary>) {
            self.put(format!("end {} {}", label.id, summary.is_some()));
        }

        fn is_open(&self) -> bool {
            true
        }
    }

    fn id(number: u64) -> ConnectionId {
        ConnectionId { shard: 0, number }
    }

    #[test]
    fn a_sample_is_shown_from_its_beginning_to_its_end() {
        let notes = Notes::default();
        let budget = Budget::new(5);
        let (front, relay, outlet) = queues(&budget);
        let (log, lines) = Log::queue();
        let thread = start(vec![outlet], Arc::clone(&budget), log, Box::new(notes.clone())).unwrap();
        let tap = |producer| Rc::new(Tap::new(producer, Arc::clone(&budget), thread.thread().clone()));
        let (tap, relay) = (tap(front), tap(relay));
        let kept = tap.begin(id(1), String::new()).unwrap();
        kept.copy(Direction::ToBackend, b"hel");
        let kept = relay.resume(kept.pause());
        kept.copy(Direction::ToBackend, b"lo");
        kept.end(Box::new(Summary::new(id(1), String::new(), None))).unwrap();
        drop(kept);
        let lost = tap.begin(id(2), String::new()).unwrap();
        lost.copy(Direction::ToClient, b"longer than the budget");
        lost.end(Box::new(Summary::new(id(2), String::new(), None))).unwrap();
        drop(lost);
        let silent = tap.begin(id(3), String::new()).unwrap();
        let handed_to_nobody = tap.begin(id(4), String::new()).unwrap().pause();
        drop((silent, handed_to_nobody, tap, relay));
        thread.join().unwrap();
        assert_eq!(notes.of(1), ["begin 0-1", "0-1 ToBackend hel", "0-1 ToBackend lo", "end 0-1 true"]);
        assert_eq!(notes.of(2), ["begin 0-2", "lost 0-2", "end 0-2 true"]);
        assert_eq!(notes.of(3), ["begin 0-3", "end 0-3 false"]);
        assert_eq!(notes.of(4), ["begin 0-4", "end 0-4 false"]);
        let logged = lines.iter().map(|line| matches!(line, Line::Summary(summary) if summary.id.number < 3));
        assert_eq!(logged.collect::<Vec<_>>(), [true, true]);
    }

    struct Panics;

    impl Observer for Panics {
        fn begin(&mut self, _label: &Label) {
            panic!("on purpose");
        }

        fn bytes(&mut self, _label: &Label, _direction: Direction, _at: SystemTime, _bytes: &[u8]) {}

        fn lost(&mut self, _label: &Label) {}

        fn end(&mut self, _label: &Label, _summary: Option<&Summary>) {}

        fn is_open(&self) -> bool {
            true
        }
    }

    #[test]
    fn an_observer_that_panics_ends_the_sampling_and_no_summary_is_missed() {
        let budget = Budget::new(5);
        let (front, relay, outlet) = queues(&budget);
        let (log, lines) = Log::queue();
        let thread = start(vec![outlet], Arc::clone(&budget), log, Box::new(Panics)).unwrap();
        drop(relay);
        let tap = Rc::new(Tap::new(front, Arc::clone(&budget), thread.thread().clone()));
        let sample = tap.begin(id(1), String::new()).unwrap();
        sample.end(Box::new(Summary::new(id(1), String::new(), None))).unwrap();
        drop((sample, tap));
        thread.join().unwrap();
        assert_eq!(lines.iter().count(), 1);
    }
}
