//! Bulk transfers: a few connections that send as fast as they can, one way or both.
//!
//! Threads and blocking sockets, for there is nothing to wait for but the socket itself. Set-up and the last frames
//! under way are part of what is measured: both are small beside seconds of gigabytes.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

use super::frames::{Receiver, Sender};
use super::{Conditions, Outcome, Window, connect, number};
use crate::serve::bulk::{RIGHT, Request};

/// How much moves at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bulk {
    /// Connections.
    pub connections: usize,
    /// Both ways, or from the backend to the client alone.
    pub both: bool,
}

impl Bulk {
    /// Moves bytes and verifies them. An operation is 10⁹ bytes, both ways together.
    ///
    /// # Errors
    ///
    /// A connection ended early or a byte was wrong.
    pub fn run(self, address: SocketAddr, conditions: Conditions, window: &mut dyn Window) -> io::Result<Outcome> {
        let request = Request { both: self.both, duration: conditions.duration };
        window.open();
        let start = Instant::now();
        let bytes = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections).map(|_| scope.spawn(|| transfer(address, request))).collect();
            let joined =
                threads.into_iter().map(|thread| thread.join().map_err(|_| io::Error::other("a client failed"))?);
            joined.sum::<io::Result<u64>>()
        });
        let seconds = start.elapsed().as_secs_f64();
        window.close();
        Ok(Outcome { operations: number(bytes?) / 1e9, seconds, ..Outcome::default() })
    }
}

/// One connection, to the backend's verdict. Returns the bytes of both directions.
fn transfer(address: SocketAddr, request: Request) -> io::Result<u64> {
    let stream = connect(address)?;
    let mut socket = &stream;
    socket.write_all(&request.to_bytes())?;
    let bytes = thread::scope(|scope| {
        let sending = request.both.then(|| scope.spawn(|| Sender::new().send(&stream, request.duration)));
        let received = Receiver::new().receive(&stream)?;
        let sent =
            sending.map_or(Ok(0), |thread| thread.join().map_err(|_| io::Error::other("the sender failed"))?)?;
        Ok::<_, io::Error>(sent + received)
    })?;
    let mut verdict = Vec::new();
    socket.read_to_end(&mut verdict)?;
    if verdict != [RIGHT] {
        return Err(io::Error::other("the backend did not get what was sent"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::time::Duration;

    fn conditions() -> Conditions {
        Conditions { warm_up: Duration::ZERO, duration: Duration::from_millis(20) }
    }

    #[test]
    fn bytes_move_one_way_and_both_ways() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || crate::serve::bulk::serve(&listener));
        for both in [false, true] {
            let outcome = Bulk { connections: 2, both }.run(address, conditions(), &mut ()).unwrap();
            assert!(outcome.operations > 0.000_5, "{outcome:?}");
        }
    }

    #[test]
    fn a_backend_that_closes_is_a_failure() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || listener.accept());
        assert!(Bulk { connections: 1, both: false }.run(address, conditions(), &mut ()).is_err());
    }
}
