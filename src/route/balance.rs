//! Which backend of a pool comes next: smooth weighted round robin.
//!
//! Weights 5, 1, 1 give `a a b a c a a`, not `a a a a a b c`: each backend gets its share in any stretch of
//! connections, which matters because gRPC connections are few and long. Each shard has its own balancer, so no
//! counter is shared; the shards start at different places, or the first backend would get the first connection of all.
//!
//! A backend that cannot be reached is the business of the caller, who tries the next candidate. Its connections are
//! spread over all others in turn and not by weight: that would take a sequence of its own for each missing backend.

use super::pool::Pool;

/// The turns of one pool on one shard.
#[derive(Clone, Debug)]
pub struct Balancer {
    turns: Vec<Turn>,
    /// Sum of all weights.
    total: i64,
}

/// Where one backend stands in the sequence.
#[derive(Clone, Debug)]
struct Turn {
    weight: i64,
    /// How much its share is owed; all add up to 0 between two picks.
    owed: i64,
    /// How many connections it was the pick of, wrapping: who comes second rotates with it. A counter for each backend,
    /// because one for all would move in step with the picks and always name the same second.
    picks: usize,
}

impl Balancer {
    /// A balancer that is `start` picks into its sequence; a shard's number will do.
    #[must_use]
    pub fn new(pool: &Pool, start: usize) -> Self {
        let weights = pool.backends.iter().map(|backend| i64::from(backend.weight.get()));
        let turns: Vec<_> = weights.map(|weight| Turn { weight, owed: 0, picks: 0 }).collect();
        let mut balancer = Self { total: turns.iter().map(|turn| turn.weight).sum(), turns };
        for _ in 0..start % START_PICKS {
            balancer.pick();
        }
        balancer
    }

    /// The backends to try for one connection, as indices into the pool: the pick first, then every other one once.
    pub fn candidates(&mut self) -> impl Iterator<Item = usize> + use<> {
        let count = self.turns.len();
        let (first, turn) = self.pick().unwrap_or_default();
        let others = count.saturating_sub(1);
        let seconds = (0..others).map(move |offset| (first + 1 + (turn % others + offset) % others) % count);
        (first..count).take(1).chain(seconds)
    }

    /// Gives every backend its share and takes it all from the one that is owed most, the first of equals.
    /// Answers with its index and how often it was picked before.
    fn pick(&mut self) -> Option<(usize, usize)> {
        for turn in &mut self.turns {
            turn.owed += turn.weight;
        }
        let (index, pick) = self.turns.iter_mut().enumerate().rev().max_by_key(|(_, turn)| turn.owed)?;
        pick.owed -= self.total;
        let before = pick.picks;
        pick.picks = before.wrapping_add(1);
        Some((index, before))
    }
}

/// Bound of the picks made in advance. More shards than this would share their places, which harms nobody.
const START_PICKS: usize = 4096;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::super::pool::{Address, Backend};
    use super::*;

    fn pool(weights: &[u32]) -> Pool {
        let backend = |weight: &u32| Backend {
            address: Address::Unix(PathBuf::from("/run/x.sock")),
            weight: NonZeroU32::new(*weight).unwrap(),
        };
        let timeout = Duration::from_secs(1);
        Pool {
            name: "p".into(),
            backends: weights.iter().map(backend).collect(),
            connect_timeout: timeout,
            idle_timeout: timeout,
            send_proxy: None,
        }
    }

    fn picks(balancer: &mut Balancer, count: usize) -> Vec<usize> {
        (0..count).map(|_| balancer.candidates().next().unwrap()).collect()
    }

    #[test]
    fn a_heavy_backend_is_spread_between_the_light_ones() {
        let mut balancer = Balancer::new(&pool(&[5, 1, 1]), 0);
        assert_eq!(picks(&mut balancer, 14), [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn equal_backends_take_turns_and_shards_start_apart() {
        let pool = pool(&[7, 7, 7]);
        assert_eq!(picks(&mut Balancer::new(&pool, 0), 4), [0, 1, 2, 0]);
        assert_eq!(picks(&mut Balancer::new(&pool, 1), 4), [1, 2, 0, 1]);
        assert_eq!(picks(&mut Balancer::new(&pool, 5), 4), [2, 0, 1, 2]);
    }

    #[test]
    fn every_other_backend_is_a_candidate_and_the_second_rotates() {
        let mut balancer = Balancer::new(&pool(&[1, 1, 1]), 0);
        let orders: Vec<Vec<_>> = (0..6).map(|_| balancer.candidates().collect()).collect();
        assert_eq!(orders, [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0]]);
    }

    #[test]
    fn one_backend_is_the_only_candidate_and_none_is_no_panic() {
        let mut one = Balancer::new(&pool(&[3]), 9);
        assert_eq!(one.candidates().collect::<Vec<_>>(), [0]);
        let mut none = Balancer::new(&pool(&[]), 9);
        assert_eq!(none.candidates().count(), 0);
    }

    #[test]
    fn the_largest_weights_do_not_overflow() {
        let mut balancer = Balancer::new(&pool(&[u32::MAX, u32::MAX, 1]), usize::MAX);
        let mut counts = [0; 3];
        for pick in picks(&mut balancer, 1000) {
            counts[pick] += 1;
        }
        assert_eq!(counts, [500, 500, 0]);
    }
}
