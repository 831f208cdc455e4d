//! Calls of gRPC over HTTP/2: whose message it is, and how the call ended.

use super::*;
use crate::tap::event::{Details, Encoding, StreamNote};

fn call(trailers: &[(&str, &str)]) -> Vec<Event> {
    let response = [
        framed(4, 0, 0, b""),
        grpc_response(1),
        framed(0, 0, 1, b"\0\0\0\0\x03yes"),
        framed(1, 5, 1, &block(trailers)),
    ];
    decode(&[
        (ToBackend, [client_opening(), grpc_request(1, 4), framed(0, 1, 1, b"\0\0\0\0\x02no")].concat()),
        (ToClient, response.concat()),
    ])
}

#[test]
fn messages_carry_the_path_both_ways() {
    let events = call(&[("grpc-status", "0")]);
    let request = &messages(&events, ToBackend)[0];
    assert_eq!((request.path.as_deref(), &request.body.bytes[..]), (Some("/a.B/C"), &b"no"[..]));
    assert_eq!((&request.encoding, request.flag, request.length), (&Encoding::Gzip, 0, 2));
    let response = &messages(&events, ToClient)[0];
    assert_eq!((response.path.as_deref(), &response.body.bytes[..]), (Some("/a.B/C"), &b"yes"[..]));
    assert_eq!(response.encoding, Encoding::Identity);
}

#[test]
fn trailers_tell_the_outcome() {
    let events = call(&[("grpc-status", "5"), ("grpc-message", "no%20user"), ("grpc-status-details-bin", "CAU=")]);
    let last = frames(events).pop().unwrap();
    let status = of_block(&last.payload).status.clone().unwrap();
    assert_eq!((status.code, status.name, status.message.as_deref()), (Some(5), Some("NOT_FOUND"), Some("no user")));
    assert_eq!(status.details, Some(Details::Status(vec![8, 5])));
    assert_eq!((status.trailers_only, status.path.as_deref()), (false, Some("/a.B/C")));
}

#[test]
fn trailers_only_are_told_from_trailers() {
    let fields = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "12")];
    let response = [framed(4, 0, 0, b""), framed(1, 5, 1, &block(&fields))].concat();
    let request = [client_opening(), grpc_request(1, 5)].concat();
    let last = frames(decode(&[(ToBackend, request), (ToClient, response)])).pop().unwrap();
    let status = of_block(&last.payload).status.clone().unwrap();
    assert_eq!((status.name, status.trailers_only), (Some("UNIMPLEMENTED"), true));
}

#[test]
fn an_informational_response_is_not_the_response() {
    let response = [
        framed(4, 0, 0, b""),
        framed(1, 4, 1, &block(&[(":status", "103")])),
        grpc_response(1),
        framed(0, 1, 1, b"\0\0\0\0\0"),
    ];
    let request = [client_opening(), grpc_request(1, 5)].concat();
    assert_eq!(bodies(&decode(&[(ToBackend, request), (ToClient, response.concat())]), ToClient), [b""]);
}

#[test]
fn other_content_is_not_cut_into_messages() {
    let html = framed(1, 4, 1, &block(&[(":status", "502"), ("content-type", "text/html")]));
    let response = [framed(4, 0, 0, b""), html, framed(0, 1, 1, b"<html>")].concat();
    let events = decode(&[(ToBackend, [client_opening(), grpc_request(1, 5)].concat()), (ToClient, response)]);
    let last = frames(events).pop().unwrap();
    let Payload::Data(data) = &last.payload else { panic!("{last:?}") };
    assert_eq!((data.grpc, data.messages.len(), last.malformed), (false, 0, None));
}

#[test]
fn a_stream_that_ends_inside_a_message_is_marked() {
    let data = framed(0, 1, 1, b"\0\0\0\0\x09abc");
    let frames = client_frames(&[grpc_request(1, 4), data].concat());
    assert_eq!(broken(&frames[1]), ("the stream ends inside a gRPC message", 17));
    let trailers = framed(1, 5, 1, &block(&[("x", "y")]));
    let frames = client_frames(&[grpc_request(1, 4), framed(0, 0, 1, b"\0"), trailers].concat());
    assert_eq!(broken(&frames[2]).0, "the stream ends inside a gRPC message");
}

#[test]
fn a_message_in_a_long_frame_with_padding_is_found() {
    let limits = Limits { whole_bytes: 200, piece_bytes: 64, ..Limits::default() };
    let content = [b'm'; 250];
    let data = [&[4][..], b"\0\0\0\0\xfa", &content, &[0; 4]].concat();
    let bytes = [client_opening(), grpc_request(1, 4), framed(0, 9, 1, &data)].concat();
    let events = decode_with(limits, &[(ToBackend, bytes)]);
    assert_eq!(bodies(&events, ToBackend), [content]);
}

#[test]
fn messages_of_interleaved_streams_are_kept_apart() {
    let bytes = [
        client_opening(),
        grpc_request(1, 4),
        grpc_request(3, 4),
        framed(0, 0, 1, b"\0\0\0\0\x02o"),
        framed(0, 0, 3, b"\0\0\0\0\x03th"),
        framed(0, 1, 1, b"n"),
        framed(0, 1, 3, b"e"),
    ];
    assert_eq!(bodies(&decode(&[(ToBackend, bytes.concat())]), ToBackend), [&b"on"[..], b"the"]);
}

#[test]
fn what_decompresses_to_too_much_is_cut() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&[0; 1 << 20]).unwrap();
    let bomb = encoder.finish().unwrap();
    let length = u32::try_from(bomb.len()).unwrap().to_be_bytes();
    let message = [&[1][..], &length, &bomb].concat();
    let limits = Limits { message_bytes: 600_000, decompressed_bytes: 1_000_000, ..Limits::default() };
    let bytes = [client_opening(), grpc_request(1, 4), framed(0, 1, 1, &message.repeat(3))].concat();
    let events = decode_with(limits, &[(ToBackend, bytes)]);
    let lengths: Vec<_> = messages(&events, ToBackend).iter().map(|m| (m.body.bytes.len(), m.body.truncated)).collect();
    assert_eq!(lengths, [(600_000, true), (400_000, true), (0, true)]);
}

#[test]
fn of_a_call_whose_headers_break_off_too_early_nothing_is_known() {
    let note = |cut: &[u8]| {
        let request = [&block(&[(":method", "POST"), (":path", "/a.B/C")])[..], cut, b"\x80"].concat();
        let data = client_frames(&[framed(1, 4, 1, &request), framed(0, 0, 1, b"\0\0\0\0\0")].concat()).pop().unwrap();
        (data.path.as_deref() == Some("/a.B/C"), data.note)
    };
    assert_eq!(note(b""), (true, Some(StreamNote::Unknown)));
    assert_eq!(note(&block(&[("content-type", "application/grpc")])), (true, None));
}
