//! Conversations in HTTP/1, and how they become something else.

use super::*;
use crate::tap::event::{Framing, Http1Head, Reason, Start};
use crate::wire::settings::Setting;

fn heads(events: &[Event], direction: Direction) -> Vec<&Http1Head> {
    let mut heads = Vec::new();
    for event in events.iter().filter(|event| event.direction == direction) {
        if let What::Http1Head(head) = &event.what {
            heads.push(&**head);
        }
    }
    heads
}

fn talk(client: &str, backend: &str) -> Vec<Event> {
    decode(&[(ToBackend, client.as_bytes().to_vec()), (ToClient, backend.as_bytes().to_vec())])
}

#[test]
fn several_messages_on_one_connection() {
    let events = talk(
        "POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\n\r\nHEAD /c HTTP/1.0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes\
         HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nHTTP/1.1 408 Request Timeout\r\n\r\nend",
    );
    let requests = heads(&events, ToBackend);
    let start = Start::Request { method: "POST".to_owned(), target: "/a".to_owned() };
    assert_eq!((&requests[0].start, requests[0].framing), (&start, Framing::Length(2)));
    assert_eq!((requests[0].minor_version, requests[2].minor_version), (1, 0));
    let responses: Vec<_> =
        heads(&events, ToClient).iter().map(|head| (head.framing, head.path.as_deref().map(str::to_owned))).collect();
    let path = |path: &str| Some(path.to_owned());
    assert_eq!(responses[0], (Framing::Empty, path("/a")));
    assert_eq!(responses[1], (Framing::Length(3), path("/b")));
    assert_eq!(responses[2], (Framing::Empty, path("/c")));
    assert_eq!(responses[3], (Framing::UntilEnd, None));
    assert_eq!(events.last().unwrap().bytes, b"end");
}

#[test]
fn a_grpc_call_over_chunks_with_trailers() {
    let request = "POST /a.B/C HTTP/1.1\r\ncontent-type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n\
         4\r\n\0\0\0\0\r\n3;x=1\r\n\x02hi\r\n0\r\n\r\n";
    let response = "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n\
         a\r\n\0\0\0\0\x05hello\r\n0\r\nGrpc-Status: 5\r\ngrpc-message: a%20b\r\n\r\n";
    let events = talk(request, response);
    assert_eq!(bodies(&events, ToBackend), [b"hi"]);
    assert_eq!(bodies(&events, ToClient), [b"hello"]);
    assert_eq!(messages(&events, ToClient)[0].path.as_deref(), Some("/a.B/C"));
    let What::Http1Chunk(chunk) = &events[2].what else { panic!("{events:?}") };
    assert_eq!((chunk.size, chunk.extension.clone(), chunk.data.clone()), (3, 1..5, 7..10));
    let What::Http1Trailers(trailers) = &events.last().unwrap().what else { panic!("{events:?}") };
    let status = trailers.status.clone().unwrap();
    assert_eq!((status.name, status.message.as_deref()), (Some("NOT_FOUND"), Some("a b")));
    assert_eq!(trailers.fields.len(), 2);
}

#[test]
fn a_long_chunk_and_a_long_body_come_in_pieces() {
    let limits = Limits { whole_bytes: 4, piece_bytes: 3, ..Limits::default() };
    let bytes = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n\
        PUT / HTTP/1.1\r\ncontent-length: 7\r\n\r\n1234567";
    let events = decode_with(limits, &[(ToBackend, bytes.to_vec())]);
    let pieces: Vec<_> = events.iter().map(|event| String::from_utf8_lossy(&event.bytes).into_owned()).collect();
    assert_eq!(pieces[1..4], ["5\r\nhel", "lo\r\n", "0\r\n\r\n"]);
    assert_eq!(pieces[5..], ["123", "456", "7"]);
}

const UPGRADE: &str = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
     HTTP2-Settings: AAMAAABkAAEAACAA\r\n\r\n";

#[test]
fn an_upgrade_to_h2c_is_followed() {
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".to_vec();
    // The response begins with a table size update to 8192, which the HTTP2-Settings allow.
    let response = [switch, framed(4, 0, 0, b""), framed(1, 4, 1, b"\x3f\xe1\x3f\x88"), framed(0, 1, 1, b"hello")];
    let events = decode(&[
        (ToBackend, UPGRADE.as_bytes().to_vec()),
        (ToClient, response.concat()),
        (ToBackend, client_opening()),
    ]);
    let request = heads(&events, ToBackend)[0];
    let settings = [Setting { id: 3, value: 100 }, Setting { id: 1, value: 8192 }];
    assert_eq!(request.settings.as_deref(), Some(&settings[..]));
    assert!(heads(&events, ToClient)[0].becomes_http2);
    assert!(events.iter().any(|event| event.what == What::Preface));
    let frames = frames(events);
    assert_eq!(list(&frames[1].payload), pairs(&[(":status", "200")]));
    assert_eq!((frames[1].path.as_deref(), frames[1].malformed, frames[1].note), (Some("/x"), None, None));
}

#[test]
fn an_upgrade_behind_a_body_is_followed() {
    let request = UPGRADE.replace("\r\n\r\n", "\r\ncontent-length: 4\r\n\r\nbody");
    let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n";
    let events = decode(&[
        (ToBackend, request.as_bytes().to_vec()),
        (ToClient, switch.as_bytes().to_vec()),
        (ToBackend, client_opening()),
    ]);
    assert_eq!(events[3].what, What::Preface);
}

#[test]
fn an_answer_other_than_101_stays_http1() {
    let events = decode(&[
        (ToBackend, UPGRADE.as_bytes().to_vec()),
        (ToClient, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()),
        (ToBackend, b"GET /y HTTP/1.1\r\n\r\n".to_vec()),
        (ToClient, b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()),
    ]);
    assert_eq!(heads(&events, ToBackend).len(), 2);
    let responses = heads(&events, ToClient);
    assert_eq!(responses[1].path.as_deref(), Some("/y"));
    assert!(responses.iter().all(|head| !head.becomes_http2));
}

#[test]
fn other_upgrades_and_connect_become_tunnels() {
    let upgrade = "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
    let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    let connect = "CONNECT a:1 HTTP/1.1\r\n\r\n";
    for (request, response) in [(upgrade, switch), (connect, "HTTP/1.1 200 OK\r\n\r\n")] {
        let events = decode(&[
            (ToBackend, request.as_bytes().to_vec()),
            (ToClient, [response.as_bytes(), b"\x81\x01y"].concat()),
            (ToBackend, b"\x81\x01x".to_vec()),
        ]);
        assert_eq!(heads(&events, ToClient)[0].framing, Framing::Tunnel);
        let tunnel = What::Opaque { reason: Reason::Tunnel };
        assert_eq!((&events[2].what, &events[3].what), (&tunnel, &tunnel));
    }
}

#[test]
fn informational_responses_do_not_answer() {
    let events = talk(
        "PUT /a HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\nx",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n",
    );
    let paths: Vec<_> = heads(&events, ToClient).iter().map(|head| head.path.as_deref()).collect();
    assert_eq!(paths, [Some("/a"), Some("/a")]);
}

#[test]
fn what_breaks_a_rule_ends_the_direction() {
    let rule = |bytes: &str| {
        let events = decode(&[(ToBackend, bytes.as_bytes().to_vec())]);
        let rule = events.iter().find_map(|event| match &event.what {
            What::Malformed(malformed) => Some(malformed.rule),
            _ => None,
        });
        rule.unwrap_or("nothing")
    };
    assert_eq!(rule("GET / HTTP/1.1\r\na b: c\r\n\r\n"), "a field name that is no token");
    assert_eq!(rule("GET / HTTP/3.0\r\n\r\n"), "a version other than HTTP/1.0 and HTTP/1.1");
    assert_eq!(rule("GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n"), "content-length is no number");
    assert_eq!(rule("GET / HTTP/1.1\r\ncontent-length: 1, 2\r\n\r\n"), "content-length twice, and different");
    let coding = "GET / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n";
    assert_eq!(rule(coding), "a request whose last transfer coding is not chunked");
    assert_eq!(rule("GET / HTTP/1.1\r\n\r\n\x01\x02"), "a first line that is none of HTTP/1");
    let chunked = "PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(rule(&format!("{chunked}x\r\n")), "a chunk size that is no hexadecimal number");
    assert_eq!(rule(&format!("{chunked}2\r\nabc\r\n")), "chunk data that is longer than its size");
    assert_eq!(rule(&format!("{chunked}0\r\na b: c\r\n\r\n")), "a field name that is no token");
    let long = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(70_000));
    assert_eq!(rule(&long), "a head longer than is kept");
}

#[test]
fn the_byte_that_breaks_a_rule_is_named() {
    let of_client = |bytes: &str| vec![(ToBackend, bytes.as_bytes().to_vec())];
    let of_backend = |bytes: &[u8]| vec![(ToBackend, b"GET / HTTP/1.1\r\n\r\n".to_vec()), (ToClient, bytes.to_vec())];
    let refused = |conversation: Conversation| {
        let event = decode(&conversation).into_iter().find(|event| matches!(event.what, What::Malformed(_))).unwrap();
        let What::Malformed(malformed) = event.what else { panic!() };
        String::from_utf8_lossy(&event.bytes[malformed.offset..]).into_owned()
    };
    assert_eq!(refused(of_client("GET / HTTP/1.1\r\nHost: x\r\na b: c\r\n\r\n")), " b: c\r\n\r\n");
    assert_eq!(refused(of_client("GET / HTTP/1.1\r\nx: y\x07z\r\n\r\n")), "\u{7}z\r\n\r\n");
    assert_eq!(refused(of_client("GET / HTTP/3.0\r\n\r\n")), "3.0\r\n\r\n");
    assert_eq!(refused(of_backend(b"HTTP/1.1 2x0 OK\r\n\r\n")), "x0 OK\r\n\r\n");
    assert_eq!(refused(of_backend(b"HTTP/1.1 200 OK\r\nx\r\n\r\n")), "\r\n\r\n");
    let chunked = "PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(refused(of_client(&format!("{chunked}0\r\na b: c\r\n\r\nGET"))), " b: c\r\n\r\n");
}
