//! What is known of a connection when it is routed.

use std::fmt;
use std::net::SocketAddr;

use crate::wire::head::RequestHead;

/// What a match is tested against: borrowed, because it lives as long as one decision.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The name of the listener that accepted the connection.
    pub listener: &'a str,
    /// The protocol its first bytes speak.
    pub protocol: Protocol,
    /// The client, after a PROXY header; absent for Unix sockets.
    pub source: Option<SocketAddr>,
    /// The address the client connected to, after a PROXY header; absent for Unix sockets.
    pub destination: Option<SocketAddr>,
    /// The first request, of HTTP/2 or HTTP/1.
    pub request: Option<&'a RequestHead>,
    /// The server name of a TLS ClientHello (RFC 6066 section 3).
    pub sni: Option<&'a str>,
    /// The application protocols a TLS ClientHello offers (RFC 7301 section 3.1).
    pub alpn: &'a [&'a [u8]],
    /// Type and value of the TLVs of a PROXY header (PROXY protocol section 2.2).
    pub tlvs: &'a [(u8, &'a [u8])],
}

/// What the first bytes of a connection speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/2 without TLS, with prior knowledge (RFC 9113 section 3.3).
    H2c,
    /// HTTP/1.0 or HTTP/1.1 without TLS.
    Http1,
    /// TLS, whatever is inside.
    Tls,
    /// Anything else, also where the server speaks first.
    Opaque,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 4] = [Self::H2c, Self::Http1, Self::Tls, Self::Opaque];

    /// Its name in configuration and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::H2c => "h2c",
            Self::Http1 => "http1",
            Self::Tls => "tls",
            Self::Opaque => "opaque",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_have_the_names_of_the_configuration() {
        assert_eq!(Protocol::ALL.map(|protocol| protocol.to_string()), ["h2c", "http1", "tls", "opaque"]);
    }
}
