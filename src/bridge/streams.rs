//! The streams that a client has opened, by the heads of its frames.
//!
//! Whoever ends the connection must say which of them the backend may have acted on: those above the last stream of a
//! GOAWAY are made again without asking, wherever they may have been made already (RFC 9113 section 6.8).

use super::frames::Frames;
use crate::limits;
use crate::wire::frame::{FrameHead, flag, kind};

/// A walk of the client's frames, behind the first request.
#[derive(Debug)]
pub(super) struct Streams {
    frames: Frames,
    newest: u32,
    open: Vec<Open>,
}

/// A stream that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) stream: u32,
    /// The client has ended its side.
    pub(super) end_stream: bool,
}

impl Streams {
    /// The walk behind the first request, which is on this stream.
    pub(super) fn new(first: Open) -> Streams {
        Streams { frames: Frames::default(), newest: first.stream, open: vec![first] }
    }

    /// Walks the next bytes.
    pub(super) fn walk(&mut self, bytes: &[u8]) {
        let Streams { frames, newest, open } = self;
        frames.walk(bytes, |head| note(head, newest, open));
    }

    /// The newest stream that the client has opened.
    pub(super) fn newest(&self) -> u32 {
        self.newest
    }

    /// Those that wait for an answer, in their order; of very many the oldest.
    pub(super) fn open(&self) -> &[Open] {
        &self.open
    }
}

fn note(head: &FrameHead, newest: &mut u32, open: &mut Vec<Open>) {
    let &FrameHead { kind, stream, .. } = head;
    let end_stream = head.has(flag::END_STREAM);
    match kind {
        // Only odd ones are the client's to open, and only upwards (RFC 9113 section 5.1.1).
        kind::HEADERS if stream > *newest && !stream.is_multiple_of(2) => {
            *newest = stream;
            if open.len() < limits::ANSWERED_STREAMS {
                open.push(Open { stream, end_stream });
            }
        }
        // Trailers, or the last of the payload.
        kind::HEADERS | kind::DATA if end_stream => {
            if let Some(ended) = open.iter_mut().find(|open| open.stream == stream) {
                ended.end_stream = true;
            }
        }
        // Nothing may follow on it (RFC 9113 section 5.1, closed).
        kind::RST_STREAM => open.retain(|open| open.stream != stream),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Open = Open { stream: 3, end_stream: false };

    fn walked(frames: &[[u8; 9]]) -> (u32, Vec<(u32, bool)>) {
        let mut streams = Streams::new(FIRST);
        streams.walk(&frames.concat());
        (streams.newest(), streams.open().iter().map(|open| (open.stream, open.end_stream)).collect())
    }

    /// A frame without payload.
    fn head(kind: u8, flags: u8, stream: u8) -> [u8; 9] {
        [0, 0, 0, kind, flags, 0, 0, 0, stream]
    }

    #[test]
    fn streams_are_open_from_their_headers_to_their_reset() {
        assert_eq!(walked(&[]), (3, vec![(3, false)]));
        assert_eq!(walked(&[head(1, 4, 5), head(1, 5, 9)]), (9, vec![(3, false), (5, false), (9, true)]));
        assert_eq!(walked(&[head(1, 4, 5), head(0, 1, 5), head(3, 0, 3)]), (5, vec![(5, true)]));
        assert_eq!(walked(&[head(1, 5, 3)]), (3, vec![(3, true)]));
        assert_eq!(walked(&[head(1, 4, 5), head(3, 0, 5), head(0, 1, 7)]), (5, vec![(3, false)]));
    }

    /// RFC 9113 section 5.1.1.
    #[test]
    fn what_a_client_cannot_open_is_no_stream() {
        assert_eq!(walked(&[head(1, 4, 4), head(1, 4, 0), head(1, 4, 1)]), (3, vec![(3, false)]));
    }

    #[test]
    fn of_very_many_the_oldest_are_answered_and_the_newest_is_known() {
        let frames: Vec<[u8; 9]> = (1..=200_u16)
            .map(|number| {
                let [high, low] = (3 + 2 * number).to_be_bytes();
                [0, 0, 0, 1, 5, 0, 0, high, low]
            })
            .collect();
        let (newest, open) = walked(&frames);
        assert_eq!((newest, open.len(), open[99]), (403, 100, (201, true)));
    }
}
