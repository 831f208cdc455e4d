//! What stands behind and beside the proxies: backends, and the one proxy that is ours to compare with.
//!
//! Backends are simple and the same for every target. Each runs in a process of its own, so that no proxy is charged
//! for it, and prints `{"listening":PORT}` once it accepts.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;

pub mod bulk;
pub mod echo;
pub mod h2;
pub mod tokio_copy;

/// Makes the listener's queue as long as the proxies' are, and tells the parent which port the kernel chose.
///
/// A proxy may connect for all its clients at once. Where that is more than fit into the queue, the kernel drops the rest
/// and they come again a second later, which would be charged to the proxy that connects fastest.
pub(crate) fn announce(listener: impl AsFd, address: SocketAddr) -> io::Result<()> {
    rustix::net::listen(listener, BACKLOG)?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{{\"listening\":{}}}", address.port())?;
    stdout.flush()
}

const BACKLOG: i32 = 4096;

/// Where backends listen: a port of the kernel's choice on loopback.
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";
