//! From the shards to the decoder: two bounded lock-free queues a shard, and a budget of bytes.
//!
//! A shard copies what a sampled connection carries and goes on. It never waits: a queue without room, or a budget that is
//! used up, ends the sample of that connection, which is marked and counted. The traffic notices nothing.
//!
//! ```text
//!   shard 0, front ── Sample::copy ──► queue ─┐
//!              │ Paused                       ├─► Outlet ─┐
//!   shard 0, relay ── Sample::copy ──► queue ─┘           ├─► reader thread ─► Observer
//!   shard 1, …                                  Outlet ───┘
//! ```
//!
//! A connection is copied by the front of its shard until it is handed over, and by the relay from then on; a [`Sample`]
//! is held by one thread at a time and crosses between them as [`Paused`]. Each thread has a queue of its own, since a
//! queue takes pieces from one thread only. Still the pieces of a connection come out in their order, because an
//! [`Outlet`] goes round by round, and in each
//!
//! 1. looks how many pieces the relay's queue holds, and only then how many the front's does,
//! 2. takes those of the front, and then those of the relay.
//!
//! What the front pushed of a connection was pushed before the hand-over, and the hand-over happened before the relay's
//! first push. So a look that sees a piece of the relay (it acquires what the push released) is followed by one that sees
//! all of the front's pieces of that connection. The other order of looks would miss those pushed in between. A round
//! is what was there when it began: neither queue can keep the other one waiting, however fast it fills.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread::Thread;
use std::time::SystemTime;

use super::budget::Budget;
use super::event::Direction;
use crate::limits;
use crate::log::{ConnectionId, Summary};

/// What goes through a queue.
#[derive(Debug)]
pub enum Piece {
    /// A sample begins.
    Begin(Arc<Label>),
    /// Bytes of a sampled connection.
    Bytes {
        /// Whose.
        of: Arc<Label>,
        /// Which way they went.
        direction: Direction,
        /// When they passed.
        at: SystemTime,
        /// They themselves; shared, so that several may look at them.
        bytes: Arc<[u8]>,
    },
    /// The connection has ended, and so has its sample.
    End {
        /// Whose.
        of: Arc<Label>,
        /// What is known of it now.
        summary: Box<Summary>,
    },
}

/// Which connection a piece is of.
#[derive(Debug)]
pub struct Label {
    /// The connection.
    pub id: ConnectionId,
    /// The other end of the TCP connection, in words.
    pub peer: String,
    /// The sample has been ended: bytes behind this point are missing.
    lost: AtomicBool,
}

impl Label {
    /// Whether bytes of the connection are missing from here on.
    pub fn is_lost(&self) -> bool {
        // Relaxed: what was queued before is read in the queue's own order; this only says that nothing follows.
        self.lost.load(Ordering::Relaxed)
    }
}

/// A thread's end of its queue.
#[derive(Debug)]
pub struct Tap {
    queue: RefCell<rtrb::Producer<Piece>>,
    budget: Arc<Budget>,
    reader: Thread,
}

/// The reader's end of a shard's queues.
#[derive(Debug)]
pub struct Outlet {
    front: rtrb::Consumer<Piece>,
    relay: rtrb::Consumer<Piece>,
    /// What is still to be taken from each in this round.
    due: Due,
    budget: Arc<Budget>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Due {
    front: usize,
    relay: usize,
}

/// The ends of a shard's two queues before they know each other's threads: the front's, the relay's, and the reader's.
pub fn queues(budget: &Arc<Budget>) -> (rtrb::Producer<Piece>, rtrb::Producer<Piece>, Outlet) {
    let (to_front, front) = rtrb::RingBuffer::new(limits::TAP_QUEUE_PIECES);
    let (to_relay, relay) = rtrb::RingBuffer::new(limits::TAP_QUEUE_PIECES);
    (to_front, to_relay, Outlet { front, relay, due: Due::default(), budget: Arc::clone(budget) })
}

impl Tap {
    /// The end of the thread that `queue` belongs to; `reader` is woken when it sleeps.
    pub fn new(queue: rtrb::Producer<Piece>, budget: Arc<Budget>, reader: Thread) -> Tap {
        Tap { queue: RefCell::new(queue), budget, reader }
    }

    /// Begins the sample of a connection; `None` if there is no room even for that.
    pub fn begin(self: &Rc<Self>, id: ConnectionId, peer: String) -> Option<Sample> {
        if self.budget.is_closed() {
            return None;
        }
        let label = Arc::new(Label { id, peer, lost: AtomicBool::new(false) });
        self.budget.count_sampled();
        let sample = Sample { label, tap: Rc::clone(self) };
        if self.push(Piece::Begin(Arc::clone(&sample.label)), RESERVED_PIECES).is_err() {
            sample.lose();
            return None;
        }
        Some(sample)
    }

    /// Goes on with a sample that another thread began; what is copied from now on goes through this queue.
    pub fn resume(self: &Rc<Self>, paused: Paused) -> Sample {
        Sample { label: paused.label, tap: Rc::clone(self) }
    }

    /// Pushes; gives the piece back if fewer than `reserve` slots would remain or nobody would take it.
    fn push(&self, piece: Piece, reserve: usize) -> Result<(), Piece> {
        let mut queue = self.queue.borrow_mut();
        if queue.is_abandoned() || queue.slots() <= reserve {
            return Err(piece);
        }
        queue.push(piece).map_err(|rtrb::PushError::Full(piece)| piece)?;
        // A fence, here and where the reader falls asleep: either it sees the piece, or this sees it asleep. Without
        // one, the load may overtake the store that publishes the piece.
        fence(Ordering::SeqCst);
        if self.budget.asleep.load(Ordering::Relaxed) {
            self.reader.unpark();
        }
        Ok(())
    }
}

/// The sample of one connection. Whoever carries its bytes copies them in here.
#[derive(Debug)]
pub struct Sample {
    label: Arc<Label>,
    tap: Rc<Tap>,
}

/// A sample on its way to another thread of its shard. Dropping it ends the sample, as dropping a [`Sample`] does.
#[derive(Debug)]
pub struct Paused {
    label: Arc<Label>,
}

impl Sample {
    /// Lets go of this thread's queue, so that another thread can [resume](Tap::resume) the sample.
    pub fn pause(self) -> Paused {
        Paused { label: self.label }
    }

    /// Copies bytes that pass in `direction`; none once the sample is lost.
    pub fn copy(&self, direction: Direction, bytes: &[u8]) {
        if bytes.is_empty() || self.label.is_lost() {
            return;
        }
        let budget = &self.tap.budget;
        if budget.is_closed() || !budget.take(bytes.len()) {
            return self.lose();
        }
        let of = Arc::clone(&self.label);
        let piece = Piece::Bytes { of, direction, at: SystemTime::now(), bytes: Arc::from(bytes) };
        if self.tap.push(piece, RESERVED_PIECES).is_err() {
            budget.give_back(bytes.len());
            self.lose();
        }
    }

    /// The connection has ended: its summary goes behind its bytes, and the reader logs it after them.
    ///
    /// # Errors
    ///
    /// The summary, if even the reserve is used up or nobody reads: it is the caller's to log. The reader notices later
    /// that nobody holds the label.
    pub fn end(&self, summary: Box<Summary>) -> Result<(), Box<Summary>> {
        let of = Arc::clone(&self.label);
        match self.tap.push(Piece::End { of, summary }, 0) {
            Err(Piece::End { summary, .. }) => Err(summary),
            Ok(()) | Err(Piece::Begin(_) | Piece::Bytes { .. }) => Ok(()),
        }
    }

    fn lose(&self) {
        if !self.label.lost.swap(true, Ordering::Relaxed) {
            self.tap.budget.count_lost();
        }
    }
}

impl Outlet {
    /// Takes the next piece.
    pub fn pop(&mut self) -> Option<Piece> {
        if self.due.front == 0 && self.due.relay == 0 {
            // The relay's first, see above. rtrb acquires here what the push has released.
            self.due.relay = self.relay.slots();
            self.due.front = self.front.slots();
        }
        let (queue, due) = if self.due.front > 0 {
            (&mut self.front, &mut self.due.front)
        } else {
            (&mut self.relay, &mut self.due.relay)
        };
        *due = due.checked_sub(1)?;
        let piece = queue.pop().ok()?;
        self.budget.count_read(if let Piece::Bytes { bytes, .. } = &piece { bytes.len() } else { 0 });
        Some(piece)
    }

    /// Whether both threads are gone and nothing is left.
    pub fn is_finished(&self) -> bool {
        self.front.is_abandoned() && self.relay.is_abandoned() && self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.front.is_empty() && self.relay.is_empty()
    }
}

/// Lets the calling thread sleep until a piece is queued, or `at_most` has passed.
pub fn sleep(budget: &Budget, outlets: &[Outlet], at_most: std::time::Duration) {
    budget.asleep.store(true, Ordering::Relaxed);
    fence(Ordering::SeqCst);
    if outlets.iter().all(Outlet::is_empty) {
        std::thread::park_timeout(at_most);
    }
    budget.asleep.store(false, Ordering::Relaxed);
}

/// Slots of a queue that bytes leave to beginnings and ends.
const RESERVED_PIECES: usize = limits::TAP_QUEUE_PIECES / 8;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::tap::budget::TapCounts;

    /// The taps of a front and of a relay, both on this thread.
    fn taps(bytes_max: usize) -> ([Rc<Tap>; 2], Outlet, Arc<Budget>) {
        let budget = Budget::new(bytes_max);
        let (front, relay, outlet) = queues(&budget);
        let tap = |producer| Rc::new(Tap::new(producer, Arc::clone(&budget), std::thread::current()));
        ([tap(front), tap(relay)], outlet, budget)
    }

    fn tap(bytes_max: usize) -> (Rc<Tap>, Outlet, Arc<Budget>) {
        let ([front, _], outlet, budget) = taps(bytes_max);
        (front, outlet, budget)
    }

    fn id(number: u64) -> ConnectionId {
        ConnectionId { shard: 0, number }
    }

    #[test]
    fn pieces_come_out_in_order() {
        let (tap, mut outlet, budget) = tap(1000);
        let sample = tap.begin(id(1), "10.0.0.1:1".to_owned()).unwrap();
        sample.copy(Direction::ToBackend, b"ab");
        sample.copy(Direction::ToClient, b"");
        sample.copy(Direction::ToClient, b"c");
        assert!(matches!(outlet.pop(), Some(Piece::Begin(label)) if label.id == id(1)));
        let Some(Piece::Bytes { direction: Direction::ToBackend, bytes, .. }) = outlet.pop() else { panic!() };
        assert_eq!(&*bytes, b"ab");
        let Some(Piece::Bytes { direction: Direction::ToClient, bytes, .. }) = outlet.pop() else { panic!() };
        assert_eq!(&*bytes, b"c");
        assert!(outlet.pop().is_none());
        assert_eq!(budget.counts(), TapCounts { sampled: 1, lost: 0 });
        assert!(!outlet.is_finished());
        drop((sample, tap));
        assert!(outlet.is_finished());
    }

    #[test]
    fn a_used_up_budget_ends_the_sample_and_reading_frees_it() {
        let (tap, mut outlet, budget) = tap(10);
        let one = tap.begin(id(1), String::new()).unwrap();
        let two = tap.begin(id(2), String::new()).unwrap();
        one.copy(Direction::ToBackend, &[0; 8]);
        two.copy(Direction::ToBackend, &[0; 3]);
        two.copy(Direction::ToBackend, &[0; 1]);
        assert!(two.label.is_lost() && !one.label.is_lost());
        assert_eq!(budget.counts(), TapCounts { sampled: 2, lost: 1 });
        while outlet.pop().is_some() {}
        one.copy(Direction::ToBackend, &[0; 10]);
        assert!(!one.label.is_lost());
    }

    #[test]
    fn a_full_queue_ends_the_sample_but_keeps_room_for_its_end() {
        let (tap, mut outlet, budget) = tap(usize::MAX);
        let sample = tap.begin(id(1), String::new()).unwrap();
        for _ in 0..limits::TAP_QUEUE_PIECES {
            sample.copy(Direction::ToBackend, b"x");
        }
        assert!(sample.label.is_lost());
        assert_eq!(budget.counts().lost, 1);
        assert!(tap.begin(id(2), String::new()).is_none(), "beginnings leave the reserve to ends");
        assert!(sample.end(summary(1)).is_ok());
        let mut count = 0;
        while outlet.pop().is_some() {
            count += 1;
        }
        assert_eq!(count, limits::TAP_QUEUE_PIECES - RESERVED_PIECES + 1);
    }

    #[test]
    fn without_a_reader_nothing_is_sampled() {
        let (tap, _outlet, budget) = tap(1000);
        let sample = tap.begin(id(1), String::new()).unwrap();
        budget.close();
        sample.copy(Direction::ToBackend, b"x");
        assert!(sample.label.is_lost());
        assert!(tap.begin(id(2), String::new()).is_none());
    }

    #[test]
    fn a_summary_that_nobody_takes_is_given_back() {
        let (tap, outlet, _budget) = tap(1000);
        let sample = tap.begin(id(1), String::new()).unwrap();
        drop(outlet);
        assert_eq!(sample.end(summary(1)).unwrap_err().id, id(1));
    }

    fn summary(number: u64) -> Box<Summary> {
        Box::new(Summary::new(id(number), String::new(), None))
    }

    /// What a piece is, in a word.
    fn note(piece: Piece) -> (u64, String) {
        match piece {
            Piece::Begin(label) => (label.id.number, "begin".to_owned()),
            Piece::Bytes { of, bytes, .. } => (of.id.number, String::from_utf8_lossy(&bytes).into_owned()),
            Piece::End { of, .. } => (of.id.number, "end".to_owned()),
        }
    }

    #[test]
    fn a_queue_that_fills_does_not_keep_the_other_one_waiting() {
        let ([front, relay], mut outlet, _budget) = taps(1000);
        let sample = relay.resume(front.begin(id(1), String::new()).unwrap().pause());
        sample.copy(Direction::ToClient, b"relayed");
        assert_eq!(note(outlet.pop().unwrap()), (1, "begin".to_owned()));
        let next = front.begin(id(2), String::new()).unwrap();
        sample.copy(Direction::ToClient, b"more");
        assert_eq!(note(outlet.pop().unwrap()), (1, "relayed".to_owned()));
        assert_eq!(note(outlet.pop().unwrap()), (2, "begin".to_owned()));
        assert_eq!(note(outlet.pop().unwrap()), (1, "more".to_owned()));
        assert!(outlet.pop().is_none());
        drop((next, front));
        assert!(!outlet.is_finished());
        drop((sample, relay));
        assert!(outlet.is_finished());
    }

    #[test]
    fn a_full_queue_of_the_relay_ends_the_sample() {
        let ([front, relay], mut outlet, budget) = taps(usize::MAX);
        let sample = relay.resume(front.begin(id(1), String::new()).unwrap().pause());
        for _ in 0..limits::TAP_QUEUE_PIECES {
            sample.copy(Direction::ToBackend, b"x");
        }
        assert!(sample.label.is_lost());
        assert_eq!(budget.counts(), TapCounts { sampled: 1, lost: 1 });
        assert!(sample.end(summary(1)).is_ok());
        assert!(front.begin(id(2), String::new()).is_some(), "the front's queue has room");
        let notes: Vec<_> = std::iter::from_fn(|| outlet.pop()).map(note).collect();
        assert_eq!(notes[..2], [(1, "begin".to_owned()), (2, "begin".to_owned())]);
        assert_eq!(notes.len(), 2 + limits::TAP_QUEUE_PIECES - RESERVED_PIECES + 1);
        assert_eq!(notes.last(), Some(&(1, "end".to_owned())));
    }

    #[test]
    fn what_two_threads_copy_comes_out_in_the_order_of_each_connection() {
        let budget = Budget::new(usize::MAX);
        let (front, relay, mut outlet) = queues(&budget);
        let tap = |producer| Tap::new(producer, Arc::clone(&budget), std::thread::current());
        let (front, relay) = (tap(front), tap(relay));
        let (hand_over, handed_over) = std::sync::mpsc::channel();
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut shown: HashMap<u64, Vec<String>> = HashMap::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let front = Rc::new(front);
                for number in 0..CONNECTIONS {
                    // Neither queue ever holds more than the pieces that are not read yet.
                    while number * 6 > budget.pieces_read() + 1000 {
                        assert!(Instant::now() < deadline);
                        std::thread::yield_now();
                    }
                    let sample = front.begin(id(number), String::new()).unwrap();
                    sample.copy(Direction::ToBackend, b"1");
                    sample.copy(Direction::ToBackend, b"2");
                    hand_over.send((number, sample.pause())).unwrap();
                }
                drop(hand_over);
            });
            scope.spawn(|| {
                let relay = Rc::new(relay);
                for (number, paused) in handed_over {
                    let sample = relay.resume(paused);
                    sample.copy(Direction::ToClient, b"3");
                    sample.copy(Direction::ToClient, b"4");
                    sample.end(summary(number)).unwrap();
                }
            });
            while !outlet.is_finished() {
                while let Some((number, note)) = outlet.pop().map(note) {
                    shown.entry(number).or_default().push(note);
                }
            }
        });
        assert_eq!(budget.counts(), TapCounts { sampled: CONNECTIONS, lost: 0 });
        assert_eq!(shown.len() as u64, CONNECTIONS);
        for (number, notes) in shown {
            assert_eq!(notes, ["begin", "1", "2", "3", "4", "end"], "{number}");
        }
    }

    const CONNECTIONS: u64 = 20_000;
}
