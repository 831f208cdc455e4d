//! Which connections are sampled: decided when they are accepted, so that decoding starts at byte 0.

use std::num::NonZeroU64;

use crate::log::ConnectionId;

/// Whether the connection is among the sampled ones, one in `one_in`.
///
/// The same connection always gets the same answer, and neighbours get different ones: a load balancer that connects in
/// turn must not have all of its connections sampled, or none.
pub fn takes(one_in: NonZeroU64, id: ConnectionId) -> bool {
    mixed(id).is_multiple_of(one_in.get())
}

/// A number from 0 to 1 that is always the same for a connection, and spread evenly over all of them.
pub fn fraction(id: ConnectionId) -> f64 {
    f64::from((mixed(id) >> 40) as u32) / f64::from(1_u32 << 24)
}

fn mixed(id: ConnectionId) -> u64 {
    mix((id.shard as u64).rotate_left(40) ^ id.number)
}

/// Spreads numbers that differ little over all of 64 bits: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(one_in: u64, shard: usize, count: u64) -> usize {
        let one_in = NonZeroU64::new(one_in).unwrap();
        (1..=count).filter(|number| takes(one_in, ConnectionId { shard, number: *number })).count()
    }

    #[test]
    fn one_in_one_is_everything() {
        assert_eq!(sampled(1, 0, 100), 100);
    }

    #[test]
    fn the_share_is_about_right_on_every_shard() {
        for shard in 0..4 {
            let count = sampled(100, shard, 100_000);
            assert!((900..1100).contains(&count), "shard {shard}: {count}");
        }
    }

    #[test]
    fn the_answer_is_always_the_same() {
        let one_in = NonZeroU64::new(4).unwrap();
        let taken: Vec<u64> = (1..=24).filter(|n| takes(one_in, ConnectionId { shard: 0, number: *n })).collect();
        assert_eq!(taken, EXPECTED);
    }

    /// Part of the promise: a release that samples others makes samples of two releases incomparable.
    const EXPECTED: [u64; 5] = [6, 9, 19, 20, 24];
}
