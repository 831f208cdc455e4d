//! What end-to-end tests are made of: a proxy in this process, and clients and backends that do as a script says.
//!
//! Every wait has [`DEADLINE`], so that a test that would hang fails instead, at the line that waits.

#![allow(dead_code, unused_imports, reason = "each of the test programs that share this uses a part of it")]

pub(crate) mod h2;
pub(crate) mod host;
pub(crate) mod measure;
pub(crate) mod pair;
pub(crate) mod peer;
pub(crate) mod prefix;
pub(crate) mod process;
pub(crate) mod proxy;

use std::time::{Duration, Instant};

use spliceway::config::EngineChoice;

pub(crate) use pair::Pair;
pub(crate) use peer::{Backend, Peer};
pub(crate) use proxy::{Front, config, two_pools};

/// What proxies under test wait with. The test program's name decides: a program that needs no proxy need not say.
///
/// Never `Auto`: where io_uring is refused, tests that pass on epoll would prove nothing of the ring.
pub(crate) const ENGINE: EngineChoice = match env!("CARGO_CRATE_NAME").as_bytes() {
    b"way_epoll" | b"relay_epoll" => EngineChoice::Epoll,
    _ => EngineChoice::IoUring,
};

/// Longer than any deadline of the proxy that a test waits for, and than a busy machine takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::yield_now();
    }
}

/// Bytes that look random and are the same each time: whoever loses, repeats or swaps some is found out.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
