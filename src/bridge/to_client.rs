//! Backend to client: checks that the backend speaks HTTP/2, rewrites its first SETTINGS if ours went before them, and
//! takes out the one ACK of SETTINGS that we have acknowledged in its place.
//!
//! Whatever the client has heard of us, a backend that does not begin with SETTINGS (RFC 9113 section 3.4) is found out
//! at the first byte that cannot be theirs, before the client hears of it: an HTTP/1 response, a TLS alert, a greeting.

use super::frames::Frames;
use super::own_settings;
use crate::config::OwnSettings;
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
    /// Our SETTINGS, if they went before the backend's.
    spoken: Option<OwnSettings>,
    /// The backend's ACK of the client's SETTINGS is still to come, and to be swallowed.
    ack_due: bool,
    /// The start of something not whole: a head, or the first SETTINGS.
    partial: Vec<u8>,
    /// Something was passed on.
    touched: bool,
    /// What was passed on,
    passed: Frames,
    /// and whether it ends within a header block.
    in_block: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The first frame must be SETTINGS. If ours went before it, it is rewritten.
    First,
    /// Frames pass; the first ACK among them does not.
    Frames {
        payload_left: usize,
    },
    Raw,
}

impl ToClient {
    pub(super) fn new(spoken: Option<OwnSettings>, ack_due: bool) -> ToClient {
        ToClient {
            stage: Stage::First,
            spoken,
            ack_due,
            partial: Vec::new(),
            touched: false,
            passed: Frames::default(),
            in_block: false,
        }
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
                Stage::First => self.first(bytes, out)?,
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
        let ToClient { passed, in_block, .. } = self;
        passed.walk(out.get(before..).unwrap_or_default(), |head| match head.kind {
            kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION => *in_block = !head.has(flag::END_HEADERS),
            _ => {}
        });
        Ok(())
    }

    /// Whether something may be said behind what was passed on: nothing within a frame or a header block (RFC 9113
    /// section 6.10).
    pub(super) fn is_between_frames(&self) -> bool {
        self.passed.is_between() && !self.in_block
    }

    /// Reads the head of the first frame, and if it is to be rewritten, its payload.
    fn first<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], BackendFault> {
        let wanted = match FrameHead::parse(&self.partial) {
            None => HEAD_BYTES,
            Some(head) => HEAD_BYTES + head.length,
        };
        let (start, rest) = bytes.split_at((wanted - self.partial.len()).min(bytes.len()));
        self.partial.extend_from_slice(start);
        if !may_be_settings(&self.partial) {
            return Err(BackendFault::NotHttp2);
        }
        let Some(head) = FrameHead::parse(&self.partial) else { return Ok(rest) };
        // Part of an entry could not be rewritten; a client would refuse it as well.
        if head.length > limits::FRAME_PAYLOAD_BYTES || !head.length.is_multiple_of(ENTRY_BYTES) {
            return Err(BackendFault::NotHttp2);
        }
        let Some(own) = &self.spoken else {
            out.append(&mut self.partial);
            self.stage = Stage::Raw;
            return Ok(rest);
        };
        if let Some(payload) = self.partial.get(HEAD_BYTES..HEAD_BYTES + head.length) {
            own_settings::put_rewritten(out, payload, own);
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

/// Whether a frame that starts so may be SETTINGS that are no ACK: of at most 16,384 bytes (RFC 9113 section 4.2), on
/// stream 0 (section 6.5). Told byte by byte, as who speaks another protocol may say little and then wait.
fn may_be_settings(start: &[u8]) -> bool {
    start.iter().take(HEAD_BYTES).enumerate().all(|(at, byte)| match at {
        0 | 6..=8 => *byte == 0,
        1 => *byte <= 0x40,
        3 => *byte == kind::SETTINGS,
        4 => byte & flag::ACK == 0,
        // The highest bit is reserved, and ignored (section 4.1).
        5 => byte & 0x7f == 0,
        _ => true,
    })
}
