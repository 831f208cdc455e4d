//! The engine on `io_uring`.
//!
//! Receives are multishot: submitted once, and completed whenever bytes arrive, each time with a buffer of the pool
//! (`buffers.rs`). A message costs one completion and no system call of its own. Waiting is `IORING_OP_POLL_ADD`, and
//! behind a FIN an epoll instance (`watch.rs`). The queues are `queues.rs`, what is known of a socket `socket.rs`.
//!
//! A multishot receive ends when buffers or places for completions run out, and is begun anew at the next wait; nothing is
//! lost, the bytes stay in the socket. Stopping one is a cancellation, which comes back as the receive's last completion;
//! up to 32 buffers may come before it, as many as the kernel fills before it looks up.
//!
//! A multishot receive that has emptied the socket waits for the next wake-up, and takes several that came meanwhile for
//! one. If bytes and a reset came together it may sleep although the reset is there, and nothing will ever wake it; some
//! kernels lose the end of a Unix socket in that way, too. So a socket that has fallen silent is looked at again.
//!
//! The slot of a socket counts what the kernel owns. A removed socket is cancelled, its completions are swallowed, and
//! with the last of them it is closed. A poll in the kernel holds the socket, so closing it earlier would send no FIN.

mod buffers;
mod probe;
mod queues;
mod socket;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};

use self::buffers::Buffers;
use self::queues::{Completion, Queues, Wait};
use self::socket::{Receiving, Socket, interest};
use self::watch::Watch;
use super::slots::Slots;
use super::token::{Kind, Token};
use super::{Chunk, Event, Io, Tag, Waited, Wake};

/// An `io_uring` with its buffers and its sockets.
pub(in crate::relay) struct Ring {
    /// First, so that the ring is closed before the buffers are freed and the sockets are closed.
    queues: Queues,
    buffers: Buffers,
    sockets: Slots<Socket>,
    /// Answers that are no completions themselves.
    answers: VecDeque<(Token, Answer)>,
    /// Receives to begin anew.
    interrupted: Vec<Token>,
    /// One of them found no buffer.
    is_short_of_buffers: bool,
    wake: Arc<Wake>,
    is_wake_polled: bool,
    watch: Watch,
    is_watch_polled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Stopped,
    Writable,
    Broken,
}

impl Io for Ring {
    fn new(wake: Arc<Wake>) -> io::Result<Ring> {
        let queues = Queues::new()?;
        let buffers = Buffers::register(&queues.submitter())?;
        Ok(Ring {
            queues,
            buffers,
            sockets: Slots::new(),
            answers: VecDeque::new(),
            interrupted: Vec::new(),
            is_short_of_buffers: false,
            wake,
            is_wake_polled: false,
            watch: Watch::new()?,
            is_watch_polled: false,
        })
    }

    fn add(&mut self, socket: OwnedFd, tag: Tag) -> io::Result<Token> {
        Ok(self.sockets.insert(Socket::new(socket, tag)))
    }

    #[expect(clippy::expect_used, reason = "a token is valid until its owner gives it back")]
    fn descriptor(&self, token: Token) -> BorrowedFd<'_> {
        self.sockets.find(token).expect("the socket is not removed").descriptor.as_fd()
    }

    fn receive(&mut self, token: Token) {
        let Some(socket) = present(&mut self.sockets, token) else { return };
        debug_assert!(socket.receiving != Receiving::Stopping, "receive before the answer to stop_receiving");
        socket.receiving = Receiving::Yes;
        if socket.pending.begin(Kind::Receive) {
            self.queues.receive(socket.descriptor.as_fd(), token.with(Kind::Receive));
        }
    }

    fn stop_receiving(&mut self, token: Token) {
        let Some(socket) = present(&mut self.sockets, token) else { return };
        if socket.receiving != Receiving::Yes {
            return;
        }
        if socket.pending.has(Kind::Receive) {
            socket.receiving = Receiving::Stopping;
            self.queues.cancel(token.with(Kind::Receive), token.with(Kind::Cancel));
        } else {
            socket.receiving = Receiving::No;
            self.answers.push_back((token, Answer::Stopped));
        }
    }

    fn look_again(&mut self, token: Token) {
        let Some(socket) = present(&mut self.sockets, token) else { return };
        if socket.receiving != Receiving::Yes || !socket.pending.has(Kind::Receive) {
            return;
        }
        let mut descriptors = [PollFd::new(&socket.descriptor, PollFlags::IN)];
        if poll(&mut descriptors, Some(&Timespec::default())).is_ok_and(|ready| ready > 0) {
            // Cancelled without being told to stop: it is begun anew, and that looks at the socket first.
            self.queues.cancel(token.with(Kind::Receive), token.with(Kind::Cancel));
        }
    }

    fn await_readable(&mut self, token: Token) {
        self.poll(token, Kind::Readable);
    }

    fn await_writable(&mut self, token: Token) {
        self.poll(token, Kind::Writable);
    }

    fn watch_break(&mut self, token: Token) {
        self.poll(token, Kind::Break);
    }

    fn remove(&mut self, token: Token) {
        let Some(socket) = present(&mut self.sockets, token) else { return };
        socket.is_removed = true;
        if socket.watched.is_registered {
            self.watch.forget(socket.descriptor.as_fd());
        }
        for kind in socket.pending.kinds() {
            self.queues.cancel(token.with(kind), token.with(Kind::Cancel));
        }
        self.close_if_idle(token);
    }

    fn wait(&mut self, at_most: Option<Duration>) -> io::Result<Waited> {
        self.resume();
        let wait = match at_most {
            _ if self.has_events() => Wait::Not,
            Some(duration) => Wait::AtMost(duration),
            None => Wait::ForEver,
        };
        self.queues.enter(wait)?;
        // The kernel says that time is up only if nothing was submitted, so that is not asked.
        let timed_out = at_most.is_some() && !self.has_events();
        Ok(if timed_out { Waited::TimedOut } else { Waited::Events })
    }

    fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((token, answer)) = self.answers.pop_front() {
                if let Some(socket) = present(&mut self.sockets, token) {
                    return Some(answer.of(socket.tag));
                }
            } else {
                let completion = self.queues.pop()?;
                if let Some(event) = self.complete(completion) {
                    return Some(event);
                }
            }
        }
    }

    fn bytes(&self, chunk: &Chunk) -> &[u8] {
        self.buffers.bytes(chunk)
    }

    fn release(&mut self, chunk: Chunk) {
        self.buffers.release(chunk);
    }

    fn open(&self) -> usize {
        self.sockets.taken()
    }

    #[cfg(test)]
    fn stale(&self) -> u64 {
        self.sockets.stale()
    }
}

impl Ring {
    fn has_events(&mut self) -> bool {
        !self.answers.is_empty() || self.queues.has_completions()
    }

    /// Submits again what has ended and should go on.
    fn resume(&mut self) {
        if std::mem::take(&mut self.is_short_of_buffers) {
            self.buffers.grow();
        }
        while let Some(token) = self.interrupted.pop() {
            if let Some(socket) = present(&mut self.sockets, token)
                && socket.receiving == Receiving::Yes
                && socket.pending.begin(Kind::Receive)
            {
                self.queues.receive(socket.descriptor.as_fd(), token.with(Kind::Receive));
            }
        }
        if !self.is_wake_polled {
            self.is_wake_polled = true;
            self.queues.poll(self.wake.as_fd(), PollFlags::IN, Token::NONE.with(Kind::Wake));
        }
        if !self.is_watch_polled {
            self.is_watch_polled = true;
            self.queues.poll(self.watch.as_fd(), PollFlags::IN, Token::NONE.with(Kind::Watch));
        }
    }

    fn poll(&mut self, token: Token, kind: Kind) {
        let Some(socket) = present(&mut self.sockets, token) else { return };
        if socket.pending.has(kind) {
            return;
        }
        if socket.is_half_closed && kind != Kind::Readable {
            self.watch(token, kind);
        } else {
            socket.pending.begin(kind);
            self.queues.poll(socket.descriptor.as_fd(), interest(kind), token.with(kind));
        }
    }

    /// Waits by epoll for what the ring cannot wait for behind a FIN.
    fn watch(&mut self, token: Token, kind: Kind) {
        let Some(socket) = present(&mut self.sockets, token) else { return };
        let mut watched = socket.watched;
        watched.writable |= kind == Kind::Writable;
        watched.broken |= kind == Kind::Break;
        match self.watch.arm(socket.descriptor.as_fd(), token, watched) {
            Ok(watched) => socket.watched = watched,
            // A connection that cannot be watched is of no use; telling it to try again would spin.
            Err(_) => self.answers.push_back((token, Answer::Broken)),
        }
    }

    /// What a completion means to the user, if anything.
    fn complete(&mut self, completion: Completion) -> Option<Event> {
        let (kind, token) = Token::parse(completion.user_data)?;
        match kind {
            Kind::Receive => return self.received(token, completion),
            Kind::Readable | Kind::Writable | Kind::Break => return self.polled(token, kind, completion.result),
            // There was nothing to cancel: the last completion was on its way already. Only counted.
            Kind::Cancel => {
                self.sockets.completed(token);
            }
            Kind::Wake => {
                self.is_wake_polled = false;
                self.wake.reset();
            }
            Kind::Watch => {
                self.is_watch_polled = false;
                self.take_watched();
            }
        }
        None
    }

    fn received(&mut self, token: Token, completion: Completion) -> Option<Event> {
        let Completion { result, is_last, .. } = completion;
        let chunk = completion.chunk();
        let socket = self.sockets.completed(token);
        let Some(socket) = socket else {
            self.discard(chunk);
            return None;
        };
        if is_last {
            socket.pending.end(Kind::Receive);
        }
        if socket.is_removed {
            self.discard(chunk);
            self.close_if_idle(token);
            return None;
        }
        let tag = socket.tag;
        match (result, chunk) {
            (1.., Some(chunk)) => {
                if is_last && self.interrupted(token) {
                    // Behind the bytes.
                    self.answers.push_back((token, Answer::Stopped));
                }
                Some(Event::Received(tag, chunk))
            }
            (INTERRUPTED_BY_SHORTAGE | INTERRUPTED_BY_CANCELLATION | INTERRUPTED_BY_SIGNAL, _) => {
                self.is_short_of_buffers |= result == INTERRUPTED_BY_SHORTAGE;
                self.interrupted(token).then_some(Event::Stopped(tag))
            }
            (result, chunk) => {
                socket.receiving = Receiving::No;
                socket.is_half_closed |= result == 0;
                self.discard(chunk);
                let error = || Event::Failed(tag, io::Error::from_raw_os_error(result.saturating_neg()));
                Some(if result == 0 { Event::Ended(tag) } else { error() })
            }
        }
    }

    /// A receive has ended by itself or was stopped; true if it was to be.
    fn interrupted(&mut self, token: Token) -> bool {
        let Some(socket) = present(&mut self.sockets, token) else { return false };
        match socket.receiving {
            Receiving::Yes => self.interrupted.push(token),
            Receiving::Stopping => {
                socket.receiving = Receiving::No;
                return true;
            }
            Receiving::No => {}
        }
        false
    }

    fn polled(&mut self, token: Token, kind: Kind, result: i32) -> Option<Event> {
        let socket = self.sockets.completed(token)?;
        socket.pending.end(kind);
        if socket.is_removed {
            self.close_if_idle(token);
            return None;
        }
        let tag = socket.tag;
        if !is_met(kind, result) {
            socket.is_half_closed = true;
            self.watch(token, kind);
            return None;
        }
        match kind {
            Kind::Readable => Some(Event::Readable(tag)),
            Kind::Writable => Some(Event::Writable(tag)),
            Kind::Break => Some(Event::Broken(tag)),
            Kind::Receive | Kind::Cancel | Kind::Wake | Kind::Watch => None,
        }
    }

    /// Asks the epoll instance what has happened, and has it go on with what has not.
    fn take_watched(&mut self) {
        while let Some((token, events)) = self.watch.next_ready() {
            let Some(socket) = present(&mut self.sockets, token) else { continue };
            let is_broken = events.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP);
            let mut watched = socket.watched;
            if watched.writable && (is_broken || events.contains(epoll::EventFlags::OUT)) {
                watched.writable = false;
                self.answers.push_back((token, Answer::Writable));
            }
            if watched.broken && is_broken {
                watched.broken = false;
                self.answers.push_back((token, Answer::Broken));
            }
            socket.watched = watched;
            if watched.writable || watched.broken {
                // What is wanted already, so any kind will do that is.
                self.watch(token, if watched.writable { Kind::Writable } else { Kind::Break });
            }
        }
    }

    fn discard(&mut self, chunk: Option<Chunk>) {
        if let Some(chunk) = chunk {
            self.buffers.release(chunk);
        }
    }

    fn close_if_idle(&mut self, token: Token) {
        if self.sockets.find(token).is_some_and(|socket| socket.is_removed && socket.pending.is_empty()) {
            drop(self.sockets.remove(token));
        }
    }
}

impl Answer {
    fn of(self, tag: Tag) -> Event {
        match self {
            Answer::Stopped => Event::Stopped(tag),
            Answer::Writable => Event::Writable(tag),
            Answer::Broken => Event::Broken(tag),
        }
    }
}

/// The socket of a token, unless it is given up.
fn present(sockets: &mut Slots<Socket>, token: Token) -> Option<&mut Socket> {
    sockets.find_mut(token).filter(|socket| !socket.is_removed)
}

/// Whether the outcome of a poll is what was waited for. The ring adds `POLLRDHUP` to the events of every poll.
fn is_met(kind: Kind, result: i32) -> bool {
    // A poll that failed counts as ready: what is done next tells the error.
    let Ok(events) = u16::try_from(result) else { return true };
    let wanted = interest(kind) | PollFlags::ERR | PollFlags::HUP;
    kind == Kind::Readable || PollFlags::from_bits_retain(events).intersects(wanted)
}

/// A receive that found no buffer.
const INTERRUPTED_BY_SHORTAGE: i32 = -libc::ENOBUFS;
/// A receive that was stopped.
const INTERRUPTED_BY_CANCELLATION: i32 = -libc::ECANCELED;
/// A receive that a signal came across.
const INTERRUPTED_BY_SIGNAL: i32 = -libc::EINTR;
