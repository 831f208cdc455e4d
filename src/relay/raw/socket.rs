//! What is done to a relayed socket besides moving bytes.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::net::{Shutdown, shutdown, sockopt};

use crate::sys::{send_queue, tcp};

/// Ends our side: the peer reads the end behind what was sent.
pub(super) fn finish(socket: BorrowedFd<'_>) -> io::Result<()> {
    shutdown(socket, Shutdown::Write).map_err(Into::into)
}

/// Makes closing it a reset instead of an end, so that the peer does not take what it has for all there was.
pub(super) fn reset_on_close(socket: BorrowedFd<'_>) {
    // If the option cannot be set, the close is an ordinary one; there is nothing better to do.
    sockopt::set_socket_linger(socket, Some(Duration::ZERO)).ok();
}

/// Bytes that the peer has not taken yet of those that the kernel has.
pub(super) fn unsent(socket: BorrowedFd<'_>) -> usize {
    // A socket that cannot be asked is broken, and then nothing is on its way.
    send_queue::bytes(socket).unwrap_or(0)
}

/// Has the kernel find out whether the peer is still there.
pub(super) fn keep_alive(socket: BorrowedFd<'_>) {
    // A Unix socket has no need of it and refuses.
    drop(tcp::keep_alive(&socket));
}

/// The error of a broken connection, which the kernel tells once.
pub(super) fn error(socket: BorrowedFd<'_>) -> Option<io::Error> {
    match sockopt::socket_error(socket) {
        Ok(Ok(())) => None,
        Ok(Err(error)) | Err(error) => Some(error.into()),
    }
}
