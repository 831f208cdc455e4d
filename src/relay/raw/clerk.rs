//! What a shard's relay needs to count and tell of watched connections.

use std::time::Instant;

use crate::log::Tally;
use crate::wire::head::RequestHead;

/// One for all connections of a shard.
#[derive(Debug)]
pub(super) struct Clerk {
    pub(super) tally: Tally,
    /// What a request is decoded into. Its memory is kept.
    pub(super) request: RequestHead,
    /// When the clock was looked at last.
    pub(super) now: Instant,
}

impl Clerk {
    pub(super) fn new(tally: Tally) -> Clerk {
        Clerk { tally, request: RequestHead::default(), now: Instant::now() }
    }
}
