//! Readers that stall: they hold up nobody else, cost little, and get everything once they read.

use super::{RAW, memory_has_grown_by_less_than};
use crate::support::measure::resident_bytes;
use crate::support::pair::{Pair, fill};
use crate::support::process::start_configured;
use crate::support::{Backend, config};

#[test]
fn stalled_readers_hold_up_nobody_else() {
    let backend = Backend::listen();
    let (mut process, address) = start_configured(&config(RAW, &[&backend]), ":");
    let id = process.id();
    let connect = || (0..CONNECTIONS).map(|_| Pair::connect(address, &backend)).collect::<Vec<Pair>>();
    let (mut stalled, mut lively) = (connect(), connect());
    // The proxy has all its threads and buffers now.
    for pair in &mut lively {
        pair.exchange(300_000, 300_000);
    }
    let at_first = resident_bytes(id);
    fill(&mut stalled);
    for pair in &mut lively {
        pair.exchange(LIVELY_BYTES, LIVELY_BYTES);
    }
    fill(&mut stalled);
    memory_has_grown_by_less_than(MEMORY_BYTES, at_first, id);
    let mut expected: Vec<(u64, u64)> = Vec::new();
    for pair in lively.into_iter().chain(stalled) {
        let (up, down) = pair.sent();
        assert!(up.max(down) < 100_000_000, "no end of what is taken: {up} and {down} bytes");
        expected.push((up, down));
        // All of it arrives, and the end behind it.
        pair.finish();
    }
    process.signal(rustix::process::Signal::TERM);
    let summaries = process.summaries();
    let bytes = |summary: &serde_json::Value, direction: &str| {
        let bytes = &summary[direction];
        bytes["copied"].as_u64().unwrap() + bytes["spliced"].as_u64().unwrap()
    };
    let mut counted: Vec<_> = summaries
        .iter()
        .map(|summary| (bytes(summary, "bytes_to_backend"), bytes(summary, "bytes_to_client")))
        .collect();
    counted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(counted, expected);
}

/// Of each kind.
const CONNECTIONS: usize = 24;

/// What passes each way on each of the lively ones.
const LIVELY_BYTES: usize = 8_000_000;

/// Bound of what the stalled connections may cost the process: 128 KiB for each direction, and 4 MiB for all else. The
/// kernel's buffers, which hold what the senders could send, are the kernel's.
const MEMORY_BYTES: u64 = 2 * CONNECTIONS as u64 * 131_072 + 4 * 1_048_576;
