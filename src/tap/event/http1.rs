//! What is said of HTTP/1 (RFC 9112).

use std::ops::Range;
use std::sync::Arc;

use super::{Fields, GrpcStatus, MessagePart};
use crate::wire::settings::Setting;

/// The head of a request or response.
#[derive(Clone, Debug, PartialEq)]
pub struct Http1Head {
    /// The first line.
    pub start: Start,
    /// The minor version: 0 or 1.
    pub minor_version: u8,
    /// The fields, names as written.
    pub fields: Fields,
    /// How the body, if any, is delimited.
    pub framing: Framing,
    /// The payload of `HTTP2-Settings` in a request that asks for h2c by `Upgrade` (RFC 7540 section 3.2.1).
    pub settings: Option<Vec<Setting>>,
    /// True exactly for a 101 response from which on both directions are HTTP/2.
    pub becomes_http2: bool,
    /// The outcome of a gRPC call, if the head tells one.
    pub status: Option<Box<GrpcStatus>>,
    /// The target of the request; of a response, that of the request it answers, where it is known.
    pub path: Option<Arc<str>>,
}

/// The first line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A request line.
    Request {
        /// The method.
        method: String,
        /// The target as written.
        target: String,
    },
    /// A status line.
    Response {
        /// The status code.
        code: u16,
        /// The reason phrase; may be empty.
        reason: String,
    },
}

/// How a body is delimited (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    Empty,
    /// By `content-length`.
    Length(u64),
    /// By chunks.
    Chunked,
    /// By the end of the connection.
    UntilEnd,
    /// No longer HTTP behind this head: CONNECT, or 101 to another protocol.
    Tunnel,
}

/// A chunk, or a piece of a long one.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// The size that the chunk announces.
    pub size: u64,
    /// Where the extensions behind the size stand, semicolon included; empty if there are none.
    pub extension: Range<usize>,
    /// Where the data stands.
    pub data: Range<usize>,
    /// How many bytes of the chunk's data came in earlier events; 0 in its first piece.
    pub position: u64,
    /// The gRPC messages in the data, if it is a gRPC body.
    pub messages: Vec<MessagePart>,
}

/// The end of a chunked body.
#[derive(Clone, Debug, PartialEq)]
pub struct Http1Trailers {
    /// The trailer fields.
    pub fields: Fields,
    /// The outcome of a gRPC call, if they tell one.
    pub status: Option<Box<GrpcStatus>>,
}
