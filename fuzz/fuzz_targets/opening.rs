//! Whatever a client opens its connection with, however it arrives and whatever is said meanwhile, has an outcome.
//!
//! What the client hears is bounded, and the backend gets no more than the client sent. Where nothing is answered
//! before the request (no PING, no second SETTINGS, no silence), the reads have no say in the outcome.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spliceway::bridge::{Fault, Opening, Progress, goaway};
use spliceway::limits::{PING_FRAMES, SETTINGS_FRAMES};
use spliceway::wire::first_bytes::{FirstBytes, PREFACE};
use spliceway::wire::frame::{FrameHead, HEAD_BYTES, kind};
use spliceway::wire::head::RequestHead;
use spliceway_fuzz::{Read, reads, take_cycle};

fuzz_target!(|input: &[u8]| {
    let (cycle, bytes) = take_cycle(input);
    let outcome = play(reads(cycle, bytes));
    assert!(outcome.heard.len() <= HEARD_BYTES_MAX, "{} bytes to the client", outcome.heard.len());
    assert!(outcome.received.len() <= bytes.len(), "{} bytes of {}", outcome.received.len(), bytes.len());
    if is_unanswered(bytes) {
        let unasked = |read| Read { quiet: false, ..read };
        assert_eq!(play(reads(cycle, bytes).map(unasked)), play(reads(&[], bytes)));
    }
});

/// What becomes of an opening.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    other: Option<FirstBytes>,
    request: Option<RequestHead>,
    fault: Option<Fault>,
    /// By the client.
    heard: Vec<u8>,
    /// By the backend, behind the request.
    received: Vec<u8>,
}

fn play<'a>(mut reads: impl Iterator<Item = Read<'a>>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut opening = Opening::default();
    while let Some(read) = reads.next() {
        let progress = opening.received(read.bytes);
        outcome.heard.extend(opening.take_output());
        match progress {
            Ok(Progress::More) => {
                assert!(!opening.give_up().is_empty());
                if read.quiet {
                    opening.nudged();
                    outcome.heard.extend(opening.take_output());
                }
            }
            Ok(Progress::Other(protocol)) => {
                outcome.other = Some(protocol);
                outcome.received = opening.into_bytes();
                reads.for_each(|read| outcome.received.extend(read.bytes));
                break;
            }
            Ok(Progress::Request) => {
                match opening.finish().expect("the request is there") {
                    Ok(mut opened) => {
                        outcome.request = Some(opened.request);
                        outcome.received = opened.replay;
                        let mut relay = |read: Read| opened.bridge.from_client(read.bytes, &mut outcome.received);
                        outcome.fault = reads.find_map(|read| relay(read).err());
                    }
                    Err(fault) => outcome.fault = Some(fault),
                }
                break;
            }
            Err(fault) => {
                assert!(goaway(&fault, opening.own_due()).whole().len() <= HEARD_BYTES_MAX);
                outcome.fault = Some(fault);
                break;
            }
        }
    }
    outcome
}

/// Whether the frames have nothing that is answered before the request.
fn is_unanswered(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(PREFACE.len()..).unwrap_or_default();
    let mut first = true;
    while let Some(head) = FrameHead::parse(rest) {
        if head.kind == kind::PING || (head.kind == kind::SETTINGS && !first) {
            return false;
        }
        first = false;
        rest = rest.get(HEAD_BYTES + head.length..).unwrap_or_default();
    }
    true
}

/// Our SETTINGS with one entry, an ACK for each of the client's, and the answers to its PINGs.
const HEARD_BYTES_MAX: usize = 15 + SETTINGS_FRAMES * HEAD_BYTES + PING_FRAMES * (HEAD_BYTES + 8);
