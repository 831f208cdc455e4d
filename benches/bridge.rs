//! What the bridge costs: from a client's first bytes to its request, and a read while it still has something to take
//! out. Goal: at most 2 microseconds to the first request of 12 fields.

#![allow(clippy::expect_used, reason = "a bench with a wrong fixture must stop")]

mod blocks;

use std::hint::black_box;

use blocks::{huffman, plain, request};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use spliceway::bridge::{Bridge, Nudge, Opened, Opening, Progress};
use spliceway::wire::first_bytes::PREFACE;
use spliceway::wire::frame::{self, flag, kind};

criterion_group!(benches, first_headers, steps);
criterion_main!(benches);

/// All that a client which does not wait sends at once, up to the request that is routed.
fn first_headers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bridge/first_headers");
    for fields in [8, 12, 24] {
        for (coding, string) in [("plain", plain as fn(&[u8]) -> Vec<u8>), ("huffman", huffman)] {
            let mut bytes = greeting();
            frame::put(&mut bytes, kind::HEADERS, flag::END_HEADERS, 1, &request(fields, string));
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(BenchmarkId::new(coding, fields), |bencher| {
                bencher.iter(|| {
                    let mut opening = Opening::default();
                    assert_eq!(opening.received(black_box(&bytes)), Ok(Progress::Request));
                    opened(opening)
                });
            });
        }
    }
    group.finish();
}

/// A read in each direction while the bridge is there: it looks at frame heads for the ACK it has to swallow.
fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bridge/step");
    let (mut bridge, mut to_client, mut to_backend) = (unacknowledged(), Vec::new(), Vec::new());
    let mut read = Vec::new();
    frame::put(&mut read, kind::HEADERS, flag::END_HEADERS, 3, &request(12, huffman));
    frame::put(&mut read, kind::DATA, flag::END_STREAM, 3, &[7; 100]);
    group.throughput(Throughput::Bytes(read.len() as u64));
    group.bench_function("to_backend", |bencher| {
        bencher.iter(|| {
            to_backend.clear();
            bridge.from_client(black_box(&read), &mut to_backend).expect("legal frames");
            to_backend.len()
        });
    });
    group.bench_function("to_client", |bencher| {
        bencher.iter(|| {
            to_client.clear();
            bridge.from_backend(black_box(&read), &mut to_client, &mut to_backend).expect("HTTP/2");
            to_client.len()
        });
    });
    assert!(!bridge.to_backend_is_raw() && !bridge.to_client_is_raw(), "it had nothing to do");
    group.finish();
}

/// The bridge of a client that has not acknowledged our SETTINGS, though we have its own; nor has the backend yet.
fn unacknowledged() -> Bridge {
    let mut opening = Opening::default();
    assert_eq!(opening.received(&greeting()), Ok(Progress::More));
    assert_eq!(opening.nudge(), Some(Nudge::Settings));
    opening.nudged();
    assert_eq!(opening.nudge(), Some(Nudge::AckUnasked));
    opening.nudged();
    let mut headers = Vec::new();
    frame::put(&mut headers, kind::HEADERS, flag::END_HEADERS, 1, &request(12, huffman));
    assert_eq!(opening.received(&headers), Ok(Progress::Request));
    let mut bridge = opened(opening).bridge;
    let mut settings = Vec::new();
    frame::put(&mut settings, kind::SETTINGS, 0, 0, &[]);
    bridge.from_backend(&settings, &mut Vec::new(), &mut Vec::new()).expect("HTTP/2");
    bridge
}

fn opened(opening: Opening) -> Opened {
    opening.finish().expect("a request is there").expect("the request is legal")
}

fn greeting() -> Vec<u8> {
    let mut bytes = PREFACE.to_vec();
    frame::put(&mut bytes, kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]);
    bytes
}
