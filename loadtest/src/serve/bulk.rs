//! A backend for bulk transfers: blocking sockets and a thread a direction, for there are few of them.
//!
//! A client asks with one [`Request`]. Then frames go in the directions it asked for ([`crate::load::frames`]), each
//! verified where it arrives; at the end the backend tells in one byte whether what it received was right.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::{ANY_PORT, announce};
use crate::load::frames::{Receiver, Sender};
use crate::load::{OPAQUE, PATIENCE};

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whether the client sends, too.
    pub both: bool,
    /// For how long each sender sends.
    pub duration: Duration,
}

/// Said at the end by a backend that got the right bytes.
pub const RIGHT: u8 = b'R';

impl Request {
    /// Bytes of a request.
    pub const BYTES: usize = 8;

    /// For the wire: an opaque byte, the direction, two bytes of nothing, milliseconds.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let millis = u32::try_from(self.duration.as_millis()).unwrap_or(u32::MAX).to_be_bytes();
        let [a, b, c, d] = millis;
        [OPAQUE, if self.both { b'B' } else { b'D' }, 0, 0, a, b, c, d]
    }

    /// From the wire; none if it is no request.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Option<Self> {
        let [OPAQUE, direction @ (b'B' | b'D'), 0, 0, a, b, c, d] = bytes else { return None };
        let duration = Duration::from_millis(u32::from_be_bytes([a, b, c, d]).into());
        Some(Self { both: direction == b'B', duration })
    }
}

/// Serves until the process is ended.
///
/// # Errors
///
/// The listener fails.
pub fn run() -> io::Result<()> {
    let listener = TcpListener::bind(ANY_PORT)?;
    announce(&listener, listener.local_addr()?)?;
    serve(&listener)
}

/// Serves on a listener until the process is ended.
///
/// # Errors
///
/// The listener fails.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            // A client that gets no verdict knows that something was wrong; probes that only connect expect none.
            answer(&stream).ok();
        });
    }
    Ok(())
}

fn answer(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = [0; Request::BYTES];
    stream.read_exact(&mut request)?;
    let request = Request::from_bytes(request).ok_or_else(|| io::Error::other("no request"))?;
    thread::scope(|scope| {
        let receiving = request.both.then(|| scope.spawn(|| Receiver::new().receive(stream)));
        Sender::new().send(stream, request.duration)?;
        receiving.map_or(Ok(0), |thread| thread.join().map_err(|_| io::Error::other("the receiver failed"))?)
    })?;
    stream.write_all(&[RIGHT])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_eight_bytes() {
        let request = Request { both: true, duration: Duration::from_millis(1500) };
        let bytes = [0xff, b'B', 0, 0, 0, 0, 5, 220];
        assert_eq!(request.to_bytes(), bytes);
        assert_eq!(Request::from_bytes(bytes), Some(request));
        assert_eq!(Request::from_bytes([0xff, b'U', 0, 0, 0, 0, 5, 220]), None);
        assert_eq!(Request::from_bytes([0; 8]), None);
    }
}
