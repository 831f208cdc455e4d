//! The HTTP/2 handshake between a client that waits and a backend that is not chosen yet.
//!
//! Most gRPC clients send no request before they have seen the server's SETTINGS (grpc-go, grpc-core, grpc-java and
//! grpc-js all wait), but the backend is chosen by the first request. So the proxy speaks first, with SETTINGS of its
//! own, and afterwards takes out of both directions exactly what the other end must not see. Everything else passes
//! byte for byte, and as soon as nothing is left to take out, the directions are raw.
//!
//! ```text
//!   client                      bridge                                  backend
//!     │ preface, SETTINGS ─────►│ kept                                    │
//!     │                         │ quiet for 2 ms: no request follows      │
//!     │◄─────── SETTINGS (own)  │                                         │
//!     │ ACK ───────────────────►│ swallowed: the backend never asked      │
//!     │ HEADERS ───────────────►│ routed, connected ────────────────────► │ preface, SETTINGS, HEADERS
//!     │                         │               SETTINGS, ACK, … ◄─────── │
//!     │◄── SETTINGS (completed) │ first SETTINGS rewritten                │
//!     │◄══════════════════════ raw from here on ════════════════════════► │
//! ```
//!
//! Why exactly one ACK is swallowed and no other one: the proxy's SETTINGS reach the client before any of the
//! backend's, acknowledgements come in the order of the SETTINGS they acknowledge (RFC 9113 section 6.5.3), so the
//! client's first ACK is ours and every later one is the backend's. A client that does send its request at once gets
//! no SETTINGS of ours, and its connection is transparent from the first byte.
//!
//! Answers in a backend's place stand here, too, for HTTP/1 as well, which needs nothing else: bytes that are HTTP/1
//! from end to end pass as they are. And behind the bridge, on listeners that ask for it, the [`Watch`] of later requests.
//!
//! Pure: bytes and expired waits in, bytes and decisions out. No socket, no clock. `docs/BRIDGE.md` has the proofs.

mod answer;
mod answerer;
mod block;
mod frames;
mod http1_answer;
mod opening;
mod opening_rules;
mod own_settings;
mod replay;
mod streams;
mod to_backend;
mod to_client;
mod watch;

pub use answer::{Answer, Answerer as Http2Answerer, Refusal, goaway};
pub use answerer::Answerer;
pub use http1_answer::Answerer as Http1Answerer;
pub use opening::{Nudge, Opened, Opening, Phase, Progress, Sequel};
pub use opening_rules::Fault;
pub use to_client::BackendFault;
pub use watch::{Forward, Judge, Mismatch, Watch};

use streams::Streams;
use to_backend::ToBackend;
use to_client::ToClient;

/// What is left to do in both directions once the backend is connected.
///
/// The two directions are one object because of one case: SETTINGS that the client sends while an ACK of the backend
/// is still to be swallowed are held back until it has come (see [`Bridge::from_backend`]).
#[derive(Debug)]
pub struct Bridge {
    to_backend: ToBackend,
    to_client: ToClient,
    streams: Streams,
}

impl Bridge {
    /// Takes bytes from the client and appends what the backend is to get.
    ///
    /// # Errors
    ///
    /// Bytes that no HTTP/2 client may send and that would make the swallowing unsafe.
    pub fn from_client(&mut self, bytes: &[u8], to_backend: &mut Vec<u8>) -> Result<(), Fault> {
        self.streams.walk(bytes);
        self.to_backend.push(bytes, self.to_client.owes_ack(), to_backend)
    }

    /// Takes bytes from the backend and appends what the client is to get; and to `to_backend` the client's SETTINGS
    /// that were held back, once the ACK they waited for has come (a backend that coalesces its ACKs, as Go's does,
    /// would otherwise leave the client one short).
    ///
    /// # Errors
    ///
    /// A backend that does not speak HTTP/2, as long as nothing of it was passed on.
    pub fn from_backend(
        &mut self,
        bytes: &[u8],
        to_client: &mut Vec<u8>,
        to_backend: &mut Vec<u8>,
    ) -> Result<(), BackendFault> {
        self.to_client.push(bytes, to_client)?;
        if !self.to_client.owes_ack() {
            self.to_backend.release(to_backend);
        }
        Ok(())
    }

    /// The client has ended its side: appends what was held back of it, as nothing may follow its end.
    pub fn client_ended(&mut self, to_backend: &mut Vec<u8>) {
        self.to_backend.ended(to_backend);
    }

    /// Whether the bytes from the client may go to the backend unseen from now on.
    pub fn to_backend_is_raw(&self) -> bool {
        self.to_backend.is_raw()
    }

    /// Whether the bytes from the backend may go to the client unseen from now on.
    pub fn to_client_is_raw(&self) -> bool {
        self.to_client.is_raw()
    }

    /// Whether nothing of the backend was passed on to the client yet, so that the proxy may still answer itself.
    pub fn is_answerable(&self) -> bool {
        self.to_client.is_untouched()
    }

    /// What the client is told in the backend's place if it [is answerable](Bridge::is_answerable): an answer to each
    /// request, since any may have been acted on. `last`: the last stream that the backend was sent, if not the newest.
    pub fn answer(&self, answerer: &Http2Answerer, refusal: &Refusal, last: Option<u32>) -> Vec<u8> {
        let newest = last.map_or(self.streams.newest(), |last| last.min(self.streams.newest()));
        let open = self.streams.open();
        let sent = open.get(..open.partition_point(|open| open.stream <= newest)).unwrap_or_default();
        answerer.answer_all(refusal, sent, newest).whole()
    }

    /// What the client is told that broke a rule; `None` in the middle of what the backend says.
    pub fn goaway(&self, fault: Fault) -> Option<Vec<u8>> {
        // Only a client that has heard our SETTINGS is looked at so closely that a fault is found.
        self.to_client.is_between_frames().then(|| goaway(&fault.on(self.streams.newest()), None).whole())
    }
}

#[cfg(test)]
mod tests;
