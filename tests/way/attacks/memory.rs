//! What attacks cost in memory. Of a process of its own, since tests run side by side in this one.

use spliceway::log::{Cause, CloseReason};

use crate::support::h2::{self, eager_call, frame, greeting};
use crate::support::measure::resident_bytes;
use crate::support::process::{Process, start_configured};
use crate::support::{Backend, Peer, config, wait_until};

const CONNECTIONS: usize = 400;

fn begin(limits: &str) -> (Process, std::net::SocketAddr, Backend) {
    let backend = Backend::listen();
    let (process, address) = start_configured(&format!("{}[limits]\n{limits}\n", config("", &[&backend])), ":");
    (process, address, backend)
}

/// A good client is served; whatever is done for one once is in place then.
#[track_caller]
fn serves(address: std::net::SocketAddr, backend: &Backend) -> (Peer, Peer) {
    let mut client = Peer::connect(address);
    client.sends(eager_call(&[]));
    let mut served = backend.accept();
    served.receives(eager_call(&[]));
    (client, served)
}

/// The counts that the program tells on SIGUSR1.
#[track_caller]
fn counts(process: &Process) -> serde_json::Value {
    process.signal(rustix::process::Signal::USR1);
    process.note("counts")
}

fn limited(counts: &serde_json::Value, limit: &str) -> u64 {
    let limits = counts["limits"].as_array().expect("a list");
    limits.iter().find(|entry| entry["limit"] == limit).map_or(0, |entry| entry["count"].as_u64().expect("a number"))
}

#[test]
fn blocks_that_never_end_hold_no_more_than_the_limit_for_each_connection() {
    let (process, address, backend) = begin("header_deadline = \"1m\"");
    let first = serves(address, &backend);
    let before = resident_bytes(process.id());
    // Three quarters of what is allowed, and no end.
    let block = [frame(h2::HEADERS, 0, 1, &[0x82; 16_384]), frame(9, 0, 1, &[0x82; 16_384]).repeat(2)].concat();
    let crowd: Vec<Peer> = (0..CONNECTIONS)
        .map(|_| {
            let mut attacker = Peer::connect(address);
            attacker.sends([greeting(), block.clone()].concat());
            attacker
        })
        .collect();
    wait_until("all are accepted", || counts(&process)["open"] == CONNECTIONS as u64 + 1);
    let second = serves(address, &backend);
    let held = resident_bytes(process.id()).saturating_sub(before);
    // Input and fragments, each in a buffer that has grown by doubling: four times the block at the very most.
    let most = CONNECTIONS as u64 * 4 * 49_152 + (8 << 20);
    assert!(held <= most, "{held} bytes for {CONNECTIONS} connections");
    drop((crowd, first, second));
    wait_until("all have ended", || counts(&process)["open"] == 0);
}

#[test]
fn connections_that_ask_for_nothing_hold_little() {
    let (process, address, backend) = begin("preface_deadline = \"1m\"");
    let good = serves(address, &backend);
    for opening in [&h2::PREFACE[..14], &greeting()] {
        let open = counts(&process)["open"].as_u64().expect("a number");
        let before = resident_bytes(process.id());
        let crowd: Vec<Peer> = (0..CONNECTIONS)
            .map(|_| {
                let mut attacker = Peer::connect(address);
                attacker.sends(opening);
                attacker
            })
            .collect();
        wait_until("all are accepted", || counts(&process)["open"] == open + CONNECTIONS as u64);
        let second = serves(address, &backend);
        let held = resident_bytes(process.id()).saturating_sub(before);
        assert!(held <= CONNECTIONS as u64 * 4096 + (1 << 20), "{held} bytes for {CONNECTIONS} connections");
        drop((crowd, second));
        wait_until("all have ended", || counts(&process)["open"] == 1);
    }
    drop(good);
}

#[test]
fn a_flood_is_neither_kept_nor_read_for_long() {
    let (process, address, backend) = begin("");
    let good = serves(address, &backend);
    let before = resident_bytes(process.id());
    let ping = frame(h2::PING, 0, 0, b"12345678").repeat(4096);
    for _ in 0..20 {
        let mut attacker = Peer::connect(address);
        attacker.sends(greeting());
        // As much as is taken; the connection is closed, or what it sends is no longer read.
        attacker.stream.set_write_timeout(Some(std::time::Duration::from_millis(500))).unwrap();
        for _ in 0..1000 {
            if std::io::Write::write_all(&mut attacker.stream, &ping).is_err() {
                break;
            }
        }
    }
    wait_until("all are counted", || limited(&counts(&process), "ping_frames") == 20);
    let second = serves(address, &backend);
    let held = resident_bytes(process.id()).saturating_sub(before);
    assert!(held <= 8 << 20, "{held} bytes");
    drop((good, second));
}

#[test]
fn what_is_refused_is_told_at_the_end() {
    let (mut process, address, backend) = begin("ping_frames = 1\nunrouted_connections_per_source = 2");
    let good = serves(address, &backend);
    let mut attacker = Peer::connect(address);
    attacker.sends([greeting(), frame(h2::PING, 0, 0, b"12345678").repeat(2)].concat());
    assert_eq!(attacker.receives_goaway(), (0, h2::ENHANCE_YOUR_CALM));
    drop(attacker);
    let mut silent: Vec<Peer> = (0..3).map(|_| Peer::connect(address)).collect();
    silent[2].receives_end();
    wait_until("both are counted", || limited(&counts(&process), "unrouted_connections_per_source") == 1);
    drop((good, silent));
    process.signal(rustix::process::Signal::TERM);
    let stopped = process.note("stopped");
    assert_eq!((limited(&stopped, "ping_frames"), limited(&stopped, "unrouted_connections_per_source")), (1, 1));
    assert_eq!(stopped["open"], 0);
    let limit = CloseReason::client(Cause::Limit);
    let expected = serde_json::json!({ "side": limit.side.label(), "cause": limit.cause.label(), "count": 2 });
    assert!(stopped["closed"].as_array().unwrap().contains(&expected), "{stopped}");
    let summaries = process.summaries();
    let told: Vec<&str> = summaries.iter().filter_map(|summary| summary["limit"].as_str()).collect();
    assert_eq!(told, ["ping_frames", "unrouted_connections_per_source"]);
}
