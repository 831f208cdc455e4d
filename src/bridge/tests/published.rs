//! A first segment that others have published: 82 bytes of a client that waits, with three frames behind its preface.

use super::support::*;
use crate::bridge::Nudge;

const FIRST_SEGMENT: &str = "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a\
                             000024040000000000\
                             00010000100000020000000100040000ffff000500004000000300000064000600010000\
                             000006040000000000\
                             000200000000";

fn bytes(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// RFC 9113 section 6.5.3.
#[test]
fn its_two_settings_are_merged_and_each_is_acknowledged() {
    every_way(|scene| {
        scene.client_sends(&[bytes(FIRST_SEGMENT)]);
        scene.client_hears(&[own_settings(), ack(), ack()]);
        scene.client_waits_for_nothing();
        scene.client_sends(&[ack(), headers(1, &call())]);
        let merged = "000024040000000000\
                      00010000100000020000000000040000ffff000500004000000300000064000600010000";
        scene.backend_receives(&[preface(), bytes(merged), headers(1, &call())]);
        scene.backend_sends(&[settings(&[]), ack(), headers(1, b"\x88")]);
        scene.client_hears(&[settings(&[(3, 0x7fff_ffff)]), headers(1, b"\x88")]);
    });
}

#[test]
fn its_first_frame_alone_is_answered_when_the_client_is_quiet() {
    every_way(|scene| {
        let first = bytes(FIRST_SEGMENT)[..69].to_vec();
        scene.client_sends(std::slice::from_ref(&first));
        scene.client_hears(&[]);
        scene.client_is_quiet(Nudge::Settings);
        scene.client_hears(&[own_settings()]);
        scene.client_sends(&[ack(), headers(1, &call())]);
        scene.backend_receives(&[first, headers(1, &call())]);
    });
}

#[test]
fn with_a_request_in_the_same_segment_it_is_replayed_as_it_came() {
    at_once(|scene| {
        let segment = [bytes(FIRST_SEGMENT), headers(1, &call())];
        scene.client_sends(&segment);
        scene.client_hears(&[]);
        scene.backend_receives(&segment);
    });
}
