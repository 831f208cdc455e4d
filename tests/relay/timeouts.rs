//! Time-outs of many connections at once: those that are idle end, those that are not go on.

use std::time::{Duration, Instant};

use spliceway::log::{Cause, Side};

use super::RAW;
use crate::support::pair::Pair;
use crate::support::{Backend, Front, config};

fn front(backend: &Backend) -> Front {
    Front::start(&(config(RAW, &[backend]) + "idle_timeout = \"1s\"\n"))
}

fn connect(front: &Front, backend: &Backend, connections: usize) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = (0..connections).map(|_| Pair::connect(front.address(), backend)).collect();
    pairs.iter_mut().for_each(Pair::ping_pong);
    pairs
}

/// Waits until `connections` have ended for being idle, while `others` have something to say all the time.
#[track_caller]
fn await_idle(front: &Front, connections: usize, others: &mut [Pair]) {
    let ended = || front.proxy().totals().closed.iter().map(|(_, count)| *count).sum::<u64>();
    let begun = Instant::now();
    while ended() < connections as u64 {
        assert!(begun.elapsed() < LATEST, "{} of {connections} have ended", ended());
        others.iter_mut().for_each(Pair::ping_pong);
        std::thread::yield_now();
    }
    for _ in 0..connections {
        let summary = front.closed(Side::Proxy, Cause::Idle);
        // Of the last byte, a moment may have passed since the beginning.
        assert!((IDLE..LATEST).contains(&summary.duration), "{summary:?}");
        assert_eq!((summary.to_backend.total(), summary.to_client.total()), (64, 64), "{summary:?}");
    }
}

#[test]
fn idle_connections_end_and_lively_ones_go_on() {
    let backend = Backend::listen();
    let front = front(&backend);
    let mut lively = connect(&front, &backend, 20);
    let idle = connect(&front, &backend, CONNECTIONS);
    await_idle(&front, CONNECTIONS, &mut lively);
    for pair in &idle {
        pair.client_sees_end();
        pair.served_sees_end();
    }
    for mut pair in lively {
        pair.ping_pong();
        pair.finish();
        front.summary();
    }
}

#[test]
fn half_closed_connections_that_are_idle_end_too() {
    let backend = Backend::listen();
    let front = front(&backend);
    let pairs = connect(&front, &backend, CONNECTIONS);
    for (number, pair) in pairs.iter().enumerate() {
        if number % 2 == 0 {
            pair.client.shutdown(std::net::Shutdown::Write).unwrap();
            pair.served_sees_end();
        } else {
            pair.served.shutdown(std::net::Shutdown::Write).unwrap();
            pair.client_sees_end();
        }
    }
    await_idle(&front, CONNECTIONS, &mut []);
    for (number, pair) in pairs.iter().enumerate() {
        if number % 2 == 0 {
            pair.client_sees_end();
        } else {
            pair.served_sees_end();
        }
    }
}

const CONNECTIONS: usize = 400;
const IDLE: Duration = Duration::from_secs(1);
/// A quarter of the time-out more is allowed; the rest is for machines that are busy.
const LATEST: Duration = Duration::from_secs(8);
