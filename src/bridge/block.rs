//! The first header block: gathered from HEADERS and CONTINUATION, decoded, and checked to be a request.

use super::opening_rules::{Fault, fault, protocol, within};
use crate::limits;
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
    pub(super) fn head(&mut self, head: &FrameHead) -> Result<(), Fault> {
        if head.kind != kind::CONTINUATION || head.stream != self.stream {
            return Err(protocol("a header block interrupted by another frame", "RFC 9113 section 6.10"));
        }
        self.continuations += 1;
        within(self.continuations, limits::CONTINUATION_FRAMES, "more than 8 CONTINUATION frames")?;
        if head.length == 0 && !head.has(flag::END_HEADERS) {
            return Err(fault(ErrorCode::EnhanceYourCalm, "an empty CONTINUATION", "RFC 9113 section 10.5"));
        }
        within(self.fragments.len() + head.length, limits::HEADER_BLOCK_BYTES, "a header block over 64 KiB")
    }

    /// Appends the payload of a CONTINUATION.
    pub(super) fn continued(&mut self, payload: &[u8]) {
        self.fragments.extend_from_slice(payload);
    }

    /// Decodes the block, now whole, into a request.
    pub(super) fn decode(&self, decoder: &mut hpack::Decoder) -> Result<RequestHead, Fault> {
        decode(decoder, &self.fragments, self.stream, self.end_stream)
    }
}

/// A decoder as both ends begin with it (RFC 9113 section 4.3.1).
pub(super) fn decoder() -> hpack::Decoder {
    hpack::Decoder::new(hpack::Limits {
        table_bytes: limits::HPACK_TABLE_BYTES,
        fields: limits::HEADER_FIELDS,
        list_bytes: limits::HEADER_LIST_BYTES,
    })
}

/// Decodes a whole block into a request.
pub(super) fn decode(
    decoder: &mut hpack::Decoder,
    block: &[u8],
    stream: u32,
    end_stream: bool,
) -> Result<RequestHead, Fault> {
    let mut head = RequestHead::default();
    let mut checker = Checker::default();
    let mut invalid: Option<Invalid> = None;
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
        Err(hpack::Error::TooManyFields | hpack::Error::ListTooLarge) => {
            return Err(Fault::HeadersTooLarge { stream, end_stream, grpc: is_grpc(&head) });
        }
    }
    match invalid.map_or_else(|| checker.finish(&head), Err) {
        Ok(()) => Ok(head),
        Err(invalid) => Err(Fault::Request { stream, invalid }),
    }
}

/// Whether a request is a gRPC call, which gets its errors as a status in trailers.
pub(super) fn is_grpc(head: &RequestHead) -> bool {
    head.value(b"content-type").is_some_and(|value| value.starts_with(b"application/grpc"))
}
