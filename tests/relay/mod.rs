//! Load: many connections, long transfers, and what runs out. Compiled once for each engine.

mod descriptors;
mod drain;
mod echo;
mod plan;
mod short;
mod spliced;
mod stalled;
mod swarm;
mod switching;
mod threads;
mod timeouts;

use crate::support::measure::resident_bytes;

/// Listeners that relay without looking.
const RAW: &str = "detect = \"none\"";

/// The process has at most so many bytes more than it had before.
#[track_caller]
fn memory_has_grown_by_less_than(most: u64, before: u64, process: u32) {
    let after = resident_bytes(process);
    let grown = after.saturating_sub(before);
    assert!(grown < most, "{grown} bytes more than {before}, at most {most} are allowed");
}
