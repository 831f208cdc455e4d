//! Descriptors run out: who is connected goes on, who comes waits or is refused, and nothing spins.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::Signal;

use super::RAW;
use crate::support::measure::descriptors;
use crate::support::pair::Pair;
use crate::support::process::{cpu_time_of_a_second, start_configured};
use crate::support::{Backend, Peer, config, wait_until};

#[test]
fn without_descriptors_the_connected_go_on() {
    let backend = Backend::listen();
    let (mut process, address) = start_configured(&config(RAW, &[&backend]), "ulimit -n 256");
    let id = process.id();
    let mut connected: Vec<Pair> = (0..40).map(|_| Pair::connect(address, &backend)).collect();
    connected.iter_mut().for_each(Pair::ping_pong);

    let crowd: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
    // One may be left over: a connection takes two.
    wait_until("descriptors run out", || descriptors(id) >= 250);
    let used = cpu_time_of_a_second(id);
    assert!(used < Duration::from_millis(200), "{used:?} of a second");
    // Long transfers, which like to have pipes.
    for pair in &mut connected {
        pair.exchange(2_000_000, 2_000_000);
        pair.ping_pong();
    }

    drop(crowd);
    connected.extend((0..40).map(|_| connect_behind_a_crowd(address, &backend)));
    for pair in &mut connected {
        pair.exchange(2_000_000, 2_000_000);
        pair.ping_pong();
    }
    connected.into_iter().for_each(Pair::finish);
    process.signal(Signal::TERM);
    let finished = process.summaries().into_iter().filter(|summary| summary["bytes_to_backend"]["copied"] != 0);
    assert_eq!(finished.filter(|summary| summary["close"]["cause"] == "finished").count(), 80);
}

/// A connection, though the proxy may still be at those of a crowd that has gone. They end without a byte; and while
/// they take up descriptors, whoever comes may be refused.
#[track_caller]
fn connect_behind_a_crowd(front: SocketAddr, backend: &Backend) -> Pair {
    let mut found = None;
    let mut client = greeting(front);
    wait_until("the connected get through", || {
        if let Some(mut served) = backend.accept_at_once() {
            if matches!(served.stream.read(&mut [0]), Ok(1)) {
                found = Some(served);
            }
        } else if client.hears_something_within(Duration::from_millis(1)) {
            client = greeting(front);
        }
        found.is_some()
    });
    Pair::of(client, found.expect("it was waited for"))
}

fn greeting(front: SocketAddr) -> Peer {
    let mut client = Peer::connect(front);
    client.sends("x");
    client
}
