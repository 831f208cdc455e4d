//! The relay's hand in the counts of its shard, and in the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::Log;
use super::counters::Counters;
use super::notice::Notice;
use super::requests::{PathCounter, WatchEvent};
use super::summary::{ConnectionId, Summary};
use crate::limits;

/// Counts the requests of watched connections, and tells of those that belong elsewhere. It belongs to one thread.
#[derive(Debug)]
pub struct Tally {
    counters: Arc<Counters>,
    log: Log,
    paths: HashMap<Box<[u8]>, Arc<PathCounter>>,
    /// By listener, when it told of a request last, and how many it has not told of since.
    told: HashMap<String, (Instant, u64)>,
}

impl Tally {
    /// Counts for the shard of these counters.
    pub fn new(counters: Arc<Counters>, log: Log) -> Tally {
        Tally { counters, log, paths: HashMap::new(), told: HashMap::new() }
    }

    /// Counts a request.
    pub fn request(&mut self, path: &[u8], is_misrouted: bool) {
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        if let Some(counter) = self.paths.get(path) {
            return counter.count(is_misrouted);
        }
        let counters = self.counters.requests();
        if self.paths.len() >= limits::COUNTED_PATHS || path.len() > limits::COUNTED_PATH_BYTES {
            return counters.other().count(is_misrouted);
        }
        let counter = counters.path(path);
        counter.count(is_misrouted);
        self.paths.insert(path.into(), counter);
    }

    /// Counts what happened.
    pub fn event(&self, event: WatchEvent) {
        self.counters.requests().event(event);
    }

    /// Tells of a request that belongs elsewhere, unless the listener has told of one just before.
    pub fn misrouted(
        &mut self,
        now: Instant,
        listener: &str,
        id: ConnectionId,
        path: &[u8],
        why: impl FnOnce() -> String,
    ) {
        let untold = match self.told.get_mut(listener) {
            Some((told, untold)) if now.saturating_duration_since(*told) < limits::MISROUTED_NOTICE_EVERY => {
                *untold += 1;
                return;
            }
            Some((told, untold)) => {
                *told = now;
                std::mem::take(untold)
            }
            None => {
                self.told.insert(listener.to_owned(), (now, 0));
                0
            }
        };
        let path = Summary::text(path);
        self.log.notice(Notice::Misrouted { listener: listener.to_owned(), id, path, why: why(), untold });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Line, PathTotal, RequestTotals};

    fn totals(counters: &[&Arc<Counters>]) -> RequestTotals {
        Counters::totals(counters.iter().map(|counters| counters.as_ref())).requests
    }

    fn path(path: &str, requests: u64, misrouted: u64) -> PathTotal {
        PathTotal { path: path.to_owned(), requests, misrouted }
    }

    #[test]
    fn requests_are_counted_by_path_and_shards_are_added_up() {
        let shards = [Arc::<Counters>::default(), Arc::<Counters>::default()];
        let [mut one, mut two] = [0, 1].map(|n| Tally::new(Arc::clone(&shards[n]), Log::queue().0));
        one.request(b"/a.B/C", false);
        one.request(b"/a.B/C?x=1", true);
        one.request(b"/d", false);
        two.request(b"/d", false);
        two.request(b"/d", false);
        two.event(WatchEvent::GoawayAge);
        let totals = totals(&[&shards[0], &shards[1]]);
        assert_eq!(totals.paths, [path("/d", 3, 0), path("/a.B/C", 2, 1)]);
        assert_eq!(totals.events, [(WatchEvent::GoawayAge, 1)]);
        assert_eq!((totals.sums(), totals.count(WatchEvent::Refused)), ((5, 1), 0));
    }

    #[test]
    fn the_table_of_paths_is_bounded() {
        let counters = Arc::<Counters>::default();
        let mut tally = Tally::new(Arc::clone(&counters), Log::queue().0);
        tally.request(&[b'x'; 257], true);
        for number in 0..1_500 {
            tally.request(format!("/{number}").as_bytes(), false);
        }
        tally.request(b"/7", false);
        let totals = totals(&[&counters]);
        assert_eq!(totals.paths.len(), 1_001);
        assert_eq!(totals.paths[0], path("/7", 2, 0));
        assert_eq!(totals.paths[1_000], path("other", 501, 1));
    }

    #[test]
    fn a_listener_tells_once_a_second_and_counts_the_rest() {
        let (log, lines) = Log::queue();
        let mut tally = Tally::new(Arc::default(), log);
        let id = ConnectionId { shard: 0, number: 1 };
        let start = Instant::now();
        for (listener, milliseconds) in [("a", 0), ("a", 1), ("b", 2), ("a", 999), ("a", 1_000), ("a", 2_000)] {
            let now = start + std::time::Duration::from_millis(milliseconds);
            tally.misrouted(now, listener, id, b"/p", || "why".to_owned());
        }
        let told: Vec<(String, u64)> = lines
            .try_iter()
            .map(|line| {
                let Line::Notice(Notice::Misrouted { listener, untold, .. }) = line else { panic!("{line:?}") };
                (listener, untold)
            })
            .collect();
        assert_eq!(told, [("a".to_owned(), 0), ("b".to_owned(), 0), ("a".to_owned(), 2), ("a".to_owned(), 0)]);
    }
}
