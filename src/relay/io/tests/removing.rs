//! Giving sockets up, and using their slots again.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

use super::*;

on_both_engines!(
    an_idle_socket_is_closed_at_once,
    a_receiving_socket_is_closed,
    a_socket_with_every_order_is_closed,
    a_socket_watched_behind_a_fin_is_closed,
    events_that_wait_are_not_told,
    old_tokens_are_nobodys,
    slots_are_used_again_in_a_storm,
    dropping_the_engine_closes_all,
);

/// Waits until nothing is open.
fn close_all<I: Io>(io: &mut I) {
    let deadline = Instant::now() + DEADLINE;
    while io.open() > 0 {
        assert!(Instant::now() < deadline, "{} open", io.open());
        io.wait(Some(DEADLINE)).unwrap();
        let event = io.next();
        assert!(event.is_none(), "{event:?}");
    }
}

fn sees_the_end(mut peer: TcpStream) {
    peer.set_read_timeout(Some(DEADLINE)).unwrap();
    match peer.read_to_end(&mut Vec::new()) {
        Ok(_) => {}
        // It had sent something that was never read.
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

fn an_idle_socket_is_closed_at_once<I: Io>() {
    let mut io: I = engine();
    let (ours, peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    assert_eq!(io.open(), 1);
    io.remove(token);
    io.remove(token);
    assert_eq!(io.open(), 0);
    sees_the_end(peer);
}

fn a_receiving_socket_is_closed<I: Io>() {
    for is_submitted in [true, false] {
        let mut io: I = engine();
        let (ours, peer) = connection();
        let token = io.add(ours, Tag(1)).unwrap();
        io.receive(token);
        if is_submitted {
            quiet(&mut io);
        }
        io.remove(token);
        close_all(&mut io);
        sees_the_end(peer);
        quiet(&mut io);
        assert_eq!(io.stale(), 0);
    }
}

fn a_socket_with_every_order_is_closed<I: Io>() {
    let mut io: I = engine();
    let (ours, peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    fill(&io, token);
    io.await_readable(token);
    io.await_writable(token);
    io.watch_break(token);
    quiet(&mut io);
    io.receive(token);
    io.stop_receiving(token);
    io.remove(token);
    close_all(&mut io);
    sees_the_end(peer);
}

fn a_socket_watched_behind_a_fin_is_closed<I: Io>() {
    let mut io: I = engine();
    let (ours, peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    fill(&io, token);
    io.await_writable(token);
    io.watch_break(token);
    quiet(&mut io);
    io.remove(token);
    close_all(&mut io);
    sees_the_end(peer);
    quiet(&mut io);
}

fn events_that_wait_are_not_told<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    io.receive(token);
    io.await_writable(token);
    quiet_after_writable(&mut io);
    peer.write_all(&pattern(100_000)).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let first = event(&mut io);
    take(&mut io, first, Tag(1));
    io.await_writable(token);
    io.stop_receiving(token);
    io.wait(Some(DEADLINE)).unwrap();
    io.remove(token);
    close_all(&mut io);
    quiet(&mut io);
    sees_the_end(peer);
}

fn quiet_after_writable<I: Io>(io: &mut I) {
    assert!(matches!(event(io), Event::Writable(Tag(1))));
    quiet(io);
}

fn old_tokens_are_nobodys<I: Io>() {
    let mut io: I = engine();
    let (first, _first_peer) = connection();
    let old = io.add(first, Tag(1)).unwrap();
    io.remove(old);
    close_all(&mut io);
    let (second, mut second_peer) = connection();
    let new = io.add(second, Tag(2)).unwrap();
    assert_ne!(old, new);
    io.receive(old);
    io.await_writable(old);
    io.watch_break(old);
    io.stop_receiving(old);
    io.remove(old);
    assert_eq!(io.open(), 1);
    second_peer.write_all(b"x").unwrap();
    quiet(&mut io);
    io.receive(new);
    assert_eq!(take_exactly(&mut io, Tag(2), 1), b"x");
}

/// Sockets come and go while their peers send and close: every event is of a socket that is there.
fn slots_are_used_again_in_a_storm<I: Io>() {
    let mut io: I = engine();
    let mut present = std::collections::HashMap::new();
    for number in 0..600_u32 {
        let (ours, mut peer) = connection();
        let token = io.add(ours, Tag(number)).unwrap();
        io.receive(token);
        io.watch_break(token);
        if number % 2 == 0 {
            peer.write_all(&number.to_be_bytes()).unwrap();
        }
        match number % 5 {
            0 => drop(peer),
            1 => reset(peer),
            2 => peer.shutdown(Shutdown::Write).unwrap(),
            _ => {
                present.insert(number, (token, Some(peer)));
                continue;
            }
        }
        present.insert(number, (token, None));
        io.wait(Some(Duration::ZERO)).unwrap();
        while let Some(event) = io.next() {
            let (Event::Received(tag, _) | Event::Ended(tag) | Event::Failed(tag, _) | Event::Broken(tag)) = event
            else {
                panic!("{event:?}");
            };
            assert!(present.contains_key(&tag.0), "an event of {tag:?}, which is removed");
            if let Event::Received(_, chunk) = event {
                assert_eq!(io.bytes(&chunk), tag.0.to_be_bytes());
                io.release(chunk);
            } else if let Some((token, _)) = present.remove(&tag.0) {
                io.remove(token);
            }
        }
        // Some go while much of them is on its way.
        if let Some((token, _)) = present.remove(&number.saturating_sub(7)) {
            io.remove(token);
        }
    }
    for (token, _) in present.into_values() {
        io.remove(token);
    }
    close_all(&mut io);
}

fn dropping_the_engine_closes_all<I: Io>() {
    let mut io: I = engine();
    let (ours, peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    io.receive(token);
    quiet(&mut io);
    drop(io);
    sees_the_end(peer);
}
