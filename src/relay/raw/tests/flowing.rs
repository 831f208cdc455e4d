//! Bytes arrive, all of them and in order, whatever they are moved by.

use super::{Bench, on_both_engines};
use crate::log::{Cause, Side};
use crate::relay::io::Io;

on_both_engines! {
    bytes_keep_their_order_through_many_switches,
    unix_sockets_carry_bulk_both_ways,
    a_receiver_that_takes_little_gets_everything,
    an_end_at_any_point_around_a_switch_is_the_last_that_is_read,
    urgent_data_does_not_stop_the_bytes_behind_it,
}

fn bytes_keep_their_order_through_many_switches<I: Io>() {
    let mut bench = Bench::<I>::tcp();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..4 {
        bench.splice_up();
        let bulk = bench.client.sent + (6 << 20);
        bench.until(|bench| {
            bench.client.send(random.below(1 << 19));
            bench.backend.send(random.below(1 << 19));
            bench.backend.read(random.below(1 << 19));
            bench.client.read(random.below(1 << 18));
            bench.client.sent >= bulk
        });
        bench.drain_up();
        for _ in 0..40 {
            bench.client.send(1 + random.below(2000));
            bench.drain_up();
        }
        let answered = bench.backend.sent;
        bench.until(|bench| {
            bench.client.read(usize::MAX);
            bench.client.read == answered
        });
        for _ in 0..40 {
            bench.backend.send(1 + random.below(2000));
            let answered = bench.backend.sent;
            bench.until(|bench| {
                bench.client.read(usize::MAX);
                bench.client.read == answered
            });
        }
        assert_eq!(bench.raw.gear.pipes.lent(), 0, "copied again");
    }
    finish_both(&mut bench);
}

fn unix_sockets_carry_bulk_both_ways<I: Io>() {
    let mut bench = Bench::<I>::unix();
    let mut random = Random(1);
    bench.until(|bench| {
        bench.client.send(random.below(1 << 18));
        bench.backend.send(random.below(1 << 18));
        bench.backend.read(random.below(1 << 18));
        bench.client.read(random.below(1 << 18));
        bench.client.sent.min(bench.backend.sent) >= 16 << 20
    });
    finish_both(&mut bench);
}

fn a_receiver_that_takes_little_gets_everything<I: Io>() {
    let mut bench = Bench::<I>::tcp();
    bench.splice_up();
    bench.fill_up();
    for _ in 0..2000 {
        bench.backend.read(1);
        bench.raw.handle_events();
        bench.raw.wait(Some(std::time::Duration::ZERO)).unwrap();
    }
    bench.drain_up();
    finish_both(&mut bench);
}

fn an_end_at_any_point_around_a_switch_is_the_last_that_is_read<I: Io>() {
    for turns in 0..12 {
        let mut bench = Bench::<I>::tcp();
        for _ in 0..turns {
            bench.client.send(1 << 18);
            bench.turn();
            bench.backend.read(1 << 19);
        }
        bench.client.finish();
        finish_both(&mut bench);
    }
}

/// Urgent data is not relayed, but what follows is: splice(2) never gets beyond it.
fn urgent_data_does_not_stop_the_bytes_behind_it<I: Io>() {
    let mut bench = Bench::<I>::tcp();
    bench.splice_up();
    bench.drain_up();
    assert_eq!(bench.client.socket().send_out_of_band(b"!").unwrap(), 1);
    bench.client.send(100_000);
    bench.drain_up();
    finish_both(&mut bench);
}

/// Both peers end, after which everything that was sent has arrived and was counted.
fn finish_both<I: Io>(bench: &mut Bench<I>) {
    bench.client.finish();
    bench.until(|bench| {
        bench.client.read(usize::MAX);
        bench.backend.read(usize::MAX);
        bench.backend.has_read_end
    });
    bench.backend.finish();
    bench.until(|bench| {
        bench.client.read(usize::MAX);
        bench.client.has_read_end
    });
    let end = bench.end();
    assert_eq!((end.reason.side, end.reason.cause), (Side::Client, Cause::Finished));
    assert_eq!((bench.backend.read, bench.client.read), (bench.client.sent, bench.backend.sent));
    assert_eq!(end.to_backend.copied + end.to_backend.spliced, bench.client.sent as u64);
    assert_eq!(end.to_client.copied + end.to_client.spliced, bench.backend.sent as u64);
}

/// A sequence that is the same each time (xorshift).
struct Random(u64);

impl Random {
    #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % limit
    }
}
