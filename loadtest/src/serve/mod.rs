//! What stands behind and beside the proxies: backends, and the one proxy that is ours to compare with.
//!
//! Backends are simple and the same for every target. Each runs in a process of its own, so that no proxy is charged
//! for it, and prints `{"listening":PORT}` once it accepts.

use std::io::{self, Write};
use std::net::SocketAddr;

pub mod bulk;
pub mod echo;
pub mod h2;
pub mod tokio_copy;

/// Tells the parent which port the kernel chose.
pub(crate) fn announce(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{{\"listening\":{}}}", address.port())?;
    stdout.flush()
}

/// Where backends listen: a port of the kernel's choice on loopback.
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";
