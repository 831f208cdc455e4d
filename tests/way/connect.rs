//! Connecting to a backend, or to the next one, or telling the client that there is none.

use std::time::{Duration, Instant};

use spliceway::log::{Cause, Side};

use crate::support::h2::{self, eager_call, greeting, value};
use crate::support::peer::{BlackHole, refusing};
use crate::support::{Backend, Front};

fn front(backends: &[String], connect_timeout: &str) -> Front {
    Front::start(&format!(
        "shards = 1\n[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\ndefault_pool = \"main\"\n\
         [[pool]]\nname = \"main\"\nbackends = {backends:?}\nconnect_timeout = {connect_timeout:?}\n"
    ))
}

#[test]
fn a_backend_that_refuses_is_passed_over() {
    let (_bound, refusing) = refusing();
    let backend = Backend::listen();
    let front = front(&[refusing, backend.address()], "5s");
    for _ in 0..4 {
        let mut client = front.connect();
        client.sends(eager_call(&[]));
        backend.accept().receives(eager_call(&[]));
        drop(client);
        assert_eq!(front.summary().backend, Some(backend.address()));
    }
}

#[test]
fn if_all_refuse_the_client_is_told() {
    let [(_first, first), (_second, second)] = [refusing(), refusing()];
    let front = front(&[first, second], "5s");
    let message = "no backend of pool \"main\" can be reached: Connection refused";

    let mut client = front.connect();
    client.sends(eager_call(&[]));
    let answer = client.receives_answer(false, false);
    assert_eq!((value(&answer, "grpc-status"), value(&answer, "grpc-message")), ("14", message));
    drop(client);
    let summary = front.closed(Side::Backend, Cause::Refused);
    assert_eq!(summary.detail.as_deref(), Some(message));

    let mut client = front.connect();
    client.sends([greeting(), h2::get(1, &[])].concat());
    let answer = client.receives_answer(false, true);
    assert_eq!(value(&answer, ":status"), "503");
    let status = "spliceway; error=connection_refused; details=\"no backend of pool";
    assert!(value(&answer, "proxy-status").starts_with(status), "{answer:?}");
    drop(client);
    front.closed(Side::Backend, Cause::Refused);

    let mut client = front.connect();
    client.sends("\0\x01 neither");
    client.receives_end();
    front.closed(Side::Backend, Cause::Refused);
}

#[test]
fn a_backend_that_does_not_answer_takes_its_time_and_no_more() {
    let hole = BlackHole::new();
    let timing_out = front(&[hole.address()], "300ms");
    let begun = Instant::now();
    let mut client = timing_out.connect();
    client.sends(eager_call(&[]));
    let answer = client.receives_answer(false, false);
    let waited = begun.elapsed();
    assert!((Duration::from_millis(300)..Duration::from_secs(3)).contains(&waited), "{waited:?}");
    assert_eq!(value(&answer, "grpc-status"), "14");
    assert_eq!(value(&answer, "grpc-message"), "no backend of pool \"main\" answered within 300ms");
    drop(client);
    timing_out.closed(Side::Backend, Cause::ConnectTimeout);

    let backend = Backend::listen();
    let front = front(&[hole.address(), backend.address()], "100ms");
    let mut client = front.connect();
    client.sends(eager_call(&[]));
    backend.accept().receives(eager_call(&[]));
}

#[test]
fn a_client_that_leaves_meanwhile_is_noticed() {
    let hole = BlackHole::new();
    let front = front(&[hole.address()], "60s");
    let mut client = front.connect();
    client.sends(eager_call(&[]));
    drop(client);
    front.closed(Side::Client, Cause::Truncated);

    // Data behind the request, and then the reset, are noticed as well.
    let mut client = front.connect();
    client.sends([eager_call(&[]), h2::frame(h2::DATA, 0, 1, &[0; 1000])].concat());
    client.resets();
    front.closed(Side::Client, Cause::Truncated);

    let mut client = front.connect();
    client.sends("GET / HTTP/1.0\r\n\r\n");
    client.resets();
    front.closed(Side::Client, Cause::Truncated);
}

#[test]
fn the_end_of_a_direction_while_connecting_is_passed_on() {
    let hole = BlackHole::new();
    let backend = Backend::listen();
    let front = front(&[hole.address(), backend.address()], "200ms");
    let mut client = front.connect();
    client.sends("GET / HTTP/1.0\r\n\r\n");
    client.finishes();
    let mut served = backend.accept();
    served.receives("GET / HTTP/1.0\r\n\r\n");
    served.receives_end();
    served.sends("HTTP/1.1 200 OK\r\n\r\n");
    served.finishes();
    assert_eq!(client.receive_all(), b"HTTP/1.1 200 OK\r\n\r\n");
}
