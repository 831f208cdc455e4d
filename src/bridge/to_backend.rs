//! Client to backend, behind the first request: takes out the one ACK of our own SETTINGS.
//!
//! Frames are told apart by their heads alone; payloads pass through as they come. Two things are held back until they
//! are whole: a head (nine bytes), and, while an ACK of the backend is still owed, the client's SETTINGS.

use super::opening_rules::{Fault, fault, frame_size, protocol, settings_head};
use crate::limits;
use crate::wire::frame::{ErrorCode, FrameHead, HEAD_BYTES, flag, kind};

/// The direction's state.
#[derive(Debug)]
pub(super) struct ToBackend {
    /// The client's ACK of our SETTINGS is still to come, and to be swallowed.
    ack_due: bool,
    /// Whether frames must be told apart at all.
    framed: bool,
    /// The start of a head that is not whole.
    head: Vec<u8>,
    /// Payload of the current frame still to come.
    payload_left: usize,
    /// The current frame is held back, not passed on.
    holding: bool,
    /// SETTINGS frames held back.
    held: Vec<u8>,
    /// A header block is open: HEADERS without END_HEADERS was seen.
    in_block: bool,
}

impl ToBackend {
    pub(super) fn new(ack_due: bool, backend_owes_ack: bool) -> ToBackend {
        ToBackend {
            ack_due,
            framed: ack_due || backend_owes_ack,
            head: Vec::new(),
            payload_left: 0,
            holding: false,
            held: Vec::new(),
            in_block: false,
        }
    }

    pub(super) fn is_raw(&self) -> bool {
        !self.framed
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], backend_owes_ack: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
        while !bytes.is_empty() {
            self.settle(backend_owes_ack, out);
            if !self.framed {
                out.extend_from_slice(bytes);
                return Ok(());
            }
            bytes =
                if self.payload_left > 0 { self.payload(bytes, out) } else { self.head(bytes, backend_owes_ack, out)? };
        }
        self.settle(backend_owes_ack, out);
        Ok(())
    }

    /// The backend owes no ACK any more: lets go of what was held back for it, at the next frame boundary.
    pub(super) fn release(&mut self, out: &mut Vec<u8>) {
        self.settle(false, out);
    }

    /// No more comes: what was held back goes before the end, whoever's ACK it waited for. Inside an unfinished frame or
    /// header block it would be read as a part of it, and goes nowhere: of those the backend serves nothing either.
    pub(super) fn ended(&mut self, out: &mut Vec<u8>) {
        let is_between_frames = (self.payload_left == 0 || self.holding) && !self.in_block;
        let mut held = std::mem::take(&mut self.held);
        if is_between_frames {
            out.append(&mut held);
        }
        out.append(&mut self.head);
        self.framed = false;
    }

    fn settle(&mut self, backend_owes_ack: bool, out: &mut Vec<u8>) {
        if backend_owes_ack {
            return;
        }
        if self.payload_left == 0 && !self.in_block {
            out.append(&mut self.held);
        }
        if !self.ack_due && self.held.is_empty() {
            self.framed = false;
            out.append(&mut self.head);
        }
    }

    fn payload<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let (payload, rest) = bytes.split_at(self.payload_left.min(bytes.len()));
        self.payload_left -= payload.len();
        if self.holding { &mut self.held } else { out }.extend_from_slice(payload);
        if self.payload_left == 0 {
            self.holding = false;
        }
        rest
    }

    fn head<'a>(&mut self, bytes: &'a [u8], backend_owes_ack: bool, out: &mut Vec<u8>) -> Result<&'a [u8], Fault> {
        let (start, rest) = bytes.split_at((HEAD_BYTES - self.head.len()).min(bytes.len()));
        self.head.extend_from_slice(start);
        let Some(head) = FrameHead::parse(&self.head) else { return Ok(rest) };
        self.payload_left = head.length;
        match head.kind {
            // What takes SETTINGS out must not hide that they were where the backend would have refused them.
            kind::SETTINGS if self.in_block => {
                return Err(protocol("a header block interrupted by another frame", "RFC 9113 section 6.10"));
            }
            kind::SETTINGS if head.has(flag::ACK) && self.ack_due => {
                settings_head(&head)?;
                self.ack_due = false;
                self.head.clear();
                return Ok(rest);
            }
            kind::SETTINGS if !head.has(flag::ACK) && backend_owes_ack => {
                frame_size(&head)?;
                if self.held.len() > limits::FRAME_PAYLOAD_BYTES {
                    let rule = "more than 16 KiB of SETTINGS held back";
                    return Err(fault(ErrorCode::EnhanceYourCalm, rule, "RFC 9113 section 10.5"));
                }
                self.holding = head.length > 0;
                self.held.append(&mut self.head);
                return Ok(rest);
            }
            kind::HEADERS | kind::CONTINUATION => self.in_block = !head.has(flag::END_HEADERS),
            _ => {}
        }
        out.append(&mut self.head);
        Ok(rest)
    }
}
