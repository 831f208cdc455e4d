//! Several SETTINGS of a client: one frame for the backend and one ACK to swallow, or none touched.

use super::support::*;
use crate::bridge::Nudge;

/// RFC 9113 sections 6.5.3 and 4.3.1: of several table sizes the smallest counts (RFC 7541 section 4.2).
#[test]
fn second_settings_are_acknowledged_at_once_and_merged() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[(1, 0), (4, 1)])]);
        scene.client_hears(&[]);
        scene.client_sends(&[settings(&[(1, 4096), (4, 2), (5, 16_384)])]);
        scene.client_hears(&[own_settings(), ack(), ack()]);
        scene.client_sends(&[ack(), window_update(0, 7), headers(1, &call())]);
        scene.client_hears(&[]);
        let merged = settings(&[(1, 0), (4, 2), (5, 16_384)]);
        scene.backend_receives(&[preface(), merged, window_update(0, 7), headers(1, &call())]);
        scene.backend_sends(&[settings(&[(3, 8)]), ack(), headers(1, b"\x88")]);
        scene.client_hears(&[settings(&[(3, 8)]), headers(1, b"\x88")]);
        scene.raw(true, true);
    });
}

/// RFC 9113 section 6.5.3.
#[test]
fn settings_behind_our_ack_are_acknowledged_even_when_the_request_comes_with_them() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[(4, 1)])]);
        scene.client_is_quiet(Nudge::Settings);
        scene.client_is_quiet(Nudge::AckUnasked);
        scene.client_hears(&[own_settings(), ack()]);
        scene.client_sends(&[ack(), settings(&[(4, 2)]), headers(1, &call())]);
        scene.client_hears(&[ack()]);
        scene.backend_receives(&[preface(), settings(&[(4, 2)]), headers(1, &call())]);
        scene.backend_sends(&[settings(&[(3, 8)]), ack()]);
        scene.client_hears(&[settings(&[(3, 8)])]);
    });
}

/// RFC 9113 section 6.5.3.
#[test]
fn several_settings_with_the_request_are_the_backends_to_acknowledge() {
    at_once(|scene| {
        let opening = [preface(), settings(&[(1, 0)]), settings(&[(1, 4096)]), headers(1, &call())];
        scene.client_sends(&opening);
        scene.client_hears(&[]);
        scene.backend_receives(&opening);
        scene.backend_sends(&[settings(&[]), ack(), ack()]);
        scene.client_hears(&[settings(&[]), ack(), ack()]);
    });
    at_once(|scene| {
        scene.client_sends(&[preface(), settings(&[])]);
        scene.client_is_quiet(Nudge::Settings);
        scene.client_hears(&[own_settings()]);
        scene.client_sends(&[ack(), settings(&[(1, 0)]), headers(1, &call())]);
        scene.client_hears(&[]);
        scene.backend_receives(&[preface(), settings(&[]), settings(&[(1, 0)]), headers(1, &call())]);
        scene.backend_sends(&[settings(&[(3, 1)]), ack(), ack()]);
        scene.client_hears(&[settings(&[(3, 1)]), ack(), ack()]);
    });
}

/// RFC 9113 section 6.5.3.
#[test]
fn two_settings_in_one_read_are_two_acks() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[]), settings(&[])]);
        scene.client_hears(&[own_settings(), ack(), ack()]);
        scene.client_waits_for_nothing();
        scene.client_sends(&[settings(&[(2, 0)])]);
        scene.client_hears(&[ack()]);
        scene.client_sends(&[headers(1, &call())]);
        scene.backend_receives(&[preface(), settings(&[(2, 0)]), headers(1, &call())]);
    });
}

/// RFC 9113 section 3.4: the preface ends with SETTINGS.
#[test]
fn merged_settings_stand_before_everything_else() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[(4, 1)]), window_update(0, 1)]);
        scene.client_sends(&[settings(&[(0xfe03, 1)])]);
        scene.client_sends(&[headers(3, &call())]);
        let merged = settings(&[(4, 1), (0xfe03, 1)]);
        scene.backend_receives(&[preface(), merged, window_update(0, 1), headers(3, &call())]);
    });
}
