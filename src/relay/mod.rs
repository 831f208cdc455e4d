//! Relaying: bytes both ways until both directions have ended.
//!
//! The hand-over is by value and one-way. Whoever set the connection up gives away both sockets, what the backend is to
//! get first, and an [`Owner`]; the relay finishes the connection by itself and tells the owner how it ended. So the
//! engine behind [`start`] can be replaced, and set-up and relaying need not share a thread.
//!
//! This engine is the simple one: two pumps a connection in one task, waiting for readiness on the shard's runtime. It holds
//! no buffer while idle. It keeps what a relay must keep: half-close stays half-close, a reset stays a reset, a slow
//! receiver slows the sender down, nothing is lost or reordered.

mod activity;
mod farewell;
mod pump;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

pub use farewell::farewell;

use crate::bridge::{Answerer, Bridge, Refusal};
use crate::limits;
use crate::log::{Bytes, Cause, CloseReason, Side};
use crate::sys::runtime;
use crate::sys::socket::Socket;
use crate::tap::event::Direction;
use crate::tap::queue::Sample;
use activity::Activity;
use pump::{Broken, Outcome, Pump};

/// A connection that is set up.
#[derive(Debug)]
pub struct Flow<O> {
    /// The client's socket.
    pub client: Socket,
    /// The backend's socket.
    pub backend: Socket,
    /// What the backend gets before anything else.
    pub replay: Vec<u8>,
    /// What is left of the HTTP/2 handshake; `None` for everything that is not HTTP/2.
    pub handshake: Option<Handshake>,
    /// Time without a byte in either direction after which the connection ends.
    pub idle_timeout: Duration,
    /// Ends the connection when it is notified.
    pub stop: Rc<Notify>,
    /// Where copies of the bytes go, as the client sent and got them, if the connection is sampled.
    pub sample: Option<Rc<Sample>>,
    /// Who is told of the end.
    pub owner: O,
}

/// The rest of an HTTP/2 handshake, and the means to answer should the backend not do so.
#[derive(Debug)]
pub struct Handshake {
    /// Takes out of both directions what the other end must not see.
    pub bridge: Bridge,
    /// Answers the first request.
    pub answerer: Answerer,
}

/// Whoever handed the connection over.
pub trait Owner: 'static {
    /// The connection has ended.
    fn ended(self, end: End);
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub reason: CloseReason,
    /// More about it, in words.
    pub detail: Option<String>,
    /// Bytes sent to the backend.
    pub to_backend: Bytes,
    /// Bytes sent to the client.
    pub to_client: Bytes,
}

/// Takes a connection over; returns at once.
pub fn start<O: Owner>(flow: Flow<O>) {
    runtime::spawn(run(flow));
}

async fn run<O: Owner>(flow: Flow<O>) {
    let Flow { client, backend, replay, handshake, idle_timeout, stop, sample, owner } = flow;
    let (answerer, bridge) = match handshake {
        Some(handshake) => (Some(handshake.answerer), Some(handshake.bridge)),
        None => (None, None),
    };
    let relay = Relay {
        client: &client,
        backend: &backend,
        bridge: RefCell::new(bridge),
        released: RefCell::new(Vec::new()),
        release: Notify::new(),
        reset_by: Cell::new(None),
        activity: Activity::default(),
        sample: sample.as_deref(),
    };
    let up = Pump::new(Side::Client, replay);
    let down = Pump::new(Side::Backend, Vec::new());
    let Finish { reason, detail, how } = relay.both_ways(&up, &down, idle_timeout, &stop).await;
    let mut to_client = down.sent();
    match (how, answerer) {
        (How::Answer, Some(answerer)) => {
            drop(backend);
            let answer = answerer.answer(&unusable_backend(reason.cause));
            to_client += answer.len() as u64;
            if let Some(sample) = &sample {
                sample.copy(Direction::ToClient, &answer);
            }
            farewell(client, &answer).await;
        }
        (How::Reset, _) => {
            client.reset();
            backend.reset();
        }
        (How::Close | How::Answer, _) => {}
    }
    let bytes = |copied| Bytes { copied, spliced: 0 };
    owner.ended(End { reason, detail, to_backend: bytes(up.sent()), to_client: bytes(to_client) });
}

/// What the two directions share.
struct Relay<'a> {
    client: &'a Socket,
    backend: &'a Socket,
    /// Present until both directions are raw.
    bridge: RefCell<Option<Bridge>>,
    /// Bytes for the backend that a byte from the backend has set free.
    released: RefCell<Vec<u8>>,
    /// Tells the pump to the backend of them.
    release: Notify,
    /// Who has reset the connection, if sending found that out.
    reset_by: Cell<Option<Side>>,
    activity: Activity,
    sample: Option<&'a Sample>,
}

struct Finish {
    reason: CloseReason,
    detail: Option<String>,
    how: How,
}

enum How {
    /// Both sides have ended, or an end is all they need.
    Close,
    /// One side was reset, so the other is.
    Reset,
    /// The backend is of no use, and the client has heard nothing: it gets an answer.
    Answer,
}

impl Relay<'_> {
    /// Pumps both ways until both directions have ended or one broke.
    async fn both_ways(&self, up: &Pump, down: &Pump, idle_timeout: Duration, stop: &Notify) -> Finish {
        let mut upwards = std::pin::pin!(up.run(self));
        let mut downwards = std::pin::pin!(down.run(self));
        let (mut up_end, mut down_end) = (None, None);
        let mut first_to_end = None;
        loop {
            let timeout =
                if first_to_end.is_some() { idle_timeout.min(limits::HALF_CLOSED_TIMEOUT) } else { idle_timeout };
            tokio::select! {
                outcome = &mut upwards, if up_end.is_none() => up_end = Some(outcome),
                outcome = &mut downwards, if down_end.is_none() => down_end = Some(outcome),
                () = self.activity.idle(timeout) => return Finish::close(CloseReason::proxy(Cause::Idle)),
                () = stop.notified() => return Finish::close(CloseReason::proxy(Cause::Shutdown)),
            }
            if let Some(finish) = [&up_end, &down_end].into_iter().flatten().find_map(Outcome::at_once) {
                return finish;
            }
            first_to_end.get_or_insert(if up_end.is_some() { Side::Client } else { Side::Backend });
            match (&up_end, &down_end) {
                // The client has ended its side and takes no more, or the backend has: it closed both at once.
                (Some(Outcome::Ended), Some(Outcome::Unwelcome(_))) => return Finish::closed_by(Side::Client),
                (Some(Outcome::Unwelcome(_)), Some(Outcome::Ended)) => return Finish::closed_by(Side::Backend),
                (Some(Outcome::Unwelcome(broken)), Some(_)) => return Finish::reset(broken),
                (Some(Outcome::Ended), Some(Outcome::Ended)) => {
                    let side = first_to_end.unwrap_or(Side::Client);
                    return Finish::close(CloseReason { side, cause: Cause::Finished });
                }
                _ => {}
            }
        }
    }
}

impl Outcome {
    /// What ends the other direction, too, at once.
    fn at_once(&self) -> Option<Finish> {
        match self {
            Outcome::Ended | Outcome::Unwelcome(_) => None,
            Outcome::Broken(broken) => Some(Finish::reset(broken)),
            Outcome::Unusable(reason) => Some(Finish { reason: *reason, detail: None, how: How::Answer }),
            Outcome::Malformed(detail) => {
                let reason = CloseReason::client(Cause::Malformed);
                Some(Finish { reason, detail: Some(detail.clone()), how: How::Close })
            }
        }
    }
}

impl Finish {
    fn close(reason: CloseReason) -> Finish {
        Finish { reason, detail: None, how: How::Close }
    }

    /// What was still on its way to `side` is lost, and the other side is to know.
    fn closed_by(side: Side) -> Finish {
        Finish { reason: CloseReason { side, cause: Cause::Finished }, detail: None, how: How::Reset }
    }

    fn reset(broken: &Broken) -> Finish {
        Finish { reason: broken.reason, detail: broken.detail.clone(), how: How::Reset }
    }
}

/// The answer for a backend that was connected but gave none.
fn unusable_backend(cause: Cause) -> Refusal {
    let (proxy_error, message) = if cause == Cause::NotHttp2 {
        ("http_protocol_error", "the backend does not speak HTTP/2 without TLS")
    } else {
        ("connection_terminated", "the backend closed the connection without an answer")
    };
    Refusal { grpc_status: 14, http_status: 502, proxy_error, message: message.to_owned() }
}
