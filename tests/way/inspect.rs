//! What a connection speaks: HTTP/2 up to its first request, everything else untouched.

use std::time::{Duration, Instant};

use spliceway::log::{Cause, Side, Summary};

use crate::support::h2::{self, eager_call, frame, greeting};
use crate::support::{Backend, Front, Peer, config, prefix};

#[test]
fn an_eager_client_is_passed_on_byte_for_byte() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let request = [eager_call(&[("x", "y")]), frame(h2::DATA, 0, 1, b"hello")].concat();
    let mut client = front.connect();
    client.sends(&request);
    let mut served = backend.accept();
    served.receives(&request);
    // Nothing of ours went before: whatever the backend says passes, too.
    let answer = [h2::settings(&[(9, 1)]), h2::SETTINGS_ACK.to_vec(), frame(h2::PING, 0, 0, &[7; 8])].concat();
    served.sends(&answer);
    client.receives(&answer);
    client.sends(h2::SETTINGS_ACK);
    served.receives(h2::SETTINGS_ACK);
    drop(client);
    served.receives_end();
    drop(served);
    let summary = front.closed(Side::Client, Cause::Finished);
    let seen = (summary.authority.as_deref(), summary.path.as_deref(), summary.protocol.map(|known| known.name()));
    assert_eq!(seen, (Some("api.example"), Some("/shop.v1.Cart/Add"), Some("h2c")));
    assert_eq!(summary.to_backend.total(), request.len() as u64 + 9);
    assert_eq!(summary.to_client.total(), answer.len() as u64);
}

#[test]
fn a_request_may_come_byte_by_byte_behind_a_prefix() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "proxy_protocol = \"required\"");
    let mut client = front.connect();
    client.sends_apart(prefix::V1.chunks(1));
    client.sends(greeting());
    // A machine that is busy for 2 ms makes a waiting client of this one; so it says first that it waits.
    client.receives(h2::OWN_SETTINGS);
    client.sends_apart(h2::SETTINGS_ACK.chunks(1));
    let call = h2::call(1, &[]);
    client.sends_apart(call.chunks(1));
    backend.accept().receives([greeting(), call].concat());
}

#[test]
fn a_client_that_waits_for_settings_gets_them() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut client = front.connect();
    client.sends(greeting());
    client.receives(h2::OWN_SETTINGS);
    assert!(backend.is_left_alone(), "no request, no backend");
    client.sends([&h2::SETTINGS_ACK[..], &h2::call(1, &[])].concat());
    let mut served = backend.accept();
    served.receives([greeting(), h2::call(1, &[])].concat());
    served.sends([h2::settings(&[(3, 200), (9, 1)]), h2::SETTINGS_ACK.to_vec()].concat());
    client.receives([h2::settings(&[(3, 200)]), h2::SETTINGS_ACK.to_vec()].concat());
    client.sends(h2::SETTINGS_ACK);
    served.receives(h2::SETTINGS_ACK);
}

/// Sends `bytes` to a listener that detects, and sees the backend of the default pool get them untouched.
#[track_caller]
fn goes_to_the_default_pool(bytes: &[u8], protocol: &str) {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut client = front.connect();
    client.sends(bytes);
    let mut served = backend.accept();
    served.receives(bytes);
    served.sends("and back");
    client.receives("and back");
    drop(client);
    served.receives_end();
    drop(served);
    let summary = front.closed(Side::Client, Cause::Finished);
    assert_eq!(summary.protocol.map(|known| known.name()), Some(protocol));
    assert_eq!(summary.route.as_deref(), Some("default"));
}

#[test]
fn what_is_not_http2_goes_to_the_default_pool() {
    goes_to_the_default_pool(b"GET / HTTP/1.1\r\nHost: api.example\r\n\r\n", "http1");
    goes_to_the_default_pool(b"PRIVATE / HTTP/1.1\r\nHost: a\r\n\r\n", "http1");
    goes_to_the_default_pool(b"\0\0\0\x10binary and so on", "opaque");
    goes_to_the_default_pool(b"PRI / HTTP/1.1\r\nHost: a\r\n\r\n", "http1");
    goes_to_the_default_pool(b"get key\r\n", "opaque");
    goes_to_the_default_pool(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", "opaque");
}

#[test]
fn without_detection_a_server_may_speak_first() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "detect = \"none\"");
    let mut client = front.connect();
    let mut served = backend.accept();
    served.sends("220 mail.example ESMTP\r\n");
    client.receives("220 mail.example ESMTP\r\n");
    // HTTP/2 is passed on, too, and not looked into.
    client.sends("PRI * HTTP/2.0\r\n\r\nXX");
    served.receives("PRI * HTTP/2.0\r\n\r\nXX");
}

#[test]
fn a_silent_connection_goes_to_the_default_pool_in_the_end() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let begun = Instant::now();
    let mut silent = front.connect();
    let mut undecided = front.connect();
    undecided.sends("PRI * HT");
    for _ in 0..2 {
        let mut served = backend.accept();
        served.sends("220 mail.example ESMTP\r\n");
    }
    assert!(begun.elapsed() >= Duration::from_millis(4900), "{:?}", begun.elapsed());
    silent.receives("220 mail.example ESMTP\r\n");
    undecided.receives("220 mail.example ESMTP\r\n");
}

/// Sends `opening`, reads a GOAWAY with `code`, and the connection is counted and nobody else's business.
#[track_caller]
/// `last` is the stream that GOAWAY names: the one whose request was at fault, or 0 if none was open.
fn is_sent_away(opening: &[u8], last: u32, code: u32, cause: Cause) -> Summary {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut bystander = front.connect();
    bystander.sends("hello there\r\n");
    let mut served = backend.accept();
    served.receives("hello there\r\n");

    let mut client = front.connect();
    client.sends(opening);
    assert_eq!(client.receives_goaway(), (last, code), "{opening:?}");
    drop(client);
    let summary = front.closed(Side::Client, cause);
    assert!(summary.detail.is_some(), "the rule is named");
    assert_eq!(front.proxy().totals().count(summary.reason), 1);

    bystander.sends("still here");
    served.receives("still here");
    assert!(backend.is_left_alone());
    summary
}

#[test]
fn openings_that_break_a_rule_are_sent_away_with_its_code() {
    let request = |block: &[u8]| [greeting(), frame(h2::HEADERS, h2::END_HEADERS, 1, block)].concat();
    let then = |bytes: &[u8]| [&greeting(), bytes].concat();
    let first = |bytes: &[u8]| [h2::PREFACE, bytes].concat();
    let malformed = [
        (first(&frame(h2::HEADERS, 4, 1, &[0x82])), 1, h2::PROTOCOL_ERROR),
        (first(&h2::SETTINGS_ACK), 0, h2::PROTOCOL_ERROR),
        (first(&frame(h2::SETTINGS, 0, 0, &[0; 5])), 0, h2::FRAME_SIZE_ERROR),
        (then(&frame(h2::DATA, 0, 1, b"too early")), 0, h2::PROTOCOL_ERROR),
        (then(&frame(h2::HEADERS, 4, 2, &[0x82])), 0, h2::PROTOCOL_ERROR),
        (then(&[0, 0x40, 1, h2::HEADERS, 4, 0, 0, 0, 1]), 1, h2::FRAME_SIZE_ERROR),
        (then(&frame(h2::PING, 0, 0, &[0; 7])), 0, h2::FRAME_SIZE_ERROR),
        (request(&[0x80]), 1, h2::COMPRESSION_ERROR),
        (request(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), 1, h2::COMPRESSION_ERROR),
        (request(&[0x00, 0x05, b'a']), 1, h2::COMPRESSION_ERROR),
    ];
    for (opening, last, code) in malformed {
        is_sent_away(&opening, last, code, Cause::Malformed);
    }
}

#[test]
fn openings_beyond_a_limit_are_told_to_calm_down() {
    let settings = [h2::PREFACE, &h2::settings(&[]).repeat(9)].concat();
    is_sent_away(&settings, 0, h2::ENHANCE_YOUR_CALM, Cause::Limit);
    let unknown = [greeting(), frame(0xbb, 0, 0, &[]).repeat(11)].concat();
    is_sent_away(&unknown, 0, h2::ENHANCE_YOUR_CALM, Cause::Limit);
}

#[test]
fn a_request_that_means_nothing_ends_its_stream() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut client = front.connect();
    let block = h2::block(&[(":method", "GET"), (":path", "/")]);
    client.sends([greeting(), frame(h2::HEADERS, h2::END_HEADERS, 1, &block)].concat());
    client.receives([&h2::OWN_SETTINGS[..], &frame(h2::RST_STREAM, 0, 1, &[0, 0, 0, 1])].concat());
    assert_eq!(client.receives_goaway(), (1, 0));
    drop(client);
    front.closed(Side::Client, Cause::Malformed);
    assert!(backend.is_left_alone());
}

#[test]
fn a_malformed_preface_is_closed_without_a_word() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut client = front.connect();
    client.sends("PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n");
    front.closed(Side::Client, Cause::Malformed);
    assert!(backend.is_left_alone());
}

#[test]
fn a_slow_opening_meets_its_deadline() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut fast = front.connect();
    let begun = Instant::now();
    let [mut within_settings, mut within_block, mut between_fragments] = [(); 3].map(|()| front.connect());
    within_settings.sends([h2::PREFACE, &[0, 0, 6, 4]].concat());
    let call = h2::call(1, &[]);
    within_block.sends([&greeting(), &call[..20]].concat());
    between_fragments.sends([greeting(), frame(h2::HEADERS, 0, 1, &[0x82])].concat());
    fast.sends(eager_call(&[]));
    let mut served = backend.accept();
    served.receives(eager_call(&[]));
    for client in [&mut within_settings, &mut within_block, &mut between_fragments] {
        client.receives(h2::OWN_SETTINGS);
        client.receives_goaway();
    }
    let waited = begun.elapsed();
    assert!((Duration::from_millis(4900)..Duration::from_secs(9)).contains(&waited), "{waited:?}");
    assert!(!fast.hears_something_within(Duration::from_millis(1)));
    drop((within_settings, within_block, between_fragments));
    for _ in 0..3 {
        front.closed(Side::Client, Cause::OpeningTimeout);
    }
}

#[test]
fn who_leaves_during_the_opening_is_counted_by_what_it_did() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let leaves = |bytes: &[u8]| {
        let mut client = front.connect();
        client.sends(bytes);
        client.finishes();
        client.receive_all();
    };
    leaves(b"");
    front.probed(1);
    leaves(h2::PREFACE);
    front.closed(Side::Client, Cause::Truncated);
    leaves(&[&greeting()[..], &h2::call(1, &[])[..30]].concat());
    front.closed(Side::Client, Cause::Truncated);
    // An idle channel that ends has done nothing wrong.
    leaves(&greeting());
    front.closed(Side::Client, Cause::Finished);
    leaves(&[greeting(), frame(h2::GOAWAY, 0, 0, &[0; 8])].concat());
    front.closed(Side::Client, Cause::Finished);
    let client = front.connect();
    client.resets();
    front.probed(2);
    let mut client = front.connect();
    client.sends(h2::PREFACE);
    client.resets();
    front.closed(Side::Client, Cause::Reset);
    assert!(backend.is_left_alone());
}

#[test]
fn pings_before_the_request_are_answered_once() {
    let backend = Backend::listen();
    let front = Front::start(&config("", &[&backend]));
    let mut client = front.connect();
    client.sends(greeting());
    client.receives(h2::OWN_SETTINGS);
    client.sends(frame(h2::PING, 0, 0, b"12345678"));
    // The ping says that this client may be waiting for its ACK, too.
    let mut answers = [receive_kind(&mut client), receive_kind(&mut client)];
    answers.sort_unstable();
    assert_eq!(answers, [(h2::SETTINGS, h2::ACK), (h2::PING, h2::ACK)]);
    client.sends([&h2::SETTINGS_ACK[..], &h2::call(1, &[])].concat());
    let mut served = backend.accept();
    served.receives([greeting(), h2::call(1, &[])].concat());
    // The backend's ACK is swallowed, since the client has had it.
    served.sends([h2::settings(&[(3, 7)]), h2::SETTINGS_ACK.to_vec(), frame(h2::PING, 0, 0, &[9; 8])].concat());
    client.receives([h2::settings(&[(3, 7)]), frame(h2::PING, 0, 0, &[9; 8])].concat());
}

fn receive_kind(client: &mut Peer) -> (u8, u8) {
    let frame = client.receive_frame();
    (frame.kind, frame.flags)
}
