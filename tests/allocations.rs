//! A relayed message takes no memory, nor does a request of a watched connection: an allocator that counts serves the whole process, proxy, client and backend.
//!
//! It is a test program of its own with one test, so that nothing else allocates meanwhile.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where something does not go as it should"
)]

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use spliceway::config::{Config, EngineChoice};
use spliceway::log::Log;
use spliceway::proxy::Proxy;
use spliceway::shard::BoundAddress;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_relayed_message_takes_no_memory() {
    assert!(ALLOCATOR.stats().allocations > 0, "nothing is counted");
    for engine in [EngineChoice::IoUring, EngineChoice::Epoll] {
        let backend = TcpListener::bind("127.0.0.1:0").unwrap();
        let (log, _lines) = Log::queue();
        let proxy = Proxy::start(config(engine, &backend), log, None).expect("the proxy starts");
        let BoundAddress::Inet(front) = proxy.addresses()[0] else { panic!("it listens on an address") };
        let mut pairs: [(TcpStream, TcpStream); CONNECTIONS] = std::array::from_fn(|_| {
            let client = TcpStream::connect(front).unwrap();
            let (served, _) = backend.accept().unwrap();
            (prepared(client), prepared(served))
        });
        // Buffers, slabs and timers grow to what they need.
        ping_pong(&mut pairs, WARM_UP);
        let region = Region::new(ALLOCATOR);
        ping_pong(&mut pairs, MESSAGES);
        let used = region.change();
        assert_eq!((used.allocations, used.reallocations), (0, 0), "{engine:?}: {used:?} for {MESSAGES} messages");
        drop(pairs);
        proxy.stop();
        proxy.join();
        for on_mismatch in ["goaway", "close"] {
            watched_requests_take_no_memory(engine, on_mismatch);
        }
    }
}

fn watched_requests_take_no_memory(engine: EngineChoice, on_mismatch: &str) {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let (log, _lines) = Log::queue();
    let config = watching(engine, on_mismatch, &backend);
    let proxy = Proxy::start(config, log, None).expect("the proxy starts");
    let BoundAddress::Inet(front) = proxy.addresses()[0] else { panic!("it listens on an address") };
    let mut client = prepared(TcpStream::connect(front).unwrap());
    client.write_all(OPENING).unwrap();
    let (served, _) = backend.accept().unwrap();
    let mut served = prepared(served);
    served.read_exact(&mut [0; OPENING.len()]).unwrap();
    served.write_all(&SETTINGS).unwrap();
    client.read_exact(&mut SETTINGS.clone()).unwrap();
    requests(&mut client, &mut served, 3, WARM_UP);
    let region = Region::new(ALLOCATOR);
    requests(&mut client, &mut served, 3 + 2 * WARM_UP, MESSAGES);
    let used = region.change();
    let seen = proxy.totals().requests.sums();
    assert_eq!(seen, (1 + WARM_UP as u64 + MESSAGES as u64, 0));
    assert_eq!((used.allocations, used.reallocations), (0, 0), "{engine:?}, {on_mismatch}: {used:?}");
    drop((client, served));
    proxy.stop();
    proxy.join();
}

/// So many requests from this stream on, each with its answer.
fn requests(client: &mut TcpStream, served: &mut TcpStream, first: usize, count: usize) {
    for number in 0..count {
        let mut request = *REQUEST;
        let stream = u32::try_from(first + 2 * number).unwrap().to_be_bytes();
        request[5..9].copy_from_slice(&stream);
        request[18..22].copy_from_slice(&stream);
        client.write_all(&request).unwrap();
        served.read_exact(&mut request).unwrap();
        served.write_all(&request).unwrap();
        client.read_exact(&mut request).unwrap();
    }
}

fn config(engine: EngineChoice, backend: &TcpListener) -> Config {
    let text = format!(
        "shards = 1\n[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\ndetect = \"none\"\n\
         default_pool = \"main\"\n[[pool]]\nname = \"main\"\nbackends = [\"{}\"]\n",
        backend.local_addr().unwrap()
    );
    let mut config = Config::from_text("test.toml", &text, &|_| None).unwrap();
    config.engine = engine;
    config
}

fn watching(engine: EngineChoice, on_mismatch: &str, backend: &TcpListener) -> Config {
    let text = format!(
        "shards = 1\n[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\nwatch = true\n\
         on_mismatch = \"{on_mismatch}\"\nmax_connection_age = \"1h\"\n\
         [[route]]\nmatch = \"x-ns=a\"\npool = \"main\"\n\
         [[pool]]\nname = \"main\"\nbackends = [\"{}\"]\n",
        backend.local_addr().unwrap()
    );
    let mut config = Config::from_text("test.toml", &text, &|_| None).unwrap();
    config.engine = engine;
    config
}

fn prepared(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// So many messages there and back, one connection after the other, every eighth a longer one.
fn ping_pong(pairs: &mut [(TcpStream, TcpStream); CONNECTIONS], messages: usize) {
    let mut message = [7; 8192];
    for number in 0..messages {
        let (client, served) = &mut pairs[number % CONNECTIONS];
        let length = if number % 8 == 0 { 8192 } else { 64 };
        let message = &mut message[..length];
        client.write_all(message).unwrap();
        served.read_exact(message).unwrap();
        served.write_all(message).unwrap();
        client.read_exact(message).unwrap();
    }
}

/// Preface, SETTINGS, and a request on stream 1 whose `:path: /a.B/C` and `x-ns: a` enter the table.
const OPENING: &[u8; 60] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\
    \0\0\x12\x01\x04\0\0\0\x01\x83\x86\x44\x06/a.B/C\x40\x04x-ns\x01a";
/// A request that refers to them, and DATA; the streams are put in.
const REQUEST: &[u8; 27] = b"\0\0\x04\x01\x04\0\0\0\0\x83\x86\xbf\xbe\0\0\x05\0\x01\0\0\0\0hello";
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const CONNECTIONS: usize = 7;
const WARM_UP: usize = 2000;
const MESSAGES: usize = 10_000;
const DEADLINE: Duration = Duration::from_secs(20);
