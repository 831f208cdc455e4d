//! What a ring knows of a socket, and what the kernel holds of it.

use std::os::fd::OwnedFd;

use rustix::event::PollFlags;

use super::watch::Watched;
use crate::relay::io::Tag;
use crate::relay::io::token::Kind;

/// A socket in a slot.
#[derive(Debug)]
pub(super) struct Socket {
    /// Closed with the value, so this goes only when nothing is pending.
    pub(super) descriptor: OwnedFd,
    pub(super) tag: Tag,
    pub(super) receiving: Receiving,
    /// What was submitted and has not come back.
    pub(super) pending: Pending,
    pub(super) watched: Watched,
    /// The peer has sent FIN: polls would complete at once.
    pub(super) is_half_closed: bool,
    /// Given up; nothing of it is told any more.
    pub(super) is_removed: bool,
}

/// Whether the user wants bytes. Whether the kernel is receiving stands in [`Pending`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiving {
    /// No, or no more.
    No,
    /// Yes; a receive that ends by itself is begun anew.
    Yes,
    /// No more, and an answer when the kernel has stopped.
    Stopping,
}

/// Operations of a socket that the kernel owns, or will; at most one of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pending(u8);

impl Socket {
    pub(super) fn new(descriptor: OwnedFd, tag: Tag) -> Socket {
        Socket {
            descriptor,
            tag,
            receiving: Receiving::No,
            pending: Pending::default(),
            watched: Watched::default(),
            is_half_closed: false,
            is_removed: false,
        }
    }
}

impl Pending {
    /// The kinds that are operations of a socket.
    const KINDS: [Kind; 4] = [Kind::Receive, Kind::Readable, Kind::Writable, Kind::Break];

    /// False if one of this kind is pending already.
    pub(super) fn begin(&mut self, kind: Kind) -> bool {
        let is_new = !self.has(kind);
        self.0 |= 1 << kind as u8;
        is_new
    }

    pub(super) fn end(&mut self, kind: Kind) {
        self.0 &= !(1 << kind as u8);
    }

    pub(super) fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn kinds(self) -> impl Iterator<Item = Kind> {
        Pending::KINDS.into_iter().filter(move |kind| self.has(*kind))
    }
}

/// What a poll of this kind asks for; errors and hang-ups are always told.
pub(super) fn interest(kind: Kind) -> PollFlags {
    match kind {
        Kind::Readable => PollFlags::IN,
        Kind::Writable => PollFlags::OUT,
        Kind::Break | Kind::Receive | Kind::Cancel | Kind::Wake | Kind::Watch => PollFlags::empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_takes_little_memory() {
        assert!(size_of::<Option<Socket>>() <= 32, "{}", size_of::<Option<Socket>>());
    }

    #[test]
    fn one_of_each_kind_is_pending() {
        let mut pending = Pending::default();
        assert!(pending.begin(Kind::Receive) && !pending.begin(Kind::Receive) && pending.begin(Kind::Break));
        assert!(pending.has(Kind::Receive) && !pending.has(Kind::Writable));
        assert_eq!(pending.kinds().collect::<Vec<_>>(), [Kind::Receive, Kind::Break]);
        pending.end(Kind::Receive);
        pending.end(Kind::Receive);
        assert!(!pending.is_empty());
        pending.end(Kind::Break);
        assert!(pending.is_empty());
    }
}
