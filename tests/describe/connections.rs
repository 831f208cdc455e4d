//! Connections as a debugging tool must not change them: both directions, both address families, several at once, and
//! whatever becomes of standard output.

use std::net::{IpAddr, Ipv6Addr};

use crate::session::Session;
use crate::support::{Backend, Peer, h2, noise};

#[test]
fn the_end_of_one_direction_is_no_end_of_the_other() {
    let backend = Backend::listen();
    let session = Session::start(&backend, &[]);
    let mut client = session.connect();
    client.sends("\0question");
    client.finishes();
    let mut served = backend.accept();
    served.receives("\0question");
    served.receives_end();
    served.sends("answer");
    client.receives("answer");
    session.prints("61 6e 73 77 65 72");
    served.finishes();
    client.receives_end();
    session.note("client finished");
    let out = session.ends(&client);
    assert!(
        out.ends_with(
            "Done redirecting socket for client(CLIENT)->proxy->server(BACKEND)\n\
         Done redirecting socket for server(BACKEND)->proxy->client(CLIENT)\n\
         Stopping tcp-h2-describe proxy server on port N\n\
         Waiting for request handlers to complete...\n"
        ),
        "{out}"
    );
}

#[test]
fn ipv6_is_listened_on() {
    let backend = Backend::listen();
    let mut session = Session::silent(&backend, "[::1]:0", &[]);
    assert_eq!(session.address().ip(), IpAddr::V6(Ipv6Addr::LOCALHOST));
    let mut client = session.connect();
    client.sends("\0hello");
    backend.accept().receives("\0hello");
    drop(client);
    session.terminates();
}

#[test]
fn blocks_of_connections_at_once_do_not_mix() {
    let backend = Backend::listen();
    let session = Session::start(&backend, &[]);
    let clients: Vec<_> = (0..2).map(|_| session.connect()).collect();
    let senders = clients.iter().zip(["left", "right"]).map(|(client, name)| {
        let mut client = Peer { stream: client.stream.try_clone().unwrap() };
        std::thread::spawn(move || {
            client.sends(h2::greeting());
            for number in 0..200 {
                client.sends(h2::get(2 * number + 1, &[("x-name", name)]));
            }
        })
    });
    let senders: Vec<_> = senders.collect();
    let mut served: Vec<_> = (0..2).map(|_| backend.accept()).collect();
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    for served in &mut served {
        // A client that leaves while its backend is being connected is not relayed.
        served.receives(h2::PREFACE);
        served.sends(h2::settings(&[]));
    }
    clients.iter().for_each(Peer::finishes);
    for mut served in served {
        served.receive_all();
        served.finishes();
    }
    for client in &clients {
        let mut client = Peer { stream: client.stream.try_clone().unwrap() };
        client.receive_all();
        session.note("finished");
    }
    let out = session.ends(&clients[0]);
    let mut names = [0, 0];
    for block in out.split(&format!("{}\n", "=".repeat(60))).skip(1) {
        let (description, sections) = block.split_once("\n\n").unwrap();
        let is_first = description.contains("(CLIENT)");
        let (own, other) = if is_first { ("left", "right") } else { ("right", "left") };
        let own = format!("'x-name' -> '{own}'");
        names[usize::from(!is_first)] += sections.matches(&own).count();
        assert!(!sections.contains(&format!("'x-name' -> '{other}'")), "{block}");
        // Life-cycle lines stand behind the last section, never within one.
        let (sections, rest) = sections.rsplit_once("----------------------------------------\n").unwrap();
        assert!(!sections.contains("connection from") && !sections.contains("redirecting"), "{block}");
        assert!(rest.lines().all(|line| LIFE_CYCLE.iter().any(|start| line.starts_with(start))), "{rest}");
    }
    assert_eq!(names, [200, 200]);
}

const LIFE_CYCLE: [&str; 4] =
    ["Accepted connection from ", "Done redirecting socket for ", "Stopping ", "Waiting for "];

#[test]
fn traffic_goes_on_when_standard_output_is_closed() {
    let backend = Backend::listen();
    let mut session = Session::silent(&backend, "127.0.0.1:0", &[]);
    session.closes_output();
    relays(&session, &backend, 3);
    session.note("warning: connections are relayed, but explained no more");
    session.terminates();
}

#[test]
fn traffic_and_the_end_do_not_wait_for_a_reader_that_is_stuck() {
    let backend = Backend::listen();
    let mut session = Session::silent(&backend, "127.0.0.1:0", &[]);
    relays(&session, &backend, 3);
    session.terminates();
}

/// Far more than a pipe holds goes through connections, one after the other.
#[track_caller]
fn relays(session: &Session, backend: &Backend, count: u64) {
    for seed in 0..count {
        let bytes = noise(seed, 500_000);
        let mut client = session.connect();
        client.sends(&bytes);
        client.finishes();
        let mut served = backend.accept();
        assert!(served.receive_all() == bytes);
        served.sends("done");
        served.finishes();
        assert_eq!(client.receive_all(), b"done");
    }
}
