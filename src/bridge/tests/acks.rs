//! Whose ACK is whose: the client's first is for our SETTINGS, and the backend's first may be one that we have sent.

use super::support::*;
use crate::bridge::Nudge;
use crate::limits::Limit;
use crate::wire::frame::ErrorCode;

/// A client that has heard our SETTINGS and not answered.
fn greeted(scene: &mut Scene) {
    scene.client_sends(&[preface(), settings(&[(4, 65_535)])]);
    scene.client_is_quiet(Nudge::Settings);
    scene.client_hears(&[own_settings()]);
}

/// A client that has heard our SETTINGS and, from us, the ACK of its own; its own ACK was swallowed.
fn acknowledged(scene: &mut Scene) {
    greeted(scene);
    scene.client_sends(&[ack()]);
    scene.client_is_quiet(Nudge::Ack);
    scene.client_hears(&[ack()]);
    scene.client_waits_for_nothing();
}

/// RFC 9113 section 6.5.3: the first ACK is for the first SETTINGS, ours, though it comes late and among DATA.
#[test]
fn an_ack_behind_the_request_is_swallowed_wherever_it_stands() {
    every_way(|scene| {
        greeted(scene);
        scene.client_sends(&[headers(1, &call())]);
        scene.backend_receives(&[preface(), settings(&[(4, 65_535)]), headers(1, &call())]);
        scene.raw(false, false);
        scene.client_sends(&[data(1, b"\0\0\0\0\x05hello"), window_update(1, 9), ack(), data(1, b"more"), ack()]);
        scene.backend_receives(&[data(1, b"\0\0\0\0\x05hello"), window_update(1, 9), data(1, b"more"), ack()]);
        scene.raw(true, false);
        scene.client_sends(&[ack(), ack()]);
        scene.backend_receives(&[ack(), ack()]);
    });
}

/// RFC 9113 section 6.5.3.
#[test]
fn an_ack_that_crosses_the_backends_settings_leaves_theirs_their_own() {
    every_way(|scene| {
        greeted(scene);
        scene.client_sends(&[headers(1, &call()), data(1, &[7; 40])]);
        scene.backend_sends(&[settings(&[(3, 250)]), ack()]);
        scene.client_hears(&[settings(&[(3, 250)]), ack()]);
        scene.client_sends(&[data(1, b""), ack(), ack()]);
        let kept = [headers(1, &call()), data(1, &[7; 40]), data(1, b""), ack()].concat();
        scene.backend_receives(&[preface(), settings(&[(4, 65_535)]), kept]);
        scene.raw(true, true);
    });
}

/// RFC 9113 section 4.1.
#[test]
fn payload_that_looks_like_an_ack_is_payload() {
    every_way(|scene| {
        greeted(scene);
        let payload = [ack(), ack()].concat();
        scene.client_sends(&[headers(1, &call()), data(1, &payload), ack()]);
        let expected = [headers(1, &call()), data(1, &payload)].concat();
        scene.backend_receives(&[preface(), settings(&[(4, 65_535)]), expected]);
    });
}

/// RFC 9113 section 6.5.3: one ACK for each SETTINGS, never two.
#[test]
fn a_client_that_needs_the_ack_gets_it_and_the_backends_is_swallowed() {
    every_way(|scene| {
        acknowledged(scene);
        scene.client_sends(&[headers(1, &call())]);
        scene.backend_receives(&[preface(), settings(&[(4, 65_535)]), headers(1, &call())]);
        scene.raw(false, false);
        scene.backend_sends(&[settings(&[(9, 1)]), ack(), window_update(0, 5), ack()]);
        scene.client_hears(&[settings(&[(3, 0x7fff_ffff)]), window_update(0, 5), ack()]);
        scene.raw(true, true);
    });
}

/// RFC 9113 section 6.5.3.
#[test]
fn a_client_that_does_not_even_acknowledge_ours_gets_it_too() {
    every_way(|scene| {
        greeted(scene);
        scene.client_is_quiet(Nudge::AckUnasked);
        scene.client_hears(&[ack()]);
        scene.client_sends(&[headers(1, &call()), ack()]);
        scene.backend_sends(&[settings(&[(3, 1)]), ack()]);
        scene.client_hears(&[settings(&[(3, 1)])]);
        scene.backend_receives(&[preface(), settings(&[(4, 65_535)]), headers(1, &call())]);
        scene.raw(true, true);
    });
}

/// RFC 9113 section 6.5.3 wants the ACK at once; old grpc-core servers send it behind their response.
#[test]
fn a_backend_that_acknowledges_with_its_response_is_waited_for() {
    every_way(|scene| {
        acknowledged(scene);
        scene.client_sends(&[headers(1, &call())]);
        let response = [headers(1, b"\x88"), data(1, &ack()), frame(1, 5, 1, b"\x89")].concat();
        scene.backend_sends(&[settings(&[(3, 1)]), response.clone(), ack(), ping(b"frombknd"), ack()]);
        scene.client_hears(&[settings(&[(3, 1)]), response, ping(b"frombknd"), ack()]);
        scene.raw(true, true);
    });
}

#[test]
fn an_ack_that_nobody_asked_for_is_an_error() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[]), ack()]);
        scene.client_broke(ErrorCode::ProtocolError, "RFC 9113 section 6.5.3");
        scene.client_is_dismissed(&[own_settings(), goaway_frame(0, 1)]);
    });
    every_way(|scene| {
        greeted(scene);
        scene.client_sends(&[ack(), ack()]);
        scene.client_broke(ErrorCode::ProtocolError, "RFC 9113 section 6.5.3");
        scene.client_is_dismissed(&[goaway_frame(0, 1)]);
    });
}

#[test]
fn an_ack_inside_a_header_block_is_an_error() {
    every_way(|scene| {
        greeted(scene);
        scene.client_sends(&[frame(1, 0, 1, &call()), ack()]);
        scene.client_broke(ErrorCode::ProtocolError, "RFC 9113 section 6.10");
        scene.client_is_dismissed(&[goaway_frame(1, 1)]);
    });
    every_way(|scene| {
        greeted(scene);
        scene.client_sends(&[headers(1, &call()), frame(1, 0, 3, &call()), ack()]);
        scene.client_broke(ErrorCode::ProtocolError, "RFC 9113 section 6.10");
    });
    at_once(|scene| {
        greeted(scene);
        scene.client_sends(&[headers(1, &call()), frame(1, 0, 3, &call()), ack()]);
        // In one read with the request, it is found before a backend is asked, and the request was on stream 1.
        assert!(matches!(scene.client_fault, Some(crate::bridge::Fault::Connection { stream: 1, .. })));
    });
}

#[test]
fn a_malformed_ack_behind_the_request_is_an_error() {
    for (frame, code) in
        [(frame(4, 1, 3, b""), ErrorCode::ProtocolError), (frame(4, 1, 0, b"x"), ErrorCode::FrameSizeError)]
    {
        every_way(|scene| {
            greeted(scene);
            scene.client_sends(&[headers(1, &call())]);
            scene.client_sends(std::slice::from_ref(&frame));
            scene.client_broke(code, "RFC 9113 section 6.5");
        });
    }
}

/// RFC 9113 section 6.5.3: a backend that read them together might acknowledge them with one ACK.
#[test]
fn settings_behind_the_request_wait_for_the_ack_that_is_swallowed() {
    every_way(|scene| {
        acknowledged(scene);
        scene.client_sends(&[headers(1, &call()), settings(&[(4, 1)]), settings(&[]), data(1, b"x")]);
        scene.backend_receives(&[preface(), settings(&[(4, 65_535)]), headers(1, &call()), data(1, b"x")]);
        scene.backend_sends(&[settings(&[(3, 1)]), headers(1, b"\x88")]);
        scene.backend_receives(&[]);
        scene.backend_sends(&[ack()]);
        scene.backend_receives(&[settings(&[(4, 1)]), settings(&[])]);
        scene.raw(true, true);
        // A backend may acknowledge both or, as Go's does, one: the client hears what it would without us.
        scene.backend_sends(&[ack()]);
        scene.client_hears(&[settings(&[(3, 1)]), headers(1, b"\x88"), ack()]);
    });
}

/// Plays until the backend's ACK comes when the client has sent `length` bytes of `frames` behind SETTINGS held back;
/// what the backend got before, at, and after the ACK.
fn released_at(length: usize, frames: &[u8]) -> [Vec<u8>; 3] {
    let mut scene = Scene::new(Cut::Whole);
    acknowledged(&mut scene);
    scene.client_sends(&[headers(1, &call())]);
    scene.backend_sends(&[settings(&[])]);
    scene.backend_receives(&[preface(), settings(&[(4, 65_535)]), headers(1, &call())]);
    scene.client_sends(&[settings(&[(4, 9)]), frames[..length].to_vec()]);
    let before = scene.received();
    scene.backend_sends(&[ack()]);
    let at = scene.received();
    scene.client_sends(&[frames[length..].to_vec()]);
    scene.raw(true, true);
    [before, at, scene.received()]
}

/// RFC 9113 section 4.1: frames are not interleaved.
#[test]
fn what_was_held_back_is_released_between_frames() {
    let frames = [data(1, b"hello"), data(1, b"")].concat();
    let held = settings(&[(4, 9)]);
    for length in 0..=frames.len() {
        let (sent, rest) = frames.split_at(length);
        let expected = match length {
            // No head is whole, so nothing of the frame has gone ahead.
            0..9 => [vec![], [&held, sent].concat(), rest.to_vec()],
            9..14 => [sent.to_vec(), vec![], [&rest[..14 - length], &held, &frames[14..]].concat()],
            14..23 => [frames[..14].to_vec(), [&held, &frames[14..length]].concat(), rest.to_vec()],
            _ => [sent.to_vec(), held.clone(), vec![]],
        };
        assert_eq!(released_at(length, &frames), expected, "{length} bytes");
    }
}

/// RFC 9113 section 4.1.
#[test]
fn settings_that_are_not_whole_when_the_ack_comes_are_released_when_they_are() {
    let held = settings(&[(4, 9)]);
    let second = settings(&[(4, 10), (5, 16_384)]);
    let frames = [second.clone(), data(1, b"")].concat();
    for length in 0..30 {
        let (sent, rest) = frames.split_at(length);
        let expected = match length {
            0..9 => [vec![], [&held, sent].concat(), rest.to_vec()],
            9..21 => [vec![], vec![], [&held, &frames[..]].concat()],
            _ => [vec![], [&held, sent].concat(), rest.to_vec()],
        };
        assert_eq!(released_at(length, &frames), expected, "{length} bytes");
    }
    // The DATA behind them has gone ahead.
    assert_eq!(released_at(30, &frames), [data(1, b""), [held, second].concat(), vec![]]);
}

/// RFC 9113 section 6.10.
#[test]
fn what_was_held_back_is_never_released_inside_a_header_block() {
    let block = [frame(1, 0, 3, b"\x83\x86"), frame(9, 0, 3, b"\x84"), frame(9, 4, 3, b"")].concat();
    let frames = [block.clone(), data(3, b"x")].concat();
    let held = settings(&[(4, 9)]);
    for length in 0..=frames.len() {
        let all = released_at(length, &frames).concat();
        let expected = if length < 9 {
            [held.clone(), frames.clone()]
        } else if length < block.len() + 9 {
            [[&block[..], &held].concat(), data(3, b"x")]
        } else {
            [frames.clone(), held.clone()]
        };
        assert_eq!(hex(&all), hex(&expected.concat()), "{length} bytes");
    }
}

/// What the backend has got in the end of a client that has SETTINGS held back and ends behind `length` bytes of `frames`.
fn ended_at(length: usize, frames: &[u8]) -> Vec<u8> {
    let mut scene = Scene::new(Cut::Whole);
    acknowledged(&mut scene);
    scene.client_sends(&[headers(1, &call())]);
    scene.received();
    scene.client_sends(&[settings(&[(4, 9)]), frames[..length].to_vec()]);
    scene.client_ends();
    let all = scene.received();
    scene.raw(true, false);
    // The ACK that it waited for has nothing left to release.
    scene.backend_sends(&[settings(&[]), ack(), headers(1, b"\x88")]);
    scene.backend_receives(&[]);
    scene.client_hears(&[settings(&[(3, 0x7fff_ffff)]), headers(1, b"\x88")]);
    all
}

/// RFC 9113 section 6.5.3: every SETTINGS is acknowledged, those of a client that has sent all it had, too.
#[test]
fn what_is_held_back_of_a_client_that_ends_its_side_goes_before_the_end() {
    let held = settings(&[(4, 9)]);
    let second = settings(&[(4, 10)]);
    let frames = [data(1, b"hello"), second, data(1, b"")].concat();
    for length in 0..=frames.len() {
        let sent = &frames[..length];
        let expected = match length {
            // Nothing of the head has gone ahead.
            0..9 => [&held, sent].concat(),
            // In the middle of DATA they would be read as a part of it.
            9..14 => sent.to_vec(),
            14..38 => [&sent[..14], &held, &sent[14..]].concat(),
            _ => [&sent[..14], &sent[29..], &held, &sent[14..29]].concat(),
        };
        assert_eq!(hex(&ended_at(length, &frames)), hex(&expected), "{length} bytes");
    }
}

/// RFC 9113 section 6.10: nor in the middle of a header block.
#[test]
fn what_is_held_back_of_a_client_that_ends_within_a_header_block_goes_nowhere() {
    let block = [frame(1, 0, 3, b"\x83\x86"), frame(9, 4, 3, b"\x84")].concat();
    let held = settings(&[(4, 9)]);
    for length in 0..=block.len() {
        let expected = match length {
            0..9 => [&held, &block[..length]].concat(),
            9..21 => block[..length].to_vec(),
            _ => [&block[..], &held].concat(),
        };
        assert_eq!(hex(&ended_at(length, &block)), hex(&expected), "{length} bytes");
    }
}

/// RFC 9113 section 6.5.3: a backend that acknowledges several SETTINGS with one ACK, as Go's does. The one that is
/// swallowed is for the replayed SETTINGS alone, and what follows is the client's.
#[test]
fn a_backend_that_coalesces_its_acks_owes_one_for_the_replay_and_one_for_the_rest() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[(4, 1)]), settings(&[(4, 2)])]);
        scene.client_hears(&[own_settings(), ack(), ack()]);
        scene.client_sends(&[ack(), headers(1, &call()), settings(&[(4, 3)]), settings(&[(4, 4)])]);
        // To a backend that read all three at once it would owe one ACK, and we would swallow that.
        scene.backend_receives(&[preface(), settings(&[(4, 2)]), headers(1, &call())]);
        scene.backend_sends(&[settings(&[(3, 1)]), ack()]);
        scene.backend_receives(&[settings(&[(4, 3)]), settings(&[(4, 4)])]);
        scene.backend_sends(&[ack(), headers(1, b"\x88")]);
        scene.client_hears(&[settings(&[(3, 1)]), ack(), headers(1, b"\x88")]);
        scene.raw(true, true);
    });
}

#[test]
fn settings_held_back_have_their_limits() {
    let play = |frames: &[Vec<u8>]| {
        let mut scene = Scene::new(Cut::Whole);
        acknowledged(&mut scene);
        scene.client_sends(&[headers(1, &call())]);
        scene.client_sends(frames);
        scene
    };
    let half = frame(4, 0, 0, &[0; 8190]);
    assert_eq!(play(&[half.clone(), half.clone()]).client_fault, None);
    play(&[half.clone(), half, settings(&[]), settings(&[])])
        .client_broke(ErrorCode::EnhanceYourCalm, "RFC 9113 section 10.5");
    play(&[vec![0, 0x40, 2, 4, 0, 0, 0, 0, 0]]).client_reached(Limit::FramePayloadBytes);
    play(&[frame(1, 0, 3, b""), settings(&[])]).client_broke(ErrorCode::ProtocolError, "RFC 9113 section 6.10");
}
