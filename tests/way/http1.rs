//! HTTP/1: the first request decides where the connection goes, and everything behind it follows unread.

use std::time::{Duration, Instant};

use spliceway::log::{Cause, Side, Summary};

use crate::support::peer::{BlackHole, refusing};
use crate::support::{Backend, Front, Peer, noise, prefix, two_pools};

const ROUTES: &str = "[[route]]\nmatch = \"protocol=http1 :authority=shop.example\"\npool = \"a\"\n\
                      [[route]]\nmatch = \":path^=/orders/ :method!=DELETE\"\npool = \"a\"\n\
                      [[route]]\nmatch = \"x-tenant=billing\"\npool = \"a\"\n\
                      [[route]]\nmatch = \"x-tenant=orders\"\npool = \"b\"\n";

/// Reads an answer of the proxy up to the end: the status line and whether it is what each answer has to be.
#[track_caller]
fn receives_answer(client: &mut Peer) -> (String, String) {
    let answer = String::from_utf8(client.receive_all()).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().to_owned();
    let fields: Vec<_> = lines.map(|line| line.split_once(": ").expect("a field")).collect();
    let value = |name: &str| {
        let mut values = fields.iter().filter(|(field, _)| *field == name);
        let value = values.next().map(|(_, value)| (*value).to_owned());
        assert!(values.next().is_none(), "{name} twice in {head}");
        value.unwrap_or_else(|| panic!("no {name} in {head}"))
    };
    assert_eq!(value("connection"), "close");
    if !body.is_empty() {
        assert_eq!(value("content-length"), body.len().to_string());
    }
    let error = value("proxy-status");
    let error = error.strip_prefix("spliceway; error=").and_then(|error| error.split(';').next()).unwrap();
    (status, error.to_owned())
}

/// Sends `request` and sees it refused with this status, `proxy-status` and reason; nobody else gets a byte of it.
#[track_caller]
fn is_refused(request: impl AsRef<[u8]>, status: &str, error: &str, side: Side, cause: Cause) -> Summary {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "", ROUTES);
    let mut client = front.connect();
    client.sends(request);
    assert_eq!(receives_answer(&mut client), (format!("HTTP/1.1 {status}"), error.to_owned()));
    drop(client);
    let summary = front.closed(side, cause);
    assert_eq!(summary.protocol.map(|known| known.name()), Some("http1"));
    assert!(summary.detail.is_some(), "{summary:?}");
    assert_eq!(front.proxy().totals().count(summary.reason), 1);
    assert!(a.is_left_alone() && b.is_left_alone());
    summary
}

#[test]
fn whom_where_and_a_header_choose_the_pool() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "default_pool = \"b\"", ROUTES);
    for (request, backend, pool, authority, path) in [
        ("GET / HTTP/1.1\r\nHost: Shop.Example\r\n\r\n", &a, "a", Some("Shop.Example"), "/"),
        ("GET http://shop.example/x HTTP/1.1\r\nhost: shop.example\r\n\r\n", &a, "a", Some("shop.example"), "/x"),
        ("GET /orders/7?a=b HTTP/1.1\r\nHost: x\r\n\r\n", &a, "a", Some("x"), "/orders/7?a=b"),
        ("GET http://x/orders/7 HTTP/1.0\r\n\r\n", &a, "a", Some("x"), "/orders/7"),
        ("DELETE /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n", &b, "b", Some("x"), "/orders/7"),
        ("GET / HTTP/1.1\r\nHost: x\r\nX-Tenant: billing\r\n\r\n", &a, "a", Some("x"), "/"),
        ("GET / HTTP/1.1\r\nHost: x\r\nx-TENANT:\torders \r\n\r\n", &b, "b", Some("x"), "/"),
        ("OPTIONS * HTTP/1.1\r\nHost: shop.example\r\n\r\n", &a, "a", Some("shop.example"), "*"),
        ("GET / HTTP/1.0\r\n\r\n", &b, "b", None, "/"),
    ] {
        let mut client = front.connect();
        client.sends(request);
        let mut served = backend.accept();
        served.receives(request);
        served.sends("HTTP/1.1 204 No Content\r\n\r\n");
        client.receives("HTTP/1.1 204 No Content\r\n\r\n");
        drop(client);
        served.receives_end();
        drop(served);
        let summary = front.closed(Side::Client, Cause::Finished);
        assert_eq!(summary.pool.as_deref(), Some(pool), "{request}");
        assert_eq!((summary.authority.as_deref(), summary.path.as_deref()), (authority, Some(path)));
        assert_eq!(summary.protocol.map(|known| known.name()), Some("http1"));
    }
}

/// Servers read a request behind any number of empty lines (Node.js), and with any method (Go).
#[test]
fn a_request_is_routed_behind_any_row_of_empty_lines_and_with_any_method() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "default_pool = \"b\"", ROUTES);
    for start in [format!("{}GET", "\r\n".repeat(17)), "M".repeat(33), "\n".repeat(9_000) + &"M".repeat(9_000)] {
        let request = start + " / HTTP/1.1\r\nHost: x\r\nX-Tenant: billing\r\n\r\n";
        let mut client = front.connect();
        client.sends_apart(request.as_bytes().chunks(4_001));
        a.accept().receives(&request);
    }
}

#[test]
fn connect_is_routed_by_whom_it_names_and_becomes_a_tunnel() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let routes = "[[route]]\nmatch = \":authority=db.example:5432\"\npool = \"a\"\n";
    let front = two_pools(&a, &b, "default_pool = \"b\"", routes);
    let mut client = front.connect();
    client.sends("CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example\r\n\r\n");
    let mut served = a.accept();
    served.receives("CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example\r\n\r\n");
    served.sends("HTTP/1.1 200 OK\r\n\r\n\0\x01");
    client.receives("HTTP/1.1 200 OK\r\n\r\n\0\x01");
    client.sends("\0\x02");
    served.receives("\0\x02");
}

#[test]
fn later_requests_follow_the_first_one() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "", ROUTES);
    let request = |tenant: &str| format!("GET / HTTP/1.1\r\nHost: x\r\nX-Tenant: {tenant}\r\n\r\n");
    let mut client = front.connect();
    // The first and the second in one segment, the third after an answer.
    client.sends(request("billing") + &request("orders"));
    let mut served = a.accept();
    served.receives(request("billing") + &request("orders"));
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
    served.sends(answer.repeat(2));
    client.receives(answer.repeat(2));
    client.sends(request("orders"));
    served.receives(request("orders"));
    served.sends(answer);
    client.receives(answer);
    assert!(b.is_left_alone());
    drop(served);
    client.receives_end();
    drop(client);
    front.closed(Side::Backend, Cause::Finished);
}

#[test]
fn a_head_may_come_byte_by_byte_behind_a_prefix() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "proxy_protocol = \"required\"", ROUTES);
    let request = b"POST / HTTP/1.1\r\nHost: x\r\nX-Tenant: billing\r\nContent-Length: 4\r\n\r\nb\0dy";
    let mut client = front.connect();
    client.sends(prefix::V1);
    client.sends_apart(request.chunks(1));
    a.accept().receives(request);
    assert!(b.is_left_alone());
}

#[test]
fn a_large_body_passes_both_ways() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "default_pool = \"a\"", "");
    let body = noise(7, 6 << 20);
    let (head, answer) = (b"PUT / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n");
    let mut client = front.connect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut served = a.accept();
            // Not a byte of the response before all of the request.
            assert!(served.receive_all() == [&head[..], &body].concat());
            served.sends([&answer[..], &body].concat());
        });
        client.sends([&head[..], &body].concat());
        client.finishes();
        assert!(client.receive_all() == [&answer[..], &body].concat());
    });
    drop(client);
    let summary = front.closed(Side::Client, Cause::Finished);
    assert_eq!(summary.to_backend.total(), (head.len() + body.len()) as u64);
    assert_eq!(summary.to_client.total(), (answer.len() + body.len()) as u64);
    assert!(b.is_left_alone());
}

const UPGRADE: &str = "GET /up HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade, HTTP2-Settings\r\n\
                       Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";

#[test]
fn an_upgrade_is_between_client_and_backend() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "", ROUTES);
    // Taken up: both prefaces pass, and no SETTINGS of ours is among them.
    let mut client = front.connect();
    client.sends(UPGRADE);
    let mut served = a.accept();
    served.receives(UPGRADE);
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    served.sends([&switch[..], b"\0\0\0\x04\0\0\0\0\0"].concat());
    client.receives([&switch[..], b"\0\0\0\x04\0\0\0\0\0"].concat());
    client.sends(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0");
    served.receives(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0");
    served.sends(b"\0\0\0\x04\x01\0\0\0\0");
    client.receives(b"\0\0\0\x04\x01\0\0\0\0");
    // Passed over: an ordinary answer.
    let mut client = front.connect();
    client.sends(UPGRADE);
    let mut served = a.accept();
    served.receives(UPGRADE);
    served.sends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
    client.receives("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
    assert!(b.is_left_alone());
}

#[test]
fn an_upgrade_may_be_denied_and_nothing_else_is() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "h2c_upgrade = \"deny\"", ROUTES);
    let hidden = UPGRADE.replace("Upgrade: h2c", "Upgrade: websocket\r\nupgrade:  H2C/2 ");
    // Servers skip empty lines before a request, so whoever took them for another protocol would let it through.
    let behind_lines = format!("\r\n\r\n{UPGRADE}");
    for request in [UPGRADE.to_owned(), UPGRADE.replace("1.1", "1.0"), hidden, behind_lines] {
        let mut client = front.connect();
        client.sends(&request);
        let denied = ("HTTP/1.1 403 Forbidden".to_owned(), "http_request_denied".to_owned());
        assert_eq!(receives_answer(&mut client), denied, "{request}");
        drop(client);
        let summary = front.closed(Side::Client, Cause::UpgradeDenied);
        assert_eq!(summary.path.as_deref(), Some("/up"));
    }
    assert!(a.is_left_alone());
    let web_socket = UPGRADE.replace("h2c", "websocket");
    for request in [format!("\r\n{web_socket}"), web_socket] {
        let mut client = front.connect();
        client.sends(&request);
        a.accept().receives(&request);
    }
    // Who speaks HTTP/2 at once has no need of an upgrade.
    let mut client = front.connect();
    let call = crate::support::h2::eager_call(&[("x-tenant", "orders")]);
    client.sends(&call);
    b.accept().receives(&call);
}

#[test]
fn a_request_that_goes_nowhere_is_told_why() {
    let client = |request: &str, status, error, cause| is_refused(request, status, error, Side::Client, cause);
    let (bad, error) = ("400 Bad Request", "http_request_error");
    let missing = client("GET / HTTP/1.1\r\nHost: x\r\n\r\n", bad, error, Cause::HeaderMissing);
    assert_eq!(missing.detail.unwrap(), "the request lacks the header that routes it: x-tenant");
    let twice = "GET / HTTP/1.1\r\nHost: x\r\nX-Tenant: billing\r\nx-tenant: billing\r\n\r\n";
    client(twice, bad, error, Cause::HeaderRejected);
    client("GET /orders/../x HTTP/1.1\r\nHost: x\r\n\r\n", bad, error, Cause::HeaderRejected);
    let unknown = "GET / HTTP/1.1\r\nHost: x\r\nX-Tenant: unknown\r\n\r\n";
    is_refused(unknown, "404 Not Found", "destination_not_found", Side::Proxy, Cause::NoRoute);
    let old = "GET / HTTP/1.0\r\nX-Tenant: unknown\r\n\r\n";
    is_refused(old, "404 Not Found", "destination_not_found", Side::Proxy, Cause::NoRoute);
}

#[test]
fn a_malformed_head_is_told_so() {
    for (request, rule) in [
        ("GET / HTTP/1.1\r\n\r\n", "no Host (RFC 9112 section 3.2) at byte 0"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "more than one Host (RFC 9112 section 3.2) at byte 31"),
        ("GET / HTTP/1.1\nHost: a\n\n", "a LF without a CR (RFC 9112 section 2.2) at byte 14"),
        (
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "a version other than HTTP/1.0 and HTTP/1.1 (RFC 9112 section 2.3) at byte 6",
        ),
        ("GET /\r\n\r\n", "a first line without method, target and version (RFC 9112 section 3) at byte 5"),
        (
            "PRI * HTTP/1.1\r\nHost: a\r\n\r\n",
            "target * of a request other than OPTIONS (RFC 9112 section 3.2.4) at byte 4",
        ),
    ] {
        let summary = is_refused(request, "400 Bad Request", "http_request_error", Side::Client, Cause::Malformed);
        assert_eq!(summary.detail.unwrap(), format!("malformed request: {rule}"));
    }
}

/// Whatever hides a second Host, a second request or another protocol from one of two readers.
#[test]
fn what_would_be_smuggled_goes_nowhere() {
    for head in [
        "Host: shop.example\r\nHost: other.example",
        "Host: shop.example\r\n Host: other.example",
        "Host : shop.example",
        "Host: shop.example\nX: y",
        "Host: shop.example\rHost: other.example",
        "Host: shop.example\0other.example",
        "Host: me@shop.example",
        "Host: shop.example other.example",
        "Host: shop.example\r\nX-\u{7f}: y",
        "Host: shop.example\r\n: y",
        "Host: shop.example\r\nTransfer-Encoding\x0b: chunked",
        "Host: shop.example\r\nX: a\x0b\r\nTransfer-Encoding: chunked",
    ] {
        let request = format!("POST / HTTP/1.1\r\n{head}\r\n\r\n");
        is_refused(&request, "400 Bad Request", "http_request_error", Side::Client, Cause::Malformed);
    }
    for line in [
        "GET http://shop.example/ HTTP/1.1\r\nHost: other.example",
        "GET http://other.example@shop.example/ HTTP/1.1\r\nHost: shop.example",
        "GET http://shop.example\\@other.example/ HTTP/1.1\r\nHost: shop.example",
        "GET  / HTTP/1.1\r\nHost: shop.example",
        "GET / HTTP/1.1 \r\nHost: shop.example",
        "GET /\tHTTP/1.1\r\nHost: shop.example",
        "GET /admin HTTP/1.1 HTTP/1.1\r\nHost: shop.example",
        "GET admin HTTP/1.1\r\nHost: shop.example",
    ] {
        let request = format!("{line}\r\n\r\n");
        is_refused(&request, "400 Bad Request", "http_request_error", Side::Client, Cause::Malformed);
    }
}

#[test]
fn a_head_beyond_a_limit_is_too_large() {
    let too_large = |request: String| {
        let status = "431 Request Header Fields Too Large";
        is_refused(request, status, "http_request_error", Side::Client, Cause::Limit);
    };
    too_large(format!("GET / HTTP/1.1\r\nHost: x\r\nX-Pad: {}\r\n\r\n", "a".repeat(65_536)));
    too_large(format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000)));
    too_large(format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(100)));
    // One less of each, and it is routed.
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "default_pool = \"b\"", "");
    let overhead = "GET / HTTP/1.1\r\nHost: x\r\nX-Pad: \r\n\r\n".len();
    let largest = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Pad: {}\r\n\r\n", "a".repeat(65_536 - overhead));
    let most = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(99));
    for request in [largest, most] {
        let mut client = front.connect();
        client.sends(&request);
        b.accept().receives(&request);
    }
}

#[test]
fn the_answer_to_head_has_no_body() {
    for request in ["HEAD / HTTP/1.1\r\nHost: x\r\nX-Tenant: unknown\r\n\r\n", "HEAD / HTTP/1.1\r\n\r\n"] {
        let (a, b) = (Backend::listen(), Backend::listen());
        let front = two_pools(&a, &b, "", ROUTES);
        let mut client = front.connect();
        client.sends(request);
        let answer = String::from_utf8(client.receive_all()).unwrap();
        assert!(answer.ends_with("\"\r\n\r\n"), "{answer}");
        assert!(!answer.contains("content-length: 0"), "{answer}");
    }
}

#[test]
fn an_answer_is_read_though_a_body_is_on_its_way() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "", ROUTES);
    let mut client = front.connect();
    client.sends("POST / HTTP/1.1\r\nHost: x\r\nX-Tenant: unknown\r\nContent-Length: 200000\r\n\r\n");
    client.sends(noise(3, 200_000));
    assert_eq!(receives_answer(&mut client).0, "HTTP/1.1 404 Not Found");
}

#[test]
fn a_pool_that_cannot_be_reached_is_told() {
    let front = |backend: &str| {
        Front::start(&format!(
            "shards = 1\n[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\ndefault_pool = \"main\"\n\
             [[pool]]\nname = \"main\"\nbackends = [{backend:?}]\nconnect_timeout = \"300ms\"\n"
        ))
    };
    let (_bound, refusing) = refusing();
    let hole = BlackHole::new();
    for (backend, status, error, cause) in [
        (refusing, "503 Service Unavailable", "connection_refused", Cause::Refused),
        (hole.address(), "504 Gateway Timeout", "connection_timeout", Cause::ConnectTimeout),
    ] {
        for version in ["1.0", "1.1"] {
            let front = front(&backend);
            let mut client = front.connect();
            client.sends(format!("GET / HTTP/{version}\r\nHost: x\r\n\r\n"));
            assert_eq!(receives_answer(&mut client), (format!("HTTP/1.1 {status}"), error.to_owned()));
            drop(client);
            front.closed(Side::Backend, cause);
        }
    }
}

/// Sends a request to a backend that reads it and then does `what`; what the client reads, and the reason.
#[track_caller]
fn against(what: impl FnOnce(Peer)) -> (String, Summary) {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut client = front.connect();
    client.sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut served = backend.accept();
    served.receives("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    what(served);
    let answer = String::from_utf8(client.receive_all()).unwrap();
    drop(client);
    (answer, front.summary())
}

#[test]
fn a_backend_that_dies_without_an_answer_is_answered_for() {
    for (what, cause) in [(drop as fn(Peer), "truncated"), (Peer::resets, "reset")] {
        let (answer, summary) = against(what);
        assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n"), "{answer}");
        assert!(answer.contains("proxy-status: spliceway; error=connection_terminated; "), "{answer}");
        assert!(answer.ends_with("the backend closed the connection without an answer\n"), "{answer}");
        assert_eq!((summary.reason.side.label(), summary.reason.cause.label()), ("backend", cause));
        assert_eq!(summary.to_client.total(), answer.len() as u64);
    }
}

#[test]
fn a_backend_that_speaks_something_else_is_answered_for() {
    // SETTINGS, as gRPC servers send them at once; an alert, as TLS servers do.
    for first in [&b"\0\0\0\x04\0\0\0\0\0"[..], b"\x15\x03\x01\0\x02\x02\x46"] {
        let (answer, summary) = against(|mut served| served.sends(first));
        assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
        assert!(answer.contains("proxy-status: spliceway; error=http_protocol_error; "), "{answer}");
        assert!(answer.ends_with("the backend does not speak HTTP/1 without TLS\n"), "{answer}");
        assert_eq!((summary.reason.side.label(), summary.reason.cause.label()), ("backend", "not_http1"));
    }
}

#[test]
fn once_the_backend_has_begun_its_end_is_passed_on() {
    let (answer, summary) = against(|mut served| served.sends("H"));
    assert_eq!(answer, "H");
    assert_eq!((summary.reason.side.label(), summary.reason.cause.label()), ("backend", "finished"));
}

#[test]
fn a_slow_head_meets_its_deadline_and_others_are_served() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "default_pool = \"b\"", ROUTES);
    let begun = Instant::now();
    // The last is no HTTP/1 as far as it came; the rest of it might have made it so.
    let mut slow = ["GET / HTTP/1.1\r\nHost: x\r\nX-Tenant: bil", "GET / HTT", "POST /x", "GET htt"].map(|head| {
        let mut client = front.connect();
        client.sends(head);
        client
    });
    let mut trickling = front.connect();
    trickling.sends("GET / HTTP/1.1\r\n");
    let request = "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    let mut served = 0;
    while !trickling.hears_something_within(Duration::from_millis(100)) {
        trickling.sends("X: y\r\n");
        let mut client = front.connect();
        client.sends(request);
        let mut backend = a.accept();
        backend.receives(request);
        backend.sends("HTTP/1.1 204 No Content\r\n\r\n");
        client.receives("HTTP/1.1 204 No Content\r\n\r\n");
        backend.finishes();
        client.receives_end();
        drop(client);
        front.closed(Side::Backend, Cause::Finished);
        served += 1;
        assert!(begun.elapsed() < Duration::from_secs(15), "no deadline");
    }
    let waited = begun.elapsed();
    assert!((Duration::from_millis(4900)..Duration::from_secs(9)).contains(&waited), "{waited:?}");
    assert!(served > 3, "{served} served meanwhile");
    for client in slow.iter_mut().chain([&mut trickling]) {
        let late = ("HTTP/1.1 408 Request Timeout".to_owned(), "http_request_error".to_owned());
        assert_eq!(receives_answer(client), late);
    }
    drop((slow, trickling));
    for _ in 0..5 {
        front.closed(Side::Client, Cause::OpeningTimeout);
    }
    assert!(a.is_left_alone() && b.is_left_alone());
}

#[test]
fn who_leaves_within_a_head_is_counted_by_what_it_did() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "default_pool = \"b\"", ROUTES);
    for head in ["GET / HTTP/1.1\r\n", "GET /", "GET / HTTP/1.1\r\nHost: shop.example\r\n"] {
        let mut client = front.connect();
        client.sends(head);
        client.finishes();
        client.receives_end();
        drop(client);
        front.closed(Side::Client, Cause::Truncated);
    }
    let mut client = front.connect();
    client.sends("GET / HTTP/1.1\r\n");
    client.resets();
    front.closed(Side::Client, Cause::Reset);
    assert!(a.is_left_alone() && b.is_left_alone());
    // What may have been another protocol gets its answer.
    let mut client = front.connect();
    client.sends("get key");
    client.finishes();
    let mut served = b.accept();
    served.receives("get key");
    served.sends("END\r\n");
    served.finishes();
    client.receives("END\r\n");
    drop(client);
    assert_eq!(front.summary().protocol.map(|known| known.name()), Some("opaque"));
}
