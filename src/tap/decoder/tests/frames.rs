//! Each frame type of RFC 9113 section 6, well formed and malformed, and what frames mean for later ones.

use super::*;
use crate::tap::event::StreamNote;
use crate::wire::settings::Setting;

#[test]
fn data_with_padding() {
    let frame = client_frame(b"\0\0\x08\0\x09\0\0\0\x01\x02hello\0\0");
    let Payload::Data(data) = &frame.payload else { panic!("{frame:?}") };
    let padding = data.padding.clone().unwrap();
    assert_eq!((data.data.clone(), padding.length_byte, padding.bytes), (10..15, 9, 15..17));
    assert_eq!((frame.malformed, frame.note), (None, Some(StreamNote::Unknown)));
}

#[test]
fn padding_that_does_not_fit() {
    assert_eq!(broken(&client_frame(&framed(0, 8, 1, b""))), ("no room for the pad length", 9));
    assert_eq!(broken(&client_frame(&framed(0, 8, 1, b"\x02x"))), ("padding longer than the frame", 9));
    assert_eq!(broken(&client_frame(&framed(0, 8, 1, b"\x02x\0\x01"))), ("padding that is not zero", 12));
    assert_eq!(broken(&client_frame(&framed(1, 0xc, 1, b"\x05x"))), ("padding longer than the frame", 9));
    assert_eq!(broken(&client_frame(&framed(1, 0x24, 1, b"\0\0\0\0"))), ("no room for the priority", 9));
}

#[test]
fn headers_with_padding_and_priority() {
    let frame = client_frame(&framed(1, 0x2d, 5, b"\x01\x80\0\0\x03\x0f\x82\x84\x86\0"));
    let Payload::Headers(headers) = &frame.payload else { panic!("{frame:?}") };
    let priority = headers.priority.clone().unwrap();
    assert_eq!((priority.exclusive, priority.dependency, priority.weight, priority.bytes), (true, 3, 16, 10..15));
    assert_eq!(headers.block.fragment, 15..18);
    assert_eq!(list(&frame.payload), pairs(&[(":method", "GET"), (":path", "/"), (":scheme", "http")]));
    assert_eq!(frame.path.as_deref(), Some("/"));
    assert_eq!(frame.malformed, None);
}

#[test]
fn priority() {
    let frame = client_frame(&framed(2, 0, 5, b"\0\0\0\x0b\xff"));
    let Payload::Priority(priority) = &frame.payload else { panic!("{frame:?}") };
    assert_eq!((priority.exclusive, priority.dependency, priority.weight), (false, 11, 256));
    let short = client_frame(&framed(2, 0, 5, b"\0\0\0\x0b"));
    assert_eq!(short.payload, Payload::Raw(9..13));
    assert_eq!(broken(&short), ("a payload of the wrong length for its type", 0));
}

#[test]
fn rst_stream() {
    let frame = client_frame(&framed(3, 0, 5, b"\0\0\0\x08"));
    assert_eq!((frame.payload, frame.malformed), (Payload::RstStream { code: 8 }, None));
    assert_eq!(broken(&client_frame(&framed(3, 0, 0, b"\0\0\0\x08"))), ("a frame of a stream on stream 0", 5));
    assert_eq!(client_frame(&framed(3, 0, 5, b"\0")).payload, Payload::Raw(9..10));
}

#[test]
fn settings() {
    let frame = client_frame(&framed(4, 0, 0, b"\0\x05\0\0\x40\0\xfe\x03\0\0\0\x01"));
    let Payload::Settings(entries) = &frame.payload else { panic!("{frame:?}") };
    assert_eq!((entries[0].setting, entries[0].bytes.clone()), (Setting { id: 5, value: 16_384 }, 9..15));
    assert_eq!((entries[1].setting, entries[1].bytes.clone()), (Setting { id: 0xfe03, value: 1 }, 15..21));
    let rule = |flags, stream, payload: &[u8]| broken(&client_frame(&framed(4, flags, stream, payload)));
    assert_eq!(rule(0, 0, b"\0\x05\0\0\x40\0\xff"), ("a length that is no multiple of six", 15));
    assert_eq!(rule(1, 0, b"\0\x05\0\0\x40\0"), ("an acknowledgement with a payload", 9));
    assert_eq!(rule(0, 3, b""), ("a frame of the connection on a stream", 5));
    assert_eq!(rule(0, 0, b"\0\x02\0\0\0\x02"), ("ENABLE_PUSH is neither 0 nor 1", 9));
    assert_eq!(rule(0, 0, b"\0\x04\x80\0\0\0"), ("INITIAL_WINDOW_SIZE above 2147483647", 9));
    assert_eq!(rule(0, 0, b"\0\x05\0\0\0\x01"), ("MAX_FRAME_SIZE is not between 16384 and 16777215", 9));
}

#[test]
fn push_promise_opens_its_stream() {
    let promise = [&b"\x01\x80\0\0\x02"[..], &block(&[(":path", "/pushed")]), &[0]].concat();
    let server = [framed(4, 0, 0, b""), framed(5, 0xc, 1, &promise), framed(1, 4, 2, b"\x88")].concat();
    let frames = frames(decode(&[(ToBackend, client_opening()), (ToClient, server)]));
    let Payload::PushPromise(push) = &frames[2].payload else { panic!("{frames:?}") };
    assert_eq!((push.promised_stream, push.reserved), (2, true));
    assert_eq!(list(&frames[2].payload), pairs(&[(":path", "/pushed")]));
    assert_eq!(frames[3].path.as_deref(), Some("/pushed"));
    assert_eq!(frames[3].note, None);
    assert_eq!(broken(&client_frame(&framed(5, 4, 1, b"\0\0\0\x02"))), ("a push from a client", 3));
    assert_eq!(broken(&client_frame(&framed(5, 4, 1, b"\0\0"))), ("a push from a client", 3));
}

#[test]
fn ping() {
    let frame = client_frame(&framed(6, 1, 0, b"\x02\x04\x10\x10\x09\x0e\x07\x07"));
    assert_eq!(frame.payload, Payload::Ping { data: [2, 4, 16, 16, 9, 14, 7, 7] });
    let short = client_frame(&framed(6, 0, 0, b"1234567"));
    assert_eq!(broken(&short), ("a payload of the wrong length for its type", 0));
}

#[test]
fn goaway() {
    let frame = client_frame(&framed(7, 0, 0, b"\x80\0\0\x05\0\0\0\x0btoo_many_pings"));
    let expected = Payload::Goaway { last_stream: 5, reserved: true, code: 11, debug_data: 17..31 };
    assert_eq!(frame.payload, expected);
    assert_eq!(broken(&client_frame(&framed(7, 0, 0, b"\0\0\0\x05"))), ("less than eight bytes", 0));
}

#[test]
fn window_update() {
    let frame = client_frame(&framed(8, 0, 0, b"\x80\0\0\x05"));
    assert_eq!(frame.payload, Payload::WindowUpdate { increment: 5, reserved: true });
    assert_eq!(broken(&client_frame(&framed(8, 0, 1, b"\0\0\0\0"))), ("an increment of 0", 9));
}

#[test]
fn priority_update() {
    let frame = client_frame(&framed(0x10, 0, 0, b"\0\0\0\x01u=3, i"));
    assert_eq!(frame.payload, Payload::PriorityUpdate { stream: 1, value: 13..19 });
    assert_eq!(broken(&client_frame(&framed(0x10, 0, 0, b"\0\0"))), ("less than four bytes", 0));
}

#[test]
fn a_header_block_over_continuations_hangs_on_the_last() {
    let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/x"), ("a", "b")];
    let whole = block(&fields);
    for cut in 0..whole.len() {
        let (first, second) = whole.split_at(cut);
        let bytes = [framed(1, 0, 1, first), framed(9, 0, 1, b""), framed(9, 4, 1, second)].concat();
        let frames = client_frames(&bytes);
        assert!(of_block(&frames[0].payload).fields.is_empty() && !of_block(&frames[0].payload).ends);
        assert!(of_block(&frames[1].payload).fields.is_empty());
        assert_eq!(list(&frames[2].payload), pairs(&fields), "cut at {cut}");
        assert_eq!(frames[2].path.as_deref(), Some("/x"));
        assert!(frames.iter().all(|frame| frame.malformed.is_none()));
    }
}

#[test]
fn a_frame_inside_a_header_block_is_malformed_and_the_block_goes_on() {
    let bytes = [framed(1, 0, 1, b"\x82"), framed(6, 0, 0, b"12345678"), framed(9, 4, 1, b"\x84")].concat();
    let frames = client_frames(&bytes);
    assert_eq!(broken(&frames[1]), ("another frame inside a header block", 3));
    assert_eq!(list(&frames[2].payload), pairs(&[(":method", "GET"), (":path", "/")]));
}

#[test]
fn a_continuation_of_nothing_is_malformed() {
    assert_eq!(broken(&client_frame(&framed(9, 4, 1, b"\x82"))), ("a CONTINUATION of nothing", 3));
    let frames = client_frames(&[framed(1, 0, 1, b"\x82"), framed(9, 4, 3, b"\x84")].concat());
    assert_eq!(broken(&frames[1]), ("another frame inside a header block", 3));
}

#[test]
fn a_block_that_cannot_be_decoded_ends_the_lists_but_not_the_frames() {
    // Index 70 is beyond the static table, and the dynamic one is empty.
    let bytes = [framed(1, 4, 1, b"\x82\xc6"), framed(1, 5, 3, b"\x82"), framed(6, 0, 0, b"12345678")].concat();
    let frames = client_frames(&bytes);
    let first = of_block(&frames[0].payload);
    assert_eq!(list(&frames[0].payload), pairs(&[(":method", "GET")]));
    assert!(first.undecodable.is_some() && first.table_lost.is_none());
    assert!(frames[0].malformed.is_some());
    let second = of_block(&frames[1].payload);
    // 24 bytes of preface and 9 of SETTINGS stand before the frame that broke the table.
    assert_eq!((second.table_lost, second.fields.is_empty()), (Some(33), true));
    assert_eq!(frames[2].payload, Payload::Ping { data: *b"12345678" });
}

#[test]
fn a_block_that_never_ends_loses_the_table() {
    let frames = client_frames(&[framed(1, 0, 1, b"\x82"), framed(1, 4, 3, b"\x84")].concat());
    assert_eq!(of_block(&frames[1].payload).table_lost, Some(43));
}

#[test]
fn the_table_follows_the_settings_of_the_other_side() {
    // The backend allows 8192; the client then updates its table to 8192 (0x3f 0xe1 0x3f).
    let update = framed(1, 5, 1, b"\x3f\xe1\x3f\x82");
    let allowed = [
        (ToBackend, client_opening()),
        (ToClient, framed(4, 0, 0, b"\0\x01\0\0\x20\0")),
        (ToBackend, [framed(4, 1, 0, b""), update.clone()].concat()),
    ];
    let frames_of = |conversation: &[(Direction, Vec<u8>)]| frames(decode(conversation));
    assert_eq!(list(&frames_of(&allowed)[3].payload), pairs(&[(":method", "GET")]));
    let refused = client_frame(&update);
    assert_eq!(refused.malformed.unwrap().rule, "a table size update above the limit");
}

#[test]
fn a_request_that_is_none_is_marked() {
    let rule = |block: &[u8]| broken(&client_frame(&framed(1, 5, 1, block)));
    assert_eq!(rule(b"\x82\x84"), ("a pseudo-header field missing or out of place", 9));
    assert_eq!(rule(b"\x82\x84\x86\0\x01A\0"), ("a field name that is no lower-case token", 9));
    // What follows the headers are trailers, which have no pseudo-header fields.
    let frames = client_frames(&[grpc_request(1, 4), framed(1, 5, 1, &block(&[("x", "y")]))].concat());
    assert!(frames.iter().all(|frame| frame.malformed.is_none()));
}

#[test]
fn binary_metadata_may_hold_any_byte_if_its_receiver_has_said_so() {
    let request = |name: &str, value: &str| {
        let fields = [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (name, value)];
        (ToBackend, framed(1, 4, 1, &block(&fields)))
    };
    let rule = |announced: u8, name: &str, value: &str| {
        let settings = (ToClient, framed(4, 0, 0, &[0xfe, 3, 0, 0, 0, announced]));
        let frames = frames(decode(&[(ToBackend, client_opening()), settings, request(name, value)]));
        frames[2].malformed.map(|malformed| malformed.rule)
    };
    assert_eq!(rule(1, "trace-bin", "\0\0\r\n\x7f "), None);
    let forbidden = Some("a field value with NUL, CR or LF");
    assert_eq!(rule(0, "trace-bin", "\0\0"), forbidden);
    assert_eq!(rule(1, "trace", "\0\0"), forbidden);
    assert_eq!(rule(1, "trace-bin", "AA\0"), forbidden);
    assert_eq!(rule(1, "Trace-bin", "\0"), Some("a field name that is no lower-case token"));
    // What the client has announced binds the backend, not the client.
    let client = framed(4, 0, 0, b"\xfe\x03\0\0\0\x01");
    let frames = frames(decode(&[(ToBackend, client_opening()), (ToBackend, client), request("a-bin", "\0")]));
    assert_eq!(frames[2].malformed.map(|malformed| malformed.rule), forbidden);
}

#[test]
fn a_frame_longer_than_announced_is_marked() {
    let long = framed(0, 0, 1, &[0; 16_385]);
    assert_eq!(broken(&client_frame(&long)), ("a frame longer than its receiver accepts", 0));
    let allowed =
        [(ToBackend, client_opening()), (ToClient, framed(4, 0, 0, b"\0\x05\0\0\x40\x01")), (ToBackend, long)];
    assert_eq!(frames(decode(&allowed))[2].malformed, None);
}

#[test]
fn the_first_frame_must_be_settings() {
    let frames = frames(decode(&[(ToBackend, [&PREFACE[..], &framed(6, 0, 0, b"12345678")].concat())]));
    assert_eq!(broken(&frames[0]), ("the first frame is not SETTINGS", 3));
}

#[test]
fn a_long_frame_comes_as_its_head_and_pieces() {
    let limits = Limits { whole_bytes: 20, piece_bytes: 8, ..Limits::default() };
    let data = framed(0, 1, 1, b"twenty-two bytes of it");
    let events = decode_with(limits, &[(ToBackend, [client_opening(), data].concat())]);
    assert!(matches!(&events[2].what, What::Frame(frame) if frame.payload == Payload::InParts));
    let part = |event: &Event| match &event.what {
        What::FramePart(part) => (event.bytes.clone(), part.position, part.last),
        other => panic!("{other:?}"),
    };
    let parts: Vec<_> = events[3..].iter().map(part).collect();
    let expected = [(&b"twenty-t"[..], 0, false), (b"wo bytes", 8, false), (b" of it", 16, true)];
    assert_eq!(parts, expected.map(|(bytes, position, last)| (bytes.to_vec(), position, last)));
}

#[test]
fn a_long_header_block_loses_the_table() {
    let limits = Limits { whole_bytes: 20, ..Limits::default() };
    let bytes = [client_opening(), grpc_request(1, 4), framed(1, 5, 3, b"\x82")].concat();
    let last = frames(decode_with(limits, &[(ToBackend, bytes)])).pop().unwrap();
    assert_eq!(of_block(&last.payload).table_lost, Some(33));
}

#[test]
fn a_flood_of_continuations_is_not_kept() {
    let limits = Limits { block_bytes: 100, ..Limits::default() };
    let flood = framed(9, 0, 1, &[0x82; 60]).repeat(1000);
    let bytes = [client_opening(), framed(1, 0, 1, b""), flood, framed(9, 4, 1, b"\x82")].concat();
    let frames = frames(decode_with(limits, &[(ToBackend, bytes)]));
    assert!(frames.iter().all(|frame| frame.malformed.is_none()));
    // The second CONTINUATION is the first that does not fit: 33 + 9 + 69 bytes precede it.
    assert_eq!(of_block(&frames.last().unwrap().payload).table_lost, Some(111));
}

#[test]
fn the_oldest_stream_is_forgotten_and_said_so() {
    let limits = Limits { streams: 2, ..Limits::default() };
    let bytes = [client_opening(), grpc_request(1, 4), grpc_request(3, 4), grpc_request(5, 4)].concat();
    let late = framed(0, 0, 1, b"\0\0\0\0\0");
    let frames = frames(decode_with(limits, &[(ToBackend, bytes), (ToBackend, late)]));
    assert_eq!(frames[3].note, Some(StreamNote::Forgot(1)));
    assert_eq!(frames[4].note, Some(StreamNote::Unknown));
}

#[test]
fn nothing_comes_behind_the_end_of_a_stream() {
    let frames = client_frames(
        &[
            grpc_request(1, 4),
            framed(0, 1, 1, b""),
            framed(0, 0, 1, b"x"),
            grpc_request(1, 5),
            framed(3, 0, 1, b"\0\0\0\x08"),
        ]
        .concat(),
    );
    let rules: Vec<_> = frames.iter().map(|frame| frame.malformed.map(|broken| (broken.rule, broken.offset))).collect();
    let late = Some(("a frame behind the one with END_STREAM", 5));
    assert_eq!(rules, [None, None, late, late, None]);
    // The other direction of the stream has not ended.
    let response = [framed(4, 0, 0, b""), grpc_response(1), framed(0, 1, 1, b""), framed(0, 1, 1, b"")].concat();
    let request = [client_opening(), grpc_request(1, 5)].concat();
    let answer = frames_of(ToClient, decode(&[(ToBackend, request), (ToClient, response)]));
    let rules: Vec<_> = answer.iter().map(|frame| frame.malformed.map(|broken| broken.rule)).collect();
    assert_eq!(rules, [None, None, None, late.map(|(rule, _)| rule)]);
}

#[test]
fn streams_of_clients_have_odd_numbers() {
    assert_eq!(broken(&client_frame(&grpc_request(2, 5))), ("a stream of a client with an even number", 5));
    assert_eq!(client_frame(&grpc_request(3, 5)).malformed, None);
}
