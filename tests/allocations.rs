//! A relayed message takes no memory: an allocator that counts serves the whole process, proxy, client and backend.
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

const CONNECTIONS: usize = 7;
const WARM_UP: usize = 2000;
const MESSAGES: usize = 10_000;
const DEADLINE: Duration = Duration::from_secs(20);
