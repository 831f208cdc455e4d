//! What the parsers of the bytes before routing cost: `cargo bench --bench wire`.

mod blocks;

use std::hint::black_box;

use blocks::{huffman, plain, request};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use spliceway::wire::hpack::{Decoder, Error, Limits};
use spliceway::wire::http1;

criterion_group!(benches, first_grpc_request, later_grpc_request, hostile_64k, http1_request);
criterion_main!(benches);

/// The first header block of a connection, with the decoder that each connection makes for it.
fn first_grpc_request(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hpack/first_grpc_request");
    for fields in [8, 12, 24] {
        for (coding, string) in [("plain", plain as fn(&[u8]) -> Vec<u8>), ("huffman", huffman)] {
            let block = request(fields, string);
            group.throughput(Throughput::Bytes(block.len() as u64));
            group.bench_function(BenchmarkId::new(coding, fields), |bencher| {
                bencher.iter(|| decoded_bytes(&mut Decoder::new(Limits::default()), black_box(&block)));
            });
        }
    }
    group.finish();
}

/// The same block again and again on one decoder: full tables, nothing to allocate.
fn later_grpc_request(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hpack/later_grpc_request");
    let block = request(24, huffman);
    let mut decoder = Decoder::new(Limits::default());
    group.throughput(Throughput::Bytes(block.len() as u64));
    group.bench_function(BenchmarkId::new("huffman", 24), |bencher| {
        bencher.iter(|| decoded_bytes(&mut decoder, black_box(&block)));
    });
    group.finish();
}

/// The head of an HTTP/1 request as a browser sends it, and the largest one, each at once and byte by byte.
fn http1_request(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("http1/request");
    let field = |length: usize| format!("x-field: {}\r\n", "v".repeat(length));
    for (name, fields) in [("browser", field(40).repeat(14)), ("largest", field(650).repeat(98))] {
        let head = format!("GET /index.html?a=b HTTP/1.1\r\nHost: shop.example\r\n{fields}\r\n").into_bytes();
        let limits = http1::Limits { bytes: 65_536, fields: 100 };
        for (reads, step) in [("at_once", head.len()), ("byte_by_byte", 1)] {
            group.throughput(Throughput::Bytes(head.len() as u64));
            group.bench_function(BenchmarkId::new(name, reads), |bencher| {
                bencher.iter(|| {
                    let mut reader = http1::Reader::new(limits);
                    let mut ends = (step..=head.len()).step_by(step);
                    let whole = |end| matches!(reader.read(black_box(&head[..end])), Ok(http1::Head::Complete { .. }));
                    assert!(ends.any(whole));
                });
            });
        }
    }
    group.finish();
}

/// The most fields that 64 KiB can hold: literals with empty, Huffman coded names and values.
fn hostile_64k(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hpack/hostile_64k");
    let block = [0x00, 0x80, 0x80].repeat(65_536 / 3);
    let unlimited = Limits { fields: usize::MAX, list_bytes: usize::MAX, ..Limits::default() };
    for (name, limits) in [("limited", Limits::default()), ("unlimited", unlimited)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| decoded_bytes(&mut Decoder::new(limits), black_box(&block)));
        });
    }
    // One string of 64 KiB whose codes are the longest there are, and one with the shortest.
    let four_newlines = b"\xff\xff\xff\xf3\xff\xff\xff\xcf\xff\xff\xff\x3f\xff\xff\xfc";
    for (name, octets) in [("longest_codes", four_newlines), ("shortest_codes", &[0; 15])] {
        // 127 + 1 + 125 * 128 + 3 * 128 * 128 = 65,280 octets.
        let mut block = vec![0x00, 0x00, 0xff, 0x81, 0xfd, 0x03];
        block.extend(octets.repeat(65_280 / 15));
        assert!(decoded_bytes(&mut Decoder::new(unlimited), &block).is_ok());
        group.bench_function(name, |bencher| {
            bencher.iter(|| decoded_bytes(&mut Decoder::new(unlimited), black_box(&block)));
        });
    }
    group.finish();
}

fn decoded_bytes(decoder: &mut Decoder, block: &[u8]) -> Result<usize, Error> {
    let mut bytes = 0_usize;
    decoder.decode(block, |field| bytes += black_box(field.name).len() + black_box(field.value).len())?;
    Ok(bytes)
}
