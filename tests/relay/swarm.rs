//! Many connections at once on one thread, both ends of each: every one does as its plan says.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use socket2::SockRef;

use super::plan::{Contents, Ending, NUMBER_BYTES, Plan, Random, Seen};
use crate::support::DEADLINE;

/// What became of a connection.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The client's port.
    pub(super) port: u16,
    pub(super) client: Option<EndOutcome>,
    pub(super) served: Option<EndOutcome>,
}

impl Outcome {
    /// Whether both ends have seen of each other what they should, and all bytes if neither reset.
    pub(super) fn is_as(&self, plan: &Plan) -> bool {
        let (Some(client), Some(served)) = (&self.client, &self.served) else { return false };
        let is_whole = (served.received, client.received) == (plan.length, plan.echoed());
        (client.seen, served.seen) == plan.seen() && (is_whole || !plan.is_clean())
    }
}

/// What became of one end of it.
#[derive(Debug)]
pub(super) struct EndOutcome {
    pub(super) sent: usize,
    pub(super) received: usize,
    pub(super) seen: Seen,
}

/// Connects to `front` as often as there are plans, `at_once` at a time, and serves what arrives at `backend`.
///
/// Plans are numbered from 0, and connections begin in this order.
#[track_caller]
pub(super) fn run(front: SocketAddr, backend: &TcpListener, plans: &[Plan], at_once: usize) -> Vec<Outcome> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    backend.set_nonblocking(true).unwrap();
    epoll::add(&epoll, backend, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN).unwrap();
    let mut swarm = Swarm {
        epoll,
        front,
        plans,
        contents: Contents::new(),
        ends: BTreeMap::new(),
        next_token: 0,
        outcomes: Vec::new(),
        open: 0,
    };
    let mut ready = Vec::with_capacity(256);
    loop {
        while swarm.open < at_once && swarm.outcomes.len() < plans.len() {
            swarm.connect();
        }
        if swarm.open == 0 {
            return swarm.outcomes;
        }
        ready.clear();
        let timeout = Timespec::try_from(DEADLINE).unwrap();
        let spare = rustix::buffer::spare_capacity(&mut ready);
        epoll::wait(&swarm.epoll, spare, Some(&timeout)).unwrap();
        assert!(!ready.is_empty(), "nothing moves for {DEADLINE:?}; these are left:\n{}", swarm.left());
        for event in &ready {
            match event.data.u64() {
                LISTENER => swarm.accept(backend),
                token => swarm.step(token),
            }
        }
    }
}

struct Swarm<'a> {
    epoll: OwnedFd,
    front: SocketAddr,
    plans: &'a [Plan],
    contents: Contents,
    ends: BTreeMap<u64, End>,
    next_token: u64,
    /// Of each connection that has begun.
    outcomes: Vec<Outcome>,
    /// Connections of which one end at least is open.
    open: usize,
}

/// One end of a connection.
#[derive(Debug)]
struct End {
    stream: TcpStream,
    is_client: bool,
    /// Those of the backend learn theirs from the first bytes.
    plan: Option<Plan>,
    number: [u8; NUMBER_BYTES],
    random: Random,
    sent: usize,
    received: usize,
    has_finished: bool,
    has_seen_end: bool,
}

impl Swarm<'_> {
    #[track_caller]
    fn connect(&mut self) {
        let plan = self.plans[self.outcomes.len()];
        let stream = TcpStream::connect_timeout(&self.front, DEADLINE).expect("the proxy accepts");
        let port = stream.local_addr().unwrap().port();
        self.outcomes.push(Outcome { port, ..Outcome::default() });
        self.open += 1;
        self.add(stream, Some(plan));
    }

    fn accept(&mut self, backend: &TcpListener) {
        while let Ok((stream, _)) = backend.accept() {
            self.add(stream, None);
        }
    }

    fn add(&mut self, stream: TcpStream, plan: Option<Plan>) {
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        let token = self.next_token;
        self.next_token += 1;
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        epoll::add(&self.epoll, &stream, epoll::EventData::new_u64(token), flags).unwrap();
        let number = plan.map_or(0, |plan| plan.number).to_le_bytes();
        let random = Random::new(token + 1);
        let is_client = plan.is_some();
        let end = End {
            stream,
            is_client,
            plan,
            number,
            random,
            sent: 0,
            received: 0,
            has_finished: false,
            has_seen_end: false,
        };
        self.ends.insert(token, end);
    }

    fn step(&mut self, token: u64) {
        let Some(end) = self.ends.get_mut(&token) else { return };
        let Some(seen) = end.step(self.plans, &self.contents) else { return };
        let end = self.ends.remove(&token).expect("it was there a moment ago");
        let outcome = EndOutcome { sent: end.sent, received: end.received, seen };
        let number = end.plan.expect("an end that is over knows its plan").number;
        let connection = &mut self.outcomes[usize::try_from(number).unwrap()];
        let (own, other) = if end.is_client {
            (&mut connection.client, &connection.served)
        } else {
            (&mut connection.served, &connection.client)
        };
        assert!(own.is_none(), "connection {number} arrived twice");
        *own = Some(outcome);
        self.open -= usize::from(other.is_some());
        if seen == Seen::Own {
            SockRef::from(&end.stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }

    fn left(&self) -> String {
        self.ends.values().take(5).map(|end| format!("{end:?}\n")).collect()
    }
}

impl End {
    /// Moves what moves without a wait; how it ended, once it has.
    fn step(&mut self, plans: &[Plan], contents: &Contents) -> Option<Seen> {
        loop {
            let before = (self.sent, self.received, self.has_seen_end, self.has_finished);
            if self.receive(plans, contents) == Some(Seen::Reset) || self.send(contents) == Some(Seen::Reset) {
                assert!(!self.resets(), "reset by the other end: {self:?}");
                return Some(Seen::Reset);
            }
            if self.resets() {
                return Some(Seen::Own);
            }
            self.finish();
            if self.has_seen_end && self.has_finished {
                return Some(Seen::End);
            }
            if before == (self.sent, self.received, self.has_seen_end, self.has_finished) {
                return None;
            }
        }
    }

    fn receive(&mut self, plans: &[Plan], contents: &Contents) -> Option<Seen> {
        let mut buffer = [0; 1 << 17];
        while !self.has_seen_end {
            let room = match self.plan {
                Some(_) => self.random.chunk(),
                None => NUMBER_BYTES - self.received,
            };
            match self.stream.read(&mut buffer[..room]) {
                Ok(0) => self.has_seen_end = true,
                Ok(read) if self.plan.is_none() => {
                    self.number[self.received..][..read].copy_from_slice(&buffer[..read]);
                    self.received += read;
                    if self.received == NUMBER_BYTES {
                        let number = usize::try_from(u64::from_le_bytes(self.number)).unwrap();
                        self.plan = Some(plans[number]);
                    }
                }
                Ok(read) => self.compare(&buffer[..read], contents),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Some(Seen::Reset),
                Err(error) => panic!("{error}: {self:?}"),
            }
        }
        None
    }

    fn compare(&mut self, mut bytes: &[u8], contents: &Contents) {
        while !bytes.is_empty() {
            let expected = contents.of(&self.number, self.received);
            let length = bytes.len().min(expected.len());
            assert!(bytes[..length] == expected[..length], "bytes were lost, repeated or swapped: {self:?}");
            self.received += length;
            bytes = &bytes[length..];
        }
    }

    fn send(&mut self, contents: &Contents) -> Option<Seen> {
        let plan = self.plan?;
        let goal = if self.is_client { plan.length } else { plan.echoed().min(self.received) };
        while self.sent < goal {
            let bytes = contents.of(&self.number, self.sent);
            let length = self.random.chunk().min(bytes.len()).min(goal - self.sent);
            match self.stream.write(&bytes[..length]) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Some(Seen::Reset),
                Err(error) => panic!("{error}: {self:?}"),
            }
        }
        None
    }

    /// Whether this is the moment at which this end resets.
    fn resets(&self) -> bool {
        let Some(plan) = self.plan else { return false };
        match plan.ending {
            Ending::ClientFinishes | Ending::BackendFinishes { .. } => false,
            Ending::ClientResets { received } => self.is_client && self.received >= received,
            Ending::ClientResetsAtTheEnd { .. } => self.is_client && self.has_seen_end,
            Ending::BackendResets { received } => !self.is_client && self.received >= received,
            Ending::BackendResetsAtTheEnd { echoed } => {
                !self.is_client && self.has_seen_end && self.sent == echoed.min(plan.length)
            }
        }
    }

    /// Ends this side if this is the moment.
    fn finish(&mut self) {
        let Some(plan) = self.plan else { return };
        let is_time = match plan.ending {
            _ if self.is_client => plan.client_finishes() && self.sent == plan.length,
            Ending::ClientFinishes => self.has_seen_end && self.sent == self.received,
            Ending::BackendFinishes { echoed } | Ending::ClientResetsAtTheEnd { echoed } => self.sent == echoed,
            Ending::ClientResets { .. } | Ending::BackendResets { .. } | Ending::BackendResetsAtTheEnd { .. } => false,
        };
        if is_time && !self.has_finished {
            self.stream.shutdown(Shutdown::Write).unwrap();
            self.has_finished = true;
        }
    }
}

const LISTENER: u64 = u64::MAX;
