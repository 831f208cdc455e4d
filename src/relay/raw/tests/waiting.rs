//! Connections on which nothing happens.

use std::io;
use std::time::{Duration, Instant};

use super::bench::DEADLINE;
use super::{Bench, on_both_engines};
use crate::log::{Cause, Side};
use crate::relay::io::Io;

on_both_engines! {
    an_idle_connection_ends_neither_early_nor_late,
    a_stalled_receiver_is_idle,
    a_slow_receiver_is_not_idle_until_it_stalls,
    a_backend_that_stalls_is_answered_for_and_cut_off,
    a_client_has_two_seconds_to_read_an_answer,
    a_half_closed_connection_carries_the_other_half_and_waits_without_events,
    the_order_to_stop_ends_it_at_once,
    what_the_order_to_stop_cuts_off_does_not_look_whole,
    a_resting_direction_holds_no_pipe_and_goes_on,
}

fn an_idle_connection_ends_neither_early_nor_late<I: Io>() {
    let mut bench = Bench::<I>::idle_after(Duration::from_millis(200));
    bench.client.send(10);
    bench.drain_up();
    let begun = Instant::now();
    let end = bench.end();
    assert_eq!((end.reason.side, end.reason.cause), (Side::Proxy, Cause::Idle));
    let waited = begun.elapsed();
    assert!((Duration::from_millis(190)..Duration::from_secs(2)).contains(&waited), "{waited:?}");
}

fn a_stalled_receiver_is_idle<I: Io>() {
    let mut bench = Bench::<I>::idle_after(Duration::from_millis(200));
    bench.until(|bench| {
        let is_over = bench.raw.is_empty();
        if !is_over {
            bench.client.send(1 << 20);
        }
        is_over
    });
    assert_eq!(bench.end().reason.cause, Cause::Idle);
}

/// It takes a little once in each time-out, early or late in it, too little for the kernel to ask for more.
fn a_slow_receiver_is_not_idle_until_it_stalls<I: Io>() {
    let mut bench = Bench::<I>::tcp();
    bench.fill_up();
    let mut now = Instant::now();
    let mut alive_after = |bench: &mut Bench<I>, quarters: u32| {
        for _ in 0..quarters {
            now += DEADLINE * 100 / 4;
            bench.raw.on_time(now);
        }
        bench.raw.pairs.len() == 1
    };
    // The first sweep finds that something has moved, and the second how much is on its way.
    assert!(alive_after(&mut bench, 2));
    for quarters in [3, 1, 2, 4, 4] {
        let on_its_way = bench.unsent_up();
        bench.until(|bench| {
            bench.backend.read(16_384);
            bench.unsent_up() < on_its_way
        });
        assert!(alive_after(&mut bench, quarters), "{quarters} quarters");
    }
    // A late acknowledgement may put it off.
    assert!((0..12).any(|_| !alive_after(&mut bench, 1)), "it has stalled");
    let end = bench.end();
    assert_eq!((end.reason.side, end.reason.cause), (Side::Proxy, Cause::Idle));
    // It would else take what it got for all there was.
    assert_eq!(bench.backend.error(), Some(io::ErrorKind::ConnectionReset));
}

/// The client hears why, and the backend does not take what it got for all there was.
fn a_backend_that_stalls_is_answered_for_and_cut_off<I: Io>() {
    let mut bench = Bench::<I>::asked_in_http1();
    bench.fill_up();
    let begun = Instant::now();
    let mut heard = Vec::new();
    for time_outs in 1..=2 {
        bench.raw.on_time(begun + DEADLINE * 100 * time_outs);
    }
    bench.until(|bench| {
        bench.client.hear(&mut heard);
        heard.ends_with(b"the backend has said nothing until the idle time-out\n")
    });
    assert!(heard.starts_with(b"HTTP/1.1 504 Gateway Timeout\r\n"), "{}", heard.escape_ascii());
    let mut error = None;
    bench.until(|bench| {
        error = bench.backend.error();
        error.is_some()
    });
    assert_eq!(error, Some(io::ErrorKind::ConnectionReset));
    bench.client.close();
    assert_eq!(bench.end().reason.cause, Cause::Idle);
}

fn a_half_closed_connection_carries_the_other_half_and_waits_without_events<I: Io>() {
    let mut bench = Bench::<I>::tcp();
    bench.client.finish();
    bench.until(|bench| {
        bench.backend.read(1);
        bench.backend.has_read_end
    });
    // Until the client, who reads nothing, is full.
    let mut sent_at = Instant::now();
    bench.until(|bench| {
        if bench.backend.send(usize::MAX) > 0 {
            sent_at = Instant::now();
        }
        sent_at.elapsed() > Duration::from_millis(300)
    });
    let before = bench.raw.gear.io.events;
    let begun = Instant::now();
    bench.until(|_| begun.elapsed() > Duration::from_millis(100));
    assert!(bench.raw.gear.io.events - before < 5, "{} events", bench.raw.gear.io.events - before);
    bench.backend.finish();
    bench.until(|bench| {
        bench.client.read(usize::MAX);
        bench.client.has_read_end
    });
    assert_eq!(bench.client.read, bench.backend.sent);
    assert_eq!(bench.end().reason.cause, Cause::Finished);
}

fn the_order_to_stop_ends_it_at_once<I: Io>() {
    let mut bench = Bench::<I>::tcp();
    bench.splice_up();
    bench.drain_up();
    bench.raw.stop();
    bench.raw.stop();
    let end = bench.end();
    assert_eq!((end.reason.side, end.reason.cause), (Side::Proxy, Cause::Shutdown));
    assert!(bench.backend.has_ended());
}

fn what_the_order_to_stop_cuts_off_does_not_look_whole<I: Io>() {
    for is_spliced in [false, true] {
        let mut bench = Bench::<I>::tcp();
        if is_spliced {
            bench.splice_up();
        }
        bench.fill_up();
        bench.raw.stop();
        assert_eq!(bench.end().reason.cause, Cause::Shutdown);
        assert_eq!(bench.backend.error(), Some(io::ErrorKind::ConnectionReset));
    }
}

fn a_resting_direction_holds_no_pipe_and_goes_on<I: Io>() {
    let mut bench = Bench::<I>::tcp();
    for _ in 0..2 {
        bench.splice_up();
        bench.drain_up();
        bench.until(|bench| bench.raw.gear.pipes.lent() == 0);
        bench.client.send(10);
        bench.drain_up();
    }
}

/// The backend has ended without one. What has gone by before that does not count.
fn a_client_has_two_seconds_to_read_an_answer<I: Io>() {
    let mut bench = Bench::<I>::asked();
    let begun = Instant::now();
    let after = |bench: &mut Bench<I>, milliseconds| {
        bench.raw.on_time(begun + Duration::from_millis(milliseconds));
        bench.raw.pairs.len()
    };
    assert_eq!(after(&mut bench, 900), 1);
    bench.backend.finish();
    bench.until(|bench| bench.client.has_ended());
    for milliseconds in [950, 1500, 2000, 2500, 2890] {
        assert_eq!(after(&mut bench, milliseconds), 1, "{milliseconds}");
    }
    for milliseconds in [3500, 4000] {
        after(&mut bench, milliseconds);
    }
    assert_eq!(bench.end().reason.cause, Cause::Truncated);
}
