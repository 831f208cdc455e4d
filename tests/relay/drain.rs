//! Signals in the middle of transfers: the first lets them finish, the second or the drain time-out ends them.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::RAW;
use crate::support::pair::{Pair, fill};
use crate::support::process::{Process, start_configured};
use crate::support::{Backend, config, wait_until};

const CONNECTIONS: usize = 8;

/// A proxy with transfers that have begun, bulk and small. Its backend takes no further connections.
fn in_the_middle() -> (Process, SocketAddr, Vec<Pair>) {
    let backend = Backend::listen();
    let (process, address) = start_configured(&config(RAW, &[&backend]), ":");
    let mut pairs: Vec<Pair> = (0..CONNECTIONS).map(|_| Pair::connect(address, &backend)).collect();
    for pair in &mut pairs {
        pair.ping_pong();
        pair.exchange(4_000_000, 4_000_000);
    }
    fill(&mut pairs);
    (process, address, pairs)
}

fn reasons(summaries: &[Value]) -> Vec<&Value> {
    summaries.iter().map(|summary| &summary["close"]).collect()
}

#[test]
fn what_is_in_flight_finishes() {
    let (mut process, address, mut pairs) = in_the_middle();
    process.signal(Signal::TERM);
    assert_eq!(process.note("draining")["open"], CONNECTIONS);
    wait_until("new connections are refused", || TcpStream::connect(address).is_err());
    for pair in &mut pairs {
        pair.drain();
        pair.exchange(4_000_000, 4_000_000);
    }
    pairs.into_iter().for_each(Pair::finish);
    let mut summaries = process.summaries();
    // Connections that were accepted while it was asked whether any are.
    summaries.retain(|summary| summary["close"]["cause"] != "refused");
    assert_eq!(reasons(&summaries), [&json!({ "side": "client", "cause": "finished" }); CONNECTIONS]);
}

#[test]
fn a_second_signal_ends_transfers_at_once() {
    let (mut process, _, pairs) = in_the_middle();
    process.signal(Signal::TERM);
    process.note("draining");
    process.signal(Signal::TERM);
    let begun = Instant::now();
    let summaries = process.summaries();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(reasons(&summaries), [&json!({ "side": "proxy", "cause": "shutdown" }); CONNECTIONS]);
    drop(pairs);
}

#[test]
#[ignore = "takes the whole drain time-out, 30 s"]
fn the_drain_time_out_ends_what_is_left() {
    let (mut process, _, pairs) = in_the_middle();
    process.signal(Signal::TERM);
    process.note("draining");
    let begun = Instant::now();
    // The log's last lines come within a second or so; until then nothing is to be seen but that it lives.
    while !process.has_ended() {
        assert!(begun.elapsed() < Duration::from_secs(40), "it does not end");
        std::thread::yield_now();
    }
    assert!(begun.elapsed() > Duration::from_secs(28), "{:?}", begun.elapsed());
    let summaries = process.summaries();
    assert_eq!(reasons(&summaries), [&json!({ "side": "proxy", "cause": "shutdown" }); CONNECTIONS]);
    drop(pairs);
}
