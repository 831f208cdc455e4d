//! Heads as literals, each read whole and byte by byte.

use super::*;

const LIMITS: Limits = Limits { bytes: 1000, fields: 4 };

/// What becomes of bytes that come at once; the same must become of them when they come one by one.
#[track_caller]
fn read(bytes: &[u8]) -> Result<Head, Error> {
    let whole = Reader::new(LIMITS).read(bytes);
    let mut reader = Reader::new(LIMITS);
    let mut apart = Ok(Head::More { at_least: 1 });
    for length in 1..=bytes.len() {
        apart = reader.read(&bytes[..length]);
        match &apart {
            Ok(Head::More { at_least }) => assert_eq!(*at_least, length + 1),
            Ok(Head::Absent | Head::Complete { .. }) | Err(_) => break,
        }
    }
    assert_eq!(apart, whole, "{}", bytes.escape_ascii());
    whole
}

#[track_caller]
fn complete(bytes: &[u8]) -> (Request, usize) {
    match read(bytes) {
        Ok(Head::Complete { request, length }) => (request, length),
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

/// The fields of a request, as text.
#[track_caller]
fn fields(bytes: &[u8]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    complete(bytes).0.head.fields().map(|(name, value)| (text(name), text(value))).collect()
}

/// Rule, section and place.
#[track_caller]
fn broken(bytes: &[u8]) -> (&'static str, &'static str, usize) {
    match read(bytes) {
        Err(Error::Malformed(Malformed { rule, section, offset })) => (rule, section, offset),
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_head_becomes_fields_and_leaves_the_body() {
    let bytes = b"POST /a?b HTTP/1.1\r\nHost: X.example:80\r\nX-Tenant:\t one two \r\nx-empty:\r\n\r\nbody\0\n";
    let expected = [
        (":method", "POST"),
        (":path", "/a?b"),
        (":authority", "X.example:80"),
        ("host", "X.example:80"),
        ("x-tenant", "one two"),
        ("x-empty", ""),
    ];
    assert_eq!(fields(bytes), owned(&expected));
    let (request, length) = complete(bytes);
    assert_eq!((request.upgrades_to_h2c, &bytes[length..]), (false, &b"body\0\n"[..]));
}

#[test]
fn every_proper_prefix_of_a_head_waits() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n";
    for length in 1..bytes.len() {
        let more = Ok(Head::More { at_least: length + 1 });
        assert_eq!(Reader::new(LIMITS).read(&bytes[..length]), more, "{length} bytes");
    }
    assert_eq!(complete(bytes).1, bytes.len());
}

#[test]
fn empty_lines_before_a_request_are_skipped() {
    let request = [(":method", "GET"), (":path", "/"), (":authority", "a"), ("host", "a")];
    for before in ["\r\n", "\r\n\r\n", "\n"] {
        let bytes = format!("{before}GET / HTTP/1.1\r\nHost: a\r\n\r\nbody");
        assert_eq!(fields(bytes.as_bytes()), owned(&request), "{before:?}");
        assert_eq!(complete(bytes.as_bytes()).1, bytes.len() - 4);
    }
    assert_eq!(broken(b"\r\nGET / HTTP/1.1\nHost: a\r\n\r\n").0, "a LF without a CR");
    assert_eq!(broken(b"\r\nGET / HTTP/1.1\r\n\r\n").0, "no Host");
    assert_eq!(broken(b"\r\nGET / HTTP/3\r\n\r\n").0, "a version other than HTTP/1.0 and HTTP/1.1");
    assert_eq!(broken(b"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").0, "a version other than HTTP/1.0 and HTTP/1.1");
    assert_eq!(read(b"\r\nget key\r\n"), Ok(Head::Absent));
    let mut reader = Reader::new(LIMITS);
    for (length, is_request) in [(2, false), (6, false), (7, true), (18, true)] {
        let bytes = &b"\r\nGET / HTTP/1.1\r\n"[..length];
        assert_eq!(reader.read(bytes), Ok(Head::More { at_least: length + 1 }));
        assert_eq!(reader.is_request(bytes), is_request, "{length} bytes");
    }
}

/// There are servers that read a request behind any of these.
#[test]
fn no_method_and_no_row_of_empty_lines_is_long_enough_to_hide_a_request() {
    let rest = " / HTTP/1.1\r\nHost: a\r\n\r\n";
    let room = LIMITS.bytes - rest.len();
    for length in [33, 500, room] {
        let method = "M".repeat(length);
        let expected = [(":method", method.as_str()), (":path", "/"), (":authority", "a"), ("host", "a")];
        assert_eq!(fields(format!("{method}{rest}").as_bytes()), owned(&expected));
        let before = "\n".repeat(length - 3);
        assert_eq!(fields(format!("{before}GET{rest}").as_bytes())[0].1, "GET");
    }
    for unit in ["M", "\n", "\r\n"] {
        let too_long = unit.repeat(1000);
        assert_eq!(read(too_long.as_bytes()), Err(Error::TooLong), "{unit:?}");
        assert_eq!(read(format!("{too_long}{rest}").as_bytes()), Err(Error::TooLong), "{unit:?}");
    }
}

#[test]
fn the_forms_of_a_target_become_one() {
    let of = |method: &str, target: &str, host: &str| {
        let bytes = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let head = complete(bytes.as_bytes()).0.head;
        let value = |name: &[u8]| head.value(name).map(|value| String::from_utf8(value.to_vec()).unwrap());
        (value(b":path"), value(b":authority"))
    };
    let is = |path: &str, authority: &str| (Some(path.to_owned()), Some(authority.to_owned()));
    assert_eq!(of("GET", "//x", "a"), is("//x", "a"));
    assert_eq!(of("GET", "/ü", "a"), is("/ü", "a"));
    assert_eq!(of("GET", "http://a/b?c", "a"), is("/b?c", "a"));
    assert_eq!(of("GET", "HTTP://A:80/b", "a:80"), is("/b", "A:80"));
    assert_eq!(of("GET", "https://a", "a"), is("/", "a"));
    assert_eq!(of("GET", "http://a?b", "a"), is("/?b", "a"));
    assert_eq!(of("GET", "http://[::1]:8080/", "[::1]:8080"), is("/", "[::1]:8080"));
    assert_eq!(of("OPTIONS", "*", "a"), is("*", "a"));
    assert_eq!(of("OPTIONS", "http://a", "a"), is("*", "a"));
    assert_eq!(of("OPTIONS", "http://a/", "a"), is("/", "a"));
    assert_eq!(of("CONNECT", "a:443", "a:443"), (None, Some("a:443".to_owned())));
    assert_eq!(of("CONNECT", "a:443", "A"), (None, Some("a:443".to_owned())));
    assert_eq!(of("CONNECT", "[::1]:443", "[::1]"), (None, Some("[::1]:443".to_owned())));
    assert_eq!(of("GET", "/", ""), (Some("/".to_owned()), None));
    for host in ["a_b", "%2Frun%2Fx.sock", "a.", "a:", "[v1.a:b]", "1.2.3.4:5", "a,b"] {
        assert_eq!(of("GET", "/", host), is("/", host));
    }
}

#[test]
fn http_1_0_needs_no_host() {
    assert_eq!(fields(b"GET / HTTP/1.0\r\n\r\n"), owned(&[(":method", "GET"), (":path", "/")]));
    assert_eq!(
        fields(b"GET http://a/b HTTP/1.0\r\n\r\n"),
        owned(&[(":method", "GET"), (":path", "/b"), (":authority", "a")])
    );
    assert_eq!(broken(b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n").0, "more than one Host");
}

#[test]
fn whom_a_request_is_for_is_said_once() {
    let section = "RFC 9112 section 3.2";
    assert_eq!(broken(b"GET / HTTP/1.1\r\n\r\n"), ("no Host", section, 0));
    let twice = b"GET / HTTP/1.1\r\nHost: a\r\nHOST: a\r\n\r\n";
    assert_eq!(broken(twice), ("more than one Host", section, 31));
    let contradiction = ("Host that says something else than the target", "RFC 9112 section 3.2.2");
    for (target, host) in
        [("http://a/", "b"), ("http://a:80/", "a"), ("http://a/", "a:80"), ("http://a/", "a."), ("http://a/", "")]
    {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(broken(bytes.as_bytes()), (contradiction.0, contradiction.1, 4), "{target} {host}");
    }
    for host in ["b:443", "a:80", "b", ""] {
        let bytes = format!("CONNECT a:443 HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(broken(bytes.as_bytes()), (contradiction.0, contradiction.1, 8), "{host}");
    }
}

#[test]
fn a_host_is_a_host() {
    let none = ("a host that is none", "RFC 3986 section 3.2.2", 22);
    for host in [
        "a/b", "a b", "a\\b", "a:b", "a:1:2", "::1", "[::1", "[]", "[::1]x", "[a b]", "%2", "%zz", "ü", "a\"", "a#b",
        "a?b",
    ] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(broken(bytes.as_bytes()), none, "{host}");
    }
    let user = ("an authority with user information", "RFC 9110 section 4.2.4");
    assert_eq!(broken(b"GET / HTTP/1.1\r\nHost: me@a\r\n\r\n"), (user.0, user.1, 22));
    assert_eq!(broken(b"GET http://me:pw@a/ HTTP/1.1\r\nHost: a\r\n\r\n"), (user.0, user.1, 4));
    assert_eq!(broken(b"CONNECT me@a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), (user.0, user.1, 8));
}

#[test]
fn a_target_has_one_of_four_forms() {
    let rule = |line: &str| broken(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).0;
    for line in
        ["GET a", "GET a/b", "GET ?a", "GET ftp://a/", "GET http:/a", "GET http:a", "GET \\a", "PRI a", "OPTIONS **"]
    {
        assert_eq!(rule(line), "a target that is neither a path nor a URI of http", "{line}");
    }
    assert_eq!(rule("GET *"), "target * of a request other than OPTIONS");
    assert_eq!(rule("PRI *"), "target * of a request other than OPTIONS");
    for line in ["GET http://", "GET http:///a", "GET http://:80/", "GET https://?a"] {
        assert_eq!(rule(line), "a URI without a host", "{line}");
    }
    for line in ["CONNECT a", "CONNECT a:", "CONNECT a:0", "CONNECT a:65536", "CONNECT :1"] {
        assert_eq!(rule(line), "CONNECT without host and port", "{line}");
    }
    for line in ["CONNECT /", "CONNECT http://a:1/", "GET http://a\\b/", "GET http://a:b/"] {
        assert_eq!(rule(line), "a host that is none", "{line}");
    }
}

#[test]
fn a_first_line_has_three_parts_and_a_version() {
    for (line, expected) in [
        ("GET  / HTTP/1.1", ("a first line without method, target and version", "RFC 9112 section 3", 4)),
        ("GET /", ("a first line without method, target and version", "RFC 9112 section 3", 5)),
        ("GET /\tHTTP/1.1", ("a first line without method, target and version", "RFC 9112 section 3", 5)),
        ("GET / HTTP/1.1 ", ("a version other than HTTP/1.0 and HTTP/1.1", "RFC 9112 section 2.3", 6)),
        ("GET / b HTTP/1.1", ("a version other than HTTP/1.0 and HTTP/1.1", "RFC 9112 section 2.3", 6)),
        ("GET / HTTP/1.2", ("a version other than HTTP/1.0 and HTTP/1.1", "RFC 9112 section 2.3", 6)),
        ("GET / HTTP/2.0", ("a version other than HTTP/1.0 and HTTP/1.1", "RFC 9112 section 2.3", 6)),
        ("GET / http/1.1", ("a version other than HTTP/1.0 and HTTP/1.1", "RFC 9112 section 2.3", 6)),
        ("GET / HTTP/1.11", ("a version other than HTTP/1.0 and HTTP/1.1", "RFC 9112 section 2.3", 6)),
    ] {
        assert_eq!(broken(format!("{line}\r\nHost: a\r\n\r\n").as_bytes()), expected, "{line}");
    }
    let no_text = ("a target that is no text", "RFC 9112 section 3.2", 4);
    assert_eq!(broken(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"), no_text);
}

#[test]
fn lines_that_two_readers_split_differently_are_refused() {
    for (bytes, expected) in [
        (&b"GET / HTTP/1.1\nHost: a\n\n"[..], ("a LF without a CR", "RFC 9112 section 2.2", 14)),
        (b"GET / HTTP/1.1\r\nHost: a\n\r\n", ("a LF without a CR", "RFC 9112 section 2.2", 23)),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n", ("a LF without a CR", "RFC 9112 section 2.2", 25)),
        (b"GET / HTTP/1.1\rHost: a\r\n\r\n", ("a CR without a LF", "RFC 9112 section 2.2", 14)),
        (b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", ("a CR without a LF", "RFC 9112 section 2.2", 23)),
        (b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", ("a CR without a LF", "RFC 9112 section 2.2", 20)),
        (b"GET / HTTP/1.1\r\nA: b\0\r\n\r\n", ("a NUL", "RFC 9110 section 5.5", 20)),
        (b"GET /\0 HTTP/1.1\r\n\r\n", ("a NUL", "RFC 9110 section 5.5", 5)),
    ] {
        assert_eq!(broken(bytes), expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn field_lines_that_two_readers_take_apart_differently_are_refused() {
    let token = "a field name that is no token";
    for (line, expected) in [
        ("Host : a", ("a blank before the colon", "RFC 9112 section 5.1", 20)),
        ("Host\t: a", ("a blank before the colon", "RFC 9112 section 5.1", 20)),
        (" folded", ("a folded line", "RFC 9112 section 5.2", 16)),
        ("\tA: b", ("a folded line", "RFC 9112 section 5.2", 16)),
        ("A: b\r\n c", ("a folded line", "RFC 9112 section 5.2", 22)),
        (": a", (token, "RFC 9110 section 5.1", 16)),
        ("A", (token, "RFC 9110 section 5.1", 17)),
        ("A B: c", (token, "RFC 9110 section 5.1", 17)),
        ("A(: c", (token, "RFC 9110 section 5.1", 17)),
        ("ü: c", (token, "RFC 9110 section 5.1", 16)),
        ("A: b\x01", ("a field value with a control character", "RFC 9110 section 5.5", 20)),
        ("A: \x7f", ("a field value with a control character", "RFC 9110 section 5.5", 19)),
    ] {
        let bytes = format!("GET / HTTP/1.1\r\n{line}\r\nHost: a\r\n\r\n");
        assert_eq!(broken(bytes.as_bytes()), expected, "{line:?}");
    }
}

/// Vectors of request smuggling. Only one backend ever reads the bytes, so who of several readers is right about the
/// length of a body makes no difference; the fields are there to be routed by.
#[test]
fn the_framing_of_the_body_is_none_of_our_business() {
    for framing in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: +3",
        "Content-Length: 3, 3",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: \x0bchunked",
    ] {
        let bytes = format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n");
        if framing.contains('\x0b') {
            assert_eq!(broken(bytes.as_bytes()).0, "a field value with a control character");
        } else {
            assert_eq!(&bytes[complete(bytes.as_bytes()).1..], "0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n", "{framing}");
        }
    }
}

#[test]
fn an_upgrade_to_h2c_is_seen_wherever_it_stands() {
    let asks =
        |fields: &str| complete(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n").as_bytes()).0.upgrades_to_h2c;
    for fields in
        ["Upgrade: h2c", "upgrade:H2C", "Upgrade: websocket, h2c", "Upgrade: a\r\nUpgrade: \th2c ,", "Upgrade: h2c/1"]
    {
        assert!(asks(fields), "{fields}");
    }
    for fields in ["Upgrade: h2", "Upgrade: h2cx", "Upgrade: websocket", "Connection: h2c", "X-Upgrade: h2c"] {
        assert!(!asks(fields), "{fields}");
    }
}

#[test]
fn other_protocols_of_words_are_none_of_ours() {
    for bytes in [
        &b"get key\r\n"[..],
        b"hello there\n",
        b"a1 LOGIN me secret\r\n",
        b"OPTIONS * RTSP/1.0\r\n",
        b"DESCRIBE rtsp://a/b RTSP/1.0\r\n",
        b"INVITE sip:a@b SIP/2.0\r\n",
        b"PING \0",
        b"CONNECT {\"verbose\":false}\r\n",
        b"P \r\n",
        b"G\"T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"token\r\n",
        b"token\0",
        b"dG9rZW4vdG9rZW4/",
    ] {
        assert_eq!(read(bytes), Ok(Head::Absent), "{}", bytes.escape_ascii());
    }
    let mut reader = Reader::new(LIMITS);
    for (length, is_request) in [(3, false), (4, false), (5, true), (14, true), (16, true), (20, true)] {
        let bytes = &b"GET / HTTP/1.1\r\nHost"[..length];
        assert_eq!(reader.read(bytes), Ok(Head::More { at_least: length + 1 }));
        assert_eq!(reader.is_request(bytes), is_request, "{length} bytes");
    }
}

#[test]
fn frames_and_records_are_no_response() {
    for bytes in [&b""[..], b"H", b"HTTP/1.1 200 OK\r\n", b"ICY 200 OK\r\n", b"\r\nHTTP/1.0 200", b"<html>", b"\xff"] {
        assert!(may_begin_response(bytes), "{}", bytes.escape_ascii());
    }
    for bytes in [&b"\0"[..], b"\0\0\x12\x04\0\0\0\0\0", b"\x15\x03\x01\0\x02\x02\x46", b"\x16\x03"] {
        assert!(!may_begin_response(bytes), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_head_has_limits() {
    let padded = |value: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "b".repeat(value));
    let overhead = padded(0).len();
    let fits = padded(1000 - overhead);
    assert_eq!(complete(fits.as_bytes()).1, 1000);
    for too_long in [padded(1001 - overhead), padded(5000), format!("GET /{}", "a".repeat(995))] {
        assert_eq!(read(too_long.as_bytes()), Err(Error::TooLong));
    }
    assert_eq!(read(format!("GET {}", "a".repeat(5000)).as_bytes()), Ok(Head::Absent));
    let four = "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nB: c\r\nB: c\r\n\r\n";
    assert_eq!(complete(four.as_bytes()).0.head.len(), 7);
    let five = four.replacen("B: c", "D: e\r\nB: c", 1);
    assert_eq!(read(five.as_bytes()), Err(Error::TooManyFields));
}

#[test]
fn a_head_that_comes_slowly_is_looked_at_once() {
    let limits = Limits { bytes: 1 << 16, fields: 100 };
    let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "b".repeat(60_000)).into_bytes();
    let mut reader = Reader::new(limits);
    for length in 1..bytes.len() {
        assert_eq!(reader.read(&bytes[..length]), Ok(Head::More { at_least: length + 1 }));
        assert!(reader.scanned + 1 >= length, "{} of {length}", reader.scanned);
    }
}
