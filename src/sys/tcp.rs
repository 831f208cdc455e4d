//! Options of TCP sockets, on both sides of the proxy.

use std::io;
use std::os::fd::AsFd;

use socket2::{SockRef, TcpKeepalive};

use crate::limits;

/// Sends what there is at once. Nagle's algorithm would hold back the last bytes of a message for an ACK.
///
/// # Errors
///
/// What `setsockopt(2)` says.
pub fn no_delay(socket: &impl AsFd) -> io::Result<()> {
    SockRef::from(socket).set_tcp_nodelay(true)
}

/// Finds peers that are gone before load balancers forget the flow (commonly after 350 s) and drop what is sent later
/// without a word.
///
/// # Errors
///
/// What `setsockopt(2)` says, `EOPNOTSUPP` for a socket that is not TCP.
pub fn keep_alive(socket: &impl AsFd) -> io::Result<()> {
    let keepalive = TcpKeepalive::new()
        .with_time(limits::KEEPALIVE_IDLE)
        .with_interval(limits::KEEPALIVE_INTERVAL)
        .with_retries(limits::KEEPALIVE_PROBES);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)
}
