//! gRPC: cutting the data of a call into messages, and reading the outcome from its trailers (gRPC over HTTP2).
//!
//! Messages do not heed frames: one may span many, and many may stand in one. What is kept of a message that is not
//! yet whole is bounded twice, by itself and together with all others of the connection ([`Budget`]); what does not fit
//! is counted, so that the next message is still found.

use std::sync::Arc;

use super::compression::{as_sent, decompress};
use super::{Limits, base64};
use crate::tap::event::{Body, Details, Encoding, Fields, GrpcStatus, Message, MessagePart, Obstacle};
use crate::wire::names;

/// Whether a header list says that the data behind it is cut into messages. `application/grpc-web` is not: its
/// trailers are a message of their own kind.
fn is_grpc(fields: &Fields) -> bool {
    let Some(value) = fields.value("content-type") else { return false };
    let kind = value.split(|byte| matches!(byte, b';' | b'+' | b' ' | b'\t')).next().unwrap_or_default();
    kind.eq_ignore_ascii_case(b"application/grpc")
}

/// Whether the messages are Protobuf: if `content-type` names a format behind a `+`, it is `proto`.
fn is_protobuf(fields: &Fields) -> bool {
    let value = fields.value("content-type").unwrap_or_default();
    let media_type = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let format = media_type.iter().position(|byte| *byte == b'+').and_then(|plus| media_type.get(plus..));
    format.is_none_or(|format| format.eq_ignore_ascii_case(b"+proto"))
}

/// What `grpc-encoding` says.
fn encoding(fields: &Fields) -> Encoding {
    match fields.value("grpc-encoding") {
        None | Some(b"identity") => Encoding::Identity,
        Some(b"gzip") => Encoding::Gzip,
        Some(b"deflate") => Encoding::Deflate,
        Some(b"zstd") => Encoding::Zstd,
        Some(other) => Encoding::Other(String::from_utf8_lossy(other).into()),
    }
}

/// What trailers, or the only headers of a response, say of the outcome. None if there is no `grpc-status`.
pub(super) fn status(fields: &Fields, trailers_only: bool, path: Option<&Arc<str>>) -> Option<Box<GrpcStatus>> {
    let code = std::str::from_utf8(fields.value("grpc-status")?).ok().and_then(|code| code.parse().ok());
    Some(Box::new(GrpcStatus {
        code,
        name: code.and_then(names::grpc_status),
        message: fields.value("grpc-message").map(percent_decoded),
        details: fields.value("grpc-status-details-bin").map(details),
        trailers_only,
        path: path.cloned(),
    }))
}

/// The messages of one direction of a call.
#[derive(Debug)]
pub(super) struct Messages {
    path: Option<Arc<str>>,
    encoding: Encoding,
    protobuf: bool,
    /// The index of the message that the next byte belongs to.
    index: u64,
    /// How many bytes of it, prefix included, have been seen.
    before: u64,
    prefix: [u8; PREFIX_BYTES],
    /// The content seen so far, unless it did not fit.
    kept: Vec<u8>,
    cut: bool,
}

impl Messages {
    /// The messages behind a header list of the call to `path`, if it says that there are any.
    pub(super) fn behind(fields: &Fields, path: Option<&Arc<str>>) -> Option<Messages> {
        is_grpc(fields).then(|| Messages {
            path: path.cloned(),
            encoding: encoding(fields),
            protobuf: is_protobuf(fields),
            index: 0,
            before: 0,
            prefix: [0; PREFIX_BYTES],
            kept: Vec::new(),
            cut: false,
        })
    }

    /// Cuts the next bytes, which stand at `position` of their event.
    pub(super) fn take(&mut self, mut data: &[u8], mut position: usize, budget: &mut Budget) -> Vec<MessagePart> {
        let mut parts = Vec::new();
        while !data.is_empty() {
            let before = self.before;
            let (taken, message) = self.take_one(data, budget);
            let bytes = position..position + taken;
            parts.push(MessagePart { bytes, index: self.index, before, message: message.map(Box::new) });
            if parts.last().is_some_and(|part| part.message.is_some()) {
                self.index += 1;
                self.before = 0;
            }
            position += taken;
            data = data.get(taken..).unwrap_or_default();
        }
        parts
    }

    /// Whether the data so far ends inside a message.
    pub(super) fn is_open(&self) -> bool {
        self.before > 0
    }

    /// The path of the call.
    pub(super) fn path(&self) -> Option<&Arc<str>> {
        self.path.as_ref()
    }

    /// Gives back what the unfinished message holds.
    pub(super) fn release(&mut self, budget: &mut Budget) {
        budget.kept_bytes = budget.kept_bytes.saturating_sub(self.kept.len());
        self.kept = Vec::new();
    }

    /// Takes what `data` has of the current message, and the message if that is all of it.
    fn take_one(&mut self, data: &[u8], budget: &mut Budget) -> (usize, Option<Message>) {
        let mut rest = data;
        while let Some(slot) = usize::try_from(self.before).ok().and_then(|at| self.prefix.get_mut(at)) {
            let Some((byte, after)) = rest.split_first() else { return (data.len(), None) };
            *slot = *byte;
            self.before += 1;
            rest = after;
        }
        let [flag, length @ ..] = self.prefix;
        let length = u32::from_be_bytes(length);
        let missing = PREFIX_BYTES as u64 + u64::from(length) - self.before;
        let content = usize::try_from(missing).ok().and_then(|missing| rest.get(..missing));
        let Some(content) = content else {
            self.keep(rest, budget);
            self.before += rest.len() as u64;
            return (data.len(), None);
        };
        let taken = data.len() - rest.len() + content.len();
        let body = if self.before == PREFIX_BYTES as u64 {
            // The common case: nothing was kept, so nothing is copied twice.
            let fits = content.get(..budget.limits.message_bytes).unwrap_or(content);
            self.body(flag, fits, fits.len() < content.len(), budget)
        } else {
            self.keep(content, budget);
            let kept = std::mem::take(&mut self.kept);
            budget.kept_bytes = budget.kept_bytes.saturating_sub(kept.len());
            let cut = std::mem::take(&mut self.cut);
            self.body(flag, &kept, cut, budget)
        };
        let path = self.path.clone();
        (taken, Some(Message { path, flag, length, encoding: self.encoding.clone(), body }))
    }

    fn body(&self, flag: u8, content: &[u8], cut: bool, budget: &mut Budget) -> Body {
        let mut body = if flag == 1 {
            let cap = budget.limits.message_bytes.min(budget.decompressed_bytes);
            let body = decompress(&self.encoding, content, cut, cap);
            budget.decompressed_bytes = budget.decompressed_bytes.saturating_sub(body.bytes.len());
            body
        } else {
            as_sent(content, cut, budget.limits.message_bytes, None)
        };
        if !self.protobuf {
            body.obstacle.get_or_insert(Obstacle::OtherFormat);
        }
        body
    }

    fn keep(&mut self, content: &[u8], budget: &mut Budget) {
        let room = budget.limits.message_bytes.saturating_sub(self.kept.len());
        let room = room.min(budget.limits.kept_bytes.saturating_sub(budget.kept_bytes));
        let fits = if self.cut { &[] } else { content.get(..room).unwrap_or(content) };
        self.kept.extend_from_slice(fits);
        budget.kept_bytes += fits.len();
        // After a gap nothing more is kept: what is kept must be the beginning.
        self.cut |= fits.len() < content.len();
    }
}

/// What all messages of a connection together may hold.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) limits: Limits,
    /// Bytes kept of unfinished messages.
    pub(super) kept_bytes: usize,
    /// Bytes that may still be decompressed before the events made so far are handed over.
    pub(super) decompressed_bytes: usize,
}

/// The value of `grpc-status-details-bin`. A peer that was told so may send the bytes themselves behind a NUL (gRPC
/// proposal G1, true binary metadata).
fn details(value: &[u8]) -> Details {
    match value.split_first() {
        Some((0, bytes)) => Details::Status(bytes.to_vec()),
        _ => base64::decode(value).map_or(Details::NotBase64, Details::Status),
    }
}

/// `grpc-message`, percent-encoded (gRPC over HTTP2, "Status-Message"): what is no valid escape stands for itself, what
/// is no UTF-8 is replaced.
fn percent_decoded(value: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((byte, after)) = rest.split_first() {
        let escaped = match rest {
            [b'%', high, low, ..] => hex_digit(*high).zip(hex_digit(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { rest.get(3..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Compressed-Flag and Message-Length.
const PREFIX_BYTES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hpack::Field;

    fn budget(message_bytes: usize, kept_bytes: usize) -> Budget {
        let limits = Limits { message_bytes, kept_bytes, ..Limits::default() };
        Budget { limits, kept_bytes: 0, decompressed_bytes: limits.decompressed_bytes }
    }

    fn messages() -> Messages {
        of_content_type("application/grpc")
    }

    fn of_content_type(content_type: &str) -> Messages {
        let fields = fields(&[("content-type", content_type), ("grpc-encoding", "gzip")]);
        Messages::behind(&fields, Some(&"/a.B/C".into())).unwrap()
    }

    fn fields(list: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in list {
            fields.push(Field { name: name.as_bytes(), value: value.as_bytes(), never_indexed: false });
        }
        fields
    }

    #[test]
    fn many_messages_may_stand_in_one_piece() {
        let parts = messages().take(b"\0\0\0\0\x02hi\0\0\0\0\0\0\0\0\0\x05wo", 9, &mut budget(100, 100));
        let ranges: Vec<_> = parts.iter().map(|part| (part.bytes.clone(), part.index)).collect();
        assert_eq!(ranges, [(9..16, 0), (16..21, 1), (21..28, 2)]);
        let bodies: Vec<_> = parts.iter().map(|part| part.message.as_ref().map(|m| &m.body.bytes[..])).collect();
        assert_eq!(bodies, [Some(&b"hi"[..]), Some(b""), None]);
    }

    #[test]
    fn a_message_comes_out_whole_however_it_is_cut() {
        let wire = b"\0\0\0\0\x05hello";
        for cut in 1..wire.len() {
            let (mut messages, mut budget) = (messages(), budget(100, 100));
            let first = messages.take(&wire[..cut], 0, &mut budget);
            assert!(first[0].message.is_none() && messages.is_open(), "cut at {cut}");
            let second = messages.take(&wire[cut..], 0, &mut budget);
            assert_eq!((second.len(), second[0].before), (1, cut as u64));
            assert_eq!(second[0].message.as_ref().unwrap().body.bytes, b"hello");
            assert!(!messages.is_open());
            assert_eq!(budget.kept_bytes, 0);
        }
    }

    #[test]
    fn what_does_not_fit_is_counted_and_the_next_message_found() {
        for (message_bytes, kept_bytes) in [(3, 100), (100, 3)] {
            let (mut messages, mut budget) = (messages(), budget(message_bytes, kept_bytes));
            let mut parts = Vec::new();
            for byte in b"\0\0\0\0\x05hello\0\0\0\0\x01!" {
                parts.extend(messages.take(&[*byte], 0, &mut budget));
                assert!(budget.kept_bytes <= 3);
            }
            let bodies: Vec<_> = parts.into_iter().filter_map(|part| part.message).map(|m| m.body).collect();
            assert_eq!((&bodies[0].bytes[..], bodies[0].truncated), (&b"hel"[..], true));
            assert_eq!((&bodies[1].bytes[..], bodies[1].truncated), (&b"!"[..], false));
        }
    }

    #[test]
    fn a_huge_announced_length_costs_nothing() {
        let (mut messages, mut budget) = (messages(), budget(100, 100));
        let parts = messages.take(b"\0\xff\xff\xff\xffabc", 0, &mut budget);
        assert_eq!((parts.len(), budget.kept_bytes), (1, 3));
        assert!(messages.kept.capacity() < 100);
        messages.release(&mut budget);
        assert_eq!(budget.kept_bytes, 0);
    }

    #[test]
    fn a_compressed_message_that_is_not_says_so() {
        let parts = messages().take(b"\x01\0\0\0\x02hi\x02\0\0\0\0", 0, &mut budget(100, 100));
        let first = parts[0].message.as_ref().unwrap();
        assert_eq!((&first.body.bytes[..], &first.body.obstacle), (&b"hi"[..], &Some(Obstacle::Corrupt)));
        assert_eq!(parts[1].message.as_ref().unwrap().flag, 2);
    }

    #[test]
    fn content_types_of_grpc() {
        for value in
            ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8", "Application/gRPC"]
        {
            assert!(is_grpc(&fields(&[("content-type", value)])), "{value}");
        }
        for value in ["application/grpc-web", "application/grpc-web+proto", "text/html", ""] {
            assert!(!is_grpc(&fields(&[("content-type", value)])), "{value}");
        }
        assert!(!is_grpc(&fields(&[])));
    }

    #[test]
    fn messages_of_another_format_are_not_protobuf() {
        let obstacle = |content_type: &str, wire: &[u8]| {
            let parts = of_content_type(content_type).take(wire, 0, &mut budget(100, 100));
            parts[0].message.as_ref().unwrap().body.obstacle.clone()
        };
        for content_type in ["application/grpc", "application/grpc+proto", "application/grpc+PROTO; a=b+c"] {
            assert_eq!(obstacle(content_type, b"\0\0\0\0\x02{}"), None, "{content_type}");
        }
        for content_type in ["application/grpc+json", "application/grpc+json;charset=utf-8", "application/grpc+"] {
            assert_eq!(obstacle(content_type, b"\0\0\0\0\x02{}"), Some(Obstacle::OtherFormat), "{content_type}");
        }
        assert_eq!(obstacle("application/grpc+json", b"\x01\0\0\0\x02hi"), Some(Obstacle::Corrupt));
    }

    #[test]
    fn the_outcome_is_read_from_the_trailers() {
        let trailers = [
            ("grpc-status", "5"),
            ("grpc-message", "no%20such%C3%A9%0A 100%"),
            ("grpc-status-details-bin", "CAUSB25vIHN1Y2g"),
        ];
        let status = status(&fields(&trailers), false, None).unwrap();
        assert_eq!((status.code, status.name), (Some(5), Some("NOT_FOUND")));
        assert_eq!(status.message.as_deref(), Some("no suché\n 100%"));
        assert_eq!(status.details, Some(Details::Status(b"\x08\x05\x12\x07no such".to_vec())));
    }

    #[test]
    fn an_outcome_that_is_none() {
        assert!(status(&fields(&[("grpc-message", "x")]), false, None).is_none());
        let unknown = status(&fields(&[("grpc-status", "99")]), true, None).unwrap();
        assert_eq!((unknown.code, unknown.name, unknown.trailers_only), (Some(99), None, true));
        let garbage = fields(&[("grpc-status", "-1"), ("grpc-status-details-bin", "!")]);
        let garbage = status(&garbage, false, None).unwrap();
        assert_eq!((garbage.code, garbage.details), (None, Some(Details::NotBase64)));
    }

    #[test]
    fn details_may_be_true_binary() {
        assert_eq!(details(b"\0\x08\x05"), Details::Status(b"\x08\x05".to_vec()));
    }
}
