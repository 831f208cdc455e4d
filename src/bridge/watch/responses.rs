//! Backend to client: knows where frames and header blocks end, so that something can be said between them, and what
//! dynamic table the backend allows the client.

use super::super::frames::PartialHead;
use crate::wire::frame::{flag, kind};
use crate::wire::settings::{ENTRY_BYTES, entries, id};

/// The state of the walk.
#[derive(Debug)]
pub(super) struct Responses {
    head: PartialHead,
    payload_left: usize,
    /// A header block is open: nothing may stand inside it (RFC 9113 section 6.10).
    in_block: bool,
    stage: Stage,
    /// The current frame is SETTINGS; the entry that is not whole yet.
    settings: Option<Entry>,
    /// The largest dynamic table that the backend has ever allowed.
    table_bytes: usize,
    has_said_goaway: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A server's first frame is SETTINGS (RFC 9113 section 3.4), and nothing may stand before it.
    Preface,
    Frames,
    /// These are no frames.
    Lost,
}

#[derive(Debug, Default)]
struct Entry {
    bytes: [u8; ENTRY_BYTES],
    filled: usize,
}

impl Responses {
    pub(super) fn new(table_bytes: usize) -> Responses {
        Responses {
            head: PartialHead::default(),
            payload_left: 0,
            in_block: false,
            stage: Stage::Preface,
            settings: None,
            table_bytes,
            has_said_goaway: false,
        }
    }

    /// Walks the next bytes; with `pause` only up to where something may be said, which may be before the first of them.
    /// How many were walked.
    pub(super) fn walk(&mut self, bytes: &[u8], pause: bool) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            if pause && self.is_between_frames() {
                break;
            }
            rest = match self.stage {
                Stage::Lost => &[],
                Stage::Preface | Stage::Frames if self.payload_left > 0 => self.payload(rest),
                Stage::Preface | Stage::Frames => self.head(rest),
            };
        }
        bytes.len() - rest.len()
    }

    /// Whether something may be said behind what was walked.
    pub(super) fn is_between_frames(&self) -> bool {
        self.stage == Stage::Frames && self.payload_left == 0 && self.head.is_empty() && !self.in_block
    }

    pub(super) fn table_bytes(&self) -> usize {
        self.table_bytes
    }

    /// Whether the backend has said GOAWAY itself: whoever says another one must not name a later stream (RFC 9113
    /// section 6.8).
    pub(super) fn has_said_goaway(&self) -> bool {
        self.has_said_goaway
    }

    fn head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (head, rest) = self.head.take(bytes);
        let Some(head) = head else { return rest };
        self.payload_left = head.length;
        self.settings = None;
        match head.kind {
            kind::SETTINGS if !head.has(flag::ACK) => self.settings = Some(Entry::default()),
            _ if self.stage == Stage::Preface => self.stage = Stage::Lost,
            kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION => self.in_block = !head.has(flag::END_HEADERS),
            kind::GOAWAY => self.has_said_goaway = true,
            _ => {}
        }
        self.frame_may_have_ended();
        rest
    }

    fn payload<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (payload, rest) = bytes.split_at(self.payload_left.min(bytes.len()));
        self.payload_left -= payload.len();
        if let Some(entry) = &mut self.settings {
            payload.iter().for_each(|byte| self.table_bytes = self.table_bytes.max(entry.table_bytes(*byte)));
        }
        self.frame_may_have_ended();
        rest
    }

    fn frame_may_have_ended(&mut self) {
        if self.payload_left == 0 && self.stage == Stage::Preface {
            self.stage = Stage::Frames;
        }
    }
}

impl Entry {
    /// Takes a byte; what the entry says of the table, if it is whole now and says so, else 0.
    fn table_bytes(&mut self, byte: u8) -> usize {
        if let Some(place) = self.bytes.get_mut(self.filled) {
            *place = byte;
        }
        self.filled = (self.filled + 1) % ENTRY_BYTES;
        if self.filled > 0 {
            return 0;
        }
        let table = entries(&self.bytes).find(|setting| setting.id == id::HEADER_TABLE_SIZE);
        table.map_or(0, |setting| usize::try_from(setting.value).unwrap_or(usize::MAX))
    }
}
