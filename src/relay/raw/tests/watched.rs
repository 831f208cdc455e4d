//! What a watched connection says to its client, under an engine that takes offence.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use super::bench::{Bench, DEADLINE, Peer};
use super::on_both_engines;
use crate::config::OnMismatch;
use crate::limits;
use crate::log::{Cause, CloseReason};
use crate::relay::io::Io;

on_both_engines!(
    a_full_client_is_refused_behind_what_it_has_not_read,
    an_idle_client_hears_of_a_drain,
    a_refusal_is_given_its_time_whenever_it_begins,
    nobody_is_old_before_its_time
);

fn a_full_client_is_refused_behind_what_it_has_not_read<I: Io>() {
    let mut bench = Bench::<I>::watched(OnMismatch::Close);
    let data = [&[0, 0x40, 0, 0, 0, 0, 0, 0, 1][..], &[7; 16_384]].concat();
    // More frames than all buffers on the way take: the backlog is full, and the client is waited for.
    let mut waiting = SETTINGS.to_vec();
    let mut turns_without = 0;
    bench.until(|bench| {
        if waiting.is_empty() {
            waiting.clone_from(&data);
        }
        let sent = send(&bench.backend, &waiting);
        waiting.drain(..sent);
        turns_without = if sent > 0 { 0 } else { turns_without + 1 };
        turns_without > 50
    });
    send(&bench.client, WRONG);
    let mut received = Vec::new();
    bench.until(|bench| {
        // The backend ends the frame that it has begun, unless it is gone by then.
        let sent = send(&bench.backend, &waiting);
        waiting.drain(..sent);
        read(&bench.client, &mut received)
    });
    bench.client.close();
    assert_eq!(bench.end().reason, CloseReason::client(Cause::Misrouted));
    let frames = received.strip_prefix(SETTINGS).unwrap().strip_suffix(REFUSAL).unwrap();
    assert!(frames.len() > data.len() && frames.chunks(data.len()).all(|frame| frame == data));
}

fn an_idle_client_hears_of_a_drain<I: Io>() {
    let mut bench = Bench::<I>::watched(OnMismatch::Count);
    send(&bench.backend, SETTINGS);
    let mut received = Vec::new();
    bench.until(|bench| read(&bench.client, &mut received) || received.len() == SETTINGS.len());
    bench.raw.drain();
    bench.raw.drain();
    send(&bench.client, WRONG);
    let expected = [SETTINGS, GOAWAY].concat();
    bench.until(|bench| read(&bench.client, &mut received) || received.len() >= expected.len());
    assert_eq!(received, expected);
    bench.client.finish();
    bench.until(|bench| bench.backend.has_ended());
    bench.backend.close();
    assert_eq!(bench.end().reason, CloseReason::client(Cause::Finished));
}

/// The last sweep was long ago when a refusal begins to wait; that time is not its own.
fn a_refusal_is_given_its_time_whenever_it_begins<I: Io>() {
    let mut bench = Bench::<I>::watched(OnMismatch::Close);
    send(&bench.backend, &[SETTINGS, &[0, 0, 9, 0, 0, 0, 0, 0, 1]].concat());
    let mut received = Vec::new();
    bench.until(|bench| read(&bench.client, &mut received) || received.len() == SETTINGS.len() + 9);
    bench.raw.sweeps.last = Instant::now() + DEADLINE;
    send(&bench.client, WRONG);
    bench.until(|bench| !bench.raw.gear.clerk.request.is_empty());
    let begun = Instant::now();
    bench.raw.sweeps.last = begun.checked_sub(limits::DISCARD_DEADLINE).unwrap();
    bench.raw.on_time(begun);
    bench.raw.on_time(begun + limits::DISCARD_DEADLINE / 2);
    assert_eq!(bench.raw.pairs.len(), 1);
    bench.raw.on_time(begun + limits::DISCARD_DEADLINE);
    assert_eq!(bench.end().reason, CloseReason::client(Cause::Misrouted));
}

fn nobody_is_old_before_its_time<I: Io>() {
    let age = Duration::from_secs(2);
    let mut bench = Bench::<I>::ageing(OnMismatch::Count, Some(age));
    let begun = Instant::now();
    bench.raw.sweeps.last = begun.checked_sub(age).unwrap();
    bench.raw.on_time(begun);
    bench.raw.on_time(begun + age / 2);
    assert_eq!(bench.raw.pairs[0].shortest_wait(), age);
    bench.raw.on_time(begun + age);
    assert!(bench.raw.pairs[0].shortest_wait() > age);
}

/// As much as there is room for.
fn send(peer: &Peer, bytes: &[u8]) -> usize {
    peer.socket().write(bytes).unwrap_or_default()
}

/// Reads what has come; whether the end has.
fn read(peer: &Peer, received: &mut Vec<u8>) -> bool {
    match peer.socket().read_to_end(received) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error} behind {} bytes", received.len()),
    }
}

const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
/// A request on stream 3 for `/b`.
const WRONG: &[u8] = b"\0\0\x06\x01\x05\0\0\0\x03\x83\x86\x04\x02/b";
/// GOAWAY up to stream 1, and RST_STREAM of stream 3: REFUSED_STREAM.
const REFUSAL: &[u8] = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x04\x03\0\0\0\0\x03\0\0\0\x07";
const GOAWAY: &[u8] = b"\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0";
