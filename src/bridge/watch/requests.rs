//! Client to backend: finds the header blocks among the frames, and decodes them.
//!
//! Every block is decoded, since each may change the dynamic table (RFC 7541 section 2.3.2); those of new streams are
//! requests, the others trailers. Everything else is passed over by its length.
//!
//! What cannot be followed is not judged here: a backend will refuse what is malformed. The decoder is of no use behind
//! it, so nothing more is looked at. A strict walk refuses it in the backend's place, which may read more than we do.

use super::super::block::name_authority;
use super::super::frames::PartialHead;
use super::super::opening::Sequel;
use crate::wire::frame::{FrameHead, flag, kind};
use crate::wire::head::RequestHead;
use crate::wire::{headers, hpack};

/// The state of the walk.
#[derive(Debug)]
pub(super) struct Requests {
    decoder: hpack::Decoder,
    /// Whether a block that cannot be followed is kept from the backend.
    is_strict: bool,
    head: PartialHead,
    state: State,
    /// A header block that has begun and not ended.
    open: Option<Open>,
    /// Payload of the block's current frame, as far as it came, if it did not come at once.
    payload: Vec<u8>,
    /// The fragments of the block's earlier frames.
    fragments: Vec<u8>,
    /// How many CONTINUATIONs a block may have,
    continuation_frames: usize,
    /// and how many bytes.
    block_bytes: usize,
    /// The newest stream that the client has opened.
    newest: u32,
    /// Bytes that this walk has seen, and those that were undecided before it.
    seen: usize,
    /// The last of them, of which it is not known yet whether they are part of a request.
    undecided: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Head,
    /// So much payload of no interest is still to come.
    Payload(usize),
    /// The payload of a frame of a header block.
    Block(FrameHead),
    /// A block could not be followed, and so none behind it can.
    Lost,
}

#[derive(Debug)]
struct Open {
    stream: u32,
    continuations: usize,
}

/// What is to become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    /// The backend is not to see it.
    Refuse,
}

/// A request that the backend is not to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// Not newer than `last` if it is no request.
    pub(super) stream: u32,
    /// The last stream that the backend has seen.
    pub(super) last: u32,
}

/// What came of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walked {
    /// How many bytes, those that were undecided before included, may go to the backend.
    pub(super) decided: usize,
    /// The request at which the walk stopped. The rest of the bytes is not looked at.
    pub(super) refused: Option<Refused>,
}

/// Why the walk stops.
enum Stop {
    /// By the block of this stream.
    Lost(u32),
    Refused(Refused),
}

impl Requests {
    /// The walk behind the first request. `is_strict`: a block that cannot be followed is refused.
    pub(super) fn new(sequel: Sequel, is_strict: bool) -> Requests {
        let Sequel { decoder, stream, continuation_frames, block_bytes, .. } = sequel;
        Requests {
            decoder,
            is_strict,
            head: PartialHead::default(),
            state: State::Head,
            open: None,
            payload: Vec::new(),
            fragments: Vec::new(),
            continuation_frames,
            block_bytes,
            newest: stream,
            seen: 0,
            undecided: 0,
        }
    }

    /// Walks the next bytes. Each request is decoded into `request` and judged when its block is whole.
    pub(super) fn walk(
        &mut self,
        bytes: &[u8],
        request: &mut RequestHead,
        mut judge: impl FnMut(&RequestHead) -> Verdict,
    ) -> Walked {
        self.seen = self.undecided;
        let pending = self.undecided + bytes.len();
        let mut rest = bytes;
        while !rest.is_empty() {
            let step = match self.state {
                State::Head => self.head(rest, request, &mut judge),
                State::Payload(left) => Ok(self.pass_over(left, rest)),
                State::Block(head) => self.block(&head, rest, request, &mut judge),
                State::Lost => break,
            };
            match step {
                Ok(next) => rest = next,
                Err(Stop::Lost(_)) if !self.is_strict => self.lose(),
                Err(Stop::Lost(stream)) => {
                    let refused = Some(Refused { stream, last: self.newest });
                    let decided = self.seen - self.undecided;
                    self.lose();
                    return Walked { decided, refused };
                }
                Err(Stop::Refused(refused)) => {
                    return Walked { decided: self.seen - self.undecided, refused: Some(refused) };
                }
            }
        }
        Walked { decided: pending - self.undecided, refused: None }
    }

    /// Follows a larger table that the backend allows. A smaller one needs no order: the encoder says itself, at the
    /// start of a block, what size it has chosen (RFC 7541 section 4.2), and one that keeps a larger one for a while
    /// refers to no entry that this table has not.
    pub(super) fn allow_table(&mut self, bytes: usize) {
        self.decoder.set_table_limit(bytes);
    }

    /// Whether header blocks can still be decoded.
    pub(super) fn is_following(&self) -> bool {
        !matches!(self.state, State::Lost)
    }

    fn head<'a>(
        &mut self,
        bytes: &'a [u8],
        request: &mut RequestHead,
        judge: &mut impl FnMut(&RequestHead) -> Verdict,
    ) -> Result<&'a [u8], Stop> {
        let (head, rest) = self.head.take(bytes);
        self.seen += bytes.len() - rest.len();
        self.undecided += bytes.len() - rest.len();
        let Some(head) = head else { return Ok(rest) };
        match (&mut self.open, head.kind) {
            (Some(open), kind::CONTINUATION) if open.stream == head.stream => {
                open.continuations += 1;
                if open.continuations > self.continuation_frames {
                    return Err(Stop::Lost(head.stream));
                }
            }
            (None, kind::HEADERS) => self.open = Some(Open { stream: head.stream, continuations: 0 }),
            // Connection errors (RFC 9113 section 6.10), which are the backend's to find.
            (Some(Open { stream, .. }), _) => return Err(Stop::Lost(*stream)),
            (None, kind::CONTINUATION) => return Err(Stop::Lost(head.stream)),
            (None, _) => {
                self.undecided = 0;
                self.state = if head.length > 0 { State::Payload(head.length) } else { State::Head };
                return Ok(rest);
            }
        }
        if self.fragments.len() + head.length > self.block_bytes {
            return Err(Stop::Lost(head.stream));
        }
        self.state = State::Block(head);
        // No byte will come for an empty one.
        if head.length == 0 { self.block(&head, rest, request, judge) } else { Ok(rest) }
    }

    fn pass_over<'a>(&mut self, left: usize, bytes: &'a [u8]) -> &'a [u8] {
        let (payload, rest) = bytes.split_at(left.min(bytes.len()));
        self.seen += payload.len();
        self.state = if payload.len() < left { State::Payload(left - payload.len()) } else { State::Head };
        rest
    }

    fn block<'a>(
        &mut self,
        head: &FrameHead,
        bytes: &'a [u8],
        request: &mut RequestHead,
        judge: &mut impl FnMut(&RequestHead) -> Verdict,
    ) -> Result<&'a [u8], Stop> {
        let (part, rest) = bytes.split_at((head.length - self.payload.len()).min(bytes.len()));
        self.seen += part.len();
        self.undecided += part.len();
        if part.len() == head.length {
            self.frame(head, part, request, judge)?;
            return Ok(rest);
        }
        self.payload.extend_from_slice(part);
        if self.payload.len() == head.length {
            let payload = std::mem::take(&mut self.payload);
            self.frame(head, &payload, request, judge)?;
        }
        Ok(rest)
    }

    /// A frame of a block is whole.
    fn frame(
        &mut self,
        head: &FrameHead,
        payload: &[u8],
        request: &mut RequestHead,
        judge: &mut impl FnMut(&RequestHead) -> Verdict,
    ) -> Result<(), Stop> {
        self.state = State::Head;
        let fragment = match head.kind {
            kind::HEADERS => headers::fragment(head, payload).map_err(|_malformed| Stop::Lost(head.stream))?,
            _ => payload,
        };
        if !head.has(flag::END_HEADERS) {
            self.fragments.extend_from_slice(fragment);
            return Ok(());
        }
        self.open = None;
        if self.fragments.is_empty() {
            self.decode(head.stream, fragment, request, judge)?;
        } else {
            let mut block = std::mem::take(&mut self.fragments);
            block.extend_from_slice(fragment);
            self.decode(head.stream, &block, request, judge)?;
        }
        self.undecided = 0;
        Ok(())
    }

    fn decode(
        &mut self,
        stream: u32,
        block: &[u8],
        request: &mut RequestHead,
        judge: &mut impl FnMut(&RequestHead) -> Verdict,
    ) -> Result<(), Stop> {
        // A client numbers its streams upwards (RFC 9113 section 5.1.1), so what is not new is trailers.
        if stream <= self.newest {
            return self.decoder.decode(block, |_trailer| {}).map_err(|_error| Stop::Lost(stream));
        }
        request.clear();
        let decoded = self.decoder.decode(block, |field| request.push(field.name, field.value));
        decoded.map_err(|_error| Stop::Lost(stream))?;
        name_authority(request);
        let last = std::mem::replace(&mut self.newest, stream);
        match judge(request) {
            Verdict::Pass => Ok(()),
            Verdict::Refuse => Err(Stop::Refused(Refused { stream, last })),
        }
    }

    fn lose(&mut self) {
        self.state = State::Lost;
        self.undecided = 0;
        self.open = None;
        self.payload = Vec::new();
        self.fragments = Vec::new();
    }
}
