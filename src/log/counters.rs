//! How many connections came, how they ended, and which limits ended them: one set a shard, written by it alone, read
//! by anyone.

use std::sync::atomic::{AtomicU64, Ordering};

use super::reason::{Cause, CloseReason, Side};
use super::requests::{RequestCounters, RequestTotals};
use crate::limits::Limit;

/// The counts of a shard.
#[derive(Debug)]
pub struct Counters {
    accepted: AtomicU64,
    closed: [AtomicU64; REASONS],
    limited: [AtomicU64; Limit::ALL.len()],
    requests: RequestCounters,
}

/// The counts of all shards together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed, by reason; reasons that never occurred are left out.
    pub closed: Vec<(CloseReason, u64)>,
    /// Those of them that a limit closed, by the limit; limits that were never reached are left out.
    pub limited: Vec<(Limit, u64)>,
    /// The requests of watched connections.
    pub requests: RequestTotals,
}

impl Counters {
    /// Counts a connection that was accepted.
    pub fn accepted(&self) {
        // Relaxed, here and below: each is a number of its own; no other memory is published with it.
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that has ended, and the limit that ended it, if it was one.
    pub fn closed(&self, reason: CloseReason, limit: Option<Limit>) {
        let limited = limit.and_then(|limit| self.limited.get(limit as usize));
        for count in self.closed.get(index(reason)).into_iter().chain(limited) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Those of the requests of watched connections.
    pub(super) fn requests(&self) -> &RequestCounters {
        &self.requests
    }

    /// Adds up the counts of several shards.
    pub fn totals<'a>(shards: impl Iterator<Item = &'a Counters> + Clone) -> Totals {
        let accepted = shards.clone().map(|shard| shard.accepted.load(Ordering::Relaxed)).sum();
        let reasons =
            Side::ALL.into_iter().flat_map(|side| Cause::ALL.into_iter().map(move |cause| CloseReason { side, cause }));
        let count = |reason| {
            let of = |shard: &Counters| shard.closed.get(index(reason)).map_or(0, |n| n.load(Ordering::Relaxed));
            shards.clone().map(of).sum()
        };
        let closed = reasons.map(|reason| (reason, count(reason))).filter(|(_, count)| *count > 0).collect();
        let limited = |limit: Limit| {
            let of = |shard: &Counters| shard.limited.get(limit as usize).map_or(0, |n| n.load(Ordering::Relaxed));
            (limit, shards.clone().map(of).sum())
        };
        let limited = Limit::ALL.into_iter().map(limited).filter(|(_, count)| *count > 0).collect();
        let requests = RequestCounters::totals(shards.clone().map(|shard| &shard.requests));
        Totals { accepted, closed, limited, requests }
    }
}

impl Default for Counters {
    fn default() -> Counters {
        let zeros = |_| AtomicU64::new(0);
        Counters {
            accepted: AtomicU64::new(0),
            closed: std::array::from_fn(zeros),
            limited: std::array::from_fn(zeros),
            requests: RequestCounters::default(),
        }
    }
}

impl Totals {
    /// How many connections ended for `reason`.
    pub fn count(&self, reason: CloseReason) -> u64 {
        self.closed.iter().find(|(known, _)| *known == reason).map_or(0, |(_, count)| *count)
    }

    /// How many connections `limit` ended.
    pub fn limited(&self, limit: Limit) -> u64 {
        self.limited.iter().find(|(known, _)| *known == limit).map_or(0, |(_, count)| *count)
    }

    /// How many connections are open.
    pub fn open(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|(_, count)| count).sum();
        self.accepted.saturating_sub(closed)
    }
}

const REASONS: usize = Side::ALL.len() * Cause::ALL.len();

fn index(reason: CloseReason) -> usize {
    reason.side as usize * Cause::ALL.len() + reason.cause as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_count_of_its_own() {
        let shards = [Counters::default(), Counters::default()];
        shards[0].accepted();
        shards[1].accepted();
        shards[1].accepted();
        shards[0].closed(CloseReason::client(Cause::Finished), None);
        shards[1].closed(CloseReason::client(Cause::Finished), None);
        shards[1].closed(CloseReason::proxy(Cause::Shutdown), None);
        let totals = Counters::totals(shards.iter());
        assert_eq!(totals.accepted, 3);
        let expected = [(CloseReason::client(Cause::Finished), 2), (CloseReason::proxy(Cause::Shutdown), 1)];
        assert_eq!(totals.closed, expected);
        assert_eq!(totals.count(CloseReason::backend(Cause::Finished)), 0);
    }

    #[test]
    fn each_limit_has_a_count_beside_its_reason() {
        let shards = [Counters::default(), Counters::default()];
        for shard in &shards {
            shard.accepted();
            shard.accepted();
            shard.closed(CloseReason::client(Cause::Limit), Some(Limit::PingFrames));
        }
        shards[1].closed(CloseReason::client(Cause::OpeningTimeout), Some(Limit::ReplayBytes));
        let totals = Counters::totals(shards.iter());
        assert_eq!(totals.limited, [(Limit::PingFrames, 2), (Limit::ReplayBytes, 1)]);
        assert_eq!(totals.count(CloseReason::client(Cause::Limit)), 2);
        assert_eq!((totals.limited(Limit::PingFrames), totals.limited(Limit::HeaderFields)), (2, 0));
        assert_eq!(totals.open(), 1);
    }

    #[test]
    fn the_list_of_causes_is_in_the_order_of_their_numbers() {
        for (number, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, number, "{}", cause.label());
        }
    }
}
