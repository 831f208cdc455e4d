//! Names of sockets, and how they travel through the kernel.
//!
//! What the kernel gives back with a completion (`user_data`, `epoll_data`) is 64 bits:
//!
//! ```text
//!   63      56 55                    32 31                              0
//!  ┌──────────┬────────────────────────┬─────────────────────────────────┐
//!  │ kind     │ generation             │ slot                            │
//!  └──────────┴────────────────────────┴─────────────────────────────────┘
//! ```
//!
//! Never a pointer: a completion that comes late finds a slot of another generation and is ignored, where a pointer would
//! find freed memory.

/// A socket in an engine: a slot, and which of the sockets that have been in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::relay) struct Token {
    pub(super) slot: u32,
    /// 24 bits: it comes around after 16 million sockets in one slot.
    pub(super) generation: u32,
}

/// What a completion is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// A receive.
    Receive = 1,
    /// A poll for bytes.
    Readable = 2,
    /// A poll for room.
    Writable = 3,
    /// A poll for errors only.
    Break = 4,
    /// A cancellation that came too late.
    Cancel = 5,
    /// The eventfd of [`Wake`](super::Wake).
    Wake = 6,
    /// The epoll instance beside a ring.
    Watch = 7,
}

impl Kind {
    const ALL: [Kind; 7] =
        [Kind::Receive, Kind::Readable, Kind::Writable, Kind::Break, Kind::Cancel, Kind::Wake, Kind::Watch];
}

impl Token {
    /// For what belongs to an engine and to no socket.
    pub(super) const NONE: Token = Token { slot: u32::MAX, generation: 0 };

    /// As the kernel keeps it.
    pub(super) fn with(self, kind: Kind) -> u64 {
        (kind as u64) << 56 | u64::from(self.generation & GENERATION_MASK) << 32 | u64::from(self.slot)
    }

    /// What the kernel gave back; `None` if it is nothing of ours.
    #[expect(clippy::cast_possible_truncation, reason = "the parts are cut out of the number")]
    pub(super) fn parse(user_data: u64) -> Option<(Kind, Token)> {
        let kind = Kind::ALL.into_iter().find(|kind| u64::from(*kind as u8) == user_data >> 56)?;
        Some((kind, Token { slot: user_data as u32, generation: (user_data >> 32) as u32 & GENERATION_MASK }))
    }

    /// The generation after this one.
    pub(super) fn next_generation(self) -> u32 {
        self.generation.wrapping_add(1) & GENERATION_MASK
    }
}

const GENERATION_MASK: u32 = 0x00ff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_stand_where_they_should() {
        let token = Token { slot: 0x1234_5678, generation: 0x00ab_cdef };
        assert_eq!(token.with(Kind::Receive), 0x01ab_cdef_1234_5678);
        assert_eq!(token.with(Kind::Watch), 0x07ab_cdef_1234_5678);
        assert_eq!(Token::NONE.with(Kind::Wake), 0x0600_0000_ffff_ffff);
    }

    #[test]
    fn what_went_in_comes_out() {
        for kind in Kind::ALL {
            for (slot, generation) in [(0, 0), (1, 0x00ff_ffff), (u32::MAX, 0), (u32::MAX, 0x00ff_ffff)] {
                let token = Token { slot, generation };
                assert_eq!(Token::parse(token.with(kind)), Some((kind, token)));
            }
        }
    }

    #[test]
    fn foreign_numbers_are_refused() {
        assert_eq!(Token::parse(0), None);
        assert_eq!(Token::parse(u64::MAX), None);
        assert_eq!(Token::parse(0x0800_0000_0000_0000), None);
    }

    #[test]
    fn generations_come_around() {
        assert_eq!(Token { slot: 1, generation: 0x00ff_fffe }.next_generation(), 0x00ff_ffff);
        assert_eq!(Token { slot: 1, generation: 0x00ff_ffff }.next_generation(), 0);
    }
}
