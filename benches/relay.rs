//! What a message costs that a proxy relays: 64 bytes to a backend and 64 bytes back, over loopback, on each engine.
//!
//! Client and backend are on one thread, so a round trip is four system calls of theirs, and two turns of the proxy's.
//! `direct` is the same without a proxy: what is left of the others when it is taken away is the proxy's.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::expect_used, reason = "a bench without its proxy must stop")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use criterion::{Criterion, criterion_group, criterion_main};
use spliceway::config::{Config, EngineChoice};
use spliceway::log::Log;
use spliceway::proxy::Proxy;
use spliceway::shard::BoundAddress;

criterion_group!(benches, ping_pong);
criterion_main!(benches);

fn ping_pong(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("relay/ping_pong_64_bytes");
    let backend = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = backend.local_addr().expect("it is bound");
    let (mut client, mut served) = connect(address, &backend);
    group.bench_function("direct", |bencher| bencher.iter(|| round_trip(&mut client, &mut served)));
    for (name, engine) in [("io_uring", EngineChoice::IoUring), ("epoll", EngineChoice::Epoll)] {
        // Where io_uring is refused, its numbers are left out.
        let Some(proxy) = start(engine, address) else { continue };
        let Some(BoundAddress::Inet(front)) = proxy.addresses().first() else { continue };
        let (mut client, mut served) = connect(*front, &backend);
        group.bench_function(name, |bencher| bencher.iter(|| round_trip(&mut client, &mut served)));
        drop((client, served));
        proxy.stop();
        proxy.join();
    }
    group.finish();
}

fn start(engine: EngineChoice, backend: SocketAddr) -> Option<Proxy> {
    let text = format!(
        "shards = 1\n[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\ndetect = \"none\"\n\
         default_pool = \"main\"\n[[pool]]\nname = \"main\"\nbackends = [\"{backend}\"]\n"
    );
    let mut config = Config::from_text("bench.toml", &text, &|_| None).expect("a good configuration");
    config.engine = engine;
    let (log, _) = Log::queue();
    Proxy::start(config, log, None).ok()
}

fn connect(address: SocketAddr, backend: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(address).expect("it listens");
    let (served, _) = backend.accept().expect("a connection");
    for stream in [&client, &served] {
        stream.set_nodelay(true).expect("it is a TCP socket");
    }
    (client, served)
}

fn round_trip(client: &mut TcpStream, served: &mut TcpStream) -> [u8; 64] {
    let mut message = [7; 64];
    client.write_all(&message).expect("an open connection");
    served.read_exact(&mut message).expect("an open connection");
    served.write_all(&message).expect("an open connection");
    client.read_exact(&mut message).expect("an open connection");
    message
}
