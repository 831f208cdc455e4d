//! Sockets driven by completions, on io_uring or on epoll: the lower layer of the relay.
//!
//! ```text
//!   above    what to do with bytes: two sockets a connection, half-closes, time-outs, splice(2)
//!              │ receive, await_..., remove              ▲ Received, Ended, Writable, ...
//!              │                       send(2), splice(2) on the borrowed descriptor
//!   io       ──▼──────────────────────────┼──────────────┴─────────────────────────────────────
//!              slots: which sockets there are, and what the kernel still holds of each
//!              Ring: multishot receives, polls           Epoll: edges, a list of who is ready
//!   kernel   ─────────────────────────────▼────────────────────────────────────────────────────
//! ```
//!
//! An [`Io`] receives, waits, and owns the sockets. Both engines behave alike and pass the same tests. The loop of a user:
//!
//! ```text
//!   while let Some(event) = io.next() { handle it, release its chunk }
//!   wake.fall_asleep();  look into the queue;  io.wait(until the next timer);  wake.wake_up();
//! ```
//!
//! **Sends are not submitted.** The user calls send(2) or splice(2) at once and asks for [`Event::Writable`] if the kernel
//! takes no more. So nothing that is to be sent is ever in the kernel's hands, a connection can be given up at any moment,
//! and no completion of a send wakes the loop for nothing. Submitted sends were measured: they are no faster.
//!
//! **A chunk is given back before the next event.** What a receiver does not take at once the user copies, or it stops
//! receiving. So no buffer is ever held by a connection that is stuck, and the pool that all connections share cannot run
//! dry for the others.
//!
//! An engine never waits but in [`Io::wait`], never allocates for an event, reads no clock, and calls nobody back.

mod epoll;
mod ring;
mod slots;
mod token;
mod wake;

#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

pub(super) use epoll::Epoll;
pub(super) use ring::Ring;
pub(super) use token::Token;
pub(super) use wake::Wake;

/// What the user of an engine calls a socket; comes back with every event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(pub(super) u32);

/// Received bytes, as long as they are not given back: see [`Io::bytes`] and [`Io::release`].
///
/// Neither `Clone` nor `Copy`: whoever has it is the only one who may read the buffer or give it back.
#[derive(Debug)]
#[must_use = "a chunk that is not released is a buffer lost"]
pub(super) struct Chunk {
    buffer: u16,
    length: u32,
}

/// What happened to a socket.
#[derive(Debug)]
pub(super) enum Event {
    /// Bytes, at least one. To be given back with [`Io::release`] before the next call of [`Io::next`].
    Received(Tag, Chunk),
    /// The peer sends no more: FIN, behind its last byte. Receiving is over.
    Ended(Tag),
    /// Receiving has failed, mostly with `ECONNRESET`, and is over.
    Failed(Tag, io::Error),
    /// The answer to [`Io::stop_receiving`]: the kernel takes no further byte out of the socket.
    Stopped(Tag),
    /// The answer to [`Io::await_readable`].
    Readable(Tag),
    /// The answer to [`Io::await_writable`].
    Writable(Tag),
    /// The answer to [`Io::watch_break`]. It also comes in place of [`Event::Writable`] if the kernel has no room to watch
    /// the socket for that: the connection is then of no more use.
    Broken(Tag),
}

impl Event {
    /// Whose it is.
    pub(super) fn tag(&self) -> Tag {
        match self {
            Event::Received(tag, _)
            | Event::Ended(tag)
            | Event::Failed(tag, _)
            | Event::Stopped(tag)
            | Event::Readable(tag)
            | Event::Writable(tag)
            | Event::Broken(tag) => *tag,
        }
    }
}

/// Why [`Io::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// There may be events, or somebody called [`Wake::wake`].
    Events,
    /// Nothing happened: time is up, or, rarely, a signal came.
    TimedOut,
}

/// An engine. It belongs to the thread that made it.
///
/// Each order stands until it is answered; giving it again before changes nothing. With a token of a socket that is
/// removed, an order does nothing.
pub(super) trait Io: Sized {
    /// An engine without sockets; [`Wake::wake`] ends its waits.
    ///
    /// # Errors
    ///
    /// What the kernel says: `EMFILE` or `ENOMEM` if something runs out; `EPERM`, `ENOSYS` or `EINVAL` if it has no such
    /// engine or refuses it.
    fn new(wake: Arc<Wake>) -> io::Result<Self>;

    /// Takes over a stream socket, TCP or Unix, that is nonblocking.
    ///
    /// # Errors
    ///
    /// What the kernel says; the socket is closed then.
    fn add(&mut self, socket: OwnedFd, tag: Tag) -> io::Result<Token>;

    /// The descriptor, to send, to splice, to set options. It is not to be read from while the engine receives.
    ///
    /// # Panics
    ///
    /// If the socket has been removed.
    fn descriptor(&self, token: Token) -> BorrowedFd<'_>;

    /// Receives until [`Event::Ended`], [`Event::Failed`] or [`Event::Stopped`]. Not to be ordered between
    /// [`stop_receiving`](Io::stop_receiving) and its answer.
    fn receive(&mut self, token: Token);

    /// Stops receiving. [`Event::Received`] may still come before the answer, and [`Event::Ended`] or [`Event::Failed`] in
    /// place of it. Without effect, and so without an answer, if receiving is over.
    fn stop_receiving(&mut self, token: Token);

    /// Finds out whether something waits on a socket that is being received from and of which nothing was heard for a
    /// while, and receives it then. It costs a system call; without it a reset might never be noticed.
    fn look_again(&mut self, token: Token);

    /// Asks for one [`Event::Readable`]: as many bytes as `SO_RCVLOWAT` says, their end, or an error.
    fn await_readable(&mut self, token: Token);

    /// Asks for one [`Event::Writable`]: room to send, or an error. The peer's FIN alone is none of these.
    fn await_writable(&mut self, token: Token);

    /// Asks for one [`Event::Broken`]: a reset, an error, or the end of both directions. The peer's FIN alone is no break.
    /// For a socket that is not being received from; receiving tells the same, in order.
    fn watch_break(&mut self, token: Token);

    /// Gives the socket up: no event of it comes any more. It is closed as soon as the kernel owns nothing of it, during
    /// the next waits at the latest, and not before: a descriptor that is reused while an operation on it is still to be
    /// submitted or cancelled would be somebody else's.
    fn remove(&mut self, token: Token);

    /// Hands what was ordered to the kernel and waits for events. To be called when [`next`](Io::next) gave `None`.
    ///
    /// # Errors
    ///
    /// Only what makes the engine unusable.
    fn wait(&mut self, at_most: Option<Duration>) -> io::Result<Waited>;

    /// The next event. `None` sooner or later, however busy the sockets are.
    fn next(&mut self) -> Option<Event>;

    /// What was received.
    fn bytes(&self, chunk: &Chunk) -> &[u8];

    /// Gives the buffer of a chunk back.
    fn release(&mut self, chunk: Chunk);

    /// Sockets that are not closed yet, removed ones included.
    fn open(&self) -> usize;

    /// Completions that came for a socket whose slot was free or another's already. They are harmless.
    #[cfg(test)]
    fn stale(&self) -> u64;
}
