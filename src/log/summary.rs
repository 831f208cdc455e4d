//! The summary of a connection: what is known of it when it has ended.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::reason::{Cause, CloseReason};
use super::tlvs::{self, Tlvs};
use crate::limits::{self, Limit};
use crate::route::Protocol;

/// Everything worth knowing of a connection that has ended. Facts that never came to be are `None`.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Unique in this process.
    pub id: ConnectionId,
    /// When it was accepted.
    pub start: SystemTime,
    /// From accepting to the end.
    pub duration: Duration,
    /// The listener's name.
    pub listener: String,
    /// The other end of the TCP connection: a load balancer, perhaps.
    pub peer: Option<SocketAddr>,
    /// The client: as the PROXY header says, or else the peer.
    pub client: Option<SocketAddr>,
    /// `none`, `v1` or `v2`.
    pub proxy_protocol: &'static str,
    /// What else the PROXY header tells, by name.
    pub tlvs: Tlvs,
    /// What it spoke; `None` if that was never learned.
    pub protocol: Option<Protocol>,
    /// `:authority` of the first request; of HTTP/1, whom it is for by its target or Host.
    pub authority: Option<String>,
    /// `:path` of the first request; of HTTP/1, path and query of its target.
    pub path: Option<String>,
    /// The server name of a TLS ClientHello.
    pub sni: Option<String>,
    /// The application protocols that a TLS ClientHello offers, with a comma between them.
    pub alpn: Option<String>,
    /// The match line of the route, or `default`.
    pub route: Option<String>,
    /// The pool's name.
    pub pool: Option<String>,
    /// The backend's address.
    pub backend: Option<String>,
    /// The connection's name in the PROXY header that the backend got.
    pub unique_id: Option<String>,
    /// How long connecting took, attempts at other backends included.
    pub connect: Option<Duration>,
    /// Bytes sent to the backend.
    pub to_backend: Bytes,
    /// Bytes sent to the client.
    pub to_client: Bytes,
    /// The requests that it carried, if it was watched.
    pub requests: Option<RequestsSeen>,
    /// Why it ended.
    pub reason: CloseReason,
    /// The limit that ended it, if it was one.
    pub limit: Option<Limit>,
    /// The rule that was broken, or the error, in words.
    pub detail: Option<String>,
}

/// The name of a connection: the shard that serves it, and a count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId {
    /// The shard.
    pub shard: usize,
    /// The how manieth of the shard it is.
    pub number: u64,
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.shard, self.number)
    }
}

/// Bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// Through a buffer of ours.
    pub copied: u64,
    /// Inside the kernel.
    pub spliced: u64,
}

impl Bytes {
    /// All of them.
    pub fn total(self) -> u64 {
        self.copied + self.spliced
    }
}

/// The requests of a watched connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestsSeen {
    /// All of them, the first one included.
    pub requests: u64,
    /// Those that belonged elsewhere.
    pub misrouted: u64,
    /// Whether all were seen. A header block beyond the limits, or a malformed one, ends the count.
    pub complete: bool,
}

impl Summary {
    /// Of a connection that has just been accepted: all else is still unknown. Until something ends it, the only thing
    /// that could is the proxy's own end.
    pub fn new(id: ConnectionId, listener: String, peer: Option<SocketAddr>) -> Summary {
        Summary {
            id,
            start: SystemTime::now(),
            duration: Duration::ZERO,
            listener,
            peer,
            client: peer,
            proxy_protocol: "none",
            tlvs: Tlvs::default(),
            protocol: None,
            authority: None,
            path: None,
            sni: None,
            alpn: None,
            route: None,
            pool: None,
            backend: None,
            unique_id: None,
            connect: None,
            to_backend: Bytes::default(),
            to_client: Bytes::default(),
            requests: None,
            reason: CloseReason::proxy(Cause::Shutdown),
            limit: None,
            detail: None,
        }
    }

    /// A value of a PROXY header as a text for the log, as in [`Tlvs`].
    pub fn value(bytes: &[u8]) -> String {
        tlvs::text(bytes)
    }

    /// A peer's bytes as a text for the log: at most 1 KiB of them, what is no UTF-8 replaced.
    pub fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes.get(..limits::LOG_TEXT_BYTES).unwrap_or(bytes)).into_owned()
    }
}

#[cfg(test)]
impl Summary {
    /// One with all facts.
    pub(super) fn example() -> Summary {
        Summary {
            id: ConnectionId { shard: 1, number: 7 },
            start: SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_123),
            duration: Duration::from_micros(12_345),
            listener: "grpc".to_owned(),
            peer: Some("10.0.0.9:51234".parse().unwrap()),
            client: Some("203.0.113.7:40312".parse().unwrap()),
            proxy_protocol: "v1",
            tlvs: Tlvs::default(),
            protocol: Some(Protocol::H2c),
            authority: Some("api.example".to_owned()),
            path: Some("/users.v1.Users/AddUser".to_owned()),
            sni: None,
            alpn: None,
            route: Some("x-prism-namespace=billing".to_owned()),
            pool: Some("billing".to_owned()),
            backend: Some("10.0.0.5:50051".to_owned()),
            unique_id: None,
            connect: Some(Duration::from_micros(321)),
            to_backend: Bytes { copied: 1234, spliced: 0 },
            to_client: Bytes { copied: 1_048_576, spliced: 1_048_576 },
            requests: None,
            reason: CloseReason::client(Cause::Finished),
            limit: None,
            detail: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_peer_is_cut_and_made_utf8() {
        assert_eq!(Summary::text(b"/a\xff"), "/a\u{fffd}");
        assert_eq!(Summary::text(&[b'x'; 2000]).len(), 1024);
    }
}
