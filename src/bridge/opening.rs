//! The client's opening: everything from the preface to the end of its first header block.
//!
//! The bytes are consumed and kept, the frames walked, and the walk stops behind the first complete header block:
//! never before END_HEADERS, since a later fragment may contradict an earlier one. What the backend must not see is
//! left out of the replay: acknowledgements of our own SETTINGS, PINGs that we answered.
//!
//! `docs/BRIDGE.md` tells the algorithm step by step; the tests are in the folder `tests` beside this file.

use std::ops::Range;
use std::time::Duration;

use super::answer::Answerer;
use super::block::{self, Block};
use super::opening_rules::{Counts, Fault, frame_size, protocol, within};
use super::own_settings;
use super::replay::{Replay, Role};
use super::streams::Streams;
use super::{Bridge, ToBackend, ToClient};
use crate::config::OwnSettings;
use crate::limits::{self, Limit, Limits};
use crate::wire::first_bytes::{self, FirstBytes};
use crate::wire::frame::{self, ErrorCode, FrameHead, HEAD_BYTES, flag, kind};
use crate::wire::head::RequestHead;
use crate::wire::{Malformed, Parsed};
use crate::wire::{headers, hpack};

/// A client's opening, as far as it came.
#[derive(Debug)]
pub struct Opening<'a> {
    limits: &'a Limits,
    /// Everything received, kept until the backend is known.
    input: Vec<u8>,
    /// How much of `input` was walked: the preface and whole frames.
    walked: usize,
    /// The frames that the backend is to see.
    replay: Replay,
    counts: Counts,
    /// The head of the frame at `walked` has been checked and counted; its payload is still coming.
    head_checked: bool,
    /// A header block that has begun and not ended.
    block: Option<Block>,
    request: Option<Request>,
    /// What our SETTINGS say.
    own: OwnSettings,
    /// They were sent.
    own_sent: bool,
    /// The client has acknowledged them.
    own_acknowledged: bool,
    /// How many SETTINGS of the client we have acknowledged in the backend's place.
    acknowledged: usize,
    to_client: Vec<u8>,
}

/// What the walk has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    More,
    /// The bytes are not HTTP/2 but this; they are all in [`Opening::into_bytes`].
    Other(FirstBytes),
    /// The first request is complete.
    Request,
}

/// What the connection is waiting for, each with a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The preface and the client's SETTINGS.
    Preface,
    /// The first request; idle channels are normal.
    Idle,
    /// The rest of a header block.
    Block,
}

impl Phase {
    /// What says how long the phase may last.
    pub fn limit(self) -> Limit {
        match self {
            Phase::Preface => Limit::PrefaceDeadline,
            Phase::Idle => Limit::UnroutedIdle,
            Phase::Block => Limit::HeaderDeadline,
        }
    }
}

/// Something the client may be waiting for, to be sent if it stays quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nudge {
    /// Our SETTINGS.
    Settings,
    /// The ACK of its own SETTINGS, though it has not acknowledged ours.
    AckUnasked,
    /// The ACK of its own SETTINGS; it has acknowledged ours.
    Ack,
}

impl Nudge {
    /// How long the client is given first.
    pub fn after(self) -> Duration {
        match self {
            Nudge::Settings => limits::QUIET,
            Nudge::AckUnasked => limits::OWN_ACK_AFTER_SETTINGS,
            Nudge::Ack => limits::OWN_ACK_AFTER_ACK,
        }
    }
}

/// The opening's outcome: a request to route by, and what goes to the backend.
#[derive(Debug)]
pub struct Opened {
    /// The first request.
    pub request: RequestHead,
    /// What the backend is to get before anything else.
    pub replay: Vec<u8>,
    /// What remains to be done in both directions.
    pub bridge: Bridge,
    /// Answers the request in the backend's place.
    pub answerer: Answerer,
    /// What it takes to read on behind the request.
    pub sequel: Sequel,
}

/// Where reading would go on behind the first request, for whoever [watches](super::Watch).
#[derive(Debug)]
pub struct Sequel {
    /// Has decoded the first block, and knows the table that the next one refers to.
    pub decoder: hpack::Decoder,
    /// The stream of the first request.
    pub stream: u32,
    /// How many bytes of the replay the first request ends behind.
    pub behind: usize,
    /// How many CONTINUATIONs a header block may have.
    pub continuation_frames: usize,
    /// How many bytes it may have.
    pub block_bytes: usize,
}

#[derive(Debug)]
struct Request {
    head: RequestHead,
    decoder: hpack::Decoder,
    stream: u32,
    end_stream: bool,
}

impl Default for Opening<'_> {
    fn default() -> Self {
        Opening::new(OwnSettings::default(), &Limits::DEFAULT)
    }
}

impl<'a> Opening<'a> {
    /// The opening of a client that has sent nothing yet, to which these are our SETTINGS should it wait for some.
    pub fn new(own: OwnSettings, limits: &'a Limits) -> Opening<'a> {
        Opening {
            limits,
            input: Vec::new(),
            walked: 0,
            replay: Replay::default(),
            counts: Counts::default(),
            head_checked: false,
            block: None,
            request: None,
            own,
            own_sent: false,
            own_acknowledged: false,
            acknowledged: 0,
            to_client: Vec::new(),
        }
    }

    /// Takes the next bytes from the client.
    ///
    /// # Errors
    ///
    /// The rule the client broke; see [`goaway`](super::goaway) for what it is told.
    pub fn received(&mut self, bytes: &[u8]) -> Result<Progress, Fault> {
        self.input.extend_from_slice(bytes);
        let progress = self.walk().map_err(|fault| fault.on(self.open_stream()));
        match progress {
            // These SETTINGS are merged with those that we have acknowledged, and the backend's ACK is swallowed.
            Ok(Progress::Request) if self.acknowledged > 0 => self.acknowledge(),
            // The answer to this goes in the backend's place, and it stands behind our ACK.
            Err(Fault::HeadersTooLarge { .. }) => self.acknowledge(),
            _ => {}
        }
        progress
    }

    fn walk(&mut self) -> Result<Progress, Fault> {
        if self.walked == 0 {
            match first_bytes::parse(&self.input) {
                Ok(Parsed::Complete { value: FirstBytes::Http2, length }) => self.walked = length,
                Ok(Parsed::Complete { value, .. }) => return Ok(Progress::Other(value)),
                Ok(Parsed::More { .. }) => return Ok(Progress::More),
                Err(malformed) => return Err(protocol_error(malformed)),
            }
        }
        while self.request.is_none() {
            if !self.walk_frame()? {
                within(self.input.len(), Limit::ReplayBytes, self.limits)?;
                self.settle();
                return Ok(Progress::More);
            }
        }
        Ok(Progress::Request)
    }

    /// What the connection is waiting for.
    pub fn phase(&self) -> Phase {
        if self.replay.is_empty() {
            Phase::Preface
        } else if self.is_in_block() {
            Phase::Block
        } else {
            Phase::Idle
        }
    }

    /// What to send if the client stays quiet, once all it sent was read.
    pub fn nudge(&self) -> Option<Nudge> {
        if self.replay.is_empty() || self.walked < self.input.len() || self.block.is_some() || self.request.is_some() {
            return None;
        }
        match (self.own_sent, self.acknowledged, self.own_acknowledged) {
            (false, ..) => Some(Nudge::Settings),
            (true, 0, false) => Some(Nudge::AckUnasked),
            (true, 0, true) => Some(Nudge::Ack),
            (true, ..) => None,
        }
    }

    /// The client stayed quiet: sends what [`nudge`](Opening::nudge) says.
    pub fn nudged(&mut self) {
        match self.nudge() {
            Some(Nudge::Settings) => self.speak(),
            Some(Nudge::Ack | Nudge::AckUnasked) => self.acknowledge(),
            None => {}
        }
    }

    /// What the client is to be sent now; taken out.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_client)
    }

    /// Our own SETTINGS, if they were not sent.
    pub fn own_due(&self) -> Option<OwnSettings> {
        (!self.own_sent).then_some(self.own)
    }

    /// Whether the preface is complete, so that answers are frames.
    pub fn is_http2(&self) -> bool {
        self.walked > 0
    }

    /// Whether the bytes can be nothing but the start of a preface, though it is not complete: an HTTP/2 connection that
    /// must not pass uninspected only because it is slow.
    pub fn is_slow_preface(&self) -> bool {
        self.walked == 0 && self.input.len() >= first_bytes::REQUEST_LINE_BYTES
    }

    /// What a client is told that takes too long. With no stream open GOAWAY(0) is right: there is nothing to retry.
    pub fn give_up(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(own) = self.own_due() {
            own_settings::put_own(&mut out, &own);
        }
        match self.open_stream() {
            0 => frame::put_goaway(&mut out, 0, ErrorCode::NoError),
            stream => frame::put_goaway(&mut out, stream, ErrorCode::EnhanceYourCalm),
        }
        out
    }

    /// Whether any byte has arrived.
    pub fn is_begun(&self) -> bool {
        !self.input.is_empty()
    }

    /// All bytes received: for a connection that turned out not to be HTTP/2.
    pub fn into_bytes(self) -> Vec<u8> {
        self.input
    }

    /// The outcome; `None` before [`Progress::Request`].
    ///
    /// # Errors
    ///
    /// What came behind the header block in the same read may break a rule, too.
    pub fn finish(self) -> Option<Result<Opened, Fault>> {
        let mut replay = self.replay.to_bytes(&self.input, self.acknowledged > 0);
        let behind = replay.len();
        let rest = self.input.get(self.walked..).unwrap_or_default().to_vec();
        let own_due = self.own_due();
        let request = self.request?;
        let answerer = Answerer {
            own_due,
            acks_due: self.replay.settings() - self.acknowledged,
            stream: request.stream,
            end_stream: request.end_stream,
            grpc: block::is_grpc(&request.head),
        };
        let mut bridge = Bridge {
            to_backend: ToBackend::new(self.own_sent && !self.own_acknowledged, self.acknowledged > 0),
            to_client: ToClient::new(self.own_sent.then_some(self.own), self.acknowledged > 0),
            streams: Streams::new(answerer.first()),
        };
        if let Err(fault) = bridge.from_client(&rest, &mut replay) {
            return Some(Err(fault.on(request.stream)));
        }
        let sequel = Sequel {
            decoder: request.decoder,
            stream: request.stream,
            behind,
            continuation_frames: self.limits.count(Limit::ContinuationFrames),
            block_bytes: self.limits.count(Limit::HeaderBlockBytes),
        };
        Some(Ok(Opened { request: request.head, replay, bridge, answerer, sequel }))
    }

    /// Walks the next frame; `false` if it is not whole yet.
    fn walk_frame(&mut self) -> Result<bool, Fault> {
        let Some(head) = self.input.get(self.walked..).and_then(FrameHead::parse) else { return Ok(false) };
        if !self.head_checked {
            self.check_head(&head)?;
            self.head_checked = true;
        }
        let start = self.walked + HEAD_BYTES;
        let range = self.walked..start + head.length;
        let Some(payload) = self.input.get(start..range.end) else { return Ok(false) };
        match head.kind {
            kind::HEADERS => {
                let fragment = headers::fragment(&head, payload).map_err(protocol_error)?;
                within(fragment.len(), Limit::HeaderBlockBytes, self.limits)?;
                if head.has(flag::END_HEADERS) {
                    let end_stream = head.has(flag::END_STREAM);
                    let mut decoder = block::decoder(self.limits);
                    let request = block::decode(&mut decoder, fragment, head.stream, end_stream, self.limits)?;
                    self.request = Some(Request { head: request, decoder, stream: head.stream, end_stream });
                } else {
                    self.block = Some(Block::begin(&head, fragment));
                }
                self.keep(range, Role::Other);
            }
            kind::CONTINUATION => {
                if let Some(block) = &mut self.block {
                    block.continued(payload);
                    if head.has(flag::END_HEADERS) {
                        let (stream, end_stream) = (block.stream, block.end_stream);
                        let mut decoder = block::decoder(self.limits);
                        let request = block.decode(&mut decoder, self.limits)?;
                        self.request = Some(Request { head: request, decoder, stream, end_stream });
                    }
                }
                self.keep(range, Role::Other);
            }
            _ => {
                self.counts.frame(&head, payload, self.limits)?;
                self.other_frame(&head, range)?;
            }
        }
        Ok(true)
    }

    fn check_head(&mut self, head: &FrameHead) -> Result<(), Fault> {
        frame_size(head)?;
        if let Some(block) = &mut self.block {
            return block.head(head, self.limits);
        }
        if self.replay.is_empty() && (head.kind != kind::SETTINGS || head.has(flag::ACK)) {
            return Err(protocol("a preface without SETTINGS", "RFC 9113 section 3.4"));
        }
        Counts::head(head)
    }

    fn other_frame(&mut self, head: &FrameHead, range: Range<usize>) -> Result<(), Fault> {
        match head.kind {
            kind::SETTINGS if head.has(flag::ACK) => {
                if !self.own_sent || self.own_acknowledged {
                    return Err(protocol("an ACK of SETTINGS that nobody sent", "RFC 9113 section 6.5.3"));
                }
                self.own_acknowledged = true;
                self.skip(range);
            }
            kind::SETTINGS => {
                self.keep(range, Role::Settings);
                if self.replay.settings() > 1 {
                    // They may be replayed as one frame, which must not be larger than a strict backend accepts.
                    let entries = self.replay.merged_entries(&self.input);
                    within(entries, Limit::SettingsEntries, self.limits)?;
                }
            }
            // A stray answer is no error (RFC 9113 section 6.7), and no backend asked for it.
            kind::PING if head.has(flag::ACK) => self.skip(range),
            kind::PING => self.keep(range, Role::Ping),
            kind::GOAWAY => return Err(Fault::Goodbye),
            _ => self.keep(range, Role::Other),
        }
        Ok(())
    }

    fn keep(&mut self, range: Range<usize>, role: Role) {
        self.replay.keep(range.clone(), role);
        self.skip(range);
    }

    fn skip(&mut self, range: Range<usize>) {
        self.walked = range.end;
        self.head_checked = false;
    }

    fn is_in_block(&self) -> bool {
        self.open_stream() != 0
    }

    /// The stream whose header block has begun, 0 if none has. A number that a client cannot open names no stream.
    fn open_stream(&self) -> u32 {
        let begun =
            || self.input.get(self.walked..).and_then(FrameHead::parse).filter(|head| head.kind == kind::HEADERS);
        let stream = self.block.as_ref().map(|block| block.stream).or_else(|| begun().map(|head| head.stream));
        stream.filter(|stream| !stream.is_multiple_of(2)).unwrap_or(0)
    }

    /// Does what cannot wait for the backend, at the end of a batch of bytes that brought no request.
    ///
    /// A client that sends PING (keepalive) or further SETTINGS before its first request waits for the answers. With a
    /// request in the same batch they stay in the replay, and the backend answers: never both, since a second PING
    /// ACK is an error to some clients.
    fn settle(&mut self) {
        if self.is_in_block() {
            return;
        }
        if self.replay.has_ping() || self.replay.settings() > 1 {
            self.acknowledge();
        }
        self.replay.answer_pings(&self.input, &mut self.to_client);
    }

    /// Sends our own SETTINGS. A wrong guess is harmless: the ACK is swallowed later.
    fn speak(&mut self) {
        if !self.own_sent {
            own_settings::put_own(&mut self.to_client, &self.own);
            self.own_sent = true;
        }
    }

    /// Acknowledges every SETTINGS of the client so far. Always behind our own SETTINGS: a server's first frame must be
    /// SETTINGS (RFC 9113 section 3.4), and nghttp2, Netty and .NET insist.
    fn acknowledge(&mut self) {
        self.speak();
        for _ in self.acknowledged..self.replay.settings() {
            own_settings::put_ack(&mut self.to_client);
        }
        self.acknowledged = self.replay.settings();
    }
}

fn protocol_error(malformed: Malformed) -> Fault {
    Fault::Connection { code: ErrorCode::ProtocolError, malformed, stream: 0 }
}
