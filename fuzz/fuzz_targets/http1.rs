//! What becomes of an HTTP/1 head does not depend on how it comes, and what is routed has one reading.
//!
//! The cycle of reads comes first, then what a client says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spliceway::wire::http1::{Error, Head, Limits, Reader, Request};
use spliceway_fuzz::{reads, take_cycle};

fuzz_target!(|input: &[u8]| {
    let (cycle, bytes) = take_cycle(input);
    let mut reader = Reader::new(LIMITS);
    let mut received = 0;
    let mut outcome = Ok(Head::More { at_least: 1 });
    for read in reads(cycle, bytes) {
        received += read.bytes.len();
        outcome = reader.read(&bytes[..received]);
        match &outcome {
            Ok(Head::More { at_least }) => assert!(*at_least > received, "{at_least} of {received}"),
            Ok(Head::Absent | Head::Complete { .. }) | Err(_) => break,
        }
    }
    if !bytes.is_empty() {
        // At once, and as far as it came.
        assert_eq!(Reader::new(LIMITS).read(&bytes[..received]), outcome);
        assert_eq!(Reader::new(LIMITS).read(bytes).map(known), outcome.clone().map(known));
    }
    match outcome {
        Ok(Head::Complete { request, length }) => check(&request, &bytes[..length]),
        Err(Error::Malformed(malformed)) => assert!(malformed.offset <= received.min(LIMITS.bytes), "{malformed}"),
        Ok(Head::Absent | Head::More { .. }) | Err(Error::TooLong | Error::TooManyFields) => {}
    }
});

/// Without what depends on how much has come.
fn known(head: Head) -> Option<Head> {
    match head {
        Head::More { .. } => None,
        Head::Absent | Head::Complete { .. } => Some(head),
    }
}

fn check(request: &Request, mut head: &[u8]) {
    assert!(head.len() <= LIMITS.bytes && head.ends_with(b"\r\n\r\n"));
    // Empty lines may stand before the request (RFC 9112 section 2.2).
    while let [b'\r' | b'\n', rest @ ..] = head {
        head = rest;
    }
    // Whoever splits lines at LF, and whoever splits them at CR LF, reads the same.
    let lines = head.split(|byte| *byte == b'\n').count();
    assert_eq!(lines, head.windows(2).filter(|pair| pair == b"\r\n").count() + 1);
    assert_eq!(lines, head.iter().filter(|byte| **byte == b'\r').count() + 1);
    let fields = request.head.fields().filter(|(name, _)| !name.starts_with(b":")).count();
    assert_eq!(lines, fields + 3);
    assert!(fields <= LIMITS.fields);
    for (name, value) in request.head.fields() {
        assert!(!name.iter().any(u8::is_ascii_uppercase));
        assert_eq!(value.trim_ascii(), value);
        assert!(!value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t'));
    }
    for name in [&b":method"[..], b":path", b":authority", b"host"] {
        assert!(request.head.values(name).count() <= 1);
    }
    let (method, path) = (request.head.value(b":method"), request.head.value(b":path"));
    let (authority, host) = (request.head.value(b":authority"), request.head.value(b"host"));
    match path {
        Some(path) => assert!(path.starts_with(b"/") || (path == b"*" && method == Some(b"OPTIONS"))),
        None => assert_eq!(method, Some(&b"CONNECT"[..])),
    }
    assert!(authority.is_none_or(|authority| !authority.is_empty() && !authority.contains(&b'@')));
    if let (Some(authority), Some(host)) = (authority, host) {
        assert!(authority.get(..host.len()).is_some_and(|start| start.eq_ignore_ascii_case(host)));
    }
}

/// Reached by a few bytes.
const LIMITS: Limits = Limits { bytes: 512, fields: 8 };
