//! Each byte of a sampled connection stands in exactly one event, in its place, whatever the connection carries.
//!
//! Both forms render the events: nothing that a terminal acts on comes through, and the pretty lines fit. With room
//! enough the reads have no say in the events.
//!
//! The cycle of reads comes first, then a byte whose lowest bit chooses tight limits and the next one whether all is
//! shown, then what the client and the backend say in turns, which are parts.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spliceway::tap::decoder::{ConnectionDecoder, Limits};
use spliceway::tap::event::{Direction, Event, MessagePart, What};
use spliceway::tap::render::NoSchema;
use spliceway_fuzz::{parts, reads, render, take_cycle};

fuzz_target!(|input: &[u8]| {
    let (cycle, rest) = take_cycle(input);
    let Some((choices, bytes)) = rest.split_first() else { return };
    let tight = choices & 1 != 0;
    let events = decode(if tight { TIGHT } else { ROOMY }, cycle, bytes);
    for direction in [Direction::ToBackend, Direction::ToClient] {
        check_every_byte(bytes, &events, direction);
        if !tight {
            let whole = decode(ROOMY, &[], bytes);
            assert_eq!(joined(&events, direction), joined(&whole, direction));
        }
    }
    render(&events, &NoSchema, choices & 2 != 0);
});

/// Each turn and the way it goes; the client begins.
fn turns(bytes: &[u8]) -> impl Iterator<Item = (Direction, &[u8])> {
    parts(bytes).zip([Direction::ToBackend, Direction::ToClient].into_iter().cycle()).map(|(turn, way)| (way, turn))
}

fn decode(limits: Limits, cycle: &[u8], bytes: &[u8]) -> Vec<Event> {
    let mut decoder = ConnectionDecoder::new(limits);
    let mut events = Vec::new();
    for (direction, turn) in turns(bytes) {
        reads(cycle, turn).for_each(|read| decoder.feed(direction, read.bytes, &mut events));
    }
    decoder.finish(Direction::ToBackend, &mut events);
    decoder.finish(Direction::ToClient, &mut events);
    events
}

fn check_every_byte(bytes: &[u8], events: &[Event], direction: Direction) {
    let sent: Vec<u8> = turns(bytes).filter(|(way, _)| *way == direction).flat_map(|(_, turn)| turn).copied().collect();
    let mut explained = Vec::new();
    for event in events.iter().filter(|event| event.direction == direction) {
        assert_eq!(event.offset, explained.len() as u64);
        assert!(!event.bytes.is_empty(), "{event:?}");
        explained.extend_from_slice(&event.bytes);
    }
    assert_eq!(explained, sent);
}

/// The events of a direction. Runs whose end nothing announces come as they arrive; neighbours of a kind are one here.
fn joined(events: &[Event], direction: Direction) -> Vec<Event> {
    let mut joined: Vec<Event> = Vec::new();
    for event in events.iter().filter(|event| event.direction == direction) {
        let mut event = event.clone();
        if let What::Http1Body { messages } = &mut event.what {
            forget_places(messages);
        }
        match joined.last_mut() {
            Some(last) if are_one(&last.what, &event.what) => {
                last.bytes.append(&mut event.bytes);
                if let (What::Http1Body { messages }, What::Http1Body { messages: more }) = (&mut last.what, event.what)
                {
                    messages.extend(more);
                }
            }
            _ => joined.push(event),
        }
    }
    joined
}

fn are_one(before: &What, behind: &What) -> bool {
    match (before, behind) {
        (What::Opaque { reason }, What::Opaque { reason: other }) => reason == other,
        (What::Http1Body { .. }, What::Http1Body { .. }) => true,
        _ => false,
    }
}

/// Leaves what does not depend on how a body came: the messages that are whole.
fn forget_places(messages: &mut Vec<MessagePart>) {
    messages.retain(|part| part.message.is_some());
    for part in messages {
        (part.bytes, part.before) = (0..0, 0);
    }
}

/// Enough for any input, so that no limit shows where a read ends; messages are short, so that no bomb is slow.
const ROOMY: Limits = Limits {
    whole_bytes: 1 << 18,
    piece_bytes: 1 << 16,
    head_bytes: 1 << 16,
    block_bytes: 1 << 18,
    fields: 1024,
    list_bytes: 1 << 18,
    table_bytes: 1 << 20,
    message_bytes: 1 << 16,
    kept_bytes: usize::MAX,
    decompressed_bytes: usize::MAX,
    streams: 1024,
};

/// Reached by a few bytes.
const TIGHT: Limits = Limits {
    whole_bytes: 64,
    piece_bytes: 16,
    head_bytes: 128,
    block_bytes: 64,
    fields: 4,
    list_bytes: 256,
    table_bytes: 5000,
    message_bytes: 8,
    kept_bytes: 12,
    decompressed_bytes: 16,
    streams: 2,
};
