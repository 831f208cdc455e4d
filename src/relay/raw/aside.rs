//! What makes a connection more than raw bytes. Few connections have it, and none for long unless it is sampled.

use super::super::Handshake;
use super::direction::Direction;
use super::outcome::{Finish, Outcome};
use crate::bridge::BackendFault;
use crate::log::{Cause, CloseReason};
use crate::tap::event::Direction as Way;
use crate::tap::queue::Sample;
use crate::wire::http1::may_begin_response;

/// It.
#[derive(Debug)]
pub(super) struct Aside {
    /// How the connection begins; `None` once both directions are raw and the backend has said something.
    pub(super) handshake: Option<Handshake>,
    /// Where copies go.
    pub(super) sample: Option<Sample>,
    /// The backend is gone and the client is being told.
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
    pub(super) fn new(handshake: Option<Handshake>, sample: Option<Sample>) -> Option<Box<Aside>> {
        let aside = Aside { handshake, sample, farewell: None };
        (!aside.is_empty()).then(|| Box::new(aside))
    }

    /// Whether it is of no use any more.
    pub(super) fn is_empty(&self) -> bool {
        self.handshake.is_none() && self.sample.is_none() && self.farewell.is_none()
    }

    /// Whether bytes have to be translated.
    pub(super) fn is_bridged(&self) -> bool {
        self.handshake.as_ref().is_some_and(|handshake| handshake.bridge.is_some())
    }

    /// Whether the client has heard nothing of the backend, so that we may still answer in its place.
    pub(super) fn is_answerable(&self) -> bool {
        let bridge = self.handshake.as_ref().map(|handshake| handshake.bridge.as_ref());
        bridge.is_some_and(|bridge| bridge.is_none_or(|bridge| bridge.is_answerable()))
    }

    /// Looks at bytes that are to pass as they are. Whether they might as well be spliced.
    pub(super) fn passes(&mut self, way: Way, bytes: &[u8]) -> Result<bool, Outcome> {
        if way == Way::ToClient && self.handshake.is_some() {
            if !may_begin_response(bytes) {
                return Err(Outcome::Unusable(CloseReason::backend(Cause::NotHttp1)));
            }
            // An answer of ours would now stand in the middle of the backend's.
            self.handshake = None;
        }
        if let Some(sample) = &self.sample {
            sample.copy(way, bytes);
        }
        Ok(self.sample.is_none())
    }

    /// Passes bytes through the bridge into the backlogs; the bridge is dropped once both directions are raw.
    pub(super) fn translate(&mut self, directions: &mut [Direction; 2], way: Way, bytes: &[u8]) -> Result<(), Outcome> {
        let Some(Handshake { bridge: Some(bridge), .. }) = &mut self.handshake else { return Ok(()) };
        let [up, down] = directions;
        match way {
            Way::ToBackend => {
                if let Some(sample) = &self.sample {
                    sample.copy(way, bytes);
                }
                bridge.from_client(bytes, up.backlog.end()).map_err(|fault| Outcome::Malformed(fault.rule()))?;
            }
            Way::ToClient => {
                let before = down.backlog.end().len();
                let translated = bridge.from_backend(bytes, down.backlog.end(), up.backlog.end());
                translated
                    .map_err(|BackendFault::NotHttp2| Outcome::Unusable(CloseReason::backend(Cause::NotHttp2)))?;
                if let Some(sample) = &self.sample {
                    sample.copy(way, down.backlog.end().get(before..).unwrap_or_default());
                }
            }
        }
        if bridge.to_backend_is_raw() && bridge.to_client_is_raw() {
            self.handshake = None;
        }
        Ok(())
    }
}
