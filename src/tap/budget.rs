//! How much may wait in all queues together, and what is counted of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// What all queues share: how full they are, and who reads them.
#[derive(Debug)]
pub struct Budget {
    bytes_max: usize,
    bytes: AtomicUsize,
    sampled: AtomicU64,
    lost: AtomicU64,
    read: AtomicU64,
    /// Whether the reader sleeps and wants to be woken.
    pub(super) asleep: AtomicBool,
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

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Counts a sample that has begun.
    pub(super) fn count_sampled(&self) {
        self.sampled.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a sample that was ended early.
    pub(super) fn count_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a piece that was taken out, and gives the bytes in it back.
    pub(super) fn count_read(&self, bytes: usize) {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.give_back(bytes);
    }

    /// Takes so many bytes out of the budget; `false` if there are not as many in it.
    pub(super) fn take(&self, bytes: usize) -> bool {
        // Relaxed: the number guards no memory; the queue publishes the bytes.
        let taken = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if taken.saturating_add(bytes) > self.bytes_max {
            self.give_back(bytes);
            return false;
        }
        true
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
