//! What an earlier tool of this kind got wrong, one test each. What concerns its sockets is tested where ours are.

use super::*;
use crate::tap::event::Reason;
use crate::wire::proxy_protocol::Command;

/// One decoder for all connections mixed up their tables.
#[test]
fn each_connection_has_its_own_tables() {
    let adds_a_field = framed(1, 5, 1, b"\x40\x01a\x01b");
    let uses_it = framed(1, 5, 3, b"\xbe");
    for _ in 0..2 {
        let frames = client_frames(&[adds_a_field.clone(), uses_it.clone()].concat());
        assert_eq!(list(&frames[1].payload), pairs(&[("a", "b")]));
    }
    assert!(of_block(&client_frame(&uses_it).payload).undecodable.is_some());
}

/// A frame that was split over reads ended the connection, and so did a read of exactly 65,536 bytes.
#[test]
fn reads_of_any_size_are_fine() {
    let frame = framed(0, 0, 1, &[7; 16_375]);
    let bytes = [client_opening(), frame.repeat(8)].concat();
    for read_bytes in [65_536, 65_535, 9, 10] {
        let reads: Conversation = bytes.chunks(read_bytes).map(|read| (ToBackend, read.to_vec())).collect();
        assert_eq!(frames(decode(&reads)).len(), 9, "{read_bytes}");
    }
}

/// HEADERS with padding or priority ended the connection.
#[test]
fn headers_with_padding_or_priority_are_decoded() {
    for (flags, payload) in
        [(0xc, &b"\x02\x82\0\0"[..]), (0x24, b"\0\0\0\0\x0f\x82"), (0x2c, b"\x01\0\0\0\0\x0f\x82\0")]
    {
        assert_eq!(list(&client_frame(&framed(1, flags, 1, payload)).payload), pairs(&[(":method", "GET")]));
    }
}

/// The blocks of CONTINUATION and PUSH_PROMISE were not decoded, so that every later list was wrong.
#[test]
fn blocks_of_continuation_and_push_promise_keep_the_table_right() {
    let server = [
        framed(4, 0, 0, b""),
        framed(5, 4, 1, b"\0\0\0\x02\x40\x01a\x01b"),
        framed(1, 0, 1, b"\x40\x01c"),
        framed(9, 4, 1, b"\x01d"),
        framed(1, 5, 1, b"\xbf\xbe"),
    ];
    let frames = frames(decode(&[(ToBackend, client_opening()), (ToClient, server.concat())]));
    assert_eq!(list(&frames.last().unwrap().payload), pairs(&[("a", "b"), ("c", "d")]));
}

/// Unknown types and flags were errors; they are to be ignored (RFC 9113 sections 4.1 and 5.5).
#[test]
fn unknown_types_and_flags_are_kept() {
    let unknown = client_frame(&framed(0xbe, 0xff, 7, b"xyz"));
    assert_eq!((unknown.head.kind, unknown.head.flags, unknown.head.stream), (0xbe, 0xff, 7));
    assert_eq!((unknown.payload, unknown.malformed), (Payload::Raw(9..12), None));
    let flags = client_frame(&framed(6, 0xfe, 0, b"12345678"));
    assert_eq!((flags.head.flags, flags.malformed), (0xfe, None));
}

/// The reserved bit was read as part of the stream identifier.
#[test]
fn the_reserved_bit_is_not_part_of_the_stream() {
    let frame = client_frame(b"\0\0\x04\x08\0\x80\0\0\x01\0\0\0\x01");
    assert_eq!((frame.head.stream, frame.reserved, frame.malformed), (1, true, None));
}

/// One DATA frame was taken for one message, and a compressed message was an error.
#[test]
fn messages_do_not_heed_frames() {
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";
    let wire = [&b"\0\0\0\0\x02hi\x01\0\0\0\x19"[..], gzip, b"\0\0\0\0\0"].concat();
    for cut in 0..wire.len() {
        let (first, second) = wire.split_at(cut);
        let data = [framed(0, 0, 1, first), framed(0, 1, 1, second)].concat();
        let events = decode(&[(ToBackend, [client_opening(), grpc_request(1, 4), data].concat())]);
        assert_eq!(bodies(&events, ToBackend), [&b"hi"[..], b"hello", b""], "cut at {cut}");
    }
}

/// Only version 1 with TCP4 or TCP6 and ports above 0 was understood, half a header was none, and a line had no bound.
#[test]
fn every_proxy_header_is_understood() {
    let headers = [
        &b"PROXY UNKNOWN\r\n"[..],
        b"PROXY TCP4 127.0.0.1 127.0.0.1 0 0\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x02",
    ];
    for header in headers {
        for cut in 0..header.len() {
            let (first, second) = header.split_at(cut);
            let reads = [first.to_vec(), second.to_vec(), client_opening()].map(|read| (ToBackend, read));
            let events = decode(&reads);
            assert!(matches!(events[0].what, What::ProxyHeader(_)), "{header:?} cut at {cut}");
            assert_eq!((&events[0].bytes[..], &events[1].what), (header, &What::Preface));
        }
    }
    let local = decode(&[(ToBackend, headers[2].to_vec())]);
    assert!(matches!(&local[0].what, What::ProxyHeader(header) if header.command == Command::Local));
    let endless = decode(&[(ToBackend, [&b"PROXY "[..], &[b'x'; 300]].concat())]);
    assert!(matches!(endless[0].what, What::Malformed(_)));
}

/// First bytes of another protocol ended the connection.
#[test]
fn other_protocols_are_shown_as_they_are() {
    let events = decode(&[(ToBackend, b"SSH-2.0-x\r\n".to_vec()), (ToClient, b"SSH-2.0-y\r\n".to_vec())]);
    let opaque = What::Opaque { reason: Reason::UnknownProtocol };
    assert_eq!((&events[0].what, &events[0].bytes[..]), (&opaque, &b"SSH-2.0-x\r\n"[..]));
    assert_eq!((&events[1].what, &events[1].bytes[..]), (&opaque, &b"SSH-2.0-y\r\n"[..]));
}

/// Error codes and priorities were shown as bytes.
#[test]
fn error_codes_and_priorities_are_explained() {
    use crate::wire::names;
    for (number, name) in [(0u8, "NO_ERROR"), (8, "CANCEL"), (11, "ENHANCE_YOUR_CALM"), (13, "HTTP_1_1_REQUIRED")] {
        let Payload::RstStream { code } = client_frame(&framed(3, 0, 1, &[0, 0, 0, number])).payload else { panic!() };
        assert_eq!(names::error_code(code), Some(name));
    }
}
