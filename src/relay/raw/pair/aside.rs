//! What makes a connection more than raw bytes: its handshake, its watch, its sample, its last words.

use super::super::super::io::Io;
use super::super::super::{Handshake, Owner, Watching};
use super::super::direction::Fault;
use super::super::gear::Gear;
use super::super::outcome::{Finish, Outcome};
use super::watched::Watched;
use super::{CLIENT, Chunk, Pair};
use crate::bridge::BackendFault;
use crate::log::{Cause, CloseReason, RequestsSeen};
use crate::tap::event::Direction as Way;
use crate::tap::queue::Sample;
use crate::wire::http1::may_begin_response;

/// What few connections have, and none for long unless it is watched or sampled.
#[derive(Debug)]
pub(super) struct Aside {
    /// How the connection begins; `None` once both directions are raw and the backend has said something.
    pub(super) handshake: Option<Handshake>,
    /// Looks at the requests behind the first one.
    pub(super) watched: Option<Watched>,
    /// Where copies go.
    pub(super) sample: Option<Sample>,
    /// What the client is told of a fault of its own.
    pub(super) goaway: Option<Vec<u8>>,
    /// The connection is over and the client is being told.
    pub(super) farewell: Option<Farewell>,
}

/// An answer is on its way to the client, and what the client still sends is thrown away: closing with unread input would
/// make the kernel send a reset, which takes away what the client has not read yet.
#[derive(Debug)]
pub(super) struct Farewell {
    pub(super) finish: Finish,
    pub(super) discarded: usize,
    /// A sweep has seen it: the time until then is not all its own, and does not count.
    pub(super) is_swept: bool,
}

impl Aside {
    /// Of a connection that has any of this. What a watch has to look at is taken out of the replay.
    pub(super) fn new(
        handshake: Option<Handshake>,
        watching: Option<Watching>,
        sample: Option<Sample>,
        replay: &mut Vec<u8>,
    ) -> Option<Box<Aside>> {
        let watched = watching.map(|watching| Watched::new(watching, replay));
        let aside = Aside { handshake, watched, sample, goaway: None, farewell: None };
        (!aside.is_empty()).then(|| Box::new(aside))
    }

    /// Whether it is of no use any more.
    pub(super) fn is_empty(&self) -> bool {
        self.handshake.is_none() && self.watched.is_none() && self.sample.is_none() && self.farewell.is_none()
    }

    /// Whether bytes have to be translated.
    fn is_bridged(&self) -> bool {
        self.handshake.as_ref().is_some_and(|handshake| handshake.bridge.is_some())
    }

    /// Whether the client has heard nothing of the backend, so that we may still answer in its place.
    pub(super) fn is_answerable(&self) -> bool {
        self.handshake.as_ref().is_some_and(Handshake::is_answerable)
    }

    /// Refuses the request in place of a backend that has said nothing; `false` if it has.
    pub(super) fn refuse_first(&mut self) -> bool {
        let Aside { handshake: Some(handshake), watched: Some(watched), .. } = self else { return false };
        if !handshake.is_answerable() {
            return false;
        }
        let greeting = handshake.answerer.greeting();
        watched.last_words = watched.watch.speak_first().map(|words| [greeting, words].concat());
        watched.last_words.is_some()
    }

    /// The requests of a watched connection.
    pub(super) fn seen(&self) -> Option<RequestsSeen> {
        self.watched.as_ref().map(|watched| watched.watch.seen())
    }

    pub(super) fn copy(&self, way: Way, bytes: &[u8]) {
        if let Some(sample) = &self.sample {
            sample.copy(way, bytes);
        }
    }

    /// Passes bytes through the bridge, which is dropped once both directions are raw.
    fn translate(
        &mut self,
        side: usize,
        bytes: &[u8],
        to_backend: &mut Vec<u8>,
        to_client: &mut Vec<u8>,
    ) -> Result<(), Outcome> {
        let Some(Handshake { bridge: Some(bridge), .. }) = &mut self.handshake else { return Ok(()) };
        if side == CLIENT {
            if let Err(fault) = bridge.from_client(bytes, to_backend) {
                self.goaway = bridge.goaway(fault);
                return Err(Outcome::Malformed(fault.rule()));
            }
        } else {
            let translated = bridge.from_backend(bytes, to_client, to_backend);
            translated.map_err(|BackendFault::NotHttp2| Outcome::Unusable(CloseReason::backend(Cause::NotHttp2)))?;
        }
        if bridge.to_backend_is_raw() && bridge.to_client_is_raw() {
            self.handshake = None;
        }
        Ok(())
    }

    /// Looks at bytes that are to pass as they are. Whether they might as well be spliced.
    fn passes(&mut self, side: usize, bytes: &[u8]) -> Result<bool, Outcome> {
        if side != CLIENT {
            if self.handshake.is_some() && !may_begin_response(bytes) {
                return Err(Outcome::Unusable(CloseReason::backend(Cause::NotHttp1)));
            }
            // An answer of ours would now stand in the middle of the backend's.
            self.handshake = None;
            self.copy(Way::ToClient, bytes);
        }
        Ok(self.sample.is_none())
    }
}

impl<O: Owner> Pair<O> {
    /// The client has ended its side, and what is held back of it must go before the end.
    pub(super) fn client_ended(&mut self, gear: &mut Gear<impl Io>) {
        let Gear { io, clerk, .. } = gear;
        let Some(aside) = self.aside.as_deref_mut() else { return };
        let mut held_back = Vec::new();
        if let Some(bridge) = aside.handshake.as_mut().and_then(|handshake| handshake.bridge.as_mut()) {
            bridge.client_ended(&mut held_back);
        }
        if aside.watched.is_some() {
            self.carry(io, clerk, CLIENT, &held_back);
            held_back = self.watched().map(|watched| watched.watch.client_ended()).unwrap_or_default();
        }
        self.pass(io, CLIENT, &held_back);
    }

    /// Bytes have come of a connection that is more than raw bytes.
    pub(super) fn received_aside(&mut self, gear: &mut Gear<impl Io>, side: usize, chunk: &Chunk) -> Option<Finish> {
        let Gear { io, clerk, .. } = gear;
        let bytes = io.bytes(chunk);
        let aside = self.aside.as_deref_mut()?;
        if side == CLIENT {
            // As the client sent them; what it gets is copied as it gets it.
            aside.copy(Way::ToBackend, bytes);
        }
        match (aside.is_bridged(), aside.watched.is_some()) {
            (false, true) => self.carry(io, clerk, side, bytes),
            (true, true) => {
                let (mut to_backend, mut to_client) = (Vec::new(), Vec::new());
                match aside.translate(side, bytes, &mut to_backend, &mut to_client) {
                    Ok(()) => {
                        self.carry(io, clerk, super::CLIENT, &to_backend);
                        self.carry(io, clerk, super::BACKEND, &to_client);
                    }
                    Err(outcome) => self.directions[side].outcome = Some(outcome),
                }
            }
            (true, false) => {
                let [up, down] = &mut self.directions;
                let (to_backend, to_client) = (up.backlog.end(), down.backlog.end());
                let before = to_client.len();
                match aside.translate(side, bytes, to_backend, to_client) {
                    Ok(()) => {
                        aside.copy(Way::ToClient, to_client.get(before..).unwrap_or_default());
                        self.flush(gear, side);
                        self.flush(gear, 1 - side);
                    }
                    Err(outcome) => self.directions[side].outcome = Some(outcome),
                }
            }
            (false, false) => match aside.passes(side, bytes) {
                Ok(may_splice) => {
                    let sink = io.descriptor(self.sockets[1 - side]);
                    match self.directions[side].pass(sink, bytes) {
                        Err(error) => self.failed(side, Fault::Sink(error)),
                        Ok(()) if may_splice => {
                            let (ends, length) = (self.ends(side), bytes.len());
                            self.directions[side].copied(gear, ends, length);
                        }
                        Ok(()) => {}
                    }
                }
                Err(outcome) => self.directions[side].outcome = Some(outcome),
            },
        }
        self.drop_aside();
        self.refusal().or_else(|| self.go_on(gear))
    }
}
