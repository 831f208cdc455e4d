//! What a client is told that was handed over already: in place of a backend that says nothing, and of its own faults.

use std::time::{Duration, Instant};

use spliceway::log::{Cause, Side};

use super::handshake;
use crate::support::h2::{
    self, END_HEADERS, END_STREAM, Frame, HEADERS, decoded, frame, goaway, greeting, refusal, settings, value,
};
use crate::support::{Backend, Front, Peer, two_pools};

/// A client, and the backend that has its first request and has said nothing. `waits`: it has heard our SETTINGS, and has
/// not acknowledged them.
fn called(front: &Front, backend: &Backend, waits: bool) -> (Peer, Peer) {
    if !waits {
        return handshake::called(front, backend, false);
    }
    let mut client = front.connect();
    client.sends(greeting());
    client.receives(h2::OWN_SETTINGS);
    client.sends(h2::call(1, &[]));
    let mut served = backend.accept();
    served.receives([greeting(), h2::call(1, &[])].concat());
    (client, served)
}

/// A proxy that ends connections to the first backend before a request of `x-ns: b`.
fn closing(backend: &Backend, other: &Backend) -> Front {
    let listener = "default_pool = \"a\"\nwatch = true\non_mismatch = \"close\"";
    two_pools(backend, other, listener, "[[route]]\nmatch = \"x-ns=b\"\npool = \"b\"\n")
}

/// All frames up to the end.
fn frames(client: &mut Peer) -> Vec<Frame> {
    let mut frames = Vec::new();
    while frames.last().is_none_or(|frame: &Frame| frame.kind != h2::GOAWAY) {
        frames.push(client.receive_frame());
    }
    client.receives_end();
    frames
}

/// RFC 9113 section 6.8.
#[test]
fn every_call_that_a_dead_backend_was_sent_is_answered() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    for waits in [false, true] {
        let (mut client, mut served) = called(&front, &backend, waits);
        let later = [h2::call(3, &[]), h2::get(5, &[]), frame(h2::DATA, END_STREAM, 3, b"ended")].concat();
        client.sends(&later);
        served.receives(&later);
        drop(served);
        let mut heard = frames(&mut client);
        let greeted = if waits { 1 } else { 2 };
        assert!(heard.drain(..greeted).all(|frame| frame.kind == h2::SETTINGS));
        let heads: Vec<(u8, u8, u32)> = heard.iter().map(|frame| (frame.kind, frame.flags, frame.stream)).collect();
        let answer = |stream| (HEADERS, END_HEADERS | END_STREAM, stream);
        assert_eq!(heads, [answer(1), (h2::RST_STREAM, 0, 1), answer(3), answer(5), (h2::GOAWAY, 0, 0)]);
        let mut decoder = hpack::Decoder::new();
        let mut statuses = Vec::new();
        for answer in heard.iter().filter(|frame| frame.kind == HEADERS) {
            let fields = decoded(&mut decoder, &answer.payload);
            assert_eq!(value(&fields, "grpc-message"), "the backend closed the connection without an answer");
            statuses.push((value(&fields, ":status").to_owned(), value(&fields, "grpc-status").to_owned()));
        }
        let pair = |http: &str, grpc: &str| (http.to_owned(), grpc.to_owned());
        assert_eq!(statuses, [pair("200", "14"), pair("502", "14"), pair("502", "14")]);
        assert_eq!(heard.last().unwrap().payload, [0, 0, 0, 5, 0, 0, 0, 0]);
        drop(client);
        front.closed(Side::Backend, Cause::Truncated);
    }
}

/// RFC 9113 section 5.4.1.
#[test]
fn a_client_hears_of_a_fault_behind_its_first_request() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    for speaks in [false, true] {
        let (mut client, mut served) = called(&front, &backend, true);
        if speaks {
            served.sends(settings(&[(3, 9)]));
            client.receives(settings(&[(3, 9)]));
        }
        client.sends(h2::call(3, &[]));
        served.receives(h2::call(3, &[]));
        // The ACK of our SETTINGS, and it says something.
        client.sends([frame(h2::SETTINGS, h2::ACK, 0, &[0; 6]), vec![7; 100_000]].concat());
        client.receives(goaway(3, 6));
        client.receives_end();
        drop(client);
        let summary = front.closed(Side::Client, Cause::Malformed);
        assert_eq!(summary.detail.as_deref(), Some("a frame of the wrong length (RFC 9113 section 6.5) at byte 0"));
        assert!(served.receive_all().is_empty());
    }
}

#[test]
fn a_client_hears_of_a_backend_that_says_nothing_until_the_idle_time_out() {
    let backend = Backend::listen();
    let front = Front::start(&format!(
        "shards = 1\n[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\ndefault_pool = \"main\"\n\
         [[pool]]\nname = \"main\"\nbackends = \"{}\"\nidle_timeout = \"1s\"\n",
        backend.address()
    ));
    let (mut client, _served) = called(&front, &backend, false);
    let answer = client.receives_answer(false, false);
    assert_eq!((value(&answer, ":status"), value(&answer, "grpc-status")), ("200", "14"));
    assert_eq!(value(&answer, "grpc-message"), "the backend has said nothing until the idle time-out");
    drop(client);
    front.closed(Side::Proxy, Cause::Idle);

    let mut client = front.connect();
    client.sends("GET / HTTP/1.1\r\nHost: api.example\r\n\r\n");
    let _served = backend.accept();
    let answer = String::from_utf8(client.receive_all()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{answer}");
    assert!(answer.contains("error=connection_read_timeout;"), "{answer}");
    drop(client);
    front.closed(Side::Proxy, Cause::Idle);

    // Who has heard something would take an answer for a part of it.
    let (mut client, mut served) = called(&front, &backend, false);
    served.sends(settings(&[]));
    client.receives(settings(&[]));
    client.receives_end();
    drop(client);
    front.closed(Side::Proxy, Cause::Idle);
}

#[test]
fn a_later_request_is_refused_in_place_of_a_backend_that_says_nothing() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = closing(&backend, &other);
    for waits in [false, true] {
        let (mut client, _served) = called(&front, &backend, waits);
        let begun = Instant::now();
        client.sends([h2::call(3, &[]), h2::call(5, &[("x-ns", "b")])].concat());
        let greeting = [h2::OWN_SETTINGS.to_vec(), h2::SETTINGS_ACK.to_vec()].concat();
        client.receives([&greeting[if waits { 15 } else { 0 }..], &refusal(3, 5)].concat());
        client.receives_end();
        assert!(begun.elapsed() > Duration::from_secs(1), "the backend is given its time");
        drop(client);
        front.closed(Side::Client, Cause::Misrouted);
    }
}

/// What the watch has kept from the backend may be made again, whatever becomes of the rest.
#[test]
fn a_request_that_a_dead_backend_was_not_sent_may_be_made_again() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = closing(&backend, &other);
    let (mut client, mut served) = called(&front, &backend, false);
    client.sends([h2::call(3, &[]), h2::call(5, &[("x-ns", "b")])].concat());
    served.receives(h2::call(3, &[]));
    drop(served);
    let heard = frames(&mut client);
    let answered: Vec<u32> = heard.iter().filter(|frame| frame.kind == HEADERS).map(|frame| frame.stream).collect();
    assert_eq!(answered, [1, 3]);
    assert_eq!(heard.last().unwrap().payload, [0, 0, 0, 3, 0, 0, 0, 0]);
    drop(client);
    front.closed(Side::Backend, Cause::Truncated);
}
