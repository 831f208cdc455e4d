//! The first bytes of each direction: a PROXY header, if there is one, and which protocol follows.

use super::http1_head::STATUS_LINE;
use super::{State, Step};
use crate::tap::event::{Reason, What};
use crate::wire::first_bytes::{self, FirstBytes};
use crate::wire::frame::{FrameHead, kind};
use crate::wire::proxy_protocol::{self, Prefix};
use crate::wire::settings::ENTRY_BYTES;
use crate::wire::{Malformed, Parsed};

/// Explains the PROXY header, if the client's bytes begin with one.
pub(super) fn prefix(bytes: &[u8]) -> Step {
    match proxy_protocol::parse(bytes, usize::from(u16::MAX)) {
        Ok(Prefix::Absent) => Step::Become(State::FirstBytes),
        Ok(Prefix::More { .. }) => Step::Wait,
        Ok(Prefix::Complete { header, length }) => {
            Step::explained(length, What::ProxyHeader(header)).then(State::FirstBytes)
        }
        Err(malformed) => broken_prefix(bytes, malformed),
    }
}

/// Tells the protocol from what the client sends first.
pub(super) fn first_bytes_of_client(bytes: &[u8]) -> Step {
    match first_bytes::parse(bytes) {
        Ok(Parsed::More { .. }) => Step::Wait,
        Ok(Parsed::Complete { value: FirstBytes::Http2, .. }) => Step::Become(State::Preface),
        Ok(Parsed::Complete { value: FirstBytes::Http1, .. }) => Step::Become(State::Http1),
        Ok(Parsed::Complete { value: FirstBytes::Tls, .. }) => Step::Become(State::Opaque(Reason::Tls)),
        Ok(Parsed::Complete { value: FirstBytes::Opaque, .. }) => Step::Become(State::Opaque(Reason::UnknownProtocol)),
        Err(malformed) => Step::malformed(malformed.offset + 1, malformed),
    }
}

/// Tells the protocol from what the backend sends first, and from what the client turned out to speak.
///
/// A backend may speak before its client. And one that only knows HTTP/1 answers TLS or an HTTP/2 preface with an HTTP/1
/// error, as one that only knows HTTP/2 answers them with frames, and either of them answers what is malformed: what a
/// person wants to see then.
pub(super) fn first_bytes_of_backend(bytes: &[u8], client: State) -> Step {
    if bytes.starts_with(STATUS_LINE) || client == State::Http1 && bytes.first() != Some(&0) {
        return Step::Become(State::Http1);
    }
    if STATUS_LINE.starts_with(bytes) {
        return Step::Wait;
    }
    if matches!(client, State::Http2 | State::Preface) {
        return Step::Become(State::Http2);
    }
    match FrameHead::parse(bytes) {
        Some(head) if is_first_frame(head) => Step::Become(State::Http2),
        None if may_be_first_frame(bytes) => Step::Wait,
        _ if client == State::Opaque(Reason::Tls) && bytes.first().is_some_and(is_tls_record) => Step::Become(client),
        _ => Step::Become(State::Opaque(Reason::UnknownProtocol)),
    }
}

/// Whether a frame can be what a server opens with: SETTINGS (RFC 9113 section 3.4).
fn is_first_frame(head: FrameHead) -> bool {
    head.kind == kind::SETTINGS && head.flags == 0 && head.stream == 0 && head.length.is_multiple_of(ENTRY_BYTES)
}

/// Whether bytes can become the head of one, of less than 64 KiB. Whoever else answers so briefly may be waiting for its
/// client, and is to be shown at once.
fn may_be_first_frame(bytes: &[u8]) -> bool {
    let head = [0, 0, 0, kind::SETTINGS, 0, 0, 0, 0, 0];
    bytes.iter().zip(head).enumerate().all(|(place, (byte, expected))| match place {
        // The length, but for its first byte.
        1 | 2 => true,
        // The reserved bit means nothing.
        5 => byte & 0x7f == expected,
        _ => *byte == expected,
    })
}

/// Whether a byte is the type of a TLS record: change_cipher_spec, alert, handshake or application_data (RFC 8446
/// section 5.1).
fn is_tls_record(kind: &u8) -> bool {
    matches!(kind, 20..=23)
}

/// A malformed PROXY header is passed over if its end is known: the line end of version 1, the length of version 2.
fn broken_prefix(bytes: &[u8], malformed: Malformed) -> Step {
    let length = match bytes {
        [b'\r', ..] => {
            let Some([high, low]) = bytes.get(V2_LENGTH_OFFSET..).and_then(|rest| rest.first_chunk::<2>()) else {
                return Step::Wait;
            };
            V2_LENGTH_OFFSET + 2 + usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => match bytes.iter().take(V1_BYTES).position(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if bytes.len() < V1_BYTES => return Step::Wait,
            None => V1_BYTES,
        },
    };
    if bytes.len() < length { Step::Wait } else { Step::malformed(length, malformed).then(State::FirstBytes) }
}

/// Where the length stands in a version 2 header (PROXY protocol section 2.2).
const V2_LENGTH_OFFSET: usize = 14;
/// How far to look for the end of a malformed version 1 line.
const V1_BYTES: usize = 256;
