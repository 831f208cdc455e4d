//! Requests that two readers could read in two ways: each is refused, never guessed at.

use spliceway::log::{Cause, Side};

use crate::support::h2::{self, block, frame, greeting, value};
use crate::support::{Backend, Front, Peer};

/// Two pools; `a` gets what these routes match, `b` is the default. A good client is with `b` all the time.
struct Fork {
    front: Front,
    a: Backend,
    b: Backend,
    beside: (Peer, Peer),
}

impl Fork {
    fn at(route: &str) -> Fork {
        let (a, b) = (Backend::listen(), Backend::listen());
        let front = Front::start(&format!(
            "shards = 1\n[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\ndefault_pool = \"b\"\n\
             [[route]]\nmatch = '{route}'\npool = \"a\"\n\
             [[pool]]\nname = \"a\"\nbackends = [\"{}\"]\n[[pool]]\nname = \"b\"\nbackends = [\"{}\"]\n",
            a.address(),
            b.address()
        ));
        let mut client = front.connect();
        client.sends("\0\0\0\x10binary");
        let mut served = b.accept();
        served.receives("\0\0\0\x10binary");
        Fork { front, a, b, beside: (client, served) }
    }

    #[track_caller]
    fn ends(&mut self, cause: Cause) {
        self.front.closed(Side::Client, cause);
        assert!(self.a.is_left_alone() && self.b.is_left_alone(), "no backend has seen it");
        let (client, served) = &mut self.beside;
        client.sends("still here");
        served.receives("still here");
    }

    /// The request reaches this backend as it came.
    #[track_caller]
    fn passes(&self, request: &[u8], to_a: bool) {
        let mut client = self.front.connect();
        client.sends(request);
        let (backend, other) = if to_a { (&self.a, &self.b) } else { (&self.b, &self.a) };
        let mut served = backend.accept();
        served.receives(request);
        served.sends(h2::settings(&[]));
        client.receives(h2::settings(&[]));
        assert!(other.is_left_alone());
        drop(client);
        served.receives_end();
        drop(served);
        self.front.closed(Side::Client, Cause::Finished);
    }

    /// The call is answered with status 3, and a request that is none with 400.
    #[track_caller]
    fn refuses(&mut self, path: &str, fields: &[(&str, &str)], told: &str) {
        let mut client = self.front.connect();
        client.sends([greeting(), h2::call_to(path, "api.example", 1, fields)].concat());
        let answer = client.receives_answer(false, false);
        assert_eq!(value(&answer, "grpc-status"), "3", "{path}");
        assert!(value(&answer, "grpc-message").contains(told), "{answer:?}");
        drop(client);
        self.ends(Cause::HeaderRejected);
        let pseudo = [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "api.example")];
        let request = frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, 1, &block(&[&pseudo[..], fields].concat()));
        let mut client = self.front.connect();
        client.sends([greeting(), request].concat());
        assert_eq!(value(&client.receives_answer(false, true), ":status"), "400", "{path}");
        drop(client);
        self.ends(Cause::HeaderRejected);
    }
}

/// Paths that a backend may take for `/admin/x` or `/a`, though they do not begin so, or the other way round.
const AMBIGUOUS: [(&str, &str); 14] = [
    ("//admin/x", "an empty segment"),
    ("/public//x", "an empty segment"),
    ("/public/../admin/x", "a dot segment"),
    ("/./admin/x", "a dot segment"),
    ("/admin/..", "a dot segment"),
    ("/public%2f..%2fadmin/x", "an encoded slash or dot"),
    ("/public/%2E%2e/admin/x", "an encoded slash or dot"),
    ("/public%5c..%5cadmin/x", "an encoded backslash"),
    ("/%61dmin/x", "an encoded character that needs no code"),
    ("/public\\..\\admin/x", "a backslash"),
    ("/public/..;/admin/x", "a `;`"),
    ("/admin;jsessionid=1/x", "a `;`"),
    ("/public#/admin/x", "a `#`"),
    ("/admin/x#", "a `#`"),
];

#[test]
fn where_a_part_of_the_path_routes_an_ambiguous_one_is_refused() {
    for route in [":path^=/admin/", ":path~=/admin/.*", "service=admin", "method^=x"] {
        let mut fork = Fork::at(route);
        for (path, told) in AMBIGUOUS {
            fork.refuses(path, &[], told);
        }
    }
}

#[test]
fn where_the_whole_path_routes_it_is_compared_as_it_is() {
    let fork = Fork::at(":path=/public/../admin/x");
    for (path, _) in AMBIGUOUS {
        let request = [greeting(), h2::call_to(path, "api.example", 1, &[])].concat();
        fork.passes(&request, path == "/public/../admin/x");
    }
}

#[test]
fn a_query_is_no_part_of_the_path() {
    let fork = Fork::at(":path^=/admin/");
    let request = [greeting(), h2::call_to("/admin/x?to=//a/../b;c%2f", "api.example", 1, &[])].concat();
    fork.passes(&request, true);
}

#[test]
fn a_header_that_routes_may_be_there_once() {
    for route in ["x-namespace=a", "x-namespace^=a", "protocol=h2c x-namespace!=b", "x-namespace~=.*"] {
        let mut fork = Fork::at(route);
        let told = "`x-namespace` occurs more than once";
        fork.refuses("/s/m", &[("x-namespace", "a"), ("x-namespace", "a")], told);
        fork.refuses("/s/m", &[("x-namespace", "c"), ("y", "1"), ("x-namespace", "a")], told);
        let told = "`x_namespace` and `x-namespace` are one field";
        fork.refuses("/s/m", &[("x_namespace", "b"), ("x-namespace", "a")], told);
        // What nobody routes by may be there as often as the backend likes.
        let request = [greeting(), h2::call(1, &[("x-namespace", "a"), ("y", "1"), ("y", "2")])].concat();
        fork.passes(&request, true);
    }
}

#[test]
fn what_is_no_request_is_no_request_to_anybody() {
    let mut fork = Fork::at("x-namespace=a");
    let good = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "api.example")];
    let with = |extra: &[(&'static str, &'static str)]| [&good[..], extra].concat();
    for fields in [
        with(&[("X-Namespace", "a")]),
        with(&[("x-Namespace", "a")]),
        with(&[("x namespace", "a")]),
        with(&[("x-namespace\0", "a")]),
        with(&[("", "a")]),
        with(&[("x-namespace", " a")]),
        with(&[("x-namespace", "a\t")]),
        with(&[("x-namespace", "a\r\nx-namespace: b")]),
        with(&[("x-namespace", "a\0")]),
        with(&[("host", "other.example")]),
        with(&[("host", "api.example:80")]),
        with(&[("host", "api.example"), ("host", "api.example")]),
        with(&[("connection", "x-namespace")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("upgrade", "h2c")]),
        with(&[("te", "gzip")]),
        with(&[("x-namespace", "a"), (":path", "/b")]),
        with(&[(":path", "/b")]),
        with(&[(":x", "a")]),
        vec![good[0], good[1], (":path", "admin"), good[3]],
        vec![good[0], good[1], (":path", ""), good[3]],
        vec![good[0], good[1], (":path", "*"), good[3]],
        vec![good[0], good[1], (":path", "http://api.example/"), good[3]],
        vec![good[0], good[1], good[2], (":authority", "me@api.example")],
        vec![(":method", "GET /admin HTTP/1.1"), good[1], good[2], good[3]],
        vec![good[0], (":scheme", "http://other.example/?"), good[2], good[3]],
        vec![good[0], good[1], (":path", "/admin HTTP/1.1"), good[3]],
        vec![good[0], good[1], good[2], (":authority", "api.example other.example")],
        vec![good[0], good[1], good[2], good[3], (":protocol", "websocket")],
        vec![good[0], good[2], good[3]],
        vec![good[0], good[1], good[2], ("host", "me@api.example")],
        vec![good[0], good[1], good[2], ("host", "api.example"), ("host", "api.example")],
    ] {
        let mut attacker = fork.front.connect();
        attacker.sends([greeting(), frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, 1, &block(&fields))].concat());
        attacker.receives(h2::OWN_SETTINGS);
        attacker.receives(frame(h2::RST_STREAM, 0, 1, &[0, 0, 0, 1]));
        assert_eq!(attacker.receives_goaway(), (1, 0), "{fields:?}");
        drop(attacker);
        fork.ends(Cause::Malformed);
    }
    let host = with(&[("x-namespace", "a"), ("host", "API.example")]);
    fork.passes(&[greeting(), frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, 1, &block(&host))].concat(), true);
}

#[test]
fn a_host_in_place_of_an_authority_is_one() {
    let fork = Fork::at(":authority=admin.example");
    let request = |authority: (&str, &str)| {
        let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), authority];
        [greeting(), frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, 1, &block(&fields))].concat()
    };
    for name in [":authority", "host"] {
        fork.passes(&request((name, "Admin.example")), true);
        fork.passes(&request((name, "other.example")), false);
    }
}

#[test]
fn a_routing_header_behind_the_block_does_not_route() {
    // In a later CONTINUATION it belongs to the block, in trailers it comes too late.
    let fork = Fork::at("x-namespace=a");
    let start = block(&[(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "api.example")]);
    let late = block(&[("x-namespace", "a")]);
    let continued = [frame(h2::HEADERS, 0, 1, &start), frame(9, h2::END_HEADERS, 1, &late)].concat();
    fork.passes(&[greeting(), continued].concat(), true);
    let trailers = frame(h2::HEADERS, h2::END_HEADERS | h2::END_STREAM, 1, &late);
    let trailed = [frame(h2::HEADERS, h2::END_HEADERS, 1, &start), trailers].concat();
    fork.passes(&[greeting(), trailed].concat(), false);
}

#[test]
fn binary_headers_cannot_route() {
    let text = "[[listener]]\nbind = \"127.0.0.1:0\"\ndefault_pool = \"a\"\n[[route]]\nmatch = \"x-bin=a\"\npool = \"a\"\n\
                [[pool]]\nname = \"a\"\nbackends = [\"127.0.0.1:9\"]\n";
    let error = spliceway::config::Config::from_text("x.toml", text, &|_| None).unwrap_err();
    assert!(error.to_string().contains("`x-bin` is binary: -bin fields cannot be routed by"), "{error}");
}
