//! Samples in the log of `spliceway run`.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::process::{Process, spliceway};
use crate::support::{Backend, Peer, h2, prefix};

/// `spliceway run` with a log in JSON, one shard and these further keys of its listener.
fn start(name: &str, config: &str) -> (Process, SocketAddr) {
    start_with(name, config, &[])
}

/// The same with these flags.
fn start_with(name: &str, config: &str, flags: &[&str]) -> (Process, SocketAddr) {
    let path = std::env::temp_dir().join(format!("spliceway-{}-{name}.toml", std::process::id()));
    std::fs::write(&path, config).unwrap();
    let mut command = spliceway();
    command.args(["run", "--log", "json", "--config", path.to_str().unwrap()]).args(flags);
    let process = Process::start(command);
    let address = process.address();
    std::fs::remove_file(&path).unwrap();
    (process, address)
}

/// Everything that was logged, in its order.
fn logged(mut process: Process) -> Vec<Value> {
    process.signal(Signal::TERM);
    let (status, out) = process.ended();
    assert_eq!(status.code(), Some(0));
    out.lines().map(|line| serde_json::from_str(line).expect("a line is a JSON value")).collect()
}

/// The text of a connection's samples, all of which must stand before its summary.
#[track_caller]
fn sample(lines: &[Value], id: &str) -> String {
    let of: Vec<&Value> = lines.iter().filter(|line| line["id"] == id).collect();
    let (last, samples) = of.split_last().unwrap();
    assert_eq!(last["event"], "connection", "{of:?}");
    assert!(samples.iter().all(|line| line["event"] == "sample"), "{of:?}");
    samples.iter().map(|line| line["text"].as_str().unwrap()).collect()
}

#[test]
fn samples_stand_before_the_summary_and_begin_with_the_prefix() {
    let backend = Backend::listen();
    let keys = "sample = \"1/1\"\nproxy_protocol = \"required\"\ntrusted = [\"127.0.0.0/8\"]";
    let (process, address) = start("summary", &crate::support::config(keys, &[&backend]));
    for _ in 0..20 {
        let mut client = Peer::connect(address);
        // A client that waits for the proxy's SETTINGS before it asks.
        client.sends([prefix::V1, &h2::greeting()].concat());
        client.receives(h2::OWN_SETTINGS);
        client.sends([&h2::SETTINGS_ACK[..], &h2::call(1, &[])].concat());
        let mut served = backend.accept();
        served.receives(h2::PREFACE);
        client.finishes();
        served.receive_all();
        served.finishes();
        client.receive_all();
    }
    let lines = logged(process);
    for number in 1..=20 {
        let text = sample(&lines, &format!("0-{number}"));
        let parts =
            ["connection from 127.0.0.1:", "PROXY", "203.0.113.7:40312", "MAX_CONCURRENT_STREAMS", "100", ":path"];
        let mut rest = text.as_str();
        for part in parts {
            let Some((_, behind)) = rest.split_once(part) else { panic!("{part:?} is missing in\n{text}") };
            rest = behind;
        }
    }
}

#[test]
fn a_refused_connection_is_in_the_sample_with_its_answer() {
    let config = "shards = 1\n[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\nsample = \"1/1\"\n\
                  [[pool]]\nname = \"main\"\nbackends = [\"127.0.0.1:1\"]\n\
                  [[route]]\npool = \"main\"\nmatch = \"x-shop=a\"\n";
    let (process, address) = start("refused", config);
    let mut client = Peer::connect(address);
    client.sends(h2::eager_call(&[("x-shop", "nobody")]));
    client.receives_answer(false, false);
    drop(client);
    let lines = logged(process);
    let text = sample(&lines, "0-1");
    for part in ["/shop.v1.Cart/Add", "nobody", "grpc-status", "GOAWAY"] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
fn reflection_begins_as_the_pool_of_the_backend_says() {
    for (send_proxy, relayed, own) in [
        ("v1", &b"PROXY TCP4 127.0.0.1 127.0.0.1 "[..], &b"PROXY UNKNOWN\r\n"[..]),
        ("v2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"),
        ("relay", b"\r\n\r\n\0\r\nQUIT\n\x21\x11", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"),
    ] {
        let backend = Backend::listen();
        let config = crate::support::config("sample = \"1/1\"", &[&backend]);
        let config = format!("{config}send_proxy = \"{send_proxy}\"\n");
        let (process, address) = start_with("reflection", &config, &["--reflect"]);
        let mut client = Peer::connect(address);
        client.sends([h2::eager_call(&[]), h2::frame(h2::DATA, 0, 1, b"\0\0\0\0\x02\x08\x01")].concat());
        backend.accept().receives(relayed);
        backend.accept().receives([own, h2::PREFACE].concat());
        drop(client);
        logged(process);
    }
}

#[test]
fn the_share_is_always_the_same_connections() {
    let backend = Backend::listen();
    let (process, address) = start("share", &crate::support::config("sample = \"1/4\"", &[&backend]));
    for _ in 0..24 {
        let mut client = Peer::connect(address);
        client.sends("\0hello");
        client.finishes();
        let mut served = backend.accept();
        served.receives("\0hello");
        served.finishes();
        client.receives_end();
    }
    let lines = logged(process);
    assert_eq!(lines.iter().filter(|line| line["event"] == "connection").count(), 24);
    // The end of one may be told behind the beginning of the next.
    let samples = lines.iter().filter(|line| line["event"] == "sample");
    let sampled: BTreeSet<&str> = samples.map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(sampled, BTreeSet::from(["0-6", "0-9", "0-19", "0-20", "0-24"]));
}
