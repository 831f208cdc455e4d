//! Where a request goes, and what its client is told if it goes nowhere.

use spliceway::log::{Cause, Side};

use crate::support::h2::{self, call_to, eager_call, greeting, value};
use crate::support::{Backend, prefix, two_pools};

const BY_NAMESPACE: &str = "[[route]]\nmatch = \"x-prism-namespace=billing\"\npool = \"a\"\n\
                            [[route]]\nmatch = \"x-prism-namespace=orders\"\npool = \"b\"\n";

#[test]
fn a_header_chooses_the_pool() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "", BY_NAMESPACE);
    for (namespace, backend, other, pool) in [("billing", &a, &b, "a"), ("orders", &b, &a, "b")] {
        let request = eager_call(&[("x-prism-namespace", namespace)]);
        let mut client = front.connect();
        client.sends(&request);
        backend.accept().receives(&request);
        assert!(other.is_left_alone());
        drop(client);
        let summary = front.summary();
        assert_eq!(summary.pool.as_deref(), Some(pool));
        assert_eq!(summary.route, Some(format!("x-prism-namespace={namespace}")));
        assert_eq!(summary.backend, Some(backend.address()));
    }
}

/// Sends a gRPC call with these fields, eagerly and after waiting, and reads the answer to it: status and message.
#[track_caller]
fn is_refused(fields: &[(&str, &str)], cause: Cause, status: &str) -> String {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "", BY_NAMESPACE);
    let mut messages = Vec::new();
    for waits in [false, true] {
        let mut client = front.connect();
        client.sends(greeting());
        if waits {
            client.receives(h2::OWN_SETTINGS);
            client.sends(h2::SETTINGS_ACK);
        }
        client.sends(h2::call(1, fields));
        let answer = client.receives_answer(waits, false);
        assert_eq!((value(&answer, ":status"), value(&answer, "content-type")), ("200", "application/grpc"));
        assert_eq!(value(&answer, "grpc-status"), status);
        drop(client);
        let summary = front.summary();
        assert_eq!(summary.reason.cause.label(), cause.label());
        messages.push(value(&answer, "grpc-message").to_owned());
        assert_eq!(summary.detail.as_deref(), messages.last().map(String::as_str));
    }
    assert!(a.is_left_alone() && b.is_left_alone());
    messages.dedup();
    assert_eq!(messages.len(), 1);
    messages.remove(0)
}

#[test]
fn a_call_that_goes_nowhere_is_told_why() {
    let missing = "the request lacks the header that routes it: x-prism-namespace";
    assert_eq!(is_refused(&[], Cause::HeaderMissing, "3"), missing);
    let nowhere = "no route matches this request, and the listener has no default pool";
    assert_eq!(is_refused(&[("x-prism-namespace", "unknown")], Cause::NoRoute, "12"), nowhere);
    let twice = [("x-prism-namespace", "billing"), ("x-prism-namespace", "billing")];
    let duplicate = "`x-prism-namespace` occurs more than once in the request, and this listener routes by it";
    assert_eq!(is_refused(&twice, Cause::HeaderRejected, "3"), duplicate);
}

#[test]
fn a_request_of_no_call_gets_an_http_status() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "", BY_NAMESPACE);
    let twice: &[_] = &[("x-prism-namespace", "billing"), ("x-prism-namespace", "orders")];
    for (fields, status, error) in [
        (&[] as &[_], "400", "http_request_error"),
        (&[("x-prism-namespace", "unknown")], "404", "destination_not_found"),
        (twice, "400", "http_request_error"),
    ] {
        let mut client = front.connect();
        client.sends([greeting(), h2::get(1, fields)].concat());
        let answer = client.receives_answer(false, true);
        assert_eq!((value(&answer, ":status"), value(&answer, "content-length")), (status, "0"));
        assert!(value(&answer, "proxy-status").starts_with(&format!("spliceway; error={error}; details=\"")));
        assert!(answer.iter().all(|(name, _)| name != "grpc-status"));
    }
}

#[test]
fn what_has_no_answer_is_closed() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "", BY_NAMESPACE);
    let mut client = front.connect();
    client.sends("\x16\x02\x01 something unknown");
    front.closed(Side::Proxy, Cause::NoRoute);
    assert!(a.is_left_alone() && b.is_left_alone());
}

#[test]
fn the_default_pool_takes_what_no_route_takes() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let front = two_pools(&a, &b, "default_pool = \"b\"", BY_NAMESPACE);
    let mut client = front.connect();
    client.sends(eager_call(&[("x-prism-namespace", "unknown")]));
    b.accept().receives(eager_call(&[("x-prism-namespace", "unknown")]));
    let mut client = front.connect();
    client.sends("GET / HTTP/1.0\r\n\r\n");
    b.accept().receives("GET / HTTP/1.0\r\n\r\n");
    assert!(a.is_left_alone());
}

#[test]
fn authority_and_path_choose_the_pool() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let routes = "[[route]]\nmatch = \":authority=shop.example | :path^=/shop.v1.Cart/\"\npool = \"a\"\n";
    let front = two_pools(&a, &b, "default_pool = \"b\"", routes);
    for (path, authority, backend) in [
        ("/shop.v1.Cart/Add", "other.example", &a),
        ("/shop.v1.Order/Add", "shop.example", &a),
        ("/shop.v1.Order/Add", "other.example", &b),
        ("/shop.v1.Carts/Add", "other.example", &b),
    ] {
        let request = [greeting(), call_to(path, authority, 1, &[])].concat();
        let mut client = front.connect();
        client.sends(&request);
        backend.accept().receives(&request);
    }
    assert!(a.is_left_alone() && b.is_left_alone());
}

#[test]
fn the_source_is_the_client_that_the_prefix_names() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let routes = "[[route]]\nmatch = \"source=203.0.113.0/24\"\npool = \"a\"\n\
                  [[route]]\nmatch = \"source=127.0.0.0/8\"\npool = \"b\"\n";
    let front = two_pools(&a, &b, "proxy_protocol = \"required\"", routes);
    let mut client = front.connect();
    client.sends([prefix::V1, b"\0\x01binary"].concat());
    a.accept().receives(b"\0\x01binary");
    // LOCAL: the load balancer itself.
    let mut client = front.connect();
    client.sends([&prefix::v2(prefix::LOCAL, prefix::UNSPEC, b"")[..], b"\0\x01binary"].concat());
    b.accept().receives(b"\0\x01binary");
}

#[test]
fn a_type_of_the_prefix_chooses_the_pool() {
    let (a, b) = (Backend::listen(), Backend::listen());
    let routes = "[[route]]\nmatch = \"tlv.authority=shop.example\"\npool = \"a\"\n";
    let front = two_pools(&a, &b, "proxy_protocol = \"required\"\ndefault_pool = \"b\"\ndetect = \"none\"", routes);
    for (authority, backend) in [("shop.example", &a), ("other.example", &b)] {
        let mut client = front.connect();
        let tlvs = prefix::tlv(0x02, authority.as_bytes());
        client.sends([&prefix::v2_inet(&tlvs)[..], b"hello"].concat());
        backend.accept().receives("hello");
    }
}
