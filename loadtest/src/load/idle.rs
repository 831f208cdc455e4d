//! What a connection costs that does nothing: memory of the proxy, after each has carried one message.
//!
//! Kernel memory is not in it; it is much the same for every proxy.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::message::Message;
use super::{Outcome, connect};
use crate::process::usage;

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle {
    /// Connections that are open at the end.
    pub connections: usize,
}

/// Opened and closed before, so that buffers and tables that exist once are not charged to connections.
const WARM_UP_CONNECTIONS: usize = 256;
const MESSAGE_BYTES: usize = 64;

impl Idle {
    /// Opens them through a proxy that was started for this, and reads how much it has grown.
    ///
    /// # Errors
    ///
    /// A connection was refused or a byte was wrong.
    pub fn run(self, address: SocketAddr, proxy: u32) -> io::Result<Outcome> {
        drop(open(address, WARM_UP_CONNECTIONS)?);
        let before = usage::settled_private_bytes(proxy)?;
        let start = Instant::now();
        let connections = open(address, self.connections)?;
        let seconds = start.elapsed().as_secs_f64();
        let after = usage::settled_private_bytes(proxy)?;
        drop(connections);
        let operations = f64::from(u32::try_from(self.connections).unwrap_or(u32::MAX));
        // A proxy that gives back more of its warm-up than its connections take has no cost that could be told.
        let bytes_per_connection = Some(((after - before) / operations).max(0.0));
        Ok(Outcome { operations, seconds, bytes_per_connection, latency: None })
    }
}

fn open(address: SocketAddr, connections: usize) -> io::Result<Vec<TcpStream>> {
    let mut message = Message::new(MESSAGE_BYTES);
    let mut answer = [0; MESSAGE_BYTES];
    let mut open = Vec::with_capacity(connections);
    for index in 0..connections {
        let mut stream = connect(address)?;
        let message = message.numbered(index, 0);
        stream.write_all(message)?;
        stream.read_exact(&mut answer)?;
        if answer != message {
            return Err(io::Error::other("wrong byte in a message"));
        }
        open.push(stream);
    }
    Ok(open)
}
