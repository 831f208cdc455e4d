//! What is said of an HTTP/2 frame (RFC 9113 sections 4 and 6).

use std::ops::Range;
use std::sync::Arc;

use super::{Fields, GrpcStatus, MessagePart, SettingAt};
use crate::wire::Malformed;
use crate::wire::frame::FrameHead;
use crate::wire::hpack;

/// An HTTP/2 frame. Its event's bytes are the nine of the head and then the payload, or the head alone if the payload
/// comes in [`FramePart`]s.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The head, without the reserved bit.
    pub head: FrameHead,
    /// The reserved bit of the head; it means nothing (RFC 9113 section 4.1).
    pub reserved: bool,
    /// The payload. Explained as far as it goes even if the frame is malformed.
    pub payload: Payload,
    /// The first rule that the frame breaks; the offset counts from the start of the event.
    pub malformed: Option<Malformed>,
    /// The path of the request on this stream, where it is known.
    pub path: Option<Arc<str>>,
    /// What the decoder has to say about what it knows of streams.
    pub note: Option<StreamNote>,
}

/// What a decoder that may not keep everything has to admit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamNote {
    /// To make room for this frame's stream, what was known of that one was forgotten.
    Forgot(u32),
    /// Nothing is known of this frame's stream: its headers were not seen, not decodable, or are forgotten.
    Unknown,
}

/// The payload of a frame, by its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// DATA, section 6.1.
    Data(Data),
    /// HEADERS, section 6.2.
    Headers(Headers),
    /// PRIORITY, section 6.3.
    Priority(Priority),
    /// RST_STREAM, section 6.4.
    RstStream {
        /// The error code.
        code: u32,
    },
    /// SETTINGS, section 6.5; empty if it acknowledges.
    Settings(Vec<SettingAt>),
    /// PUSH_PROMISE, section 6.6.
    PushPromise(PushPromise),
    /// PING, section 6.7.
    Ping {
        /// The opaque data.
        data: [u8; 8],
    },
    /// GOAWAY, section 6.8.
    Goaway {
        /// The last stream that the sender has or will have dealt with.
        last_stream: u32,
        /// The reserved bit before it.
        reserved: bool,
        /// The error code.
        code: u32,
        /// Where the additional debug data stands.
        debug_data: Range<usize>,
    },
    /// WINDOW_UPDATE, section 6.9.
    WindowUpdate {
        /// By how many bytes the window grows.
        increment: u32,
        /// The reserved bit before it.
        reserved: bool,
    },
    /// CONTINUATION, section 6.10.
    Continuation(Block),
    /// PRIORITY_UPDATE, RFC 9218 section 7.1.
    PriorityUpdate {
        /// The stream whose priority it is.
        stream: u32,
        /// Where the priority stands, as a structured field: `u=3, i`.
        value: Range<usize>,
    },
    /// A type that we do not know, or a payload too short or long for its type.
    Raw(Range<usize>),
    /// The payload follows in [`FramePart`]s.
    InParts,
}

/// A piece of the payload of a long frame.
#[derive(Clone, Debug, PartialEq)]
pub struct FramePart {
    /// The head of the frame.
    pub head: FrameHead,
    /// How many bytes of the payload came before these.
    pub position: u64,
    /// True exactly for the last piece.
    pub last: bool,
    /// The gRPC messages in it, if it is DATA of a gRPC call.
    pub messages: Vec<MessagePart>,
}

/// The payload of a DATA frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// The padding, if the frame is padded.
    pub padding: Option<Padding>,
    /// Where the data stands.
    pub data: Range<usize>,
    /// True exactly if the stream is a gRPC call whose data is cut into messages.
    pub grpc: bool,
    /// The gRPC messages that it holds, or holds a part of.
    pub messages: Vec<MessagePart>,
}

/// The padding of a frame: a byte with its length before the content, and the padding itself at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Padding {
    /// Where the length byte stands.
    pub length_byte: usize,
    /// Where the padding stands.
    pub bytes: Range<usize>,
}

/// A stream's priority of the old kind (RFC 9113 section 5.3.2 keeps the fields and deprecates their use).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priority {
    /// Whether the stream is to be the only one that depends on its parent.
    pub exclusive: bool,
    /// The stream it depends on.
    pub dependency: u32,
    /// The weight, 1 to 256: the byte on the wire and one.
    pub weight: u16,
    /// Where the five bytes stand.
    pub bytes: Range<usize>,
}

/// The payload of a HEADERS frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Headers {
    /// The padding, if the frame is padded.
    pub padding: Option<Padding>,
    /// The priority, if the frame has one.
    pub priority: Option<Priority>,
    /// The fragment of the header block.
    pub block: Block,
}

/// The payload of a PUSH_PROMISE frame.
#[derive(Clone, Debug, PartialEq)]
pub struct PushPromise {
    /// The padding, if the frame is padded.
    pub padding: Option<Padding>,
    /// The stream that is promised.
    pub promised_stream: u32,
    /// The reserved bit before it.
    pub reserved: bool,
    /// The fragment of the header block.
    pub block: Block,
}

/// A fragment of a header block, and the list if the block ends with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Where the fragment stands.
    pub fragment: Range<usize>,
    /// True exactly if the header block ends here.
    pub ends: bool,
    /// The whole list, if the block ends here; of a block that cannot be decoded the fields before the error.
    pub fields: Fields,
    /// Why the list is not all there is, if so. An offset in it counts from the start of the block, all its fragments
    /// joined.
    pub undecodable: Option<hpack::Error>,
    /// Where in this direction's bytes an earlier block broke the table, so that this one could not be tried.
    pub table_lost: Option<u64>,
    /// What these fields say of the outcome of a gRPC call.
    pub status: Option<Box<GrpcStatus>>,
}
