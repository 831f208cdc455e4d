//! What a client opens with, and that the bridge is not noticed where it is not needed.

use super::support::*;
use crate::bridge::{Nudge, Opening, Phase, Progress};
use crate::limits::Limit;
use crate::wire::first_bytes::FirstBytes;

/// RFC 9113 section 3.4: a client may send its request before it has heard of the server.
#[test]
fn a_client_that_does_not_wait_is_relayed_from_its_first_byte() {
    every_way(|scene| {
        let opening = [preface(), settings(&[(2, 0), (4, 4_194_304)]), window_update(0, 1 << 30)];
        let request = [headers(1, &call()), data(1, b"\0\0\0\0\x01x"), settings(&[(4, 1)]), ping(b"behindit")];
        scene.client_sends(&[opening.concat(), request.concat()]);
        scene.client_hears(&[]);
        scene.backend_receives(&[opening.concat(), request.concat()]);
        scene.raw(true, false);
        scene.answerable(true);
        let answer = [settings(&[(9, 1)]), ack(), ack(), headers(1, b"\x88"), ack()];
        scene.backend_sends(&answer);
        scene.client_hears(&answer);
        scene.raw(true, true);
        scene.answerable(false);
        scene.client_sends(&[ack(), b"anything from now on".to_vec()]);
        scene.backend_receives(&[ack(), b"anything from now on".to_vec()]);
    });
}

/// RFC 9113 section 6.5.3: the backend has sent no SETTINGS that this ACK could be for.
#[test]
fn a_client_that_waits_hears_our_settings_and_its_ack_is_swallowed_once() {
    every_way(|scene| {
        let opening = [preface(), settings(&[(2, 0), (3, 0), (0xfe03, 1)]), window_update(0, 4_128_769)].concat();
        scene.client_sends(std::slice::from_ref(&opening));
        scene.client_hears(&[]);
        scene.client_is_quiet(Nudge::Settings);
        scene.client_hears(&[vec![0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100]]);
        scene.client_sends(&[ack(), headers(1, &call()), data(1, b"\0\0\0\0\0")]);
        scene.backend_receives(&[opening, headers(1, &call()), data(1, b"\0\0\0\0\0")]);
        scene.raw(true, false);
        scene.backend_sends(&[settings(&[(5, 16_384)]), ack(), headers(1, b"\x88")]);
        scene.client_hears(&[settings(&[(5, 16_384), (3, 0x7fff_ffff)]), ack(), headers(1, b"\x88")]);
        scene.raw(true, true);
        scene.client_sends(&[ack()]);
        scene.backend_receives(&[ack()]);
    });
}

/// RFC 9113 section 3.4. The wait begins behind SETTINGS, not behind the preface: some clients write that alone.
#[test]
fn what_waits_depends_on_where_the_client_stopped() {
    let first = [preface(), settings(&[])].concat();
    for length in 0..first.len() {
        let mut opening = Opening::default();
        assert_eq!(opening.received(&first[..length]), Ok(Progress::More));
        assert_eq!((opening.nudge(), opening.phase()), (None, Phase::Preface), "{length} bytes");
        assert_eq!(opening.is_http2(), length >= 24);
    }
    let request = [headers(1, &call()), frame(9, 4, 1, b"")].concat();
    let request = [vec![0, 0, request[2], 1, 0], request[5..].to_vec()].concat();
    for length in 0..request.len() {
        let mut opening = Opening::default();
        assert_eq!(opening.received(&[first.as_slice(), &request[..length]].concat()), Ok(Progress::More));
        let expected = match length {
            0 => (Some(Nudge::Settings), Phase::Idle),
            // A frame has begun, and of which type is not known yet.
            1..9 => (None, Phase::Idle),
            _ => (None, Phase::Block),
        };
        assert_eq!((opening.nudge(), opening.phase()), expected, "{length} bytes");
    }
}

/// RFC 9113 section 5.1.1: the first stream may have any odd number.
#[test]
fn the_opening_of_nghttp_has_its_first_request_on_stream_13() {
    every_way(|scene| {
        let idle = [priority(3, 0), priority(5, 0), priority(7, 0), priority(9, 7), priority(11, 3)].concat();
        let request = frame(1, 0x25, 13, &[&[0, 0, 0, 11, 15][..], &call()].concat());
        let opening = [preface(), settings(&[(3, 100), (4, 65_535)]), idle, request].concat();
        scene.client_sends(std::slice::from_ref(&opening));
        scene.client_hears(&[]);
        scene.backend_receives(&[opening]);
        assert_eq!(scene.request.as_ref().unwrap().value(b":path"), Some(&b"/a.B/C"[..]));
    });
}

/// RFC 9113 section 6.2.
#[test]
fn padding_is_no_part_of_the_block() {
    every_way(|scene| {
        let padded = frame(1, 0x0c, 1, &[&[3][..], &call(), &[0, 0, 0]].concat());
        let opening = [preface(), settings(&[]), padded].concat();
        scene.client_sends(std::slice::from_ref(&opening));
        scene.backend_receives(&[opening]);
        assert_eq!(scene.request.as_ref().unwrap().value(b":authority"), Some(&b"x"[..]));
        assert_eq!(scene.request.as_ref().unwrap().len(), 5);
    });
}

/// RFC 9113 section 4.3.
#[test]
fn a_block_may_be_split_anywhere() {
    let block = call();
    for first in 0..=block.len() {
        every_way(|scene| {
            let fragments = [frame(1, 0, 5, &block[..first]), frame(9, 4, 5, &block[first..])];
            let opening = [preface(), settings(&[]), fragments.concat(), data(5, b"x")].concat();
            scene.client_sends(std::slice::from_ref(&opening));
            scene.backend_receives(&[opening]);
            assert_eq!(scene.request.as_ref().unwrap().value(b"content-type"), Some(&b"application/grpc"[..]));
        });
    }
}

/// RFC 9113 section 4.3: a block is decoded as one, whatever it is split into.
#[test]
fn a_later_fragment_has_its_say_before_anything_is_decided() {
    every_way(|scene| {
        let opening = [preface(), settings(&[]), frame(1, 1, 1, &call())].concat();
        scene.client_sends(&[opening, frame(9, 0, 1, b"\x00\x01k\x01a")]);
        assert!(scene.request.is_none());
        scene.client_waits_for_nothing();
        scene.client_sends(&[frame(9, 4, 1, b"\x00\x01k\x01b")]);
        let request = scene.request.as_ref().unwrap();
        assert_eq!(request.values(b"k").collect::<Vec<_>>(), [b"a", b"b"]);
    });
}

/// RFC 9113 section 5.5: what is not known is not for us to drop.
#[test]
fn what_no_server_looks_at_yet_is_kept_in_order() {
    every_way(|scene| {
        let priority_update = frame(0x10, 0, 0, b"\0\0\0\x01u=3");
        let unknown = frame(0xbe, 0xff, 0x8000_0005, b"grease");
        let frames = [preface(), settings(&[]), unknown, priority_update, window_update(0, 1), priority(3, 1)];
        scene.client_sends(&frames);
        scene.client_is_quiet(Nudge::Settings);
        scene.client_sends(&[headers(1, &call())]);
        scene.backend_receives(&[frames.concat(), headers(1, &call())]);
    });
}

/// RFC 9113 section 6.8.
#[test]
fn a_client_that_says_goodbye_is_told_nothing() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[]), frame(7, 0, 0, b"\0\0\0\0\0\0\0\0bye")]);
        assert_eq!(scene.client_fault, Some(crate::bridge::Fault::Goodbye));
        scene.client_is_dismissed(&[]);
    });
}

/// RFC 9113 section 6.8: GOAWAY(0) would say that the stream may be repeated at once.
#[test]
fn a_client_that_takes_too_long_hears_of_the_stream_it_was_opening() {
    let told = |bytes: &[Vec<u8>]| {
        let mut opening = Opening::default();
        assert_eq!(opening.received(&bytes.concat()), Ok(Progress::More));
        opening.give_up()
    };
    let idle = [own_settings(), goaway_frame(0, 0)].concat();
    assert_eq!(told(&[preface()]), idle);
    assert_eq!(told(&[preface(), settings(&[])]), idle);
    assert_eq!(told(&[preface(), settings(&[]), vec![0, 0, 9, 1, 4, 0, 0, 0]]), idle);
    let begun = [own_settings(), goaway_frame(7, 11)].concat();
    assert_eq!(told(&[preface(), settings(&[]), vec![0, 0, 9, 1, 4, 0, 0, 0, 7]]), begun);
    assert_eq!(told(&[preface(), settings(&[]), frame(1, 0, 7, b"\x83")]), begun);
    assert_eq!(told(&[preface(), settings(&[]), frame(1, 0, 7, b"\x83"), vec![0, 0]]), begun);
    let mut spoken = Opening::default();
    assert_eq!(spoken.received(&[preface(), settings(&[])].concat()), Ok(Progress::More));
    spoken.nudged();
    assert_eq!(spoken.take_output(), own_settings());
    assert_eq!(spoken.give_up(), goaway_frame(0, 0));
}

/// RFC 9113 section 3.4: no request line of HTTP/1 begins as the preface does.
#[test]
fn other_protocols_get_their_bytes_back() {
    for (bytes, first) in [(&b"GET / HTTP/1.1"[..], FirstBytes::Http1), (b"\x16\x03\x01", FirstBytes::Tls)] {
        let mut opening = Opening::default();
        let told: Vec<_> = bytes.iter().map(|byte| opening.received(&[*byte]).unwrap()).collect();
        assert_eq!(told.last(), Some(&Progress::Other(first)));
        assert!(!opening.is_http2() && opening.is_begun());
        assert_eq!(opening.into_bytes(), bytes);
    }
    let mut preface = Opening::default();
    assert_eq!(preface.received(b"PRI * HTTP"), Ok(Progress::More));
    assert_eq!(preface.received(b"/1.1\r\n"), Ok(Progress::Other(FirstBytes::Http1)));
    assert!(!Opening::default().is_begun());
}

#[test]
fn how_long_each_wait_may_last() {
    let millis = [Nudge::Settings, Nudge::Ack, Nudge::AckUnasked].map(|nudge| nudge.after().as_millis());
    assert_eq!(millis, [2, 10, 1000]);
    let limits = [Phase::Preface, Phase::Idle, Phase::Block].map(Phase::limit);
    assert_eq!(limits, [Limit::PrefaceDeadline, Limit::UnroutedIdle, Limit::HeaderDeadline]);
}
