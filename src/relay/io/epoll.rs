//! The engine on epoll, for hosts that refuse `io_uring`.
//!
//! Each socket is registered once, edge-triggered. What epoll says is remembered as readiness; what the user orders, as
//! wants. A socket of which both meet stands in one list, from which everyone gets one event in turn:
//!
//! ```text
//!   epoll_wait ──► readiness ─┐
//!                             ├─ both? ──► run list ──► one event ──► still both? to the end of the list
//!   user ────────► wants ─────┘
//! ```
//!
//! Everything is received into one buffer, as a chunk is given back before the next event. Readiness goes when recv(2)
//! finds the socket empty. To await something means that the user has met `EAGAIN`: what is remembered is forgotten, the
//! socket is looked at once by poll(2), and the next edge tells the rest. Looking comes after forgetting, so an edge in
//! between is not lost; and poll(2), as the edge, knows `SO_RCVLOWAT`.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, recv, sockopt};

use super::slots::Slots;
use super::token::{Kind, Token};
use super::{Chunk, Event, Io, Tag, Waited, Wake};
use crate::limits;

/// An epoll instance with its sockets.
pub(in crate::relay) struct Epoll {
    instance: OwnedFd,
    sockets: Slots<Socket>,
    /// Sockets with something to do, each once.
    run: VecDeque<Token>,
    /// Events until epoll is to be asked again.
    turn: usize,
    /// What the one chunk that there may be refers to.
    buffer: Box<[u8]>,
    happened: Vec<epoll::Event>,
    wake: Arc<Wake>,
}

/// A socket in a slot.
#[derive(Debug)]
struct Socket {
    descriptor: OwnedFd,
    tag: Tag,
    wanted: Wanted,
    ready: Ready,
    is_queued: bool,
}

/// What the user has ordered.
#[derive(Debug, Default)]
struct Wanted {
    bytes: bool,
    /// The answer to an order to stop.
    stopped: bool,
    readable: bool,
    writable: bool,
    broken: bool,
}

/// What is known of the socket.
#[derive(Debug, Default)]
struct Ready {
    readable: bool,
    writable: bool,
    broken: bool,
    /// A short read may leave something behind: FIN or an error, of which no further edge tells; what stands behind urgent
    /// data, or behind descriptors that come through a Unix socket.
    hides_more: bool,
}

impl Io for Epoll {
    fn new(wake: Arc<Wake>) -> io::Result<Epoll> {
        let instance = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&instance, &*wake, data(Token::NONE, Kind::Wake), EventFlags::IN)?;
        Ok(Epoll {
            instance,
            sockets: Slots::new(),
            run: VecDeque::new(),
            turn: 0,
            buffer: vec![0; limits::EPOLL_BUFFER_BYTES].into_boxed_slice(),
            happened: Vec::with_capacity(limits::EPOLL_EVENTS),
            wake,
        })
    }

    fn add(&mut self, socket: OwnedFd, tag: Tag) -> io::Result<Token> {
        let hides_more = sockopt::socket_domain(&socket)? == AddressFamily::UNIX;
        let ready = Ready { hides_more, ..Ready::default() };
        let socket = Socket { descriptor: socket, tag, wanted: Wanted::default(), ready, is_queued: false };
        let token = self.sockets.insert(socket);
        let events = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::PRI | EventFlags::ET;
        // Receive stands for everything here.
        match epoll::add(&self.instance, self.descriptor(token), data(token, Kind::Receive), events) {
            Ok(()) => Ok(token),
            Err(error) => {
                drop(self.sockets.remove(token));
                Err(error.into())
            }
        }
    }

    #[expect(clippy::expect_used, reason = "a token is valid until its owner gives it back")]
    fn descriptor(&self, token: Token) -> BorrowedFd<'_> {
        self.sockets.find(token).expect("the socket is not removed").descriptor.as_fd()
    }

    fn receive(&mut self, token: Token) {
        self.order(token, |socket| {
            socket.wanted.bytes = true;
            // Tried at once: others may have read from the socket meanwhile, so what is remembered says nothing.
            socket.ready.readable = true;
        });
    }

    fn stop_receiving(&mut self, token: Token) {
        self.order(token, |socket| {
            socket.wanted.stopped |= socket.wanted.bytes;
            socket.wanted.bytes = false;
        });
    }

    fn look_again(&mut self, _token: Token) {
        // Nothing is missed: every edge has recv(2) go on until nothing is left.
    }

    fn await_readable(&mut self, token: Token) {
        self.order(token, |socket| {
            socket.wanted.readable = true;
            socket.ready.readable = socket.is_ready(PollFlags::IN);
        });
    }

    fn await_writable(&mut self, token: Token) {
        self.order(token, |socket| {
            socket.wanted.writable = true;
            socket.ready.writable = socket.is_ready(PollFlags::OUT);
        });
    }

    fn watch_break(&mut self, token: Token) {
        self.order(token, |socket| {
            socket.wanted.broken = true;
            socket.ready.broken = socket.is_ready(PollFlags::empty());
        });
    }

    fn remove(&mut self, token: Token) {
        // The kernel owns nothing of it; closing takes it out of the epoll instance, too.
        drop(self.sockets.remove(token));
    }

    fn wait(&mut self, at_most: Option<Duration>) -> io::Result<Waited> {
        let at_most = if self.run.is_empty() { at_most } else { Some(Duration::ZERO) };
        // What does not fit into a time is for ever.
        let timeout = at_most.and_then(|duration| Timespec::try_from(duration).ok());
        self.happened.clear();
        match epoll::wait(&self.instance, spare_capacity(&mut self.happened), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let timed_out = at_most.is_some() && self.happened.is_empty() && self.run.is_empty();
        for event in self.happened.drain(..) {
            match Token::parse(event.data.u64()) {
                Some((Kind::Wake, _)) => self.wake.reset(),
                Some((_, token)) => {
                    if let Some(socket) = self.sockets.completed(token) {
                        socket.happened(event.flags);
                        enqueue(&mut self.run, socket, token);
                    }
                }
                None => {}
            }
        }
        self.turn = self.run.len().max(limits::EPOLL_TURN);
        Ok(if timed_out { Waited::TimedOut } else { Waited::Events })
    }

    fn next(&mut self) -> Option<Event> {
        while self.turn > 0 {
            let token = self.run.pop_front()?;
            self.turn -= 1;
            let Some(socket) = self.sockets.find_mut(token) else { continue };
            socket.is_queued = false;
            let event = socket.answer().or_else(|| socket.receive(&mut self.buffer));
            enqueue(&mut self.run, socket, token);
            if event.is_some() {
                return event;
            }
        }
        None
    }

    fn bytes(&self, chunk: &Chunk) -> &[u8] {
        self.buffer.get(..chunk.length as usize).unwrap_or_default()
    }

    fn release(&mut self, _chunk: Chunk) {}

    fn open(&self) -> usize {
        self.sockets.taken()
    }

    #[cfg(test)]
    fn stale(&self) -> u64 {
        self.sockets.stale()
    }
}

impl Epoll {
    fn order(&mut self, token: Token, change: impl FnOnce(&mut Socket)) {
        if let Some(socket) = self.sockets.find_mut(token) {
            change(socket);
            enqueue(&mut self.run, socket, token);
        }
    }
}

impl Socket {
    /// Looks at the socket itself. An error or a hang-up makes it ready for everything.
    fn is_ready(&self, events: PollFlags) -> bool {
        let mut descriptors = [PollFd::new(&self.descriptor, events)];
        // If it cannot be asked, then what is done next tells the error.
        poll(&mut descriptors, Some(&Timespec::default())).map_or(true, |ready| ready > 0)
    }

    /// An edge.
    fn happened(&mut self, events: EventFlags) {
        let is_broken = events.intersects(EventFlags::ERR | EventFlags::HUP);
        self.ready.broken |= is_broken;
        self.ready.readable |= is_broken || events.intersects(EventFlags::IN | EventFlags::RDHUP);
        self.ready.writable |= is_broken || events.contains(EventFlags::OUT);
        self.ready.hides_more |= is_broken || events.intersects(EventFlags::RDHUP | EventFlags::PRI);
    }

    fn has_something_to_do(&self) -> bool {
        let Socket { wanted, ready, .. } = self;
        wanted.stopped
            || wanted.broken && ready.broken
            || wanted.writable && ready.writable
            || (wanted.readable || wanted.bytes) && ready.readable
    }

    /// An answer that can be given.
    fn answer(&mut self) -> Option<Event> {
        let Socket { wanted, ready, tag, .. } = self;
        if std::mem::take(&mut wanted.stopped) {
            Some(Event::Stopped(*tag))
        } else if ready.broken && std::mem::take(&mut wanted.broken) {
            Some(Event::Broken(*tag))
        } else if ready.writable && std::mem::take(&mut wanted.writable) {
            Some(Event::Writable(*tag))
        } else if ready.readable && std::mem::take(&mut wanted.readable) {
            Some(Event::Readable(*tag))
        } else {
            None
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Option<Event> {
        if !self.wanted.bytes || !self.ready.readable {
            return None;
        }
        match recv(&self.descriptor, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => {
                self.wanted.bytes = false;
                Some(Event::Ended(self.tag))
            }
            Ok((received, _)) => {
                self.ready.readable = received == buffer.len() || self.ready.hides_more;
                let length = u32::try_from(received).unwrap_or(u32::MAX);
                Some(Event::Received(self.tag, Chunk { buffer: 0, length }))
            }
            Err(Errno::AGAIN) => {
                self.ready.readable = false;
                None
            }
            Err(Errno::INTR) => None,
            Err(error) => {
                self.wanted.bytes = false;
                Some(Event::Failed(self.tag, error.into()))
            }
        }
    }
}

fn enqueue(run: &mut VecDeque<Token>, socket: &mut Socket, token: Token) {
    if !socket.is_queued && socket.has_something_to_do() {
        socket.is_queued = true;
        run.push_back(token);
    }
}

fn data(token: Token, kind: Kind) -> epoll::EventData {
    epoll::EventData::new_u64(token.with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_takes_little_memory() {
        assert!(size_of::<Option<Socket>>() <= 32, "{}", size_of::<Option<Socket>>());
    }
}
