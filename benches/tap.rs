//! What it costs to explain the traffic of a sampled connection: `cargo bench --bench tap`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spliceway::log::ConnectionId;
use spliceway::tap::budget::Budget;
use spliceway::tap::decoder::{ConnectionDecoder, Limits};
use spliceway::tap::event::Direction;
use spliceway::tap::queue::{Tap, queues};
use spliceway::tap::render::pretty::{self, Look, Stamp};
use spliceway::tap::render::{NoSchema, Options, Palette};
use spliceway::wire::first_bytes::PREFACE;
use spliceway::wire::frame::{self, flag, kind};

criterion_group!(benches, grpc_request, long_messages, queue_push);
criterion_main!(benches);

/// HEADERS with twelve fields and a message of 100 bytes, on a connection that has been up for a while. The budget with
/// rendering is 15 microseconds.
fn grpc_request(criterion: &mut Criterion) {
    let mut requests = Vec::new();
    for stream in (1..20_001).step_by(2) {
        let mut request = Vec::new();
        frame::put(&mut request, kind::HEADERS, flag::END_HEADERS, stream, &block());
        frame::put(&mut request, kind::DATA, flag::END_STREAM, stream, &message(100));
        requests.push(request);
    }
    let mut decoder = opened();
    let mut next = requests.iter().cycle();
    let mut events = Vec::new();
    criterion.bench_function("tap/headers_12_fields_and_100_bytes", |bencher| {
        bencher.iter(|| {
            events.clear();
            if let Some(request) = next.next() {
                decoder.feed(Direction::ToBackend, black_box(request), &mut events);
            }
            events.len()
        });
    });
    let no_names = BTreeMap::new();
    let options = Options { messages: &NoSchema, setting_names: &no_names, show_secrets: false };
    let look = Look { palette: Palette::PLAIN, hex: false };
    let mut decoder = opened();
    let mut text = String::new();
    criterion.bench_function("tap/headers_12_fields_and_100_bytes_as_text", |bencher| {
        bencher.iter(|| {
            events.clear();
            text.clear();
            if let Some(request) = next.next() {
                decoder.feed(Direction::ToBackend, black_box(request), &mut events);
            }
            for event in &events {
                pretty::event(&mut text, event, Stamp::default(), &options, look);
            }
            text.len()
        });
    });
}

/// What a shard pays for a read of 100 bytes of a sampled connection: the copy, the time and the push. The budget of the
/// push alone is 50 nanoseconds.
fn queue_push(criterion: &mut Criterion) {
    let budget = Budget::new(usize::MAX);
    let (front, _relay, mut outlet) = queues(&budget);
    let tap = Rc::new(Tap::new(front, Arc::clone(&budget), std::thread::current()));
    let Some(sample) = tap.begin(ConnectionId { shard: 0, number: 1 }, String::new()) else { return };
    let bytes = [7; 100];
    criterion.bench_function("tap/copy_100_bytes_and_pop", |bencher| {
        bencher.iter(|| {
            sample.copy(Direction::ToBackend, black_box(&bytes));
            outlet.pop()
        });
    });
    let (mut producer, mut consumer) = rtrb::RingBuffer::<Arc<[u8]>>::new(1024);
    let piece: Arc<[u8]> = Arc::from(bytes);
    criterion.bench_function("tap/push_and_pop", |bencher| {
        bencher.iter(|| {
            drop(producer.push(black_box(Arc::clone(&piece))));
            consumer.pop()
        });
    });
}

/// A message of 1 MiB in frames of 16 KiB, read 64 KiB at a time.
fn long_messages(criterion: &mut Criterion) {
    let mut bytes = Vec::new();
    for data in message(1 << 20).chunks(16_384) {
        frame::put(&mut bytes, kind::DATA, 0, 1, data);
    }
    let mut decoder = opened();
    let mut events = Vec::new();
    let mut request = Vec::new();
    frame::put(&mut request, kind::HEADERS, flag::END_HEADERS, 1, &block());
    decoder.feed(Direction::ToBackend, &request, &mut events);
    let mut group = criterion.benchmark_group("tap/message_1_mib");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("frames_of_16_kib", |bencher| {
        bencher.iter(|| {
            events.clear();
            for read in black_box(&bytes).chunks(65_536) {
                decoder.feed(Direction::ToBackend, read, &mut events);
            }
            events.len()
        });
    });
    group.finish();
}

fn opened() -> ConnectionDecoder {
    let mut decoder = ConnectionDecoder::new(Limits::default());
    let mut opening = PREFACE.to_vec();
    frame::put(&mut opening, kind::SETTINGS, 0, 0, &[]);
    decoder.feed(Direction::ToBackend, &opening, &mut Vec::new());
    decoder
}

/// Four fields of the static table or with a name of it, eight literals.
fn block() -> Vec<u8> {
    let mut out = vec![0x83, 0x86];
    for (index, value) in [(4, "/package.Service/Method"), (1, "backend.example:50051")] {
        out.push(index);
        put_text(&mut out, value);
    }
    let literals = [
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", "grpc-go/1.76.0"),
        ("grpc-timeout", "999m"),
        ("grpc-accept-encoding", "gzip"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("x-request-id", "d7c19a2e-1f0e-4f5e-9c41-0f6f6a2f5a11"),
        ("x-tenant", "tenant-17"),
    ];
    for (name, value) in literals {
        out.push(0);
        put_text(&mut out, name);
        put_text(&mut out, value);
    }
    out
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend(u8::try_from(text.len()));
    out.extend_from_slice(text.as_bytes());
}

fn message(bytes: u32) -> Vec<u8> {
    let mut out = vec![0];
    out.extend_from_slice(&bytes.to_be_bytes());
    out.extend((0..bytes).map(|n| u8::try_from(n % 251).unwrap_or_default()));
    out
}
