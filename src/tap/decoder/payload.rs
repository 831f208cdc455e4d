//! The payload of a frame by its type, and the rules that a frame breaks by itself (RFC 9113 section 6).
//!
//! A frame is explained as far as its bytes go. That it is malformed is said beside it, because whoever debugs wants to
//! see both. Nothing here depends on other frames; what does is in `http2`.

use std::ops::Range;

use crate::tap::event::{Block, Data, Fields, Headers, Padding, Payload, Priority, PushPromise, SettingAt};
use crate::wire::Malformed;
use crate::wire::frame::{FrameHead, HEAD_BYTES, flag, kind};
use crate::wire::headers::PRIORITY_BYTES;
use crate::wire::settings::{self, ENTRY_BYTES, Setting, id};

/// Explains the payload of a whole frame; `frame` has its head too, because positions count from there.
pub(super) fn explain(head: &FrameHead, frame: &[u8]) -> (Payload, Option<Malformed>) {
    let mut cursor = Cursor { frame, at: HEAD_BYTES.min(frame.len()), end: frame.len(), malformed: None };
    cursor.stream_rule(head);
    let payload = match head.kind {
        kind::DATA => cursor.data(head),
        kind::HEADERS => cursor.headers(head),
        kind::PRIORITY => cursor.exactly(PRIORITY_BYTES, Cursor::priority).map(Payload::Priority),
        kind::RST_STREAM => cursor.exactly(4, Cursor::word).map(|code| Payload::RstStream { code }),
        kind::SETTINGS => cursor.settings(head),
        kind::PUSH_PROMISE => cursor.push_promise(head),
        kind::PING => cursor.exactly(8, Cursor::bytes::<8>).map(|data| Payload::Ping { data }),
        kind::GOAWAY => cursor.goaway(),
        kind::WINDOW_UPDATE => cursor.window_update(),
        kind::CONTINUATION => Some(Payload::Continuation(cursor.block(head))),
        kind::PRIORITY_UPDATE => cursor.priority_update(),
        _ => None,
    };
    let raw = Payload::Raw(HEAD_BYTES.min(frame.len())..frame.len());
    (payload.unwrap_or(raw), cursor.malformed)
}

/// Whether settings break a rule by themselves, and which (RFC 9113 section 6.5.2).
fn setting_rule(setting: Setting) -> Option<(&'static str, &'static str)> {
    let Setting { id, value } = setting;
    match id {
        id::ENABLE_PUSH if value > 1 => Some(("ENABLE_PUSH is neither 0 nor 1", "RFC 9113 section 6.5.2")),
        id::INITIAL_WINDOW_SIZE if value > WINDOW_MAX => {
            Some(("INITIAL_WINDOW_SIZE above 2147483647", "RFC 9113 section 6.5.2"))
        }
        id::MAX_FRAME_SIZE if !(FRAME_SIZE_MIN..=FRAME_SIZE_MAX).contains(&value) => {
            Some(("MAX_FRAME_SIZE is not between 16384 and 16777215", "RFC 9113 section 6.5.2"))
        }
        id::ENABLE_CONNECT_PROTOCOL if value > 1 => {
            Some(("ENABLE_CONNECT_PROTOCOL is neither 0 nor 1", "RFC 8441 section 3"))
        }
        id::NO_RFC7540_PRIORITIES if value > 1 => {
            Some(("NO_RFC7540_PRIORITIES is neither 0 nor 1", "RFC 9218 section 2.1"))
        }
        _ => None,
    }
}

/// A place in a frame, and the first rule found broken.
struct Cursor<'a> {
    frame: &'a [u8],
    at: usize,
    /// Where the content ends and the padding begins.
    end: usize,
    malformed: Option<Malformed>,
}

impl Cursor<'_> {
    fn broken(&mut self, rule: &'static str, section: &'static str, offset: usize) {
        self.malformed.get_or_insert(Malformed { rule, section, offset });
    }

    /// Whether the type may stand on this stream.
    fn stream_rule(&mut self, head: &FrameHead) {
        let (of_connection, section) = match head.kind {
            kind::DATA => (false, "RFC 9113 section 6.1"),
            kind::HEADERS => (false, "RFC 9113 section 6.2"),
            kind::PRIORITY => (false, "RFC 9113 section 6.3"),
            kind::RST_STREAM => (false, "RFC 9113 section 6.4"),
            kind::PUSH_PROMISE => (false, "RFC 9113 section 6.6"),
            kind::CONTINUATION => (false, "RFC 9113 section 6.10"),
            kind::SETTINGS => (true, "RFC 9113 section 6.5"),
            kind::PING => (true, "RFC 9113 section 6.7"),
            kind::GOAWAY => (true, "RFC 9113 section 6.8"),
            kind::PRIORITY_UPDATE => (true, "RFC 9218 section 7.1"),
            _ => return,
        };
        match (of_connection, head.stream) {
            (false, 0) => self.broken("a frame of a stream on stream 0", section, STREAM_OFFSET),
            (true, 1..) => self.broken("a frame of the connection on a stream", section, STREAM_OFFSET),
            _ => {}
        }
    }

    fn remaining(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    /// Where the rest of the content stands.
    fn rest(&self) -> Range<usize> {
        self.at.min(self.end)..self.end
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = *self.frame.get(self.rest())?.first_chunk::<N>()?;
        self.at += N;
        Some(bytes)
    }

    fn word(&mut self) -> Option<u32> {
        self.bytes::<4>().map(u32::from_be_bytes)
    }

    /// A stream identifier, and the bit before it.
    fn stream(&mut self) -> Option<(bool, u32)> {
        self.word().map(|word| (word > WINDOW_MAX, word & WINDOW_MAX))
    }

    /// A payload of exactly this length.
    fn exactly<T>(&mut self, length: usize, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.remaining() != length {
            self.broken("a payload of the wrong length for its type", "RFC 9113 section 4.2", 0);
            return None;
        }
        read(self)
    }

    /// The padding of a frame that has the flag (RFC 9113 section 6.1). If it does not fit, all is content.
    fn padding(&mut self, head: &FrameHead) -> Option<Padding> {
        if !head.has(flag::PADDED) {
            return None;
        }
        let length_byte = self.at;
        let Some([length]) = self.bytes::<1>() else {
            self.broken("no room for the pad length", "RFC 9113 section 6.1", length_byte);
            return None;
        };
        if usize::from(length) > self.remaining() {
            self.broken("padding longer than the frame", "RFC 9113 section 6.1", length_byte);
            return Some(Padding { length_byte, bytes: self.end..self.end });
        }
        let bytes = self.end - usize::from(length)..self.end;
        self.end = bytes.start;
        if let Some(position) = self.frame.get(bytes.clone()).and_then(|pad| pad.iter().position(|byte| *byte != 0)) {
            self.broken("padding that is not zero", "RFC 9113 section 6.1", bytes.start + position);
        }
        Some(Padding { length_byte, bytes })
    }

    fn data(&mut self, head: &FrameHead) -> Option<Payload> {
        let padding = self.padding(head);
        Some(Payload::Data(Data { padding, data: self.rest(), grpc: false, messages: Vec::new() }))
    }

    fn headers(&mut self, head: &FrameHead) -> Option<Payload> {
        let padding = self.padding(head);
        let mut priority = None;
        if head.has(flag::PRIORITY) {
            let at = self.at;
            priority = self.priority();
            match &priority {
                None => self.broken("no room for the priority", "RFC 9113 section 6.2", at),
                Some(priority) if priority.dependency == head.stream => {
                    self.broken("a stream that depends on itself", "RFC 9113 section 5.3.1", at);
                }
                Some(_) => {}
            }
        }
        Some(Payload::Headers(Headers { padding, priority, block: self.block(head) }))
    }

    fn priority(&mut self) -> Option<Priority> {
        let at = self.at;
        let [d3, d2, d1, d0, weight] = self.bytes::<PRIORITY_BYTES>()?;
        let dependency = u32::from_be_bytes([d3, d2, d1, d0]);
        Some(Priority {
            exclusive: dependency > WINDOW_MAX,
            dependency: dependency & WINDOW_MAX,
            weight: u16::from(weight) + 1,
            bytes: at..self.at,
        })
    }

    fn block(&mut self, head: &FrameHead) -> Block {
        Block {
            fragment: self.rest(),
            ends: head.has(flag::END_HEADERS),
            fields: Fields::default(),
            undecodable: None,
            table_lost: None,
            status: None,
        }
    }

    fn settings(&mut self, head: &FrameHead) -> Option<Payload> {
        if head.is_settings_ack() && self.remaining() > 0 {
            self.broken("an acknowledgement with a payload", "RFC 9113 section 6.5", HEAD_BYTES);
        }
        let payload = self.frame.get(self.rest()).unwrap_or_default();
        if !payload.len().is_multiple_of(ENTRY_BYTES) {
            let at = self.end - payload.len() % ENTRY_BYTES;
            self.broken("a length that is no multiple of six", "RFC 9113 section 6.5", at);
        }
        let mut entries = Vec::with_capacity(payload.len() / ENTRY_BYTES);
        for setting in settings::entries(payload) {
            if let Some((rule, section)) = setting_rule(setting) {
                self.broken(rule, section, self.at);
            }
            entries.push(SettingAt { setting, bytes: self.at..self.at + ENTRY_BYTES });
            self.at += ENTRY_BYTES;
        }
        Some(Payload::Settings(entries))
    }

    fn push_promise(&mut self, head: &FrameHead) -> Option<Payload> {
        let padding = self.padding(head);
        let at = self.at;
        let Some((reserved, promised_stream)) = self.stream() else {
            self.broken("no room for the promised stream", "RFC 9113 section 6.6", at);
            return None;
        };
        if promised_stream == 0 {
            self.broken("a promise of stream 0", "RFC 9113 section 6.6", at);
        }
        Some(Payload::PushPromise(PushPromise { padding, promised_stream, reserved, block: self.block(head) }))
    }

    fn goaway(&mut self) -> Option<Payload> {
        let Some(((reserved, last_stream), code)) = self.stream().zip(self.word()) else {
            self.broken("less than eight bytes", "RFC 9113 section 6.8", 0);
            return None;
        };
        Some(Payload::Goaway { last_stream, reserved, code, debug_data: self.rest() })
    }

    fn window_update(&mut self) -> Option<Payload> {
        let (reserved, increment) = self.exactly(4, Cursor::stream)?;
        if increment == 0 {
            self.broken("an increment of 0", "RFC 9113 section 6.9", HEAD_BYTES);
        }
        Some(Payload::WindowUpdate { increment, reserved })
    }

    fn priority_update(&mut self) -> Option<Payload> {
        let Some((_, stream)) = self.stream() else {
            self.broken("less than four bytes", "RFC 9218 section 7.1", 0);
            return None;
        };
        Some(Payload::PriorityUpdate { stream, value: self.rest() })
    }
}

/// Where the stream identifier stands in a frame.
const STREAM_OFFSET: usize = 5;
/// The largest 31-bit number: of a window (RFC 9113 section 6.9.1) and of a stream.
const WINDOW_MAX: u32 = 0x7fff_ffff;
const FRAME_SIZE_MIN: u32 = 16_384;
const FRAME_SIZE_MAX: u32 = 16_777_215;
