//! What a backend says first: its SETTINGS rewritten where ours went before, untouched where not, and HTTP/1 found out.

use super::support::*;
use crate::bridge::{BackendFault, Nudge};
use crate::config::OwnSettings;

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

/// RFC 9218 section 2.1: it must not change after the first SETTINGS, which were ours.
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

/// RFC 9113 section 6.5: the later ones are between the backend and its client.
#[test]
fn only_the_first_settings_are_rewritten() {
    every_way(|scene| {
        waited(scene);
        scene.backend_sends(&[settings(&[(3, 250)]), settings(&[(4, 1)]), ack()]);
        scene.client_hears(&[settings(&[(3, 250)]), settings(&[(4, 1)]), ack()]);
    });
}

/// RFC 9113 section 10.5: nghttp2 refuses more.
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

/// RFC 8441 section 3 and RFC 9113 section 6.5.2: what a listener announces besides the limit of streams.
#[test]
fn what_a_listener_announces_is_completed_and_never_taken_back() {
    let own = OwnSettings {
        max_concurrent_streams: 9,
        initial_window_size: Some(32_768),
        max_header_list_size: Some(16_384),
        enable_connect_protocol: true,
    };
    let said = settings(&[(3, 9), (4, 32_768), (6, 16_384), (8, 1)]);
    for (backend, heard) in [
        (vec![], vec![(3, 0x7fff_ffff), (4, 65_535), (6, 0x7fff_ffff)]),
        (vec![(9, 1), (8, 0), (4, 1_048_576)], vec![(4, 1_048_576), (3, 0x7fff_ffff), (6, 0x7fff_ffff)]),
        (vec![(8, 1), (3, 5), (4, 6), (6, 7)], vec![(8, 1), (3, 5), (4, 6), (6, 7)]),
    ] {
        for cut in [Cut::Whole, Cut::Bytes] {
            let mut scene = Scene::announcing(own, cut);
            scene.client_sends(&[preface(), settings(&[])]);
            scene.client_is_quiet(Nudge::Settings);
            scene.client_hears(std::slice::from_ref(&said));
            scene.client_sends(&[ack(), headers(1, &call())]);
            scene.backend_sends(&[settings(&backend), settings(&[(8, 0)])]);
            scene.client_hears(&[settings(&heard), settings(&[(8, 0)])]);
        }
    }
    let mut eager = Scene::announcing(own, Cut::Whole);
    eager.client_sends(&[preface(), settings(&[]), headers(1, &call())]);
    eager.backend_sends(&[settings(&[(9, 1), (8, 0)])]);
    eager.client_hears(&[settings(&[(9, 1), (8, 0)])]);
}

/// RFC 9113 section 6.5.3: whoever has heard nothing of us owes us no ACK.
#[test]
fn where_nothing_was_said_every_byte_is_left() {
    every_way(|scene| {
        eager(scene);
        let words = [settings(&[(9, 1), (9, 0)]), ack(), ack(), frame(0xff, 0xff, 0x8000_0001, b"\0")];
        scene.backend_sends(&words);
        scene.client_hears(&words);
        scene.raw(true, true);
    });
}

/// How other servers than those of HTTP/2 begin, and frames that no server may begin with.
fn other_than_settings() -> Vec<Vec<u8>> {
    let tls_alert = b"\x15\x03\x01\x00\x02\x02\x46".to_vec();
    let greetings = [b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), b"SSH-2.0-x\r\n".to_vec(), b"220 x\r\n".to_vec()];
    let part_of_an_entry = frame(4, 0, 0, &[0; 7]);
    let too_long = vec![0, 0x40, 2, 4, 0, 0, 0, 0, 0];
    let on_a_stream = frame(4, 0, 1, b"");
    let frames = [ack(), headers(1, b"\x88"), goaway_frame(0, 0), ping(b"12345678"), data(0, b"")];
    [&greetings[..], &[tls_alert, part_of_an_entry, too_long, on_a_stream], &frames].concat()
}

/// RFC 9113 section 3.4: a server's preface is SETTINGS. Whoever has spoken first.
#[test]
fn a_backend_that_does_not_begin_with_settings_is_found_out_before_the_client_hears_of_it() {
    for opening in [waited, eager] {
        for first in other_than_settings() {
            every_way(|scene| {
                opening(scene);
                scene.backend_sends(&[first.clone(), settings(&[])]);
                assert_eq!(scene.backend_fault, Some(BackendFault::NotHttp2));
                scene.client_hears(&[]);
                scene.answerable(true);
            });
        }
    }
}

/// RFC 9113 section 3.4: not a byte later than that, as a backend of another protocol may say little and then wait.
#[test]
fn another_protocol_is_found_out_at_its_first_byte_that_cannot_be_settings() {
    let sound = [0, 0x3f, 0xf6, 4, 0, 0x80, 0, 0, 0];
    for opening in [waited, eager] {
        for (at, wrong) in [(0, b'H'), (1, 0x41), (3, 0), (3, 7), (4, 1), (5, 1), (6, 1), (7, 1), (8, 1)] {
            let mut scene = Scene::new(Cut::Whole);
            opening(&mut scene);
            scene.backend_sends(&[sound[..at].to_vec()]);
            assert_eq!(scene.backend_fault, None, "{at} bytes");
            scene.client_hears(&[]);
            scene.backend_sends(&[vec![wrong]]);
            assert_eq!(scene.backend_fault, Some(BackendFault::NotHttp2), "{wrong} at {at}");
        }
        let mut scene = Scene::new(Cut::Whole);
        opening(&mut scene);
        scene.backend_sends(&[sound.to_vec()]);
        assert_eq!(scene.backend_fault, None);
    }
}

/// RFC 9113 section 3.4: until then an answer of ours can take the backend's place.
#[test]
fn nothing_is_heard_of_settings_before_they_are_whole() {
    let first = settings(&[(4, 1), (3, 2)]);
    for length in 0..first.len() {
        at_once(|scene| {
            eager(scene);
            scene.backend_sends(&[first[..length].to_vec()]);
            scene.answerable(length < 9);
            scene.raw(true, length >= 9);
            scene.backend_sends(&[first[length..].to_vec()]);
            scene.client_hears(std::slice::from_ref(&first));
            scene.answerable(false);
        });
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

/// RFC 9113 section 6.5.
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
