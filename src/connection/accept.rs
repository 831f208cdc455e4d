//! Accept: a socket becomes a connection with a record.

use std::net::SocketAddr;
use std::rc::Rc;

use super::close::{Close, Record};
use super::context::Context;
use crate::log::{CloseReason, Side};
use crate::sys::socket::Socket;

/// What `accept4(2)` gave.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub socket: socket2::Socket,
    /// The other end; `None` for a Unix socket.
    pub peer: Option<SocketAddr>,
    /// Which listener of the configuration accepted it.
    pub listener: usize,
}

impl Accepted {
    /// Counts the connection in and sets its socket up; `None` if the socket is of no use any more.
    pub(super) fn begin(self, context: &Rc<Context>) -> Option<(Socket, Record)> {
        // IPv4 through a dual-stack socket is IPv4: to trust, to routes and to readers.
        let peer = self.peer.map(|peer| SocketAddr::new(peer.ip().to_canonical(), peer.port()));
        let mut record = Record::new(context, self.listener, peer);
        match Socket::accepted(self.socket, peer.is_some()) {
            Ok(socket) => {
                record.local(socket.local());
                Some((socket, record))
            }
            Err(error) => {
                record.end(Close::silent(CloseReason::of_error(Side::Client, &error)).because(error));
                None
            }
        }
    }
}
