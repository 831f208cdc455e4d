//! What is known of the streams of an HTTP/2 connection: whose request it is, and where its messages stand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::grpc::{Budget, Messages};
use crate::tap::event::{Direction, Fields, StreamNote};

/// The streams of one connection, at most `streams_max` of them.
#[derive(Debug)]
pub(super) struct Streams {
    /// By identifier, which is by age: peers must not go back (RFC 9113 section 5.1.1).
    known: BTreeMap<u32, Stream>,
    /// Those that ended both ways, the latest last. They are known a little longer, because frames may still be under
    /// way to them.
    closed: VecDeque<u32>,
    streams_max: usize,
}

/// One stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The path of the request.
    pub(super) path: Option<Arc<str>>,
    to_backend: Half,
    to_client: Half,
    closed: bool,
}

/// One direction of a stream.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// True exactly if the headers of a request, or of a final response, have gone by; what follows are trailers.
    pub(super) headers_seen: bool,
    /// The messages, if they say that it is gRPC.
    pub(super) messages: Option<Messages>,
    ended: bool,
}

impl Half {
    /// Whether its END_STREAM has gone by.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }
}

impl Stream {
    pub(super) fn half(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::ToBackend => &mut self.to_backend,
            Direction::ToClient => &mut self.to_client,
        }
    }

    /// Takes in the headers of a request or response, not trailers.
    pub(super) fn headers(&mut self, direction: Direction, fields: &Fields, budget: &mut Budget) {
        if direction == Direction::ToBackend {
            self.path = fields.value(":path").map(|path| String::from_utf8_lossy(path).into());
        }
        let messages = Messages::behind(fields, self.path.as_ref());
        let half = self.half(direction);
        half.headers_seen = true;
        if let Some(mut old) = std::mem::replace(&mut half.messages, messages) {
            old.release(budget);
        }
    }
}

impl Streams {
    pub(super) fn new(streams_max: usize) -> Streams {
        Streams { known: BTreeMap::new(), closed: VecDeque::new(), streams_max }
    }

    pub(super) fn find(&mut self, id: u32) -> Option<&mut Stream> {
        self.known.get_mut(&id)
    }

    /// The stream, which begins now if it is not known; the note says whose place it took.
    pub(super) fn open(&mut self, id: u32, budget: &mut Budget) -> (&mut Stream, Option<StreamNote>) {
        let mut note = None;
        if self.known.len() >= self.streams_max && !self.known.contains_key(&id) {
            note = self.forget_one(budget).map(StreamNote::Forgot);
        }
        (self.known.entry(id).or_default(), note)
    }

    /// Notes that a direction of the stream has ended.
    pub(super) fn end(&mut self, id: u32, direction: Direction, budget: &mut Budget) {
        let Some(stream) = self.known.get_mut(&id) else { return };
        stream.half(direction).ended = true;
        if stream.to_backend.ended && stream.to_client.ended {
            self.close(id, budget);
        }
    }

    /// Notes that the stream is over, both ways.
    pub(super) fn close(&mut self, id: u32, budget: &mut Budget) {
        let Some(stream) = self.known.get_mut(&id) else { return };
        if std::mem::replace(&mut stream.closed, true) {
            return;
        }
        self.closed.push_back(id);
        if self.closed.len() > CLOSED_MAX {
            self.forget_one(budget);
        }
    }

    /// How many streams are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Forgets the stream that closed first or, if none did, the oldest; names it if it was open.
    fn forget_one(&mut self, budget: &mut Budget) -> Option<u32> {
        let (id, was_open) = match self.closed.pop_front() {
            Some(id) => (id, false),
            None => (*self.known.first_key_value()?.0, true),
        };
        let mut stream = self.known.remove(&id)?;
        for half in [&mut stream.to_backend, &mut stream.to_client] {
            if let Some(messages) = &mut half.messages {
                messages.release(budget);
            }
        }
        was_open.then_some(id)
    }
}

const CLOSED_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;

    fn budget() -> Budget {
        Budget { limits: Limits::default(), kept_bytes: 0, decompressed_bytes: 0 }
    }

    #[test]
    fn the_oldest_open_stream_makes_room_and_is_named() {
        let (mut streams, mut budget) = (Streams::new(2), budget());
        assert_eq!(streams.open(1, &mut budget).1, None);
        assert_eq!(streams.open(3, &mut budget).1, None);
        assert_eq!(streams.open(3, &mut budget).1, None);
        assert_eq!(streams.open(5, &mut budget).1, Some(StreamNote::Forgot(1)));
        assert!(streams.find(1).is_none() && streams.find(3).is_some());
    }

    #[test]
    fn closed_streams_make_room_first_and_silently() {
        let (mut streams, mut budget) = (Streams::new(2), budget());
        streams.open(1, &mut budget);
        streams.open(3, &mut budget);
        streams.end(3, Direction::ToBackend, &mut budget);
        streams.end(3, Direction::ToClient, &mut budget);
        assert_eq!(streams.open(5, &mut budget).1, None);
        assert!(streams.find(1).is_some() && streams.find(3).is_none());
    }

    #[test]
    fn few_closed_streams_are_remembered() {
        let (mut streams, mut budget) = (Streams::new(1024), budget());
        for id in 0..1000 {
            streams.open(id, &mut budget);
            streams.close(id, &mut budget);
            streams.close(id, &mut budget);
        }
        assert_eq!(streams.len(), 64);
    }
}
