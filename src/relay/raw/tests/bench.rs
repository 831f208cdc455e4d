//! A connection with both of its peers, and what they do.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use socket2::Socket;

use super::strict::Strict;
use crate::bridge::{Answerer, Http1Answerer, Judge, Opened, Opening, Watch};
use crate::config::OnMismatch;
use crate::log::{Bytes, CloseReason, ConnectionId, Log, Tally};
use crate::relay::io::{Io, Wake};
use crate::relay::raw::Raw;
use crate::relay::{End, Flow, Handshake, Owner, Watching};
use crate::route::{Match, PoolId, Rule, Table};
use crate::sys::{low_water, send_queue};

/// A relayed connection and its peers.
pub(super) struct Bench<I> {
    pub(super) raw: Raw<Strict<I>, Told>,
    pub(super) client: Peer,
    pub(super) backend: Peer,
    ended: Receiver<Ended>,
}

/// Tells the test.
#[derive(Debug)]
pub(super) struct Told(Sender<Ended>);

/// How a connection ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) reason: CloseReason,
    pub(super) to_backend: Bytes,
    pub(super) to_client: Bytes,
}

impl Owner for Told {
    fn ended(self, end: End) {
        let End { reason, to_backend, to_client, .. } = end;
        self.0.send(Ended { reason, to_backend, to_client }).unwrap();
    }
}

/// The other end of one socket, which sends and reads offsets, so that no byte can be missing or out of place.
pub(super) struct Peer {
    socket: Option<Socket>,
    pub(super) sent: usize,
    pub(super) read: usize,
    pub(super) has_read_end: bool,
}

impl<I: Io> Bench<I> {
    pub(super) fn tcp() -> Bench<I> {
        let ((client, of_client), (backend, of_backend)) = (connection(), connection());
        Bench::new([client, backend], [of_client.into(), of_backend.into()], None, DEADLINE * 100)
    }

    /// A connection whose client has sent so many bytes, and a reset behind them, before the relay has it.
    pub(super) fn reset_behind(bytes: usize) -> Bench<I> {
        let ((client, of_client), (backend, of_backend)) = (connection(), connection());
        // A high mark gives the socket room, which it keeps.
        low_water::set(client.as_fd(), 2 << 20).unwrap();
        low_water::set(client.as_fd(), 1).unwrap();
        let mut sending = TcpStream::from(of_client.try_clone().unwrap());
        sending.set_write_timeout(Some(DEADLINE)).unwrap();
        sending.write_all(&vec![7; bytes]).unwrap();
        let deadline = Instant::now() + DEADLINE;
        while send_queue::bytes(of_client.as_fd()).unwrap() > 0 {
            assert!(Instant::now() < deadline, "there is no room for {bytes} bytes");
            std::thread::yield_now();
        }
        drop(sending);
        let mut bench = Bench::new([client, backend], [of_client.into(), of_backend.into()], None, DEADLINE * 100);
        bench.client.reset();
        bench
    }

    pub(super) fn unix() -> Bench<I> {
        let ((client, of_client), (backend, of_backend)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        client.set_nonblocking(true).unwrap();
        backend.set_nonblocking(true).unwrap();
        let ours = [client.into(), backend.into()];
        Bench::new(ours, [OwnedFd::from(of_client).into(), OwnedFd::from(of_backend).into()], None, DEADLINE * 100)
    }

    pub(super) fn idle_after(idle_timeout: Duration) -> Bench<I> {
        let ((client, of_client), (backend, of_backend)) = (connection(), connection());
        Bench::new([client, backend], [of_client.into(), of_backend.into()], None, idle_timeout)
    }

    /// A connection whose client has asked something in HTTP/2.
    pub(super) fn asked() -> Bench<I> {
        let ((client, of_client), (backend, of_backend)) = (connection(), connection());
        let mut opening = Opening::default();
        opening.received(REQUEST).unwrap();
        let Opened { bridge, answerer, .. } = opening.finish().unwrap().unwrap();
        let handshake = Some(Handshake { bridge: Some(bridge), answerer: Answerer::Http2(answerer) });
        Bench::new([client, backend], [of_client.into(), of_backend.into()], handshake, DEADLINE * 100)
    }

    /// A connection whose client has asked something in HTTP/1.
    pub(super) fn asked_in_http1() -> Bench<I> {
        let ((client, of_client), (backend, of_backend)) = (connection(), connection());
        let answerer = Answerer::Http1(Http1Answerer::of(b"PUT / HTTP/1.1\r\n"));
        let handshake = Some(Handshake { bridge: None, answerer });
        Bench::new([client, backend], [of_client.into(), of_backend.into()], handshake, DEADLINE * 100)
    }

    /// The same, watched: requests for `/b` belong elsewhere.
    pub(super) fn watched(on_mismatch: OnMismatch) -> Bench<I> {
        Bench::ageing(on_mismatch, None)
    }

    /// The same, with an age at which its client is told to go elsewhere.
    pub(super) fn ageing(on_mismatch: OnMismatch, max_age: Option<Duration>) -> Bench<I> {
        let ((client, of_client), (backend, of_backend)) = (connection(), connection());
        let mut opening = Opening::default();
        opening.received(REQUEST).unwrap();
        let Opened { request, bridge, answerer, sequel, .. } = opening.finish().unwrap().unwrap();
        let matcher = Match::parse(":path=/b").unwrap();
        let rule = Rule { listener: None, matcher, text: ":path=/b".to_owned(), pool: PoolId(1) };
        let judge = Judge {
            routes: Arc::new(Table::new(vec![rule])),
            listener: "l".into(),
            source: None,
            destination: None,
            tlvs: Vec::new(),
            default_pool: Some(PoolId(0)),
            pool: PoolId(0),
            route: "default".to_owned(),
        };
        let watching = Watching {
            behind: sequel.behind,
            watch: Watch::new(judge, sequel, on_mismatch == OnMismatch::Close),
            first: request,
            id: ConnectionId { shard: 0, number: 1 },
            listener: "l".into(),
            on_mismatch,
            max_age,
        };
        let handshake = Some(Handshake { bridge: Some(bridge), answerer: Answerer::Http2(answerer) });
        let peers = [of_client.into(), of_backend.into()];
        Bench::with_watch([client, backend], peers, handshake, Some(watching), DEADLINE * 100)
    }

    fn new(
        [client, backend]: [OwnedFd; 2],
        peers: [Socket; 2],
        handshake: Option<Handshake>,
        idle_timeout: Duration,
    ) -> Bench<I> {
        Bench::with_watch([client, backend], peers, handshake, None, idle_timeout)
    }

    fn with_watch(
        [client, backend]: [OwnedFd; 2],
        peers: [Socket; 2],
        handshake: Option<Handshake>,
        watching: Option<Watching>,
        idle_timeout: Duration,
    ) -> Bench<I> {
        let tally = Tally::new(Arc::default(), Log::queue().0);
        let mut raw = Raw::new(Strict::<I>::new(Wake::new().unwrap()).unwrap(), None, tally);
        let (told, ended) = channel();
        let (replay, sample) = (Vec::new(), None);
        raw.begin(Flow { client, backend, replay, handshake, watching, idle_timeout, sample, owner: Told(told) });
        let [client, backend] = peers.map(Peer::new);
        Bench { raw, client, backend, ended }
    }

    /// What the relay's thread does, once.
    pub(super) fn turn(&mut self) {
        self.raw.handle_events();
        let now = Instant::now();
        self.raw.on_time(now);
        let at_most = self.raw.patience(now).map_or(TURN, |patience| patience.min(TURN));
        self.raw.wait(Some(at_most)).unwrap();
    }

    /// Turns until `is_so`, which may make the peers do something.
    #[track_caller]
    pub(super) fn until(&mut self, mut is_so: impl FnMut(&mut Bench<I>) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "not in time: {:?}", self.raw.pairs);
            self.turn();
        }
    }

    /// How it ended.
    #[track_caller]
    pub(super) fn end(&mut self) -> Ended {
        let mut end = None;
        self.until(|bench| {
            end = end.take().or_else(|| bench.ended.try_recv().ok());
            end.is_some() && bench.raw.is_empty()
        });
        assert_eq!(self.raw.gear.pipes.lent(), 0);
        end.unwrap()
    }

    /// The client sends bulk until the way to the backend is spliced.
    #[track_caller]
    pub(super) fn splice_up(&mut self) {
        self.until(|bench| {
            bench.client.send(1 << 20);
            bench.backend.read(usize::MAX);
            bench.raw.gear.pipes.lent() == 1
        });
    }

    /// The client sends until nobody takes anything any more, the backend's peer reading nothing.
    #[track_caller]
    pub(super) fn fill_up(&mut self) {
        let mut sent_at = Instant::now();
        self.until(|bench| {
            if bench.client.send(usize::MAX) > 0 {
                sent_at = Instant::now();
            }
            sent_at.elapsed() > SETTLED
        });
    }

    /// What the backend's peer has not taken of what our kernel was given for it.
    pub(super) fn unsent_up(&self) -> usize {
        let pair = self.raw.pairs.iter().next().expect("it is not over").1;
        pair.unsent(&self.raw.gear)
    }

    /// Everything that the client has sent arrives.
    #[track_caller]
    pub(super) fn drain_up(&mut self) {
        self.until(|bench| {
            bench.backend.read(usize::MAX);
            bench.backend.read == bench.client.sent
        });
    }
}

impl Peer {
    fn new(socket: Socket) -> Peer {
        socket.set_nonblocking(true).unwrap();
        Peer { socket: Some(socket), sent: 0, read: 0, has_read_end: false }
    }

    /// Sends up to `most` bytes, as many as there is room for.
    pub(super) fn send(&mut self, most: usize) -> usize {
        let mut sent = 0;
        while sent < most {
            let from = self.sent % 251;
            let bytes = &PATTERN[from..];
            match self.socket().write(&bytes[..bytes.len().min(most - sent)]) {
                Ok(count) => {
                    self.sent += count;
                    sent += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        sent
    }

    /// Reads up to `most` bytes of those that have come.
    pub(super) fn read(&mut self, most: usize) -> usize {
        let mut buffer = [0; 32_768];
        let mut read = 0;
        while read < most && !self.has_read_end {
            let room = buffer.len().min(most - read);
            match self.socket().read(&mut buffer[..room]) {
                Ok(0) => self.has_read_end = true,
                Ok(count) => {
                    let from = self.read % 251;
                    assert!(buffer[..count] == PATTERN[from..from + count], "behind {} bytes", self.read);
                    self.read += count;
                    read += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        read
    }

    /// Appends what has come, whatever it is.
    pub(super) fn hear(&self, heard: &mut Vec<u8>) {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = self.socket().read(&mut buffer) {
            heard.extend_from_slice(&buffer[..count]);
        }
    }

    /// Whether the end has come, whatever came before it.
    pub(super) fn has_ended(&self) -> bool {
        let mut buffer = [0; 4096];
        while let Ok(count) = self.socket().read(&mut buffer) {
            if count == 0 {
                return true;
            }
        }
        false
    }

    /// Ends its half.
    pub(super) fn finish(&self) {
        self.socket().shutdown(Shutdown::Write).unwrap();
    }

    /// Resets the connection.
    pub(super) fn reset(&mut self) {
        self.socket().set_linger(Some(Duration::ZERO)).unwrap();
        self.socket = None;
    }

    /// Closes its socket.
    pub(super) fn close(&mut self) {
        self.socket = None;
    }

    /// Gives the socket away: others do as they like with it.
    pub(super) fn take_socket(&mut self) -> Socket {
        self.socket.take().unwrap()
    }

    pub(super) fn socket(&self) -> &Socket {
        self.socket.as_ref().unwrap()
    }

    /// The error that reading ends with, once everything before it is read.
    pub(super) fn error(&self) -> Option<io::ErrorKind> {
        let mut buffer = [0; 32_768];
        loop {
            match self.socket().read(&mut buffer) {
                Ok(0) => panic!("an end instead of an error"),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => return Some(error.kind()),
            }
        }
    }
}

/// A TCP connection: our end as the relay gets it, and the peer's.
fn connection() -> (OwnedFd, OwnedFd) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    ours.set_nodelay(true).unwrap();
    peer.set_nodelay(true).unwrap();
    (ours.into(), peer.into())
}

/// Preface, empty SETTINGS, and HEADERS of a request for `/` from `a`.
const REQUEST: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x06\x01\x04\0\0\0\x01\x83\x86\x84\x41\x01a";

/// How long anything may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// Longest wait in a turn.
const TURN: Duration = Duration::from_millis(5);

/// How long nothing has to move to be believed to be stuck.
const SETTLED: Duration = Duration::from_millis(300);

/// The byte at each offset: its remainder by a prime number, so that a shift by any power of two is noticed.
static PATTERN: [u8; 65_536] = pattern();

#[expect(clippy::cast_possible_truncation, reason = "a remainder by 251 is a byte")]
const fn pattern() -> [u8; 65_536] {
    let mut pattern = [0; 65_536];
    let mut offset = 0;
    while offset < pattern.len() {
        pattern[offset] = (offset % 251) as u8;
        offset += 1;
    }
    pattern
}
