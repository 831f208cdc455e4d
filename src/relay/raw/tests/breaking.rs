//! Resets, and a kernel that runs out of room to watch sockets.

use std::io::{self, Read, Write};
use std::time::Duration;

use super::bench::Ended;
use super::{Bench, on_both_engines};
use crate::log::{Cause, Side};
use crate::relay::io::Io;

on_both_engines! {
    a_reset_is_passed_on,
    a_reset_of_the_backend_is_passed_on,
    a_reset_with_bytes_in_the_pipe_is_noticed_at_once,
    a_reset_behind_an_end_with_bytes_kept_is_noticed_at_once,
    a_receiver_that_resets_during_splicing_resets_the_sender,
    a_reset_while_the_kernel_splices_is_no_end,
    a_reset_right_behind_bytes_is_noticed,
    a_connection_that_cannot_be_watched_is_given_up,
    a_unix_peer_that_closes_while_it_is_full_ends_the_connection,
    a_backend_that_dies_during_an_upload_is_answered_for,
    a_backend_that_dies_during_its_response_is_not_answered_for,
}

fn a_reset_is_passed_on<I: Io>() {
    let mut bench = Bench::<I>::tcp();
    bench.client.send(10);
    bench.drain_up();
    bench.client.reset();
    assert_reset_by(Side::Client, &bench.end());
    assert_eq!(bench.backend.error(), Some(io::ErrorKind::ConnectionReset));
}

fn a_reset_of_the_backend_is_passed_on<I: Io>() {
    let mut bench = Bench::<I>::tcp();
    bench.client.send(10);
    bench.drain_up();
    bench.backend.reset();
    assert_reset_by(Side::Backend, &bench.end());
    assert_eq!(bench.client.error(), Some(io::ErrorKind::ConnectionReset));
}

fn a_reset_with_bytes_in_the_pipe_is_noticed_at_once<I: Io>() {
    let mut bench = Bench::<I>::tcp();
    bench.splice_up();
    bench.fill_up();
    assert_eq!(bench.raw.gear.pipes.lent(), 1);
    bench.client.reset();
    assert_reset_by(Side::Client, &bench.end());
    assert_eq!(bench.backend.error(), Some(io::ErrorKind::ConnectionReset));
}

fn a_reset_behind_an_end_with_bytes_kept_is_noticed_at_once<I: Io>() {
    let mut bench = Bench::<I>::tcp();
    bench.backend.finish();
    bench.until(|bench| {
        bench.client.read(1);
        bench.client.has_read_end
    });
    bench.fill_up();
    bench.client.reset();
    assert_reset_by(Side::Client, &bench.end());
}

fn a_receiver_that_resets_during_splicing_resets_the_sender<I: Io>() {
    let mut bench = Bench::<I>::tcp();
    bench.splice_up();
    bench.fill_up();
    bench.backend.reset();
    assert_reset_by(Side::Backend, &bench.end());
    assert_eq!(bench.client.error(), Some(io::ErrorKind::ConnectionReset));
}

/// splice(2) may meet it half-way, and then it does not tell.
fn a_reset_while_the_kernel_splices_is_no_end<I: Io>() {
    for round in 1..=RESETS {
        let mut bench = Bench::<I>::tcp();
        bench.splice_up();
        let mut backend = bench.backend.take_socket();
        let resetting = std::thread::spawn(move || {
            backend.set_nonblocking(false).unwrap();
            let mut buffer = [0; 65_536];
            for _ in 0..round {
                assert!(backend.read(&mut buffer).unwrap() > 0);
            }
            backend.set_linger(Some(Duration::ZERO)).unwrap();
        });
        bench.until(|bench| {
            let is_over = bench.raw.is_empty();
            if !is_over {
                bench.client.send(1 << 20);
            }
            is_over
        });
        resetting.join().unwrap();
        assert_reset_by(Side::Backend, &bench.end());
    }
}

/// A multishot receive may read the bytes and sleep on, although the reset is there already.
fn a_reset_right_behind_bytes_is_noticed<I: Io>() {
    for bytes in [1, 300_000, 600_000, 1_100_000, 1_300_000] {
        let mut bench = Bench::<I>::reset_behind(bytes);
        bench.until(|bench| {
            bench.backend.hear(&mut Vec::new());
            bench.raw.is_empty()
        });
        let end = bench.end();
        assert_reset_by(Side::Client, &end);
    }
}

/// The engine then says "broken" in place of "writable", and the kernel knows of no error.
fn a_connection_that_cannot_be_watched_is_given_up<I: Io>() {
    let mut bench = Bench::<I>::tcp();
    bench.raw.gear.io.is_blind = true;
    bench.fill_up();
    bench.until(|bench| {
        let is_over = bench.raw.is_empty();
        if !is_over {
            bench.backend.read(1 << 20);
        }
        is_over
    });
    let end = bench.end();
    assert_eq!((end.reason.side, end.reason.cause), (Side::Proxy, Cause::Failed));
    assert_eq!(bench.backend.error(), Some(io::ErrorKind::ConnectionReset));
}

fn a_unix_peer_that_closes_while_it_is_full_ends_the_connection<I: Io>() {
    let mut bench = Bench::<I>::unix();
    bench.fill_up();
    bench.backend.close();
    let end = bench.end();
    assert_eq!(end.reason.side, Side::Backend, "{end:?}");
}

/// Bulk is spliced though an answer may still be due, and its pipe is given back before the answer goes.
fn a_backend_that_dies_during_an_upload_is_answered_for<I: Io>() {
    for is_full in [false, true] {
        let mut bench = Bench::<I>::asked_in_http1();
        bench.splice_up();
        if is_full {
            bench.fill_up();
        }
        bench.backend.reset();
        let mut heard = Vec::new();
        bench.until(|bench| {
            bench.client.hear(&mut heard);
            heard.ends_with(b"the backend closed the connection without an answer\n")
        });
        assert!(heard.starts_with(b"HTTP/1.1 502 Bad Gateway\r\n"), "{}", heard.escape_ascii());
        assert_eq!(bench.raw.gear.pipes.lent(), 0);
        bench.client.close();
        let end = bench.end();
        assert_eq!(end.reason.side, Side::Backend, "{end:?}");
        assert_eq!(end.to_client.total(), heard.len() as u64);
    }
}

fn a_backend_that_dies_during_its_response_is_not_answered_for<I: Io>() {
    let mut bench = Bench::<I>::asked_in_http1();
    assert_eq!(bench.backend.socket().write(b"H").unwrap(), 1);
    let mut heard = Vec::new();
    bench.until(|bench| {
        bench.client.hear(&mut heard);
        !heard.is_empty()
    });
    bench.backend.finish();
    bench.until(|bench| bench.client.has_ended());
    assert_eq!(heard, b"H");
    bench.client.close();
    assert_eq!(bench.end().reason.cause, Cause::Finished);
}

#[track_caller]
fn assert_reset_by(side: Side, end: &Ended) {
    assert_eq!((end.reason.side, end.reason.cause), (side, Cause::Reset), "{end:?}");
}

/// About one of a dozen comes at the right moment.
const RESETS: usize = 60;
