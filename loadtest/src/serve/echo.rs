//! A backend that sends back what it gets: one thread for all connections, as small messages are cheap.
//!
//! Waits are edge-triggered: one wait and one read a message.

use std::io::{self, Read, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::announce;

/// Serves until the process is ended.
///
/// # Errors
///
/// The kernel refuses to wait.
pub fn run() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0".parse().map_err(io::Error::other)?)?;
    announce(&listener, listener.local_addr()?)?;
    serve(listener)
}

/// Serves on a listener until the process is ended.
///
/// # Errors
///
/// The kernel refuses to wait.
pub fn serve(listener: TcpListener) -> io::Result<()> {
    let mut server = Server { poll: Poll::new()?, listener, connections: Vec::new(), free: Vec::new() };
    server.poll.registry().register(&mut server.listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match server.poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            if event.token() == LISTENER {
                server.accept()?;
            } else {
                server.advance(event.token().0, event.is_read_closed(), &mut buffer);
            }
        }
    }
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    /// Places in `connections` that hold none.
    free: Vec<usize>,
}

struct Connection {
    stream: TcpStream,
    /// Read and not yet sent back.
    pending: Vec<u8>,
}

const LISTENER: Token = Token(usize::MAX);
const BUFFER_BYTES: usize = 64 * 1024;

impl Server {
    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // The client has gone meanwhile; the next one is no worse for it.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let place = self.free.pop().unwrap_or(self.connections.len());
            self.poll.registry().register(&mut stream, Token(place), Interest::READABLE | Interest::WRITABLE)?;
            let connection = Some(Connection { stream, pending: Vec::new() });
            match self.connections.get_mut(place) {
                Some(free) => *free = connection,
                None => self.connections.push(connection),
            }
        }
    }

    fn advance(&mut self, place: usize, closed: bool, buffer: &mut [u8]) {
        let Some(slot) = self.connections.get_mut(place) else { return };
        let Some(connection) = slot else { return };
        // Whatever ends a connection, the end is all there is to do.
        if !connection.advance(closed, buffer).unwrap_or(false) {
            *slot = None;
            self.free.push(place);
        }
    }
}

impl Connection {
    /// False at the end.
    fn advance(&mut self, closed: bool, buffer: &mut [u8]) -> io::Result<bool> {
        loop {
            while !self.pending.is_empty() {
                match self.stream.write(&self.pending) {
                    Ok(written) => drop(self.pending.drain(..written)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                    Err(error) => return Err(error),
                }
            }
            let read = match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            match self.stream.write(bytes) {
                Ok(written) => self.pending.extend(bytes.iter().skip(written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.pending.extend(bytes),
                Err(error) => return Err(error),
            }
            // A short read has emptied the socket, unless the end stands behind it, of which no edge tells again.
            if read < buffer.len() && !closed && self.pending.is_empty() {
                return Ok(true);
            }
        }
    }
}
