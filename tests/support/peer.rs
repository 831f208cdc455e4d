//! Both ends of the proxy: a client, and a backend that accepts.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::DEADLINE;

/// One end of a connection, with a deadline on everything.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
}

impl Peer {
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Peer {
        Peer::new(TcpStream::connect_timeout(&address, DEADLINE).expect("the proxy accepts"))
    }

    fn new(stream: TcpStream) -> Peer {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Peer { stream }
    }

    /// Our own address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    #[track_caller]
    pub(crate) fn sends(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the proxy takes it");
    }

    /// Sends each piece in a segment of its own, as well as that can be arranged from outside: the other threads run
    /// between them.
    #[track_caller]
    pub(crate) fn sends_apart<T: AsRef<[u8]>>(&mut self, pieces: impl IntoIterator<Item = T>) {
        for piece in pieces {
            self.sends(piece);
            for _ in 0..50 {
                std::thread::yield_now();
            }
        }
    }

    #[track_caller]
    pub(crate) fn receives(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let received = self.receive(expected.len());
        assert!(received == expected, "received {}\nexpected {}", show(&received), show(expected));
    }

    #[track_caller]
    pub(crate) fn receive(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match self.stream.read(&mut bytes[filled..]) {
                Ok(0) => panic!("the end after {filled} of {length} bytes: {}", show(&bytes[..filled])),
                Ok(read) => filled += read,
                Err(error) => panic!("{error} after {filled} of {length} bytes: {}", show(&bytes[..filled])),
            }
        }
        bytes
    }

    /// Everything up to the end.
    #[track_caller]
    pub(crate) fn receive_all(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).expect("an orderly end");
        bytes
    }

    #[track_caller]
    pub(crate) fn receives_end(&mut self) {
        let rest = self.receive_all();
        assert!(rest.is_empty(), "received {} before the end", show(&rest));
    }

    /// Reads up to a reset, which must not come as an end; what came before it.
    #[track_caller]
    pub(crate) fn receives_reset(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let error = self.stream.read_to_end(&mut bytes).expect_err("a reset, not an end");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
        bytes
    }

    /// Whether bytes, an end or a reset come within a moment. For what must *not* come, so it cannot wait for long.
    pub(crate) fn hears_something_within(&self, moment: Duration) -> bool {
        self.stream.set_read_timeout(Some(moment)).unwrap();
        let heard = self.stream.peek(&mut [0]);
        self.stream.set_read_timeout(Some(DEADLINE)).unwrap();
        !matches!(heard, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Ends our side.
    pub(crate) fn finishes(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Closes with a reset.
    pub(crate) fn resets(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// A listening socket whose connections a test serves by hand.
#[derive(Debug)]
pub(crate) struct Backend {
    listener: TcpListener,
}

impl Backend {
    pub(crate) fn listen() -> Backend {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // accept(2) honours it, too.
        SockRef::from(&listener).set_read_timeout(Some(DEADLINE)).unwrap();
        Backend { listener }
    }

    pub(crate) fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// The socket itself, for who accepts in another way.
    pub(crate) fn listener(&self) -> &TcpListener {
        &self.listener
    }

    /// The next connection.
    #[track_caller]
    pub(crate) fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().expect("a connection from the proxy");
        Peer::new(stream)
    }

    /// The next connection if one waits to be accepted.
    pub(crate) fn accept_at_once(&self) -> Option<Peer> {
        self.listener.set_nonblocking(true).unwrap();
        let outcome = self.listener.accept();
        self.listener.set_nonblocking(false).unwrap();
        match outcome {
            Ok((stream, _)) => Some(Peer::new(stream)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether no connection waits to be accepted.
    pub(crate) fn is_left_alone(&self) -> bool {
        self.accept_at_once().is_none()
    }
}

/// An address that refuses: its port was the kernel's choice, and nobody listens there any more.
///
/// It stays bound while the returned socket lives, so that nobody else gets it.
pub(crate) fn refusing() -> (Socket, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap().to_string();
    (socket, address)
}

/// An address that neither accepts nor refuses: a listener whose queue is full drops further SYNs.
pub(crate) struct BlackHole {
    listener: Socket,
    _queued: Vec<Socket>,
}

impl BlackHole {
    pub(crate) fn new() -> BlackHole {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let queued = (0..4).map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            // Whether it is queued or dropped already: in progress is what a nonblocking connect says.
            drop(socket.connect(&address));
            socket
        });
        BlackHole { _queued: queued.collect(), listener }
    }

    pub(crate) fn address(&self) -> String {
        self.listener.local_addr().unwrap().as_socket().unwrap().to_string()
    }
}

fn show(bytes: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
    format!("{} bytes {shown:?}", bytes.len())
}
