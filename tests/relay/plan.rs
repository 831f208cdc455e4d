//! What becomes of one connection, decided by a seed before it begins: how much it carries, and how it ends.

use spliceway::log::{Cause, Side};

use crate::support::noise;

/// The way a connection ends. The backend sends back what it gets, unless it says otherwise here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The client ends its side behind the last byte, and the backend behind its echo.
    ClientFinishes,
    /// The backend ends its side behind so many bytes, and goes on reading.
    BackendFinishes { echoed: usize },
    /// The client resets once it has received so many bytes.
    ClientResets { received: usize },
    /// The backend resets once it has received so many bytes.
    BackendResets { received: usize },
    /// The backend resets when it sees the client's end, behind so many bytes of its echo.
    BackendResetsAtTheEnd { echoed: usize },
    /// The client resets when it sees the backend's end, which comes behind so many bytes.
    ClientResetsAtTheEnd { echoed: usize },
}

/// What a connection is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) number: u64,
    /// Bytes that the client sends.
    pub(super) length: usize,
    pub(super) ending: Ending,
}

/// How one end saw its connection end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    End,
    Reset,
    /// It was the one to reset.
    Own,
}

impl Plan {
    /// Each sixth connection is long, and every kind of end is as frequent as the others.
    pub(super) fn random(number: u64, random: &mut Random) -> Plan {
        let length = if random.below(6) == 0 { random.between(20_000, 300_000) } else { random.between(8, 20_000) };
        // The number of the plan, which comes first, is always told: whoever accepts must learn the plan.
        let part = random.between(NUMBER_BYTES, length);
        let ending = match random.below(6) {
            0 => Ending::ClientFinishes,
            1 => Ending::BackendFinishes { echoed: part },
            2 => Ending::ClientResets { received: part },
            3 => Ending::BackendResets { received: part },
            4 => Ending::BackendResetsAtTheEnd { echoed: part },
            _ => Ending::ClientResetsAtTheEnd { echoed: part },
        };
        Plan { number, length, ending }
    }

    /// Bytes that the backend sends back if nothing comes between.
    pub(super) fn echoed(&self) -> usize {
        match self.ending {
            Ending::BackendFinishes { echoed }
            | Ending::BackendResetsAtTheEnd { echoed }
            | Ending::ClientResetsAtTheEnd { echoed } => echoed,
            Ending::ClientFinishes | Ending::ClientResets { .. } | Ending::BackendResets { .. } => self.length,
        }
    }

    /// Whether the client ends its side behind its last byte.
    pub(super) fn client_finishes(&self) -> bool {
        !matches!(self.ending, Ending::ClientResets { .. } | Ending::ClientResetsAtTheEnd { .. })
    }

    /// What the two ends must see of each other: the client, and the backend.
    pub(super) fn seen(&self) -> (Seen, Seen) {
        match self.ending {
            Ending::ClientFinishes | Ending::BackendFinishes { .. } => (Seen::End, Seen::End),
            Ending::ClientResets { .. } | Ending::ClientResetsAtTheEnd { .. } => (Seen::Own, Seen::Reset),
            Ending::BackendResets { .. } | Ending::BackendResetsAtTheEnd { .. } => (Seen::Reset, Seen::Own),
        }
    }

    /// Whether neither end resets.
    pub(super) fn is_clean(&self) -> bool {
        self.seen() == (Seen::End, Seen::End)
    }

    /// The reasons that its summary may give: of two that finish, either may be the first.
    pub(super) fn reasons(&self) -> &'static [(Side, Cause)] {
        match self.ending {
            Ending::ClientFinishes => &[(Side::Client, Cause::Finished)],
            Ending::BackendFinishes { .. } => &[(Side::Backend, Cause::Finished), (Side::Client, Cause::Finished)],
            Ending::ClientResets { .. } | Ending::ClientResetsAtTheEnd { .. } => &[(Side::Client, Cause::Reset)],
            Ending::BackendResets { .. } | Ending::BackendResetsAtTheEnd { .. } => &[(Side::Backend, Cause::Reset)],
        }
    }
}

/// The bytes that clients send, and get back: the plan's number, then a part of one noise that all share.
#[derive(Debug)]
pub(super) struct Contents {
    noise: Vec<u8>,
}

impl Contents {
    pub(super) fn new() -> Contents {
        Contents { noise: noise(5, 2_000_003) }
    }

    /// The bytes of a connection from `position` on: some of them, not all.
    pub(super) fn of<'a>(&'a self, number: &'a [u8; NUMBER_BYTES], position: usize) -> &'a [u8] {
        match number.get(position..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => {
                let start = u64::from_le_bytes(*number).wrapping_mul(7919) + position as u64;
                let start = start % self.noise.len() as u64;
                &self.noise[usize::try_from(start).unwrap()..]
            }
        }
    }
}

/// A sequence that is the same for the same seed (xorshift64).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 8).unwrap() % limit
    }

    /// Both bounds included.
    pub(super) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// The length of a chunk: short ones are as frequent as long ones.
    pub(super) fn chunk(&mut self) -> usize {
        let most = 1 << self.between(4, 17);
        self.between(1, most)
    }
}

pub(super) const NUMBER_BYTES: usize = 8;
