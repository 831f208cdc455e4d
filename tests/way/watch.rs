//! Watched connections: what later requests cause, and that everything else passes as it came.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use spliceway::log::{Cause, Notice, PathTotal, RequestsSeen, Side, Summary, WatchEvent};
use spliceway::tap::event::Direction;
use spliceway::tap::queue::Label;
use spliceway::tap::reader::Observer;

use crate::support::h2::{self, END_HEADERS, END_STREAM, HEADERS, call, frame, goaway, greeting, refusal, settings};
use crate::support::{Backend, Front, Peer, noise, wait_until};

/// A proxy that sends `x-ns: b` to the second backend, and watches with these further keys.
fn watching(keys: &str, backend: &Backend, other: &Backend) -> Front {
    Front::start(&watched(keys, backend, other))
}

fn watched(keys: &str, backend: &Backend, other: &Backend) -> String {
    format!(
        "shards = 1\n\
         [[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\ndefault_pool = \"main\"\nwatch = true\n{keys}\n\
         [[route]]\nmatch = \"x-ns=b\"\npool = \"other\"\n\
         [[pool]]\nname = \"main\"\nbackends = \"{}\"\n\
         [[pool]]\nname = \"other\"\nbackends = \"{}\"\n",
        backend.address(),
        other.address()
    )
}

/// An eager client and the backend that has its first request, and has said its SETTINGS.
fn called(front: &Front, backend: &Backend) -> (Peer, Peer) {
    let mut client = front.connect();
    client.sends(h2::eager_call(&[]));
    let mut served = backend.accept();
    served.receives(h2::eager_call(&[]));
    served.sends(settings(&[(3, 9)]));
    client.receives(settings(&[(3, 9)]));
    (client, served)
}

/// A client whose second request, for the other backend, comes with its first one, and the backend that has that.
fn called_twice_at_once(front: &Front, backend: &Backend) -> (Peer, Peer) {
    let mut client = front.connect();
    client.sends([h2::eager_call(&[]), call(3, &[("x-ns", "b")])].concat());
    let mut served = backend.accept();
    served.receives(h2::eager_call(&[]));
    (client, served)
}

/// The client leaves, and its backend after it.
fn leaves(mut client: Peer, mut served: Peer) {
    client.finishes();
    served.receives_end();
    drop(served);
    client.receives_end();
}

const EVERY_STREAM: u32 = 0x7fff_ffff;

/// A call that adds `x-ns: b` to the table, and calls that refer to it.
fn indexed(stream: u32) -> Vec<u8> {
    let block = [&h2::block(&PSEUDO)[..], b"\x40\x04x-ns\x01b"].concat();
    frame(HEADERS, END_HEADERS, stream, &block)
}

fn refers(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &[&h2::block(&PSEUDO)[..], b"\xbe"].concat())
}

const PSEUDO: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":path", "/shop.v1.Cart/Add"), (":authority", "api.example")];

#[test]
fn requests_are_counted_and_pass_as_they_came() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("", &backend, &other);
    let (mut client, mut served) = called(&front, &backend);
    let later = [
        frame(h2::DATA, END_STREAM, 1, b"payload"),
        indexed(3),
        frame(h2::DATA, 0, 3, &[1; 20_000]),
        // Trailers of the third stream are no request.
        frame(HEADERS, END_HEADERS | END_STREAM, 3, b"\x40\x01t\x01u"),
        frame(HEADERS, END_HEADERS, 5, &[&h2::block(&PSEUDO)[..], b"\xbf"].concat()),
        call(7, &[("x-ns", "c")]),
        h2::call_to("/users.v1.Users/Get?x=1", "api.example", 9, &[("x-ns", "b"), ("x-ns", "b")]),
    ]
    .concat();
    client.sends_apart(later.chunks(701));
    served.receives(&later);
    served.sends(frame(h2::DATA, 0, 1, b"answer"));
    client.receives(frame(h2::DATA, 0, 1, b"answer"));

    let told = front.notice();
    let Notice::Misrouted { listener, path, why, untold, .. } = told else { panic!("{told}") };
    assert_eq!((listener.as_str(), path.as_str(), untold), ("front", "/shop.v1.Cart/Add", 0));
    assert_eq!(why, "its route is `x-ns=b`, and the connection went by `default`");
    leaves(client, served);
    let summary = front.closed(Side::Client, Cause::Finished);
    assert_eq!(summary.requests, Some(RequestsSeen { requests: 5, misrouted: 3, complete: true }));
    assert!(other.is_left_alone());
    let totals = front.proxy().totals().requests;
    assert_eq!(totals.events, [(WatchEvent::OtherPool, 2), (WatchEvent::Ambiguous, 1)]);
    let path = |path: &str, requests, misrouted| PathTotal { path: path.to_owned(), requests, misrouted };
    assert_eq!(totals.paths, [path("/shop.v1.Cart/Add", 4, 2), path("/users.v1.Users/Get", 1, 1)]);
}

#[test]
fn a_client_that_waits_is_watched_from_its_second_request_on() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("", &backend, &other);
    let mut client = front.connect();
    client.sends(greeting());
    client.receives(h2::OWN_SETTINGS);
    // The ACK of the proxy's SETTINGS comes behind the request, between others.
    client.sends([call(1, &[]), indexed(3)].concat());
    let mut served = backend.accept();
    served.receives([greeting(), call(1, &[]), indexed(3)].concat());
    client.sends([&h2::SETTINGS_ACK[..], &refers(5)].concat());
    served.receives(refers(5));
    served.sends(settings(&[(9, 1), (3, 250)]));
    client.receives(settings(&[(3, 250)]));
    client.sends([&h2::SETTINGS_ACK[..], &refers(7)].concat());
    served.receives([&h2::SETTINGS_ACK[..], &refers(7)].concat());
    leaves(client, served);
    let summary = front.closed(Side::Client, Cause::Finished);
    assert_eq!(summary.requests, Some(RequestsSeen { requests: 4, misrouted: 3, complete: true }));
}

#[test]
fn a_larger_table_of_the_backend_is_followed() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("", &backend, &other);
    let (mut client, mut served) = called(&front, &backend);
    served.sends_apart(settings(&[(1, 8_192)]).chunks(4));
    client.receives(settings(&[(1, 8_192)]));
    // 001 with 8,192: the client makes use of it, and then of more than was allowed.
    let update = |size: &[u8]| frame(HEADERS, END_HEADERS, 3, &[size, &h2::block(&PSEUDO)].concat());
    client.sends([update(b"\x3f\xe1\x3f"), refers(5)].concat());
    served.receives([update(b"\x3f\xe1\x3f"), refers(5)].concat());
    client.sends(call(7, &[("x-ns", "b")]));
    served.receives(call(7, &[("x-ns", "b")]));
    leaves(client, served);
    let summary = front.closed(Side::Client, Cause::Finished);
    // There is no entry that stream 5 could refer to, so its block is malformed, and nothing behind it is followed.
    assert_eq!(summary.requests, Some(RequestsSeen { requests: 2, misrouted: 0, complete: false }));
    assert_eq!(front.proxy().totals().requests.events, [(WatchEvent::Unfollowed, 1)]);
}

#[test]
fn goaway_is_said_once_and_between_frames() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("on_mismatch = \"goaway\"", &backend, &other);
    let (mut client, mut served) = called(&front, &backend);
    let answer = [frame(HEADERS, 0, 1, b"\x88"), frame(9, END_HEADERS, 1, b""), frame(h2::DATA, 0, 1, b"xyz")];
    served.sends(&answer[0]);
    client.receives(&answer[0]);
    client.sends([call(3, &[("x-ns", "b")]), call(5, &[("x-ns", "b")])].concat());
    served.receives([call(3, &[("x-ns", "b")]), call(5, &[("x-ns", "b")])].concat());
    // Not inside the header block, nor inside the frame that ends it.
    served.sends_apart([&answer[1][..], &answer[2]].concat().chunks(4));
    client.receives([&answer[1][..], &goaway(EVERY_STREAM, 0), &answer[2]].concat());
    client.sends(call(7, &[("x-ns", "b")]));
    served.receives(call(7, &[("x-ns", "b")]));
    served.sends(&answer[2]);
    client.receives(&answer[2]);
    leaves(client, served);
    let summary = front.closed(Side::Client, Cause::Finished);
    assert_eq!(summary.requests, Some(RequestsSeen { requests: 4, misrouted: 3, complete: true }));
    let events = front.proxy().totals().requests.events;
    assert_eq!(events, [(WatchEvent::OtherPool, 3), (WatchEvent::GoawayMismatch, 1)]);
}

#[test]
fn goaway_needs_no_frame_of_the_backend() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("on_mismatch = \"goaway\"", &backend, &other);
    let (mut client, mut served) = called(&front, &backend);
    client.sends(call(3, &[("x-ns", "b")]));
    served.receives(call(3, &[("x-ns", "b")]));
    client.receives(goaway(EVERY_STREAM, 0));
}

#[test]
fn a_goaway_of_the_backend_is_enough() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("on_mismatch = \"goaway\"", &backend, &other);
    let (mut client, mut served) = called(&front, &backend);
    served.sends(goaway(1, 0));
    client.receives(goaway(1, 0));
    client.sends(call(3, &[("x-ns", "b")]));
    served.receives(call(3, &[("x-ns", "b")]));
    served.sends(h2::SETTINGS_ACK);
    client.receives(h2::SETTINGS_ACK);
}

#[test]
fn close_keeps_the_request_from_the_backend_and_refuses_it() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("on_mismatch = \"close\"", &backend, &other);
    let (mut client, mut served) = called(&front, &backend);
    let good = [call(3, &[]), frame(h2::DATA, END_STREAM, 3, b"good"), call(5, &[("x-ns", "a")])].concat();
    let bad = [call(7, &[("x-ns", "b")]), frame(h2::DATA, END_STREAM, 7, b"bad")].concat();
    let all = [&good[..], &bad].concat();
    client.sends_apart(all.chunks(29));
    served.receives(&good);
    let refused = refusal(5, 7);
    client.receives(refused);
    client.receives_end();
    // The backend sees an end; whether it is a reset depends on what it had sent.
    let mut rest = Vec::new();
    drop(std::io::Read::read_to_end(&mut served.stream, &mut rest));
    assert!(rest.is_empty(), "{} bytes of the request", rest.len());
    drop(client);
    let summary = front.closed(Side::Client, Cause::Misrouted);
    assert_eq!(summary.requests, Some(RequestsSeen { requests: 4, misrouted: 1, complete: true }));
    assert_eq!(summary.detail.as_deref(), Some("its route is `x-ns=b`, and the connection went by `default`"));
    let events = front.proxy().totals().requests.events;
    assert_eq!(events, [(WatchEvent::OtherPool, 1), (WatchEvent::Refused, 1)]);
}

/// Some backends go by the one, others by the other, so a first request of this kind is refused, too.
#[test]
fn close_keeps_a_request_with_two_hosts_from_the_backend() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("on_mismatch = \"close\"", &backend, &other);
    let (mut client, mut served) = called(&front, &backend);
    client.sends(call(3, &[("host", "api.example")]));
    served.receives(call(3, &[("host", "api.example")]));
    client.sends(call(5, &[("host", "admin.example")]));
    client.receives(refusal(3, 5));
    client.receives_end();
    drop(client);
    front.closed(Side::Client, Cause::Misrouted);
    assert_eq!(front.proxy().totals().requests.events, [(WatchEvent::Ambiguous, 1), (WatchEvent::Refused, 1)]);
}

/// Three size updates: Go's and Node's servers take them, RFC 7541 section 4.2 allows two. What follows cannot be told.
#[test]
fn close_keeps_a_request_that_cannot_be_followed_from_the_backend() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("on_mismatch = \"close\"", &backend, &other);
    let (mut client, mut served) = called(&front, &backend);
    client.sends(call(3, &[]));
    served.receives(call(3, &[]));
    let updated = [&b"\x20\x20\x20"[..], &h2::block(&PSEUDO), b"\x00\x04x-ns\x01b"].concat();
    client.sends(frame(HEADERS, END_HEADERS, 5, &updated));
    client.receives(refusal(3, 5));
    client.receives_end();
    drop(client);
    let summary = front.closed(Side::Client, Cause::Misrouted);
    assert_eq!(summary.requests, Some(RequestsSeen { requests: 2, misrouted: 0, complete: false }));
    let why = "a later header block is malformed or beyond the limits of a first one";
    assert_eq!(summary.detail.as_deref(), Some(why));
    assert_eq!(front.proxy().totals().requests.events, [(WatchEvent::Refused, 1), (WatchEvent::Unfollowed, 1)]);
}

#[test]
fn what_close_holds_back_is_not_lost_with_the_client() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("on_mismatch = \"close\"", &backend, &other);
    for part in [5, 9, 30] {
        let (mut client, mut served) = called(&front, &backend);
        let begun = &call(3, &[("x-ns", "b")])[..part];
        client.sends(begun);
        client.finishes();
        assert_eq!(served.receive_all(), begun);
    }
}

#[test]
fn a_refusal_waits_for_the_end_of_a_frame_but_not_for_ever() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("on_mismatch = \"close\"", &backend, &other);
    let refused = refusal(1, 3);
    let data = frame(h2::DATA, 0, 1, b"0123456789");

    let (mut client, mut served) = called(&front, &backend);
    served.sends(&data[..12]);
    client.receives(&data[..12]);
    client.sends(call(3, &[("x-ns", "b")]));
    served.sends([&data[12..], &data].concat());
    client.receives([&data[12..], &refused].concat());
    client.receives_end();
    drop(client);
    front.closed(Side::Client, Cause::Misrouted);

    let (mut client, mut served) = called(&front, &backend);
    served.sends(&data[..12]);
    client.receives(&data[..12]);
    client.sends(call(3, &[("x-ns", "b")]));
    assert!(client.receives_reset().is_empty());
    front.closed(Side::Client, Cause::Misrouted);
}

#[test]
fn a_refusal_stands_behind_what_a_slow_client_has_not_read() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("on_mismatch = \"close\"", &backend, &other);
    let (mut client, served) = called(&front, &backend);
    let data = frame(h2::DATA, 0, 1, &noise(7, 16_000));
    // More than all buffers on the way hold.
    let mut stream = served.stream.try_clone().unwrap();
    let sent = data.clone();
    let sending = std::thread::spawn(move || while std::io::Write::write_all(&mut stream, &sent).is_ok() {});
    wait_until("bytes for the client", || client.hears_something_within(Duration::from_millis(10)));
    client.sends(call(3, &[("x-ns", "b")]));
    let received = client.receive_all();
    let refusal = refusal(1, 3);
    let bulk = received.strip_suffix(&refusal[..]).expect("the refusal at the end");
    assert!(bulk.chunks(data.len()).all(|frame| frame == data), "{} bytes", bulk.len());
    front.closed(Side::Client, Cause::Misrouted);
    sending.join().unwrap();
}

#[test]
fn a_second_request_in_the_first_read_is_refused_as_well() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("on_mismatch = \"close\"", &backend, &other);
    let (mut client, mut served) = called_twice_at_once(&front, &backend);
    // Nothing can be said before the backend's SETTINGS.
    served.sends(settings(&[]));
    client.receives([settings(&[]), refusal(1, 3)].concat());
    client.receives_end();
}

#[test]
fn a_backend_of_no_use_is_answered_for_though_a_second_request_is_refused() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("on_mismatch = \"close\"", &backend, &other);
    let (mut client, mut served) = called_twice_at_once(&front, &backend);
    served.sends("HTTP/1.1 400 Bad Request\r\n\r\n");
    let answer = client.receives_answer(false, false);
    assert_eq!(h2::value(&answer, "grpc-message"), "the backend does not speak HTTP/2 without TLS");
    drop(client);
    front.closed(Side::Backend, Cause::NotHttp2);
}

#[test]
fn a_watch_begins_behind_the_introduction_and_the_merged_settings() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let shown = Shown::default();
    let config = watched("on_mismatch = \"close\"\nsample = \"1/1\"", &backend, &other)
        .replace("name = \"main\"\n", "name = \"main\"\nsend_proxy = \"v1\"\n");
    let front = Front::observed(&config, Some(Box::new(shown.clone())));
    let mut client = front.connect();
    client.sends(greeting());
    client.receives(h2::OWN_SETTINGS);
    // Our ACK comes with the PING, and the SETTINGS behind the request wait for the backend's.
    client.sends(frame(h2::PING, 0, 0, &[1; 8]));
    client.receives([&h2::SETTINGS_ACK[..], &frame(h2::PING, 1, 0, &[1; 8])].concat());
    let more = settings(&[(4, 70_000)]);
    let good = frame(h2::DATA, 0, 1, b"good");
    client.sends([call(1, &[]), more.clone(), good.clone(), h2::SETTINGS_ACK.to_vec(), call(5, &[])].concat());
    let mut served = backend.accept();
    let ports = (client.stream.local_addr().unwrap().port(), front.address().port());
    served.receives(format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", ports.0, ports.1));
    served.receives([greeting(), call(1, &[]), good, call(5, &[])].concat());
    served.sends([settings(&[(9, 1)]), h2::SETTINGS_ACK.to_vec()].concat());
    client.receives(settings(&[(3, 0x7fff_ffff)]));
    served.receives(more);
    client.sends([indexed(7), frame(h2::DATA, 0, 7, b"bad")].concat());
    let refusal = refusal(5, 7);
    client.receives(&refusal);
    client.receives_end();
    drop(client);
    let summary = front.closed(Side::Client, Cause::Misrouted);
    assert_eq!(summary.requests, Some(RequestsSeen { requests: 3, misrouted: 1, complete: true }));
    let [_, to_client] = shown.0.lock().unwrap().clone();
    let answers = [&h2::SETTINGS_ACK[..], &frame(h2::PING, 1, 0, &[1; 8])].concat();
    assert!(to_client == [&h2::OWN_SETTINGS[..], &answers, &settings(&[(3, 0x7fff_ffff)]), &refusal].concat());
}

#[test]
fn an_old_connection_is_asked_to_leave() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("max_connection_age = \"400ms\"", &backend, &other);
    let begun = std::time::Instant::now();
    let (mut client, mut served) = called(&front, &backend);
    client.receives(goaway(EVERY_STREAM, 0));
    let age = begun.elapsed();
    assert!((Duration::from_millis(360)..Duration::from_secs(3)).contains(&age), "{age:?}");
    // It lives on until its client closes it.
    client.sends(call(3, &[]));
    served.receives(call(3, &[]));
    leaves(client, served);
    front.closed(Side::Client, Cause::Finished);
    assert_eq!(front.proxy().totals().requests.count(WatchEvent::GoawayAge), 1);
}

#[test]
fn draining_asks_every_watched_connection_to_leave() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("", &backend, &other);
    let (mut client, mut served) = called(&front, &backend);
    let mut late = front.connect();
    late.sends(h2::eager_call(&[]));
    let mut silent = backend.accept();
    silent.receives(h2::eager_call(&[]));
    front.proxy().drain();
    client.receives(goaway(EVERY_STREAM, 0));
    // Its backend has not said its SETTINGS yet.
    silent.sends(settings(&[]));
    late.receives([settings(&[]), goaway(EVERY_STREAM, 0)].concat());
    served.sends(frame(h2::DATA, END_STREAM, 1, b"bye"));
    client.receives(frame(h2::DATA, END_STREAM, 1, b"bye"));
    leaves(client, served);
    leaves(late, silent);
    wait_until("the shards end", || front.proxy().is_finished());
    let totals = front.joined();
    assert_eq!(totals.requests.count(WatchEvent::GoawayDrain), 2);
}

#[test]
fn bulk_passes_a_watch_unchanged() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("on_mismatch = \"close\"", &backend, &other);
    let (mut client, mut served) = called(&front, &backend);
    let frames = |seed| {
        let bytes = noise(seed, 8_000_000);
        let mut frames = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let length = (usize::from(rest[0]) * 131 + 1).min(rest.len());
            let (payload, behind) = rest.split_at(length);
            frames.extend(frame(h2::DATA, 0, 1, payload));
            rest = behind;
        }
        frames
    };
    let (up, down) = (frames(5), frames(6));
    std::thread::scope(|scope| {
        for (peer, sent) in [(&client, &up), (&served, &down)] {
            let mut stream = peer.stream.try_clone().unwrap();
            scope.spawn(move || std::io::Write::write_all(&mut stream, sent).unwrap());
        }
        let receiving = scope.spawn(|| served.receive(up.len()) == up);
        assert!(client.receive(down.len()) == down);
        assert!(receiving.join().unwrap());
    });
}

/// What a sample shows of each direction.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<[Vec<u8>; 2]>>);

impl Observer for Shown {
    fn begin(&mut self, _: &Label) {}

    fn bytes(&mut self, _: &Label, direction: Direction, _: SystemTime, bytes: &[u8]) {
        self.0.lock().unwrap()[usize::from(direction == Direction::ToClient)].extend(bytes);
    }

    fn lost(&mut self, _: &Label) {}

    fn end(&mut self, _: &Label, _: Option<&Summary>) {}

    fn is_open(&self) -> bool {
        true
    }
}

#[test]
fn a_sample_of_a_watched_connection_shows_what_its_client_heard() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let shown = Shown::default();
    let config = watched("on_mismatch = \"goaway\"\nsample = \"1/1\"", &backend, &other);
    let front = Front::observed(&config, Some(Box::new(shown.clone())));
    let (mut client, mut served) = called(&front, &backend);
    client.sends(call(3, &[("x-ns", "b")]));
    served.receives(call(3, &[("x-ns", "b")]));
    client.receives(goaway(EVERY_STREAM, 0));
    leaves(client, served);
    front.closed(Side::Client, Cause::Finished);
    // A sample may come after the line of its connection; the proxy's end has waited for both.
    front.proxy().stop();
    front.joined();
    let [to_backend, to_client] = shown.0.lock().unwrap().clone();
    assert!(to_backend == [h2::eager_call(&[]), call(3, &[("x-ns", "b")])].concat());
    assert!(to_client == [settings(&[(3, 9)]), goaway(EVERY_STREAM, 0)].concat());
}

#[test]
fn a_connection_that_is_not_http2_is_not_watched() {
    let (backend, other) = (Backend::listen(), Backend::listen());
    let front = watching("on_mismatch = \"close\"", &backend, &other);
    let mut client = front.connect();
    client.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut served = backend.accept();
    served.receives("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    served.sends("HTTP/1.1 204 No Content\r\n\r\n");
    client.receives("HTTP/1.1 204 No Content\r\n\r\n");
    client.sends("GET / HTTP/1.1\r\nHost: a\r\nx-ns: b\r\n\r\n");
    served.receives("GET / HTTP/1.1\r\nHost: a\r\nx-ns: b\r\n\r\n");
    front.proxy().drain();
    leaves(client, served);
    assert_eq!(front.closed(Side::Client, Cause::Finished).requests, None);
}
