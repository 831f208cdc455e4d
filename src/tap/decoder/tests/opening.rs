//! How connections begin.

use super::*;
use crate::tap::event::Reason;

fn whats(events: &[Event]) -> Vec<&What> {
    events.iter().map(|event| &event.what).collect()
}

#[test]
fn a_broken_proxy_header_is_passed_over_where_its_end_is_known() {
    for header in [&b"PROXY TCP4 nonsense\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x02xx"] {
        let events = decode(&[(ToBackend, [header, &client_opening()].concat())]);
        assert!(matches!(events[0].what, What::Malformed(_)), "{:?}", events[0]);
        assert_eq!((&events[0].bytes[..], &events[1].what), (header, &What::Preface));
    }
}

#[test]
fn tls_is_named() {
    let events = decode(&[(ToBackend, b"\x16\x03\x01\0\0".to_vec()), (ToClient, b"\x16\x03\x03".to_vec())]);
    let tls = What::Opaque { reason: Reason::Tls };
    assert_eq!(whats(&events), [&tls, &tls]);
}

#[test]
fn a_broken_preface_is_malformed() {
    let events = decode(&[(ToBackend, b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec())]);
    let What::Malformed(malformed) = &events[0].what else { panic!("{events:?}") };
    assert_eq!((malformed.rule, malformed.offset), ("malformed connection preface", 18));
    assert_eq!(events[1].what, What::Opaque { reason: Reason::AfterMalformed });
}

#[test]
fn a_backend_may_speak_first() {
    let settings = framed(4, 0, 0, b"\0\x03\0\0\0\x64");
    let events = decode(&[(ToClient, settings), (ToBackend, client_opening())]);
    assert!(matches!(&events[0].what, What::Frame(frame) if frame.head.kind == 4));
    let events = decode(&[(ToClient, b"220 mail.example ESMTP\r\n".to_vec()), (ToBackend, b"EHLO x\r\n".to_vec())]);
    assert_eq!(events[0].what, What::Opaque { reason: Reason::UnknownProtocol });
}

#[test]
fn an_http1_backend_that_gets_http2_is_understood() {
    let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno".to_vec();
    let events = decode(&[(ToBackend, client_opening()), (ToClient, answer)]);
    assert!(matches!(events[2].what, What::Http1Head(_)));
    assert!(matches!(events[3].what, What::Http1Body { .. }));
}

#[test]
fn an_http2_backend_that_gets_http1_is_understood() {
    let answer = [framed(4, 0, 0, b"\0\x03\0\0\0\x64"), framed(7, 0, 0, b"\0\0\0\0\0\0\0\x01")].concat();
    let events = decode(&[(ToBackend, b"GET / HTTP/1.1\r\n\r\n".to_vec()), (ToClient, answer)]);
    assert!(matches!(&events[2].what, What::Frame(frame) if frame.head.kind == 7));
}

#[test]
fn a_backend_that_gets_tls_or_nonsense_is_understood() {
    let tls = &b"\x16\x03\x01\0\x05hello"[..];
    let http1 = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno";
    let goaway = framed(7, 0, 0, b"\0\0\0\0\0\0\0\x01");
    let http2 = [framed(4, 0, 0, b"\0\x03\0\0\0\x64"), goaway].concat();
    for client in [tls, b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"\x01\x02"] {
        let answered = |answer: &[u8]| {
            let events = decode(&[(ToBackend, client.to_vec()), (ToClient, answer.to_vec())]);
            events.into_iter().filter(|event| event.direction == ToClient).map(|event| event.what).collect::<Vec<_>>()
        };
        assert!(matches!(&answered(http1)[..], [What::Http1Head(_), What::Http1Body { .. }]), "{client:?}");
        assert!(matches!(&answered(&http2)[..], [What::Frame(_), What::Frame(_)]), "{client:?}");
        assert_eq!(answered(b"SSH-2.0-x\r\n"), [What::Opaque { reason: Reason::UnknownProtocol }]);
    }
}

#[test]
fn a_short_answer_that_no_settings_begin_with_is_not_waited_behind() {
    let request = b"\x04\x01\0\x50\x7f\0\0\x01\0".to_vec();
    let order = |answer: &[u8]| {
        let events = decode(&[(ToBackend, request.clone()), (ToClient, answer.to_vec()), (ToBackend, b"x".to_vec())]);
        events.into_iter().map(|event| event.direction).collect::<Vec<_>>()
    };
    // SOCKS 4, and a length.
    for answer in [&b"\0\x5a\0\x50\x7f\0\0\x01"[..], b"\0\0\0\x01"] {
        assert_eq!(order(answer), [ToBackend, ToClient, ToBackend], "{answer:?}");
    }
    let settings = framed(4, 0, 0, b"\0\x03\0\0\0\x64");
    for length in 1..9 {
        assert_eq!(order(&settings[..length]), [ToBackend, ToBackend, ToClient], "{length}");
    }
    let reserved = [&settings[..5], b"\x80", &settings[6..]].concat();
    for length in 1..reserved.len() {
        let (first, second) = reserved.split_at(length);
        let reads = [(ToBackend, b"\x04\x01".to_vec()), (ToClient, first.to_vec()), (ToClient, second.to_vec())];
        assert!(matches!(decode(&reads)[1].what, What::Frame(_)), "{length}");
    }
}

#[test]
fn what_never_ends_is_truncated() {
    let rest = |bytes: &[u8]| decode(&[(ToBackend, bytes.to_vec())]).pop().unwrap().what;
    let truncated = |of, missing| What::Truncated { of, missing };
    assert_eq!(rest(b"PROXY TCP4 1"), truncated("PROXY header or first bytes", None));
    assert_eq!(rest(b"POST / HT"), truncated("request head", None));
    assert_eq!(rest(&[&client_opening()[..], &[0, 0, 8, 6]].concat()), truncated("frame head", Some(5)));
    let ping = framed(6, 0, 0, b"12345678");
    assert_eq!(rest(&[&client_opening()[..], &ping[..12]].concat()), truncated("frame", Some(5)));
}

#[test]
fn bytes_after_the_end_are_opaque() {
    let mut decoder = ConnectionDecoder::new(Limits::default());
    let mut events = Vec::new();
    decoder.finish(ToBackend, &mut events);
    decoder.feed(ToBackend, b"late", &mut events);
    assert_eq!(events[0].what, What::Opaque { reason: Reason::AfterEnd });
}
