//! What a client reads that is answered in a backend's place.

use super::support::*;
use crate::bridge::{Nudge, Refusal};

fn refusal(message: &str) -> Refusal {
    Refusal { grpc_status: 14, http_status: 503, proxy_error: "connection_refused", message: message.to_owned() }
}

/// The header fields of an answer to a client that has sent its request at once, as another decoder reads them.
fn fields(block: &[u8], message: &str) -> Vec<(String, String)> {
    let mut scene = Scene::new(Cut::Whole);
    scene.client_sends(&[preface(), settings(&[(1, 0)]), frame(1, 5, 1, block)]);
    let answer = scene.answerer.unwrap().answer(&refusal(message)).whole();
    let answer = answer.strip_prefix(&[own_settings(), ack()].concat()[..]).unwrap();
    let length = usize::from(answer[1]) << 8 | usize::from(answer[2]);
    assert_eq!((answer[0], &answer[3..9]), (0, &[1, 5, 0, 0, 0, 1][..]));
    assert_eq!(answer[9 + length..], goaway_frame(1, 0));
    let mut decoder = hpack::Decoder::new();
    let decoded = decoder.decode(&answer[9..9 + length]).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    decoded.into_iter().map(|(name, value)| (text(name.to_vec()), text(value.to_vec()))).collect()
}

fn grpc_message(message: &str) -> String {
    fields(&call(), message).pop().unwrap().1
}

/// RFC 9113 section 8.1: HEADERS that end the stream, then GOAWAY that names it (section 6.8).
#[test]
fn a_grpc_call_gets_its_status_in_trailers() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[])]);
        scene.client_is_quiet(Nudge::Settings);
        scene.client_is_quiet(Nudge::AckUnasked);
        scene.client_hears(&[own_settings(), ack()]);
        scene.client_sends(&[frame(1, 5, 1, &call())]);
        let answer = scene.answerer.unwrap();
        assert!(answer.is_grpc());
        let mut expected = vec![0, 0, 67, 1, 5, 0, 0, 0, 1, 0x20, 0x88, 0x0f, 0x10, 16];
        expected.extend_from_slice(b"application/grpc\x00\x0bgrpc-status\x0214\x00\x0cgrpc-message\x0fn%C3%A4h 5%25 x");
        expected.extend_from_slice(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(hex(&answer.answer(&refusal("näh 5% x")).whole()), hex(&expected));
    });
}

/// RFC 9113 section 8.1: who answers before the request is complete resets its stream with NO_ERROR.
#[test]
fn any_other_request_gets_an_http_status() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[]), headers(13, b"\x82\x86\x84")]);
        let answer = scene.answerer.unwrap();
        assert!(!answer.is_grpc());
        let mut expected = vec![0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100, 0, 0, 0, 4, 1, 0, 0, 0, 0];
        expected.extend_from_slice(&[0, 0, 78, 1, 5, 0, 0, 0, 13, 0x20, 0x08, 3, b'5', b'0', b'3', 0x0f, 13, 1, b'0']);
        expected.extend_from_slice(b"\x00\x0cproxy-status\x35spliceway; error=connection_refused; details=\"n?h 5%\"");
        expected.extend_from_slice(&[0, 0, 4, 3, 0, 0, 0, 0, 13, 0, 0, 0, 0]);
        expected.extend_from_slice(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 13, 0, 0, 0, 0]);
        assert_eq!(hex(&answer.answer(&refusal("näh 5%")).whole()), hex(&expected));
    });
}

/// RFC 9113 section 3.4: SETTINGS first, the ACK behind them.
#[test]
fn the_greeting_is_what_was_not_said_yet() {
    let begins = |scene: &mut Scene, expected: &[Vec<u8>]| {
        scene.heard();
        scene.client_sends(&[headers(1, &call())]);
        let answer = scene.answerer.unwrap().answer(&refusal("x")).whole();
        let expected = [expected.concat(), vec![0, 0]].concat();
        assert_eq!(hex(&answer[..expected.len()]), hex(&expected));
        assert_eq!(answer[expected.len() + 1], 1, "HEADERS");
        assert!(answer.ends_with(&[frame(3, 0, 1, &[0; 4]), goaway_frame(1, 0)].concat()));
    };
    let opened = |frames: &[Vec<u8>]| {
        let mut scene = Scene::new(Cut::Whole);
        scene.client_sends(&[preface(), settings(&[]), frames.concat()]);
        scene
    };
    begins(&mut opened(&[]), &[own_settings(), ack()]);
    let mut greeted = opened(&[]);
    greeted.client_is_quiet(Nudge::Settings);
    begins(&mut greeted, &[ack()]);
    begins(&mut opened(&[ping(b"12345678")]), &[]);
    begins(&mut opened(&[settings(&[])]), &[]);
    let mut eager = Scene::new(Cut::Whole);
    eager.client_sends(&[preface(), settings(&[]), settings(&[]), headers(1, &call())]);
    let answer = eager.answerer.unwrap().answer(&refusal("x")).whole();
    assert!(answer.starts_with(&[own_settings(), ack(), ack(), vec![0, 0]].concat()));
}

/// RFC 9209 section 2.3.
#[test]
fn the_fields_are_those_of_the_request_kind() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let grpc = [
        pair(":status", "200"),
        pair("content-type", "application/grpc"),
        pair("grpc-status", "14"),
        pair("grpc-message", "no backend"),
    ];
    assert_eq!(fields(&call(), "no backend"), grpc);
    let http = [
        pair(":status", "503"),
        pair("content-length", "0"),
        pair("proxy-status", r#"spliceway; error=connection_refused; details="say \"no\" \\ ?""#),
    ];
    assert_eq!(fields(b"\x82\x86\x84", "say \"no\" \\ \u{7}"), http);
}

/// RFC 9113 section 4.3.1: who has shrunk its table and had the ACK expects the size update at the start of the next
/// block, and its decoder may hold nothing.
#[test]
fn a_client_without_a_table_can_read_the_answer() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[(1, 0)])]);
        scene.client_is_quiet(Nudge::Settings);
        scene.client_sends(&[ack()]);
        scene.client_is_quiet(Nudge::Ack);
        scene.client_hears(&[own_settings(), ack()]);
        scene.client_sends(&[frame(1, 5, 1, &call())]);
        let answer = scene.answerer.unwrap().answer(&refusal("no backend")).whole();
        let block = &answer[9..answer.len() - 17];
        assert_eq!((answer[3], block[0]), (1, 0x20), "HEADERS begin with a table size update to 0");
        let mut decoder = hpack::Decoder::new();
        decoder.set_max_table_size(0);
        let decoded = decoder.decode(block).unwrap();
        assert_eq!(decoded.len(), 4);
        // Nothing was put into the table: index 62 would be its first entry.
        assert!(decoder.decode(b"\xbe").is_err());
    });
}

#[test]
fn messages_are_percent_encoded() {
    assert_eq!(grpc_message("100% ~!\n\u{7f}ü"), "100%25 ~!%0A%7F%C3%BC");
    assert_eq!(grpc_message(""), "");
    assert_eq!(grpc_message("  no blanks at the ends \r\n"), "no blanks at the ends");
}

#[test]
fn long_messages_are_cut_between_characters() {
    assert_eq!(grpc_message(&"x".repeat(126)).len(), 126);
    assert_eq!(grpc_message(&"x".repeat(127)).len(), 127);
    assert_eq!(grpc_message(&"x".repeat(255)).len(), 255);
    assert_eq!(grpc_message(&"x".repeat(600)), "x".repeat(512));
    assert_eq!(grpc_message(&"€".repeat(600)), "%E2%82%AC".repeat(170));
    assert_eq!(grpc_message(&format!("{} x", "x".repeat(511))), "x".repeat(511));
    let details = fields(b"\x82\x86\x84", &"\"".repeat(600)).pop().unwrap().1;
    assert_eq!(details, format!("spliceway; error=connection_refused; details=\"{}\"", "\\\"".repeat(512)));
}

/// A stream and the fields of its answer.
type Answered = (u8, Vec<(String, String)>);

/// The answers, each of which ends its stream, and then the frames that are none.
fn answered(bytes: &[u8]) -> (Vec<Answered>, Vec<Vec<u8>>) {
    let (mut answers, mut others) = (Vec::new(), Vec::new());
    let mut decoder = hpack::Decoder::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = 9 + (usize::from(rest[1]) << 8 | usize::from(rest[2]));
        let (frame, behind) = rest.split_at(length);
        rest = behind;
        if frame[3] != 1 {
            others.push(frame.to_vec());
            continue;
        }
        assert_eq!(frame[4], 5);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let fields = decoder.decode(&frame[9..]).unwrap();
        answers.push((frame[8], fields.into_iter().map(|(name, value)| (text(name), text(value))).collect()));
    }
    (answers, others)
}

fn died() -> Refusal {
    Refusal { http_status: 502, ..refusal("it died") }
}

/// RFC 9113 section 6.8: what may have been acted on is not declared as untouched, and each call hears why it failed.
#[test]
fn every_request_that_the_backend_was_sent_is_answered_for() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[]), headers(1, &call()), data(1, b"x"), frame(1, 5, 3, &call())]);
        scene.client_sends(&[headers(5, &call()), frame(3, 0, 5, &[0; 4]), headers(7, &call()), frame(0, 1, 7, b"y")]);
        scene.client_sends(&[frame(1, 0, 9, &call())]);
        scene.answerable(true);
        let (answers, others) = answered(&scene.client_is_answered(&died(), None));
        let [(1, first), (3, third), (7, seventh), (9, ninth)] = &answers[..] else { panic!("{answers:?}") };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let grpc = [pair("grpc-status", "14"), pair("grpc-message", "it died")];
        assert_eq!(
            first[..],
            [&[pair(":status", "200"), pair("content-type", "application/grpc")], &grpc[..]].concat()
        );
        // Whether a later one is a gRPC call is not known.
        let status = pair("proxy-status", "spliceway; error=connection_refused; details=\"it died\"");
        let either = [&[pair(":status", "502"), pair("content-length", "0"), status], &grpc[..]].concat();
        assert_eq!([third, seventh, ninth], [&either, &either, &either]);
        let (reset_first, reset_ninth) = (frame(3, 0, 1, &[0; 4]), frame(3, 0, 9, &[0; 4]));
        assert_eq!(others, [own_settings(), ack(), reset_first, reset_ninth, goaway_frame(9, 0)]);
    });
}

/// RFC 9113 section 6.8: what stands above the last stream was not acted on.
#[test]
fn a_request_that_the_backend_was_not_sent_may_be_made_again() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[]), frame(1, 5, 1, &call()), frame(1, 5, 3, &call())]);
        scene.client_sends(&[frame(1, 5, 7, &call())]);
        let (answers, others) = answered(&scene.client_is_answered(&died(), Some(3)));
        assert_eq!(answers.iter().map(|(stream, _)| *stream).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(others, [own_settings(), ack(), goaway_frame(3, 0)]);
    });
}

/// Nothing follows a reset (RFC 9113 section 5.1), but GOAWAY says what may have been acted on (RFC 9113 section 6.8).
#[test]
fn who_has_cancelled_everything_hears_of_the_end_alone() {
    every_way(|scene| {
        scene.client_sends(&[preface(), settings(&[]), headers(3, &call()), frame(3, 0, 3, &[0, 0, 0, 8])]);
        let answer = scene.client_is_answered(&died(), None);
        assert_eq!(hex(&answer), hex(&[own_settings(), ack(), goaway_frame(3, 0)].concat()));
    });
}
