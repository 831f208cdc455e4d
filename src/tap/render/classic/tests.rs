//! The sections that the forerunner has, to the letter, over bytes of our own.

use super::*;
use crate::tap::event::Payload;
use crate::tap::render::fixtures::{self, ALICE, BOB, data, event, frame, headers, message, prefixed, settings};
use crate::wire::frame::kind;
use crate::wire::proxy_protocol::{self, Prefix};

pub(super) fn endpoints() -> Endpoints {
    Endpoints { client: "127.0.0.1:51600".to_owned(), backend: "localhost:50051".to_owned() }
}

/// The block of these events without its three lines of head.
pub(super) fn sections(events: &[Event]) -> String {
    let mut out = String::new();
    fixtures::with_options(|options| block(&mut out, &endpoints(), events, options));
    out.splitn(4, '\n').nth(3).unwrap().to_owned()
}

#[test]
fn life_cycle_lines() {
    let mut out = String::new();
    starting(&mut out, 24909, "localhost:80");
    accepted(&mut out, "127.0.0.1:51600");
    done_redirecting(&mut out, &endpoints(), Direction::ToBackend);
    done_redirecting(&mut out, &endpoints(), Direction::ToClient);
    stopping(&mut out, 24909);
    assert_eq!(
        out,
        "\
Starting tcp-h2-describe proxy server on port 24909
  Proxying server located at localhost:80
Accepted connection from 127.0.0.1:51600
Done redirecting socket for client(127.0.0.1:51600)->proxy->server(localhost:50051)
Done redirecting socket for server(localhost:50051)->proxy->client(127.0.0.1:51600)
Stopping tcp-h2-describe proxy server on port 24909
Waiting for request handlers to complete...
"
    );
}

#[test]
fn a_first_chunk_with_preface_and_settings() {
    let payload = b"\0\x02\0\0\0\0\0\x05\0\0\x40\0\xfe\x03\0\0\0\x01\xfe\x99\0\0\0\x07\0\x99\x80\0\0\0";
    let events =
        [event(Direction::ToBackend, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", What::Preface), settings(0, payload)];
    let mut out = String::new();
    fixtures::with_options(|options| block(&mut out, &endpoints(), &events, options));
    assert_eq!(
        out,
        r"============================================================
client(127.0.0.1:51600)->proxy->server(localhost:50051)

Client Connection Preface = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
Hexdump (Client Connection Preface) =
   50 52 49 20 2a 20 48 54 54 50 2f 32 2e 30 0d 0a
   0d 0a 53 4d 0d 0a 0d 0a
----------------------------------------
Frame Length = 30 (00 00 1e)
Frame Type = SETTINGS (04)
Flags = UNSET (00)
Stream Identifier = 0 (00 00 00 00)
Settings =
   SETTINGS_ENABLE_PUSH:0x2 -> 0 (00 02 | 00 00 00 00)
   SETTINGS_MAX_FRAME_SIZE:0x5 -> 16384 (00 05 | 00 00 40 00)
   GRPC_ALLOW_TRUE_BINARY_METADATA:0xfe03 -> 1 (fe 03 | 00 00 00 01)
   OUR_OWN_SETTING:0xfe99 -> 7 (fe 99 | 00 00 00 07)
   UNKNOWN:0x99 -> 2147483648 (00 99 | 80 00 00 00)
----------------------------------------
"
    );
}

#[test]
fn a_block_to_the_client_and_an_acknowledgement() {
    let mut acknowledgement = settings(1, b"");
    acknowledgement.direction = Direction::ToClient;
    let mut out = String::new();
    fixtures::with_options(|options| block(&mut out, &endpoints(), &[acknowledgement], options));
    assert_eq!(
        out,
        "\
============================================================
server(localhost:50051)->proxy->client(127.0.0.1:51600)

Frame Length = 0 (00 00 00)
Frame Type = SETTINGS (04)
Flags = ACK:0x1 (01)
Stream Identifier = 0 (00 00 00 00)
----------------------------------------
"
    );
}

#[test]
fn a_chunk_that_completes_nothing_has_no_block() {
    let mut out = String::new();
    fixtures::with_options(|options| block(&mut out, &endpoints(), &[], options));
    assert_eq!(out, "");
}

#[test]
fn proxy_line() {
    let line = b"PROXY TCP4 198.51.100.22 203.0.113.7 35646 0\r\n";
    let Ok(Prefix::Complete { header, .. }) = proxy_protocol::parse(line, 4096) else { panic!() };
    assert_eq!(
        sections(&[event(Direction::ToBackend, line, What::ProxyHeader(header))]),
        r"Proxy Protocol Header =
   b'PROXY TCP4 198.51.100.22 203.0.113.7 35646 0\r\n'
Hexdump (Proxy Protocol Header) =
   50 52 4f 58 59 20 54 43 50 34 20 31 39 38 2e 35
   31 2e 31 30 30 2e 32 32 20 32 30 33 2e 30 2e 31
   31 33 2e 37 20 33 35 36 34 36 20 30 0d 0a
----------------------------------------
"
    );
}

#[test]
fn header_lists_are_python_reprs() {
    let list = [(":path", "/x"), ("x-quote", "it's"), ("x-tab", "a\tb\u{1b}[0m"), ("grpc-message", "")];
    assert_eq!(
        sections(&[headers(0x05, b"\x86\x83\xc4\x0f", &list)]),
        r#"Frame Length = 4 (00 00 04)
Frame Type = HEADERS (01)
Flags = END_STREAM:0x1 | END_HEADERS:0x4 (05)
Stream Identifier = 1 (00 00 00 01)
Headers =
   ':path' -> '/x'
   'x-quote' -> "it's"
   'x-tab' -> 'a\tb\x1b[0m'
   'grpc-message' -> ''
Hexdump (Compressed Headers) =
   86 83 c4 0f
----------------------------------------
"#
    );
}

#[test]
fn ping_and_window_update() {
    let ping = frame(
        (kind::PING, 0, 0),
        b"\x02\x04\x10\x10\x09\x0e\x07\x07",
        Payload::Ping { data: *b"\x02\x04\x10\x10\x09\x0e\x07\x07" },
    );
    let update = |payload: &[u8], reserved| {
        frame((kind::WINDOW_UPDATE, 0, 1), payload, Payload::WindowUpdate { increment: 5, reserved })
    };
    assert_eq!(
        sections(&[ping, update(&[0, 0, 0, 5], false), update(&[0x80, 0, 0, 5], true)]),
        "\
Frame Length = 8 (00 00 08)
Frame Type = PING (06)
Flags = UNSET (00)
Stream Identifier = 0 (00 00 00 00)
Opaque Data = 02 04 10 10 09 0e 07 07
----------------------------------------
Frame Length = 4 (00 00 04)
Frame Type = WINDOW_UPDATE (08)
Flags = UNSET (00)
Stream Identifier = 1 (00 00 00 01)
Reserved Bit = 0, Window Size Increment = 5 (00 00 00 05)
----------------------------------------
Frame Length = 4 (00 00 04)
Frame Type = WINDOW_UPDATE (08)
Flags = UNSET (00)
Stream Identifier = 1 (00 00 00 01)
Reserved Bit = 1, Window Size Increment = 5 (80 00 00 05)
----------------------------------------
"
    );
}

#[test]
fn data_of_no_grpc_call_is_raw() {
    assert_eq!(
        sections(&[data(1, b"{\"a\": 'b'}\xff", vec![]), data(1, b"", vec![])]),
        r#"Frame Length = 11 (00 00 0b)
Frame Type = DATA (00)
Flags = END_STREAM:0x1 (01)
Stream Identifier = 1 (00 00 00 01)
Frame Payload =
   b'{"a": \'b\'}\xff'
Hexdump (Frame Payload) =
   7b 22 61 22 3a 20 27 62 27 7d ff
----------------------------------------
Frame Length = 0 (00 00 00)
Frame Type = DATA (00)
Flags = END_STREAM:0x1 (01)
Stream Identifier = 1 (00 00 00 01)
----------------------------------------
"#
    );
}

#[test]
fn two_users_and_an_empty_message_in_one_data_frame() {
    let bytes = [prefixed(BOB), prefixed(ALICE), prefixed(b"")].concat();
    let messages = vec![message(0, 9, BOB), message(1, 26, ALICE), message(2, 47, b"")];
    assert_eq!(
        sections(&[data(1, &bytes, messages)]),
        r#"Frame Length = 43 (00 00 2b)
Frame Type = DATA (00)
Flags = END_STREAM:0x1 (01)
Stream Identifier = 1 (00 00 00 01)
gRPC Compressed Flag = 0 (00)
Protobuf Length = 12 (00 00 00 0c)
Protobuf Message (users.v1.User) =
   first_name: "Bob"
   last_name: "Green"
Hexdump (Protobuf Message) =
   0a 03 42 6f 62 12 05 47 72 65 65 6e
gRPC Compressed Flag = 0 (00)
Protobuf Length = 16 (00 00 00 10)
Protobuf Message (users.v1.User) =
   first_name: "Alice"
   last_name: "Redmond"
Hexdump (Protobuf Message) =
   0a 05 41 6c 69 63 65 12 07 52 65 64 6d 6f 6e 64
gRPC Compressed Flag = 0 (00)
Protobuf Length = 0 (00 00 00 00)
----------------------------------------
"#
    );
}
