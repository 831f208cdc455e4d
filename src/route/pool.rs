//! The backends that share the connections of a rule.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::wire::proxy_protocol::{LOCAL, UNKNOWN};

/// Which pool: its index among the pools of one configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolId(pub usize);

/// Backends that can stand in for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name in the configuration.
    pub name: String,
    /// In the order of the configuration; at least one.
    pub backends: Vec<Backend>,
    /// Time for one connection attempt to one backend.
    pub connect_timeout: Duration,
    /// A connection without a byte in either direction for this long is closed.
    pub idle_timeout: Duration,
    /// Which PROXY header a backend gets before anything else; `None`: none.
    pub send_proxy: Option<SendProxy>,
}

/// What backends are told of the client in a PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendProxy {
    /// Who the client is, as a line of text.
    V1,
    /// The same in binary, with the vectors that are any backend's business.
    V2,
    /// What the sender in front of us said.
    Relay,
}

impl SendProxy {
    /// The header of a connection that relays nobody: one of ours, or of the sender in front of us.
    pub fn of_nobody(self) -> &'static [u8] {
        match self {
            SendProxy::V1 => UNKNOWN,
            SendProxy::V2 | SendProxy::Relay => LOCAL,
        }
    }
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Where it listens.
    pub address: Address,
    /// Its share of the connections, relative to the other weights of the pool.
    pub weight: NonZeroU32,
}

/// Where a backend listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A TCP address.
    Inet(SocketAddr),
    /// The path of a Unix stream socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_relays_nobody_says_so_in_the_version_that_is_sent() {
        assert_eq!(SendProxy::V1.of_nobody(), b"PROXY UNKNOWN\r\n");
        assert_eq!(SendProxy::V2.of_nobody(), b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
        assert_eq!(SendProxy::Relay.of_nobody(), b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    }

    #[test]
    fn addresses_are_shown_as_the_configuration_writes_them() {
        assert_eq!(Address::Inet("10.0.0.5:50051".parse().unwrap()).to_string(), "10.0.0.5:50051");
        assert_eq!(Address::Inet("[::1]:80".parse().unwrap()).to_string(), "[::1]:80");
        assert_eq!(Address::Unix("/run/x.sock".into()).to_string(), "unix:/run/x.sock");
    }
}
