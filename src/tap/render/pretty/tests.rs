//! Whole blocks to the letter, plain and in colour; and what holds of every block.

use crate::log::ConnectionId;
use proptest::prelude::*;

use super::*;
use crate::tap::event::{Block, Details, FramePart, GrpcStatus, Payload, Priority, StreamNote};
use crate::tap::render::fixtures::{
    self, ALICE, BOB, data, event as other, frame, headers, message, prefixed, settings,
};
use crate::wire::Malformed;
use crate::wire::frame::{FrameHead, kind};

pub(super) const PLAIN: Look = Look { palette: Palette::PLAIN, hex: false };

pub(super) fn pretty(events: &[Event], stamp: Stamp, look: Look) -> String {
    let mut out = String::new();
    fixtures::with_options(|options| events.iter().for_each(|each| event(&mut out, each, stamp, options, look)));
    out
}

/// HEADERS of the backend that end a call.
pub(super) fn trailers(code: u32, name: &'static str, message: &str) -> Event {
    let list = [("grpc-status", "5"), ("grpc-message", "no%20such%20user"), ("x-more", "yes")];
    let mut event = headers(0x05, b"\xc1\xc2", &list);
    event.direction = Direction::ToClient;
    let Payload::Headers(headers) = &mut fixtures::frame_of(&mut event).payload else { panic!() };
    headers.block = Block {
        status: Some(Box::new(GrpcStatus {
            code: Some(code),
            name: Some(name),
            message: Some(message.to_owned()),
            details: Some(Details::Status(vec![8, 5])),
            trailers_only: false,
            path: None,
        })),
        ..headers.block.clone()
    };
    event
}

fn conversation() -> Vec<Event> {
    let mut acknowledgement = settings(1, b"");
    acknowledgement.direction = Direction::ToClient;
    let request = [
        (":method", "POST"),
        (":path", "/users.v1.Users/AddUser"),
        ("content-type", "application/grpc"),
        ("authorization", "Bearer 0123456789abcdefghij"),
    ];
    let update = Payload::WindowUpdate { increment: 4_128_769, reserved: false };
    vec![
        other(Direction::ToBackend, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", What::Preface),
        settings(0, b"\0\x02\0\0\0\0\0\x05\0\x40\0\0\xfe\x99\0\0\0\x07\0\x99\x80\0\0\0"),
        frame((kind::WINDOW_UPDATE, 0, 0), &[0, 0x3f, 0, 1], update),
        headers(4, b"\x86\x83\xc4", &request),
        data(1, &[prefixed(BOB), prefixed(ALICE)].concat(), vec![message(0, 9, BOB), message(1, 26, ALICE)]),
        acknowledgement,
        trailers(5, "NOT_FOUND", "no such user"),
    ]
}

#[test]
fn a_call_from_preface_to_trailers() {
    assert_eq!(
        pretty(&conversation(), Stamp::default(), PLAIN),
        r#"→ PREFACE        PRI * HTTP/2.0  24 bytes
→ SETTINGS       connection  24 bytes
    SETTINGS_ENABLE_PUSH     0
    SETTINGS_MAX_FRAME_SIZE  4,194,304
    OUR_OWN_SETTING          7
    unknown 0x99             2,147,483,648
→ WINDOW_UPDATE  connection  the backend may send 4,128,769 more bytes
→ HEADERS        stream 1    END_HEADERS  3 bytes
    :method        POST
    :path          /users.v1.Users/AddUser
    content-type   application/grpc
    authorization  [redacted, 27 bytes]
→ DATA           stream 1    END_STREAM  38 bytes
    message 1  users.v1.User  12 bytes
      first_name: "Bob"
      last_name: "Green"
    message 2  users.v1.User  16 bytes
      first_name: "Alice"
      last_name: "Redmond"
← SETTINGS       connection  ACK  the settings are accepted
← HEADERS        stream 1    END_STREAM END_HEADERS  2 bytes
    grpc-status  5 NOT_FOUND: no such user
    x-more       yes
    grpc-status-details-bin  google.rpc.Status
      code: 5
      details {
        value: 1
"#
    );
}

#[test]
fn frames_that_say_one_thing_take_one_line() {
    let reset = |code: u32| frame((kind::RST_STREAM, 0, 3), &code.to_be_bytes(), Payload::RstStream { code });
    let goaway = Payload::Goaway { last_stream: 5, reserved: false, code: 11, debug_data: 17..32 };
    let goaway = frame((kind::GOAWAY, 0, 0), b"\0\0\0\x05\0\0\0\x0btoo_many_pings\n", goaway);
    let priority = Priority { exclusive: true, dependency: 1, weight: 256, bytes: 9..14 };
    let priority = frame((kind::PRIORITY, 0, 3), b"\x80\0\0\x01\xff", Payload::Priority(priority));
    let update = Payload::PriorityUpdate { stream: 7, value: 13..19 };
    let update = frame((kind::PRIORITY_UPDATE, 0, 0), b"\0\0\0\x07u=3, i", update);
    let ping = frame((kind::PING, 1, 0), b"\x02\x04\x10\x10\x09\x0e\x07\x07", Payload::Ping { data: [0; 8] });
    let unknown = frame((0xb, 0x11, 0), b"\x1b[2J", Payload::Raw(9..13));
    assert_eq!(
        pretty(&[reset(8), reset(0x99), goaway, priority, update, ping, unknown], Stamp::default(), PLAIN),
        r"→ RST_STREAM     stream 3    CANCEL (0x8)  no longer wanted
→ RST_STREAM     stream 3    unknown error code (0x99)  its meaning is not known
→ GOAWAY         connection  ENHANCE_YOUR_CALM (0xb)
    the peer does too much of something; no stream above 5 is or was processed
    debug data  too_many_pings\n
→ PRIORITY       stream 3    depends on stream 1 exclusively, weight 256
→ PRIORITY_UPDATE  connection  10 bytes
    stream 7  u=3, i
→ PING           connection  ACK  02 04 10 10 09 0e 07 07
→ TYPE 0x0b      connection  0x11  4 bytes
    \x1b[2J
"
    );
}

#[test]
fn colour_tells_the_direction_and_what_is_wrong() {
    let look = Look { palette: Palette::COLOUR, hex: false };
    let mut malformed = data(0, b"", vec![]);
    fixtures::frame_of(&mut malformed).malformed =
        Some(Malformed { rule: "no such stream", section: "RFC 9113 section 5.1", offset: 5 });
    let events = [malformed, trailers(5, "NOT_FOUND", "gone"), trailers(0, "OK", "")];
    let stamp =
        Stamp { time: Some(Duration::from_micros(12_345)), connection: Some(ConnectionId { shard: 0, number: 7 }) };
    let text = pretty(&events, stamp, look);
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("etails") && !line.contains("e: ")).collect();
    assert_eq!(
        lines,
        [
            "\x1b[2m 0.012345s  #0-7\x1b[0m  \x1b[36m→ DATA\x1b[0m           stream 1    \x1b[2m0 bytes\x1b[0m",
            "                      \x1b[33mmalformed at byte 5: no such stream (RFC 9113 section 5.1)\x1b[0m",
            "\x1b[2m 0.012345s  #0-7\x1b[0m  \x1b[35m← HEADERS\x1b[0m        stream 1    END_STREAM END_HEADERS  \x1b[2m2 bytes\x1b[0m",
            "                      \x1b[2mgrpc-status\x1b[0m  \x1b[33m5 NOT_FOUND: gone\x1b[0m",
            "                      \x1b[2mx-more\x1b[0m       yes",
            "\x1b[2m 0.012345s  #0-7\x1b[0m  \x1b[35m← HEADERS\x1b[0m        stream 1    END_STREAM END_HEADERS  \x1b[2m2 bytes\x1b[0m",
            "                      \x1b[2mgrpc-status\x1b[0m  0 OK",
            "                      \x1b[2mx-more\x1b[0m       yes",
        ]
    );
}

#[test]
fn long_values_are_wrapped_and_the_rest_is_counted() {
    let words = "lorem ipsum, dolor. ".repeat(10);
    let list = [("x-long", "x".repeat(500)), ("x-words", words), ("x-wide", "日".repeat(60))];
    let list: Vec<(&str, &str)> = list.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let text = pretty(&[headers(4, b"\x82", &list)], Stamp::default(), PLAIN);
    let x = "x".repeat(87);
    assert_eq!(
        text,
        format!(
            "\
→ HEADERS        stream 1    END_HEADERS  1 byte
    x-long   {x}
             {x}
             {x}
             {x}
             … 152 more characters
    x-words  lorem ipsum, dolor. lorem ipsum, dolor. lorem ipsum, dolor. lorem ipsum, dolor. lorem
             ipsum, dolor. lorem ipsum, dolor. lorem ipsum, dolor. lorem ipsum, dolor. lorem ipsum,
             dolor. lorem ipsum, dolor.
    x-wide   {}
             {}
",
            "日".repeat(43),
            "日".repeat(17)
        )
    );
}

#[test]
fn bytes_come_with_offsets_and_without_secrets() {
    let request = headers(4, b"\x0f\x08\x03abc", &[("x-api-token", "abc")]);
    let look = Look { hex: true, ..PLAIN };
    assert_eq!(
        pretty(&[request], Stamp::default(), look),
        "\
→ HEADERS        stream 1    END_HEADERS  6 bytes
    x-api-token  [redacted, 3 bytes]
    00001000  00 00 06 01 04 00 00 00  01 ** ** ** ** ** **     |.........******|
"
    );
    let text = b"GET / HTTP/1.1\r\nCookie: a=b\r\n";
    let cut = other(Direction::ToBackend, text, What::Truncated { of: "request head", missing: None });
    assert_eq!(
        pretty(&[cut], Stamp::default(), PLAIN),
        "\
→ TRUNCATED      request head  29 bytes
    the direction ended before its end came
    00001000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  |GET / HTTP/1.1..|
    00001010  43 6f 6f 6b 69 65 3a 20  ** ** ** 0d 0a           |Cookie: ***..|
"
    );
}

#[test]
fn data_that_may_be_messages_of_an_unknown_call_is_hidden() {
    let mut unknown = data(0, b"hunter", vec![]);
    fixtures::frame_of(&mut unknown).note = Some(StreamNote::Unknown);
    let head = FrameHead { length: 400_000, kind: kind::DATA, flags: 0, stream: 1 };
    let part = FramePart { head, position: 0, last: false, messages: vec![] };
    let part = other(Direction::ToBackend, b"hunter", What::FramePart(part));
    let known = data(0, b"a page", vec![]);
    assert_eq!(
        pretty(&[unknown, part, known], Stamp::default(), Look { hex: true, ..PLAIN }),
        "\
→ DATA           stream 1    6 bytes
    [redacted, 6 bytes]
    nothing is known of this stream
    00001000  00 00 06 00 00 00 00 00  01 ** ** ** ** ** **     |.........******|
→ DATA           stream 1    up to byte 6 of 400,000  6 bytes
    [redacted, 6 bytes]
    00001000  ** ** ** ** ** **                                 |******|
→ DATA           stream 1    6 bytes
    a page
    00001000  00 00 06 00 00 00 00 00  01 61 20 70 61 67 65     |.........a page|
"
    );
}

proptest! {
    #[test]
    fn every_line_fits_and_nothing_acts_on_the_terminal(
        name in "\\PC{0,60}|[a-z-]{1,12}|[ a]{0,3}",
        value in any::<String>(),
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        message in any::<String>(),
        time in any::<u32>(),
        connection in any::<Option<u64>>(),
    ) {
        let unknown = frame((0xb, 0xff, u32::MAX >> 1), &bytes, Payload::Raw(9..9 + bytes.len()));
        let opaque = other(Direction::ToClient, &[&bytes[..], b"x"].concat(), What::Opaque { reason: Reason::Tunnel });
        let events = [
            headers(4, &bytes, &[(&name, &value), (":path", "/")]),
            trailers(7, "PERMISSION_DENIED", &message),
            data(1, &bytes, vec![]),
            unknown,
            opaque,
        ];
        let stamp = Stamp {
            time: Some(Duration::from_secs(time.into())),
            connection: connection.map(|number| ConnectionId { shard: 1, number }),
        };
        let plain = pretty(&events, stamp, Look { hex: true, ..PLAIN });
        for line in plain.lines() {
            prop_assert!(page::width(line) <= 100, "{}", line);
            prop_assert!(!line.ends_with(' ') && !line.contains(char::is_control), "{:?}", line);
        }
        let mut coloured = pretty(&events, stamp, Look { palette: Palette::COLOUR, hex: true });
        for code in ["\x1b[36m", "\x1b[35m", "\x1b[33m", "\x1b[2m", "\x1b[0m"] {
            coloured = coloured.replace(code, "");
        }
        prop_assert_eq!(coloured, plain);
    }
}
