//! The decoder: the bytes of one connection in, [`Event`]s out.
//!
//! It sees no socket and no clock, and what it says of a byte does not depend on how the bytes were cut into reads;
//! only runs whose end nothing announces (an opaque protocol, a body until the end of the connection) come as they
//! arrive. The two directions must be fed in the order in which they were read, because a response is understood by its
//! request.
//!
//! What it keeps is bounded by [`Limits`], whatever the peers send. It never fails: what cannot be understood is an
//! event too.
//!
//! | file | what | where |
//! |---|---|---|
//! | `opening` | the PROXY header, and which protocol it is | PROXY protocol, RFC 9113 section 3.4 |
//! | `http2`, `payload`, `blocks`, `stream` | frames, and what they mean for each other | RFC 9113, RFC 7541 |
//! | `http1`, `http1_head`, `http1_chunk` | messages, upgrade | RFC 9112 |
//! | `line` | what cuts through bytes that are not decoded may hide | RFC 9112 section 5 |
//! | `grpc`, `compression`, `base64` | messages and outcomes of calls | gRPC over HTTP2 |

mod base64;
mod blocks;
mod compression;
mod grpc;
mod http1;
mod http1_chunk;
mod http1_head;
mod http2;
mod limits;
mod line;
mod opening;
mod payload;
mod stream;
#[cfg(test)]
mod tests;

use self::grpc::Budget;
use self::http1::{Http1, Switch};
use self::http2::Http2;
use self::line::Line;
use super::event::{Direction, Event, Fields, Http1Head, Reason, Start, What};
use crate::wire::Malformed;
use crate::wire::first_bytes::PREFACE;
use crate::wire::hpack::Field;

pub use limits::Limits;

/// Decodes one connection.
#[derive(Debug)]
pub struct ConnectionDecoder {
    to_backend: Flow,
    to_client: Flow,
    http1: Http1,
    http2: Http2,
    budget: Budget,
}

impl ConnectionDecoder {
    /// A decoder of a connection of which no byte has been seen.
    pub fn new(limits: Limits) -> ConnectionDecoder {
        ConnectionDecoder {
            to_backend: Flow::new(State::Prefix),
            to_client: Flow::new(State::FirstBytes),
            http1: Http1::new(limits),
            http2: Http2::new(limits),
            budget: Budget { limits, kept_bytes: 0, decompressed_bytes: 0 },
        }
    }

    /// Takes the next bytes of a direction and appends what is complete with them to `out`.
    ///
    /// That may include bytes of the other direction that waited for these.
    pub fn feed(&mut self, direction: Direction, bytes: &[u8], out: &mut Vec<Event>) {
        self.budget.decompressed_bytes = self.budget.limits.decompressed_bytes;
        let flow = self.flow(direction);
        if flow.ended && !bytes.is_empty() {
            return flow.explain(direction, bytes, What::Opaque { reason: Reason::AfterEnd }, out);
        }
        let state = flow.state;
        let mut kept = std::mem::take(&mut self.flow(direction).kept);
        let taken = if kept.is_empty() {
            let taken = self.explain(direction, bytes, out);
            kept.extend_from_slice(bytes.get(taken..).unwrap_or_default());
            taken
        } else {
            kept.extend_from_slice(bytes);
            let taken = self.explain(direction, &kept, out);
            kept.drain(..taken);
            taken
        };
        self.flow(direction).kept = kept;
        let other = direction.opposite();
        if (taken > 0 || self.flow(direction).state != state) && !self.flow(other).kept.is_empty() {
            let mut kept = std::mem::take(&mut self.flow(other).kept);
            let taken = self.explain(other, &kept, out);
            kept.drain(..taken);
            self.flow(other).kept = kept;
        }
    }

    /// Takes the end of a direction: what was waiting for more bytes is explained as it is. Bytes fed to it later are
    /// opaque.
    pub fn finish(&mut self, direction: Direction, out: &mut Vec<Event>) {
        self.budget.decompressed_bytes = self.budget.limits.decompressed_bytes;
        let kept = std::mem::take(&mut self.flow(direction).kept);
        if !kept.is_empty() {
            let what = match self.flow(direction).state {
                State::Prefix => What::Truncated { of: "PROXY header or first bytes", missing: None },
                State::Preface => What::Truncated {
                    of: "connection preface",
                    missing: Some(PREFACE.len().saturating_sub(kept.len()) as u64),
                },
                State::FirstBytes => What::Opaque { reason: Reason::UnknownProtocol },
                State::Http1 => self.http1.rest(direction, &kept, &mut self.budget),
                State::Http2 => self.http2.rest(direction, &kept, &mut self.budget),
                State::Opaque(reason) => What::Opaque { reason },
            };
            self.flow(direction).explain(direction, &kept, what, out);
        }
        self.flow(direction).ended = true;
    }

    fn flow(&mut self, direction: Direction) -> &mut Flow {
        match direction {
            Direction::ToBackend => &mut self.to_backend,
            Direction::ToClient => &mut self.to_client,
        }
    }

    /// Explains as much of `bytes` as can be, and returns how much that is.
    fn explain(&mut self, direction: Direction, bytes: &[u8], out: &mut Vec<Event>) -> usize {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            match self.step(direction, rest) {
                Step::Wait => break,
                Step::Become(state) => self.flow(direction).state = state,
                Step::Explained { length, what, then } => {
                    let explained = rest.get(..length).unwrap_or(rest);
                    taken += explained.len();
                    let flow = self.flow(direction);
                    flow.state = then.unwrap_or(flow.state);
                    flow.explain(direction, explained, what, out);
                    if let Some(switch) = self.http1.switch.take() {
                        self.switch(switch);
                    }
                }
            }
        }
        taken
    }

    fn step(&mut self, direction: Direction, bytes: &[u8]) -> Step {
        let flow = self.flow(direction);
        let offset = flow.offset;
        match flow.state {
            State::Prefix => opening::prefix(bytes),
            State::FirstBytes => match direction {
                Direction::ToBackend => opening::first_bytes_of_client(bytes),
                Direction::ToClient => opening::first_bytes_of_backend(bytes, self.to_backend.state),
            },
            State::Preface => Step::explained(PREFACE.len(), What::Preface).then(State::Http2),
            State::Http1 => self.http1.step(direction, bytes, &mut self.budget),
            State::Http2 => self.http2.step(direction, bytes, offset, &mut self.budget),
            State::Opaque(reason) => Step::explained(bytes.len(), What::Opaque { reason }),
        }
    }

    /// Follows an answer after which the connection is no longer HTTP/1. What the client sends becomes something else
    /// once its request has ended, which the decoder of HTTP/1 sees.
    fn switch(&mut self, switch: Switch) {
        match switch {
            Switch::Tunnel => {
                self.to_client.state = State::Opaque(Reason::Tunnel);
                self.http1.become_tunnel();
            }
            Switch::Http2 { settings, request } => {
                self.to_client.state = State::Http2;
                self.http2.settings(Direction::ToBackend, settings);
                let (stream, _) = self.http2.streams.open(UPGRADED_STREAM, &mut self.budget);
                stream.headers(Direction::ToBackend, &as_http2(&request), &mut self.budget);
                self.http2.streams.end(UPGRADED_STREAM, Direction::ToBackend, &mut self.budget);
            }
        }
    }
}

/// One direction.
#[derive(Debug)]
struct Flow {
    state: State,
    /// How many bytes have been explained.
    offset: u64,
    /// The bytes behind them: the beginning of something whose end has not come.
    kept: Vec<u8>,
    /// The line that ends the bytes explained last, if they were not decoded.
    line: Line,
    /// True exactly if no more bytes are to come.
    ended: bool,
}

impl Flow {
    fn new(state: State) -> Flow {
        Flow { state, offset: 0, kept: Vec::new(), line: Line::default(), ended: false }
    }

    fn explain(&mut self, direction: Direction, bytes: &[u8], what: What, out: &mut Vec<Event>) {
        let is_opaque = matches!(what, What::Opaque { .. });
        let line = if is_opaque { self.line.begin().to_vec() } else { Vec::new() };
        if !is_opaque {
            self.line = Line::default();
        }
        if is_opaque || matches!(what, What::Malformed(_)) {
            self.line.extend(bytes);
        }
        out.push(Event { direction, offset: self.offset, bytes: bytes.to_vec(), line, what });
        self.offset += bytes.len() as u64;
    }
}

/// What the next byte of a direction belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A PROXY header, or what comes behind one.
    Prefix,
    /// It is not known which protocol it is.
    FirstBytes,
    /// The HTTP/2 preface, which is there as a whole.
    Preface,
    Http1,
    Http2,
    /// Nothing that is decoded, to the end.
    Opaque(Reason),
}

/// What there is to say of the bytes at hand.
#[derive(Debug)]
enum Step {
    /// The first `length` bytes, at least one, are this; what follows may belong to something else.
    Explained { length: usize, what: What, then: Option<State> },
    /// It takes more bytes.
    Wait,
    /// They belong to something else; ask again.
    Become(State),
}

impl Step {
    fn explained(length: usize, what: What) -> Step {
        Step::Explained { length, what, then: None }
    }

    /// Bytes behind which nothing can be told apart any more.
    fn malformed(length: usize, malformed: Malformed) -> Step {
        Step::explained(length, What::Malformed(malformed)).then(State::Opaque(Reason::AfterMalformed))
    }

    fn then(self, state: State) -> Step {
        match self {
            Step::Explained { length, what, .. } => Step::Explained { length, what, then: Some(state) },
            Step::Wait | Step::Become(_) => self,
        }
    }
}

/// The fields of an HTTP/1 request as HTTP/2 would have them, as far as the decoder of HTTP/2 looks at them.
fn as_http2(request: &Http1Head) -> Fields {
    let mut fields = Fields::default();
    if let Start::Request { target, .. } = &request.start {
        fields.push(Field { name: b":path", value: target.as_bytes(), never_indexed: false });
    }
    request.fields.iter().for_each(|field| fields.push(field));
    fields
}

/// The stream on which a request that asked for h2c by `Upgrade` is answered (RFC 7540 section 3.2).
const UPGRADED_STREAM: u32 = 1;
