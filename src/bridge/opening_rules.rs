//! What a client may send before its first request, and how much of it.
//!
//! Until HEADERS arrives no stream is open, so most frame types have no business here (RFC 9113 section 5.1, idle), and
//! whatever is allowed is counted: this is the only place where the proxy parses bytes of anyone who can connect.

use crate::limits::{self, Limit, Limits};
use crate::wire::Malformed;
use crate::wire::frame::{ErrorCode, FrameHead, flag, kind};
use crate::wire::headers::{PRIORITY_BYTES, dependency};
use crate::wire::request::Invalid;
use crate::wire::settings::{ENTRY_BYTES, Setting, entries, id};

/// Why a client's connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A connection error (RFC 9113 section 5.4.1): answered with GOAWAY of this code.
    Connection {
        /// The code.
        code: ErrorCode,
        /// The rule.
        malformed: Malformed,
        /// The stream that the client was opening, which GOAWAY has to name; 0 if none.
        stream: u32,
    },
    /// A request that is malformed though its block decodes (section 8.1.1): answered on its stream.
    Request {
        /// Its stream.
        stream: u32,
        /// The rule.
        invalid: Invalid,
    },
    /// More than a limit allows: answered with GOAWAY.
    Limit {
        /// Which.
        limit: Limit,
        /// Its value.
        value: u64,
        /// The stream that the client was opening, which GOAWAY has to name; 0 if none.
        stream: u32,
    },
    /// A header list larger than we decode: answered with 431, or status 8.
    HeadersTooLarge {
        /// By its fields, or by their bytes.
        limit: Limit,
        /// The limit's value.
        value: u64,
        /// Its stream.
        stream: u32,
        /// Whether the client has ended its side of the stream.
        end_stream: bool,
        /// Whether what was decoded says that it is a gRPC request.
        grpc: bool,
    },
    /// The client said GOAWAY before it sent any request: no fault, but the end.
    Goodbye,
}

impl Fault {
    /// The rule that was broken, in words for the log; `None` where the reason of the end says it all.
    pub fn rule(&self) -> Option<String> {
        match self {
            Fault::Connection { malformed, .. } => Some(malformed.to_string()),
            Fault::Request { invalid, .. } => Some(invalid.to_string()),
            Fault::Limit { limit, value, .. } | Fault::HeadersTooLarge { limit, value, .. } => {
                Some(limit.reached(*value))
            }
            Fault::Goodbye => None,
        }
    }

    /// The limit that was reached, if it was one.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Fault::Limit { limit, .. } | Fault::HeadersTooLarge { limit, .. } => Some(*limit),
            Fault::Connection { .. } | Fault::Request { .. } | Fault::Goodbye => None,
        }
    }

    /// The same fault of a client that is opening the stream `opened`.
    pub(super) fn on(mut self, opened: u32) -> Fault {
        if let Fault::Connection { stream, .. } | Fault::Limit { stream, .. } = &mut self {
            *stream = opened;
        }
        self
    }
}

/// Counts what arrived before the first request, against the limits.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// All but HEADERS and CONTINUATION.
    frames: usize,
    settings: usize,
    pings: usize,
    window_updates: usize,
    priorities: usize,
    unknown: usize,
    unknown_bytes: usize,
    /// How much the connection window was opened beyond its initial 65,535 bytes.
    window_increments: u64,
}

impl Counts {
    /// Checks a frame's head, before its payload is waited for.
    pub(super) fn head(head: &FrameHead) -> Result<(), Fault> {
        match head.kind {
            kind::SETTINGS => settings_head(head),
            kind::PING => {
                connection_only(head, "RFC 9113 section 6.7")?;
                exactly(head, 8, "RFC 9113 section 6.7")
            }
            kind::GOAWAY => {
                connection_only(head, "RFC 9113 section 6.8")?;
                at_least(head, 8, "RFC 9113 section 6.8")
            }
            kind::WINDOW_UPDATE => {
                connection_only(head, "RFC 9113 section 5.1")?;
                exactly(head, 4, "RFC 9113 section 6.9")
            }
            kind::PRIORITY => {
                stream_only(head, "RFC 9113 section 6.3")?;
                exactly(head, PRIORITY_BYTES, "RFC 9113 section 6.3")
            }
            kind::HEADERS if head.stream.is_multiple_of(2) => {
                Err(protocol("HEADERS on a stream that a client cannot open", "RFC 9113 section 5.1.1"))
            }
            kind::HEADERS => {
                let padding = if head.has(flag::PADDED) { 1 } else { 0 };
                let priority = if head.has(flag::PRIORITY) { PRIORITY_BYTES } else { 0 };
                at_least(head, padding + priority, "RFC 9113 section 4.2")
            }
            kind::DATA | kind::RST_STREAM => Err(protocol("a frame on an idle stream", "RFC 9113 section 5.1")),
            kind::PUSH_PROMISE => Err(protocol("PUSH_PROMISE from a client", "RFC 9113 section 8.4")),
            kind::CONTINUATION => Err(protocol("CONTINUATION without HEADERS", "RFC 9113 section 6.10")),
            _ => Ok(()),
        }
    }

    /// Checks a whole frame other than HEADERS and CONTINUATION.
    pub(super) fn frame(&mut self, head: &FrameHead, payload: &[u8], limits: &Limits) -> Result<(), Fault> {
        self.of_kind(head, payload, limits)?;
        self.frames += 1;
        within(self.frames, Limit::OpeningFrames, limits)
    }

    fn of_kind(&mut self, head: &FrameHead, payload: &[u8], limits: &Limits) -> Result<(), Fault> {
        match head.kind {
            kind::SETTINGS if !head.has(flag::ACK) => {
                self.settings += 1;
                within(self.settings, Limit::SettingsFrames, limits)?;
                within(payload.len() / ENTRY_BYTES, Limit::SettingsEntries, limits)?;
                entries(payload).try_for_each(setting)
            }
            kind::PING => {
                self.pings += 1;
                within(self.pings, Limit::PingFrames, limits)
            }
            kind::WINDOW_UPDATE => self.window_update(payload, limits),
            kind::PRIORITY | kind::PRIORITY_UPDATE => {
                self.priorities += 1;
                within(self.priorities, Limit::PriorityFrames, limits)?;
                let on = payload.first_chunk::<PRIORITY_BYTES>().map(dependency);
                if head.kind == kind::PRIORITY && on == Some(head.stream) {
                    return Err(protocol("a stream that depends on itself", "RFC 9113 section 5.3.1"));
                }
                Ok(())
            }
            kind::SETTINGS | kind::GOAWAY => Ok(()),
            _ => {
                self.unknown += 1;
                self.unknown_bytes += payload.len();
                within(self.unknown, Limit::UnknownFrames, limits)?;
                within(self.unknown_bytes, Limit::UnknownFrameBytes, limits)
            }
        }
    }

    fn window_update(&mut self, payload: &[u8], limits: &Limits) -> Result<(), Fault> {
        self.window_updates += 1;
        within(self.window_updates, Limit::WindowUpdateFrames, limits)?;
        let increment = payload.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes) & 0x7fff_ffff);
        if increment == 0 {
            return Err(protocol("WINDOW_UPDATE by nothing", "RFC 9113 section 6.9"));
        }
        self.window_increments += u64::from(increment);
        if INITIAL_WINDOW_BYTES + self.window_increments > WINDOW_BYTES_MAX {
            return Err(fault(ErrorCode::FlowControlError, "a window over 2^31-1 bytes", "RFC 9113 section 6.9.1"));
        }
        Ok(())
    }
}

/// The connection window both ends begin with (RFC 9113 section 6.9.2).
const INITIAL_WINDOW_BYTES: u64 = 65_535;
/// The largest a window may become (RFC 9113 section 6.9.1).
const WINDOW_BYTES_MAX: u64 = 0x7fff_ffff;

/// What must hold of SETTINGS and of their ACK by their head (RFC 9113 section 6.5).
pub(super) fn settings_head(head: &FrameHead) -> Result<(), Fault> {
    connection_only(head, "RFC 9113 section 6.5")?;
    if head.has(flag::ACK) {
        return exactly(head, 0, "RFC 9113 section 6.5");
    }
    if !head.length.is_multiple_of(ENTRY_BYTES) {
        return Err(fault(ErrorCode::FrameSizeError, "SETTINGS with part of an entry", "RFC 9113 section 6.5"));
    }
    Ok(())
}

/// Values that RFC 9113 section 6.5.2 forbids (and its extensions for theirs).
fn setting(setting: Setting) -> Result<(), Fault> {
    match (setting.id, setting.value) {
        (id::ENABLE_PUSH | id::ENABLE_CONNECT_PROTOCOL | id::NO_RFC7540_PRIORITIES, 2..) => {
            Err(protocol("a setting that must be 0 or 1", "RFC 9113 section 6.5.2"))
        }
        (id::INITIAL_WINDOW_SIZE, 0x8000_0000..) => {
            Err(fault(ErrorCode::FlowControlError, "a window over 2^31-1 bytes", "RFC 9113 section 6.5.2"))
        }
        (id::MAX_FRAME_SIZE, ..0x4000 | 0x100_0000..) => {
            Err(protocol("MAX_FRAME_SIZE out of its range", "RFC 9113 section 6.5.2"))
        }
        _ => Ok(()),
    }
}

fn connection_only(head: &FrameHead, section: &'static str) -> Result<(), Fault> {
    if head.stream != 0 { Err(protocol("a frame on a stream that it cannot be on", section)) } else { Ok(()) }
}

fn stream_only(head: &FrameHead, section: &'static str) -> Result<(), Fault> {
    if head.stream == 0 { Err(protocol("a stream's frame on the connection", section)) } else { Ok(()) }
}

fn exactly(head: &FrameHead, length: usize, section: &'static str) -> Result<(), Fault> {
    if head.length != length {
        return Err(fault(ErrorCode::FrameSizeError, "a frame of the wrong length", section));
    }
    Ok(())
}

/// Too short for what its type must carry is a matter of size, too (RFC 9113 section 4.2).
fn at_least(head: &FrameHead, length: usize, section: &'static str) -> Result<(), Fault> {
    if head.length < length {
        return Err(fault(ErrorCode::FrameSizeError, "a frame too short for its type", section));
    }
    Ok(())
}

/// Refuses a frame by its head alone: its payload is neither waited for nor kept (RFC 9113 section 4.2).
pub(super) fn frame_size(head: &FrameHead) -> Result<(), Fault> {
    if head.length > limits::FRAME_PAYLOAD_BYTES {
        let value = limits::FRAME_PAYLOAD_BYTES as u64;
        return Err(Fault::Limit { limit: Limit::FramePayloadBytes, value, stream: 0 });
    }
    Ok(())
}

/// Denial of service is answered with ENHANCE_YOUR_CALM (RFC 9113 section 10.5).
pub(super) fn within(count: usize, limit: Limit, limits: &Limits) -> Result<(), Fault> {
    if count > limits.count(limit) {
        return Err(Fault::Limit { limit, value: limits.value(limit), stream: 0 });
    }
    Ok(())
}

pub(super) fn protocol(rule: &'static str, section: &'static str) -> Fault {
    fault(ErrorCode::ProtocolError, rule, section)
}

pub(super) fn fault(code: ErrorCode, rule: &'static str, section: &'static str) -> Fault {
    Fault::Connection { code, malformed: Malformed { rule, section, offset: 0 }, stream: 0 }
}
