//! One direction of a connection.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;

use super::Relay;
use crate::bridge::{BackendFault, Bridge, Fault};
use crate::limits;
use crate::log::{Cause, CloseReason, Side};
use crate::sys::socket::Socket;
use crate::tap::event::Direction;

/// Moves bytes from one side to the other.
///
/// At most one read's worth of bytes is held: while the receiver does not take it, nothing more is read, and the
/// sender's window closes.
#[derive(Debug)]
pub(super) struct Pump {
    from: Side,
    pending: RefCell<Vec<u8>>,
    sent: Cell<u64>,
}

/// How a direction ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The sender ended it, and the receiver was told.
    Ended,
    /// Reading failed: the sender is gone.
    Broken(Broken),
    /// Sending failed: the receiver takes nothing more, but may still have sent something.
    Unwelcome(Broken),
    /// The backend cannot answer, and the client has heard nothing of it.
    Unusable(CloseReason),
    /// The client broke a rule of HTTP/2.
    Malformed(String),
}

/// A side that failed.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) reason: CloseReason,
    pub(super) detail: Option<String>,
}

impl Pump {
    /// A pump of what `from` sends; `pending` goes first.
    pub(super) fn new(from: Side, pending: Vec<u8>) -> Pump {
        Pump { from, pending: RefCell::new(pending), sent: Cell::new(0) }
    }

    /// Bytes sent so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// Pumps until the direction ends.
    pub(super) async fn run(&self, relay: &Relay<'_>) -> Outcome {
        let (from, to) = self.ends(relay);
        let mut reads = 0;
        // Asked for at the first stall, and kept: a wait that is dropped stays in the kernel until the socket closes.
        let mut sender_broken = std::pin::pin!(from.broken());
        loop {
            if let Err(outcome) = self.flush(relay, to, sender_broken.as_mut()).await {
                return outcome;
            }
            match self.step(relay, from, to) {
                Ok(Moved::All) if reads < limits::RELAY_TURN_READS => reads += 1,
                // The turn is over, or nothing waits. Either way by waiting, not by yielding: queued waits of
                // other connections are handed to the kernel only when the thread parks.
                Ok(Moved::All | Moved::Nothing) => {
                    reads = 0;
                    if let Err(error) = self.wait(relay, from).await {
                        return Outcome::Broken(Broken::of(self.from, &error));
                    }
                }
                Ok(Moved::End) => return self.end(relay, to),
                Err(outcome) => return outcome,
            }
        }
    }

    /// Reads once and passes on what the receiver takes; the rest is pending.
    fn step(&self, relay: &Relay<'_>, from: &Socket, to: &Socket) -> Result<Moved, Outcome> {
        SCRATCH.with_borrow_mut(|scratch| {
            let received = match from.receive(scratch) {
                Ok(Some(0)) => return Ok(Moved::End),
                Ok(Some(received)) => received,
                Ok(None) => return Ok(Moved::Nothing),
                Err(error) => return Err(self.broken(relay, &error)),
            };
            relay.activity.note();
            let is_short = received < scratch.len();
            let bytes = scratch.get(..received).unwrap_or_default();
            let mut pending = self.pending.borrow_mut();
            if self.from == Side::Client {
                self.copy(relay, bytes);
            }
            if relay.bridge.borrow().is_some() {
                self.translate(relay, bytes, &mut pending)?;
                if self.from == Side::Backend {
                    self.copy(relay, &pending);
                }
                return Ok(Moved::All);
            }
            if self.from == Side::Backend {
                self.copy(relay, bytes);
            }
            // Pending is empty here, so what is sent now is next in order.
            let sent = match to.send(bytes) {
                Ok(sent) => sent.unwrap_or(0),
                Err(error) => return Err(self.unwelcome(relay, &error)),
            };
            self.sent.set(self.sent.get() + sent as u64);
            pending.extend_from_slice(bytes.get(sent..).unwrap_or_default());
            // After a short read the socket is empty; asking again would cost a call to learn it.
            Ok(if is_short && pending.is_empty() { Moved::Nothing } else { Moved::All })
        })
    }

    /// Sends what is pending, and gives its memory back. When it returns, nothing is pending: what the bridge released
    /// meanwhile must go before the next byte is read, since it was released at a frame boundary.
    ///
    /// While the receiver takes nothing, nothing is read either, and a sender that is gone would not be noticed before
    /// the idle time-out; so it is watched.
    async fn flush(
        &self,
        relay: &Relay<'_>,
        to: &Socket,
        mut sender_broken: Pin<&mut impl Future<Output = io::Error>>,
    ) -> Result<(), Outcome> {
        loop {
            let mut pending = std::mem::take(&mut *self.pending.borrow_mut());
            if self.from == Side::Client {
                pending.append(&mut relay.released.borrow_mut());
            }
            if pending.is_empty() {
                return Ok(());
            }
            let mut rest = pending.as_slice();
            while !rest.is_empty() {
                match to.send(rest).map_err(|error| self.unwelcome(relay, &error))? {
                    Some(sent) => {
                        relay.activity.note();
                        self.sent.set(self.sent.get() + sent as u64);
                        rest = rest.get(sent..).unwrap_or_default();
                    }
                    None => tokio::select! {
                        writable = to.writable() => writable.map_err(|error| self.unwelcome(relay, &error))?,
                        error = &mut sender_broken => return Err(self.broken(relay, &error)),
                    },
                }
            }
        }
    }

    async fn wait(&self, relay: &Relay<'_>, from: &Socket) -> io::Result<()> {
        if self.from == Side::Client && relay.bridge.borrow().is_some() {
            tokio::select! {
                readable = from.readable() => readable,
                () = relay.release.notified() => Ok(()),
            }
        } else {
            from.readable().await
        }
    }

    /// Passes bytes through the bridge, which is dropped once both directions are raw.
    fn translate(&self, relay: &Relay<'_>, bytes: &[u8], pending: &mut Vec<u8>) -> Result<(), Outcome> {
        let mut slot = relay.bridge.borrow_mut();
        let Some(bridge) = slot.as_mut() else { return Ok(()) };
        if self.from == Side::Client {
            bridge.from_client(bytes, pending).map_err(|fault| Outcome::Malformed(client_fault(&fault)))?;
        } else {
            let mut released = relay.released.borrow_mut();
            bridge.from_backend(bytes, pending, &mut released).map_err(|fault| match fault {
                BackendFault::NotHttp2 => Outcome::Unusable(CloseReason::backend(Cause::NotHttp2)),
            })?;
            if !released.is_empty() {
                relay.release.notify_one();
            }
        }
        if bridge.to_backend_is_raw() && bridge.to_client_is_raw() {
            *slot = None;
        }
        Ok(())
    }

    /// Copies to the tap what the client sent, or what it gets.
    fn copy(&self, relay: &Relay<'_>, bytes: &[u8]) {
        if let Some(sample) = relay.sample {
            let direction = if self.from == Side::Client { Direction::ToBackend } else { Direction::ToClient };
            sample.copy(direction, bytes);
        }
    }

    fn end(&self, relay: &Relay<'_>, to: &Socket) -> Outcome {
        if self.is_answerable(relay) {
            return Outcome::Unusable(CloseReason::backend(Cause::Truncated));
        }
        if relay.reset_by.get() == Some(self.from) {
            let reason = CloseReason { side: self.from, cause: Cause::Reset };
            return Outcome::Broken(Broken { reason, detail: None });
        }
        match to.finish() {
            Ok(()) => Outcome::Ended,
            Err(error) => self.unwelcome(relay, &error),
        }
    }

    /// The kernel tells of a reset once. Who learns of it by sending takes it away from who reads, and would read an end
    /// in its place; so it is written down. A reset that comes behind the peer's end is `EPIPE`, and its end is an end.
    fn unwelcome(&self, relay: &Relay<'_>, error: &io::Error) -> Outcome {
        if error.kind() == io::ErrorKind::ConnectionReset {
            relay.reset_by.set(Some(self.receiver()));
        }
        Outcome::Unwelcome(Broken::of(self.receiver(), error))
    }

    fn broken(&self, relay: &Relay<'_>, error: &io::Error) -> Outcome {
        let broken = Broken::of(self.from, error);
        if self.is_answerable(relay) { Outcome::Unusable(broken.reason) } else { Outcome::Broken(broken) }
    }

    /// Whether the backend has ended without a byte for the client, who still waits for an answer.
    fn is_answerable(&self, relay: &Relay<'_>) -> bool {
        self.from == Side::Backend && relay.bridge.borrow().as_ref().is_some_and(Bridge::is_answerable)
    }

    fn receiver(&self) -> Side {
        if self.from == Side::Client { Side::Backend } else { Side::Client }
    }

    fn ends<'a>(&self, relay: &Relay<'a>) -> (&'a Socket, &'a Socket) {
        if self.from == Side::Client { (relay.client, relay.backend) } else { (relay.backend, relay.client) }
    }
}

impl Broken {
    fn of(side: Side, error: &io::Error) -> Broken {
        let reason = CloseReason::of_error(side, error);
        let detail = (reason.cause != Cause::Reset).then(|| error.to_string());
        Broken { reason, detail }
    }
}

/// What one read came to.
enum Moved {
    /// Bytes; there may be more.
    All,
    /// Nothing is left to read for now.
    Nothing,
    /// The sender's end.
    End,
}

fn client_fault(fault: &Fault) -> String {
    match fault {
        Fault::Connection { malformed, .. } => malformed.to_string(),
        Fault::Request { invalid, .. } => invalid.to_string(),
        Fault::HeadersTooLarge { .. } | Fault::Goodbye => String::new(),
    }
}

thread_local! {
    /// Where bytes stand between a read and a send, which follow each other without a wait; so one is enough for all
    /// connections of a shard.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; limits::RELAY_BUFFER_BYTES].into_boxed_slice());
}
