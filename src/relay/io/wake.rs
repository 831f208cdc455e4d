//! How another thread ends the wait of an engine: an eventfd that is written only while the engine's thread sleeps.
//!
//! ```text
//!   other thread:  publish ── fence ── asleep?  ──yes──► write        engine's thread:  asleep = true ── fence ── anything
//!                                                                                       published? ──no──► wait
//! ```
//!
//! One of the two sees what the other has done, so nothing that was published is slept on. While the engine's thread is at
//! work, waking costs a load.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use rustix::event::{EventfdFlags, eventfd};

/// Ends the wait of one engine; shared by both threads.
#[derive(Debug)]
pub(in crate::relay) struct Wake {
    eventfd: OwnedFd,
    asleep: AtomicBool,
}

impl Wake {
    /// A wake-up for the engine that gets it.
    ///
    /// # Errors
    ///
    /// `EMFILE` or `ENFILE`: descriptors have run out.
    pub(in crate::relay) fn new() -> io::Result<Arc<Wake>> {
        let eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Arc::new(Wake { eventfd, asleep: AtomicBool::new(false) }))
    }

    /// To be called after something was published for the engine's thread; wakes it if it sleeps.
    pub(in crate::relay) fn wake(&self) {
        // A fence, here and where the thread falls asleep: either it sees what was published, or this sees it asleep.
        // Without one, the load may overtake the store that publishes.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            // It fails only if the counter is full: then the descriptor is readable, and the wait ends anyway.
            rustix::io::write(&self.eventfd, &1_u64.to_ne_bytes()).ok();
        }
    }

    /// From now on [`wake`](Wake::wake) writes. What was published must be looked for after this and before waiting.
    pub(in crate::relay) fn fall_asleep(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// From now on [`wake`](Wake::wake) has nothing to do.
    pub(in crate::relay) fn wake_up(&self) {
        // Relaxed: a wake-up that comes in between ends the next wait for nothing, no more.
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Makes the descriptor unreadable again.
    pub(super) fn reset(&self) {
        // It fails only if there is nothing to reset.
        rustix::io::read(&self.eventfd, &mut [0; 8]).ok();
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_written(wake: &Wake) -> bool {
        rustix::io::read(&wake.eventfd, &mut [0; 8]).is_ok()
    }

    #[test]
    fn only_sleepers_are_woken_and_only_once() {
        let wake = Wake::new().unwrap();
        wake.wake();
        assert!(!is_written(&wake));
        wake.fall_asleep();
        wake.wake();
        wake.wake();
        assert!(is_written(&wake) && !is_written(&wake));
        wake.fall_asleep();
        wake.wake_up();
        wake.wake();
        assert!(!is_written(&wake));
    }

    #[test]
    fn a_reset_leaves_nothing_behind() {
        let wake = Wake::new().unwrap();
        wake.fall_asleep();
        wake.wake();
        wake.reset();
        wake.reset();
        assert!(!is_written(&wake));
    }
}
