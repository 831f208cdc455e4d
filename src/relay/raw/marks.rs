//! When raised low-water marks are to be lowered again.

use std::collections::VecDeque;
use std::time::Instant;

use super::super::io::Tag;
use crate::limits;

/// Marks in the order in which they expire, which is the order in which they were set: all have the same patience.
#[derive(Debug, Default)]
pub(super) struct Marks {
    queue: VecDeque<Mark>,
}

/// A mark of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) source: Tag,
    /// Which wait it is for; a later wait has a mark of its own.
    pub(super) wait: u32,
    expires: Instant,
}

impl Marks {
    /// Remembers that wait number `wait` has a raised mark.
    pub(super) fn set(&mut self, source: Tag, wait: u32) {
        // A clock read, but one for a wait of bulk, not for a message.
        self.queue.push_back(Mark { source, wait, expires: Instant::now() + limits::MARK_PATIENCE });
    }

    /// When the next one expires.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.front().map(|mark| mark.expires)
    }

    /// Takes one that has expired. Most belong to waits that are over.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Mark> {
        let is_due = self.next().is_some_and(|expires| expires <= now);
        if is_due { self.queue.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_expire_in_their_order_a_moment_later() {
        let mut marks = Marks::default();
        assert_eq!(marks.next(), None);
        marks.set(Tag(1), 7);
        marks.set(Tag(2), 8);
        let first = marks.next().unwrap();
        assert_eq!(marks.expired(first - limits::MARK_PATIENCE), None);
        assert_eq!(marks.expired(first).map(|mark| (mark.source, mark.wait)), Some((Tag(1), 7)));
        let later = Instant::now() + limits::MARK_PATIENCE;
        assert_eq!(marks.expired(later).map(|mark| (mark.source, mark.wait)), Some((Tag(2), 8)));
        assert_eq!(marks.expired(later), None);
    }
}
