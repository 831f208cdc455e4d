//! Whether this host lets the relay have its ring.
//!
//! Tried rather than guessed from the version: a seccomp profile, `kernel.io_uring_disabled` or an emulation refuses what
//! the version promises. What is tried is the engine itself.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::{Event, Io, Ring, Tag, Wake};

impl Ring {
    /// Makes a ring with its buffers and receives a byte through it, on a thread of its own: a ring belongs to the thread
    /// that makes it.
    ///
    /// # Errors
    ///
    /// With the number of the error that the kernel gave: `EPERM`, `EACCES` or `ENOSYS` if io_uring is refused; `EINVAL` if
    /// it lacks what is needed (before Linux 6.1); `ENOMEM` or `EMFILE`.
    pub(in crate::relay) fn probe() -> io::Result<()> {
        let thread = std::thread::Builder::new().name("ring-probe".to_owned()).spawn(try_ring)?;
        thread.join().unwrap_or_else(|_panic| Err(io::Error::other("the probe of io_uring panicked")))
    }
}

fn try_ring() -> io::Result<()> {
    let mut ring = Ring::new(Wake::new()?)?;
    if !ring.queues.has_operations()? {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let (ours, mut peer) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let token = ring.add(ours.into(), Tag(0))?;
    // Before there is anything to receive, so that it has to be waited for.
    ring.receive(token);
    ring.wait(Some(Duration::ZERO))?;
    peer.write_all(&[1])?;
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline {
        ring.wait(Some(DEADLINE))?;
        match ring.next() {
            Some(Event::Received(_, chunk)) => {
                ring.release(chunk);
                return Ok(());
            }
            Some(Event::Failed(_, error)) => return Err(error),
            _ => {}
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// How long a byte over a socket pair may take. Far more than it does, as it ends the use of io_uring.
const DEADLINE: Duration = Duration::from_secs(2);
