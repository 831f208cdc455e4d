//! Twenty thousand short connections leave nothing behind: no descriptor, no pipe, no memory.

use super::RAW;
use super::plan::{Ending, Plan, Random};
use super::{memory_has_grown_by_less_than, swarm};
use crate::support::measure::{descriptors, pipes, resident_bytes};
use crate::support::process::start_configured;
use crate::support::{Backend, config, wait_until};

#[test]
fn short_connections_leave_nothing_behind() {
    let backend = Backend::listen();
    let (mut process, address) = start_configured(&config(RAW, &[&backend]), ":");
    let id = process.id();
    let at_first = descriptors(id);
    let run = |connections: u64, long_one_in: usize| {
        let plans = plans(connections, long_one_in);
        let outcomes = swarm::run(address, backend.listener(), &plans, AT_ONCE);
        assert!(outcomes.iter().zip(&plans).all(|(outcome, plan)| outcome.is_as(plan)));
        resident_bytes(id)
    };
    // As many long ones at once as there can be: chance may bring them together later, too. And as the allocator gives
    // memory back when it likes, the most of some runs is what counts.
    let most_at_first = [1, 1, 100, 100].map(|long_one_in| run(WARM_UP, long_one_in)).into_iter().max();
    let most_at_first = most_at_first.expect("four are not none");
    let pooled = 2 * POOLED_PIPES;
    wait_until("connections are closed", || descriptors(id) <= at_first + pooled);
    let pipes_at_first = pipes(id);
    run(CONNECTIONS, 100);
    memory_has_grown_by_less_than(MEMORY_BYTES, most_at_first, id);
    wait_until("connections are closed", || descriptors(id) <= at_first + pooled);
    assert!(pipes(id) <= pipes_at_first.max(POOLED_PIPES), "{} pipes are left", pipes(id));
    process.signal(rustix::process::Signal::TERM);
    assert_eq!(process.summaries().len() as u64, 4 * WARM_UP + CONNECTIONS);
}

/// A message and its echo; one in so many is long enough to be bulk, and one in ten ends with a reset.
fn plans(connections: u64, long_one_in: usize) -> Vec<Plan> {
    let mut random = Random::new(connections);
    let plan = |number| {
        let length = if random.below(long_one_in) == 0 { 400_000 } else { 64 };
        let ending = match random.below(20) {
            0 => Ending::ClientResets { received: 20 },
            1 => Ending::BackendResets { received: 20 },
            _ => Ending::ClientFinishes,
        };
        Plan { number, length, ending }
    };
    (0..connections).map(plan).collect()
}

const WARM_UP: u64 = 500;
const CONNECTIONS: u64 = 20_000;
const AT_ONCE: usize = 32;

/// How much more memory there may be at the end: half of the smallest record of a connection for each. Chance alone, in
/// what the allocator keeps, has come to 2.2 MiB on a busy machine.
const MEMORY_BYTES: u64 = 4 * 1_048_576;

/// Pipes that a relay may keep for the next bulk transfer, whoever needs it.
const POOLED_PIPES: usize = 16;
