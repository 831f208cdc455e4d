//! Raw bytes: pairs of sockets, and what becomes of each event of the engine.

mod backlog;
mod clerk;
mod direction;
mod gear;
mod marks;
mod outcome;
mod pace;
mod pair;
mod pipes;
mod socket;

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::time::{Duration, Instant};

use slab::Slab;

use super::io::{Event, Io};
use super::{Flow, Owner};
use crate::limits;
use crate::log::{Bytes, CloseReason, Side, Tally, WatchEvent};
use crate::tap::queue::Tap;
use clerk::Clerk;
use gear::Gear;
use outcome::Finish;
use pair::{BACKEND, Beginning, CLIENT, Pair};

/// All connections of one shard that are relayed.
#[derive(Debug)]
pub(super) struct Raw<I, O> {
    gear: Gear<I>,
    pairs: Slab<Pair<O>>,
    tap: Option<Rc<Tap>>,
    sweeps: Sweeps,
    /// Clients are to be told to go elsewhere.
    is_draining: bool,
}

/// When connections are looked over for idle ones.
#[derive(Debug)]
struct Sweeps {
    last: Instant,
    every: Duration,
}

impl<I: Io, O: Owner> Raw<I, O> {
    pub(super) fn new(io: I, tap: Option<Rc<Tap>>, tally: Tally) -> Raw<I, O> {
        let (pipes, marks) = (pipes::Pipes::default(), marks::Marks::default());
        Raw {
            gear: Gear { io, pipes, marks, clerk: Clerk::new(tally), turn: 0 },
            pairs: Slab::new(),
            tap,
            sweeps: Sweeps { last: Instant::now(), every: limits::SWEEP_EVERY },
            is_draining: false,
        }
    }

    /// Whether no connection is left and the kernel owns nothing of a former one.
    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.gear.io.open() == 0
    }

    /// Takes a connection over.
    pub(super) fn begin(&mut self, flow: Flow<O>) {
        let Flow { client, backend, replay, handshake, watching, idle_timeout, sample, owner } = flow;
        if self.pairs.is_empty() {
            self.sweeps = Sweeps { last: Instant::now(), every: limits::SWEEP_EVERY };
        }
        let sample = sample.zip(self.tap.as_ref()).map(|(sample, tap)| tap.resume(sample));
        let entry = self.pairs.vacant_entry();
        let Ok(index) = u32::try_from(entry.key()) else { return };
        let io = &mut self.gear.io;
        let added = io.add(client, pair::tag(index, CLIENT)).and_then(|client| {
            match io.add(backend, pair::tag(index, BACKEND)) {
                Ok(backend) => Ok([client, backend]),
                Err(error) => {
                    io.remove(client);
                    Err(error)
                }
            }
        });
        let sockets = match added {
            Ok(sockets) => sockets,
            Err(error) => {
                let reason = CloseReason::of_error(Side::Proxy, &error);
                let (to_backend, to_client) = (Bytes::default(), Bytes::default());
                let detail = Some(error.to_string());
                let requests = None;
                return owner.ended(super::End { reason, detail, to_backend, to_client, requests, sample });
            }
        };
        let beginning = Beginning { index, sockets, replay, handshake, watching, sample, idle_timeout, owner };
        let pair = entry.insert(Pair::new(beginning));
        let mut finish = pair.begin(&mut self.gear);
        if self.is_draining && finish.is_none() {
            finish = pair.say_goaway(&mut self.gear, WatchEvent::GoawayDrain);
        }
        let shortest = pair.shortest_wait();
        self.look_again_within(shortest);
        self.after(index as usize, finish);
    }

    /// Handles what has happened since the last wait.
    pub(super) fn handle_events(&mut self) {
        while let Some(event) = self.gear.io.next() {
            self.handle(event);
        }
        self.gear.turn = self.gear.turn.wrapping_add(1);
    }

    fn handle(&mut self, event: Event) {
        let gear = &mut self.gear;
        let (index, side) = pair::of_tag(event.tag());
        let Some(pair) = self.pairs.get_mut(index) else {
            if let Event::Received(_, chunk) = event {
                gear.io.release(chunk);
            }
            return;
        };
        let finish = match event {
            Event::Received(_, chunk) => {
                let finish = pair.received(gear, side, &chunk);
                gear.io.release(chunk);
                finish
            }
            Event::Ended(_) => pair.ended(gear, side),
            Event::Failed(_, error) => pair.receive_failed(gear, side, error),
            Event::Stopped(_) => pair.stopped(gear, side),
            Event::Readable(_) => pair.readable(gear, side),
            Event::Writable(_) => pair.writable(gear, side),
            Event::Broken(_) => pair.broken(gear, side),
        };
        self.after(index, finish);
    }

    /// Ends a connection that has come to its end, or lets the client be told.
    fn after(&mut self, index: usize, finish: Option<Finish>) {
        let Some(finish) = finish else { return };
        if self.pairs.get_mut(index).is_some_and(|pair| pair.begin_farewell(&mut self.gear, &finish)) {
            self.look_again_within(limits::DISCARD_DEADLINE);
        } else if let Some(pair) = self.pairs.try_remove(index) {
            pair.finish(&mut self.gear, finish);
        }
    }

    fn after_all(&mut self, finished: Vec<(usize, Finish)>) {
        for (index, finish) in finished {
            self.after(index, Some(finish));
        }
    }

    /// How long the engine may wait before [`on_time`](Raw::on_time) has something to do.
    pub(super) fn patience(&self, now: Instant) -> Option<Duration> {
        let sweep = (!self.pairs.is_empty()).then(|| self.sweeps.last + self.sweeps.every);
        let next = [sweep, self.gear.marks.next()].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(now))
    }

    /// Does what is due by now: lowers marks that were not reached, looks for idle connections.
    pub(super) fn on_time(&mut self, now: Instant) {
        self.gear.clerk.now = now;
        while let Some(mark) = self.gear.marks.expired(now) {
            let (index, side) = pair::of_tag(mark.source);
            if let Some(pair) = self.pairs.get_mut(index) {
                pair.mark_expired(&self.gear, side, mark.wait);
            }
        }
        let passed = now.saturating_duration_since(self.sweeps.last);
        if passed >= self.sweeps.every {
            self.sweep(now, passed);
        }
    }

    fn sweep(&mut self, now: Instant, passed: Duration) {
        self.sweeps = Sweeps { last: now, every: limits::SWEEP_EVERY };
        let mut finished = Vec::new();
        let mut shortest = limits::IDLE_TIMEOUT;
        for (index, pair) in &mut self.pairs {
            let finish = pair.sweep(&mut self.gear, passed).or_else(|| pair.grow_older(&mut self.gear, passed));
            shortest = shortest.min(pair.shortest_wait());
            if let Some(finish) = finish {
                finished.push((index, finish));
            }
        }
        self.look_again_within(shortest);
        self.after_all(finished);
    }

    /// Sees to it that a time-out is noticed at most a quarter late.
    fn look_again_within(&mut self, timeout: Duration) {
        self.sweeps.every = self.sweeps.every.min(timeout / 4).max(SWEEP_AT_LEAST);
    }

    /// Tells the clients of watched connections to go elsewhere, those that are still to come included.
    pub(super) fn drain(&mut self) {
        if std::mem::replace(&mut self.is_draining, true) {
            return;
        }
        let mut finished = Vec::new();
        for (index, pair) in &mut self.pairs {
            finished.extend(pair.say_goaway(&mut self.gear, WatchEvent::GoawayDrain).map(|finish| (index, finish)));
        }
        self.after_all(finished);
    }

    /// Ends every connection.
    pub(super) fn stop(&mut self) {
        let mut finished = Vec::new();
        for (index, pair) in &mut self.pairs {
            finished.extend(pair.stop().map(|finish| (index, finish)));
        }
        self.after_all(finished);
    }

    /// Waits for events.
    pub(super) fn wait(&mut self, at_most: Option<Duration>) -> std::io::Result<super::io::Waited> {
        self.gear.io.wait(at_most)
    }
}

/// However short a time-out is, looking costs something.
const SWEEP_AT_LEAST: Duration = Duration::from_millis(10);
