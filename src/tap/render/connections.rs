//! Tests: whole connections, from their bytes to their text.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::tap::decoder::{ConnectionDecoder, Limits};
use crate::tap::event::Direction;
use crate::tap::protobuf::{SchemaArgs, Sources};
use crate::wire::first_bytes::PREFACE;
use crate::wire::frame::{self, flag, kind};

fn endpoints() -> classic::Endpoints {
    classic::Endpoints { client: "[::1]:51600".to_owned(), backend: "localhost:80".to_owned() }
}

/// The classic form of chunks and of the end of both directions.
fn classic_form(chunks: &[(Direction, &[u8])], show_secrets: bool) -> String {
    let sources = Sources::open(&SchemaArgs::default(), "").unwrap();
    let unknown = RefCell::default();
    let messages = BySchema { sources: &sources, patience: Duration::ZERO, unknown: &unknown };
    let options = Options { messages: &messages, setting_names: &BTreeMap::new(), show_secrets };
    let mut decoder = ConnectionDecoder::new(Limits::default());
    let (mut out, mut events) = (String::new(), Vec::new());
    for (direction, bytes) in chunks {
        decoder.feed(*direction, bytes, &mut events);
        // What waited for these bytes may be of the other direction.
        for run in events.chunk_by(|one, other| one.direction == other.direction) {
            classic::block(&mut out, &endpoints(), run, &options);
        }
        events.clear();
    }
    for direction in [Direction::ToBackend, Direction::ToClient] {
        decoder.finish(direction, &mut events);
        classic::block(&mut out, &endpoints(), &events, &options);
        events.clear();
    }
    out
}

/// The pretty form of chunks.
fn pretty_form(chunks: &[(Direction, &[u8])]) -> String {
    let sources = Sources::open(&SchemaArgs::default(), "").unwrap();
    let unknown = RefCell::default();
    let messages = BySchema { sources: &sources, patience: Duration::ZERO, unknown: &unknown };
    let options = Options { messages: &messages, setting_names: &BTreeMap::new(), show_secrets: false };
    let mut decoder = ConnectionDecoder::new(Limits::default());
    let (mut out, mut events) = (String::new(), Vec::new());
    chunks.iter().for_each(|(direction, bytes)| decoder.feed(*direction, bytes, &mut events));
    let look = pretty::Look { palette: Palette::PLAIN, hex: false };
    events.iter().for_each(|event| pretty::event(&mut out, event, pretty::Stamp::default(), &options, look));
    out
}

/// A header block of literal fields without indexing (RFC 7541 section 6.2.2).
fn literals(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

#[test]
fn reflection_traffic_is_decoded_even_if_a_frame_comes_in_two_chunks() {
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let mut bytes = PREFACE.to_vec();
    let request = [(":method", "POST"), (":path", path), ("content-type", "application/grpc")];
    frame::put(&mut bytes, kind::HEADERS, flag::END_HEADERS, 1, &literals(&request));
    frame::put(&mut bytes, kind::DATA, flag::END_STREAM, 1, b"\0\0\0\0\x03\x3a\x01*");
    let (first, second) = bytes.split_at(bytes.len() - 2);
    let text = classic_form(&[(Direction::ToBackend, first), (Direction::ToBackend, second)], false);
    let (_, last_block) = text.rsplit_once(&format!("{}\n", "=".repeat(60))).unwrap();
    assert_eq!(
        last_block,
        r#"client([::1]:51600)->proxy->server(localhost:80)

Frame Length = 8 (00 00 08)
Frame Type = DATA (00)
Flags = END_STREAM:0x1 (01)
Stream Identifier = 1 (00 00 00 01)
gRPC Compressed Flag = 0 (00)
Protobuf Length = 3 (00 00 00 03)
Protobuf Message (grpc.reflection.v1.ServerReflectionRequest) =
   list_services: "*"
Hexdump (Protobuf Message) =
   3a 01 2a
----------------------------------------
"#
    );
}

#[test]
fn http1_in_the_classic_form() {
    let request = b"POST /a HTTP/1.1\r\nHost: x\r\nAuthorization: Basic aGk=\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-T: 1\r\n\r\n";
    assert_eq!(
        classic_form(&[(Direction::ToBackend, request)], false),
        r"============================================================
client([::1]:51600)->proxy->server(localhost:80)

HTTP/1 Request = 'POST /a HTTP/1.1'
Headers =
   'Host' -> 'x'
   'Authorization' -> [redacted, 10 bytes]
   'Transfer-Encoding' -> 'chunked'
Framing = body in chunks
Hexdump (HTTP/1 Request) =
   50 4f 53 54 20 2f 61 20 48 54 54 50 2f 31 2e 31
   0d 0a 48 6f 73 74 3a 20 78 0d 0a 41 75 74 68 6f
   72 69 7a 61 74 69 6f 6e 3a 20 ** ** ** ** ** **
   ** ** ** ** 0d 0a 54 72 61 6e 73 66 65 72 2d 45
   6e 63 6f 64 69 6e 67 3a 20 63 68 75 6e 6b 65 64
   0d 0a 0d 0a
----------------------------------------
Chunk Size = 2
Hexdump (Chunk Size) =
   32 0d 0a
Chunk Data =
   b'hi'
Hexdump (Chunk Data) =
   68 69
Hexdump (Chunk End) =
   0d 0a
----------------------------------------
Chunk Size = 0
Headers =
   'X-T' -> '1'
Hexdump (HTTP/1 Trailers) =
   30 0d 0a 58 2d 54 3a 20 31 0d 0a 0d 0a
----------------------------------------
"
    );
}

#[test]
fn http1_behind_a_proxy_line_in_the_pretty_form() {
    let request = b"PROXY TCP6 2001:db8::1 2001:db8::2 5000 443\r\nPUT /a HTTP/1.1\r\nCookie: a=b\r\nContent-Length: 3\r\n\r\n\x1b[m";
    let response = b"HTTP/1.1 204 \r\nServer: x\r\n\r\n";
    assert_eq!(
        pretty_form(&[(Direction::ToBackend, request), (Direction::ToClient, response)]),
        r"→ PROXY          version 1  45 bytes
    command      PROXY
    transport    TCP
    source       [2001:db8::1]:5000
    destination  [2001:db8::2]:443
→ REQUEST        PUT /a HTTP/1.1  51 bytes
    Cookie          [redacted, 3 bytes]
    Content-Length  3
    body of 3 bytes
→ BODY           3 bytes
    \x1b[m
← RESPONSE       HTTP/1.1 204  28 bytes
    Server  x
"
    );
}

/// A client's call whose messages are not what the decoder reads, in both forms, from the DATA frame on.
fn unread(fields: &[(&str, &str)], data: &[u8]) -> (String, String) {
    let mut bytes = PREFACE.to_vec();
    frame::put(&mut bytes, kind::SETTINGS, 0, 0, b"");
    frame::put(&mut bytes, kind::HEADERS, flag::END_HEADERS, 1, &literals(fields));
    frame::put(&mut bytes, kind::DATA, 0, 1, data);
    let chunks = [(Direction::ToBackend, &bytes[..])];
    let (pretty, classic) = (pretty_form(&chunks), classic_form(&chunks, false));
    let classic = classic.split_once("gRPC Compressed Flag").unwrap().1.to_owned();
    (pretty.split_once("→ DATA ").unwrap().1.to_owned(), classic)
}

#[test]
fn a_message_that_cannot_be_read_is_shown_as_it_is() {
    let request = [(":method", "POST"), (":path", "/a.B/C"), ("content-type", "application/grpc")];
    let (pretty, classic) = unread(&request, b"\x01\0\0\0\x04\x0a\x02hi");
    assert_eq!(
        pretty,
        r"          stream 1    9 bytes
    message 1  4 bytes
    not decompressed: the Compressed-Flag is set, but there is no grpc-encoding
      \n\x02hi
"
    );
    assert_eq!(
        classic,
        r" = 1 (01)
Protobuf Length = 4 (00 00 00 04)
Protobuf Message not decompressed: the Compressed-Flag is set, but there is no grpc-encoding
Hexdump (Protobuf Message) =
   0a 02 68 69
----------------------------------------
"
    );
    let snappy = [request[0], request[1], request[2], ("grpc-encoding", "snappy")];
    let (pretty, _) = unread(&snappy, b"\x01\0\0\0\x04\x0a\x02hi");
    assert!(pretty.ends_with("of snappy\n    not decompressed: unknown encoding\n      \\n\\x02hi\n"), "{pretty}");
}

#[test]
fn what_breaks_a_header_block_is_said_once() {
    let mut bytes = PREFACE.to_vec();
    frame::put(&mut bytes, kind::SETTINGS, 0, 0, b"");
    frame::put(&mut bytes, kind::HEADERS, flag::END_HEADERS, 1, b"\x82\x80");
    frame::put(&mut bytes, kind::PING, 0, 0, b"12345678");
    let chunks = [(Direction::ToBackend, &bytes[..])];
    let pretty = pretty_form(&chunks);
    let (_, headers) = pretty.split_once("→ HEADERS ").unwrap();
    assert_eq!(
        headers,
        r"       stream 1    END_HEADERS  2 bytes
    :method  GET
    malformed header block: index 0 of a field (RFC 7541 section 6.1) at byte 1
→ PING           connection  31 32 33 34 35 36 37 38
"
    );
    let classic = classic_form(&chunks, false);
    assert_eq!(classic.matches("Malformed").count(), 1, "{classic}");
}

#[test]
fn messages_of_another_format_are_shown_as_text() {
    let request = [(":method", "POST"), (":path", "/a.B/C"), ("content-type", "application/grpc+json")];
    let (pretty, classic) = unread(&request, b"\0\0\0\0\x07{\"a\":1}");
    assert_eq!(
        pretty,
        r#"          stream 1    12 bytes
    message 1  7 bytes
    not Protobuf, by its content-type
      {"a":1}
"#
    );
    assert_eq!(
        classic,
        r#" = 0 (00)
Protobuf Length = 7 (00 00 00 07)
Message Format = not Protobuf, by its content-type
Message =
   b'{"a":1}'
Hexdump (Message) =
   7b 22 61 22 3a 31 7d
----------------------------------------
"#
    );
}

#[test]
fn a_secret_is_not_told_by_the_start_of_a_block_that_never_ends() {
    let mut bytes = PREFACE.to_vec();
    frame::put(&mut bytes, kind::HEADERS, 0, 1, &literals(&[("authorization", "hunter2")]));
    let mut whole = PREFACE.to_vec();
    frame::put(&mut whole, kind::HEADERS, flag::END_HEADERS, 1, &literals(&[("cookie", "hunter2")]));
    whole.pop();
    for bytes in [bytes, whole] {
        let shown = classic_form(&[(Direction::ToBackend, &bytes)], true);
        let hidden = classic_form(&[(Direction::ToBackend, &bytes)], false);
        assert!(shown.replace("\n  ", "").contains("68 75 6e 74 65 72"), "{shown}");
        assert!(!hidden.replace("\n  ", "").contains("68 75 6e 74 65 72"), "{hidden}");
    }
}

#[test]
fn a_secret_in_bytes_that_are_not_decoded_is_hidden_however_they_are_cut() {
    let bytes = b"GET / HTTP/1.1\r\na b: c\r\n\r\nGET / HTTP/1.1\r\nAuthorization: hunter2\r\n\r\n";
    for cut in 1..bytes.len() {
        let (first, second) = bytes.split_at(cut);
        let text = classic_form(&[(Direction::ToBackend, first), (Direction::ToBackend, second)], false);
        assert_eq!(text.matches("**").count(), 7, "cut at {cut}: {text}");
    }
}

/// The bytes that a text of the classic form tells, in its order.
fn printed(text: &str) -> Vec<u8> {
    let mut printed = Vec::new();
    let mut in_dump = false;
    for line in text.lines() {
        in_dump = line.starts_with("Hexdump (") || in_dump && line.starts_with("   ");
        let pairs = match line.strip_prefix("   ") {
            Some(row) if in_dump => Some(row),
            // A setting.
            Some(row) => {
                row.rsplit_once(" (").filter(|_| row.contains(":0x") && row.contains(" -> ")).map(|(_, end)| end)
            }
            None => line.strip_prefix("Opaque Data = ").or_else(|| {
                let numbered = NUMBERED.iter().any(|name| line.starts_with(name));
                numbered.then(|| line.rsplit_once(" (")).flatten().map(|(_, end)| end)
            }),
        };
        let pairs = pairs.unwrap_or_default().trim_end_matches(')').split([' ', '|']).filter(|pair| !pair.is_empty());
        printed.extend(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()));
    }
    printed
}

const NUMBERED: [&str; 11] = [
    "Frame Length",
    "Frame Type",
    "Flags",
    "Stream Identifier",
    "Pad Length",
    "Reserved Bit",
    "Exclusive Bit",
    "Error Code",
    "Prioritized Stream Identifier",
    "gRPC Compressed Flag",
    "Protobuf Length",
];

proptest! {
    #[test]
    fn every_byte_is_printed_once_and_in_order(
        frames in proptest::collection::vec(
            (0..=17_u8, any::<u8>(), 0..4_u32, proptest::collection::vec(any::<u8>(), 0..40)), 0..8),
        call in any::<bool>(),
        rest in proptest::collection::vec(any::<u8>(), 0..40),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut bytes = PREFACE.to_vec();
        if call {
            let request = [(":method", "POST"), (":path", "/a.B/C"), ("content-type", "application/grpc")];
            frame::put(&mut bytes, kind::HEADERS, flag::END_HEADERS, 1, &literals(&request));
            frame::put(&mut bytes, kind::DATA, 0, 1, b"\0\0\0\0\x02\x08\x01\0\0\0");
            frame::put(&mut bytes, kind::DATA, 0, 1, b"\0\x03\x08\x01");
        }
        for (kind, flags, stream, payload) in &frames {
            frame::put(&mut bytes, *kind, *flags, *stream, payload);
        }
        bytes.extend_from_slice(&rest);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        let mut chunks = Vec::new();
        let mut start = 0;
        for cut in cuts.into_iter().chain([bytes.len()]) {
            chunks.push((Direction::ToBackend, &bytes[start..cut]));
            start = cut;
        }
        let text = classic_form(&chunks, true);
        prop_assert_eq!(&printed(&text), &bytes, "{}", text);
        for line in pretty_form(&chunks).lines() {
            prop_assert!(line.chars().count() <= 100 && !line.contains(char::is_control), "{:?}", line);
        }
    }
}
