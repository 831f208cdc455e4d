//! A connection that is relayed: two sockets, two directions, one end.

mod aside;
mod farewell;
mod watched;

use std::io;
use std::time::Duration;

use super::super::io::{Chunk, Io, Tag, Token};
use super::super::{End, Handshake, Owner, Watching};
use super::direction::{Direction, Ends, Fault, Intake};
use super::gear::Gear;
use super::outcome::{Broken, Finish, How, Outcome};
use super::socket;
use crate::limits;
use crate::log::{Cause, CloseReason, Side};
use crate::tap::queue::Sample;
use aside::Aside;

/// A relayed connection. Sockets and directions are indexed by side; a direction belongs to the side that is its source.
#[derive(Debug)]
pub(super) struct Pair<O> {
    index: u32,
    sockets: [Token; 2],
    directions: [Direction; 2],
    /// What few connections have, and none for long unless it is sampled.
    aside: Option<Box<Aside>>,
    first_to_end: Option<Side>,
    /// Who has reset the connection, if sending found that out.
    reset_by: Option<Side>,
    /// Something has moved since the last sweep,
    moved: bool,
    /// or nothing has for so long.
    quiet: Duration,
    /// What the kernel still had to send to both sides at the last quiet sweep; `None` if something has moved since.
    unsent: Option<usize>,
    idle_timeout: Duration,
    is_kept_alive: bool,
    owner: O,
}

/// What a connection begins with.
pub(super) struct Beginning<O> {
    pub(super) index: u32,
    /// The client's and the backend's.
    pub(super) sockets: [Token; 2],
    pub(super) replay: Vec<u8>,
    pub(super) handshake: Option<Handshake>,
    pub(super) watching: Option<Watching>,
    pub(super) sample: Option<Sample>,
    pub(super) idle_timeout: Duration,
    pub(super) owner: O,
}

/// Index of the client's socket, and of the direction from it.
pub(super) const CLIENT: usize = 0;
/// Index of the backend's.
pub(super) const BACKEND: usize = 1;

impl<O: Owner> Pair<O> {
    pub(super) fn new(beginning: Beginning<O>) -> Pair<O> {
        let Beginning { index, sockets, mut replay, handshake, watching, sample, idle_timeout, owner } = beginning;
        Pair {
            index,
            sockets,
            aside: Aside::new(handshake, watching, sample, &mut replay),
            directions: [Direction::new(replay), Direction::new(Vec::new())],
            first_to_end: None,
            reset_by: None,
            moved: true,
            quiet: Duration::ZERO,
            unsent: None,
            idle_timeout,
            is_kept_alive: false,
            owner,
        }
    }

    /// Sends the replay and begins to receive.
    pub(super) fn begin(&mut self, gear: &mut Gear<impl Io>) -> Option<Finish> {
        self.flush(gear, CLIENT);
        self.begin_watching(gear);
        self.go_on(gear)
    }

    /// Bytes have come from `side`; the chunk remains the engine's.
    pub(super) fn received(&mut self, gear: &mut Gear<impl Io>, side: usize, chunk: &Chunk) -> Option<Finish> {
        self.moved = true;
        let bytes = gear.io.bytes(chunk);
        let length = bytes.len();
        if let Some(farewell) = self.farewell() {
            farewell.discarded += length;
            return (farewell.discarded >= limits::DISCARD_BYTES).then(|| farewell.finish.clone());
        }
        if self.directions[side].outcome.is_some() {
            return None;
        }
        if self.aside.is_some() {
            return self.received_aside(gear, side, chunk);
        }
        let sink = gear.io.descriptor(self.sockets[1 - side]);
        match self.directions[side].pass(sink, bytes) {
            Err(error) => self.failed(side, Fault::Sink(error)),
            Ok(()) => {
                let ends = self.ends(side);
                self.directions[side].copied(gear, ends, length);
            }
        }
        self.go_on(gear)
    }

    /// The source `side` has sent its end.
    pub(super) fn ended(&mut self, gear: &mut Gear<impl Io>, side: usize) -> Option<Finish> {
        self.moved = true;
        self.directions[side].intake = Intake::Shut;
        if self.farewell().is_some() {
            // Once the answer is delivered, too, it is over.
            self.directions[side].source_ended = true;
        } else {
            if side == CLIENT {
                self.client_ended(gear);
            }
            self.source_ended(side);
        }
        self.go_on(gear)
    }

    /// Receiving from `side` has failed.
    pub(super) fn receive_failed(&mut self, gear: &mut Gear<impl Io>, side: usize, error: io::Error) -> Option<Finish> {
        self.directions[side].intake = Intake::Shut;
        if let Some(farewell) = self.farewell() {
            return Some(farewell.finish.clone());
        }
        self.failed(side, Fault::Source(error));
        self.go_on(gear)
    }

    /// Nothing more comes from `side` until it is asked for.
    pub(super) fn stopped(&mut self, gear: &mut Gear<impl Io>, side: usize) -> Option<Finish> {
        self.directions[side].intake = Intake::Shut;
        self.go_on(gear)
    }

    /// `side` has bytes to be spliced.
    pub(super) fn readable(&mut self, gear: &mut Gear<impl Io>, side: usize) -> Option<Finish> {
        let ends = self.ends(side);
        let direction = &mut self.directions[side];
        if direction.outcome.is_some() {
            return None;
        }
        self.moved = true;
        let progress = direction.readable(gear, ends);
        self.progressed(gear, side, progress);
        self.go_on(gear)
    }

    /// `side` has room for what comes from the other one.
    pub(super) fn writable(&mut self, gear: &mut Gear<impl Io>, side: usize) -> Option<Finish> {
        let ends = self.ends(1 - side);
        let direction = &mut self.directions[1 - side];
        if direction.outcome.is_some() {
            return None;
        }
        self.moved = true;
        let progress = direction.writable(gear, ends);
        self.progressed(gear, 1 - side, progress);
        self.go_on(gear)
    }

    /// `side`, from which nothing is received at the moment, is broken.
    pub(super) fn broken(&mut self, gear: &mut Gear<impl Io>, side: usize) -> Option<Finish> {
        self.directions[side].watch_ended();
        let Some(error) = socket::error(gear.io.descriptor(self.sockets[side])) else {
            return self.broken_without_error(gear, side);
        };
        if self.directions[side].outcome.is_none() {
            self.failed(side, Fault::Source(error));
        }
        self.go_on(gear)
    }

    /// Both ends without an error are a connection that is over, with bytes perhaps still to be read. But it may also be
    /// that there is no room to watch `side`, and then nobody will ever say that it takes bytes again.
    fn broken_without_error(&mut self, gear: &mut Gear<impl Io>, side: usize) -> Option<Finish> {
        if !self.directions[1 - side].awaits_room() {
            return None;
        }
        let finish = self.writable(gear, side);
        let is_stuck = self.directions[1 - side].awaits_room() && self.directions[1 - side].outcome.is_none();
        finish.or_else(|| is_stuck.then(Finish::unwatched))
    }

    /// The mark of a wait for bytes of `side` has expired.
    pub(super) fn mark_expired(&mut self, gear: &Gear<impl Io>, side: usize, wait: u32) {
        let ends = self.ends(side);
        self.directions[side].mark_expired(gear, ends, wait);
    }

    /// Another `passed` has gone by. No clock is read for a message: what moves leaves a mark, and this looks for it.
    pub(super) fn sweep(&mut self, gear: &mut Gear<impl Io>, passed: Duration) -> Option<Finish> {
        let timeout = self.timeout();
        let has_moved = std::mem::take(&mut self.moved);
        if let Some(farewell) = self.farewell() {
            let finish = farewell.finish.clone();
            if !std::mem::replace(&mut farewell.is_swept, true) {
                return None;
            }
            self.quiet += passed;
            return (self.quiet >= timeout).then_some(finish);
        }
        if has_moved {
            self.quiet = Duration::ZERO;
            self.unsent = None;
            return None;
        }
        if self.is_taking(gear) {
            self.quiet = Duration::ZERO;
            return None;
        }
        if self.quiet.is_zero() {
            self.sockets.iter().for_each(|socket| gear.io.look_again(*socket));
        }
        self.quiet += passed;
        if self.quiet >= timeout {
            // Who still waits for the first byte of a backend hears that none has come.
            let is_told = self.is_answerable(BACKEND);
            let given_up = self.given_up(Cause::Idle);
            return Some(if is_told { Finish { how: How::Answer, ..given_up } } else { given_up });
        }
        for side in [CLIENT, BACKEND] {
            let ends = self.ends(side);
            self.directions[side].rest(gear, ends);
        }
        if !std::mem::replace(&mut self.is_kept_alive, true) {
            // Only now, so that short connections need not pay for it. The client's side has it from the listener.
            socket::keep_alive(gear.io.descriptor(self.sockets[BACKEND]));
        }
        None
    }

    /// Whether a peer has taken something since the last sweep of what the kernel has for it. The kernel asks for more only
    /// when a third of that is gone, megabytes perhaps, so a slow receiver looks idle for minutes.
    fn is_taking(&mut self, gear: &Gear<impl Io>) -> bool {
        // Nothing that is on its way becomes more unless something moves.
        if self.unsent == Some(0) {
            return false;
        }
        let unsent = self.unsent(gear);
        self.unsent.replace(unsent).is_some_and(|before| unsent < before)
    }

    /// What the kernel has taken and the peers have not.
    pub(super) fn unsent(&self, gear: &Gear<impl Io>) -> usize {
        self.sockets.iter().map(|socket| socket::unsent(gear.io.descriptor(*socket))).sum()
    }

    /// An end of our making. A peer that has not got all there was must not take it for the end of what was sent.
    fn given_up(&self, cause: Cause) -> Finish {
        let is_cut_off = self.directions.iter().any(Direction::holds_bytes);
        let how = if is_cut_off { How::Reset } else { How::Close };
        Finish { reason: CloseReason::proxy(cause), detail: None, how }
    }

    /// How long nothing may move.
    pub(super) fn timeout(&mut self) -> Duration {
        if self.farewell().is_some() {
            limits::DISCARD_DEADLINE
        } else if self.first_to_end.is_some() {
            self.idle_timeout.min(limits::HALF_CLOSED_TIMEOUT)
        } else {
            self.idle_timeout
        }
    }

    /// The shortest time that sweeps have to notice. All of an age, not what is left of it: among many connections there
    /// is always one that is nearly old enough, and all would be looked over all the time.
    pub(super) fn shortest_wait(&mut self) -> Duration {
        self.timeout().min(self.max_age().unwrap_or(Duration::MAX))
    }

    /// The order to stop; a connection that is saying its last words may finish.
    pub(super) fn stop(&mut self) -> Option<Finish> {
        self.farewell().is_none().then(|| self.given_up(Cause::Shutdown))
    }

    /// Closes what is open of it and tells the owner.
    pub(super) fn finish(mut self, gear: &mut Gear<impl Io>, finish: Finish) {
        for direction in &mut self.directions {
            direction.give_back(&mut gear.pipes);
        }
        for (side, socket) in self.sockets.into_iter().enumerate() {
            if side == BACKEND && self.farewell().is_some() {
                continue;
            }
            if finish.how == How::Reset {
                socket::reset_on_close(gear.io.descriptor(socket));
            }
            gear.io.remove(socket);
        }
        let [to_backend, to_client] = self.directions;
        self.owner.ended(End {
            reason: finish.reason,
            detail: finish.detail,
            to_backend: to_backend.bytes,
            to_client: to_client.bytes,
            requests: self.aside.as_ref().and_then(|aside| aside.seen()),
            sample: self.aside.and_then(|aside| aside.sample),
        });
    }

    /// Arranges what has to happen next, in both directions; the connection's end, if it has come to it.
    fn go_on(&mut self, gear: &mut Gear<impl Io>) -> Option<Finish> {
        if self.farewell().is_some() {
            return self.go_on_with_farewell(gear);
        }
        for side in [CLIENT, BACKEND] {
            let ends = self.ends(side);
            let progress = self.directions[side].arrange(gear, ends);
            self.progressed(gear, side, progress);
        }
        let [up, down] = &self.directions;
        if self.first_to_end.is_none() && (up.outcome.is_some() || down.outcome.is_some()) {
            self.first_to_end = Some(if up.outcome.is_some() { Side::Client } else { Side::Backend });
        }
        Finish::of(up.outcome.as_ref(), down.outcome.as_ref(), self.first_to_end.unwrap_or(Side::Client))
    }

    /// Notes what came of moving bytes from `side`: whether everything up to its end is delivered.
    fn progressed(&mut self, gear: &mut Gear<impl Io>, side: usize, progress: Result<bool, Fault>) {
        match progress {
            Ok(false) => return,
            Ok(true) => {}
            Err(fault) => return self.failed(side, fault),
        }
        self.source_ended(side);
        if self.directions[side].outcome.is_none() {
            match self.end_sink(gear, side) {
                Ok(()) => self.directions[side].outcome = Some(Outcome::Ended),
                Err(error) => self.failed(side, Fault::Sink(error)),
            }
        }
        self.directions[side].give_back(&mut gear.pipes);
    }

    /// Tells the other side that `side` sends no more. If that has ended before, both sockets are closed at once, which
    /// tells it as well.
    fn end_sink(&self, gear: &Gear<impl Io>, side: usize) -> io::Result<()> {
        match self.directions[1 - side].outcome {
            Some(Outcome::Ended) => Ok(()),
            _ => socket::finish(gear.io.descriptor(self.sockets[1 - side])),
        }
    }

    fn source_ended(&mut self, side: usize) {
        let direction = &mut self.directions[side];
        direction.source_ended = true;
        if self.is_answerable(side) {
            self.directions[side].outcome = Some(Outcome::Unusable(CloseReason::backend(Cause::Truncated)));
        } else if self.reset_by == Some(SIDES[side]) {
            let reason = CloseReason { side: SIDES[side], cause: Cause::Reset };
            self.directions[side].outcome = Some(Outcome::Broken(Broken { reason, detail: None }));
        }
    }

    /// The kernel tells of a reset once. Who learns of it by sending takes it away from who reads, and would read an end
    /// in its place; so it is written down. A reset behind the peer's end does not make that end another.
    fn failed(&mut self, side: usize, fault: Fault) {
        let outcome = match fault {
            Fault::Source(error) => {
                let broken = Broken::of(SIDES[side], &error);
                if self.is_answerable(side) { Outcome::Unusable(broken.reason) } else { Outcome::Broken(broken) }
            }
            Fault::Sink(error) => {
                let sink = SIDES[1 - side];
                if error.kind() == io::ErrorKind::ConnectionReset && !self.directions[1 - side].source_ended {
                    self.reset_by = Some(sink);
                }
                Outcome::Unwelcome(Broken::of(sink, &error))
            }
        };
        self.directions[side].outcome = Some(outcome);
    }

    /// Whether the backend has ended without a byte for the client, who still waits for an answer.
    fn is_answerable(&self, side: usize) -> bool {
        side == BACKEND && self.aside.as_ref().is_some_and(|aside| aside.is_answerable())
    }

    fn flush(&mut self, gear: &Gear<impl Io>, side: usize) {
        if self.directions[side].outcome.is_none()
            && let Err(error) = self.directions[side].flush(gear.io.descriptor(self.sockets[1 - side]))
        {
            self.failed(side, Fault::Sink(error));
        }
    }

    fn drop_aside(&mut self) {
        if self.aside.as_ref().is_some_and(|aside| aside.is_empty()) {
            self.aside = None;
        }
    }

    fn ends(&self, side: usize) -> Ends {
        Ends { source: self.sockets[side], sink: self.sockets[1 - side], tag: tag(self.index, side) }
    }
}

/// The tag of a side of the connection at `index`.
pub(super) fn tag(index: u32, side: usize) -> Tag {
    Tag(index << 1 | u32::from(side == BACKEND))
}

/// The connection and the side that `tag` stands for.
pub(super) fn of_tag(tag: Tag) -> (usize, usize) {
    ((tag.0 >> 1) as usize, (tag.0 & 1) as usize)
}

const SIDES: [Side; 2] = [Side::Client, Side::Backend];
