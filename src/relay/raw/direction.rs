//! One direction of a connection: from the side that sends, its source, to the other one, its sink.
//!
//! ```text
//!             four large turns in a row        nothing left to receive
//!   Copy ─────────────────────────► Turning ──────────────────────────► Splice
//!    ▲                                                                     │
//!    └─────────────────────────────────────────────────────────────────────┘
//!                          eight small reads in a row
//! ```
//!
//! Copied bytes go from the engine's buffer straight into a send; what the sink does not take is kept, and when that is
//! too much, nothing more is received. Spliced bytes never leave the kernel. No byte can overtake another at a switch:
//! the first splice comes when receiving has stopped and nothing is kept any more, the first receive when the pipe is
//! empty.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice};

use super::super::io::{Io, Tag, Token};
use super::backlog::Backlog;
use super::gear::Gear;
use super::outcome::Outcome;
use super::pace::{Dry, Pace};
use super::pipes::{Pipe, Pipes};
use crate::limits;
use crate::log::Bytes;
use crate::sys::low_water;

/// One direction.
#[derive(Debug)]
pub(super) struct Direction {
    /// What the sink did not take yet. Empty while the direction is spliced.
    pub(super) backlog: Backlog,
    /// How it ended, if it has.
    pub(super) outcome: Option<Outcome>,
    /// The source has sent its end; what is kept goes first.
    pub(super) source_ended: bool,
    /// Bytes that the sink took.
    pub(super) bytes: Bytes,
    pub(super) intake: Intake,
    way: Way,
    pace: Pace,
    awaits_bytes: bool,
    awaits_room: bool,
    watches_source: bool,
    /// The source's low-water mark is raised.
    is_marked: bool,
    /// Counts the waits for bytes, so that a wait that is over can be told from the next.
    wait: u32,
}

/// Whether the engine receives from the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intake {
    /// It does.
    Open,
    /// It was told to stop.
    Closing,
    /// It does not.
    Shut,
}

/// How bytes go.
#[derive(Debug)]
enum Way {
    Copy,
    /// To be spliced as soon as receiving has stopped.
    Turning,
    Splice(Pipe),
}

/// The two sockets of a direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) source: Token,
    pub(super) sink: Token,
    /// The source's.
    pub(super) tag: Tag,
}

/// Which side failed.
#[derive(Debug)]
pub(super) enum Fault {
    Source(io::Error),
    Sink(io::Error),
}

impl Direction {
    /// A direction whose sink gets `first` before anything else.
    pub(super) fn new(first: Vec<u8>) -> Direction {
        Direction {
            backlog: Backlog::new(first),
            outcome: None,
            source_ended: false,
            bytes: Bytes::default(),
            intake: Intake::Shut,
            way: Way::Copy,
            pace: Pace::default(),
            awaits_bytes: false,
            awaits_room: false,
            watches_source: false,
            is_marked: false,
            wait: 0,
        }
    }

    /// Passes copied bytes on; what is not taken is kept.
    pub(super) fn pass(&mut self, sink: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
        self.bytes.copied += self.backlog.pass(sink, bytes)? as u64;
        Ok(())
    }

    /// Sends what is kept.
    pub(super) fn flush(&mut self, sink: BorrowedFd<'_>) -> io::Result<()> {
        self.bytes.copied += self.backlog.flush(sink)? as u64;
        Ok(())
    }

    /// Bytes that may be spliced were copied in a turn of the engine; turns to splicing if they are bulk.
    pub(super) fn copied(&mut self, gear: &mut Gear<impl Io>, ends: Ends, bytes: usize) {
        if self.pace.copied(gear.turn, bytes) && matches!(self.way, Way::Copy) {
            self.pace.switched();
            self.way = Way::Turning;
            self.shut(gear, ends);
        }
    }

    /// Arranges what has to happen next: to wait for room, to receive again, to splice. Whether the source's end has
    /// come and everything before it is delivered.
    pub(super) fn arrange(&mut self, gear: &mut Gear<impl Io>, ends: Ends) -> Result<bool, Fault> {
        if self.outcome.is_some() {
            self.shut(gear, ends);
            self.give_back(&mut gear.pipes);
            return Ok(false);
        }
        if !self.backlog.is_empty() {
            self.await_room(gear, ends);
            if self.backlog.len() >= limits::BACKLOG_BYTES {
                self.shut(gear, ends);
            }
            return Ok(false);
        }
        if self.source_ended {
            return Ok(true);
        }
        if matches!(self.way, Way::Turning) && self.intake == Intake::Shut {
            self.way = gear.pipes.lend().map_or(Way::Copy, Way::Splice);
            if self.splice(gear, ends)? {
                return Ok(true);
            }
        }
        if matches!(self.way, Way::Copy) && self.intake == Intake::Shut {
            self.intake = Intake::Open;
            gear.io.receive(ends.source);
        }
        Ok(false)
    }

    /// The source has bytes, as was waited for.
    pub(super) fn readable(&mut self, gear: &mut Gear<impl Io>, ends: Ends) -> Result<bool, Fault> {
        self.awaits_bytes = false;
        self.wait = self.wait.wrapping_add(1);
        let before = self.bytes.spliced;
        let has_ended = self.splice(gear, ends)?;
        if self.has_empty_pipe() && !has_ended && self.bytes.spliced == before {
            // There are bytes, but splice(2) does not get at them: urgent data is in the way. Receiving passes over it;
            // to wait again would end at once.
            self.calm_down(gear, ends);
        }
        Ok(has_ended)
    }

    /// The sink has room, as was waited for.
    pub(super) fn writable(&mut self, gear: &mut Gear<impl Io>, ends: Ends) -> Result<bool, Fault> {
        self.awaits_room = false;
        self.flush(gear.io.descriptor(ends.sink)).map_err(Fault::Sink)?;
        if matches!(self.way, Way::Splice(_)) { self.splice(gear, ends) } else { Ok(false) }
    }

    /// The source's low-water mark was not reached in time by wait number `wait`.
    pub(super) fn mark_expired(&mut self, gear: &Gear<impl Io>, ends: Ends, wait: u32) {
        if self.is_marked && self.awaits_bytes && self.wait == wait {
            self.pace.held_up();
            // If bytes wait below the mark, the kernel says so when it is lowered.
            self.lower_mark(gear, ends);
        }
    }

    /// Nothing has moved for a while: a direction that waits for bulk holds no pipe, and whatever comes next is received.
    pub(super) fn rest(&mut self, gear: &mut Gear<impl Io>, ends: Ends) {
        if self.has_empty_pipe() && self.outcome.is_none() {
            self.calm_down(gear, ends);
            self.intake = Intake::Open;
            // The wait for bytes goes on beside it, and its answer will mean nothing.
            gear.io.receive(ends.source);
        }
    }

    /// Whether bytes have come that the sink did not take yet.
    pub(super) fn holds_bytes(&self) -> bool {
        !self.backlog.is_empty() || matches!(&self.way, Way::Splice(pipe) if pipe.held > 0)
    }

    fn has_empty_pipe(&self) -> bool {
        matches!(&self.way, Way::Splice(pipe) if pipe.held == 0)
    }

    /// Copies what comes next, whatever was spliced before.
    pub(super) fn calm_down(&mut self, gear: &mut Gear<impl Io>, ends: Ends) {
        self.lower_mark(gear, ends);
        self.pace.switched();
        self.give_back(&mut gear.pipes);
    }

    /// Gives the pipe back, if there is one.
    pub(super) fn give_back(&mut self, pipes: &mut Pipes) {
        if let Way::Splice(pipe) = std::mem::replace(&mut self.way, Way::Copy) {
            pipes.take_back(pipe);
        }
    }

    /// Stops receiving. While nothing is received, a source that is gone would go unnoticed, so it is watched.
    pub(super) fn shut(&mut self, gear: &mut Gear<impl Io>, ends: Ends) {
        if self.intake == Intake::Open {
            self.intake = Intake::Closing;
            gear.io.stop_receiving(ends.source);
        }
    }

    /// The sink is to say when it has room.
    pub(super) fn awaits_room(&self) -> bool {
        self.awaits_room
    }

    /// The watch for a break has ended.
    pub(super) fn watch_ended(&mut self) {
        self.watches_source = false;
    }

    /// Splices until the source is dry, the sink is full, or the turn is over. Whether the source's end has come.
    fn splice(&mut self, gear: &mut Gear<impl Io>, ends: Ends) -> Result<bool, Fault> {
        let mut left = limits::SPLICE_TURN_BYTES;
        let mut was_cut = false;
        while let Way::Splice(pipe) = &mut self.way {
            if pipe.held > 0 {
                let outcome = through(&pipe.out, gear.io.descriptor(ends.sink), pipe.held);
                match outcome.map_err(|error| Fault::Sink(uncovered(error, was_cut)))? {
                    Some(moved) => {
                        was_cut = moved < pipe.held;
                        pipe.held -= moved.min(pipe.held);
                        self.bytes.spliced += moved as u64;
                    }
                    None => {
                        self.await_room(gear, ends);
                        return Ok(false);
                    }
                }
            } else if left == 0 {
                self.await_bytes(gear, ends);
                return Ok(false);
            } else {
                // Into an empty pipe only: else "try again" could mean a full pipe as well as a dry source.
                match through(gear.io.descriptor(ends.source), &pipe.into, limits::SPLICE_BYTES)
                    .map_err(Fault::Source)?
                {
                    Some(0) => return Ok(true),
                    Some(moved) => {
                        pipe.held = moved;
                        left = left.saturating_sub(moved);
                        self.pace.spliced(moved);
                    }
                    None if self.dry(gear, ends) => return Ok(false),
                    None => {}
                }
            }
        }
        // No pipe, or copied again: what comes next is received.
        Ok(false)
    }

    /// Waits for more; `false` if it is to be received again.
    fn dry(&mut self, gear: &mut Gear<impl Io>, ends: Ends) -> bool {
        match self.pace.dry() {
            Dry::Calm => {
                self.calm_down(gear, ends);
                return false;
            }
            Dry::WaitForMuch if !self.is_marked => {
                self.is_marked = low_water::set(gear.io.descriptor(ends.source), limits::MARK_BYTES).is_ok();
            }
            Dry::WaitForMuch | Dry::Wait => {}
        }
        self.await_bytes(gear, ends);
        true
    }

    fn await_bytes(&mut self, gear: &mut Gear<impl Io>, ends: Ends) {
        self.awaits_bytes = true;
        gear.io.await_readable(ends.source);
        if self.is_marked {
            gear.marks.set(ends.tag, self.wait);
        }
    }

    fn await_room(&mut self, gear: &mut Gear<impl Io>, ends: Ends) {
        if !self.awaits_room {
            self.awaits_room = true;
            gear.io.await_writable(ends.sink);
        }
        // Nobody reads from the source meanwhile, and one that is gone would not be noticed before the idle time-out.
        if self.intake != Intake::Open && !self.watches_source && !self.source_ended {
            self.watches_source = true;
            gear.io.watch_break(ends.source);
        }
    }

    fn lower_mark(&mut self, gear: &Gear<impl Io>, ends: Ends) {
        if std::mem::take(&mut self.is_marked) {
            // Refused only if the socket is broken, and then nothing waits for the mark.
            drop(low_water::set(gear.io.descriptor(ends.source), 1));
        }
    }
}

/// What a sink's error was before `splice(2)` took it away. It sends a pipe's bytes in several steps and, if one fails
/// behind one that did not, tells how far it came; the error is no longer with the socket then, and all that is left of
/// a reset is `EPIPE`.
fn uncovered(error: io::Error, was_cut: bool) -> io::Error {
    if was_cut && error.kind() == io::ErrorKind::BrokenPipe { Errno::CONNRESET.into() } else { error }
}

/// Moves bytes between a socket and a pipe; `None` if the socket is not ready, 0 at the source's end.
fn through(from: impl std::os::fd::AsFd, to: impl std::os::fd::AsFd, at_most: usize) -> io::Result<Option<usize>> {
    // Not SPLICE_F_MORE: it would hold the last bytes of a transfer back for 200 ms.
    match splice(from, None, to, None, at_most, SpliceFlags::MOVE | SpliceFlags::NONBLOCK) {
        Ok(moved) => Ok(Some(moved)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
