//! Whole connections of known pairs of clients and backends, both directions interleaved.

use super::support::*;
use crate::bridge::Nudge;

#[test]
fn grpc_core_and_a_backend_of_go() {
    every_way(|scene| {
        let client = settings(&[(2, 0), (3, 0), (4, 4_194_304), (5, 4_194_304), (6, 16_384), (0xfe03, 1)]);
        scene.client_sends(&[preface(), client.clone(), window_update(0, 4_128_769)]);
        scene.client_is_quiet(Nudge::Settings);
        scene.client_hears(&[own_settings()]);
        scene.client_sends(&[ack(), headers(1, &call()), window_update(1, 5), data(1, b"\0\0\0\0\0")]);
        let request = [headers(1, &call()), window_update(1, 5), data(1, b"\0\0\0\0\0")].concat();
        scene.backend_receives(&[preface(), client, window_update(0, 4_128_769), request]);
        scene.backend_sends(&[settings(&[(3, 250), (5, 1_048_576), (9, 1)]), ack(), window_update(0, 983_041)]);
        scene.client_hears(&[settings(&[(3, 250), (5, 1_048_576)]), ack(), window_update(0, 983_041)]);
        scene.raw(true, true);
        scene.client_sends(&[ack(), ping(b"bdpprobe")]);
        scene.backend_receives(&[ack(), ping(b"bdpprobe")]);
    });
}

#[test]
fn a_conformance_tester_and_a_backend_that_acknowledges_late() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[(4, 65_535)])]);
        scene.client_is_quiet(Nudge::Settings);
        scene.client_sends(&[ack()]);
        scene.client_is_quiet(Nudge::Ack);
        scene.client_hears(&[own_settings(), ack()]);
        scene.client_sends(&[headers(1, &call()), data(1, &[1; 20])]);
        scene.backend_sends(&[settings(&[(3, 128)])]);
        scene.client_hears(&[settings(&[(3, 128)])]);
        scene.client_sends(&[ack(), data(1, &[2; 20])]);
        scene.backend_receives(&[
            [preface(), settings(&[(4, 65_535)]), headers(1, &call()), data(1, &[1; 20])].concat(),
            [ack(), data(1, &[2; 20])].concat(),
        ]);
        scene.backend_sends(&[headers(1, b"\x88"), ack(), data(1, b"answer")]);
        scene.client_hears(&[headers(1, b"\x88"), data(1, b"answer")]);
        scene.raw(true, true);
    });
}

/// RFC 9113 section 6.5.3.
#[test]
fn a_late_ack_of_the_client_and_a_late_ack_of_the_backend() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[])]);
        scene.client_is_quiet(Nudge::Settings);
        scene.client_is_quiet(Nudge::AckUnasked);
        scene.client_sends(&[headers(1, &call())]);
        scene.raw(false, false);
        scene.backend_sends(&[settings(&[(3, 1)]), headers(1, b"\x88")]);
        scene.client_sends(&[settings(&[(4, 7)]), ack(), ack()]);
        // The second ACK is for the backend's SETTINGS; the client's wait for the backend's ACK.
        scene.backend_receives(&[preface(), settings(&[]), headers(1, &call()), ack()]);
        scene.raw(false, false);
        scene.backend_sends(&[ack(), data(1, b"x")]);
        scene.backend_receives(&[settings(&[(4, 7)])]);
        scene.raw(true, true);
        scene.client_hears(&[own_settings(), ack(), settings(&[(3, 1)]), headers(1, b"\x88"), data(1, b"x")]);
    });
}

/// RFC 9113 section 4.1.
#[test]
fn frames_of_every_length_pass_while_an_ack_is_due() {
    for length in [0, 1, 255, 256, 65_536, 200_000] {
        let mut scene = Scene::new(Cut::At(100_000));
        scene.client_sends(&[preface(), settings(&[])]);
        scene.client_is_quiet(Nudge::Settings);
        scene.client_sends(&[headers(1, &call())]);
        let long = data(1, &vec![4; length]);
        scene.client_sends(&[long.clone(), ack(), long.clone()]);
        scene.backend_receives(&[preface(), settings(&[]), headers(1, &call()), long.clone(), long]);
        scene.raw(true, false);
    }
}
