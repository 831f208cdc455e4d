//! Requests of watched connections, counted by path, and what became of those that were where they do not belong.
//!
//! A shard's relay counts, anybody reads. Each path has a counter that the relay keeps at hand (`tally.rs`), so no lock is
//! taken for a request; one is taken for the first request with a path, of which there are a thousand at most.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::summary::Summary;

/// The counts of a shard.
#[derive(Debug)]
pub(super) struct RequestCounters {
    paths: Mutex<Vec<Arc<PathCounter>>>,
    other: PathCounter,
    events: [AtomicU64; WatchEvent::ALL.len()],
}

/// The requests with one path.
#[derive(Debug, Default)]
pub(super) struct PathCounter {
    path: String,
    requests: AtomicU64,
    misrouted: AtomicU64,
}

/// Something that happened to a watched connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// A request belonged to another pool.
    OtherPool,
    /// No route held for a request, and there is no default pool.
    NoRoute,
    /// A request could be read in two ways.
    Ambiguous,
    /// A request was kept from the backend, and the connection ended.
    Refused,
    /// GOAWAY, because of a request that belonged elsewhere.
    GoawayMismatch,
    /// GOAWAY, because the connection was old enough.
    GoawayAge,
    /// GOAWAY, because the proxy was told to stop.
    GoawayDrain,
    /// Header blocks could not be followed any more, so later requests of the connection are not counted.
    Unfollowed,
}

impl WatchEvent {
    /// All of them, in order.
    const ALL: [WatchEvent; 8] = [
        WatchEvent::OtherPool,
        WatchEvent::NoRoute,
        WatchEvent::Ambiguous,
        WatchEvent::Refused,
        WatchEvent::GoawayMismatch,
        WatchEvent::GoawayAge,
        WatchEvent::GoawayDrain,
        WatchEvent::Unfollowed,
    ];

    /// The name in counts.
    pub fn label(self) -> &'static str {
        match self {
            WatchEvent::OtherPool => "other_pool",
            WatchEvent::NoRoute => "no_route",
            WatchEvent::Ambiguous => "ambiguous",
            WatchEvent::Refused => "refused",
            WatchEvent::GoawayMismatch => "goaway_mismatch",
            WatchEvent::GoawayAge => "goaway_age",
            WatchEvent::GoawayDrain => "goaway_drain",
            WatchEvent::Unfollowed => "unfollowed",
        }
    }
}

/// The counts of all shards together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestTotals {
    /// What happened how often; what never did is left out.
    pub events: Vec<(WatchEvent, u64)>,
    /// The paths, the most frequent one first. The last one may be `other`: all that had no place of their own.
    pub paths: Vec<PathTotal>,
}

/// The requests with one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTotal {
    /// The path up to its query, as text.
    pub path: String,
    /// How many there were.
    pub requests: u64,
    /// How many of them belonged elsewhere.
    pub misrouted: u64,
}

impl RequestTotals {
    /// Whether no connection was watched.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.paths.is_empty()
    }

    /// How often `event` happened.
    pub fn count(&self, event: WatchEvent) -> u64 {
        self.events.iter().find(|(known, _)| *known == event).map_or(0, |(_, count)| *count)
    }

    /// All requests, and how many of them belonged elsewhere.
    pub fn sums(&self) -> (u64, u64) {
        self.paths
            .iter()
            .fold((0, 0), |(requests, misrouted), path| (requests + path.requests, misrouted + path.misrouted))
    }
}

impl PathCounter {
    pub(super) fn count(&self, is_misrouted: bool) {
        // Relaxed, here and below: each is a number of its own; no other memory is published with it.
        self.requests.fetch_add(1, Ordering::Relaxed);
        if is_misrouted {
            self.misrouted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl RequestCounters {
    /// The counter of a path that has not been seen before.
    pub(super) fn path(&self, path: &[u8]) -> Arc<PathCounter> {
        let counter = Arc::new(PathCounter { path: Summary::text(path), ..PathCounter::default() });
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counter));
        counter
    }

    /// The counter of all paths that have none.
    pub(super) fn other(&self) -> &PathCounter {
        &self.other
    }

    pub(super) fn event(&self, event: WatchEvent) {
        if let Some(count) = self.events.get(event as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds up the counts of several shards.
    pub(super) fn totals<'a>(shards: impl Iterator<Item = &'a RequestCounters> + Clone) -> RequestTotals {
        let count = |event: WatchEvent| -> u64 {
            let of =
                |shard: &RequestCounters| shard.events.get(event as usize).map_or(0, |n| n.load(Ordering::Relaxed));
            shards.clone().map(of).sum()
        };
        let events = WatchEvent::ALL.into_iter().map(|event| (event, count(event))).filter(|(_, n)| *n > 0).collect();
        let mut by_path: HashMap<String, (u64, u64)> = HashMap::new();
        let mut others = (0, 0);
        for shard in shards {
            for counter in shard.paths.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                add(by_path.entry(counter.path.clone()).or_default(), counter);
            }
            add(&mut others, &shard.other);
        }
        let total = |(path, (requests, misrouted))| PathTotal { path, requests, misrouted };
        let mut paths: Vec<PathTotal> = by_path.into_iter().map(total).collect();
        paths.sort_by(|one, other| other.requests.cmp(&one.requests).then_with(|| one.path.cmp(&other.path)));
        paths.extend((others.0 > 0).then(|| total((OTHER.to_owned(), others))));
        RequestTotals { events, paths }
    }
}

fn add((requests, misrouted): &mut (u64, u64), counter: &PathCounter) {
    *requests += counter.requests.load(Ordering::Relaxed);
    *misrouted += counter.misrouted.load(Ordering::Relaxed);
}

impl Default for RequestCounters {
    fn default() -> RequestCounters {
        RequestCounters {
            paths: Mutex::default(),
            other: PathCounter::default(),
            events: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

/// What stands in the place of a path that is counted with others. No path of a request is so called.
const OTHER: &str = "other";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_events_is_in_the_order_of_their_numbers() {
        for (number, event) in WatchEvent::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, number, "{}", event.label());
        }
    }
}
