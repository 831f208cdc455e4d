//! What it costs to read a PROXY prefix, once a connection. Goal: at most 100 ns for a version 2 header with addresses.

#![expect(clippy::expect_used, reason = "a bench that cannot write its own input has to stop")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use spliceway::wire::proxy_protocol::{Addresses, Command, Tlv, Transport, encode_v1, encode_v2, parse, tlv};

fn prefixes(criterion: &mut Criterion) {
    let [source, destination] = [[192, 168, 0, 1], [192, 168, 0, 11]].map(|ip| (ip, 56_324).into());
    let addresses = Addresses::Inet { source, destination, transport: Transport::Stream };
    let v2 = |tlvs: &[Tlv<'_>]| encode_v2(Command::Proxy, Some(&addresses), tlvs);
    let endpoint = Tlv { kind: tlv::AWS, value: b"\x01vpce-08d2bf15fac5001c9" };

    let mut group = criterion.benchmark_group("proxy_protocol");
    let cases = [
        ("absent", Ok(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec())),
        ("v1/tcp4", Ok(encode_v1(source, destination))),
        ("v2/addresses", v2(&[])),
        ("v2/endpoint", v2(&[endpoint])),
        ("v2/endpoint and checksum", v2(&[tlv::CHECKSUM, endpoint])),
    ];
    for (name, bytes) in cases {
        let bytes = bytes.expect("the vectors fit into a header");
        group.bench_function(name, |bencher| bencher.iter(|| parse(black_box(&bytes), 4096)));
    }
    group.finish();
}

criterion_group!(benches, prefixes);
criterion_main!(benches);
