//! Each rule of HTTP/2 that a client can break before or with its first request.

use super::support::*;
use crate::bridge::{Fault, Nudge, Opening};
use crate::limits::Limit;
use crate::wire::frame::ErrorCode::{self, CompressionError, FlowControlError, FrameSizeError, ProtocolError};

/// Behind preface and SETTINGS, this frame breaks this rule, and the client is told so with this stream.
#[track_caller]
fn breaks(frames: &[Vec<u8>], code: ErrorCode, section: &str, stream: u8) {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[])]);
        scene.client_sends(frames);
        scene.client_broke(code, section);
        let told = match code {
            ProtocolError => 1,
            FlowControlError => 3,
            FrameSizeError => 6,
            CompressionError => 9,
            ErrorCode::NoError | ErrorCode::RefusedStream | ErrorCode::EnhanceYourCalm => {
                panic!("no rule of this file")
            }
        };
        scene.client_is_dismissed(&[own_settings(), goaway_frame(stream, told)]);
    });
}

#[test]
fn the_first_frame_is_settings() {
    let firsts = [ack(), ping(b"12345678"), headers(1, &call()), window_update(0, 1), frame(0xbe, 0, 0, b"")];
    for first in firsts {
        every_way(|scene| {
            scene.client_sends(&[preface(), first.clone()]);
            scene.client_broke(ProtocolError, "RFC 9113 section 3.4");
        });
    }
    for (first, code) in [(frame(4, 0, 1, b""), ProtocolError), (frame(4, 0, 0, &[0; 5]), FrameSizeError)] {
        every_way(|scene| {
            scene.client_sends(&[preface(), first.clone()]);
            scene.client_broke(code, "RFC 9113 section 6.5");
        });
    }
    let mut opening = Opening::default();
    let fault = opening.received(b"PRI * HTTP/2.0\r\n\r\nXX").unwrap_err();
    assert!(matches!(fault, Fault::Connection { code: ProtocolError, malformed, stream: 0 } if malformed.offset == 18));
    assert!(!opening.is_http2());
}

#[test]
fn frames_on_idle_streams() {
    breaks(&[data(1, b"x")], ProtocolError, "RFC 9113 section 5.1", 0);
    breaks(&[data(0, b"x")], ProtocolError, "RFC 9113 section 5.1", 0);
    breaks(&[frame(3, 0, 1, &[0, 0, 0, 8])], ProtocolError, "RFC 9113 section 5.1", 0);
    breaks(&[window_update(1, 1)], ProtocolError, "RFC 9113 section 5.1", 0);
}

#[test]
fn streams_that_a_client_cannot_open() {
    for stream in [0, 2, 0x8000_0000, 0x7fff_fffe] {
        breaks(&[headers(stream, &call())], ProtocolError, "RFC 9113 section 5.1.1", 0);
    }
}

#[test]
fn frames_that_clients_do_not_send() {
    breaks(&[frame(5, 4, 1, &[0, 0, 0, 2])], ProtocolError, "RFC 9113 section 8.4", 0);
    breaks(&[frame(9, 4, 1, &call())], ProtocolError, "RFC 9113 section 6.10", 0);
}

#[test]
fn header_blocks_are_not_interrupted() {
    for between in [data(1, b""), ping(b"12345678"), settings(&[]), headers(1, b""), frame(0xbe, 0, 0, b"")] {
        breaks(&[frame(1, 0, 1, &call()), between], ProtocolError, "RFC 9113 section 6.10", 1);
    }
    breaks(&[frame(1, 0, 1, &call()), frame(9, 4, 3, b"")], ProtocolError, "RFC 9113 section 6.10", 1);
}

#[test]
fn settings_and_their_values() {
    breaks(&[frame(4, 0, 1, b"")], ProtocolError, "RFC 9113 section 6.5", 0);
    for length in [1, 5, 7] {
        breaks(&[frame(4, 0, 0, &vec![0; length])], FrameSizeError, "RFC 9113 section 6.5", 0);
    }
    breaks(&[frame(4, 1, 0, &[0; 6])], FrameSizeError, "RFC 9113 section 6.5", 0);
    for boolean in [2, 8, 9] {
        breaks(&[settings(&[(boolean, 2)])], ProtocolError, "RFC 9113 section 6.5.2", 0);
    }
    breaks(&[settings(&[(4, 0x8000_0000)])], FlowControlError, "RFC 9113 section 6.5.2", 0);
    for size in [0, 16_383, 16_777_216] {
        breaks(&[settings(&[(5, size)])], ProtocolError, "RFC 9113 section 6.5.2", 0);
    }
    at_once(|scene| {
        let extremes = [(4, 0x7fff_ffff), (5, 16_384), (5, 16_777_215), (2, 1), (3, 0xffff_ffff), (0, 0), (0xffff, 9)];
        scene.client_sends(&[preface(), settings(&extremes)]);
        assert_eq!(scene.client_fault, None);
    });
}

#[test]
fn lengths_and_places_of_frames() {
    breaks(&[frame(6, 0, 1, b"12345678")], ProtocolError, "RFC 9113 section 6.7", 0);
    breaks(&[frame(6, 0, 0, b"1234567")], FrameSizeError, "RFC 9113 section 6.7", 0);
    breaks(&[frame(6, 1, 0, b"123456789")], FrameSizeError, "RFC 9113 section 6.7", 0);
    breaks(&[frame(7, 0, 1, &[0; 8])], ProtocolError, "RFC 9113 section 6.8", 0);
    breaks(&[frame(7, 0, 0, &[0; 7])], FrameSizeError, "RFC 9113 section 6.8", 0);
    breaks(&[frame(8, 0, 0, &[0; 3])], FrameSizeError, "RFC 9113 section 6.9", 0);
    breaks(&[window_update(0, 0)], ProtocolError, "RFC 9113 section 6.9", 0);
    breaks(&[priority(0, 1)], ProtocolError, "RFC 9113 section 6.3", 0);
    breaks(&[frame(2, 0, 3, &[0; 4])], FrameSizeError, "RFC 9113 section 6.3", 0);
    breaks(&[priority(3, 3)], ProtocolError, "RFC 9113 section 5.3.1", 0);
}

#[test]
fn headers_and_what_surrounds_their_fragment() {
    breaks(&[frame(1, 0x0c, 1, b"")], FrameSizeError, "RFC 9113 section 4.2", 1);
    breaks(&[frame(1, 0x24, 1, &[0; 4])], FrameSizeError, "RFC 9113 section 4.2", 1);
    breaks(&[frame(1, 0x2c, 1, &[0; 5])], FrameSizeError, "RFC 9113 section 4.2", 1);
    breaks(&[frame(1, 0x0c, 1, &[2, 0x83])], ProtocolError, "RFC 9113 section 6.2", 1);
    breaks(&[frame(1, 0x24, 1, &[0, 0, 0, 1, 15, 0x83])], ProtocolError, "RFC 9113 section 6.2", 1);
}

#[test]
fn blocks_that_cannot_be_decoded() {
    let sections = [
        (&b"\x80"[..], "RFC 7541 section 6.1"),
        (b"\xbe", "RFC 7541 section 2.3.3"),
        (b"\x83\x20", "RFC 7541 section 4.2"),
        (b"\x3f\xe2\x1f", "RFC 7541 section 6.3"),
    ];
    for (block, section) in sections {
        every_way(|scene| {
            scene.client_sends(&[preface(), settings(&[]), headers(5, block)]);
            scene.client_broke(CompressionError, section);
            scene.client_is_dismissed(&[own_settings(), goaway_frame(5, 9)]);
        });
        every_way(|scene| {
            scene.client_sends(&[preface(), settings(&[]), frame(1, 0, 5, block), frame(9, 4, 5, b"")]);
            scene.client_is_dismissed(&[own_settings(), goaway_frame(5, 9)]);
        });
    }
}

/// RFC 9113 section 8.1.1.
#[test]
fn malformed_requests_are_errors_of_their_stream() {
    let blocks = [
        (&b"\x83\x86"[..], "RFC 9113 section 8.3.1"),
        (b"\x83\x83\x86\x84", "RFC 9113 section 8.3"),
        (b"\x83\x86\x84\x00\x01A\x00", "RFC 9113 section 8.2.1"),
        (b"\x83\x86\x84\x00\x0aconnection\x05close", "RFC 9113 section 8.2.2"),
        (b"\x88", "RFC 9113 section 8.3"),
        (b"", "RFC 9113 section 8.3.1"),
    ];
    for (block, section) in blocks {
        every_way(|scene| {
            scene.client_sends(&[preface(), settings(&[]), headers(3, block)]);
            match scene.client_fault {
                Some(Fault::Request { stream: 3, invalid }) => assert_eq!(invalid.section, section),
                other => panic!("{other:?}"),
            }
            scene.client_is_dismissed(&[own_settings(), frame(3, 0, 3, &[0, 0, 0, 1]), goaway_frame(3, 0)]);
        });
    }
}

/// RFC 9113 section 5.4.1: GOAWAY names the code and the last stream, wherever there is a place for it (section 6.10).
#[test]
fn a_fault_behind_the_request_is_told_between_the_frames_of_the_backend() {
    let places = [
        (vec![], true),
        (vec![settings(&[])], true),
        (vec![settings(&[])[..5].to_vec()], true),
        (vec![settings(&[]), data(1, b"x"), headers(1, b"\x88")], true),
        (vec![settings(&[]), data(1, b"x")[..9].to_vec()], false),
        (vec![settings(&[]), ack()[..8].to_vec()], false),
        (vec![settings(&[]), frame(1, 0, 1, b"\x88")], false),
        (vec![settings(&[]), frame(1, 0, 1, b"\x88"), frame(9, 4, 1, b"")], true),
    ];
    for (said, has_place) in places {
        every_way(|scene| {
            scene.client_sends(&[preface(), settings(&[])]);
            scene.client_is_quiet(Nudge::Settings);
            scene.client_sends(&[headers(1, &call())]);
            scene.client_sends(&[headers(3, &call())]);
            scene.backend_sends(&said);
            scene.client_sends(&[frame(4, 1, 0, &[0; 6])]);
            scene.client_broke(FrameSizeError, "RFC 9113 section 6.5");
            scene.client_is_told(has_place.then(|| goaway_frame(3, 6)));
        });
    }
}

#[test]
fn the_log_gets_the_rule_in_words() {
    let mut opening = Opening::default();
    let fault = opening.received(b"PRI * HTTP/2.0\r\n\r\nXX").unwrap_err();
    assert!(fault.rule().is_some_and(|rule| rule.contains("RFC 9113 section 3.4")), "{:?}", fault.rule());
    let (limit, value) = (Limit::HeaderFields, 256);
    let large = Fault::HeadersTooLarge { limit, value, stream: 1, end_stream: true, grpc: false };
    assert_eq!(large.rule().as_deref(), Some("more than 256 header fields (limits.header_fields)"));
    assert_eq!(Fault::Goodbye.rule(), None);
}
