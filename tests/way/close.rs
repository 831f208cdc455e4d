//! The summary of each way to end: whose doing, what happened, and exactly how many bytes.

use spliceway::log::{Cause, Side, Summary};

use super::handshake::called;
use crate::support::h2::{self, eager_call, frame, greeting, value};
use crate::support::{Backend, Front, Peer, noise, prefix};

fn bytes(summary: &Summary) -> (u64, u64) {
    (summary.to_backend.total(), summary.to_client.total())
}

fn relayed(front: &Front, backend: &Backend) -> (Peer, Peer) {
    let (mut client, mut served) = (front.connect(), backend.accept());
    client.sends("question");
    served.receives("question");
    served.sends("the answer");
    client.receives("the answer");
    (client, served)
}

#[test]
fn whoever_ends_first_has_finished() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "detect = \"none\"");
    let (client, mut served) = relayed(&front, &backend);
    client.finishes();
    served.receives_end();
    served.finishes();
    assert_eq!(bytes(&front.closed(Side::Client, Cause::Finished)), (8, 10));

    let (mut client, served) = relayed(&front, &backend);
    served.finishes();
    client.receives_end();
    client.finishes();
    assert_eq!(bytes(&front.closed(Side::Backend, Cause::Finished)), (8, 10));
}

#[test]
fn whoever_resets_has_reset() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "detect = \"none\"");
    let (client, _served) = relayed(&front, &backend);
    client.resets();
    assert_eq!(bytes(&front.closed(Side::Client, Cause::Reset)), (8, 10));
    let (_client, served) = relayed(&front, &backend);
    served.resets();
    assert_eq!(bytes(&front.closed(Side::Backend, Cause::Reset)), (8, 10));
}

#[test]
fn large_numbers_are_exact_too() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "proxy_protocol = \"required\"");
    let mut client = front.connect();
    let upload = [b"\0\x01".to_vec(), noise(1, 1_234_565)].concat();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut served = backend.accept();
            assert!(served.receive_all() == upload);
            served.sends(&upload[..765_432]);
        });
        client.sends(prefix::V1);
        client.sends(&upload);
        client.finishes();
        assert!(client.receive_all() == upload[..765_432]);
    });
    let summary = front.closed(Side::Client, Cause::Finished);
    assert_eq!(bytes(&summary), (1_234_567, 765_432));
    assert_eq!(summary.proxy_protocol, "v1");
}

#[test]
fn what_the_proxy_says_counts_and_what_it_swallows_does_not() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut client = front.connect();
    client.sends(greeting());
    client.receives(h2::OWN_SETTINGS);
    client.sends([&h2::SETTINGS_ACK[..], &h2::call(1, &[])].concat());
    let mut served = backend.accept();
    served.receives([greeting(), h2::call(1, &[])].concat());
    served.sends(h2::settings(&[]));
    // MAX_CONCURRENT_STREAMS is completed, which makes six bytes more of it.
    client.receives(h2::settings(&[(3, 0x7fff_ffff)]));
    drop(client);
    served.receives_end();
    drop(served);
    let summary = front.closed(Side::Client, Cause::Finished);
    let request = greeting().len() + h2::call(1, &[]).len();
    assert_eq!(bytes(&summary), (request as u64, 15 + 9 + 6));
}

#[test]
fn an_answer_of_the_proxy_counts() {
    let backend = Backend::listen();
    let front = Front::start(
        "shards = 1\n[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\n\
         [[route]]\nmatch = \"x=y\"\npool = \"main\"\n[[pool]]\nname = \"main\"\nbackends = [\"127.0.0.1:1\"]\n",
    );
    let mut client = front.connect();
    client.sends(eager_call(&[]));
    let answer = client.receive_all();
    drop(client);
    let summary = front.closed(Side::Client, Cause::HeaderMissing);
    assert_eq!(bytes(&summary), (0, answer.len() as u64));
    assert!(backend.is_left_alone());
}

/// Sends a call to a backend that does `what` with it; the answer, and the summary.
#[track_caller]
fn against(what: impl FnOnce(Peer), waits: bool) -> (Vec<(String, String)>, Summary) {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let (mut client, served) = called(&front, &backend, waits);
    what(served);
    let answer = client.receives_answer(waits, false);
    assert_eq!((value(&answer, ":status"), value(&answer, "grpc-status")), ("200", "14"));
    drop(client);
    (answer, front.summary())
}

#[test]
fn a_backend_that_dies_without_an_answer_is_answered_for() {
    for waits in [false, true] {
        let (answer, summary) = against(drop, waits);
        assert_eq!(value(&answer, "grpc-message"), "the backend closed the connection without an answer");
        assert_eq!((summary.reason.side.label(), summary.reason.cause.label()), ("backend", "truncated"));
        let (_, summary) = against(Peer::resets, waits);
        assert_eq!((summary.reason.side.label(), summary.reason.cause.label()), ("backend", "reset"));
    }
}

#[test]
fn a_backend_that_speaks_http1_is_answered_for() {
    for waits in [false, true] {
        let refuses = |mut served: Peer| served.sends("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        let (answer, summary) = against(refuses, waits);
        let message = "the backend does not speak HTTP/2 without TLS";
        assert_eq!(value(&answer, "grpc-message"), message);
        assert_eq!((summary.reason.side.label(), summary.reason.cause.label()), ("backend", "not_http2"));
    }
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut client = front.connect();
    client.sends([greeting(), h2::get(1, &[])].concat());
    backend.accept().sends("HTTP/1.1 400 Bad Request\r\n\r\n");
    let answer = client.receives_answer(false, true);
    assert_eq!(value(&answer, ":status"), "502");
    let status = "spliceway; error=http_protocol_error; details=\"the backend does not speak HTTP/2 without TLS\"";
    assert_eq!(value(&answer, "proxy-status"), status);
}

#[test]
fn once_the_backend_has_spoken_its_end_is_passed_on() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut client = front.connect();
    client.sends(eager_call(&[]));
    let mut served = backend.accept();
    served.receives(eager_call(&[]));
    served.sends([h2::settings(&[]), frame(h2::GOAWAY, 0, 0, &[0; 8])].concat());
    drop(served);
    assert_eq!(client.receive_all(), [h2::settings(&[]), frame(h2::GOAWAY, 0, 0, &[0; 8])].concat());
    drop(client);
    front.closed(Side::Backend, Cause::Finished);
}
