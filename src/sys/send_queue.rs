//! How much of what was sent is still on its way (`SIOCOUTQ`), which no crate of ours asks.
#![allow(unsafe_code, reason = "one ioctl(2) that neither socket2 nor rustix offers")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes that the socket has taken and its peer has not: not sent, or sent and not acknowledged (tcp(7), unix(7)).
pub(crate) fn bytes(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the kernel writes an int to `bytes`, which is ours and lives on this stack for the duration of the call, and
    // keeps nothing. `socket` is borrowed, so its descriptor is open throughout. SIOCOUTQ is TIOCOUTQ by another name.
    let outcome = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if outcome == 0 { Ok(usize::try_from(bytes).unwrap_or(0)) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn what_the_peer_has_taken_is_no_longer_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        assert_eq!(bytes(ours.as_fd()).unwrap(), 0);
        ours.set_nonblocking(true).unwrap();
        let mut sent = 0;
        while let Ok(count) = ours.write(&[0; 65_536]) {
            sent += count;
        }
        let full = bytes(ours.as_fd()).unwrap();
        assert!((1..sent).contains(&full), "{full} of {sent}");
        peer.read_exact(&mut vec![0; sent]).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while bytes(ours.as_fd()).unwrap() > 0 {
            assert!(Instant::now() < deadline, "the last acknowledgement");
            std::thread::yield_now();
        }
    }
}
