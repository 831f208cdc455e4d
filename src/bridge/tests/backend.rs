//! What a backend says first: its SETTINGS rewritten where ours went before, untouched where not, and HTTP/1 found out.

use super::support::*;
use crate::bridge::{BackendFault, Nudge};

/// A client that waited has sent its request; the backend has not said anything.
fn waited(scene: &mut Scene) {
    scene.client_sends(&[preface(), settings(&[])]);
    scene.client_is_quiet(Nudge::Settings);
    scene.client_sends(&[ack(), headers(1, &call())]);
    scene.client_hears(&[own_settings()]);
    scene.answerable(true);
}

/// A client that did not wait has sent its request.
fn eager(scene: &mut Scene) {
    scene.client_sends(&[preface(), settings(&[]), headers(1, &call())]);
    scene.client_hears(&[]);
    scene.answerable(true);
}

#[test]
fn the_priority_setting_is_dropped_and_the_stream_limit_completed() {
    every_way(|scene| {
        waited(scene);
        scene.backend_sends(&[settings(&[(5, 1_048_576), (6, 1_048_896), (9, 1)]), window_update(0, 983_041)]);
        let completed = settings(&[(5, 1_048_576), (6, 1_048_896), (3, 0x7fff_ffff)]);
        scene.client_hears(&[completed, window_update(0, 983_041)]);
        scene.answerable(false);
        scene.raw(true, true);
    });
}

#[test]
fn only_the_first_settings_are_rewritten() {
    every_way(|scene| {
        waited(scene);
        scene.backend_sends(&[settings(&[(3, 250)]), settings(&[(4, 1)]), ack()]);
        scene.client_hears(&[settings(&[(3, 250)]), settings(&[(4, 1)]), ack()]);
    });
}

#[test]
fn completion_never_makes_more_than_thirty_two_entries() {
    let many = |count: u16| (0..count).map(|index| (0xf000 + index, 1)).collect::<Vec<_>>();
    for (entries, expected) in [
        (many(32), many(32)),
        (many(31), [many(31), vec![(3, 0x7fff_ffff)]].concat()),
        ([vec![(9, 1)], many(31)].concat(), [many(31), vec![(3, 0x7fff_ffff)]].concat()),
    ] {
        every_way(|scene| {
            waited(scene);
            scene.backend_sends(&[settings(&entries)]);
            scene.client_hears(&[settings(&expected)]);
        });
    }
}

#[test]
fn where_nothing_was_said_every_byte_is_left() {
    every_way(|scene| {
        eager(scene);
        let words = [settings(&[(9, 1), (9, 0)]), ack(), ack(), frame(0xff, 0xff, 0x8000_0001, b"\0")];
        scene.backend_sends(&words);
        scene.client_hears(&words);
        scene.raw(true, true);
    });
    // Not even frames: who said nothing leaves the judgement to the client.
    for bytes in [&b"HTTQ"[..], b"\0", b"HTTP-", b"SSH-2.0"] {
        every_way(|scene| {
            eager(scene);
            scene.backend_sends(&[bytes.to_vec()]);
            scene.client_hears(&[bytes.to_vec()]);
            assert_eq!(scene.backend_fault, None);
        });
    }
}

#[test]
fn a_backend_that_speaks_http1_is_found_out_before_the_client_hears_of_it() {
    for opening in [waited, eager] {
        every_way(|scene| {
            opening(scene);
            scene.backend_sends(&[b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]);
            assert_eq!(scene.backend_fault, Some(BackendFault::NotHttp2));
            scene.client_hears(&[]);
            scene.answerable(true);
        });
        for length in 0..5 {
            at_once(|scene| {
                opening(scene);
                scene.backend_sends(&[b"HTTP/"[..length].to_vec()]);
                scene.answerable(true);
                assert_eq!(scene.backend_fault, None);
                scene.client_hears(&[]);
            });
        }
    }
}

#[test]
fn a_first_frame_other_than_settings_is_no_http2() {
    let part_of_an_entry = frame(4, 0, 0, &[0; 7]);
    let too_long = vec![0, 0x40, 2, 4, 0, 0, 0, 0, 0];
    let on_a_stream = frame(4, 0, 1, b"");
    let frames = [ack(), headers(1, b"\x88"), goaway_frame(0, 0), part_of_an_entry, too_long, on_a_stream];
    for first in frames {
        every_way(|scene| {
            waited(scene);
            scene.backend_sends(&[first.clone(), settings(&[])]);
            assert_eq!(scene.backend_fault, Some(BackendFault::NotHttp2));
            scene.client_hears(&[]);
            scene.answerable(true);
        });
    }
}

#[test]
fn nothing_is_heard_of_settings_before_they_are_whole() {
    let first = settings(&[(4, 1), (3, 2)]);
    for length in 0..first.len() {
        at_once(|scene| {
            waited(scene);
            scene.backend_sends(&[first[..length].to_vec()]);
            scene.client_hears(&[]);
            scene.answerable(true);
            scene.raw(true, false);
            scene.backend_sends(&[first[length..].to_vec()]);
            scene.client_hears(std::slice::from_ref(&first));
            scene.answerable(false);
        });
    }
}

#[test]
fn a_malformed_ack_of_the_backend_is_the_clients_to_refuse() {
    for malformed in [frame(4, 1, 0, &ack()), frame(4, 1, 5, b"")] {
        every_way(|scene| {
            scene.client_sends(&[preface(), settings(&[]), settings(&[])]);
            scene.client_sends(&[ack(), headers(1, &call())]);
            scene.client_hears(&[own_settings(), ack(), ack()]);
            scene.backend_sends(&[settings(&[(3, 1)]), malformed.clone(), ack(), ping(b"12345678")]);
            scene.client_hears(&[settings(&[(3, 1)]), malformed.clone(), ping(b"12345678")]);
        });
    }
}
