//! Tiny workloads from client to backend through the proxy that needs nothing installed, all in this process.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use loadtest::load::bulk::Bulk;
use loadtest::load::churn::Churn;
use loadtest::load::ping_pong::{PingPong, Until};
use loadtest::load::{Conditions, Window, beside};
use loadtest::serve;

const BRIEF: Conditions = Conditions { warm_up: Duration::from_millis(5), duration: Duration::from_millis(50) };

fn echo() -> SocketAddr {
    let listener = mio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve::echo::serve(listener));
    address
}

fn bulk() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve::bulk::serve(&listener));
    address
}

fn tokio_copy(backend: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            serve::tokio_copy::serve(tokio::net::TcpListener::from_std(listener).unwrap(), backend).await
        })
    });
    address
}

#[derive(Default)]
struct Told {
    opened: u32,
    closed: u32,
}

impl Window for Told {
    fn open(&mut self) {
        self.opened += 1;
    }

    fn close(&mut self) {
        self.closed += 1;
    }
}

#[test]
fn messages_go_there_and_back() {
    let mut told = Told::default();
    let load = PingPong { connections: 4, bytes: 64 };
    let outcome = load.run(tokio_copy(echo()), BRIEF, Until::TimeIsOver, &mut told).unwrap();
    assert!(outcome.operations >= 4.0, "{outcome:?}");
    assert!(outcome.seconds >= 0.05, "{outcome:?}");
    let latency = outcome.latency.unwrap();
    assert!(0.0 < latency.p50 && latency.p50 <= latency.p99 && latency.p99 <= latency.max, "{latency:?}");
    assert_eq!((told.opened, told.closed), (1, 1));
}

#[test]
fn messages_larger_than_the_buffers_go_there_and_back() {
    let load = PingPong { connections: 2, bytes: 100_000 };
    let outcome = load.run(tokio_copy(echo()), BRIEF, Until::TimeIsOver, &mut ()).unwrap();
    assert!(outcome.operations >= 2.0, "{outcome:?}");
}

#[test]
fn short_connections_come_and_go() {
    let churn = Churn { at_a_time: 3 };
    let address = tokio_copy(echo());
    assert!(churn.run(address, BRIEF, &mut ()).unwrap().operations >= 3.0);

    let mut last = 0;
    let counted = churn.count(address, 50, &mut |closed| last = closed).unwrap();
    assert!((50.0..53.0).contains(&counted.operations), "{counted:?}");
    assert!((50..53).contains(&last));
}

#[test]
fn short_connections_come_and_go_beside_others() {
    let busy = PingPong { connections: 4, bytes: 64 };
    let mut told = Told::default();
    let outcome = beside::run(Churn { at_a_time: 2 }, busy, tokio_copy(echo()), BRIEF, &mut told).unwrap();
    assert!(outcome.operations >= 2.0, "{outcome:?}");
    assert_eq!((told.opened, told.closed), (1, 1));
}

#[test]
fn bulk_goes_both_ways() {
    let outcome = Bulk { connections: 2, both: true }.run(tokio_copy(bulk()), BRIEF, &mut ()).unwrap();
    assert!(outcome.operations > 0.001, "{outcome:?}");
}

#[test]
fn a_backend_that_is_not_there_is_a_failure() {
    let nobody = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap()
    };
    let address = tokio_copy(nobody);
    let load = PingPong { connections: 2, bytes: 64 };
    assert!(load.run(address, BRIEF, Until::TimeIsOver, &mut ()).is_err());
    assert!(Churn { at_a_time: 2 }.run(address, BRIEF, &mut ()).is_err());
    assert!(Churn { at_a_time: 2 }.run(nobody, BRIEF, &mut ()).is_err());
    assert!(beside::run(Churn { at_a_time: 2 }, load, address, BRIEF, &mut ()).is_err());
}

#[test]
fn a_wrong_byte_is_a_failure() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream?;
            let mut message = [0; 64];
            stream.read_exact(&mut message)?;
            message[40] ^= 1;
            stream.write_all(&message)?;
        }
        Ok::<_, io::Error>(())
    });
    let load = PingPong { connections: 1, bytes: 64 };
    let error = load.run(address, BRIEF, Until::TimeIsOver, &mut ()).unwrap_err();
    assert_eq!(error.to_string(), "wrong byte in a message");
    let error = Churn { at_a_time: 1 }.run(address, BRIEF, &mut ()).unwrap_err();
    assert_eq!(error.to_string(), "wrong byte in a message");
}
