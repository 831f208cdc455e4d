//! What both engines have to do alike: each test runs on either.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test says what it expects, and everything else fails it")]

mod receiving;
mod removing;
mod waiting;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::SendFlags;

use super::{Event, Io, Tag, Token, Waited, Wake};

/// Runs generic tests on both engines.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod on_ring {
            $(#[test] fn $name() { super::$name::<crate::relay::io::Ring>(); })*
        }
        mod on_epoll {
            $(#[test] fn $name() { super::$name::<crate::relay::io::Epoll>(); })*
        }
    };
}
use on_both_engines;

/// How long anything may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// How long nothing has to happen to be believed that nothing will.
const QUIET: Duration = Duration::from_millis(30);

/// How long a full socket has to stay full to be believed so: acknowledgements are delayed by up to 200 ms.
const SETTLED: Duration = Duration::from_millis(300);

pub(super) fn engine<I: Io>() -> I {
    I::new(Wake::new().unwrap()).unwrap()
}

/// A TCP connection: our end as engines want it, and the peer's.
pub(super) fn connection() -> (OwnedFd, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    peer.set_nodelay(true).unwrap();
    (ours.into(), peer)
}

/// Resets a connection.
fn reset(peer: TcpStream) {
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
}

/// The next event, waited for.
pub(super) fn event<I: Io>(io: &mut I) -> Event {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(event) = io.next() {
            return event;
        }
        assert!(Instant::now() < deadline, "no event in time");
        io.wait(Some(DEADLINE)).unwrap();
    }
}

/// Nothing happens, and the engine does not spin over it. What is ordered is with the kernel afterwards.
fn quiet<I: Io>(io: &mut I) {
    let deadline = Instant::now() + QUIET;
    let mut waits = 0;
    while Instant::now() < deadline {
        assert!(waits < 10, "the engine spins");
        io.wait(Some(QUIET)).unwrap();
        waits += 1;
        let event = io.next();
        assert!(event.is_none(), "{event:?}");
    }
}

/// The bytes of a chunk, which is released.
fn take<I: Io>(io: &mut I, event: Event, tag: Tag) -> Vec<u8> {
    let Event::Received(of, chunk) = event else { panic!("{event:?}") };
    assert_eq!(of, tag);
    let bytes = io.bytes(&chunk).to_vec();
    io.release(chunk);
    bytes
}

/// Receives until there are `count` bytes.
fn take_exactly<I: Io>(io: &mut I, tag: Tag, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        let event = event(io);
        bytes.extend(take(io, event, tag));
    }
    assert_eq!(bytes.len(), count);
    bytes
}

/// Sends until the kernel takes no more, and will not as long as the peer does not read.
fn fill<I: Io>(io: &I, token: Token) -> usize {
    let socket = io.descriptor(token);
    let mut sent = 0;
    loop {
        match rustix::net::send(socket, &[b'x'; 65_536], SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(count) => sent += count,
            Err(Errno::AGAIN) => {
                // The peer's kernel takes some of it, and says so late.
                let settled = Timespec::try_from(SETTLED).unwrap();
                if poll(&mut [PollFd::from_borrowed_fd(socket, PollFlags::OUT)], Some(&settled)).unwrap() == 0 {
                    return sent;
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A stream of bytes in which none can be missing or out of place unnoticed: its own offsets.
pub(super) fn pattern(bytes: usize) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(bytes + 4);
    let mut number = 0_u32;
    while pattern.len() < bytes {
        pattern.extend_from_slice(&number.to_be_bytes());
        number += 1;
    }
    pattern.truncate(bytes);
    pattern
}

/// Sends in another thread, then FIN.
pub(super) fn flood(mut peer: TcpStream, bytes: Arc<Vec<u8>>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || peer.write_all(&bytes).unwrap())
}
