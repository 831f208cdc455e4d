//! What the backend has answered, by service.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::super::schema::Schemas;

/// Answers and open questions; bounded in number and size.
#[derive(Debug)]
pub(super) struct Cache {
    entries: HashMap<String, Entry>,
    retry_after: Duration,
}

/// What is known of a service.
#[derive(Debug)]
pub(super) enum Entry {
    /// It has been asked for.
    Pending,
    /// Its schema, of so many bytes in its encoded form.
    Known { schemas: Schemas, bytes: usize, since: Instant },
    /// Why there is none.
    Failed { reason: String, since: Instant },
}

impl Cache {
    pub(super) fn new(retry_after: Duration) -> Cache {
        Cache { entries: HashMap::new(), retry_after }
    }

    pub(super) fn get(&self, service: &str) -> Option<&Entry> {
        self.entries.get(service)
    }

    /// Notes that the question is on its way. A schema that is known stays until there is a better one.
    pub(super) fn asked(&mut self, service: &str) {
        match self.entries.get_mut(service) {
            Some(Entry::Known { since, .. }) => *since = Instant::now(),
            _ => drop(self.entries.insert(service.to_owned(), Entry::Pending)),
        }
    }

    /// Notes an answer. A failure does not replace what is known.
    pub(super) fn answered(&mut self, service: &str, entry: Entry) {
        let known = matches!(self.entries.get(service), Some(Entry::Known { .. }));
        if !known || !matches!(entry, Entry::Failed { .. }) {
            self.entries.insert(service.to_owned(), entry);
        }
    }

    /// Whether there is no answer, or an old one that is no help: a failure, or a schema without what is looked for.
    pub(super) fn is_to_be_asked(&self, service: &str, helps: impl FnOnce(&Schemas) -> bool) -> bool {
        match self.entries.get(service) {
            None => true,
            Some(Entry::Pending) => false,
            Some(Entry::Failed { since, .. }) => since.elapsed() >= self.retry_after,
            Some(Entry::Known { schemas, since, .. }) => since.elapsed() >= self.retry_after && !helps(schemas),
        }
    }

    /// Forgets the oldest failure if there are as many entries as there may be.
    pub(super) fn make_room(&mut self, service: &str) -> Result<(), String> {
        if self.entries.len() < SERVICES || self.entries.contains_key(service) {
            return Ok(());
        }
        let failures = self.entries.iter().filter_map(|(service, entry)| match entry {
            Entry::Failed { since, .. } => Some((*since, service)),
            Entry::Pending | Entry::Known { .. } => None,
        });
        let Some(oldest) = failures.min().map(|(_, service)| service.clone()) else {
            return Err(format!("server reflection was asked for {SERVICES} services, which is as many as it keeps"));
        };
        self.entries.remove(&oldest);
        Ok(())
    }

    /// Encoded bytes that further schemas may have.
    pub(super) fn bytes_left(&self) -> usize {
        let known = self.entries.values().map(|entry| match entry {
            Entry::Known { bytes, .. } => *bytes,
            Entry::Pending | Entry::Failed { .. } => 0,
        });
        BYTES_MAX.saturating_sub(known.sum())
    }
}

/// Services that are known or asked for.
const SERVICES: usize = 256;
/// Encoded bytes of all schemas: what the largest backends have, times ten. Linked they take some ten times that.
const BYTES_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn known(bytes: usize) -> Entry {
        Entry::Known { schemas: Schemas::built_in(), bytes, since: Instant::now() }
    }

    fn failed() -> Entry {
        Entry::Failed { reason: "gone".to_owned(), since: Instant::now() }
    }

    #[test]
    fn failures_make_room_for_others() {
        let mut cache = Cache::new(Duration::from_secs(30));
        for index in 0..256 {
            cache.make_room(&index.to_string()).unwrap();
            cache.asked(&index.to_string());
            if index == 7 {
                cache.answered("7", failed());
            }
        }
        cache.make_room("8").unwrap();
        assert!(cache.get("7").is_some());
        cache.make_room("new").unwrap();
        assert!(cache.get("7").is_none());
        cache.asked("new");
        assert!(cache.make_room("newer").unwrap_err().contains("256 services"));
    }

    #[test]
    fn what_is_known_counts_against_the_total() {
        let mut cache = Cache::new(Duration::ZERO);
        assert_eq!(cache.bytes_left(), 16_777_216);
        for (service, bytes) in [("a", 10_000_000), ("b", 6_000_000), ("a", 777_216)] {
            cache.answered(service, known(bytes));
        }
        assert_eq!(cache.bytes_left(), 10_000_000);
    }

    #[test]
    fn old_answers_are_asked_for_again_only_if_they_are_no_help() {
        let mut cache = Cache::new(Duration::ZERO);
        assert!(cache.is_to_be_asked("a", |_| false));
        cache.asked("a");
        assert!(!cache.is_to_be_asked("a", |_| false));
        cache.answered("a", failed());
        assert!(cache.is_to_be_asked("a", |_| false));
        cache.answered("a", known(0));
        assert!(cache.is_to_be_asked("a", |_| false));
        assert!(!cache.is_to_be_asked("a", |_| true));
        let mut cache = Cache::new(Duration::from_secs(30));
        cache.answered("a", failed());
        assert!(!cache.is_to_be_asked("a", |_| false));
    }

    #[test]
    fn what_is_known_stays_until_there_is_something_better() {
        let mut cache = Cache::new(Duration::ZERO);
        cache.answered("a", known(1));
        cache.asked("a");
        cache.answered("a", failed());
        assert!(matches!(cache.get("a"), Some(Entry::Known { bytes: 1, .. })));
        cache.answered("a", known(2));
        assert!(matches!(cache.get("a"), Some(Entry::Known { bytes: 2, .. })));
    }
}
