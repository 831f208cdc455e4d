//! Inspect: what the connection speaks, and for HTTP/2 its first request.
//!
//! Bytes are consumed here, not peeked at: consuming cannot spin, has no limit in the kernel, and the copy is of a few
//! hundred bytes. The protocol's rules are the bridge's; this file has the socket and the clock.

use std::cell::RefCell;
use std::time::Duration;

use tokio::time::Instant;

use super::close::{Close, Record};
use crate::bridge::{Fault, Nudge, Opened, Opening, Phase, Progress, goaway};
use crate::config::{Detect, Listener};
use crate::limits;
use crate::log::{Cause, CloseReason, Side, Summary};
use crate::route::Protocol;
use crate::sys::socket::Socket;
use crate::tap::event::Direction;
use crate::wire::first_bytes::FirstBytes;
use crate::wire::frame::ErrorCode;

/// What inspection found.
#[derive(Debug)]
pub(super) enum Inspected {
    /// HTTP/2 with prior knowledge, up to its first request.
    Http2(Box<Opened>),
    /// Something else, with the bytes that told.
    Other {
        /// What it is.
        protocol: Protocol,
        /// What was consumed of it.
        bytes: Vec<u8>,
    },
}

impl Inspected {
    pub(super) fn protocol(&self) -> Protocol {
        match self {
            Inspected::Http2(_) => Protocol::H2c,
            Inspected::Other { protocol, .. } => *protocol,
        }
    }
}

/// Reads until it is known what the connection speaks and, for HTTP/2, what it asks for first.
pub(super) async fn inspect(client: &Socket, listener: &Listener, record: &mut Record) -> Result<Inspected, Close> {
    if listener.detect == Detect::None {
        return Ok(other(record, Protocol::Opaque, Vec::new()));
    }
    let mut opening = Opening::default();
    let mut patience = Patience::new();
    loop {
        let step = receive(client, &mut opening, record);
        let words = opening.take_output();
        if !words.is_empty() {
            record.said(&words);
            patience.limit(client.send_all(&words), &opening).await?.map_err(|error| failed(&error, &opening))?;
        }
        match step {
            Ok(Step::Progress(Progress::Request)) => return finish(opening, record),
            Ok(Step::Progress(Progress::Other(first))) => {
                return Ok(other(record, protocol(first), opening.into_bytes()));
            }
            Ok(Step::Progress(Progress::More)) => {}
            Ok(Step::Empty) => match patience.wait(client, &opening).await {
                Waited::Bytes(outcome) => outcome.map_err(|error| failed(&error, &opening))?,
                Waited::Quiet => {
                    opening.nudged();
                }
                // A server that speaks first gets its turn: no byte, or too few to tell, is an answer in the end.
                Waited::Late(Phase::Preface) if opening.is_slow_preface() => {
                    return Err(Close::silent(CloseReason::client(Cause::OpeningTimeout))
                        .because("a preface not complete within 5 s"));
                }
                Waited::Late(Phase::Preface) if !opening.is_http2() => {
                    return Ok(other(record, Protocol::Opaque, opening.into_bytes()));
                }
                Waited::Late(phase) => return Err(late(phase, &opening)),
            },
            // A word and the end of it, from a client that still listens (`printf x | nc`): too short to tell, and over.
            Ok(Step::End) if opening.is_begun() && !opening.is_http2() && !opening.is_slow_preface() => {
                return Ok(other(record, Protocol::Opaque, opening.into_bytes()));
            }
            Ok(Step::End) => return Err(ended(&opening)),
            Ok(Step::Failed(error)) => return Err(failed(&error, &opening)),
            Err(fault) => return Err(faulty(fault, &opening)),
        }
    }
}

enum Step {
    Progress(Progress),
    /// Nothing to read for now.
    Empty,
    End,
    Failed(std::io::Error),
}

/// Reads once.
fn receive(client: &Socket, opening: &mut Opening, record: &Record) -> Result<Step, Fault> {
    SCRATCH.with_borrow_mut(|scratch| match client.receive(scratch) {
        Ok(Some(0)) => Ok(Step::End),
        Ok(Some(received)) => {
            let bytes = scratch.get(..received).unwrap_or_default();
            record.copy(Direction::ToBackend, bytes);
            opening.received(bytes).map(Step::Progress)
        }
        Ok(None) => Ok(Step::Empty),
        Err(error) => Ok(Step::Failed(error)),
    })
}

fn finish(opening: Opening, record: &mut Record) -> Result<Inspected, Close> {
    let own_sent = opening.has_spoken();
    match opening.finish() {
        Some(Ok(opened)) => {
            let summary = record.summary();
            summary.protocol = Some(Protocol::H2c);
            summary.path = opened.request.value(b":path").map(Summary::text);
            let authority = opened.request.value(b":authority").or_else(|| opened.request.value(b"host"));
            summary.authority = authority.map(Summary::text);
            Ok(Inspected::Http2(Box::new(opened)))
        }
        Some(Err(fault)) => Err(of_fault(fault, own_sent)),
        None => Err(Close::silent(CloseReason::client(Cause::Malformed))),
    }
}

fn other(record: &mut Record, protocol: Protocol, bytes: Vec<u8>) -> Inspected {
    record.summary().protocol = Some(protocol);
    Inspected::Other { protocol, bytes }
}

fn protocol(first: FirstBytes) -> Protocol {
    match first {
        FirstBytes::Http2 => Protocol::H2c,
        FirstBytes::Http1 => Protocol::Http1,
        FirstBytes::Tls => Protocol::Tls,
        FirstBytes::Opaque => Protocol::Opaque,
    }
}

/// The deadlines of an opening: a hard one for each phase, and a soft one for what the client may be waiting for.
struct Patience {
    phase: (Phase, Instant),
    nudge: (Option<Nudge>, Instant),
}

enum Waited {
    /// Bytes, the end, or an error.
    Bytes(std::io::Result<()>),
    /// The client stayed quiet for as long as it takes to speak first.
    Quiet,
    /// The phase has lasted too long.
    Late(Phase),
}

impl Patience {
    fn new() -> Patience {
        let now = Instant::now();
        Patience { phase: (Phase::Preface, now), nudge: (None, now) }
    }

    /// When the phase ends. The clock of a phase starts when it is first waited for.
    fn deadline(&mut self, opening: &Opening) -> Instant {
        let phase = opening.phase();
        if phase != self.phase.0 {
            self.phase = (phase, Instant::now());
        }
        self.phase.1 + phase.limit()
    }

    fn quiet(&mut self, opening: &Opening) -> Option<Instant> {
        let nudge = opening.nudge();
        if nudge != self.nudge.0 {
            self.nudge = (nudge, Instant::now());
        }
        nudge.map(|nudge| self.nudge.1 + nudge.after())
    }

    async fn wait(&mut self, client: &Socket, opening: &Opening) -> Waited {
        let deadline = self.deadline(opening);
        let quiet = self.quiet(opening);
        let first = quiet.map_or(deadline, |quiet| quiet.min(deadline));
        match tokio::time::timeout_at(first, client.readable()).await {
            Ok(outcome) => Waited::Bytes(outcome),
            Err(_elapsed) if first < deadline => Waited::Quiet,
            Err(_elapsed) => Waited::Late(opening.phase()),
        }
    }

    /// Bounds a send by the phase's deadline: who does not read our answers is not read either.
    async fn limit<T>(&mut self, future: impl Future<Output = T>, opening: &Opening) -> Result<T, Close> {
        tokio::time::timeout_at(self.deadline(opening) + SEND_GRACE, future)
            .await
            .map_err(|_elapsed| Close::silent(CloseReason::client(Cause::OpeningTimeout)))
    }
}

/// The phase's clock may be over just when something is to be sent.
const SEND_GRACE: Duration = Duration::from_secs(1);

fn faulty(fault: Fault, opening: &Opening) -> Close {
    // A malformed preface has no protocol to answer in.
    if opening.is_http2() { of_fault(fault, opening.has_spoken()) } else { silent_fault(&fault) }
}

fn of_fault(fault: Fault, own_sent: bool) -> Close {
    explained(&fault, Close::answered(CloseReason::client(cause(&fault)), goaway(&fault, own_sent)))
}

fn silent_fault(fault: &Fault) -> Close {
    explained(fault, Close::silent(CloseReason::client(cause(fault))))
}

fn explained(fault: &Fault, close: Close) -> Close {
    match fault.rule() {
        Some(rule) => close.because(rule),
        None => close,
    }
}

fn cause(fault: &Fault) -> Cause {
    match fault {
        Fault::Connection { code: ErrorCode::EnhanceYourCalm, .. } | Fault::HeadersTooLarge { .. } => Cause::Limit,
        Fault::Connection { .. } | Fault::Request { .. } => Cause::Malformed,
        Fault::Goodbye => Cause::Finished,
    }
}

fn late(phase: Phase, opening: &Opening) -> Close {
    let what = match phase {
        Phase::Preface => "no SETTINGS behind the preface within 5 s",
        Phase::Idle => "no request within 60 s",
        Phase::Block => "a header block not complete within 5 s",
    };
    Close::answered(CloseReason::client(Cause::OpeningTimeout), opening.give_up()).because(what)
}

fn ended(opening: &Opening) -> Close {
    let cause = if opening.is_begun() { Cause::Truncated } else { Cause::Probe };
    // An idle channel that closes has done nothing wrong.
    let cause = if opening.phase() == Phase::Idle { Cause::Finished } else { cause };
    Close::silent(CloseReason::client(cause))
}

fn failed(error: &std::io::Error, opening: &Opening) -> Close {
    let close = CloseReason::of_error(Side::Client, error);
    match close.cause == Cause::Reset {
        // Some balancers end their probes so: it costs them no TIME_WAIT.
        true if !opening.is_begun() => Close::silent(CloseReason::client(Cause::Probe)),
        true => Close::silent(close),
        false => Close::silent(close).because(error),
    }
}

thread_local! {
    /// Bytes stand here between the read and the bridge's copy, without a wait between them.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; limits::OPENING_READ_BYTES].into_boxed_slice());
}
