//! A listening socket whose waits go through the shard's runtime.

use std::io;
use std::net::SocketAddr;

use rustix::net::SocketFlags;

use super::readiness::{Interest, Waitable};

/// A nonblocking listening socket of one shard.
#[derive(Debug)]
pub struct Acceptor {
    inner: Waitable,
    local: Option<SocketAddr>,
}

impl Acceptor {
    /// Takes over a socket that listens.
    ///
    /// # Errors
    ///
    /// Whatever `fcntl(2)` says.
    pub fn new(socket: socket2::Socket) -> io::Result<Acceptor> {
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?.as_socket().filter(|local| !local.ip().is_unspecified());
        Ok(Acceptor { inner: Waitable::new(socket), local })
    }

    /// Our own end of whatever is accepted; `None` if only the connection knows, or if it is a Unix socket.
    pub fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    /// Takes a connection from the queue, with its peer if that has an IP address; `None` if the queue is empty.
    ///
    /// # Errors
    ///
    /// What `accept4(2)` says: `EMFILE` and `ENFILE` when descriptors run out, `ECONNABORTED` if the client has left.
    pub fn accept(&self) -> io::Result<Option<(socket2::Socket, Option<SocketAddr>)>> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        match rustix::net::acceptfrom_with(self.inner.socket(), flags) {
            Ok((socket, peer)) => Ok(Some((socket.into(), peer.and_then(|peer| peer.try_into().ok())))),
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until a connection is queued.
    ///
    /// # Errors
    ///
    /// If the kernel refuses the wait.
    pub async fn ready(&self) -> io::Result<()> {
        self.inner.wait(Interest::Readable).await
    }
}
