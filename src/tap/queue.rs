//! From the shards to the decoder: one bounded lock-free queue a shard, and a budget of bytes.
//!
//! A shard copies what a sampled connection carries and goes on. It never waits: a queue without room, or a budget that is
//! used up, ends the sample of that connection, which is marked and counted. The traffic notices nothing.
//!
//! ```text
//!   shard 0 ── Sample::copy ──► queue ─┐
//!                                      ├─► reader thread ─► Observer
//!   shard 1 ── Sample::copy ──► queue ─┘
//! ```

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::thread::Thread;
use std::time::SystemTime;

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

/// What all queues share: how full they are, and who reads them.
#[derive(Debug)]
pub struct Budget {
    bytes_max: usize,
    bytes: AtomicUsize,
    sampled: AtomicU64,
    lost: AtomicU64,
    read: AtomicU64,
    asleep: AtomicBool,
    closed: AtomicBool,
}

/// How many connections were sampled, and how many samples were ended early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapCounts {
    /// Samples begun.
    pub sampled: u64,
    /// Samples ended because a queue was full or nobody reads any more.
    pub lost: u64,
}

impl Budget {
    /// A budget of `bytes_max` bytes in all queues together.
    pub fn new(bytes_max: usize) -> Arc<Budget> {
        Arc::new(Budget {
            bytes_max,
            bytes: AtomicUsize::new(0),
            sampled: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            read: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        })
    }

    /// The counts up to now.
    pub fn counts(&self) -> TapCounts {
        TapCounts { sampled: self.sampled.load(Ordering::Relaxed), lost: self.lost.load(Ordering::Relaxed) }
    }

    /// Pieces taken out of the queues up to now: while they grow, the reader is at work.
    pub fn pieces_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Nobody reads any more: samples end, and none begins.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn take(&self, bytes: usize) -> bool {
        // Relaxed: the number guards no memory; the queue publishes the bytes.
        let taken = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if taken.saturating_add(bytes) > self.bytes_max {
            self.give_back(bytes);
            return false;
        }
        true
    }

    fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A shard's end of its queue.
#[derive(Debug)]
pub struct Tap {
    queue: RefCell<rtrb::Producer<Piece>>,
    budget: Arc<Budget>,
    reader: Thread,
}

/// The reader's end of a shard's queue.
#[derive(Debug)]
pub struct Outlet {
    queue: rtrb::Consumer<Piece>,
    budget: Arc<Budget>,
}

/// The two ends of a queue before they know each other's threads.
pub fn queue(budget: &Arc<Budget>) -> (rtrb::Producer<Piece>, Outlet) {
    let (producer, consumer) = rtrb::RingBuffer::new(limits::TAP_QUEUE_PIECES);
    (producer, Outlet { queue: consumer, budget: Arc::clone(budget) })
}

impl Tap {
    /// The end of the shard that `queue` belongs to; `reader` is woken when it sleeps.
    pub fn new(queue: rtrb::Producer<Piece>, budget: Arc<Budget>, reader: Thread) -> Tap {
        Tap { queue: RefCell::new(queue), budget, reader }
    }

    /// Begins the sample of a connection; `None` if there is no room even for that.
    pub fn begin(self: &Rc<Self>, id: ConnectionId, peer: String) -> Option<Sample> {
        if self.budget.closed.load(Ordering::Relaxed) {
            return None;
        }
        let label = Arc::new(Label { id, peer, lost: AtomicBool::new(false) });
        self.budget.sampled.fetch_add(1, Ordering::Relaxed);
        let sample = Sample { label, tap: Rc::clone(self) };
        if self.push(Piece::Begin(Arc::clone(&sample.label)), RESERVED_PIECES).is_err() {
            sample.lose();
            return None;
        }
        Some(sample)
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

impl Sample {
    /// Copies bytes that pass in `direction`; none once the sample is lost.
    pub fn copy(&self, direction: Direction, bytes: &[u8]) {
        if bytes.is_empty() || self.label.is_lost() {
            return;
        }
        let budget = &self.tap.budget;
        if budget.closed.load(Ordering::Relaxed) || !budget.take(bytes.len()) {
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
            self.tap.budget.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Outlet {
    /// Takes the next piece.
    pub fn pop(&mut self) -> Option<Piece> {
        let piece = self.queue.pop().ok()?;
        self.budget.read.fetch_add(1, Ordering::Relaxed);
        if let Piece::Bytes { bytes, .. } = &piece {
            self.budget.give_back(bytes.len());
        }
        Some(piece)
    }

    /// Whether the shard is gone and nothing is left.
    pub fn is_finished(&self) -> bool {
        self.queue.is_abandoned() && self.queue.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.queue.is_empty()
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

/// Slots that bytes leave to beginnings and ends.
const RESERVED_PIECES: usize = limits::TAP_QUEUE_PIECES / 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn tap(bytes_max: usize) -> (Rc<Tap>, Outlet, Arc<Budget>) {
        let budget = Budget::new(bytes_max);
        let (producer, outlet) = queue(&budget);
        (Rc::new(Tap::new(producer, Arc::clone(&budget), std::thread::current())), outlet, budget)
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
        assert!(sample.end(Box::new(Summary::new(id(1), String::new(), None))).is_ok());
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
        let summary = Box::new(Summary::new(id(1), String::new(), None));
        assert_eq!(sample.end(summary).unwrap_err().id, id(1));
    }
}
