//! HTTP/1: heads, bodies, and the switch to another protocol by `Upgrade` (RFC 9112, RFC 9110 section 7.8, RFC 7540
//! section 3.2).
//!
//! Requests and responses are paired in their order, because what a response's body is depends on its request. Where a
//! message is malformed its end is unknown, so the direction is not decoded any further.

use std::collections::VecDeque;
use std::sync::Arc;

use super::grpc::{self, Budget, Messages};
use super::http1_head::{self, Parsed};
use super::{Limits, State, Step, base64, http1_chunk};
use crate::tap::event::{Direction, Framing, Http1Head, Reason, Start, What};
use crate::wire::first_bytes::PREFACE;
use crate::wire::settings::{self, Setting};

/// An HTTP/1 connection.
#[derive(Debug)]
pub(super) struct Http1 {
    to_backend: Sender,
    to_client: Sender,
    /// Requests whose final response is still to come.
    exchanges: VecDeque<Exchange>,
    /// What both directions become, from the head just explained on.
    pub(super) switch: Option<Switch>,
    tunnel: bool,
    limits: Limits,
}

/// What a connection becomes.
#[derive(Debug)]
pub(super) enum Switch {
    /// HTTP/2, after 101 (RFC 7540 section 3.2).
    Http2 {
        /// The client's, from `HTTP2-Settings`.
        settings: Vec<Setting>,
        /// The request that is answered on stream 1.
        request: Box<Http1Head>,
    },
    /// Something else.
    Tunnel,
}

/// Where one direction stands.
#[derive(Debug)]
struct Sender {
    expect: Expect,
    /// The gRPC messages of the body, if it has any.
    messages: Option<Messages>,
    /// How much of the buffer is known to hold no end of a head, so that each byte is looked at once.
    scanned: usize,
}

/// What comes next in a direction.
#[derive(Clone, Copy, Debug)]
enum Expect {
    Head,
    Body { length: u64, left: u64 },
    Chunk,
    ChunkData { size: u64, position: u64 },
    UntilEnd,
}

/// A request that waits for its response.
#[derive(Debug)]
struct Exchange {
    head: bool,
    connect: bool,
    path: Arc<str>,
    /// The request itself if it asks for h2c.
    h2c: Option<Box<Http1Head>>,
}

impl Http1 {
    pub(super) fn new(limits: Limits) -> Http1 {
        let sender = || Sender { expect: Expect::Head, messages: None, scanned: 0 };
        Http1 {
            to_backend: sender(),
            to_client: sender(),
            exchanges: VecDeque::new(),
            switch: None,
            tunnel: false,
            limits,
        }
    }

    /// From here on what the client sends behind its request is not HTTP.
    pub(super) fn become_tunnel(&mut self) {
        self.tunnel = true;
    }

    /// Explains what stands at the start of `bytes`.
    pub(super) fn step(&mut self, direction: Direction, bytes: &[u8], budget: &mut Budget) -> Step {
        let limits = self.limits;
        let sender = self.sender(direction);
        match sender.expect {
            Expect::Head => self.head(direction, bytes, budget),
            Expect::Body { length, left } => {
                let whole = usize::try_from(length).is_ok_and(|length| length <= limits.whole_bytes);
                let piece = if whole { limits.whole_bytes } else { limits.piece_bytes };
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(piece);
                let Some(body) = bytes.get(..take) else { return Step::Wait };
                let left = left - take as u64;
                sender.expect = if left == 0 { Expect::Head } else { Expect::Body { length, left } };
                Step::explained(take, sender.body(body, budget))
            }
            Expect::UntilEnd => Step::explained(bytes.len(), sender.body(bytes, budget)),
            Expect::Chunk => self.chunk(direction, bytes, budget),
            Expect::ChunkData { size, position } => self.chunk_piece(direction, 0, size, position, bytes, budget),
        }
    }

    /// The end of the direction: what the rest, not empty, is of.
    pub(super) fn rest(&mut self, direction: Direction, bytes: &[u8], budget: &mut Budget) -> What {
        let sender = self.sender(direction);
        match sender.expect {
            Expect::Head => {
                let of = if direction == Direction::ToBackend { "request head" } else { "response head" };
                What::Truncated { of, missing: None }
            }
            Expect::Body { .. } | Expect::UntilEnd => sender.body(bytes, budget),
            Expect::Chunk | Expect::ChunkData { .. } => What::Truncated { of: "chunk", missing: None },
        }
    }

    fn sender(&mut self, direction: Direction) -> &mut Sender {
        match direction {
            Direction::ToBackend => &mut self.to_backend,
            Direction::ToClient => &mut self.to_client,
        }
    }

    fn head(&mut self, direction: Direction, bytes: &[u8], budget: &mut Budget) -> Step {
        if direction == Direction::ToBackend {
            if self.tunnel {
                return Step::Become(State::Opaque(Reason::Tunnel));
            }
            // What stands between two requests and is the preface is no request: an upgrade has gone through.
            if bytes.starts_with(PREFACE) {
                return Step::Become(State::Preface);
            }
            if PREFACE.starts_with(bytes) {
                return Step::Wait;
            }
        }
        let limits = self.limits;
        let sender = self.sender(direction);
        if let Some(malformed) = http1_head::cannot_begin(direction, bytes) {
            return Step::malformed(malformed.offset + 1, malformed);
        }
        let within = bytes.get(..limits.head_bytes).unwrap_or(bytes);
        let Some(length) = http1_head::end(within, sender.scanned) else {
            if bytes.len() >= limits.head_bytes {
                return Step::malformed(limits.head_bytes, http1_head::TOO_LONG);
            }
            sender.scanned = bytes.len();
            return Step::Wait;
        };
        sender.scanned = 0;
        let head = bytes.get(..length).unwrap_or_default();
        let parsed = match direction {
            Direction::ToBackend => http1_head::request(head, limits.fields),
            Direction::ToClient => http1_head::response(head, limits.fields),
        };
        let parsed = parsed.and_then(|parsed| match direction {
            Direction::ToBackend => self.request(parsed),
            Direction::ToClient => self.response(parsed),
        });
        match parsed {
            Ok(head) => {
                self.sender(direction).begin_body(&head, budget);
                Step::explained(length, What::Http1Head(Box::new(head)))
            }
            Err(malformed) => Step::malformed(length, malformed),
        }
    }

    fn request(&mut self, parsed: Parsed) -> Result<Http1Head, crate::wire::Malformed> {
        let Parsed { start, minor_version, fields } = parsed;
        let Start::Request { method, target } = &start else { return Err(http1_head::TOO_LONG) };
        let (head, connect) = (method == "HEAD", method == "CONNECT");
        let path: Arc<str> = target.as_str().into();
        let framing = if connect { Framing::Empty } else { http1_head::framing(&fields, Framing::Empty)? };
        let settings = http1_head::has_token(&fields, "upgrade", "h2c")
            .then(|| fields.value("http2-settings").and_then(base64::decode))
            .flatten()
            .map(|payload| settings::entries(&payload).collect());
        let path = Some(path);
        let request =
            Http1Head { start, minor_version, fields, framing, settings, becomes_http2: false, status: None, path };
        let h2c = request.settings.is_some().then(|| Box::new(request.clone()));
        if self.exchanges.len() >= EXCHANGES_MAX {
            self.exchanges.pop_front();
        }
        let path = request.path.clone().unwrap_or_default();
        self.exchanges.push_back(Exchange { head, connect, path, h2c });
        Ok(request)
    }

    fn response(&mut self, parsed: Parsed) -> Result<Http1Head, crate::wire::Malformed> {
        let Parsed { start, minor_version, fields } = parsed;
        let Start::Response { code, .. } = start else { return Err(http1_head::TOO_LONG) };
        let informational = (100..200).contains(&code) && code != 101;
        let path = self.exchanges.front().map(|exchange| exchange.path.clone());
        let exchange = if informational { None } else { self.exchanges.pop_front() };
        let (to_head, connect) = exchange.as_ref().map_or((false, false), |asked| (asked.head, asked.connect));
        let mut becomes_http2 = false;
        let framing = match code {
            101 => {
                let asked = exchange.and_then(|exchange| exchange.h2c);
                let asked = asked.filter(|_| http1_head::has_token(&fields, "upgrade", "h2c"));
                becomes_http2 = asked.is_some();
                let switch = asked.map_or(Switch::Tunnel, |mut request| Switch::Http2 {
                    settings: request.settings.take().unwrap_or_default(),
                    request,
                });
                self.switch = Some(switch);
                if becomes_http2 { Framing::Empty } else { Framing::Tunnel }
            }
            200..300 if connect => {
                self.switch = Some(Switch::Tunnel);
                Framing::Tunnel
            }
            100..200 | 204 | 304 => Framing::Empty,
            _ if to_head => Framing::Empty,
            _ => http1_head::framing(&fields, Framing::UntilEnd)?,
        };
        let status = grpc::status(&fields, true, path.as_ref());
        Ok(Http1Head { start, minor_version, fields, framing, settings: None, becomes_http2, status, path })
    }

    fn chunk(&mut self, direction: Direction, bytes: &[u8], budget: &mut Budget) -> Step {
        let limits = self.limits;
        let sender = self.sender(direction);
        match http1_chunk::size_line(bytes) {
            Ok(None) => Step::Wait,
            Err(malformed) => Step::malformed(malformed.offset + 1, malformed),
            Ok(Some(line)) if line.size > 0 => self.chunk_piece(direction, line.length, line.size, 0, bytes, budget),
            Ok(Some(line)) => match http1_chunk::trailers(bytes, line, &limits, &mut sender.scanned) {
                Ok(None) => Step::Wait,
                Ok(Some((length, mut trailers))) => {
                    let path = sender.messages.as_ref().and_then(|messages| messages.path());
                    if direction == Direction::ToClient {
                        trailers.status = grpc::status(&trailers.fields, false, path);
                    }
                    sender.scanned = 0;
                    sender.expect = Expect::Head;
                    Step::explained(length, What::Http1Trailers(trailers))
                }
                Err(malformed) => Step::malformed(http1_chunk::trailers_end(bytes, line, &limits), malformed),
            },
        }
    }

    /// A chunk, or a piece of it if it is long, behind `line` bytes of its first line.
    fn chunk_piece(
        &mut self,
        direction: Direction,
        line: usize,
        size: u64,
        position: u64,
        bytes: &[u8],
        budget: &mut Budget,
    ) -> Step {
        let limits = self.limits;
        let sender = self.sender(direction);
        let left = size - position;
        let whole = usize::try_from(size).is_ok_and(|size| size <= limits.whole_bytes);
        let piece = if whole { limits.whole_bytes } else { limits.piece_bytes };
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(piece);
        let last = take as u64 == left;
        let end = line + take + if last { CRLF.len() } else { 0 };
        let Some(bytes) = bytes.get(..end) else { return Step::Wait };
        if last && !bytes.ends_with(CRLF) {
            return Step::malformed(end, http1_chunk::no_line_end(line + take));
        }
        let data = line..line + take;
        let content = bytes.get(data.clone()).unwrap_or_default();
        let messages = sender.messages.as_mut().map(|messages| messages.take(content, data.start, budget));
        let position_after = position + take as u64;
        sender.expect = if last { Expect::Chunk } else { Expect::ChunkData { size, position: position_after } };
        let extension = http1_chunk::extension(bytes.get(..line).unwrap_or_default());
        let messages = messages.unwrap_or_default();
        let what = What::Http1Chunk(crate::tap::event::Chunk { size, extension, data, position, messages });
        Step::explained(end, what)
    }
}

impl Sender {
    /// Gets ready for what follows a head.
    fn begin_body(&mut self, head: &Http1Head, budget: &mut Budget) {
        if let Some(mut old) = self.messages.take() {
            old.release(budget);
        }
        self.messages = Messages::behind(&head.fields, head.path.as_ref());
        self.expect = match head.framing {
            Framing::Empty | Framing::Tunnel | Framing::Length(0) => Expect::Head,
            Framing::Length(length) => Expect::Body { length, left: length },
            Framing::Chunked => Expect::Chunk,
            Framing::UntilEnd => Expect::UntilEnd,
        };
    }

    fn body(&mut self, bytes: &[u8], budget: &mut Budget) -> What {
        let messages = self.messages.as_mut().map(|messages| messages.take(bytes, 0, budget));
        What::Http1Body { messages: messages.unwrap_or_default() }
    }
}

/// Requests that may wait for their responses; of more the oldest are forgotten.
const EXCHANGES_MAX: usize = 1024;
const CRLF: &[u8] = b"\r\n";
