//! A connected stream socket whose waits go through the shard's runtime.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, SockAddr, Type};

use super::readiness::{Interest, Waitable};
use super::{low_water, tcp};

/// A nonblocking stream socket, TCP or Unix, owned by one shard.
///
/// Dropping it closes it; waits that are still in the kernel are taken back, and the descriptor goes when they are gone.
#[derive(Debug)]
pub struct Socket {
    inner: Waitable,
}

impl Socket {
    /// Takes over an accepted socket, which is nonblocking and has its options from the listening one.
    pub fn accepted(socket: socket2::Socket) -> Socket {
        Socket { inner: Waitable::new(socket) }
    }

    /// Connects to `address`.
    ///
    /// # Errors
    ///
    /// `ECONNREFUSED` and kin from the network, `EMFILE` or `EADDRNOTAVAIL` when descriptors or local ports run out.
    pub async fn connect(address: &SockAddr) -> io::Result<Socket> {
        let kind = Type::STREAM.nonblocking();
        let socket = socket2::Socket::new(Domain::from(i32::from(address.family())), kind, None)?;
        if address.as_socket().is_some() {
            tcp::no_delay(&socket)?;
        }
        let socket = Socket { inner: Waitable::new(socket) };
        match socket.inner.socket().connect(address) {
            Ok(()) => return Ok(socket),
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        // On the same host it is: the handshake is over when connect(2) returns. Asking again is cheaper than a wait.
        while !socket.is_connected(address)? {
            socket.writable().await?;
        }
        Ok(socket)
    }

    /// Whether connecting has succeeded; connect(2), called again, tells that as well as why it has not.
    fn is_connected(&self, address: &SockAddr) -> io::Result<bool> {
        match self.inner.socket().connect(address) {
            Ok(()) => Ok(true),
            Err(error) => match error.raw_os_error() {
                Some(libc::EISCONN) => Ok(true),
                Some(libc::EALREADY | libc::EINPROGRESS) => Ok(false),
                _ => Err(error),
            },
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

    /// Gives the descriptor away, to be used on any thread; what waits for the socket is taken back. The connection stays
    /// open: it ends when the descriptor is dropped, even if a wait that was taken back still lingers.
    ///
    /// # Errors
    ///
    /// `EMFILE` if a wait lingers, which takes a duplicate of the descriptor, and there is none left.
    pub fn into_descriptor(self) -> io::Result<OwnedFd> {
        self.inner.into_descriptor()
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

fn would_block(outcome: rustix::io::Result<usize>) -> io::Result<Option<usize>> {
    match outcome {
        Ok(bytes) => Ok(Some(bytes)),
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(rustix::io::Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::sys::runtime::{self, Engine, Runtime};

    /// Runs `test` on each engine with both ends of a connection.
    fn on_each_engine<F: Future<Output = ()>>(test: impl Fn(Socket, Socket) -> F) {
        for engine in [Engine::IoUring, Engine::Epoll] {
            Runtime::new(engine).unwrap().block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let address = listener.local_addr().unwrap();
                let peer = Socket::connect(&SockAddr::from(address)).await.unwrap();
                let accepted: socket2::Socket = listener.accept().unwrap().0.into();
                accepted.set_nonblocking(true).unwrap();
                tokio::time::timeout(DEADLINE, test(Socket::accepted(accepted), peer)).await.unwrap();
            });
        }
    }

    async fn receives(socket: &Socket, expected: &[u8]) {
        socket.readable().await.unwrap();
        let mut buffer = [0; 16];
        let received = socket.receive(&mut buffer).unwrap();
        assert_eq!(received.map(|received| &buffer[..received]), Some(expected));
    }

    /// Begins to wait and gives it up.
    async fn leaves_a_wait(socket: &Socket) {
        tokio::select! {
            biased;
            () = socket.finished() => panic!("nobody has finished"),
            () = std::future::ready(()) => {}
        }
    }

    /// Gives the descriptor of a socket away that a wait holds: on a ring, where waits are left, a duplicate.
    fn gives_away(socket: Socket) -> OwnedFd {
        let number = socket.as_fd().as_raw_fd();
        let descriptor = socket.into_descriptor().unwrap();
        assert_eq!(descriptor.as_raw_fd() != number, runtime::running() == Some(Engine::IoUring));
        descriptor
    }

    #[test]
    fn a_descriptor_given_away_ends_the_connection_although_a_wait_was_left() {
        on_each_engine(|socket, peer| async move {
            leaves_a_wait(&socket).await;
            // The kernel gets the wait now, since this one parks the thread.
            assert_eq!(socket.send(b"x").unwrap(), Some(1));
            receives(&peer, b"x").await;
            let descriptor = gives_away(socket);
            std::thread::spawn(move || drop(descriptor)).join().unwrap();
            receives(&peer, b"").await;
        });
    }

    #[test]
    fn so_it_does_before_the_kernel_has_heard_of_the_wait() {
        on_each_engine(|socket, peer| async move {
            leaves_a_wait(&socket).await;
            leaves_a_wait(&socket).await;
            drop(gives_away(socket));
            receives(&peer, b"").await;
        });
    }

    #[test]
    fn a_descriptor_given_away_can_be_waited_for_again() {
        on_each_engine(|socket, peer| async move {
            leaves_a_wait(&socket).await;
            let socket = Socket { inner: Waitable::new(gives_away(socket).into()) };
            let waits = async { receives(&socket, b"in").await };
            let sends = async { assert_eq!(peer.send(b"in").unwrap(), Some(2)) };
            tokio::join!(waits, sends);
        });
    }

    #[test]
    fn without_a_wait_the_descriptor_itself_is_given_away() {
        on_each_engine(|socket, peer| async move {
            let number = peer.as_fd().as_raw_fd();
            assert_eq!(peer.into_descriptor().unwrap().as_raw_fd(), number);
            receives(&socket, b"").await;
        });
    }

    #[test]
    fn a_wait_that_was_left_does_not_outlive_its_socket() {
        on_each_engine(|socket, peer| async move {
            leaves_a_wait(&socket).await;
            drop(socket);
            receives(&peer, b"").await;
        });
    }

    #[test]
    fn a_connection_that_is_refused_says_so() {
        for engine in [Engine::IoUring, Engine::Epoll] {
            let bound = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            bound.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
            let outcome = Runtime::new(engine).unwrap().block_on(Socket::connect(&bound.local_addr().unwrap()));
            assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        }
    }

    const DEADLINE: Duration = Duration::from_secs(10);
}
