//! Bytes both ways: all of them, in order, and every end as the end it was.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use spliceway::log::{Cause, Side};

use crate::support::process::{Process, cpu_time_of_a_second, spliceway_run};
use crate::support::{Backend, Front, Peer, noise};

const RAW: &str = "detect = \"none\"";

/// A connected pair through a proxy.
fn pair(front: &Front, backend: &Backend) -> (Peer, Peer) {
    (front.connect(), backend.accept())
}

#[test]
fn what_is_sent_comes_back() {
    let backend = Backend::listen();
    let front = Front::start(&crate::support::config(RAW, &[&backend]).replace("shards = 1", "shards = 2"));
    std::thread::scope(|scope| {
        for seed in 1..=4 {
            let (mut client, served) = pair(&front, &backend);
            scope.spawn(move || echo(served.stream));
            scope.spawn(move || {
                let sent = noise(seed, BULK);
                let mut writer = client.stream.try_clone().unwrap();
                let chunks = sent.clone();
                let writing = std::thread::spawn(move || send_in_chunks(&mut writer, &chunks, seed));
                assert!(client.receive_all() == sent, "bytes were lost, repeated or swapped");
                writing.join().unwrap();
            });
        }
    });
    for _ in 0..4 {
        let summary = front.closed(Side::Client, Cause::Finished);
        assert_eq!((summary.to_backend.total(), summary.to_client.total()), (BULK as u64, BULK as u64));
    }
}

/// Sends back what comes, then the end.
fn echo(mut stream: TcpStream) {
    let mut buffer = vec![0; 100_000];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        if read == 0 {
            return;
        }
        stream.write_all(&buffer[..read]).unwrap();
    }
}

/// Chunks from a byte to 128 KiB, then the end.
fn send_in_chunks(stream: &mut TcpStream, mut bytes: &[u8], seed: u64) {
    let mut lengths = noise(seed + 100, 100_000).into_iter().map(usize::from).cycle();
    while !bytes.is_empty() {
        let (scale, fine) = (lengths.next().unwrap() % 10, lengths.next().unwrap());
        let length = ((fine << scale) + 1).min(bytes.len());
        let (chunk, rest) = bytes.split_at(length);
        stream.write_all(chunk).unwrap();
        bytes = rest;
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
}

#[test]
fn a_client_that_has_finished_still_gets_everything() {
    let backend = Backend::listen();
    let front = Front::before(&backend, RAW);
    let (mut client, mut served) = pair(&front, &backend);
    client.sends("question");
    client.finishes();
    assert_eq!(served.receive_all(), b"question");
    let answer = noise(3, BULK);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            served.sends(&answer);
            served.finishes();
        });
        assert!(client.receive_all() == answer);
    });
    front.closed(Side::Client, Cause::Finished);
}

#[test]
fn a_backend_that_has_finished_still_gets_everything() {
    let backend = Backend::listen();
    let front = Front::before(&backend, RAW);
    let (mut client, mut served) = pair(&front, &backend);
    served.sends("greeting");
    served.finishes();
    assert_eq!(client.receive_all(), b"greeting");
    let upload = noise(4, BULK);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            client.sends(&upload);
            client.finishes();
        });
        assert!(served.receive_all() == upload);
    });
    front.closed(Side::Backend, Cause::Finished);
}

#[test]
fn a_reset_of_the_client_is_a_reset_to_the_backend() {
    let backend = Backend::listen();
    let front = Front::before(&backend, RAW);
    let (mut client, mut served) = pair(&front, &backend);
    client.sends("some bytes");
    served.receives("some bytes");
    client.resets();
    assert!(served.receives_reset().is_empty());
    front.closed(Side::Client, Cause::Reset);
}

#[test]
fn a_reset_of_the_backend_is_a_reset_to_the_client() {
    let backend = Backend::listen();
    let front = Front::before(&backend, RAW);
    let (mut client, mut served) = pair(&front, &backend);
    served.sends("some bytes");
    client.receives("some bytes");
    served.resets();
    assert!(client.receives_reset().is_empty());
    front.closed(Side::Backend, Cause::Reset);
}

#[test]
fn a_reset_in_the_middle_of_an_upload_is_no_end() {
    let backend = Backend::listen();
    let front = Front::before(&backend, RAW);
    for _ in 0..30 {
        let (mut client, mut served) = pair(&front, &backend);
        let mut uploading = client.stream.try_clone().unwrap();
        let upload = std::thread::spawn(move || {
            let chunk = [0; 50_000];
            while uploading.write_all(&chunk).is_ok() {}
        });
        served.receive(200_000);
        served.resets();
        // The sending end finds out first, which must not make an end of what is a reset.
        let mut buffer = [0; 16];
        let outcome = client.stream.read(&mut buffer).map_err(|error| error.kind());
        upload.join().unwrap();
        // The uploading thread may have taken the error away; never is it a clean end on its own.
        if outcome != Err(ErrorKind::ConnectionReset) {
            assert_eq!(outcome, Ok(0));
            assert!(client.stream.write(b"x").is_err(), "the connection lives on");
        }
        front.closed(Side::Backend, Cause::Reset);
    }
}

#[test]
fn a_sender_that_is_reset_while_its_receiver_stalls_is_noticed() {
    let backend = Backend::listen();
    let front = Front::before(&backend, RAW);
    let (mut client, served) = pair(&front, &backend);
    fill(&mut client.stream);
    client.resets();
    front.closed(Side::Client, Cause::Reset);
    drop(served);

    let (client, mut served) = pair(&front, &backend);
    // Also behind the end of the other direction.
    client.finishes();
    served.receives_end();
    fill(&mut served.stream);
    served.resets();
    front.closed(Side::Backend, Cause::Reset);
}

#[test]
fn a_slow_reader_holds_the_sender_up_and_loses_nothing() {
    let backend = Backend::listen();
    let front = Front::before(&backend, RAW);
    for upwards in [true, false] {
        let (client, served) = pair(&front, &backend);
        let (mut sender, mut receiver) = if upwards { (client, served) } else { (served, client) };
        let sent = fill(&mut sender.stream);
        // Nearly all of it in the buffers of four sockets, whose sizes are the kernel's to choose (tcp(7), tcp_rmem).
        assert!(sent.len() < 50_000_000, "{} bytes are on their way", sent.len());
        sender.finishes();
        assert!(receiver.receive_all() == sent);
    }
}

/// Sends until nothing is taken any more.
fn fill(stream: &mut TcpStream) -> Vec<u8> {
    let bytes = noise(9, 60_000_000);
    let mut sent = 0;
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
        match stream.write(&rest[..rest.len().min(65_536)]) {
            Ok(written) => sent += written,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
                break;
            }
        }
    }
    bytes[..sent].to_vec()
}

#[test]
fn waiting_for_a_reader_that_has_finished_sending_takes_no_cpu_time() {
    let backend = Backend::listen();
    let mut command = spliceway_run();
    command.args(["--shards", "1", "--backend", &backend.address()]);
    let process = Process::start(command);
    let mut client = Peer::connect(process.address());
    client.sends("GET / HTTP/1.0\r\n\r\n");
    client.finishes();
    let mut served = backend.accept();
    served.receives("GET / HTTP/1.0\r\n\r\n");
    served.receives_end();
    let sent = fill(&mut served.stream);
    let used = cpu_time_of_a_second(process.id());
    assert!(used < Duration::from_millis(100), "{used:?}");
    // And it is woken when there is room again.
    served.finishes();
    assert!(client.receive_all() == sent);
}

#[test]
fn an_idle_connection_is_closed() {
    let backend = Backend::listen();
    let config = crate::support::config(RAW, &[&backend]) + "idle_timeout = \"400ms\"\n";
    let front = Front::start(&config);
    let (mut client, mut served) = pair(&front, &backend);
    let begun = Instant::now();
    client.sends("x");
    served.receives("x");
    client.receives_end();
    served.receives_end();
    let waited = begun.elapsed();
    assert!((Duration::from_millis(400)..Duration::from_secs(3)).contains(&waited), "{waited:?}");
    front.closed(Side::Proxy, Cause::Idle);
}

const BULK: usize = 8_000_000;
