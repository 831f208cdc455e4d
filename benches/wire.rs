//! What the parsers of the bytes before routing cost: `cargo bench --bench wire`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use spliceway::wire::hpack::{Decoder, Error, Limits};

criterion_group!(benches, first_grpc_request, later_grpc_request, hostile_64k);
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

/// The block of a gRPC client's first request: every literal enters the dynamic table.
fn request(fields: usize, string: fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    // `:method: POST` and `:scheme: http` are in the static table, and four more names.
    let mut block = vec![0x83, 0x86];
    for (name_index, value) in [
        (4, "/helloworld.Greeter/SayHello"),
        (1, "greeter.demo.svc.cluster.local:50051"),
        (31, "application/grpc"),
        (58, "grpc-go/1.68.0"),
    ] {
        block.push(0x40 | name_index);
        block.extend(string(value.as_bytes()));
    }
    let others =
        [("te", "trailers"), ("grpc-timeout", "999m"), ("grpc-accept-encoding", "gzip"), ("x-namespace", "demo")];
    let tracing = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("x-retry", "0")];
    for (name, value) in others.into_iter().chain(tracing.into_iter().cycle()).take(fields - 6) {
        block.push(0x40);
        block.extend(string(name.as_bytes()));
        block.extend(string(value.as_bytes()));
    }
    block
}

fn plain(octets: &[u8]) -> Vec<u8> {
    [&[short_length(octets)], octets].concat()
}

/// Knows the codes of 5 to 8 bits, which are consecutive in this order (RFC 7541 appendix B).
fn huffman(octets: &[u8]) -> Vec<u8> {
    const SYMBOLS: [(&str, u32); 4] =
        [("012aceiost", 5), (" %-./3456789=A_bdfghlmnpru", 6), (":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz", 7), ("&*,;XZ", 8)];
    let mut bits = String::new();
    for &octet in octets {
        let (mut first_code, mut length_before) = (0, 5);
        for (symbols, length) in SYMBOLS {
            first_code <<= length - length_before;
            if let Some(position) = symbols.bytes().position(|symbol| symbol == octet) {
                bits.push_str(&format!("{:0width$b}", first_code + position, width = length as usize));
            }
            first_code += symbols.len();
            length_before = length;
        }
    }
    bits.push_str(&"1".repeat(bits.len().next_multiple_of(8) - bits.len()));
    let coded: Vec<u8> =
        bits.as_bytes().chunks(8).map(|octet| octet.iter().fold(0, |sum, bit| sum << 1 | (bit & 1))).collect();
    [&[0x80 | short_length(&coded)], &coded[..]].concat()
}

/// The prefix of a string shorter than 127 octets.
fn short_length(octets: &[u8]) -> u8 {
    u8::try_from(octets.len()).ok().filter(|&length| length < 127).unwrap_or(126)
}
