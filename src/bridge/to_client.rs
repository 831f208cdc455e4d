//! Backend to client: checks that the backend speaks HTTP/2, rewrites its first SETTINGS if ours went before them, and
//! takes out the one ACK of SETTINGS that we have acknowledged in its place.

use super::own_settings;
use crate::limits;
use crate::wire::frame::{FrameHead, HEAD_BYTES, flag, kind};
use crate::wire::settings::ENTRY_BYTES;

/// Why a backend's bytes cannot be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendFault {
    /// It does not speak HTTP/2 with prior knowledge; nothing of it was passed on.
    #[error("the backend does not speak HTTP/2 without TLS")]
    NotHttp2,
}

/// The direction's state.
#[derive(Debug)]
pub(super) struct ToClient {
    stage: Stage,
    /// The backend's ACK of the client's SETTINGS is still to come, and to be swallowed.
    ack_due: bool,
    /// The start of something not whole: a head, the first SETTINGS, or the first bytes.
    partial: Vec<u8>,
    /// Something was passed on.
    touched: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing of ours went before: all that matters is that these are not the first bytes of an HTTP/1 response.
    FirstBytes,
    /// Ours went before: the first frame must be SETTINGS, and is rewritten.
    FirstSettings,
    /// Frames pass; the first ACK among them does not.
    Frames {
        payload_left: usize,
    },
    Raw,
}

impl ToClient {
    pub(super) fn new(own_sent: bool, ack_due: bool) -> ToClient {
        let stage = if own_sent { Stage::FirstSettings } else { Stage::FirstBytes };
        ToClient { stage, ack_due, partial: Vec::new(), touched: false }
    }

    pub(super) fn is_raw(&self) -> bool {
        self.stage == Stage::Raw
    }

    pub(super) fn is_untouched(&self) -> bool {
        !self.touched
    }

    pub(super) fn owes_ack(&self) -> bool {
        self.ack_due
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), BackendFault> {
        let before = out.len();
        while !bytes.is_empty() {
            bytes = match self.stage {
                Stage::FirstBytes => self.first_bytes(bytes, out)?,
                Stage::FirstSettings => self.first_settings(bytes, out)?,
                Stage::Frames { payload_left: 0 } => self.head(bytes, out),
                Stage::Frames { payload_left } => {
                    let (payload, rest) = bytes.split_at(payload_left.min(bytes.len()));
                    out.extend_from_slice(payload);
                    self.stage = Stage::Frames { payload_left: payload_left - payload.len() };
                    rest
                }
                Stage::Raw => {
                    out.extend_from_slice(bytes);
                    &[]
                }
            };
        }
        self.touched |= out.len() > before;
        Ok(())
    }

    /// Holds back what could be the start of `HTTP/`, which read as a frame head would announce 4.7 MB.
    fn first_bytes<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], BackendFault> {
        self.partial.extend_from_slice(bytes);
        if self.partial.starts_with(HTTP1) {
            return Err(BackendFault::NotHttp2);
        }
        if !HTTP1.starts_with(&self.partial) {
            out.append(&mut self.partial);
            self.stage = Stage::Raw;
        }
        Ok(&[])
    }

    fn first_settings<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], BackendFault> {
        let wanted = match FrameHead::parse(&self.partial) {
            None => HEAD_BYTES,
            Some(head) => HEAD_BYTES + head.length,
        };
        let (start, rest) = bytes.split_at((wanted - self.partial.len()).min(bytes.len()));
        self.partial.extend_from_slice(start);
        let Some(head) = FrameHead::parse(&self.partial) else { return Ok(rest) };
        let is_settings = head.kind == kind::SETTINGS && !head.has(flag::ACK) && head.stream == 0;
        // Part of an entry could not be rewritten; a client would refuse it as well.
        let is_sound = head.length <= limits::FRAME_PAYLOAD_BYTES && head.length.is_multiple_of(ENTRY_BYTES);
        if !is_settings || !is_sound {
            return Err(BackendFault::NotHttp2);
        }
        if let Some(payload) = self.partial.get(HEAD_BYTES..HEAD_BYTES + head.length) {
            own_settings::put_rewritten(out, payload);
            self.partial = Vec::new();
            self.stage = if self.ack_due { Stage::Frames { payload_left: 0 } } else { Stage::Raw };
        }
        Ok(rest)
    }

    /// The ACK may come late: old grpc-core servers send it behind the response, so no frame type ends the search.
    fn head<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let (start, rest) = bytes.split_at((HEAD_BYTES - self.partial.len()).min(bytes.len()));
        self.partial.extend_from_slice(start);
        let Some(head) = FrameHead::parse(&self.partial) else { return rest };
        // A malformed one is the client's to refuse: taken out, its payload would be read as the next frame.
        if head.is_settings_ack() && head.length == 0 && head.stream == 0 {
            self.partial = Vec::new();
            self.ack_due = false;
            self.stage = Stage::Raw;
            return rest;
        }
        out.append(&mut self.partial);
        self.stage = Stage::Frames { payload_left: head.length };
        rest
    }
}

/// How an HTTP/1 response begins (RFC 9112 section 4).
const HTTP1: &[u8] = b"HTTP/";
