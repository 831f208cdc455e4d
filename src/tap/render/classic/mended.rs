//! Tests: what the forerunner could not read, in its style.

use super::tests::sections;
use super::*;
use crate::tap::event::{
    Block, Data, Encoding, Headers, MessagePart, Padding, Payload, Priority, PushPromise, StreamNote,
};
use crate::tap::render::fixtures::{self, BOB, EVE, data, event, frame, frame_of, headers, message, prefixed};
use crate::wire::frame::kind;
use crate::wire::hpack;
use crate::wire::proxy_protocol::{self, Prefix};

#[test]
fn padding_and_priority_of_headers() {
    let payload = Payload::Headers(Headers {
        padding: Some(Padding { length_byte: 9, bytes: 16..18 }),
        priority: Some(Priority { exclusive: true, dependency: 3, weight: 16, bytes: 10..15 }),
        block: fixtures::block(15..16, &[(":status", "200")]),
    });
    assert_eq!(
        sections(&[frame((kind::HEADERS, 0x2c, 5), b"\x02\x80\0\0\x03\x0f\x88\0\0", payload)]),
        "\
Frame Length = 9 (00 00 09)
Frame Type = HEADERS (01)
Flags = END_HEADERS:0x4 | PADDED:0x8 | PRIORITY:0x20 (2c)
Stream Identifier = 5 (00 00 00 05)
Pad Length = 2 (02)
Exclusive Bit = 1, Stream Dependency = 3, Weight = 16 (80 00 00 03 | 0f)
Headers =
   ':status' -> '200'
Hexdump (Compressed Headers) =
   88
Hexdump (Padding) =
   00 00
----------------------------------------
"
    );
}

#[test]
fn blocks_of_push_promise_and_continuation() {
    let block =
        |fragment, ends| Block { ends, ..fixtures::block(fragment, if ends { &[(":path", "/a")] } else { &[] }) };
    let promise = PushPromise { padding: None, promised_stream: 2, reserved: false, block: block(13..14, false) };
    let promise = frame((kind::PUSH_PROMISE, 0, 1), b"\0\0\0\x02\x82", Payload::PushPromise(promise));
    let continuation = frame((kind::CONTINUATION, 4, 1), b"\x84", Payload::Continuation(block(9..10, true)));
    assert_eq!(
        sections(&[promise, continuation]),
        "\
Frame Length = 5 (00 00 05)
Frame Type = PUSH_PROMISE (05)
Flags = UNSET (00)
Stream Identifier = 1 (00 00 00 01)
Reserved Bit = 0, Promised Stream Identifier = 2 (00 00 00 02)
Headers = continued in CONTINUATION
Hexdump (Compressed Headers) =
   **
----------------------------------------
Frame Length = 1 (00 00 01)
Frame Type = CONTINUATION (09)
Flags = END_HEADERS:0x4 (04)
Stream Identifier = 1 (00 00 00 01)
Headers =
   ':path' -> '/a'
Hexdump (Compressed Headers) =
   84
----------------------------------------
"
    );
}

#[test]
fn error_codes_priorities_and_goaway_are_explained() {
    let reset = |code: u32| frame((kind::RST_STREAM, 0, 3), &code.to_be_bytes(), Payload::RstStream { code });
    let goaway = Payload::Goaway { last_stream: 5, reserved: false, code: 11, debug_data: 17..32 };
    let goaway = frame((kind::GOAWAY, 0, 0), b"\0\0\0\x05\0\0\0\x0btoo_many_pings\n", goaway);
    let priority = Priority { exclusive: false, dependency: 0, weight: 256, bytes: 9..14 };
    let priority = frame((kind::PRIORITY, 0, 3), b"\0\0\0\0\xff", Payload::Priority(priority));
    let update = Payload::PriorityUpdate { stream: 7, value: 13..19 };
    let text = sections(&[
        reset(8),
        reset(0x99),
        goaway,
        priority,
        frame((kind::PRIORITY_UPDATE, 0, 0), b"\0\0\0\x07u=3, i", update),
    ]);
    let explained: Vec<&str> =
        text.lines().filter(|line| !line.starts_with("Frame ") && !line.starts_with("Stream I")).collect();
    assert_eq!(
        explained.join("\n"),
        r"Flags = UNSET (00)
Error Code = CANCEL (00 00 00 08)
----------------------------------------
Flags = UNSET (00)
Error Code = UNKNOWN (00 00 00 99)
----------------------------------------
Flags = UNSET (00)
Reserved Bit = 0, Last Stream Identifier = 5 (00 00 00 05)
Error Code = ENHANCE_YOUR_CALM (00 00 00 0b)
Additional Debug Data =
   b'too_many_pings\n'
Hexdump (Additional Debug Data) =
   74 6f 6f 5f 6d 61 6e 79 5f 70 69 6e 67 73 0a
----------------------------------------
Flags = UNSET (00)
Exclusive Bit = 0, Stream Dependency = 0, Weight = 256 (00 00 00 00 | ff)
----------------------------------------
Flags = UNSET (00)
Prioritized Stream Identifier = 7 (00 00 00 07)
Priority Field Value =
   b'u=3, i'
Hexdump (Priority Field Value) =
   75 3d 33 2c 20 69
----------------------------------------"
    );
}

#[test]
fn unknown_types_flags_and_the_reserved_bit() {
    let mut unknown = frame((0x0b, 0x41, 1), b"\xca\xfe", Payload::Raw(9..11));
    unknown.bytes[5] |= 0x80;
    frame_of(&mut unknown).note = Some(StreamNote::Unknown);
    let mut data = data(0x43, b"", vec![]);
    frame_of(&mut data).malformed =
        Some(Malformed { rule: "no such stream", section: "RFC 9113 section 5.1", offset: 5 });
    assert_eq!(
        sections(&[unknown, data]),
        r"Frame Length = 2 (00 00 02)
Frame Type = UNKNOWN (0b)
Flags = UNKNOWN:0x41 (41)
Stream Identifier = 1 (80 00 00 01)
Frame Payload =
   b'\xca\xfe'
Hexdump (Frame Payload) =
   ca fe
Stream State = unknown
----------------------------------------
Frame Length = 0 (00 00 00)
Frame Type = DATA (00)
Flags = END_STREAM:0x1 | UNKNOWN:0x42 (43)
Stream Identifier = 1 (00 00 00 01)
Malformed = no such stream (RFC 9113 section 5.1) at byte 5
----------------------------------------
"
    );
}

#[test]
fn a_message_over_two_frames_and_a_compressed_one() {
    let whole = prefixed(BOB);
    let mut first = message(0, 9, BOB);
    let mut second = MessagePart { bytes: 9..16, before: 10, ..first.clone() };
    (first.bytes, first.message) = (9..19, None);
    // The rest of the frame belongs to a compressed message.
    let mut compressed = message(1, 16, BOB);
    let content = compressed.message.as_deref_mut().unwrap();
    (content.flag, content.length, content.encoding) = (1, 3, Encoding::Gzip);
    compressed.bytes = 16..24;
    second.bytes = 9..16;
    let text = sections(&[
        data(0, &whole[..10], vec![first]),
        data(1, &[&whole[10..], b"\x01\0\0\0\x03zip"].concat(), vec![second, compressed]),
    ]);
    assert_eq!(
        text,
        r#"Frame Length = 10 (00 00 0a)
Frame Type = DATA (00)
Flags = UNSET (00)
Stream Identifier = 1 (00 00 00 01)
gRPC Message Part = bytes 0 to 9 of message 0
Hexdump (gRPC Message Part) =
   00 00 00 00 0c ** ** ** ** **
----------------------------------------
Frame Length = 15 (00 00 0f)
Frame Type = DATA (00)
Flags = END_STREAM:0x1 (01)
Stream Identifier = 1 (00 00 00 01)
gRPC Message Part = bytes 10 to 16 of message 0
Hexdump (gRPC Message Part) =
   12 05 47 72 65 65 6e
gRPC Compressed Flag = 0
Protobuf Length = 12
Protobuf Message (users.v1.User) =
   first_name: "Bob"
   last_name: "Green"
gRPC Compressed Flag = 1 (01)
Protobuf Length = 3 (00 00 00 03)
gRPC Encoding = gzip
Decompressed Length = 12
Protobuf Message (users.v1.User) =
   first_name: "Bob"
   last_name: "Green"
Hexdump (Compressed Message) =
   7a 69 70
----------------------------------------
"#
    );
}

#[test]
fn proxy_header_of_version_2() {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11".to_vec();
    bytes.extend_from_slice(&[198, 51, 100, 22, 203, 0, 113, 7, 0x8b, 0x3e, 0x01, 0xbb, 0x05, 0, 2, 0xab, b'c']);
    let Ok(Prefix::Complete { header, .. }) = proxy_protocol::parse(&bytes, 4096) else { panic!() };
    assert_eq!(
        sections(&[event(Direction::ToBackend, &bytes, What::ProxyHeader(header))]),
        r"Proxy Protocol Header =
   Version = 2
   Command = PROXY
   Transport = TCP
   Source = 198.51.100.22:35646
   Destination = 203.0.113.7:443
   TLV unique_id (05) = b'\xabc'
Hexdump (Proxy Protocol Header) =
   0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a 21 11 00 11
   c6 33 64 16 cb 00 71 07 8b 3e 01 bb 05 00 02 ab
   63
----------------------------------------
"
    );
}

#[test]
fn secrets_are_masked_in_their_bytes_too() {
    let secret = headers(4, b"\x0f\x08\x03abc", &[(":path", "/"), ("authorization", "Bearer 0123")]);
    let bytes = prefixed(EVE);
    let request = data(0, &bytes, vec![message(0, 9, EVE)]);
    let text = sections(&[secret.clone(), request.clone()]);
    assert!(text.contains(
        "\n   'authorization' -> [redacted, 11 bytes]\nHexdump (Compressed Headers) =\n   ** ** ** ** ** **\n"
    ));
    assert!(text.contains(
        "\n   password: [redacted, 6 bytes]\nHexdump (Protobuf Message) =\n   0a 03 45 76 65 1a 06 ** ** ** ** ** **\n"
    ));
    let mut out = String::new();
    fixtures::with_options(|options| {
        let options = Options { show_secrets: true, ..*options };
        block(&mut out, &super::tests::endpoints(), &[secret, request], &options);
    });
    assert!(
        out.contains("\n   'authorization' -> 'Bearer 0123'\nHexdump (Compressed Headers) =\n   0f 08 03 61 62 63\n")
    );
    assert!(out.contains("\n   password: \"hunter\"\n") && out.contains(" 1a 06 68 75 6e 74 65 72\n"));
}

#[test]
fn undecodable_blocks_say_why_and_are_masked() {
    let mut lost = headers(4, b"\x88", &[]);
    let mut broken = headers(4, b"\x80\x88", &[]);
    let rule = Malformed { rule: "index 0", section: "RFC 7541 section 6.1", offset: 0 };
    for (event, offset, error) in
        [(&mut lost, Some(77), None), (&mut broken, None, Some(hpack::Error::Malformed(rule)))]
    {
        let Payload::Headers(headers) = &mut frame_of(event).payload else { panic!() };
        (headers.block.table_lost, headers.block.undecodable) = (offset, error);
    }
    let text = sections(&[lost, broken]);
    assert!(text.contains(
        "\nHeaders = not decodable since the block at byte 77 of this direction\nHexdump (Compressed Headers) =\n   **\n"
    ));
    assert!(text.contains("\nHeaders =\nMalformed Headers = index 0 (RFC 7541 section 6.1) at byte 0\n"));
    assert!(text.contains("\n   ** **\n"));
}

#[test]
fn every_byte_is_printed_once() {
    let bytes = [b"\x03".as_slice(), &prefixed(BOB), b"rest\0\0\0"].concat();
    let payload = Payload::Data(Data {
        padding: Some(Padding { length_byte: 9, bytes: 31..34 }),
        data: 10..31,
        grpc: true,
        messages: vec![message(0, 10, BOB)],
    });
    let padded = frame((kind::DATA, 9, 1), &bytes, payload);
    let text = sections(std::slice::from_ref(&padded));
    let in_rows = text.lines().filter(|line| line.starts_with("   ")).map(str::trim);
    let in_brackets = text.lines().filter_map(|line| line.split_once(" (")?.1.strip_suffix(')'));
    let pairs = in_rows.chain(in_brackets).flat_map(|line| line.split(' '));
    let mut printed: Vec<u8> =
        pairs.filter(|pair| pair.len() == 2).filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    let mut expected = padded.bytes.clone();
    printed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(printed, expected);
}
