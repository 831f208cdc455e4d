//! Inspect: what the connection speaks, and for HTTP its first request.
//!
//! Bytes are consumed here, not peeked at: consuming cannot spin, has no limit in the kernel, and the copy is of a few
//! hundred bytes. This file is HTTP/2, whose rules are the bridge's and which everything begins as, and the choice of
//! what else it is: `behind_first_bytes` hands over to whoever reads the protocol further.

mod http1;
mod read;
mod tls;

use std::time::Duration;

use tokio::time::Instant;

use super::close::{Close, Record};
use crate::bridge::{Answerer, Fault, Nudge, Opened, Opening, Phase, Progress, goaway};
use crate::config::{Detect, Listener, OwnSettings};
use crate::limits::{Limit, Limits};
use crate::log::{Cause, CloseReason, Side, Summary};
use crate::route::Protocol;
use crate::sys::socket::Socket;
use crate::wire::first_bytes::FirstBytes;
use crate::wire::head::RequestHead;
use http1::Asked;
use read::{Read, read};
use tls::Tls;

/// What inspection found.
#[derive(Debug)]
pub(super) enum Inspected {
    /// HTTP/2 with prior knowledge, up to its first request.
    Http2(Box<Opened>),
    /// HTTP/1, up to the end of its first request's head.
    Http1(Box<Asked>),
    /// TLS, up to its ClientHello.
    Tls(Box<Tls>),
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
            Inspected::Http1(_) => Protocol::Http1,
            Inspected::Tls(_) => Protocol::Tls,
            Inspected::Other { protocol, .. } => *protocol,
        }
    }

    /// The first request, if it has one.
    pub(super) fn request(&self) -> Option<&RequestHead> {
        match self {
            Inspected::Http2(opened) => Some(&opened.request),
            Inspected::Http1(asked) => Some(&asked.request),
            Inspected::Tls(_) | Inspected::Other { .. } => None,
        }
    }

    /// Who answers it in a backend's place.
    pub(super) fn answerer(&self) -> Option<Answerer> {
        match self {
            Inspected::Http2(opened) => Some(Answerer::Http2(opened.answerer)),
            Inspected::Http1(asked) => Some(Answerer::Http1(asked.answerer)),
            Inspected::Tls(_) | Inspected::Other { .. } => None,
        }
    }
}

/// Reads until it is known what the connection speaks and, for HTTP, what it asks for first.
pub(super) async fn inspect(
    client: &Socket,
    listener: &Listener,
    limits: &Limits,
    record: &mut Record,
) -> Result<Inspected, Close> {
    if listener.detect == Detect::None {
        return Ok(other(record, Protocol::Opaque, Vec::new()));
    }
    let mut opening = Opening::new(listener.settings, limits);
    let mut patience = Patience::new(limits);
    loop {
        let step = read(client, record, |bytes| opening.received(bytes));
        let words = opening.take_output();
        if !words.is_empty() {
            record.said(&words);
            patience.limit(client.send_all(&words), &opening).await?.map_err(|error| failed_at(&error, &opening))?;
        }
        match step {
            Read::Bytes(Ok(Progress::Request)) => return finish(opening, record),
            Read::Bytes(Ok(Progress::Other(first))) => {
                return behind_first_bytes(first, client, listener, limits, record, opening.into_bytes()).await;
            }
            Read::Bytes(Ok(Progress::More)) => {}
            Read::Empty => match patience.wait(client, &opening, record.draining()).await {
                Waited::Bytes(outcome) => outcome.map_err(|error| failed_at(&error, &opening))?,
                Waited::Quiet => {
                    opening.nudged();
                }
                Waited::Drain => {
                    return Err(Close::answered(CloseReason::proxy(Cause::Shutdown), opening.give_up())
                        .because("no request when the proxy began to drain"));
                }
                // A server that speaks first gets its turn: no byte, or too few to tell, is an answer in the end.
                Waited::Late(Phase::Preface) if opening.is_slow_preface() => {
                    return Err(too_late(Phase::Preface, limits, Close::silent));
                }
                Waited::Late(Phase::Preface) if !opening.is_http2() => {
                    return Ok(other(record, Protocol::Opaque, opening.into_bytes()));
                }
                Waited::Late(phase) => {
                    return Err(too_late(phase, limits, |reason| Close::answered(reason, opening.give_up())));
                }
            },
            // A word and the end of it, from a client that still listens (`printf x | nc`): too short to tell, and over.
            Read::End if opening.is_begun() && !opening.is_http2() && !opening.is_slow_preface() => {
                return Ok(other(record, Protocol::Opaque, opening.into_bytes()));
            }
            Read::End => return Err(ended(&opening)),
            Read::Failed(error) => return Err(failed_at(&error, &opening)),
            Read::Bytes(Err(fault)) => return Err(faulty(fault, &opening)),
        }
    }
}

/// Goes on with what the first bytes say it is, if not HTTP/2.
async fn behind_first_bytes(
    first: FirstBytes,
    client: &Socket,
    listener: &Listener,
    limits: &Limits,
    record: &mut Record,
    bytes: Vec<u8>,
) -> Result<Inspected, Close> {
    match first {
        FirstBytes::Http1 => http1::inspect(client, listener, limits, record, bytes).await,
        FirstBytes::Tls => tls::inspect(client, limits, &bytes, record).await,
        FirstBytes::Http2 | FirstBytes::Opaque => Ok(other(record, Protocol::Opaque, bytes)),
    }
}

fn finish(opening: Opening<'_>, record: &mut Record) -> Result<Inspected, Close> {
    let own_due = opening.own_due();
    match opening.finish() {
        Some(Ok(opened)) => {
            let summary = record.summary();
            summary.protocol = Some(Protocol::H2c);
            summary.path = opened.request.value(b":path").map(Summary::text);
            let authority = opened.request.value(b":authority").or_else(|| opened.request.value(b"host"));
            summary.authority = authority.map(Summary::text);
            Ok(Inspected::Http2(Box::new(opened)))
        }
        Some(Err(fault)) => Err(of_fault(fault, own_due)),
        None => Err(Close::silent(CloseReason::client(Cause::Malformed))),
    }
}

fn other(record: &mut Record, protocol: Protocol, bytes: Vec<u8>) -> Inspected {
    record.summary().protocol = Some(protocol);
    Inspected::Other { protocol, bytes }
}

/// The deadlines of an opening: a hard one for each phase, and a soft one for what the client may be waiting for.
struct Patience<'a> {
    limits: &'a Limits,
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
    /// The proxy drains, and the client has no request under way.
    Drain,
}

impl<'a> Patience<'a> {
    fn new(limits: &'a Limits) -> Patience<'a> {
        let now = Instant::now();
        Patience { limits, phase: (Phase::Preface, now), nudge: (None, now) }
    }

    /// When the phase ends. The clock of a phase starts when it is first waited for.
    fn deadline(&mut self, opening: &Opening<'_>) -> Instant {
        let phase = opening.phase();
        if phase != self.phase.0 {
            self.phase = (phase, Instant::now());
        }
        self.phase.1 + self.limits.time(phase.limit())
    }

    fn quiet(&mut self, opening: &Opening<'_>) -> Option<Instant> {
        let nudge = opening.nudge();
        if nudge != self.nudge.0 {
            self.nudge = (nudge, Instant::now());
        }
        nudge.map(|nudge| self.nudge.1 + nudge.after())
    }

    async fn wait(&mut self, client: &Socket, opening: &Opening<'_>, draining: impl Future<Output = ()>) -> Waited {
        let deadline = self.deadline(opening);
        let quiet = self.quiet(opening);
        let first = quiet.map_or(deadline, |quiet| quiet.min(deadline));
        let outcome = tokio::select! {
            biased;
            outcome = tokio::time::timeout_at(first, client.readable()) => outcome,
            () = draining, if opening.phase() == Phase::Idle => return Waited::Drain,
        };
        match outcome {
            Ok(outcome) => Waited::Bytes(outcome),
            Err(_elapsed) if first < deadline => Waited::Quiet,
            Err(_elapsed) => Waited::Late(opening.phase()),
        }
    }

    /// Bounds a send by the phase's deadline: who does not read our answers is not read either.
    async fn limit<T>(&mut self, future: impl Future<Output = T>, opening: &Opening<'_>) -> Result<T, Close> {
        tokio::time::timeout_at(self.deadline(opening) + SEND_GRACE, future)
            .await
            .map_err(|_elapsed| too_late(opening.phase(), self.limits, Close::silent))
    }
}

/// The phase's clock may be over just when something is to be sent.
const SEND_GRACE: Duration = Duration::from_secs(1);

fn faulty(fault: Fault, opening: &Opening<'_>) -> Close {
    // A malformed preface has no protocol to answer in.
    if opening.is_http2() { of_fault(fault, opening.own_due()) } else { silent_fault(&fault) }
}

fn of_fault(fault: Fault, own_due: Option<OwnSettings>) -> Close {
    explained(&fault, Close::answered(CloseReason::client(cause(&fault)), goaway(&fault, own_due)))
}

fn silent_fault(fault: &Fault) -> Close {
    explained(fault, Close::silent(CloseReason::client(cause(fault))))
}

fn explained(fault: &Fault, close: Close) -> Close {
    let close = close.of_limit(fault.limit());
    match fault.rule() {
        Some(rule) => close.because(rule),
        None => close,
    }
}

fn cause(fault: &Fault) -> Cause {
    match fault {
        // A size that no peer may send (RFC 9113 section 4.2).
        Fault::Limit { limit: Limit::FramePayloadBytes, .. } => Cause::Malformed,
        Fault::Limit { .. } | Fault::HeadersTooLarge { .. } => Cause::Limit,
        Fault::Connection { .. } | Fault::Request { .. } => Cause::Malformed,
        Fault::Goodbye => Cause::Finished,
    }
}

fn too_late(phase: Phase, limits: &Limits, close: impl FnOnce(CloseReason) -> Close) -> Close {
    let limit = phase.limit();
    close(CloseReason::client(Cause::OpeningTimeout)).at(limit, limits)
}

fn ended(opening: &Opening<'_>) -> Close {
    match opening.phase() {
        // An idle channel that closes has done nothing wrong.
        Phase::Idle => Close::silent(CloseReason::client(Cause::Finished)),
        Phase::Preface if !opening.is_begun() => Close::silent(CloseReason::client(Cause::Probe)),
        Phase::Preface | Phase::Block => ended_early(),
    }
}

/// The client has left before its first request was whole.
fn ended_early() -> Close {
    Close::silent(CloseReason::client(Cause::Truncated))
}

fn failed_at(error: &std::io::Error, opening: &Opening<'_>) -> Close {
    if !opening.is_begun() && CloseReason::of_error(Side::Client, error).cause == Cause::Reset {
        // Some balancers end their probes so: it costs them no TIME_WAIT.
        return Close::silent(CloseReason::client(Cause::Probe));
    }
    failed(error)
}

fn failed(error: &std::io::Error) -> Close {
    let close = CloseReason::of_error(Side::Client, error);
    let silent = Close::silent(close);
    if close.cause == Cause::Reset { silent } else { silent.because(error) }
}
