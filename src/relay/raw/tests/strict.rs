//! An engine that fails the test if its user breaks the contract, or if it does itself.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use crate::relay::io::{Chunk, Event, Io, Tag, Token, Waited, Wake};

/// An engine with a witness.
pub(super) struct Strict<I> {
    io: I,
    seen: Vec<Seen>,
    /// Events so far.
    pub(super) events: usize,
    /// Behaves as if the kernel had no room to watch sockets.
    pub(super) is_blind: bool,
}

/// What was ordered for one socket.
struct Seen {
    token: Token,
    tag: Tag,
    receiving: Receiving,
    readable: bool,
    writable: bool,
    broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receiving {
    No,
    Yes,
    Stopping,
}

impl<I: Io> Io for Strict<I> {
    fn new(wake: Arc<Wake>) -> io::Result<Strict<I>> {
        Ok(Strict { io: I::new(wake)?, seen: Vec::new(), events: 0, is_blind: false })
    }

    fn add(&mut self, socket: OwnedFd, tag: Tag) -> io::Result<Token> {
        let token = self.io.add(socket, tag)?;
        let receiving = Receiving::No;
        self.seen.push(Seen { token, tag, receiving, readable: false, writable: false, broken: false });
        Ok(token)
    }

    fn descriptor(&self, token: Token) -> BorrowedFd<'_> {
        self.io.descriptor(token)
    }

    fn receive(&mut self, token: Token) {
        let seen = self.seen(token);
        assert_eq!(seen.receiving, Receiving::No, "receive");
        seen.receiving = Receiving::Yes;
        self.io.receive(token);
    }

    fn stop_receiving(&mut self, token: Token) {
        let seen = self.seen(token);
        assert_eq!(seen.receiving, Receiving::Yes, "stop_receiving");
        seen.receiving = Receiving::Stopping;
        self.io.stop_receiving(token);
    }

    fn look_again(&mut self, token: Token) {
        self.seen(token);
        self.io.look_again(token);
    }

    fn await_readable(&mut self, token: Token) {
        let seen = self.seen(token);
        assert_eq!(seen.receiving, Receiving::No, "await_readable");
        seen.readable = true;
        self.io.await_readable(token);
    }

    fn await_writable(&mut self, token: Token) {
        self.seen(token).writable = true;
        self.io.await_writable(token);
    }

    fn watch_break(&mut self, token: Token) {
        self.seen(token).broken = true;
        self.io.watch_break(token);
    }

    fn remove(&mut self, token: Token) {
        self.seen(token);
        self.seen.retain(|seen| seen.token != token);
        self.io.remove(token);
    }

    fn wait(&mut self, at_most: Option<Duration>) -> io::Result<Waited> {
        self.io.wait(at_most)
    }

    fn next(&mut self) -> Option<Event> {
        let event = self.io.next()?;
        self.events += 1;
        let tag = event.tag();
        let seen = self.seen.iter_mut().find(|seen| seen.tag == tag).expect("an event of a removed socket");
        match &event {
            Event::Received(..) => assert_ne!(seen.receiving, Receiving::No),
            Event::Ended(_) | Event::Failed(..) => {
                assert_ne!(std::mem::replace(&mut seen.receiving, Receiving::No), Receiving::No);
            }
            Event::Stopped(_) => {
                assert_eq!(std::mem::replace(&mut seen.receiving, Receiving::No), Receiving::Stopping);
            }
            Event::Readable(_) => assert!(std::mem::take(&mut seen.readable)),
            Event::Writable(_) => {
                assert!(std::mem::take(&mut seen.writable));
                if self.is_blind {
                    return Some(Event::Broken(tag));
                }
            }
            Event::Broken(_) => assert!(std::mem::take(&mut seen.broken)),
        }
        Some(event)
    }

    fn bytes(&self, chunk: &Chunk) -> &[u8] {
        self.io.bytes(chunk)
    }

    fn release(&mut self, chunk: Chunk) {
        self.io.release(chunk);
    }

    fn open(&self) -> usize {
        self.io.open()
    }

    fn stale(&self) -> u64 {
        self.io.stale()
    }
}

impl<I> Strict<I> {
    fn seen(&mut self, token: Token) -> &mut Seen {
        self.seen.iter_mut().find(|seen| seen.token == token).expect("an order for a removed socket")
    }
}
