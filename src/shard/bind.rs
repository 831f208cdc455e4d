//! Opening listening sockets: one a shard for each address.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::config::Bind;
use crate::limits;
use crate::sys::tcp;

/// The listening sockets of one address.
#[derive(Debug)]
pub struct Bound {
    /// The address, with the port that the kernel chose if it was 0.
    pub address: BoundAddress,
    /// One a shard.
    pub sockets: Vec<Socket>,
}

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundAddress {
    /// A TCP address.
    Inet(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", explain(address, error))]
pub struct BindError {
    /// As configured.
    pub address: String,
    /// What the kernel said.
    #[source]
    pub error: io::Error,
}

/// Opens `shards` sockets for `bind`.
///
/// # Errors
///
/// An address that is in use, is not this host's, or may not be used by this user.
pub fn bind(bind: &Bind, shards: usize) -> Result<Bound, BindError> {
    let bound = match bind {
        Bind::Inet(address) => inet(*address, shards),
        Bind::Wildcard { port } => wildcard(*port, shards),
        Bind::Unix(path) => unix(path, shards),
    };
    bound.map_err(|error| BindError { address: bind.to_string(), error })
}

/// Every IPv6 and IPv4 address through one dual-stack socket; IPv4 alone on a host without IPv6.
fn wildcard(port: u16, shards: usize) -> io::Result<Bound> {
    match inet(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)), shards) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)) => {
            inet(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), shards)
        }
        bound => bound,
    }
}

fn inet(address: SocketAddr, shards: usize) -> io::Result<Bound> {
    // Two processes of one user may share a port with SO_REUSEPORT, and the kernel would deal connections out between
    // them. A socket without the option finds out whether somebody is there already; it also chooses a free port.
    let probe = open(address)?;
    probe.bind(&address.into())?;
    let address = probe.local_addr()?.as_socket().unwrap_or(address);
    drop(probe);
    let listening = |_| {
        let socket = open(address)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        // What is accepted inherits these: five system calls a connection less.
        tcp::no_delay(&socket)?;
        tcp::keep_alive(&socket)?;
        socket.listen(limits::LISTEN_BACKLOG)?;
        Ok(socket)
    };
    let sockets = (0..shards).map(listening).collect::<io::Result<Vec<Socket>>>()?;
    Ok(Bound { address: BoundAddress::Inet(address), sockets })
}

fn open(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Connections of an earlier process that linger in TIME_WAIT must not keep the port from its successor.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    Ok(socket)
}

/// A Unix socket knows no `SO_REUSEPORT`: all shards accept from one queue, whoever comes first.
fn unix(path: &Path, shards: usize) -> io::Result<Bound> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    if let Err(error) = socket.bind(&address) {
        let is_left_over = error.kind() == io::ErrorKind::AddrInUse && !is_served(&address)?;
        if !is_left_over {
            return Err(error);
        }
        std::fs::remove_file(path)?;
        socket.bind(&address)?;
    }
    socket.listen(limits::LISTEN_BACKLOG)?;
    let sockets = (0..shards).map(|_| socket.try_clone()).collect::<io::Result<Vec<Socket>>>()?;
    Ok(Bound { address: BoundAddress::Unix(path.to_owned()), sockets })
}

/// Whether a process listens on the socket file, or it is the rest of one that died. A file that is no socket counts as
/// served: it is not ours to remove.
fn is_served(address: &SockAddr) -> io::Result<bool> {
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    match probe.connect(address) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            let path = address.as_pathname();
            Ok(!path.is_some_and(|path| {
                use std::os::unix::fs::FileTypeExt;
                std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
            }))
        }
        Err(_) => Ok(true),
    }
}

/// What to do about the common errors.
fn explain(address: &str, error: &io::Error) -> String {
    let is_unix = address.starts_with("unix:");
    let hint = match error.raw_os_error() {
        Some(libc::EADDRINUSE) if is_unix => {
            "a process listens there (`ss -lxp` tells which), or something that is no socket has this path; stop or \
             remove it, or choose another path"
        }
        Some(libc::ENOENT | libc::ENOTDIR) if is_unix => "its directory has to be there first: create it",
        Some(libc::EADDRINUSE) => "another process listens there (`ss -ltnp` tells which); stop it or choose another",
        Some(libc::EADDRNOTAVAIL) => "no interface of this host has the address; `:PORT` means every address",
        Some(libc::EACCES | libc::EPERM) => {
            "this user may not; ports below 1024 take CAP_NET_BIND_SERVICE, a Unix socket a directory one may write to"
        }
        _ => return error.to_string(),
    };
    format!("{error}; {hint}")
}

impl BoundAddress {
    /// The port, if it has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            BoundAddress::Inet(address) => Some(address.port()),
            BoundAddress::Unix(_) => None,
        }
    }
}

impl std::fmt::Display for BoundAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BoundAddress::Inet(address) => address.fmt(f),
            BoundAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
