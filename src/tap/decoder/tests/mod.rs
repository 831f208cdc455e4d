//! The decoder as its users see it: conversations in, events out.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test asks for one kind of event; the others are not it")]

mod forerunner;
mod frames;
mod grpc_calls;
mod http1;
mod invariants;
mod opening;

use super::{ConnectionDecoder, Limits};
use crate::tap::event::Direction::{self, ToBackend, ToClient};
use crate::tap::event::{Block, Event, Frame, Message, Payload, What};
use crate::wire::first_bytes::PREFACE;
use crate::wire::frame;

/// Bytes and the way they go, in the order read.
type Conversation = Vec<(Direction, Vec<u8>)>;

fn decode_with(limits: Limits, conversation: &[(Direction, Vec<u8>)]) -> Vec<Event> {
    let mut decoder = ConnectionDecoder::new(limits);
    let mut events = Vec::new();
    for (direction, bytes) in conversation {
        decoder.feed(*direction, bytes, &mut events);
    }
    decoder.finish(ToBackend, &mut events);
    decoder.finish(ToClient, &mut events);
    events
}

fn decode(conversation: &[(Direction, Vec<u8>)]) -> Vec<Event> {
    decode_with(Limits::default(), conversation)
}

/// What the client's bytes alone are, behind the preface and an empty SETTINGS.
fn client_frames(bytes: &[u8]) -> Vec<Frame> {
    let frames = frames(decode(&[(ToBackend, client_opening()), (ToBackend, bytes.to_vec())]));
    frames.into_iter().skip(1).collect()
}

/// The only frame among the client's bytes.
fn client_frame(bytes: &[u8]) -> Frame {
    let frames = client_frames(bytes);
    assert_eq!(frames.len(), 1, "{frames:?}");
    frames.into_iter().next().unwrap()
}

fn frames(events: Vec<Event>) -> Vec<Frame> {
    let frame = |event: Event| if let What::Frame(frame) = event.what { Some(*frame) } else { None };
    events.into_iter().filter_map(frame).collect()
}

fn frames_of(direction: Direction, events: Vec<Event>) -> Vec<Frame> {
    frames(events.into_iter().filter(|event| event.direction == direction).collect())
}

fn client_opening() -> Vec<u8> {
    [&PREFACE[..], &framed(4, 0, 0, b"")].concat()
}

fn framed(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put(&mut out, kind, flags, stream, payload);
    out
}

/// A header block of literals that change no table.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            out.push(u8::try_from(text.len()).unwrap());
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

fn grpc_request(stream: u32, flags: u8) -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/a.B/C"),
        ("content-type", "application/grpc"),
        ("grpc-encoding", "gzip"),
    ];
    framed(1, flags, stream, &block(&fields))
}

fn grpc_response(stream: u32) -> Vec<u8> {
    framed(1, 4, stream, &block(&[(":status", "200"), ("content-type", "application/grpc")]))
}

fn of_block(payload: &Payload) -> &Block {
    match payload {
        Payload::Headers(headers) => &headers.block,
        Payload::PushPromise(promise) => &promise.block,
        Payload::Continuation(block) => block,
        other => panic!("no header block: {other:?}"),
    }
}

fn list(payload: &Payload) -> Vec<(String, String)> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    of_block(payload).fields.iter().map(|field| (text(field.name), text(field.value))).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// All messages of a direction, in order.
fn messages(events: &[Event], direction: Direction) -> Vec<Message> {
    let parts = |event: &Event| match &event.what {
        What::Frame(frame) => match &frame.payload {
            Payload::Data(data) => data.messages.clone(),
            _ => Vec::new(),
        },
        What::FramePart(part) => part.messages.clone(),
        What::Http1Body { messages } => messages.clone(),
        What::Http1Chunk(chunk) => chunk.messages.clone(),
        _ => Vec::new(),
    };
    let of_direction = events.iter().filter(|event| event.direction == direction);
    of_direction.flat_map(parts).filter_map(|part| part.message).map(|message| *message).collect()
}

fn bodies(events: &[Event], direction: Direction) -> Vec<Vec<u8>> {
    messages(events, direction).into_iter().map(|message| message.body.bytes).collect()
}

/// The rules that events say are broken, with the byte.
fn broken(frame: &Frame) -> (&'static str, usize) {
    let malformed = frame.malformed.unwrap();
    (malformed.rule, malformed.offset)
}
