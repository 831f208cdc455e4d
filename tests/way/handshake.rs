//! The HTTP/2 handshake between a client that waits and backends with habits of their own.

use spliceway::log::{Cause, Side};

use crate::support::h2::{self, eager_call, frame, greeting, settings};
use crate::support::peer::{BlackHole, refusing};
use crate::support::{Backend, Front, Peer};

/// A client that has made its call, behind SETTINGS if it waits for them, and the backend that has it.
#[track_caller]
pub(super) fn called(front: &Front, backend: &Backend, waits: bool) -> (Peer, Peer) {
    let mut client = front.connect();
    if waits {
        client.sends(greeting());
        client.receives(h2::OWN_SETTINGS);
        client.sends([&h2::SETTINGS_ACK[..], &h2::call(1, &[])].concat());
    } else {
        client.sends(eager_call(&[]));
    }
    let mut served = backend.accept();
    served.receives([greeting(), h2::call(1, &[])].concat());
    (client, served)
}

/// The same of a client that waits for the ACK of its own SETTINGS, too, and gets it in the backend's place.
fn called_behind_an_ack(front: &Front, backend: &Backend) -> (Peer, Peer) {
    let mut client = front.connect();
    client.sends(greeting());
    client.receives(h2::OWN_SETTINGS);
    client.sends(h2::SETTINGS_ACK);
    client.receives(h2::SETTINGS_ACK);
    client.sends(h2::call(1, &[]));
    let mut served = backend.accept();
    served.receives([greeting(), h2::call(1, &[])].concat());
    (client, served)
}

#[test]
fn the_first_settings_of_the_backend_are_completed() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    for (said, heard) in [
        // The setting 0x9 may not change behind ours (RFC 9218 section 2.1).
        (settings(&[(9, 1), (3, 250)]), settings(&[(3, 250)])),
        // Without MAX_CONCURRENT_STREAMS, ours would stay in force.
        (settings(&[(4, 1_000_000)]), settings(&[(4, 1_000_000), (3, 0x7fff_ffff)])),
        (settings(&[]), settings(&[(3, 0x7fff_ffff)])),
    ] {
        let (mut client, mut served) = called(&front, &backend, true);
        served.sends(&said);
        client.receives(&heard);
        // Later ones are the backend's own business.
        served.sends([settings(&[(9, 1)]), h2::SETTINGS_ACK.to_vec()].concat());
        client.receives([settings(&[(9, 1)]), h2::SETTINGS_ACK.to_vec()].concat());
    }
}

#[test]
fn settings_may_come_byte_by_byte() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let (mut client, mut served) = called(&front, &backend, true);
    let said = [settings(&[(9, 1), (5, 16_384)]), h2::SETTINGS_ACK.to_vec(), frame(h2::DATA, 0, 1, b"abc")].concat();
    served.sends_apart(said.chunks(1));
    let heard = [settings(&[(5, 16_384), (3, 0x7fff_ffff)]), h2::SETTINGS_ACK.to_vec(), frame(h2::DATA, 0, 1, b"abc")];
    client.receives(heard.concat());
}

#[test]
fn a_client_that_acknowledges_late_is_understood() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut client = front.connect();
    client.sends(greeting());
    client.receives(h2::OWN_SETTINGS);
    // Its request was on its way already; the ACK comes between DATA.
    client.sends(h2::call(1, &[]));
    let mut served = backend.accept();
    served.receives([greeting(), h2::call(1, &[])].concat());
    let data = frame(h2::DATA, 0, 1, &[7; 5000]);
    client.sends(&data);
    served.receives(&data);
    client.sends_apart([&h2::SETTINGS_ACK[..4], &h2::SETTINGS_ACK[4..]]);
    client.sends(&data);
    served.receives(&data);
    // That one was ours; the next one is the backend's.
    served.sends(settings(&[(3, 9)]));
    client.receives(settings(&[(3, 9)]));
    client.sends(h2::SETTINGS_ACK);
    served.receives(h2::SETTINGS_ACK);
}

#[test]
fn a_backend_that_acknowledges_late_is_understood() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let (mut client, mut served) = called_behind_an_ack(&front, &backend);
    served.sends([settings(&[(3, 9)]), frame(h2::DATA, 0, 1, b"early")].concat());
    client.receives([settings(&[(3, 9)]), frame(h2::DATA, 0, 1, b"early")].concat());
    // More SETTINGS of the client are held back until the ACK that is to be swallowed has come.
    client.sends([settings(&[(4, 1)]), frame(h2::PING, 0, 0, &[1; 8])].concat());
    served.receives(frame(h2::PING, 0, 0, &[1; 8]));
    served.sends([h2::SETTINGS_ACK.to_vec(), frame(h2::DATA, 0, 1, b"late")].concat());
    client.receives(frame(h2::DATA, 0, 1, b"late"));
    served.receives(settings(&[(4, 1)]));
    served.sends(h2::SETTINGS_ACK);
    client.receives(h2::SETTINGS_ACK);
}

/// RFC 9113 section 6.5.2, RFC 8441 section 3: the listener's `settings`, what becomes of them, and the answer of a proxy
/// that has not said them yet.
#[test]
fn what_a_listener_announces_stays_in_force_no_longer_than_the_backend_is_silent() {
    let backend = Backend::listen();
    let keys = "settings = { max_concurrent_streams = 7, initial_window_size = 32768, enable_connect_protocol = true }";
    let front = Front::before(&backend, keys);
    let announced = settings(&[(3, 7), (4, 32_768), (8, 1)]);
    let mut client = front.connect();
    client.sends(greeting());
    client.receives(&announced);
    client.sends([&h2::SETTINGS_ACK[..], &h2::call(1, &[])].concat());
    let mut served = backend.accept();
    served.receives([greeting(), h2::call(1, &[])].concat());
    served.sends(settings(&[(8, 0), (9, 1)]));
    client.receives(settings(&[(3, 0x7fff_ffff), (4, 65_535)]));

    let mut refused = front.connect();
    refused.sends([greeting(), frame(h2::PING, 0, 0, &[0; 7])].concat());
    refused.receives(&announced);
    assert_eq!(refused.receives_goaway(), (0, h2::FRAME_SIZE_ERROR));
}

/// RFC 9113 section 6.5.3: SETTINGS held back reach the backend though their client has sent its end behind them.
#[test]
fn a_client_that_ends_its_side_loses_no_settings() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let (mut client, mut served) = called_behind_an_ack(&front, &backend);
    client.sends([settings(&[(4, 1)]), frame(h2::DATA, h2::END_STREAM, 1, b"all")].concat());
    client.finishes();
    served.receives([frame(h2::DATA, h2::END_STREAM, 1, b"all"), settings(&[(4, 1)])].concat());
    served.receives_end();
    served.sends([settings(&[(3, 9)]), h2::SETTINGS_ACK.to_vec(), h2::SETTINGS_ACK.to_vec()].concat());
    served.sends(frame(h2::DATA, 0, 1, b"answer"));
    client.receives([&settings(&[(3, 9)])[..], &h2::SETTINGS_ACK, &frame(h2::DATA, 0, 1, b"answer")].concat());
    drop(served);
    client.receives_end();
}

/// RFC 9113 section 6.8: who says GOAWAY has sent more before it could know, and a reset would be no answer to that.
#[test]
fn a_client_that_says_goodbye_gets_an_end_and_no_reset() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut client = front.connect();
    let goaway = frame(h2::GOAWAY, 0, 0, &[0; 8]);
    client.sends([greeting(), goaway, frame(h2::PING, 0, 0, &[1; 8]).repeat(2000)].concat());
    client.receives_end();
    client.sends(frame(h2::PING, 0, 0, &[2; 8]));
    client.finishes();
    let summary = front.closed(Side::Client, Cause::Finished);
    assert_eq!(summary.to_client.total(), 0);
    assert!(backend.is_left_alone());
}

/// A call that has set itself a time is told that it is over (status 4), not that it may be tried again (14).
#[test]
fn a_call_whose_time_is_over_before_a_backend_answers_is_told_so() {
    let hole = BlackHole::new();
    let backends = format!("backends = [{:?}]\nconnect_timeout = \"200ms\"\n", hole.address());
    let front = Front::start(&format!(
        "shards = 1\n[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\ndefault_pool = \"main\"\n\
         [[pool]]\nname = \"main\"\n{backends}"
    ));
    for (timeout, status) in [("100m", "4"), ("20S", "14"), ("soon", "14")] {
        let mut client = front.connect();
        client.sends(eager_call(&[("grpc-timeout", timeout)]));
        let answer = client.receives_answer(false, false);
        assert_eq!(h2::value(&answer, "grpc-status"), status, "{timeout}");
        assert_eq!(h2::value(&answer, "grpc-message"), "no backend of pool \"main\" answered within 200ms");
        drop(client);
        front.closed(Side::Backend, Cause::ConnectTimeout);
    }
}

/// RFC 9113 section 6.8: nothing was processed, so whatever it is about to ask may be asked elsewhere.
#[test]
fn a_client_without_a_request_is_sent_elsewhere_when_the_proxy_drains() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut idle = front.connect();
    idle.sends(greeting());
    idle.receives(h2::OWN_SETTINGS);
    let mut asking = front.connect();
    let call = h2::call(1, &[]);
    asking.sends([&greeting(), &call[..20]].concat());
    let mut relayed = front.connect();
    relayed.sends(eager_call(&[]));
    let mut served = backend.accept();
    served.receives(eager_call(&[]));

    front.proxy().drain();
    assert_eq!(idle.receives_goaway(), (0, 0));
    drop(idle);
    front.closed(Side::Proxy, Cause::Shutdown);
    // Whose request has begun, or is being answered, is served to the end.
    asking.sends(&call[20..]);
    let mut asked = backend.accept();
    asked.receives([greeting(), call].concat());
    served.sends(settings(&[]));
    relayed.receives(settings(&[]));
}

/// RFC 9113 section 6.9.2: a client may send a window of 65,535 bytes, and frame heads count beside it.
#[test]
fn who_is_still_sending_can_read_the_answer() {
    let (_bound, dead) = refusing();
    let dead = format!("[[pool]]\nname = \"main\"\nbackends = [{dead:?}]\n");
    let listener = "shards = 1\n[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\ndefault_pool = \"main\"\n";
    let refusing = Front::start(&format!("{listener}{dead}"));
    let backend = Backend::listen();
    let misled = Front::before(&backend, "");
    for front in [&refusing, &misled] {
        let mut client = front.connect();
        client.sends(eager_call(&[]));
        if std::ptr::eq(front, &misled) {
            let mut served = backend.accept();
            served.receives(eager_call(&[]));
            served.sends("SSH-2.0-x\r\n");
        }
        // 196,605 bytes with the heads: three for every one of the window.
        client.sends(frame(h2::DATA, 0, 1, b"x").repeat(19_660));
        let answer = client.receives_answer(false, false);
        assert_eq!(h2::value(&answer, "grpc-status"), "14");
        drop(client);
        front.summary();
    }
}

/// RFC 9113 section 3.4: a backend with TLS says that it has no use for a preface in a few bytes.
#[test]
fn a_backend_of_another_protocol_is_answered_for_whoever_has_spoken_first() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    for waits in [false, true] {
        for says in [&b"\x15\x03\x01\x00\x02\x02\x46"[..], b"220 mail.example ESMTP\r\n", b"H"] {
            let (mut client, mut served) = called(&front, &backend, waits);
            served.sends(says);
            let answer = client.receives_answer(waits, false);
            assert_eq!(h2::value(&answer, "grpc-status"), "14");
            assert_eq!(h2::value(&answer, "grpc-message"), "the backend does not speak HTTP/2 without TLS");
            drop(client);
            front.closed(Side::Backend, Cause::NotHttp2);
        }
    }
}
