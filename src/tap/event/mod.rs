//! What the decoder says: each event explains a run of bytes of one direction.
//!
//! The bytes of all events of a direction, joined in their order, are the bytes of that direction: each byte stands in
//! exactly one event. What is derived from earlier bytes too (a header list, a message over several frames) hangs on
//! the event that completes it. Positions inside an event are byte ranges of [`Event::bytes`], so that whoever prints
//! an event can put the explanation beside the bytes.

mod fields;
mod frame;
mod http1;
mod message;

use std::ops::Range;

use crate::wire::Malformed;
use crate::wire::proxy_protocol::Header;

pub use fields::Fields;
pub use frame::{Block, Data, Frame, FramePart, Headers, Padding, Payload, Priority, PushPromise, StreamNote};
pub use http1::{Chunk, Framing, Http1Head, Http1Trailers, Start};
pub use message::{Body, Details, Encoding, GrpcStatus, Message, MessagePart, Obstacle};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From the client to the backend.
    ToBackend,
    /// From the backend to the client.
    ToClient,
}

impl Direction {
    /// The other one.
    pub fn opposite(self) -> Direction {
        match self {
            Direction::ToBackend => Direction::ToClient,
            Direction::ToClient => Direction::ToBackend,
        }
    }
}

/// A run of bytes and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The way the bytes went.
    pub direction: Direction,
    /// How many bytes of the direction came before these.
    pub offset: u64,
    /// The bytes, at least one.
    pub bytes: Vec<u8>,
    /// Of bytes that are not decoded: how the line begins that they continue, if its beginning is in an event before.
    pub line: Vec<u8>,
    /// What they are.
    pub what: What,
}

/// What a run of bytes is.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A PROXY protocol header, version 1 or 2.
    ProxyHeader(Header),
    /// The connection preface of an HTTP/2 client (RFC 9113 section 3.4).
    Preface,
    /// An HTTP/2 frame; boxed because it is far larger than the others.
    Frame(Box<Frame>),
    /// A piece of the payload of a frame too long to be kept whole; its [`Frame`] came before, with the head only.
    FramePart(FramePart),
    /// The head of an HTTP/1 request or response, with the empty line that ends it.
    Http1Head(Box<Http1Head>),
    /// Bytes of an HTTP/1 body that is not chunked.
    Http1Body {
        /// The gRPC messages in it, if it is a gRPC body.
        messages: Vec<MessagePart>,
    },
    /// An HTTP/1 chunk or, if it is too long to be kept whole, a piece of it.
    Http1Chunk(Chunk),
    /// The last chunk, the trailer fields behind it, and the empty line that ends them.
    Http1Trailers(Http1Trailers),
    /// Bytes of a protocol that is not decoded, or behind the point from which on nothing can be.
    Opaque {
        /// Why they are not decoded.
        reason: Reason,
    },
    /// Bytes that break a rule so that what follows them cannot be told apart.
    Malformed(Malformed),
    /// The start of something whose end never came: the direction ended before.
    Truncated {
        /// What it would have been: `"frame"`, `"request head"`.
        of: &'static str,
        /// How many more bytes were announced, where something announces them.
        missing: Option<u64>,
    },
}

/// Why bytes are not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// They are TLS records.
    Tls,
    /// The first bytes are of no protocol that we know.
    UnknownProtocol,
    /// The connection became something else: after CONNECT, or 101 to another protocol than h2c.
    Tunnel,
    /// The bytes before broke a rule.
    AfterMalformed,
    /// The sample of this direction had been ended already.
    AfterEnd,
}

/// One entry of a SETTINGS payload, and where it stands in the event (six bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingAt {
    /// The identifier and its value.
    pub setting: crate::wire::settings::Setting,
    /// Where it stands in [`Event::bytes`].
    pub bytes: Range<usize>,
}
