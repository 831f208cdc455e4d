//! `SO_RCVLOWAT`, which no crate of ours wraps.
#![allow(unsafe_code, reason = "one setsockopt(2) that neither socket2 nor rustix offers")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Sets how many bytes must wait before the socket counts as readable. FIN and reset wake earlier.
pub(crate) fn set(socket: BorrowedFd<'_>, bytes: usize) -> io::Result<()> {
    let value = libc::c_int::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
    let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: `value` is ours, lives on this stack for the duration of the call and is `length` bytes long; the kernel
    // copies it and keeps nothing. `socket` is borrowed, so its descriptor is open throughout.
    let outcome = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVLOWAT, (&raw const value).cast(), length)
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
