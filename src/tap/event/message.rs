//! What is said of gRPC: length-prefixed messages and the outcome of a call (gRPC over HTTP2).

use std::ops::Range;
use std::sync::Arc;

/// The part of a message that stands in one event.
#[derive(Clone, Debug, PartialEq)]
pub struct MessagePart {
    /// Where it stands in the event, the five bytes of the prefix included.
    pub bytes: Range<usize>,
    /// Which message of its direction and stream it belongs to, counted from 0.
    pub index: u64,
    /// How many bytes of the message, prefix included, came in earlier events; 0 if it begins here.
    pub before: u64,
    /// The message, if it ends here.
    pub message: Option<Box<Message>>,
}

/// A gRPC message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The path of the call: `/package.Service/Method`.
    pub path: Option<Arc<str>>,
    /// The Compressed-Flag: 0 or 1; anything else is kept and not compressed.
    pub flag: u8,
    /// The Message-Length: bytes on the wire behind the prefix.
    pub length: u32,
    /// What the sender said in `grpc-encoding`.
    pub encoding: Encoding,
    /// The content.
    pub body: Body,
}

/// The content of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The serialized message, decompressed where it was compressed and could be.
    pub bytes: Vec<u8>,
    /// True exactly if a limit cut the content: `bytes` is its beginning.
    pub truncated: bool,
    /// Why `bytes` cannot be read as Protobuf.
    pub obstacle: Option<Obstacle>,
}

/// What keeps a message from being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It is compressed in an encoding that we do not know, or that was not announced.
    UnknownEncoding,
    /// The compressed data breaks the rules of its format; `Body::bytes` is as on the wire.
    Corrupt,
    /// It is not Protobuf: the `content-type` names another format (`application/grpc+json`).
    OtherFormat,
}

/// How the messages of a direction of a call are compressed, if their flag says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// The zlib format, RFC 1950.
    Deflate,
    /// RFC 8878.
    Zstd,
    /// Another one, by its name.
    Other(Arc<str>),
}

/// The outcome of a gRPC call, from its trailers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcStatus {
    /// The code of `grpc-status`; None if it is no decimal number.
    pub code: Option<u32>,
    /// The name of the code: `"NOT_FOUND"`.
    pub name: Option<&'static str>,
    /// `grpc-message`, percent-decoded.
    pub message: Option<String>,
    /// `grpc-status-details-bin`.
    pub details: Option<Details>,
    /// True exactly if these are the response's only headers (Trailers-Only), not trailers behind them.
    pub trailers_only: bool,
    /// The path of the call.
    pub path: Option<Arc<str>>,
}

/// The value of `grpc-status-details-bin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Details {
    /// A serialized google.rpc.Status.
    Status(Vec<u8>),
    /// The value is not base64.
    NotBase64,
}
