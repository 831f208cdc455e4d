//! Words for HTTP/1 that both forms share.

use super::super::event::{Framing, Http1Head, Reason, Start};
use super::text::grouped;

/// The first line of a head, without its end.
pub(super) fn first_line(head: &Http1Head) -> String {
    let minor = head.minor_version;
    match &head.start {
        Start::Request { method, target } => format!("{method} {target} HTTP/1.{minor}"),
        Start::Response { code, reason } if reason.is_empty() => format!("HTTP/1.{minor} {code}"),
        Start::Response { code, reason } => format!("HTTP/1.{minor} {code} {reason}"),
    }
}

/// What follows a head.
pub(super) fn framing(framing: Framing) -> String {
    match framing {
        Framing::Empty => "no body".to_owned(),
        Framing::Length(bytes) => format!("body of {} bytes", grouped(bytes)),
        Framing::Chunked => "body in chunks".to_owned(),
        Framing::UntilEnd => "body until the connection ends".to_owned(),
        Framing::Tunnel => "no more HTTP/1 behind this head".to_owned(),
    }
}

/// Why bytes are not decoded.
pub(super) fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Tls => "TLS records",
        Reason::UnknownProtocol => "unknown protocol",
        Reason::Tunnel => "tunnel",
        Reason::AfterMalformed => "behind malformed bytes",
        Reason::AfterEnd => "behind the end of the sample",
    }
}
