//! Both ends of a relayed connection, moved by one thread, with a stream of known bytes in each direction.
//!
//! As both ends are in one hand, any of them can be made to wait, and every byte is compared where it arrives.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Backend, DEADLINE, Peer, noise};

/// A client and whoever serves it.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) client: TcpStream,
    pub(crate) served: TcpStream,
    to_backend: Course,
    to_client: Course,
}

/// How far a direction has come.
#[derive(Debug)]
struct Course {
    /// Where in the noise it began.
    start: usize,
    sent: usize,
    received: usize,
}

impl Pair {
    /// A connection to `front`, which relays it to `backend`. No other one may be on its way.
    #[track_caller]
    pub(crate) fn connect(front: std::net::SocketAddr, backend: &Backend) -> Pair {
        Pair::of(Peer::connect(front), backend.accept())
    }

    /// Two ends of one connection, of which nothing is left to be read.
    pub(crate) fn of(client: Peer, served: Peer) -> Pair {
        let (client, served) = (client.stream, served.stream);
        for stream in [&client, &served] {
            stream.set_nonblocking(true).unwrap();
        }
        // Two directions, and two connections, carry different bytes.
        let port = usize::from(client.local_addr().unwrap().port());
        let course = |start| Course { start, sent: 0, received: 0 };
        Pair { client, served, to_backend: course(port * 37), to_client: course(port * 41 + 1_000_003) }
    }

    /// Bytes sent so far to the backend and to the client.
    pub(crate) fn sent(&self) -> (u64, u64) {
        (self.to_backend.sent as u64, self.to_client.sent as u64)
    }

    /// Sends so many further bytes each way, at once, and receives them.
    #[track_caller]
    pub(crate) fn exchange(&mut self, to_backend: usize, to_client: usize) {
        let goals = (self.to_backend.sent + to_backend, self.to_client.sent + to_client);
        while !self.step(goals) {
            let mut waits = self.waits(goals);
            assert!(await_events(&mut waits, DEADLINE), "no byte for {DEADLINE:?}: {:?}", self);
        }
    }

    /// Receives what was sent.
    #[track_caller]
    pub(crate) fn drain(&mut self) {
        self.exchange(0, 0);
    }

    /// A small message up and its answer.
    #[track_caller]
    pub(crate) fn ping_pong(&mut self) {
        self.exchange(64, 0);
        self.exchange(0, 64);
    }

    /// Sends what is taken without a wait; nothing is received. Whether anything was taken.
    fn push(&mut self) -> bool {
        let up = self.to_backend.send(&self.client, usize::MAX);
        let down = self.to_client.send(&self.served, usize::MAX);
        up || down
    }

    /// Moves what moves without a wait. Whether both directions have come to these goals.
    fn step(&mut self, (up, down): (usize, usize)) -> bool {
        self.to_backend.send(&self.client, up);
        self.to_client.send(&self.served, down);
        self.to_backend.receive(&self.served);
        self.to_client.receive(&self.client);
        self.to_backend.received == up && self.to_client.received == down
    }

    fn waits(&self, (up, down): (usize, usize)) -> [PollFd<'_>; 2] {
        let wanted = |sends: bool, receives: bool| {
            let (out, into) = (if sends { PollFlags::OUT } else { PollFlags::empty() }, PollFlags::IN);
            if receives { out | into } else { out }
        };
        [
            PollFd::new(&self.client, wanted(self.to_backend.sent < up, self.to_client.received < down)),
            PollFd::new(&self.served, wanted(self.to_client.sent < down, self.to_backend.received < up)),
        ]
    }

    /// Ends both sides in this order; each end is seen as one, behind all bytes.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        self.drain();
        for (ending, other) in [(&self.client, &self.served), (&self.served, &self.client)] {
            ending.shutdown(Shutdown::Write).unwrap();
            self.sees_end(other);
        }
    }

    /// The client sees the end of the backend's side next.
    #[track_caller]
    pub(crate) fn client_sees_end(&self) {
        self.sees_end(&self.client);
    }

    /// The backend sees the end of the client's side next.
    #[track_caller]
    pub(crate) fn served_sees_end(&self) {
        self.sees_end(&self.served);
    }

    #[track_caller]
    fn sees_end(&self, end: &TcpStream) {
        let mut wait = [PollFd::new(end, PollFlags::IN)];
        assert!(await_events(&mut wait, DEADLINE), "no end for {DEADLINE:?}: {self:?}");
        let mut end = end;
        assert_eq!(end.read(&mut [0]).map_err(|error| error.kind()), Ok(0));
    }
}

impl Course {
    fn send(&mut self, mut stream: &TcpStream, goal: usize) -> bool {
        let before = self.sent;
        while self.sent < goal {
            let bytes = content(self.start + self.sent);
            match stream.write(&bytes[..bytes.len().min(goal - self.sent).min(TURN)]) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}: {self:?}"),
            }
            if self.sent - before >= TURN {
                break;
            }
        }
        self.sent > before
    }

    fn receive(&mut self, mut stream: &TcpStream) {
        let mut buffer = [0; 131_072];
        loop {
            let expected = content(self.start + self.received);
            let room = buffer.len().min(expected.len());
            match stream.read(&mut buffer[..room]) {
                Ok(0) => panic!("an end: {self:?}"),
                Ok(read) => {
                    assert!(buffer[..read] == expected[..read], "bytes were lost, repeated or swapped: {self:?}");
                    self.received += read;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}: {self:?}"),
            }
        }
    }
}

/// Sends both ways on all of these connections until nothing more is taken, not even a moment later.
#[track_caller]
pub(crate) fn fill(pairs: &mut [Pair]) {
    loop {
        while pairs.iter_mut().filter_map(|pair| pair.push().then_some(())).count() > 0 {}
        let ends = pairs.iter().flat_map(|pair| [&pair.client, &pair.served]);
        let mut waits: Vec<_> = ends.map(|end| PollFd::new(end, PollFlags::OUT)).collect();
        if !await_events(&mut waits, Duration::from_millis(300)) {
            return;
        }
    }
}

/// Whether one of them happens in time.
fn await_events(waits: &mut [PollFd<'_>], at_most: Duration) -> bool {
    let timeout = Timespec::try_from(at_most).expect("seconds are few");
    poll(waits, Some(&timeout)).expect("poll(2) of own sockets") > 0
}

/// Bytes from this position of an endless stream.
fn content(position: usize) -> &'static [u8] {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    let noise = NOISE.get_or_init(|| noise(77, PERIOD));
    &noise[position % PERIOD..]
}

/// A prime: whoever swaps whole buffers or repeats a whole pipe is found out, too.
const PERIOD: usize = 3_000_017;

/// What is sent before the other end gets its turn.
const TURN: usize = 262_144;
