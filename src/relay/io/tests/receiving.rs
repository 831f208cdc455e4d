//! Bytes, their end, and stopping.

use std::collections::HashMap;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use super::*;

on_both_engines!(
    bytes_come_in_and_buffers_are_used_again,
    unix_sockets_do_as_well,
    an_end_comes_once_and_behind_the_bytes,
    a_reset_is_a_failure,
    bytes_before_the_order_are_received,
    an_urgent_byte_hides_nothing,
    a_stop_is_answered_once,
    stopping_in_a_flood_loses_nothing,
    a_stop_may_be_answered_by_the_end,
    stopping_what_is_over_has_no_answer,
    more_sockets_than_buffers_flood,
    a_busy_socket_leaves_others_their_turn,
);

fn bytes_come_in_and_buffers_are_used_again<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = connection();
    let token = io.add(ours, Tag(7)).unwrap();
    io.receive(token);
    quiet(&mut io);
    for round in 0..2000_u32 {
        peer.write_all(&round.to_be_bytes()).unwrap();
        assert_eq!(take_exactly(&mut io, Tag(7), 4), round.to_be_bytes());
    }
    quiet(&mut io);
}

fn unix_sockets_do_as_well<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let token = io.add(ours.into(), Tag(1)).unwrap();
    io.receive(token);
    quiet(&mut io);
    peer.write_all(b"hello").unwrap();
    assert_eq!(take_exactly(&mut io, Tag(1), 5), b"hello");
    peer.write_all(b"again").unwrap();
    drop(peer);
    assert_eq!(take_exactly(&mut io, Tag(1), 5), b"again");
    assert!(matches!(event(&mut io), Event::Ended(Tag(1))));
}

fn an_end_comes_once_and_behind_the_bytes<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    io.receive(token);
    quiet(&mut io);
    peer.write_all(b"last").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(take_exactly(&mut io, Tag(1), 4), b"last");
    assert!(matches!(event(&mut io), Event::Ended(Tag(1))));
    quiet(&mut io);
}

fn a_reset_is_a_failure<I: Io>() {
    let mut io: I = engine();
    let (ours, peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    io.receive(token);
    quiet(&mut io);
    reset(peer);
    let Event::Failed(Tag(1), error) = event(&mut io) else { panic!() };
    assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET));
    quiet(&mut io);
}

fn bytes_before_the_order_are_received<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = connection();
    peer.write_all(b"early").unwrap();
    let token = io.add(ours, Tag(1)).unwrap();
    quiet(&mut io);
    io.receive(token);
    assert_eq!(take_exactly(&mut io, Tag(1), 5), b"early");
}

/// A read ends short of the urgent mark, though there is more behind it.
fn an_urgent_byte_hides_nothing<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = connection();
    peer.write_all(b"before").unwrap();
    rustix::net::send(&peer, b"!", SendFlags::OOB).unwrap();
    peer.write_all(b"behind").unwrap();
    let token = io.add(ours, Tag(1)).unwrap();
    io.receive(token);
    assert_eq!(take_exactly(&mut io, Tag(1), 12), b"beforebehind");
}

fn a_stop_is_answered_once<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    io.receive(token);
    quiet(&mut io);
    io.stop_receiving(token);
    io.stop_receiving(token);
    assert!(matches!(event(&mut io), Event::Stopped(Tag(1))));
    peer.write_all(b"left alone").unwrap();
    quiet(&mut io);
    io.receive(token);
    assert_eq!(take_exactly(&mut io, Tag(1), 10), b"left alone");
}

fn stopping_in_a_flood_loses_nothing<I: Io>() {
    let mut io: I = engine();
    let (ours, peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    let sent = Arc::new(pattern(16 << 20));
    let peer = flood(peer, Arc::clone(&sent));
    let (mut received, mut stops, mut chunks) = (Vec::new(), 0, 0);
    io.receive(token);
    loop {
        match event(&mut io) {
            Event::Stopped(_) => {
                stops += 1;
                // Nothing comes until it is wanted again.
                io.wait(Some(Duration::ZERO)).unwrap();
                let event = io.next();
                assert!(event.is_none(), "{event:?}");
                io.receive(token);
            }
            Event::Ended(_) => break,
            event => received.extend(take(&mut io, event, Tag(1))),
        }
        chunks += 1;
        if chunks % 5 == 0 {
            io.stop_receiving(token);
        }
        if chunks % 35 == 0 {
            // Whether the cancellation is with the kernel already, or still to be submitted.
            io.wait(Some(Duration::ZERO)).unwrap();
        }
    }
    peer.join().unwrap();
    assert!(received == *sent, "{} of {} bytes", received.len(), sent.len());
    assert!(stops > 2, "{stops} stops");
}

fn a_stop_may_be_answered_by_the_end<I: Io>() {
    let mut io: I = engine();
    let (ours, peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    io.receive(token);
    quiet(&mut io);
    drop(peer);
    io.wait(Some(DEADLINE)).unwrap();
    io.stop_receiving(token);
    assert!(matches!(event(&mut io), Event::Ended(Tag(1)) | Event::Stopped(Tag(1))));
    quiet(&mut io);
}

fn stopping_what_is_over_has_no_answer<I: Io>() {
    let mut io: I = engine();
    let (ours, peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    io.stop_receiving(token);
    quiet(&mut io);
    io.receive(token);
    drop(peer);
    assert!(matches!(event(&mut io), Event::Ended(Tag(1))));
    io.stop_receiving(token);
    quiet(&mut io);
}

fn more_sockets_than_buffers_flood<I: Io>() {
    const SOCKETS: u32 = 80;
    let mut io: I = engine();
    let sent = Arc::new(pattern(200_000));
    let mut received = HashMap::new();
    for number in 0..SOCKETS {
        let (ours, mut peer) = connection();
        // As much as the socket holds, so that all are ready at once; the rest from another thread.
        peer.set_nonblocking(true).unwrap();
        let first = peer.write(&sent).unwrap();
        peer.set_nonblocking(false).unwrap();
        let rest = sent[first..].to_vec();
        std::thread::spawn(move || peer.write_all(&rest).unwrap());
        let token = io.add(ours, Tag(number)).unwrap();
        received.insert(number, Vec::new());
        io.receive(token);
    }
    let mut ended = 0;
    while ended < SOCKETS {
        match event(&mut io) {
            Event::Ended(_) => ended += 1,
            Event::Received(Tag(number), chunk) => {
                received.get_mut(&number).unwrap().extend_from_slice(io.bytes(&chunk));
                io.release(chunk);
            }
            event => panic!("{event:?}"),
        }
    }
    for (number, received) in received {
        assert!(received == *sent, "socket {number}: {} of {} bytes", received.len(), sent.len());
    }
}

fn a_busy_socket_leaves_others_their_turn<I: Io>() {
    let mut io: I = engine();
    let (busy, peer) = connection();
    let busy = io.add(busy, Tag(1)).unwrap();
    io.receive(busy);
    let flood = flood(peer, Arc::new(vec![0; 64 << 20]));
    // The flood is on; now somebody else has something to say.
    let first = event(&mut io);
    assert!(!take(&mut io, first, Tag(1)).is_empty());
    let (other, mut peer) = connection();
    peer.write_all(b"me, too").unwrap();
    let other = io.add(other, Tag(2)).unwrap();
    io.receive(other);
    let mut before = 0;
    loop {
        match event(&mut io) {
            Event::Received(Tag(1), chunk) => {
                before += io.bytes(&chunk).len();
                io.release(chunk);
            }
            event => {
                assert_eq!(take(&mut io, event, Tag(2)), b"me, too");
                break;
            }
        }
    }
    assert!(before < 8 << 20, "{before} bytes of the busy one came first");
    io.remove(busy);
    drop(io);
    // The peer is reset in the middle of its flood.
    assert!(flood.join().is_err());
}
