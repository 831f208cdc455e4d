//! HTTP/2: frames in the order sent, with what they mean for later ones (RFC 9113).
//!
//! The length in a frame's head leads to the next frame whatever is wrong with this one, so a malformed frame is
//! explained, marked, and followed by the next. What a frame says by itself is explained in `payload`.

use super::blocks::{Blocks, Kind, Owner};
use super::grpc::{self, Budget, Messages};
use super::stream::{Stream, Streams};
use super::{Limits, Step, payload};
use crate::tap::event::{Block, Data, Direction, Fields, Frame, FramePart, Payload, StreamNote, What};
use crate::wire::Malformed;
use crate::wire::frame::{FrameHead, HEAD_BYTES, flag, kind};
use crate::wire::head::RequestHead;
use crate::wire::hpack::{self, Field};
use crate::wire::request::{self, Invalid};
use crate::wire::settings::{Setting, id};

/// An HTTP/2 connection.
#[derive(Debug)]
pub(super) struct Http2 {
    to_backend: Sender,
    to_client: Sender,
    pub(super) streams: Streams,
    limits: Limits,
}

/// What is known of the side that sends in one direction.
#[derive(Debug)]
struct Sender {
    blocks: Blocks,
    /// The longest payload that the receiver has announced to accept so far.
    frame_bytes_max: u32,
    /// Whether the receiver has announced to take binary metadata as it is.
    true_binary: bool,
    /// Whether the first frame has gone by.
    started: bool,
    long: Option<LongFrame>,
}

/// A frame whose payload comes in pieces.
#[derive(Clone, Copy, Debug)]
struct LongFrame {
    head: FrameHead,
    /// How much of the payload has gone by.
    position: usize,
    /// The value of the pad length byte; 0 without one, or as long as it is not there.
    padding: usize,
}

impl Http2 {
    pub(super) fn new(limits: Limits) -> Http2 {
        let sender = || Sender {
            blocks: Blocks::new(limits),
            frame_bytes_max: FRAME_BYTES_INITIAL,
            true_binary: false,
            started: false,
            long: None,
        };
        Http2 { to_backend: sender(), to_client: sender(), streams: Streams::new(limits.streams), limits }
    }

    /// Explains the next frame or piece at the start of `bytes`, which stand at `offset` of their direction.
    pub(super) fn step(&mut self, direction: Direction, bytes: &[u8], offset: u64, budget: &mut Budget) -> Step {
        if let Some(long) = self.sender(direction).long {
            return self.piece(direction, long, bytes, budget);
        }
        let Some(head) = FrameHead::parse(bytes) else { return Step::Wait };
        if head.length > self.limits.whole_bytes {
            return self.begin_long(direction, head, bytes, offset);
        }
        let length = HEAD_BYTES + head.length;
        match bytes.get(..length) {
            Some(frame) => {
                let frame = self.frame(direction, head, frame, offset, budget);
                Step::explained(length, What::Frame(Box::new(frame)))
            }
            None => Step::Wait,
        }
    }

    /// The end of the direction: what the rest, not empty, is of.
    pub(super) fn rest(&mut self, direction: Direction, bytes: &[u8], budget: &mut Budget) -> What {
        if let Some(long) = self.sender(direction).long {
            return What::FramePart(self.long_part(direction, long, bytes, budget));
        }
        match FrameHead::parse(bytes) {
            Some(head) => {
                let missing = (HEAD_BYTES + head.length).saturating_sub(bytes.len());
                What::Truncated { of: "frame", missing: Some(missing as u64) }
            }
            None => What::Truncated { of: "frame head", missing: Some(HEAD_BYTES.saturating_sub(bytes.len()) as u64) },
        }
    }

    /// Takes in settings that the sender of `direction` has sent: they bind the other side.
    pub(super) fn settings(&mut self, direction: Direction, settings: impl IntoIterator<Item = Setting>) {
        let bound = self.sender(direction.opposite());
        for Setting { id, value } in settings {
            match id {
                id::HEADER_TABLE_SIZE => bound.blocks.raise_table(value),
                // An onlooker cannot tell when a smaller one counts, so the largest does.
                id::MAX_FRAME_SIZE => bound.frame_bytes_max = bound.frame_bytes_max.max(value),
                ALLOW_TRUE_BINARY_METADATA => bound.true_binary |= value == 1,
                _ => {}
            }
        }
    }

    fn sender(&mut self, direction: Direction) -> &mut Sender {
        match direction {
            Direction::ToBackend => &mut self.to_backend,
            Direction::ToClient => &mut self.to_client,
        }
    }

    fn frame(
        &mut self,
        direction: Direction,
        head: FrameHead,
        bytes: &[u8],
        offset: u64,
        budget: &mut Budget,
    ) -> Frame {
        let (payload, broken) = payload::explain(&head, bytes);
        let mut frame = self.framed(direction, head, bytes, payload);
        frame.malformed = frame.malformed.or(broken);
        self.effect(direction, &mut frame, bytes, offset, budget);
        frame.path = self.streams.find(head.stream).and_then(|stream| stream.path.clone());
        frame
    }

    /// A frame with the rule that it breaks by where it stands, if any.
    fn framed(&mut self, direction: Direction, head: FrameHead, bytes: &[u8], payload: Payload) -> Frame {
        let malformed = self.sender(direction).order_rule(direction, &head);
        let malformed = malformed.or_else(|| self.stream_rule(direction, &head));
        let reserved = bytes.get(RESERVED_OFFSET).is_some_and(|byte| byte & 0x80 != 0);
        Frame { head, reserved, payload, malformed, path: None, note: None }
    }

    /// The rule that a frame breaks by the state of its stream, if any, as far as its sender alone decides that state.
    fn stream_rule(&mut self, direction: Direction, head: &FrameHead) -> Option<Malformed> {
        let has_ended = |stream: &mut Stream| stream.half(direction).has_ended();
        let (rule, section) = if !matches!(head.kind, kind::DATA | kind::HEADERS) {
            return None;
        } else if self.streams.find(head.stream).is_some_and(has_ended) {
            ("a frame behind the one with END_STREAM", "RFC 9113 section 5.1")
        } else if direction == Direction::ToBackend && head.stream > 0 && head.stream.is_multiple_of(2) {
            ("a stream of a client with an even number", "RFC 9113 section 5.1.1")
        } else {
            return None;
        };
        Some(Malformed { rule, section, offset: RESERVED_OFFSET })
    }

    /// What the frame changes for later ones, and what earlier ones say of it.
    fn effect(&mut self, direction: Direction, frame: &mut Frame, bytes: &[u8], offset: u64, budget: &mut Budget) {
        let Frame { head, payload, malformed, note, .. } = frame;
        let blocks = &mut self.sender(direction).blocks;
        let (block, owner) = match payload {
            Payload::Data(data) => {
                *note = self.data(direction, head, data, bytes, malformed, budget);
                return;
            }
            Payload::Settings(entries) => {
                if !head.is_settings_ack() {
                    self.settings(direction, entries.iter().map(|entry| entry.setting));
                }
                return;
            }
            Payload::RstStream { .. } => return self.streams.close(head.stream, budget),
            Payload::Headers(headers) => {
                let kind = Kind::Headers { end_stream: head.has(flag::END_STREAM) };
                let owner = Owner { stream: head.stream, kind };
                let fragment = bytes.get(headers.block.fragment.clone()).unwrap_or_default();
                let owner = blocks.begin(owner, fragment, &mut headers.block, offset);
                (&mut headers.block, owner)
            }
            Payload::PushPromise(promise) => {
                let owner = Owner { stream: head.stream, kind: Kind::Promise(promise.promised_stream) };
                let fragment = bytes.get(promise.block.fragment.clone()).unwrap_or_default();
                let owner = blocks.begin(owner, fragment, &mut promise.block, offset);
                (&mut promise.block, owner)
            }
            Payload::Continuation(block) => {
                if blocks.open_on() != Some(head.stream) {
                    return;
                }
                let fragment = bytes.get(block.fragment.clone()).unwrap_or_default();
                let owner = blocks.go_on(fragment, block, offset);
                (block, owner)
            }
            Payload::Priority(_)
            | Payload::Ping { .. }
            | Payload::Goaway { .. }
            | Payload::WindowUpdate { .. }
            | Payload::PriorityUpdate { .. }
            | Payload::Raw(_)
            | Payload::InParts => return,
        };
        let Some(owner) = owner else { return };
        if let Some(hpack::Error::Malformed(broken)) = block.undecodable {
            malformed.get_or_insert(Malformed { offset: block.fragment.start, ..broken });
        }
        *note = self.list(direction, owner, block, malformed, budget);
    }

    fn data(
        &mut self,
        direction: Direction,
        head: &FrameHead,
        data: &mut Data,
        bytes: &[u8],
        malformed: &mut Option<Malformed>,
        budget: &mut Budget,
    ) -> Option<StreamNote> {
        let Some(stream) = self.streams.find(head.stream) else { return Some(StreamNote::Unknown) };
        let half = stream.half(direction);
        let note = (!half.headers_seen).then_some(StreamNote::Unknown);
        if let Some(messages) = &mut half.messages {
            data.grpc = true;
            let content = bytes.get(data.data.clone()).unwrap_or_default();
            data.messages = messages.take(content, data.data.start, budget);
            if messages.is_open() && head.has(flag::END_STREAM) {
                malformed.get_or_insert(Malformed { offset: data.data.end, ..MESSAGE_CUT });
            }
        }
        if head.has(flag::END_STREAM) {
            self.streams.end(head.stream, direction, budget);
        }
        note
    }

    /// Takes in a header list that is complete.
    fn list(
        &mut self,
        direction: Direction,
        owner: Owner,
        block: &mut Block,
        malformed: &mut Option<Malformed>,
        budget: &mut Budget,
    ) -> Option<StreamNote> {
        let end_stream = match owner.kind {
            Kind::Headers { end_stream } => end_stream,
            Kind::Promise(promised) => {
                let (stream, note) = self.streams.open(promised, budget);
                stream.headers(Direction::ToBackend, &block.fields, budget);
                self.streams.end(promised, Direction::ToBackend, budget);
                return note;
            }
        };
        let true_binary = self.sender(direction).true_binary;
        let unknown = direction == Direction::ToClient && self.streams.find(owner.stream).is_none();
        let (stream, note) = self.streams.open(owner.stream, budget);
        let informational = block.fields.value(":status").is_some_and(|status| status.starts_with(b"1"));
        if block.table_lost.is_none() && !informational {
            let first = !stream.half(direction).headers_seen;
            if first {
                stream.headers(direction, &block.fields, budget);
                let half = stream.half(direction);
                // Of a list that is known in part, what is not there may stand in the rest.
                half.headers_seen = block.undecodable.is_none() || half.messages.is_some();
                if direction == Direction::ToBackend && block.undecodable.is_none() {
                    *malformed = malformed.or_else(|| request_rule(block, true_binary));
                }
            }
            if direction == Direction::ToClient {
                block.status = grpc::status(&block.fields, first && end_stream, stream.path.as_ref());
            }
        }
        if end_stream {
            if stream.half(direction).messages.as_ref().is_some_and(Messages::is_open) {
                malformed.get_or_insert(MESSAGE_CUT);
            }
            self.streams.end(owner.stream, direction, budget);
        }
        if unknown { Some(StreamNote::Unknown) } else { note }
    }

    fn begin_long(&mut self, direction: Direction, head: FrameHead, bytes: &[u8], offset: u64) -> Step {
        let mut frame = self.framed(direction, head, bytes, Payload::InParts);
        frame.path = self.streams.find(head.stream).and_then(|stream| stream.path.clone());
        let sender = self.sender(direction);
        if matches!(head.kind, kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION) {
            sender.blocks.lose(offset);
        }
        sender.long = Some(LongFrame { head, position: 0, padding: 0 });
        Step::explained(HEAD_BYTES, What::Frame(Box::new(frame)))
    }

    fn piece(&mut self, direction: Direction, long: LongFrame, bytes: &[u8], budget: &mut Budget) -> Step {
        let length = self.limits.piece_bytes.min(long.head.length - long.position);
        match bytes.get(..length) {
            Some(piece) => Step::explained(length, What::FramePart(self.long_part(direction, long, piece, budget))),
            None => Step::Wait,
        }
    }

    fn long_part(&mut self, direction: Direction, mut long: LongFrame, piece: &[u8], budget: &mut Budget) -> FramePart {
        let LongFrame { head, position, .. } = long;
        let padded = head.kind == kind::DATA && head.has(flag::PADDED);
        if padded && position == 0 {
            long.padding = piece.first().copied().map_or(0, usize::from);
        }
        long.position += piece.len();
        let last = long.position >= head.length;
        self.sender(direction).long = (!last).then_some(long);
        let mut messages = Vec::new();
        if head.kind == kind::DATA {
            let start = usize::from(padded && position == 0);
            let end = (head.length - long.padding.min(head.length)).saturating_sub(position).min(piece.len());
            let content = piece.get(start..end).unwrap_or_default();
            let half = self.streams.find(head.stream).map(|stream| stream.half(direction));
            if let Some(of_call) = half.and_then(|half| half.messages.as_mut()) {
                messages = of_call.take(content, start, budget);
            }
        }
        if last && head.has(flag::END_STREAM) && matches!(head.kind, kind::DATA | kind::HEADERS) {
            self.streams.end(head.stream, direction, budget);
        }
        FramePart { head, position: position as u64, last, messages }
    }
}

impl Sender {
    /// The rule that a frame breaks by where it stands, if any.
    fn order_rule(&mut self, direction: Direction, head: &FrameHead) -> Option<Malformed> {
        let first = !std::mem::replace(&mut self.started, true);
        let continues = head.kind == kind::CONTINUATION;
        let (rule, section, offset) = match self.blocks.open_on() {
            _ if first && (head.kind != kind::SETTINGS || head.is_settings_ack()) => {
                ("the first frame is not SETTINGS", "RFC 9113 section 3.4", 3)
            }
            _ if u32::try_from(head.length).is_ok_and(|length| length > self.frame_bytes_max) => {
                ("a frame longer than its receiver accepts", "RFC 9113 section 4.2", 0)
            }
            Some(stream) if !continues || stream != head.stream => {
                ("another frame inside a header block", "RFC 9113 section 6.10", 3)
            }
            None if continues => ("a CONTINUATION of nothing", "RFC 9113 section 6.10", 3),
            _ if head.kind == kind::PUSH_PROMISE && direction == Direction::ToBackend => {
                ("a push from a client", "RFC 9113 section 8.4", 3)
            }
            _ => return None,
        };
        Some(Malformed { rule, section, offset })
    }
}

/// The rule that the list of a request breaks, if any. Which of its bytes break it is known no more once it is decoded.
fn request_rule(block: &Block, true_binary: bool) -> Option<Malformed> {
    let Invalid { rule, section } = check_request(&block.fields, true_binary).err()?;
    Some(Malformed { rule, section, offset: block.fragment.start })
}

fn check_request(fields: &Fields, true_binary: bool) -> Result<(), Invalid> {
    let mut checker = request::Checker::default();
    let mut head = RequestHead::default();
    for Field { name, value, .. } in fields.iter() {
        // Behind a NUL stand bytes of any value, as the two sides have agreed: grpc-core does so in every call.
        let binary = true_binary && name.ends_with(b"-bin") && value.starts_with(b"\0");
        checker.field(name, if binary { b"" } else { value })?;
        // The fields that the rules for a whole list look at.
        if name.starts_with(b":") || name == b"host" {
            head.push(name, value);
        }
    }
    checker.finish(&head)
}

/// Where the byte with the reserved bit stands in a frame.
const RESERVED_OFFSET: usize = 5;
const FRAME_BYTES_INITIAL: u32 = 16_384;
/// GRPC_ALLOW_TRUE_BINARY_METADATA (gRPC proposal G1).
const ALLOW_TRUE_BINARY_METADATA: u16 = 0xfe03;

const MESSAGE_CUT: Malformed = Malformed {
    rule: "the stream ends inside a gRPC message",
    section: "gRPC over HTTP2, Length-Prefixed-Message",
    offset: 0,
};
