//! The first header block: gathered from HEADERS and CONTINUATION, decoded, and checked to be a request.

use super::opening_rules::{Fault, protocol, within};
use crate::limits::{self, Limit, Limits};
use crate::wire::frame::{ErrorCode, FrameHead, flag, kind};
use crate::wire::head::RequestHead;
use crate::wire::hpack;
use crate::wire::request::{Checker, Invalid};

/// A header block that has begun.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) stream: u32,
    pub(super) end_stream: bool,
    fragments: Vec<u8>,
    continuations: usize,
}

impl Block {
    /// The block of a HEADERS frame that does not end it.
    pub(super) fn begin(head: &FrameHead, fragment: &[u8]) -> Block {
        Block {
            stream: head.stream,
            end_stream: head.has(flag::END_STREAM),
            fragments: fragment.to_vec(),
            continuations: 0,
        }
    }

    /// Checks the head of the frame that follows: nothing but CONTINUATION may (RFC 9113 section 6.10), and not much.
    pub(super) fn head(&mut self, head: &FrameHead, limits: &Limits) -> Result<(), Fault> {
        if head.kind != kind::CONTINUATION || head.stream != self.stream {
            return Err(protocol("a header block interrupted by another frame", "RFC 9113 section 6.10"));
        }
        self.continuations += 1;
        within(self.continuations, Limit::ContinuationFrames, limits)?;
        if head.length == 0 && !head.has(flag::END_HEADERS) {
            within(1, Limit::EmptyContinuationFrames, limits)?;
        }
        within(self.fragments.len() + head.length, Limit::HeaderBlockBytes, limits)
    }

    /// Appends the payload of a CONTINUATION.
    pub(super) fn continued(&mut self, payload: &[u8]) {
        self.fragments.extend_from_slice(payload);
    }

    /// Decodes the block, now whole, into a request.
    pub(super) fn decode(&self, decoder: &mut hpack::Decoder, limits: &Limits) -> Result<RequestHead, Fault> {
        decode(decoder, &self.fragments, self.stream, self.end_stream, limits)
    }
}

/// A decoder as both ends begin with it (RFC 9113 section 4.3.1).
pub(super) fn decoder(limits: &Limits) -> hpack::Decoder {
    hpack::Decoder::new(hpack::Limits {
        table_bytes: limits::HPACK_TABLE_BYTES,
        fields: limits.count(Limit::HeaderFields),
        list_bytes: limits.count(Limit::HeaderListBytes),
    })
}

/// Decodes a whole block into a request.
pub(super) fn decode(
    decoder: &mut hpack::Decoder,
    block: &[u8],
    stream: u32,
    end_stream: bool,
    limits: &Limits,
) -> Result<RequestHead, Fault> {
    let mut head = RequestHead::default();
    let mut checker = Checker::default();
    let mut invalid: Option<Invalid> = None;
    let too_large = |limit, head: &RequestHead| {
        let grpc = is_grpc(head) || says_grpc(block, limits);
        Err(Fault::HeadersTooLarge { limit, value: limits.value(limit), stream, end_stream, grpc })
    };
    let decoded = decoder.decode(block, |field| {
        if invalid.is_none() {
            invalid = checker.field(field.name, field.value).err();
            head.push(field.name, field.value);
        }
    });
    match decoded {
        Ok(()) => {}
        Err(hpack::Error::Malformed(malformed)) => {
            return Err(Fault::Connection { code: ErrorCode::CompressionError, malformed, stream });
        }
        Err(hpack::Error::TooManyFields) => return too_large(Limit::HeaderFields, &head),
        Err(hpack::Error::ListTooLarge) => return too_large(Limit::HeaderListBytes, &head),
    }
    match invalid.map_or_else(|| checker.finish(&head), Err) {
        Ok(()) => {
            name_authority(&mut head);
            Ok(head)
        }
        Err(invalid) => Err(Fault::Request { stream, invalid }),
    }
}

/// Whether a block whose list is too large for a request is of a gRPC call, if that can be told cheaply: libraries put
/// `content-type` behind the caller's own fields, too (grpc-js does).
fn says_grpc(block: &[u8], limits: &Limits) -> bool {
    let mut decoder = hpack::Decoder::new(hpack::Limits {
        table_bytes: limits::HPACK_TABLE_BYTES,
        fields: SECOND_LOOK * limits.count(Limit::HeaderFields),
        list_bytes: SECOND_LOOK * limits.count(Limit::HeaderListBytes),
    });
    let mut says_grpc = false;
    let looked = decoder.decode(block, |field| {
        says_grpc |= field.name == b"content-type" && field.value.starts_with(GRPC);
    });
    // How far it could be read does not matter: what it has said by then is all that is asked for.
    match looked {
        Ok(()) | Err(_) => says_grpc,
    }
}

/// How many times the limits of a request are looked at for that, and no field of them is kept.
const SECOND_LOOK: usize = 4;
/// How the content type of a gRPC call begins.
const GRPC: &[u8] = b"application/grpc";

/// Who names no `:authority` means its `host` (RFC 9113 section 8.3.1). A backend takes it for one, so rules must, too.
pub(super) fn name_authority(head: &mut RequestHead) {
    if head.value(b":authority").is_none()
        && let Some(host) = head.value(b"host").map(<[u8]>::to_vec)
    {
        head.push(b":authority", &host);
    }
}

/// Whether a request is a gRPC call, which gets its errors as a status in trailers.
pub(super) fn is_grpc(head: &RequestHead) -> bool {
    head.value(b"content-type").is_some_and(|value| value.starts_with(GRPC))
}
