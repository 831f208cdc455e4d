//! Watching a connection behind its first request: which requests follow, and whether they are where they belong.
//!
//! A connection is routed by its first request alone. Whoever pools requests of many users on one connection sends the
//! later ones astray, and nobody notices. A watched connection stays relayed, but the heads of its frames are read:
//!
//! ```text
//!   client ─► requests: header blocks decoded, each request judged ─► backend
//!   client ◄─ responses: where do frames end, which table is allowed ◄─ backend
//!             ▲ GOAWAY, between two frames: connect anew, and be routed anew
//! ```
//!
//! Payload passes unseen, and no byte is changed. What is added is a GOAWAY towards the client (RFC 9113 section 6.8),
//! once, or in its place the refusal of a request (section 8.7) as the last thing that the client hears.
//!
//! Pure: bytes in, decisions and bytes out. `docs/WATCH.md` tells why it is right.

mod judge;
mod requests;
mod responses;

#[cfg(test)]
mod tests;

pub use judge::{Judge, Mismatch};

use super::opening::Sequel;
use crate::limits;
use crate::log::RequestsSeen;
use crate::wire::frame::{self, ErrorCode, kind};
use crate::wire::head::RequestHead;
use requests::{Refused, Requests, Verdict, Walked};
use responses::Responses;

/// Both directions of a watched connection, behind the first request.
#[derive(Debug)]
pub struct Watch {
    judge: Judge,
    requests: Requests,
    responses: Responses,
    /// Whether a request that belongs elsewhere is kept from the backend.
    refuses: bool,
    /// If so: the start of what may be one.
    held: Vec<u8>,
    refused: Option<Refused>,
    goaway: Goaway,
    seen: RequestsSeen,
}

/// What of some bytes is to go to the backend: first what was held back, then these.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Forward<'a> {
    /// Bytes that came earlier.
    pub held: Vec<u8>,
    /// Of those that came now.
    pub bytes: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goaway {
    Unsaid,
    Wanted,
    Said,
}

impl Watch {
    /// Watches what follows the first request. `refuses`: a request that belongs elsewhere is kept from the backend, and
    /// so is one of which that cannot be told.
    pub fn new(judge: Judge, sequel: Sequel, refuses: bool) -> Watch {
        Watch {
            judge,
            requests: Requests::new(sequel, refuses),
            responses: Responses::new(limits::HPACK_TABLE_BYTES),
            refuses,
            held: Vec::new(),
            refused: None,
            goaway: Goaway::Unsaid,
            seen: RequestsSeen { requests: 1, misrouted: 0, complete: true },
        }
    }

    /// Looks at bytes for the backend. `told` hears of each request, which is decoded into `request`.
    pub fn from_client<'a>(
        &mut self,
        bytes: &'a [u8],
        request: &mut RequestHead,
        mut told: impl FnMut(&RequestHead, Option<&Mismatch<'_>>),
    ) -> Forward<'a> {
        if self.is_refusing() {
            return Forward::default();
        }
        let Watch { judge, requests, refuses, seen, .. } = self;
        let walked = requests.walk(bytes, request, |request| {
            let mismatch = judge.judge(request);
            seen.requests += 1;
            seen.misrouted += u64::from(mismatch.is_some());
            told(request, mismatch.as_ref());
            if mismatch.is_some() && *refuses { Verdict::Refuse } else { Verdict::Pass }
        });
        self.seen.complete = self.requests.is_following();
        self.refused = walked.refused;
        if self.refuses { self.withhold(bytes, walked) } else { Forward { held: Vec::new(), bytes } }
    }

    /// The client has ended: what was held back is no request any more, and goes to the backend.
    pub fn client_ended(&mut self) -> Vec<u8> {
        if self.is_refusing() { Vec::new() } else { std::mem::take(&mut self.held) }
    }

    /// Looks at bytes for the client, up to where [`speak`](Watch::speak) has something to say: how many may go.
    pub fn from_backend(&mut self, bytes: &[u8]) -> usize {
        let walked = self.responses.walk(bytes, self.has_words());
        self.requests.allow_table(self.responses.table_bytes().min(limits::WATCH_TABLE_BYTES));
        if self.responses.has_said_goaway() {
            self.goaway = Goaway::Said;
        }
        walked
    }

    /// What the client is to be told now, behind all that went to it: nothing in the middle of a frame or of a header
    /// block.
    pub fn speak(&mut self) -> Option<Vec<u8>> {
        if !self.has_words() || !self.responses.is_between_frames() {
            return None;
        }
        let words = match self.refused {
            Some(refused) => self.refusal(refused),
            // Every stream is served that the client has opened, or opens before it hears of this. The number is odd:
            // some clients refuse one that no client could open.
            None => {
                let mut words = Vec::new();
                frame::put_goaway(&mut words, LAST_STREAM, ErrorCode::NoError);
                words
            }
        };
        self.goaway = Goaway::Said;
        Some(words)
    }

    /// The refusal for a client that has heard nothing of the backend and never will: there is no frame to be waited for.
    pub fn speak_first(&self) -> Option<Vec<u8>> {
        self.refused.map(|refused| self.refusal(refused))
    }

    fn refusal(&self, refused: Refused) -> Vec<u8> {
        let mut words = Vec::new();
        // A backend's own may have named an earlier stream, which must not be taken back. It goes first: a client that
        // hears of the reset before may try again on this very connection.
        if !self.responses.has_said_goaway() {
            frame::put_goaway(&mut words, refused.last, ErrorCode::NoError);
        }
        let Refused { stream, last } = refused;
        // The backend has never seen it (RFC 9113 section 8.7), unless these are trailers; and nobody else opens odd ones.
        if stream > last && stream % 2 == 1 {
            let code = ErrorCode::RefusedStream as u32;
            frame::put(&mut words, kind::RST_STREAM, 0, stream, &code.to_be_bytes());
        }
        words
    }

    /// The client is to be told to open no more streams here; `false` if it was told before.
    pub fn want_goaway(&mut self) -> bool {
        let is_news = self.goaway == Goaway::Unsaid;
        if is_news {
            self.goaway = Goaway::Wanted;
        }
        is_news
    }

    /// Whether a request was refused. Nothing of the client goes to the backend any more, and the connection ends with
    /// what [`speak`](Watch::speak) says.
    pub fn is_refusing(&self) -> bool {
        self.refused.is_some()
    }

    /// The last stream that the backend was sent, if a newer one was refused.
    pub fn last_passed(&self) -> Option<u32> {
        self.refused.map(|refused| refused.last)
    }

    /// What was seen so far.
    pub fn seen(&self) -> RequestsSeen {
        self.seen
    }

    fn has_words(&self) -> bool {
        self.goaway == Goaway::Wanted || self.refused.is_some()
    }

    /// Keeps what may be part of a request that the backend is not to see.
    fn withhold<'a>(&mut self, bytes: &'a [u8], walked: Walked) -> Forward<'a> {
        let Some(count) = walked.decided.checked_sub(self.held.len()).filter(|_| walked.decided > 0) else {
            self.held.extend_from_slice(bytes);
            return Forward::default();
        };
        let (forward, rest) = bytes.split_at(count.min(bytes.len()));
        Forward { held: std::mem::replace(&mut self.held, rest.to_vec()), bytes: forward }
    }
}

/// The largest stream number there is.
const LAST_STREAM: u32 = 0x7fff_ffff;
