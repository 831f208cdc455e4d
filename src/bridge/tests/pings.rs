//! PING before the first request: one answer, from us or from the backend, never from both.

use super::support::*;
use crate::bridge::Nudge;

/// RFC 9113 section 6.7: one answer. Before ours, our SETTINGS: a server's first frame (section 3.4).
#[test]
fn a_ping_without_a_request_is_answered_once_and_not_replayed() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[(4, 1)]), ping(b"12345678")]);
        scene.client_hears(&[own_settings(), ack(), ping_ack(b"12345678")]);
        scene.client_waits_for_nothing();
        scene.client_sends(&[ack()]);
        scene.client_sends(&[ping(b"abcdefgh")]);
        scene.client_hears(&[ping_ack(b"abcdefgh")]);
        scene.client_sends(&[headers(1, &call())]);
        scene.backend_receives(&[preface(), settings(&[(4, 1)]), headers(1, &call())]);
        scene.backend_sends(&[settings(&[(3, 1)]), ack(), ping_ack(b"stranger")]);
        scene.client_hears(&[settings(&[(3, 1)]), ping_ack(b"stranger")]);
    });
}

/// RFC 9113 section 6.7.
#[test]
fn a_ping_with_a_request_is_the_backends_to_answer() {
    at_once(|scene| {
        let opening = [preface(), settings(&[]), ping(b"12345678"), window_update(0, 1), headers(1, &call())];
        scene.client_sends(&opening);
        scene.client_hears(&[]);
        scene.backend_receives(&opening);
    });
    at_once(|scene| {
        scene.client_sends(&[preface(), settings(&[])]);
        scene.client_is_quiet(Nudge::Settings);
        scene.client_hears(&[own_settings()]);
        scene.client_sends(&[ack(), ping(b"12345678"), headers(1, &call()), ping(b"abcdefgh")]);
        scene.client_hears(&[]);
        let replay = [ping(b"12345678"), headers(1, &call()), ping(b"abcdefgh")].concat();
        scene.backend_receives(&[preface(), settings(&[]), replay]);
    });
}

/// RFC 9113 section 6.7.
#[test]
fn a_ping_with_the_start_of_a_request_is_the_backends_to_answer() {
    for length in 9..headers(1, &call()).len() {
        at_once(|scene| {
            let request = headers(1, &call());
            let opening = [preface(), settings(&[]), ping(b"12345678")].concat();
            scene.client_sends(&[opening.clone(), request[..length].to_vec()]);
            scene.client_hears(&[]);
            scene.client_sends(&[request[length..].to_vec()]);
            scene.client_hears(&[]);
            scene.backend_receives(&[opening, request]);
        });
    }
}

/// RFC 9113 section 6.7.
#[test]
fn a_ping_is_answered_once_however_it_arrives() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[]), ping(b"12345678"), headers(1, &call())]);
        let (heard, received) = (scene.heard(), scene.received());
        let answered = heard == [own_settings(), ack(), ping_ack(b"12345678")].concat();
        let kept = received == [preface(), settings(&[]), ping(b"12345678"), headers(1, &call())].concat();
        let dropped = received == [preface(), settings(&[]), headers(1, &call())].concat();
        assert!(heard.is_empty() && kept || answered && dropped, "{heard:?} {received:?}");
    });
}

/// RFC 9113 section 6.7.
#[test]
fn a_stray_answer_is_tolerated_and_not_forwarded() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[]), ping_ack(b"12345678"), headers(1, &call())]);
        scene.client_hears(&[]);
        scene.backend_receives(&[preface(), settings(&[]), headers(1, &call())]);
    });
}
