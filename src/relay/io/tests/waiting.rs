//! Waiting for room, for bytes, for a break, for another thread, and for nothing.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;

use super::*;

on_both_engines!(
    an_idle_socket_is_writable_at_once,
    a_full_socket_is_writable_once_the_peer_reads,
    a_full_socket_behind_a_fin_waits_without_spinning,
    a_full_socket_is_ready_when_it_is_reset_behind_a_fin,
    bytes_make_readable_and_stay,
    readable_respects_the_low_water_mark,
    readable_and_receiving_take_turns,
    a_reset_is_a_break_and_a_fin_is_none,
    a_reset_behind_a_fin_is_a_break,
    both_ends_closed_is_a_break,
    room_and_break_are_watched_together,
    another_thread_ends_the_wait,
    a_wake_up_before_the_wait_is_not_lost,
    a_wait_takes_as_long_as_it_may,
);

fn an_idle_socket_is_writable_at_once<I: Io>() {
    let mut io: I = engine();
    let (ours, _peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    io.await_writable(token);
    io.await_writable(token);
    assert!(matches!(event(&mut io), Event::Writable(Tag(1))));
    quiet(&mut io);
    io.await_writable(token);
    assert!(matches!(event(&mut io), Event::Writable(Tag(1))));
}

fn a_full_socket_is_writable_once_the_peer_reads<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    let sent = fill(&io, token);
    io.await_writable(token);
    quiet(&mut io);
    peer.read_exact(&mut vec![0; sent]).unwrap();
    assert!(matches!(event(&mut io), Event::Writable(Tag(1))));
    assert!(fill(&io, token) > 0);
}

fn a_full_socket_behind_a_fin_waits_without_spinning<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    for orders_before in [true, false] {
        let sent = fill(&io, token);
        if orders_before {
            io.await_writable(token);
            quiet(&mut io);
            peer.shutdown(Shutdown::Write).unwrap();
        } else {
            io.await_writable(token);
            io.await_writable(token);
        }
        quiet(&mut io);
        peer.read_exact(&mut vec![0; sent]).unwrap();
        assert!(matches!(event(&mut io), Event::Writable(Tag(1))));
        quiet(&mut io);
    }
    io.receive(token);
    assert!(matches!(event(&mut io), Event::Ended(Tag(1))));
    fill(&io, token);
    io.await_writable(token);
    quiet(&mut io);
}

fn a_full_socket_is_ready_when_it_is_reset_behind_a_fin<I: Io>() {
    let mut io: I = engine();
    let (ours, peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    fill(&io, token);
    peer.shutdown(Shutdown::Write).unwrap();
    io.await_writable(token);
    quiet(&mut io);
    reset(peer);
    assert!(matches!(event(&mut io), Event::Writable(Tag(1))));
    quiet(&mut io);
}

fn bytes_make_readable_and_stay<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    io.await_readable(token);
    quiet(&mut io);
    peer.write_all(b"bytes").unwrap();
    assert!(matches!(event(&mut io), Event::Readable(Tag(1))));
    quiet(&mut io);
    // They are still there.
    io.await_readable(token);
    assert!(matches!(event(&mut io), Event::Readable(Tag(1))));
    let mut buffer = [0; 10];
    assert_eq!(rustix::io::read(io.descriptor(token), &mut buffer).unwrap(), 5);
    io.await_readable(token);
    quiet(&mut io);
    drop(peer);
    assert!(matches!(event(&mut io), Event::Readable(Tag(1))));
}

fn readable_respects_the_low_water_mark<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    set_low_water_mark(&io, token, 100);
    peer.write_all(&[b'a'; 60]).unwrap();
    io.await_readable(token);
    quiet(&mut io);
    peer.write_all(&[b'a'; 40]).unwrap();
    assert!(matches!(event(&mut io), Event::Readable(Tag(1))));
    // What is below the mark is received all the same.
    let mut buffer = [0; 50];
    assert_eq!(rustix::io::read(io.descriptor(token), &mut buffer).unwrap(), 50);
    io.await_readable(token);
    quiet(&mut io);
    set_low_water_mark(&io, token, 1);
    io.receive(token);
    let mut received = 0;
    while received < 50 {
        match event(&mut io) {
            // Lowering the mark made it readable.
            Event::Readable(_) => {}
            event => received += take(&mut io, event, Tag(1)).len(),
        }
    }
}

/// As the relay does: receive, stop, read by itself, and receive again.
fn readable_and_receiving_take_turns<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    for round in 0..50_u8 {
        io.receive(token);
        peer.write_all(&[round]).unwrap();
        assert_eq!(take_exactly(&mut io, Tag(1), 1), [round]);
        io.stop_receiving(token);
        assert!(matches!(event(&mut io), Event::Stopped(Tag(1))));
        peer.write_all(&[round, 0]).unwrap();
        let mut read = 0;
        while read < 2 {
            io.await_readable(token);
            assert!(matches!(event(&mut io), Event::Readable(Tag(1))));
            read += rustix::io::read(io.descriptor(token), &mut [0; 2]).unwrap();
        }
    }
    quiet(&mut io);
}

fn a_reset_is_a_break_and_a_fin_is_none<I: Io>() {
    let mut io: I = engine();
    let (ours, peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    let (other, other_peer) = connection();
    let other = io.add(other, Tag(2)).unwrap();
    io.watch_break(token);
    io.watch_break(other);
    quiet(&mut io);
    other_peer.shutdown(Shutdown::Write).unwrap();
    quiet(&mut io);
    reset(peer);
    assert!(matches!(event(&mut io), Event::Broken(Tag(1))));
    quiet(&mut io);
}

fn a_reset_behind_a_fin_is_a_break<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    peer.write_all(b"never read").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    io.watch_break(token);
    quiet(&mut io);
    reset(peer);
    assert!(matches!(event(&mut io), Event::Broken(Tag(1))));
    quiet(&mut io);
}

fn both_ends_closed_is_a_break<I: Io>() {
    let mut io: I = engine();
    let (ours, peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    io.watch_break(token);
    peer.shutdown(Shutdown::Write).unwrap();
    quiet(&mut io);
    rustix::net::shutdown(io.descriptor(token), rustix::net::Shutdown::Write).unwrap();
    assert!(matches!(event(&mut io), Event::Broken(Tag(1))));
}

fn room_and_break_are_watched_together<I: Io>() {
    let mut io: I = engine();
    let (ours, mut peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    io.watch_break(token);
    let sent = fill(&io, token);
    io.await_writable(token);
    quiet(&mut io);
    peer.read_exact(&mut vec![0; sent]).unwrap();
    assert!(matches!(event(&mut io), Event::Writable(Tag(1))));
    quiet(&mut io);
    reset(peer);
    assert!(matches!(event(&mut io), Event::Broken(Tag(1))));
    quiet(&mut io);
}

fn another_thread_ends_the_wait<I: Io>() {
    let wake = Wake::new().unwrap();
    let mut io = I::new(Arc::clone(&wake)).unwrap();
    for _ in 0..100 {
        wake.fall_asleep();
        let other = Arc::clone(&wake);
        let thread = std::thread::spawn(move || other.wake());
        assert_eq!(io.wait(None).unwrap(), Waited::Events);
        assert!(io.next().is_none());
        wake.wake_up();
        thread.join().unwrap();
    }
    // Each time it was reset.
    quiet(&mut io);
}

fn a_wake_up_before_the_wait_is_not_lost<I: Io>() {
    let wake = Wake::new().unwrap();
    let mut io = I::new(Arc::clone(&wake)).unwrap();
    wake.fall_asleep();
    wake.wake();
    assert_eq!(io.wait(None).unwrap(), Waited::Events);
    assert!(io.next().is_none());
    quiet(&mut io);
}

fn a_wait_takes_as_long_as_it_may<I: Io>() {
    let mut io: I = engine();
    let (ours, _peer) = connection();
    let token = io.add(ours, Tag(1)).unwrap();
    io.receive(token);
    // That a new socket has room to send may end one wait.
    quiet(&mut io);
    for at_most in [Duration::from_millis(40), Duration::ZERO, Duration::from_micros(1500)] {
        let start = Instant::now();
        assert_eq!(io.wait(Some(at_most)).unwrap(), Waited::TimedOut);
        assert!(io.next().is_none());
        assert!(start.elapsed() >= at_most && start.elapsed() < DEADLINE);
    }
}

#[expect(unsafe_code, reason = "an option that no crate of ours wraps")]
fn set_low_water_mark<I: Io>(io: &I, token: Token, bytes: libc::c_int) {
    let socket = io.descriptor(token).as_raw_fd();
    // SAFETY: `bytes` lives on this stack for the duration of the call, which keeps nothing; the socket is open.
    let outcome =
        unsafe { libc::setsockopt(socket, libc::SOL_SOCKET, libc::SO_RCVLOWAT, (&raw const bytes).cast(), 4) };
    assert_eq!(outcome, 0);
}
