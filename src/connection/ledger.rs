//! What remains of a connection's record once it is handed over: enough to end it on the relay's thread.

use std::sync::Arc;
use std::time::Instant;

use crate::log::{Cause, CloseReason, Counters, Log, Side, Summary};
use crate::relay::{End, Owner};

/// A connection's entry in counts and log, still open. Ending it closes it.
#[derive(Debug)]
pub struct Ledger {
    pub(super) summary: Box<Summary>,
    pub(super) begun: Instant,
    /// It is the own one of the sender in front of us: its PROXY header says LOCAL.
    pub(super) is_local: bool,
    /// Bytes sent to the client before the hand-over.
    pub(super) said: u64,
    /// Bytes of the PROXY header that stands before what the backend gets of the client.
    pub(super) introduction: u64,
    pub(super) counters: Arc<Counters>,
    /// The shard's: a copy of the log itself for each connection would be counted by all shards in one place.
    pub(super) log: Arc<Log>,
}

impl Owner for Ledger {
    fn ended(mut self, end: End) {
        let summary = &mut self.summary;
        summary.duration = self.begun.elapsed();
        summary.to_backend = end.to_backend;
        summary.to_backend.copied = summary.to_backend.copied.saturating_sub(self.introduction);
        summary.to_client = end.to_client;
        summary.to_client.copied += self.said;
        summary.requests = end.requests;
        summary.reason = end.reason;
        summary.detail = end.detail;
        if self.is_local && has_only_looked(summary) {
            summary.reason = CloseReason::client(Cause::Probe);
        }
        self.counters.closed(summary.reason, summary.limit);
        let unlogged = match end.sample {
            Some(sample) => sample.end(self.summary).err(),
            None => Some(self.summary),
        };
        if let Some(summary) = unlogged {
            self.log.summary(summary);
        }
    }
}

/// Whether the client left the backend that it was connected to without a byte: a check that something listens.
fn has_only_looked(summary: &Summary) -> bool {
    let CloseReason { side, cause } = summary.reason;
    let has_left = side == Side::Client && matches!(cause, Cause::Finished | Cause::Reset);
    has_left && summary.connect.is_some() && summary.to_backend.total() == 0
}
