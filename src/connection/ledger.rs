//! What remains of a connection's record once it is handed over: enough to end it on the relay's thread.

use std::sync::Arc;
use std::time::Instant;

use crate::log::{Counters, Log, Summary};
use crate::relay::{End, Owner};

/// A connection's entry in counts and log, still open. Ending it closes it.
#[derive(Debug)]
pub struct Ledger {
    pub(super) summary: Box<Summary>,
    pub(super) begun: Instant,
    /// Bytes sent to the client before the hand-over.
    pub(super) said: u64,
    pub(super) counters: Arc<Counters>,
    /// The shard's: a copy of the log itself for each connection would be counted by all shards in one place.
    pub(super) log: Arc<Log>,
}

impl Owner for Ledger {
    fn ended(mut self, end: End) {
        let summary = &mut self.summary;
        summary.duration = self.begun.elapsed();
        summary.to_backend = end.to_backend;
        summary.to_client = end.to_client;
        summary.to_client.copied += self.said;
        summary.requests = end.requests;
        summary.reason = end.reason;
        summary.detail = end.detail;
        self.counters.closed(end.reason);
        let unlogged = match end.sample {
            Some(sample) => sample.end(self.summary).err(),
            None => Some(self.summary),
        };
        if let Some(summary) = unlogged {
            self.log.summary(summary);
        }
    }
}
