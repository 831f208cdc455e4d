//! A watched connection: bytes pass the watch on their way, which looks at them and, rarely, says something to the client.

use std::sync::Arc;
use std::time::Duration;

use super::super::super::io::Io;
use super::super::super::{Owner, Watching};
use super::super::clerk::Clerk;
use super::super::direction::Fault;
use super::super::gear::Gear;
use super::super::outcome::{Finish, How, Outcome};
use super::{BACKEND, CLIENT, Pair};
use crate::bridge::{Forward, Mismatch, Watch};
use crate::config::OnMismatch;
use crate::limits;
use crate::log::{Cause, CloseReason, ConnectionId, WatchEvent};
use crate::tap::event::Direction as Way;
use crate::wire::head::RequestHead;

/// The watch, and what is done about what it sees.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) watch: Watch,
    id: ConnectionId,
    listener: Arc<str>,
    on_mismatch: OnMismatch,
    max_age: Option<Duration>,
    age: Since,
    /// The first request, and what came behind it before the hand-over; both until the connection begins.
    beginning: Option<(RequestHead, Vec<u8>)>,
    /// Why GOAWAY is to be said, until it is.
    goaway: Option<WatchEvent>,
    is_unfollowed: bool,
    /// What was wrong with the request that was refused.
    refused: Option<String>,
    /// How long the refusal has waited for the end of a frame.
    waited: Since,
    /// The refusal, once it can be said.
    pub(super) last_words: Option<Vec<u8>>,
}

impl Watched {
    /// Takes what follows the first request out of the replay: it must be looked at, too.
    pub(super) fn new(watching: Watching, replay: &mut Vec<u8>) -> Watched {
        let Watching { watch, first, behind, id, listener, on_mismatch, max_age } = watching;
        let tail = replay.split_off(behind.min(replay.len()));
        Watched {
            watch,
            id,
            listener,
            on_mismatch,
            max_age,
            age: Since::default(),
            beginning: Some((first, tail)),
            goaway: None,
            is_unfollowed: false,
            refused: None,
            waited: Since::default(),
            last_words: None,
        }
    }

    /// Looks at bytes for the backend; what is to go there.
    fn look<'a>(&mut self, clerk: &mut Clerk, bytes: &'a [u8]) -> Forward<'a> {
        let Watched { watch, id, listener, on_mismatch, refused, .. } = self;
        let Clerk { tally, request, now } = clerk;
        let mut is_misrouted = false;
        let forward = watch.from_client(bytes, request, |request, mismatch| {
            let path = request.value(b":path").unwrap_or_default();
            tally.request(path, mismatch.is_some());
            if let Some(mismatch) = mismatch {
                is_misrouted = true;
                tally.event(event(mismatch));
                tally.misrouted(*now, listener, *id, path, || mismatch.to_string());
                if *on_mismatch == OnMismatch::Close {
                    tally.event(WatchEvent::Refused);
                    *refused = Some(mismatch.to_string());
                }
            }
        });
        if !watch.seen().complete && !std::mem::replace(&mut self.is_unfollowed, true) {
            tally.event(WatchEvent::Unfollowed);
            if watch.is_refusing() {
                tally.event(WatchEvent::Refused);
                *refused = Some(UNFOLLOWED.to_owned());
            }
        }
        if is_misrouted && *on_mismatch == OnMismatch::Goaway {
            self.want_goaway(WatchEvent::GoawayMismatch);
        }
        forward
    }

    fn want_goaway(&mut self, why: WatchEvent) {
        if self.watch.want_goaway() {
            self.goaway = Some(why);
        }
    }
}

impl<O: Owner> Pair<O> {
    /// Looks at what came before the hand-over.
    pub(super) fn begin_watching(&mut self, gear: &mut Gear<impl Io>) {
        let Gear { io, clerk, .. } = gear;
        let Some(watched) = self.watched() else { return };
        let Some((first, tail)) = watched.beginning.take() else { return };
        clerk.tally.request(first.value(b":path").unwrap_or_default(), false);
        if !tail.is_empty() {
            self.carry(io, clerk, CLIENT, &tail);
        }
    }

    /// Passes bytes of a watched connection on.
    pub(super) fn carry(&mut self, io: &impl Io, clerk: &mut Clerk, side: usize, bytes: &[u8]) {
        if side == CLIENT {
            let Some(watched) = self.watched() else { return };
            let Forward { held, bytes } = watched.look(clerk, bytes);
            self.pass(io, CLIENT, &held);
            self.pass(io, CLIENT, bytes);
            self.speak(io, clerk);
            return;
        }
        let mut rest = bytes;
        while !rest.is_empty() && self.directions[BACKEND].outcome.is_none() {
            let Some(watched) = self.watched() else { return };
            let (part, behind) = rest.split_at(watched.watch.from_backend(rest).min(rest.len()));
            self.pass(io, BACKEND, part);
            if self.speak(io, clerk) {
                return;
            }
            rest = behind;
        }
    }

    /// The client is to be told to connect anew.
    pub(in super::super) fn say_goaway(&mut self, gear: &mut Gear<impl Io>, why: WatchEvent) -> Option<Finish> {
        if self.farewell().is_some() {
            // No GOAWAY may name a later stream than the last words have (RFC 9113 section 6.8).
            return None;
        }
        self.watched()?.want_goaway(why);
        self.speak(&gear.io, &mut gear.clerk);
        self.go_on(gear)
    }

    /// Another `passed` has gone by. A connection that is old enough is ended by its client, when it is told.
    pub(in super::super) fn grow_older(&mut self, gear: &mut Gear<impl Io>, passed: Duration) -> Option<Finish> {
        let watched = self.watched()?;
        let age = watched.age.grow(passed);
        if watched.watch.is_refusing() {
            let is_late = watched.waited.grow(passed) >= limits::DISCARD_DEADLINE && watched.last_words.is_none();
            return (is_late && self.farewell().is_none()).then(|| self.refused_late());
        }
        if watched.max_age.is_some_and(|max_age| age >= max_age) {
            watched.max_age = None;
            return self.say_goaway(gear, WatchEvent::GoawayAge);
        }
        None
    }

    /// The age at which the client is to be told, until it is.
    pub(super) fn max_age(&mut self) -> Option<Duration> {
        self.watched()?.max_age
    }

    /// The end of a connection whose request was refused, once the client can be told or cannot be told any more.
    pub(super) fn refusal(&mut self) -> Option<Finish> {
        let watched = self.watched().filter(|watched| watched.watch.is_refusing())?;
        if watched.last_words.is_some() {
            return Some(self.misrouted(How::Answer));
        }
        match self.directions[BACKEND].outcome {
            // The first request has an answer of ours to come, and that is the end, too.
            None | Some(Outcome::Unusable(_)) => None,
            Some(_) => Some(self.misrouted(How::Close)),
        }
    }

    /// The end of a connection whose refusal has waited long enough: of a backend that has begun a frame and does not end
    /// it, so that there is no place for a word, or of one that has said nothing, in whose place we can speak.
    fn refused_late(&mut self) -> Finish {
        let is_told = self.aside.as_deref_mut().is_some_and(|aside| aside.refuse_first());
        self.misrouted(if is_told { How::Answer } else { How::Reset })
    }

    fn misrouted(&mut self, how: How) -> Finish {
        let detail = self.watched().and_then(|watched| watched.refused.clone());
        Finish { reason: CloseReason::client(Cause::Misrouted), detail, how }
    }

    /// Says to the client what is to be said, if this is the place; whether nothing may follow it.
    fn speak(&mut self, io: &impl Io, clerk: &mut Clerk) -> bool {
        let is_open = self.directions[BACKEND].outcome.is_none();
        let Some(watched) = self.watched().filter(|_| is_open) else { return false };
        let Some(words) = watched.watch.speak() else { return false };
        if watched.watch.is_refusing() {
            watched.last_words = Some(words);
            return true;
        }
        if let Some(why) = watched.goaway.take() {
            clerk.tally.event(why);
        }
        self.pass(io, BACKEND, &words);
        false
    }

    /// Passes bytes on as they are.
    pub(super) fn pass(&mut self, io: &impl Io, side: usize, bytes: &[u8]) {
        if bytes.is_empty() || self.directions[side].outcome.is_some() {
            return;
        }
        if let Some(aside) = self.aside.as_deref().filter(|_| side == BACKEND) {
            aside.copy(Way::ToClient, bytes);
        }
        if let Err(error) = self.directions[side].pass(io.descriptor(self.sockets[1 - side]), bytes) {
            self.failed(side, Fault::Sink(error));
        }
    }

    pub(super) fn watched(&mut self) -> Option<&mut Watched> {
        self.aside.as_deref_mut()?.watched.as_mut()
    }
}

/// Why a request is refused of which it cannot be told where it belongs.
const UNFOLLOWED: &str = "a later header block is malformed or beyond the limits of a first one";

/// How long something lasts, as sweeps see it.
#[derive(Debug, Default)]
struct Since(Option<Duration>);

impl Since {
    /// Another `passed` has gone by. What went by before the first look is not all its own, and does not count.
    fn grow(&mut self, passed: Duration) -> Duration {
        *self.0.insert(self.0.map_or(Duration::ZERO, |lasted| lasted + passed))
    }
}

fn event(mismatch: &Mismatch<'_>) -> WatchEvent {
    match mismatch {
        Mismatch::OtherPool { .. } => WatchEvent::OtherPool,
        Mismatch::NoRoute => WatchEvent::NoRoute,
        Mismatch::Refused(_) | Mismatch::TwoHosts => WatchEvent::Ambiguous,
    }
}
