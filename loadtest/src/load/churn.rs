//! Short connections: connect, one message there and back, close; the next one follows at once.
//!
//! The latency is that of all of it but the close: from the call of `connect` to the last byte of the echo. The client
//! closes first, so its side is the one that waits in TIME_WAIT; Linux takes such a port again after a second on
//! loopback (`net.ipv4.tcp_tw_reuse`).

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::message::{Message, receive};
use super::{Conditions, Latencies, Outcome, Window, check_progress, number};

/// How many at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Churn {
    /// Connections that are open at a time.
    pub at_a_time: usize,
}

/// Bytes of the message that goes there and back.
const MESSAGE_BYTES: usize = 64;

struct Connection {
    stream: TcpStream,
    started: Instant,
    sequence: u64,
    sent: bool,
    received: usize,
}

struct Load {
    address: SocketAddr,
    poll: Poll,
    connections: Vec<Connection>,
    message: Message,
    opened: u64,
    closed: u64,
    latencies: Latencies,
}

impl Churn {
    /// Opens and closes connections until the time is over.
    ///
    /// # Errors
    ///
    /// A connection was refused or ended early, a byte was wrong, or nothing came back for too long.
    pub fn run(self, address: SocketAddr, conditions: Conditions, window: &mut dyn Window) -> io::Result<Outcome> {
        let mut load = Load::start(self, address)?;
        let warm = Instant::now() + conditions.warm_up;
        load.turn_over(|_| Instant::now() >= warm)?;
        window.open();
        load.latencies = Latencies::new()?;
        let start = Instant::now();
        load.turn_over(|_| start.elapsed() >= conditions.duration)?;
        let seconds = start.elapsed().as_secs_f64();
        window.close();
        let latency = load.latencies.percentiles();
        Ok(Outcome { operations: load.latencies.count(), seconds, latency, ..Outcome::default() })
    }

    /// Opens and closes that many connections and a few more, those under way at the end.
    ///
    /// # Errors
    ///
    /// As for [`Churn::run`].
    pub fn count(self, address: SocketAddr, connections: u64, progress: &mut dyn FnMut(u64)) -> io::Result<Outcome> {
        let mut load = Load::start(self, address)?;
        let start = Instant::now();
        load.turn_over(|closed| {
            progress(closed);
            closed >= connections
        })?;
        let seconds = start.elapsed().as_secs_f64();
        let latency = load.latencies.percentiles();
        Ok(Outcome { operations: number(load.closed), seconds, latency, ..Outcome::default() })
    }
}

impl Load {
    fn start(plan: Churn, address: SocketAddr) -> io::Result<Self> {
        let mut load = Self {
            address,
            poll: Poll::new()?,
            connections: Vec::with_capacity(plan.at_a_time),
            message: Message::new(MESSAGE_BYTES),
            opened: 0,
            closed: 0,
            latencies: Latencies::new()?,
        };
        for place in 0..plan.at_a_time {
            let connection = load.open(place)?;
            load.connections.push(connection);
        }
        Ok(load)
    }

    fn open(&mut self, place: usize) -> io::Result<Connection> {
        let started = Instant::now();
        let mut stream = TcpStream::connect(self.address)?;
        self.poll.registry().register(&mut stream, Token(place), Interest::READABLE | Interest::WRITABLE)?;
        self.opened += 1;
        Ok(Connection { stream, started, sequence: self.opened, sent: false, received: 0 })
    }

    fn turn_over(&mut self, mut is_over: impl FnMut(u64) -> bool) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        let mut last = Instant::now();
        while !is_over(self.closed) {
            match self.poll.poll(&mut events, Some(Duration::from_millis(100))) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            if events.is_empty() {
                check_progress(last, "connection was answered")?;
            }
            for event in &events {
                let place = event.token().0;
                if self.advance(place)? {
                    last = Instant::now();
                    self.closed += 1;
                    let next = self.open(place)?;
                    if let Some(connection) = self.connections.get_mut(place) {
                        self.latencies.record(last.duration_since(connection.started));
                        // The old one is closed here, and with it what the poll knows of it.
                        *connection = next;
                    }
                }
            }
        }
        Ok(())
    }

    /// True if the message has come back whole.
    fn advance(&mut self, place: usize) -> io::Result<bool> {
        let Some(connection) = self.connections.get_mut(place) else { return Ok(false) };
        let message = self.message.numbered(place, connection.sequence);
        if !connection.sent {
            if let Some(error) = connection.stream.take_error()? {
                return Err(error);
            }
            match connection.stream.write(message) {
                Ok(written) if written == message.len() => connection.sent = true,
                Ok(_) => return Err(io::Error::other("a message was taken in part")),
                // Not connected yet.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        receive(&mut connection.stream, message, &mut connection.received, &mut [0; MESSAGE_BYTES])
    }
}
