//! Connections that each send a message, wait for it to come back, and send the next.
//!
//! One thread waits for all of them, edge-triggered, without an allocation a message. As every connection has one
//! message under way, latencies are those of a closed loop: a slow proxy is asked less often.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::message::{Message, receive};
use super::{Conditions, Latencies, Outcome, Window, check_progress, connect};

/// How many, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingPong {
    /// Connections.
    pub connections: usize,
    /// Bytes of a message.
    pub bytes: usize,
}

/// When it ends.
#[derive(Clone, Copy, Debug)]
pub enum Until<'a> {
    /// When the conditions' time is over.
    TimeIsOver,
    /// When somebody says so.
    Stopped(&'a AtomicBool),
}

struct Connection {
    stream: TcpStream,
    sequence: u64,
    received: usize,
    sent_at: Instant,
}

struct Load {
    poll: Poll,
    connections: Vec<Connection>,
    message: Message,
    bytes: usize,
    latencies: Latencies,
    measuring: bool,
}

impl PingPong {
    /// Sends messages until the end and verifies every byte of them.
    ///
    /// # Errors
    ///
    /// A connection ended, a byte was wrong, or nothing came back for too long.
    pub fn run(
        self,
        address: SocketAddr,
        conditions: Conditions,
        until: Until<'_>,
        window: &mut dyn Window,
    ) -> io::Result<Outcome> {
        let mut load = Load::connect(self, address)?;
        for index in 0..self.connections {
            load.send(index, Instant::now())?;
        }
        let warm = Instant::now() + conditions.warm_up;
        load.exchange(|now| now >= warm)?;
        window.open();
        load.measuring = true;
        let start = Instant::now();
        match until {
            Until::TimeIsOver => load.exchange(|now| now.duration_since(start) >= conditions.duration)?,
            // Nothing else hangs on the order in which this is seen.
            Until::Stopped(flag) => load.exchange(|_| flag.load(Ordering::Relaxed))?,
        }
        let seconds = start.elapsed().as_secs_f64();
        window.close();
        let latency = load.latencies.percentiles();
        Ok(Outcome { operations: load.latencies.count(), seconds, latency, ..Outcome::default() })
    }
}

impl Load {
    fn connect(plan: PingPong, address: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(plan.connections);
        for index in 0..plan.connections {
            let stream = connect(address)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            connections.push(Connection { stream, sequence: 0, received: 0, sent_at: Instant::now() });
        }
        let message = Message::new(plan.bytes);
        let latencies = Latencies::new()?;
        Ok(Self { poll, connections, message, bytes: plan.bytes, latencies, measuring: false })
    }

    fn exchange(&mut self, is_over: impl Fn(Instant) -> bool) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; self.bytes];
        let mut last = Instant::now();
        while !is_over(Instant::now()) {
            match self.poll.poll(&mut events, Some(Duration::from_millis(100))) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            if events.is_empty() {
                check_progress(last, "message has come back")?;
                continue;
            }
            for event in &events {
                let index = event.token().0;
                if self.receive(index, &mut buffer)? {
                    last = Instant::now();
                    self.count(index, last);
                    self.send(index, last)?;
                }
            }
        }
        Ok(())
    }

    /// True if the whole message is there.
    fn receive(&mut self, index: usize, buffer: &mut [u8]) -> io::Result<bool> {
        let Some(connection) = self.connections.get_mut(index) else { return Ok(false) };
        let expected = self.message.numbered(index, connection.sequence);
        receive(&mut connection.stream, expected, &mut connection.received, buffer)
    }

    fn count(&mut self, index: usize, now: Instant) {
        if let Some(connection) = self.connections.get_mut(index).filter(|_| self.measuring) {
            self.latencies.record(now.duration_since(connection.sent_at));
        }
    }

    fn send(&mut self, index: usize, now: Instant) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(index) else { return Ok(()) };
        connection.sequence += 1;
        connection.received = 0;
        connection.sent_at = now;
        let message = self.message.numbered(index, connection.sequence);
        // The one before has come back, so the socket's buffer is empty and takes all of it.
        if connection.stream.write(message)? != message.len() {
            return Err(io::Error::other("a message was taken in part"));
        }
        Ok(())
    }
}
