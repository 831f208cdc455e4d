//! How fast a direction goes: when it pays to splice, when no longer, and when to wait for more at once.
//!
//! Copying is cheaper for small messages, splicing for bulk; where they meet, neither matters. So the switch needs some
//! large reads in a row, and the way back some small ones.
//!
//! While bulk comes as fast as it is taken, every wake-up finds little, and there are 14,000 of them in a gigabyte. A
//! raised low-water mark halves that. But a sender that waits for an answer before it has sent as much as the mark
//! (HTTP/2's flow control makes senders do that) would be held up until the mark is lowered again, a moment later. Nobody
//! can tell the two apart by looking; so a direction that has moved some megabytes tries it, and one that was held up
//! tries again only after twice as many.

use crate::limits;

/// What has been seen of one direction.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The turn of the engine in which bytes were copied last, and how many.
    turn: u32,
    burst: u32,
    /// Turns in a row with a large burst; while splicing, small reads in a row.
    streak: u8,
    /// How often the mark has held the sender up.
    held_up: u8,
    /// Bytes spliced since the mark was last lowered.
    spliced: u64,
}

/// What to do when a spliced direction has run dry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dry {
    /// Wait for anything.
    Wait,
    /// Wait for much, for a moment.
    WaitForMuch,
    /// Go back to copying.
    Calm,
}

impl Pace {
    /// Bytes were copied in a turn of the engine; whether the direction is bulk now.
    pub(super) fn copied(&mut self, turn: u32, bytes: usize) -> bool {
        if turn != self.turn {
            if self.burst < limits::BULK_BURST_BYTES {
                self.streak = 0;
            }
            self.turn = turn;
            self.burst = 0;
        }
        let before = self.burst;
        self.burst = before.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if before < limits::BULK_BURST_BYTES && self.burst >= limits::BULK_BURST_BYTES {
            self.streak = self.streak.saturating_add(1);
        }
        self.streak >= limits::BULK_BURSTS
    }

    /// The direction is spliced from now on, or copied again.
    pub(super) fn switched(&mut self) {
        self.streak = 0;
        self.burst = 0;
        self.spliced = 0;
    }

    /// Bytes went into the pipe.
    pub(super) fn spliced(&mut self, bytes: usize) {
        self.spliced += bytes as u64;
        self.streak = if bytes < limits::CALM_READ_BYTES { self.streak.saturating_add(1) } else { 0 };
    }

    /// Nothing is left to splice for now.
    pub(super) fn dry(&self) -> Dry {
        if self.streak >= limits::CALM_READS {
            Dry::Calm
        } else if self.spliced >= limits::MARK_TRIAL_BYTES << self.held_up.min(limits::MARK_TRIALS_DOUBLED) {
            Dry::WaitForMuch
        } else {
            Dry::Wait
        }
    }

    /// The mark was not reached in time.
    pub(super) fn held_up(&mut self) {
        self.held_up = self.held_up.saturating_add(1);
        self.spliced = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_is_four_large_bursts_in_a_row() {
        let mut pace = Pace::default();
        for turn in 1..=3 {
            assert!(!pace.copied(turn, 40_000));
            assert!(!pace.copied(turn, 40_000));
        }
        assert!(!pace.copied(4, 40_000));
        assert!(pace.copied(4, 40_000));
    }

    #[test]
    fn a_small_turn_starts_the_count_anew() {
        let mut pace = Pace::default();
        for turn in 1..=3 {
            assert!(!pace.copied(turn, 65_536));
        }
        assert!(!pace.copied(4, 100));
        for turn in 5..=7 {
            assert!(!pace.copied(turn, 65_536), "turn {turn}");
        }
        assert!(pace.copied(8, 65_536));
    }

    #[test]
    fn many_reads_of_one_turn_are_one_burst() {
        let mut pace = Pace::default();
        assert!((0..64).all(|_| !pace.copied(1, 16_384)));
    }

    #[test]
    fn eight_small_reads_in_a_row_are_calm() {
        let mut pace = Pace::default();
        pace.switched();
        for _ in 0..7 {
            pace.spliced(100);
            assert_eq!(pace.dry(), Dry::Wait);
        }
        pace.spliced(100_000);
        for _ in 0..7 {
            pace.spliced(100);
            assert_eq!(pace.dry(), Dry::Wait);
        }
        pace.spliced(100);
        assert_eq!(pace.dry(), Dry::Calm);
    }

    #[test]
    fn the_mark_is_tried_after_4_mib_and_after_a_hold_up_twice_as_many() {
        let mut pace = Pace::default();
        pace.spliced((4 << 20) - 1);
        assert_eq!(pace.dry(), Dry::Wait);
        pace.spliced(65_536);
        assert_eq!(pace.dry(), Dry::WaitForMuch);
        pace.held_up();
        pace.spliced((8 << 20) - 1);
        assert_eq!(pace.dry(), Dry::Wait);
        pace.spliced(65_536);
        assert_eq!(pace.dry(), Dry::WaitForMuch);
        for _ in 0..300 {
            pace.held_up();
        }
        pace.spliced(4 << 30);
        assert_eq!(pace.dry(), Dry::WaitForMuch);
    }
}
