//! TLS: routed by its ClientHello, passed on as it came, never answered but by an alert for who is refused.

use std::time::{Duration, Instant};

use spliceway::log::{Cause, CloseReason, Side, Summary};

use crate::support::peer::{BlackHole, refusing};
use crate::support::{Backend, Front, Peer, noise, prefix};

/// ClientHellos that real clients have sent, or arranged as these do: all for `shop.example`, h2 and http/1.1.
const REAL: [&[u8]; 4] = [
    include_bytes!("../golden/client_hello/openssl.bin"),
    include_bytes!("../golden/client_hello/go-post-quantum.bin"),
    include_bytes!("../golden/client_hello/grease.bin"),
    include_bytes!("../golden/client_hello/grease-ech.bin"),
];
const GO: &[u8] = REAL[1];
const NO_NAME: &[u8] = include_bytes!("../golden/client_hello/openssl-no-name.bin");

fn with_length(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 1], &with_length(body)[..]].concat()
}

fn extension(number: u16, data: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &with_length(data)].concat()
}

/// A ClientHello for this name, if there is one, that offers these protocols, if any.
fn hello(name: &str, protocols: &[&str]) -> Vec<u8> {
    let mut extensions = Vec::new();
    if !name.is_empty() {
        let host = [&[0], &with_length(name.as_bytes())[..]].concat();
        extensions.extend(extension(0, &with_length(&host)));
    }
    if !protocols.is_empty() {
        let name = |name: &&str| [&[u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
        let list: Vec<u8> = protocols.iter().flat_map(name).collect();
        extensions.extend(extension(16, &with_length(&list)));
    }
    let fields = [&[3, 3][..], &[9; 32], &[0], &[0, 2, 0x13, 1], &[1, 0], &with_length(&extensions)].concat();
    let length = u32::try_from(fields.len()).unwrap().to_be_bytes();
    record(22, &[&[1], &length[1..], &fields].concat())
}

/// A fatal alert as the proxy sends it.
fn alert(description: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, description]
}

const UNEXPECTED_MESSAGE: u8 = 10;
const ILLEGAL_PARAMETER: u8 = 47;
const DECODE_ERROR: u8 = 50;
const INTERNAL_ERROR: u8 = 80;
const MISSING_EXTENSION: u8 = 109;
const UNRECOGNIZED_NAME: u8 = 112;

/// A listener with these further keys before pools `a` and `b`, and these routes.
fn two_pools(a: &Backend, b: &Backend, listener: &str, routes: &[(&str, &str)]) -> Front {
    let routes: String =
        routes.iter().map(|(line, pool)| format!("[[route]]\nmatch = {line:?}\npool = {pool:?}\n")).collect();
    crate::support::two_pools(a, b, listener, &routes)
}

/// Sends the hello, which `backend` must get as it is, and bytes both ways; the summary.
#[track_caller]
fn is_served(front: &Front, backend: &Backend, hello: &[u8]) -> Summary {
    let mut client = front.connect();
    client.sends(hello);
    let mut served = backend.accept();
    served.receives(hello);
    exchange(&mut client, &mut served);
    drop(client);
    served.receives_end();
    drop(served);
    let summary = front.closed(Side::Client, Cause::Finished);
    assert_eq!(summary.protocol.map(|known| known.name()), Some("tls"));
    summary
}

/// Whatever follows is nobody's business: a second ClientHello, alerts, bytes that are no records.
#[track_caller]
fn exchange(client: &mut Peer, served: &mut Peer) {
    let (up, down) = (noise(3, 40_000), noise(5, 40_000));
    client.sends(hello("other.example", &[]));
    served.receives(hello("other.example", &[]));
    served.sends([&alert(40)[..], &down].concat());
    client.receives([&alert(40)[..], &down].concat());
    client.sends(&up);
    served.receives(&up);
}

#[test]
fn a_server_name_chooses_the_pool() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "", &[("sni=shop.example", "a"), ("sni=*.example", "b")]);
    for real in REAL {
        let summary = is_served(&front, &a, real);
        assert_eq!((summary.sni.as_deref(), summary.alpn.as_deref()), (Some("shop.example"), Some("h2,http/1.1")));
        assert_eq!((summary.route.as_deref(), summary.pool.as_deref()), (Some("sni=shop.example"), Some("a")));
        assert_eq!(summary.to_backend.total(), real.len() as u64 + hello("other.example", &[]).len() as u64 + 40_000);
    }
    is_served(&front, &a, &hello("SHOP.Example", &[]));
    for below in ["www.example", "www.shop.example", "xshop.example"] {
        let summary = is_served(&front, &b, &hello(below, &[]));
        assert_eq!((summary.sni.as_deref(), summary.alpn.as_deref()), (Some(below), None));
    }
    assert!(a.is_left_alone() && b.is_left_alone());
}

#[test]
fn an_offered_protocol_chooses_the_pool() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "default_pool = \"b\"", &[("protocol=tls alpn=h2", "a")]);
    for (offered, backend) in
        [(&["h2", "http/1.1"][..], &a), (&["http/1.1", "h2"], &a), (&["http/1.1"], &b), (&["h2c", "H2"], &b), (&[], &b)]
    {
        let summary = is_served(&front, backend, &hello("", offered));
        assert_eq!(summary.alpn, (!offered.is_empty()).then(|| offered.join(",")));
    }
    // What is no TLS offers nothing.
    let mut client = front.connect();
    client.sends("GET / HTTP/1.1\r\nHost: h2\r\n\r\n");
    b.accept().receives("GET / HTTP/1.1\r\nHost: h2\r\n\r\n");
}

#[test]
fn without_a_name_it_is_the_default_pool() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "default_pool = \"b\"", &[("sni=shop.example | sni=*.example", "a")]);
    for nameless in [NO_NAME, &hello("", &["h2"])] {
        let summary = is_served(&front, &b, nameless);
        assert_eq!((summary.sni, summary.route.as_deref()), (None, Some("default")));
    }
    is_served(&front, &b, &hello("shop.test", &[]));
}

#[test]
fn the_format_of_ssl_2_is_not_tls() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "default_pool = \"b\"", &[("protocol=tls", "a")]);
    let old = [&[0x80, 0x1c, 1, 3, 1, 0, 3, 0, 0, 0, 16, 0, 0, 4][..], &[9; 16]].concat();
    let mut client = front.connect();
    client.sends(&old);
    b.accept().receives(&old);
    assert!(a.is_left_alone());
}

#[test]
fn a_hello_may_come_in_any_pieces() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "proxy_protocol = \"required\"", &[("sni=shop.example", "a")]);
    let cut: Vec<u8> = GO[5..].chunks(7).flat_map(|body| record(22, body)).collect();
    let small = hello("shop.example", &[]);
    for (bytes, pieces) in [(GO, 1460), (&cut[..], 500), (&small[..], 1)] {
        let mut client = front.connect();
        client.sends(prefix::V1);
        // Each in a segment of its own, and no pause between them: a busy machine would make a slow client of this one.
        bytes.chunks(pieces).for_each(|piece| client.sends(piece));
        let mut served = a.accept();
        served.receives(bytes);
        exchange(&mut client, &mut served);
    }
    assert!(b.is_left_alone());
}

#[test]
fn early_data_stays_behind_the_hello() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "", &[("sni=shop.example", "a")]);
    let early = [GO, &record(20, &[1]), &record(23, &noise(9, 16_000))].concat();
    is_served(&front, &a, &early);
}

#[test]
fn without_detection_nothing_is_read() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "detect = \"none\"\ndefault_pool = \"b\"", &[("sni=shop.example", "a")]);
    let mut client = front.connect();
    client.sends(&GO[..100]);
    b.accept().receives(&GO[..100]);
    assert!(a.is_left_alone());
}

/// Sends bytes, and is told this and nothing else.
#[track_caller]
fn is_refused(front: &Front, bytes: &[u8], description: u8, (side, cause): (Side, Cause)) -> Summary {
    let mut client = front.connect();
    client.sends(bytes);
    client.receives(alert(description));
    client.receives_end();
    drop(client);
    let summary = front.closed(side, cause);
    assert_eq!(summary.to_client.total(), 7);
    summary
}

#[test]
fn who_has_nowhere_to_go_is_told_that_the_name_is_unknown() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "", &[("sni=other.example", "a"), ("x=y", "b")]);
    let no_route = (Side::Proxy, Cause::NoRoute);
    for real in REAL {
        let summary = is_refused(&front, real, UNRECOGNIZED_NAME, no_route);
        assert_eq!(summary.sni.as_deref(), Some("shop.example"));
    }
    is_refused(&front, NO_NAME, MISSING_EXTENSION, no_route);
    assert!(a.is_left_alone() && b.is_left_alone());
    assert_eq!(front.proxy().totals().accepted, 5);
}

#[test]
fn a_backend_that_is_not_there_is_no_fault_of_the_client() {
    let (_bound, refusing) = refusing();
    let hole = BlackHole::new();
    let config = |address: &str| {
        format!(
            "shards = 1\n[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\ndefault_pool = \"main\"\n\
             [[pool]]\nname = \"main\"\nbackends = [{address:?}]\nconnect_timeout = \"300ms\"\n"
        )
    };
    let front = Front::start(&config(&refusing));
    is_refused(&front, GO, INTERNAL_ERROR, (Side::Backend, Cause::Refused));
    let front = Front::start(&config(&hole.address()));
    is_refused(&front, GO, INTERNAL_ERROR, (Side::Backend, Cause::ConnectTimeout));
    // Who ends its side cannot take the handshake up any more.
    let front = Front::start(&config(&hole.address()).replace("300ms", "60s"));
    let mut client = front.connect();
    client.sends(GO);
    client.finishes();
    client.receives_end();
    front.closed(Side::Client, Cause::Truncated);
}

#[test]
fn what_is_no_hello_is_told_what_is_wrong() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let named = |name: &str| hello(name, &[]);
    let malformed = (Side::Client, Cause::Malformed);
    let mut interrupted = record(22, &GO[5..100]);
    interrupted.extend(record(21, &[1, 0]));
    for (bytes, description) in [
        (record(22, &[2, 0, 0, 0]), UNEXPECTED_MESSAGE),
        (record(22, &[]), UNEXPECTED_MESSAGE),
        (interrupted, UNEXPECTED_MESSAGE),
        (record(22, &[1, 0, 0, 1, 3]), DECODE_ERROR),
        (b"\x16\x03\x01\xff\xff".to_vec(), 22),
        (named("127.0.0.1"), ILLEGAL_PARAMETER),
        (named("shop.example."), ILLEGAL_PARAMETER),
        (named("shop.example\0.evil"), ILLEGAL_PARAMETER),
    ] {
        let summary = is_refused(&front, &bytes, description, malformed);
        assert!(summary.detail.is_some_and(|detail| detail.contains("(RFC ")), "the rule is named");
    }
    assert!(backend.is_left_alone());
}

#[test]
fn a_hello_beyond_the_limit_is_refused_by_its_length_alone() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let limit = (Side::Client, Cause::Limit);
    is_refused(&front, b"\x16\x03\x01\x40\x00\x01\x00\x40\x00", INTERNAL_ERROR, limit);
    is_refused(&front, &hello("shop.example", &["x"; 33]), INTERNAL_ERROR, limit);
    is_served(&front, &backend, &hello("shop.example", &["x"; 32]));
    // One that just fits; it needs no sense in its extensions.
    let padding = extension(21, &vec![0; 16_384 - 5 - 4 - 43 - 4]);
    let fields = [&[3, 3][..], &[9; 32], &[0], &[0, 2, 0x13, 1], &[1, 0], &with_length(&padding)].concat();
    let largest: Vec<u8> = record(22, &[&[1, 0, 0x3f, 0xf7][..], &fields].concat());
    assert_eq!(largest.len(), 16_384);
    is_served(&front, &backend, &largest);
}

#[test]
fn a_slow_hello_ends_while_others_are_served() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "", &[("sni=shop.example", "a")]);
    let begun = Instant::now();
    let mut slow = [2, 5, 100, GO.len() - 1].map(|length| {
        let mut client = front.connect();
        client.sends(&GO[..length]);
        client
    });
    // Its summary is the first one.
    is_served(&front, &a, GO);
    for client in &mut slow {
        client.receives(alert(INTERNAL_ERROR));
        client.receives_end();
    }
    let waited = begun.elapsed();
    assert!((Duration::from_millis(4900)..Duration::from_secs(9)).contains(&waited), "{waited:?}");
    drop(slow);
    for _ in 0..4 {
        let summary = front.closed(Side::Client, Cause::OpeningTimeout);
        assert_eq!(
            summary.detail.as_deref(),
            Some("no whole header block, request head or ClientHello within 5s (limits.header_deadline)")
        );
    }
    assert_eq!(front.proxy().totals().count(CloseReason::client(Cause::OpeningTimeout)), 4);
    assert!(a.is_left_alone() && b.is_left_alone());
}

#[test]
fn who_leaves_within_its_hello_is_counted() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let mut client = front.connect();
    client.sends(&GO[..1000]);
    client.finishes();
    client.receives_end();
    let summary = front.closed(Side::Client, Cause::Truncated);
    assert_eq!(summary.protocol.map(|known| known.name()), Some("tls"));
    let mut client = front.connect();
    client.sends(&GO[..1000]);
    client.resets();
    front.closed(Side::Client, Cause::Reset);
    assert!(backend.is_left_alone());
}
