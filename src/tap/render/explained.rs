//! An event with everything that has to be known before its first byte is printed: the text of its messages, and
//! which of its bytes are not to be shown.

use std::ops::Range;

use super::super::event::{
    Block, Body, Details, Encoding, Event, Frame, GrpcStatus, Message, MessagePart, Obstacle, Payload, StreamNote, What,
};
use super::secrets::{self, Mask};
use super::{Options, Rendered, View};
use crate::wire::frame::{FrameHead, HEAD_BYTES, kind};
use crate::wire::hpack;

/// An event and what was found out about it.
pub(super) struct Explained<'a> {
    /// The event.
    pub(super) event: &'a Event,
    /// The text of the messages that end in this event; as many entries as it has message parts.
    pub(super) messages: Vec<Option<Rendered>>,
    /// The text of `grpc-status-details-bin`, if there is one.
    pub(super) details: Option<Rendered>,
    /// Which bytes of the event are not shown.
    pub(super) mask: Mask,
}

impl<'a> Explained<'a> {
    /// Looks at an event. Lines of messages get at most `columns` characters.
    pub(super) fn new(event: &'a Event, options: &Options<'_>, columns: usize) -> Explained<'a> {
        let view = View { show_secrets: options.show_secrets, columns };
        let text = |part: &MessagePart| {
            let message = part.message.as_ref().filter(|message| message.body.obstacle.is_none())?;
            Some(options.messages.message(message.path.as_deref(), event.direction, &message.body.bytes, view))
        };
        let messages = parts(event).iter().map(text).collect();
        let details = match status(event).and_then(|status| status.details.as_ref()) {
            Some(Details::Status(bytes)) => Some(options.messages.status(bytes, view)),
            Some(Details::NotBase64) | None => None,
        };
        let mut shown = Explained { event, messages, details, mask: Mask::default() };
        if !options.show_secrets {
            shown.mask = Mask::new(shown.secret_ranges(options));
        }
        shown
    }

    /// Bytes of the event; what it does not have is left out.
    pub(super) fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        let end = range.end.min(self.event.bytes.len());
        self.event.bytes.get(range.start..end).unwrap_or_default()
    }

    /// The whole event as a range.
    pub(super) fn all(&self) -> Range<usize> {
        0..self.event.bytes.len()
    }

    /// The message parts, each with the text of the message that ends in it.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&'a MessagePart, Option<&Rendered>)> {
        parts(self.event).iter().zip(self.messages.iter().map(Option::as_ref))
    }

    fn secret_ranges(&self, options: &Options<'_>) -> Vec<Range<usize>> {
        let event = self.event;
        let may_hold = |path: Option<&str>| options.messages.may_hold_secrets(path, event.direction);
        let mut secret = Vec::new();
        for (part, rendered) in self.parts() {
            self.secret_in_part(&mut secret, part, rendered, &may_hold);
        }
        let behind_head = HEAD_BYTES..event.bytes.len();
        match &event.what {
            What::Frame(frame) => secret.extend(self.secret_in_frame(frame, &may_hold)),
            What::FramePart(part) if has_header_block(part.head.kind) => secret.push(self.all()),
            What::FramePart(part) if part.head.kind == kind::DATA && part.messages.is_empty() && may_hold(None) => {
                secret.push(self.all());
            }
            What::Opaque { .. } => secret.extend(secrets::values_behind(&event.line, &event.bytes)),
            What::Http1Head(_) | What::Http1Trailers(_) | What::Malformed(_) => {
                secret.extend(secrets::values_in_head(&event.bytes));
            }
            What::Truncated { of: "frame", .. } => match FrameHead::parse(&event.bytes).map(|head| head.kind) {
                Some(kind::DATA) if may_hold(None) => secret.push(behind_head),
                Some(kind) if has_header_block(kind) => secret.push(behind_head),
                Some(_) | None => {}
            },
            // It may be one of a gRPC call.
            What::Truncated { of: "chunk", .. } if may_hold(None) => secret.push(self.all()),
            What::Truncated { .. } => secret.extend(secrets::values_in_head(&event.bytes)),
            What::ProxyHeader(_)
            | What::Preface
            | What::FramePart(_)
            | What::Http1Body { .. }
            | What::Http1Chunk(_) => {}
        }
        secret
    }

    /// A message may be marked secret in parts only if its bytes are those on the wire and all of them were looked at.
    fn secret_in_part(
        &self,
        secret: &mut Vec<Range<usize>>,
        part: &MessagePart,
        rendered: Option<&Rendered>,
        may_hold: &dyn Fn(Option<&str>) -> bool,
    ) {
        let Some(message) = part.message.as_deref() else {
            if may_hold(path(self.event)) {
                secret.push(content(part));
            }
            return;
        };
        let masked = rendered.map(|rendered| rendered.masked.as_slice()).unwrap_or_default();
        let unseen = message.body.obstacle.is_some() || message.body.truncated;
        if (is_compressed(message) && !masked.is_empty()) || (unseen && may_hold(message.path.as_deref())) {
            secret.push(content(part));
            return;
        }
        // Positions in the message count from behind the prefix; those in the part from what came before it.
        let before = usize::try_from(part.before).unwrap_or(usize::MAX);
        let place = |position: usize| {
            let in_part = position.saturating_add(PREFIX_BYTES).saturating_sub(before);
            part.bytes.start.saturating_add(in_part).min(part.bytes.end)
        };
        secret.extend(masked.iter().map(|range| place(range.start)..place(range.end)));
    }

    fn secret_in_frame(&self, frame: &Frame, may_hold: &dyn Fn(Option<&str>) -> bool) -> Option<Range<usize>> {
        match &frame.payload {
            Payload::Headers(headers) => self.secret_in_block(&headers.block),
            Payload::PushPromise(promise) => self.secret_in_block(&promise.block),
            Payload::Continuation(block) => self.secret_in_block(block),
            Payload::Raw(range) => {
                let data = frame.head.kind == kind::DATA && may_hold(frame.path.as_deref());
                (data || has_header_block(frame.head.kind)).then(|| range.clone())
            }
            // Whether there are messages in it was in a header list that is not known.
            Payload::Data(data) => {
                let unknown = !data.grpc && frame.note == Some(StreamNote::Unknown);
                (unknown && may_hold(frame.path.as_deref())).then(|| data.data.clone())
            }
            Payload::Priority(_)
            | Payload::RstStream { .. }
            | Payload::Settings(_)
            | Payload::Ping { .. }
            | Payload::Goaway { .. }
            | Payload::WindowUpdate { .. }
            | Payload::PriorityUpdate { .. }
            | Payload::InParts => None,
        }
    }

    /// A value may be split over fragments and is told by any of them, so a block is hidden whole or not at all; and
    /// of one that is not known to its end nobody can tell.
    fn secret_in_block(&self, block: &Block) -> Option<Range<usize>> {
        let unknown = !block.ends || block.undecodable.is_some() || block.table_lost.is_some();
        let details = self.details.as_ref().is_some_and(|details| !details.masked.is_empty());
        let secret = unknown || details || block.fields.iter().any(|field| secrets::is_secret(field.name));
        secret.then(|| block.fragment.clone())
    }
}

/// The part's bytes without those of the prefix.
pub(super) fn content(part: &MessagePart) -> Range<usize> {
    let prefix_left = PREFIX_BYTES.saturating_sub(usize::try_from(part.before).unwrap_or(usize::MAX));
    part.bytes.start.saturating_add(prefix_left).min(part.bytes.end)..part.bytes.end
}

/// Whether the bytes on the wire differ from the serialized message, or would if they were right.
pub(super) fn is_compressed(message: &Message) -> bool {
    message.flag == 1 && message.encoding != Encoding::Identity
}

/// The name of an encoding, as in `grpc-encoding`.
pub(super) fn encoding_name(encoding: &Encoding) -> &str {
    match encoding {
        Encoding::Identity => "identity",
        Encoding::Gzip => "gzip",
        Encoding::Deflate => "deflate",
        Encoding::Zstd => "zstd",
        Encoding::Other(name) => name,
    }
}

/// Whether the bytes of the content are not those on the wire.
pub(super) fn is_decompressed(message: &Message) -> bool {
    let failed = matches!(message.body.obstacle, Some(Obstacle::UnknownEncoding | Obstacle::Corrupt));
    is_compressed(message) && !failed
}

/// What keeps the text of a message from being whole, in words.
pub(super) fn defect(message: &Message) -> Option<&'static str> {
    let Body { obstacle, truncated, .. } = &message.body;
    match (obstacle, truncated) {
        (Some(Obstacle::UnknownEncoding), _) if message.encoding == Encoding::Identity => {
            Some("not decompressed: the Compressed-Flag is set, but there is no grpc-encoding")
        }
        (Some(Obstacle::UnknownEncoding), _) => Some("not decompressed: unknown encoding"),
        (Some(Obstacle::Corrupt), _) => Some("not decompressed: the compressed data is corrupt"),
        (_, true) => Some("cut: larger than the limit of the decoder"),
        (_, false) => None,
    }
}

/// What the fields of an event say of the outcome of a gRPC call.
pub(super) fn status(event: &Event) -> Option<&GrpcStatus> {
    let status = match &event.what {
        What::Frame(frame) => block(frame)?.status.as_ref(),
        What::Http1Head(head) => head.status.as_ref(),
        What::Http1Trailers(trailers) => trailers.status.as_ref(),
        What::ProxyHeader(_)
        | What::Preface
        | What::FramePart(_)
        | What::Http1Body { .. }
        | What::Http1Chunk(_)
        | What::Opaque { .. }
        | What::Malformed(_)
        | What::Truncated { .. } => None,
    };
    status.map(AsRef::as_ref)
}

/// Whether the rule that the frame breaks is the one that its header block breaks, which is told with the block.
pub(super) fn is_told_by_block(frame: &Frame) -> bool {
    let undecodable = block(frame).and_then(|block| block.undecodable.as_ref());
    frame.malformed.zip(undecodable).is_some_and(
        |(broken, error)| matches!(error, hpack::Error::Malformed(of_block) if of_block.rule == broken.rule),
    )
}

fn block(frame: &Frame) -> Option<&Block> {
    match &frame.payload {
        Payload::Headers(headers) => Some(&headers.block),
        Payload::PushPromise(promise) => Some(&promise.block),
        Payload::Continuation(block) => Some(block),
        Payload::Data(_)
        | Payload::Priority(_)
        | Payload::RstStream { .. }
        | Payload::Settings(_)
        | Payload::Ping { .. }
        | Payload::Goaway { .. }
        | Payload::WindowUpdate { .. }
        | Payload::PriorityUpdate { .. }
        | Payload::Raw(_)
        | Payload::InParts => None,
    }
}

fn parts(event: &Event) -> &[MessagePart] {
    match &event.what {
        What::Frame(frame) => {
            if let Payload::Data(data) = &frame.payload {
                &data.messages
            } else {
                &[]
            }
        }
        What::FramePart(part) => &part.messages,
        What::Http1Body { messages } => messages,
        What::Http1Chunk(chunk) => &chunk.messages,
        What::ProxyHeader(_)
        | What::Preface
        | What::Http1Head(_)
        | What::Http1Trailers(_)
        | What::Opaque { .. }
        | What::Malformed(_)
        | What::Truncated { .. } => &[],
    }
}

fn path(event: &Event) -> Option<&str> {
    if let What::Frame(frame) = &event.what { frame.path.as_deref() } else { None }
}

fn has_header_block(kind: u8) -> bool {
    matches!(kind, kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION)
}

/// Compressed-Flag and Message-Length before each gRPC message.
pub(super) const PREFIX_BYTES: usize = 5;
