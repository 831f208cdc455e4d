//! One connection that is now full, now slow: whatever mode the relay has for either, no byte is lost between them.

use super::RAW;
use super::plan::Random;
use crate::support::pair::Pair;
use crate::support::{Backend, Front};

#[test]
fn bulk_and_small_messages_take_turns_a_thousand_times() {
    let backend = Backend::listen();
    let front = Front::before(&backend, RAW);
    let mut pair = Pair::connect(front.address(), &backend);
    let mut random = Random::new(3);
    for turn in 0..TURNS {
        let (up, down) = (burst(&mut random), burst(&mut random));
        // One direction, the other, both: the directions change their modes each on its own.
        match turn % 3 {
            0 => pair.exchange(up, 0),
            1 => pair.exchange(0, down),
            _ => pair.exchange(up, down),
        }
        for _ in 0..random.between(1, 4) {
            pair.ping_pong();
        }
    }
    let sent = pair.sent();
    pair.finish();
    let summary = front.summary();
    assert_eq!((summary.to_backend.total(), summary.to_client.total()), sent);
}

/// Mostly some hundred KiB, enough to be bulk; each eighth some MiB.
fn burst(random: &mut Random) -> usize {
    if random.below(8) == 0 { random.between(2_000_000, 4_000_000) } else { random.between(300_000, 900_000) }
}

const TURNS: usize = 1000;
