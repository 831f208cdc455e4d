//! Bulk goes through pipes of the kernel: nearly all of it, at few wake-ups, and no pipe is kept by who is idle.

use rustix::process::Signal;
use serde_json::Value;

use super::RAW;
use crate::support::measure::{pipes, sleeps};
use crate::support::pair::Pair;
use crate::support::process::start_configured;
use crate::support::{Backend, config, wait_until};

fn spliced_and_all(bytes: &Value) -> (u64, u64) {
    let [spliced, copied] = ["spliced", "copied"].map(|key| bytes[key].as_u64().expect("a number"));
    (spliced, spliced + copied)
}

#[test]
fn a_long_transfer_is_spliced_and_wakes_the_relay_rarely() {
    let backend = Backend::listen();
    let (mut process, address) = start_configured(&config(RAW, &[&backend]), ":");
    let mut pair = Pair::connect(address, &backend);
    pair.ping_pong();
    for (up, down) in [(GIGABYTE, 0), (0, GIGABYTE)] {
        let before = sleeps(process.id(), "relay-");
        assert!(before > 0, "no thread of this name");
        pair.exchange(up, down);
        let slept = sleeps(process.id(), "relay-") - before;
        assert!(slept <= WAKES_PER_GIGABYTE, "woken {slept} times");
    }
    pair.finish();
    process.signal(Signal::TERM);
    let summary = process.summaries().pop().expect("one connection");
    for direction in ["bytes_to_backend", "bytes_to_client"] {
        let (spliced, all) = spliced_and_all(&summary[direction]);
        assert_eq!(all, GIGABYTE as u64 + 64, "{direction}");
        assert!(spliced * 100 >= all * 95, "{direction}: {spliced} of {all}");
    }
}

#[test]
fn both_directions_at_once_are_spliced() {
    let backend = Backend::listen();
    let (mut process, address) = start_configured(&config(RAW, &[&backend]), ":");
    let mut pair = Pair::connect(address, &backend);
    pair.exchange(GIGABYTE / 2, GIGABYTE / 2);
    pair.finish();
    process.signal(Signal::TERM);
    let summary = process.summaries().pop().expect("one connection");
    for direction in ["bytes_to_backend", "bytes_to_client"] {
        let (spliced, all) = spliced_and_all(&summary[direction]);
        assert!(spliced * 100 >= all * 95, "{direction}: {spliced} of {all}");
    }
}

#[test]
fn small_messages_are_never_spliced() {
    let backend = Backend::listen();
    let (mut process, address) = start_configured(&config(RAW, &[&backend]), ":");
    let mut pair = Pair::connect(address, &backend);
    (0..1000).for_each(|_| pair.ping_pong());
    pair.finish();
    process.signal(Signal::TERM);
    let summary = process.summaries().pop().expect("one connection");
    for direction in ["bytes_to_backend", "bytes_to_client"] {
        assert_eq!(spliced_and_all(&summary[direction]), (0, 64_000), "{direction}");
    }
}

#[test]
fn idle_connections_hold_no_pipe() {
    let backend = Backend::listen();
    let (process, address) = start_configured(&config(RAW, &[&backend]), ":");
    let id = process.id();
    let at_first = pipes(id);
    let mut pairs: Vec<Pair> = (0..60).map(|_| Pair::connect(address, &backend)).collect();
    for pair in &mut pairs {
        pair.exchange(4_000_000, 4_000_000);
    }
    wait_until("pipes go back to the pool", || pipes(id) <= at_first + POOLED_PIPES);
    // They are all alive, and bulk again when they need to be.
    for pair in &mut pairs {
        pair.exchange(1_000_000, 1_000_000);
    }
    wait_until("pipes go back to the pool", || pipes(id) <= at_first + POOLED_PIPES);
    pairs.into_iter().for_each(Pair::finish);
}

/// What is decoded has to be seen.
#[test]
fn a_sampled_connection_is_never_spliced() {
    let backend = Backend::listen();
    let sampled = config(&format!("{RAW}\nsample = \"1/1\""), &[&backend]);
    let (mut process, address) = start_configured(&sampled, ":");
    let mut pair = Pair::connect(address, &backend);
    pair.exchange(16_000_000, 16_000_000);
    pair.finish();
    process.signal(Signal::TERM);
    let summary = process.summaries().pop().expect("one connection");
    for direction in ["bytes_to_backend", "bytes_to_client"] {
        assert_eq!(spliced_and_all(&summary[direction]), (0, 16_000_000), "{direction}");
    }
}

const GIGABYTE: usize = 1 << 30;

/// A sleep for each 256 KiB pipe would make about 4,000; prototypes took up to 17,000 when a pipe was never full.
const WAKES_PER_GIGABYTE: u64 = 14_000;

/// Pipes that the relay may keep for whoever is next.
const POOLED_PIPES: usize = 16;
