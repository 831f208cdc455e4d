//! Relaying: bytes both ways until both directions have ended.
//!
//! The hand-over is by value and one-way. Whoever set the connection up gives away both sockets, what the backend is to
//! get first, and an [`Owner`]; the relay finishes the connection by itself and tells the owner how it ended. A relay is
//! a thread beside its shard's front, so that setting up and relaying cannot starve each other.
//!
//! ```text
//!   front ── Flow ──► hand_over ──► thread ──► raw: pairs of sockets, copied or spliced
//!   (shard-N)         (a queue)     (relay-N)   │
//!                                               ▼
//!                                              io: io_uring or epoll
//! ```
//!
//! Two layers: `io` receives, waits, and owns the sockets, on either engine; `raw` decides what becomes of the bytes. A
//! relay keeps what a relay must keep: half-close stays half-close, a reset stays a reset, a slow receiver slows the
//! sender down, nothing is lost or reordered. An idle connection has no task, no buffer and no pipe. A watched one is
//! copied past its [`Watch`], which may have a word to say between two frames (`raw/pair/watched.rs`).

mod farewell;
mod hand_over;
mod io;
mod raw;
mod thread;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

pub use farewell::farewell;
pub use hand_over::{NotTaken, Relay};
pub use thread::{Parts, Relaying, THREAD_NAME, start};

use crate::bridge::{Answerer, Bridge, Refusal, Watch};
use crate::config::OnMismatch;
use crate::log::{Bytes, CloseReason, ConnectionId, RequestsSeen};
use crate::tap::queue::{Paused, Sample};
use crate::wire::head::RequestHead;

/// A connection that is set up.
#[derive(Debug)]
pub struct Flow<O> {
    /// The client's socket, nonblocking.
    pub client: OwnedFd,
    /// The backend's, nonblocking.
    pub backend: OwnedFd,
    /// What the backend gets before anything else.
    pub replay: Vec<u8>,
    /// How it may still begin; `None` for what has no request.
    pub handshake: Option<Handshake>,
    /// Who looks at the requests behind the first one; `None`: nobody does.
    pub watching: Option<Watching>,
    /// Time without a byte in either direction after which the connection ends.
    pub idle_timeout: Duration,
    /// Where copies of the bytes go, as the client sent and got them, if the connection is sampled.
    pub sample: Option<Paused>,
    /// Who is told of the end.
    pub owner: O,
}

/// The beginning of a connection with a request: the rest of an HTTP/2 handshake, and the means to answer should the
/// backend not do so.
#[derive(Debug)]
pub struct Handshake {
    /// Takes out of both directions what the other end must not see; `None` for HTTP/1, where that is nothing.
    pub bridge: Option<Bridge>,
    /// Answers the first request.
    pub answerer: Answerer,
}

impl Handshake {
    /// Whether the client has heard nothing of the backend, so that we may still answer in its place.
    fn is_answerable(&self) -> bool {
        self.bridge.as_ref().is_none_or(Bridge::is_answerable)
    }

    /// The answer in the backend's place. `last`: the last stream that it was sent, if not the newest.
    fn answer(&self, refusal: &Refusal, last: Option<u32>) -> Vec<u8> {
        match (&self.answerer, &self.bridge) {
            (Answerer::Http2(answerer), Some(bridge)) => bridge.answer(answerer, refusal, last),
            (answerer, _) => answerer.answer(refusal).whole(),
        }
    }
}

/// What a connection is watched for, and what is done about it.
#[derive(Debug)]
pub struct Watching {
    /// Looks at the requests.
    pub watch: Watch,
    /// The first request, by which the connection was routed.
    pub first: RequestHead,
    /// How many bytes of the replay it ends behind.
    pub behind: usize,
    /// The connection, in notices.
    pub id: ConnectionId,
    /// The listener's name, in notices.
    pub listener: Arc<str>,
    /// What is done about a request that belongs elsewhere, beside counting it.
    pub on_mismatch: OnMismatch,
    /// The age at which the client is asked to connect anew.
    pub max_age: Option<Duration>,
}

/// Whoever handed the connection over. It ends on the relay's thread.
pub trait Owner: Send + 'static {
    /// The connection has ended.
    fn ended(self, end: End);
}

/// How a connection ended.
#[derive(Debug)]
pub struct End {
    /// Why.
    pub reason: CloseReason,
    /// More about it, in words.
    pub detail: Option<String>,
    /// Bytes sent to the backend.
    pub to_backend: Bytes,
    /// Bytes sent to the client.
    pub to_client: Bytes,
    /// The requests of a watched connection.
    pub requests: Option<RequestsSeen>,
    /// The sample of the connection, which ends with it.
    pub sample: Option<Sample>,
}

/// Tries whether this process may have an io_uring, as a relay would set it up. A front asks for less.
///
/// # Errors
///
/// `EPERM` where a seccomp profile or `kernel.io_uring_disabled` refuses io_uring, `ENOSYS` on a kernel or in a sandbox
/// without it, `EINVAL` on a kernel that is too old, `ENOMEM` when the memory lock limit is too low, `EAGAIN` if no thread
/// can be started.
pub fn probe_io_uring() -> std::io::Result<()> {
    io::Ring::probe()
}

/// A relay that takes nothing over as long as the second value lives: its queue has `places`.
#[cfg(test)]
pub(crate) fn at_a_standstill<O: Owner>(places: usize) -> std::io::Result<(Relay<O>, impl Sized)> {
    hand_over::queue(places)
}
