//! Accept: a socket becomes a connection with a record.

use std::net::SocketAddr;
use std::rc::Rc;

use super::close::{Close, Record, canonical};
use super::context::Context;
use super::peek;
use crate::config::ProxyProtocol;
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
    /// Counts the connection in. An error: it is over, because there are too many of its kind.
    pub(super) fn begin(self, context: &Rc<Context>) -> (Socket, Record, Result<(), Close>) {
        let peer = self.peer.map(canonical);
        let mut record = Record::new(context, self.listener, peer);
        let socket = Socket::accepted(self.socket);
        record.local(self.local.or_else(|| socket.local()));
        // Whoever may name somebody else in a PROXY header is counted when that was read.
        let listener = context.listener(self.listener);
        let names_another = listener.proxy_protocol != ProxyProtocol::Off && peek::is_trusted(listener, peer);
        let entered = record.enter(peer.filter(|_| !names_another));
        (socket, record, entered)
    }
}
