//! A connected stream socket whose waits go through the shard's runtime.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, SockAddr, TcpKeepalive, Type};

use super::low_water;
use super::readiness::{Interest, Waitable};

/// A nonblocking stream socket, TCP or Unix, owned by one shard.
///
/// Dropping it closes it; waits that are still in the kernel are taken back, and the descriptor goes when they are gone.
#[derive(Debug)]
pub struct Socket {
    inner: Waitable,
}

impl Socket {
    /// Takes over an accepted socket, which is nonblocking.
    ///
    /// # Errors
    ///
    /// Whatever `setsockopt(2)` says.
    pub fn accepted(socket: socket2::Socket, is_tcp: bool) -> io::Result<Socket> {
        if is_tcp {
            tune(&socket)?;
        }
        Ok(Socket { inner: Waitable::new(socket) })
    }

    /// Connects to `address`.
    ///
    /// # Errors
    ///
    /// `ECONNREFUSED` and kin from the network, `EMFILE` or `EADDRNOTAVAIL` when descriptors or local ports run out.
    pub async fn connect(address: &SockAddr) -> io::Result<Socket> {
        let socket = socket2::Socket::new(Domain::from(i32::from(address.family())), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        if address.as_socket().is_some() {
            tune(&socket)?;
        }
        let socket = Socket { inner: Waitable::new(socket) };
        match socket.inner.socket().connect(address) {
            Ok(()) => return Ok(socket),
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        socket.writable().await?;
        match socket.inner.socket().take_error()? {
            Some(error) => Err(error),
            None => Ok(socket),
        }
    }

    /// Waits for bytes, or the end of them.
    ///
    /// # Errors
    ///
    /// Only if the kernel refuses the wait; a broken connection is readable, and reading says why it is broken.
    pub async fn readable(&self) -> io::Result<()> {
        self.inner.wait(Interest::Readable).await
    }

    /// Waits until at least `bytes` wait, or the end. The low-water mark goes back to 1 afterwards: behind a higher one
    /// a shorter message would never wake anyone.
    ///
    /// # Errors
    ///
    /// As [`readable`](Socket::readable), and what `setsockopt(2)` says.
    pub async fn readable_bytes(&self, bytes: usize) -> io::Result<()> {
        let _mark = LowWaterMark::raise(self.inner.socket(), bytes)?;
        self.readable().await
    }

    /// Waits for room to send.
    ///
    /// # Errors
    ///
    /// As [`readable`](Socket::readable).
    pub async fn writable(&self) -> io::Result<()> {
        self.inner.wait(Interest::Writable).await
    }

    /// Waits until the peer has closed its side or reset the connection, whatever bytes still wait to be read.
    pub async fn finished(&self) {
        // A refused wait means that nothing will be noticed here; reading later will.
        if self.inner.wait(Interest::Finished).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the connection is broken, and says why; its end alone is no break.
    pub async fn broken(&self) -> io::Error {
        if self.inner.wait(Interest::Broken).await.is_ok()
            && let Ok(Some(error)) = self.inner.socket().take_error()
        {
            return error;
        }
        // A refused wait means that nothing will be noticed here; reading later will. Both ends without an error are a
        // connection that is over, with bytes perhaps still to be read.
        std::future::pending().await
    }

    /// Looks at waiting bytes and leaves them; `None` if none wait, 0 at the end.
    ///
    /// # Errors
    ///
    /// What `recv(2)` says, `ECONNRESET` first of all.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.receive_with(buffer, RecvFlags::PEEK)
    }

    /// Takes waiting bytes; `None` if none wait, 0 at the end.
    ///
    /// # Errors
    ///
    /// As [`peek`](Socket::peek).
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.receive_with(buffer, RecvFlags::empty())
    }

    /// Sends what there is room for; `None` if there is none.
    ///
    /// # Errors
    ///
    /// What `send(2)` says; `EPIPE` comes as an error, never as a signal.
    pub fn send(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        would_block(rustix::net::send(self.inner.socket(), bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT))
    }

    /// Sends all of `bytes`, waiting for room as often as it takes.
    ///
    /// # Errors
    ///
    /// As [`send`](Socket::send).
    pub async fn send_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.send(bytes)? {
                Some(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                None => self.writable().await?,
            }
        }
        Ok(())
    }

    /// Ends our side: the peer reads the end behind what was sent.
    ///
    /// # Errors
    ///
    /// `ENOTCONN` if the connection is gone already.
    pub fn finish(&self) -> io::Result<()> {
        self.inner.socket().shutdown(std::net::Shutdown::Write)
    }

    /// Closes with a reset instead of an end, so that the peer does not take what it has for all there was.
    pub fn reset(self) {
        // If the option cannot be set, the close below is an ordinary one; there is nothing better to do.
        drop(self.inner.socket().set_linger(Some(Duration::ZERO)));
    }

    /// The peer's address; `None` for a Unix socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.inner.socket().peer_addr().ok().and_then(|address| address.as_socket())
    }

    /// Our own address; `None` for a Unix socket.
    pub fn local(&self) -> Option<SocketAddr> {
        self.inner.socket().local_addr().ok().and_then(|address| address.as_socket())
    }

    fn receive_with(&self, buffer: &mut [u8], flags: RecvFlags) -> io::Result<Option<usize>> {
        would_block(
            rustix::net::recv(self.inner.socket(), buffer, flags | RecvFlags::DONTWAIT).map(|(received, _)| received),
        )
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.socket().as_fd()
    }
}

/// A raised low-water mark; it goes back to 1 however the wait ends.
struct LowWaterMark<'a> {
    socket: &'a socket2::Socket,
}

impl<'a> LowWaterMark<'a> {
    fn raise(socket: &'a socket2::Socket, bytes: usize) -> io::Result<LowWaterMark<'a>> {
        low_water::set(socket.as_fd(), bytes)?;
        Ok(LowWaterMark { socket })
    }
}

impl Drop for LowWaterMark<'_> {
    fn drop(&mut self) {
        // The socket is open and the value allowed, so this cannot fail; if it did, the wait above would have, too.
        drop(low_water::set(self.socket.as_fd(), 1));
    }
}

/// Options of every TCP socket, on both sides of the proxy.
///
/// Nagle's algorithm would hold back the last bytes of a message for an ACK. Keepalive finds peers that are gone before
/// load balancers forget the flow (commonly after 350 s) and drop what is sent later without a word.
fn tune(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(crate::limits::KEEPALIVE_IDLE)
        .with_interval(crate::limits::KEEPALIVE_INTERVAL)
        .with_retries(crate::limits::KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)
}

fn would_block(outcome: rustix::io::Result<usize>) -> io::Result<Option<usize>> {
    match outcome {
        Ok(bytes) => Ok(Some(bytes)),
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(rustix::io::Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
