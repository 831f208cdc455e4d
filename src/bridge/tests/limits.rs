//! Each limit on what may come before the first request: just within it, and one beyond.

use super::support::*;
use crate::bridge::Fault;
use crate::limits::Limit;
use crate::wire::frame::ErrorCode::{self, FlowControlError};

/// Behind preface and SETTINGS, these frames break this rule.
#[track_caller]
fn breaks(frames: &[Vec<u8>], code: ErrorCode, section: &str) {
    let dialogue = |scene: &mut Scene| {
        scene.client_sends(&[preface(), settings(&[])]);
        scene.client_sends(frames);
        scene.client_broke(code, section);
    };
    // Every position of a long one would take too long.
    if frames.concat().len() < 1000 {
        every_way(dialogue);
    } else {
        dialogue(&mut Scene::new(Cut::Whole));
        dialogue(&mut Scene::new(Cut::Bytes));
    }
}

/// Behind preface and SETTINGS, these frames reach this limit.
#[track_caller]
fn reaches(frames: &[Vec<u8>], limit: Limit) {
    let dialogue = |scene: &mut Scene| {
        scene.client_sends(&[preface(), settings(&[])]);
        scene.client_sends(frames);
        scene.client_reached(limit);
    };
    // Every position of a long one would take too long.
    if frames.concat().len() < 1000 {
        every_way(dialogue);
    } else {
        dialogue(&mut Scene::new(Cut::Whole));
        dialogue(&mut Scene::new(Cut::Bytes));
    }
}

/// Behind preface and SETTINGS, these frames and then a request are accepted.
#[track_caller]
fn accepted(frames: &[Vec<u8>]) {
    for cut in [Cut::Whole, Cut::Bytes] {
        let mut scene = Scene::new(cut);
        scene.client_sends(&[preface(), settings(&[])]);
        scene.client_sends(frames);
        assert_eq!(scene.client_fault, None, "{cut:?}");
        scene.client_sends(&[headers(1, &call())]);
        assert!(scene.request.is_some(), "{cut:?}: {:?}", scene.client_fault);
    }
}

fn unknown(length: usize) -> Vec<u8> {
    frame(0xbe, 0, 0, &vec![0; length])
}

/// RFC 9113 section 4.2.
#[test]
fn a_frame_is_refused_by_its_head_if_it_is_too_long() {
    for kind in [0, 1, 2, 4, 6, 7, 8, 0x10, 0xbe] {
        reaches(&[vec![0, 0x40, 1, kind, 0, 0, 0, 0, 1]], Limit::FramePayloadBytes);
    }
    reaches(&[frame(1, 0, 1, b""), vec![0, 0x40, 1, 9, 0, 0, 0, 0, 1]], Limit::FramePayloadBytes);
    accepted(&[unknown(16_384)]);
}

/// RFC 9113 section 10.5.1.
#[test]
fn eight_continuations() {
    let fragments = |count: usize| {
        let block = frame(1, 0, 1, &call());
        let middle = frame(9, 0, 1, b"\x00\x01a\x01b").repeat(count - 1);
        [block, middle, frame(9, 4, 1, b"")].concat()
    };
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[]), fragments(8)]);
        assert_eq!(scene.request.as_ref().unwrap().len(), 12);
    });
    reaches(&[fragments(9)], Limit::ContinuationFrames);
}

#[test]
fn an_empty_continuation_must_be_the_last() {
    reaches(&[frame(1, 0, 1, &call()), frame(9, 0, 1, b"")], Limit::EmptyContinuationFrames);
}

#[test]
fn a_block_of_64_kib() {
    let full = [frame(1, 0, 1, &[0; 16_384]), frame(9, 0, 1, &[0; 16_384]).repeat(3)].concat();
    let mut scene = Scene::new(Cut::Whole);
    scene.client_sends(&[preface(), settings(&[]), full.clone()]);
    assert_eq!(scene.client_fault, None);
    // The head of one byte more is enough.
    reaches(&[full, vec![0, 0, 1, 9, 4, 0, 0, 0, 1]], Limit::HeaderBlockBytes);
}

#[test]
fn eight_settings_of_thirty_two_entries() {
    let full = settings(&[(0xf000, 1); 32]);
    accepted(&vec![full; 7]);
    reaches(&vec![settings(&[]); 8], Limit::SettingsFrames);
    reaches(&[settings(&[(0xf000, 1); 33])], Limit::SettingsEntries);
}

/// RFC 9113 section 10.5: several frames are replayed as one, which is to have no more entries than each of them may.
#[test]
fn thirty_two_different_settings_in_several_frames() {
    let some = |first: u16, count: u16| settings(&(first..first + count).map(|id| (id, 1)).collect::<Vec<_>>());
    accepted(&[some(0xf000, 32), some(0xf000, 32), some(0xf010, 16)]);
    reaches(&[some(0xf000, 17), some(0xf011, 16)], Limit::SettingsEntries);
}

/// RFC 9113 section 10.5.
#[test]
fn ten_pings() {
    accepted(&vec![ping(b"12345678"); 10]);
    reaches(&vec![ping(b"12345678"); 11], Limit::PingFrames);
    reaches(&vec![ping_ack(b"12345678"); 11], Limit::PingFrames);
}

#[test]
fn thirty_two_window_updates() {
    accepted(&vec![window_update(0, 1); 32]);
    reaches(&vec![window_update(0, 1); 33], Limit::WindowUpdateFrames);
}

#[test]
fn thirty_two_priorities_of_both_kinds() {
    let update = frame(0x10, 0, 0, b"\0\0\0\x01");
    accepted(&[vec![priority(3, 1); 16], vec![update.clone(); 16]].concat());
    reaches(&[vec![priority(3, 1); 16], vec![update; 17]].concat(), Limit::PriorityFrames);
}

#[test]
fn ten_unknown_frames_of_16_kib_together() {
    accepted(&vec![unknown(0); 10]);
    reaches(&vec![unknown(0); 11], Limit::UnknownFrames);
    accepted(&[unknown(8192), unknown(8192)]);
    reaches(&[unknown(8192), unknown(8193)], Limit::UnknownFrameBytes);
}

#[test]
fn everything_allowed_at_once_is_allowed() {
    let mut frames = vec![settings(&[]); 7];
    frames.extend(vec![ping(b"12345678"); 10]);
    frames.extend(vec![window_update(0, 1); 32]);
    frames.extend(vec![priority(3, 1); 32]);
    frames.extend(vec![unknown(1638); 10]);
    accepted(&frames);
}

/// RFC 9113 section 10.5.
#[test]
fn all_that_is_kept_is_bounded() {
    let update = frame(0x10, 0, 0, &[0; 16_384]);
    reaches(&[update.repeat(6)], Limit::ReplayBytes);
}

#[test]
fn a_window_may_not_overflow() {
    accepted(&[window_update(0, 0x7fff_0000)]);
    breaks(&[window_update(0, 0x7fff_0001)], FlowControlError, "RFC 9113 section 6.9.1");
    breaks(&[window_update(0, 0x7ffe_ffff), window_update(0, 2)], FlowControlError, "RFC 9113 section 6.9.1");
    accepted(&[window_update(0, 0x8000_0001)]);
}

/// RFC 9113 section 10.5.1. Where in the block `content-type` stands is the library's choice.
#[test]
fn a_call_with_too_many_fields_is_told_so_as_a_call() {
    let block = |fillers: usize, last: &[u8]| [&b"\x83\x86\x84"[..], &b"\x00\x01a\x01b".repeat(fillers), last].concat();
    let content_type = b"\x0f\x10\x10application/grpc";
    for (block, grpc) in [
        (block(300, content_type), true),
        (block(1020, content_type), true),
        (block(1021, content_type), false),
        (block(300, b""), false),
        (block(300, b"\x0f\x10\x0aimage/jpeg"), false),
        // Broken behind what matters.
        (block(300, &[&content_type[..], b"\x80"].concat()), true),
    ] {
        let mut scene = Scene::new(Cut::Whole);
        scene.client_sends(&[preface(), settings(&[]), frame(1, 5, 1, &block)]);
        let found = scene.client_fault;
        let limit = Limit::HeaderFields;
        let expected = Fault::HeadersTooLarge { limit, value: 256, stream: 1, end_stream: true, grpc };
        assert_eq!(found, Some(expected), "{} bytes", block.len());
    }
}

#[test]
fn a_list_of_256_fields() {
    let fields = |count: usize| [call(), b"\x00\x01a\x01b".repeat(count - 5)].concat();
    let told = b"\x20\x88\x0f\x10\x10application/grpc\x00\x0bgrpc-status\x018\x00\x0cgrpc-message\x2b\
                 header list too large: more than 256 fields";
    for (ended, reset) in [(5, vec![]), (4, frame(3, 0, 1, &[0; 4]))] {
        for cut in [Cut::Whole, Cut::Bytes] {
            let mut scene = Scene::new(cut);
            scene.client_sends(&[preface(), settings(&[]), frame(1, ended, 1, &fields(256))]);
            assert_eq!(scene.request.map(|request| request.len()), Some(256));
            let mut scene = Scene::new(cut);
            scene.client_sends(&[preface(), settings(&[]), frame(1, ended, 1, &fields(257))]);
            let answer = frame(1, 5, 1, told);
            scene.client_is_dismissed(&[own_settings(), ack(), answer, reset.clone(), goaway_frame(1, 0)]);
        }
    }
}
