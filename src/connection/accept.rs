//! Accept: a socket becomes a connection with a record.

use std::net::SocketAddr;
use std::rc::Rc;

use super::close::{Record, canonical};
use super::context::Context;
use crate::sys::socket::Socket;

/// What `accept4(2)` gave.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub socket: socket2::Socket,
    /// The other end; `None` for a Unix socket.
    pub peer: Option<SocketAddr>,
    /// Our own end, if the listening socket has one address only.
    pub local: Option<SocketAddr>,
    /// Which listener of the configuration accepted it.
    pub listener: usize,
}

impl Accepted {
    /// Counts the connection in.
    pub(super) fn begin(self, context: &Rc<Context>) -> (Socket, Record) {
        let mut record = Record::new(context, self.listener, self.peer.map(canonical));
        let socket = Socket::accepted(self.socket);
        record.local(self.local.or_else(|| socket.local()));
        (socket, record)
    }
}
