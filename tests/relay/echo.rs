//! Ten thousand connections that end in every way there is: nothing is lost, and every end is seen as what it was.

use spliceway::log::Summary;

use super::RAW;
use super::plan::{Plan, Random};
use super::swarm::{self, Outcome};
use crate::support::{Backend, Front};

#[test]
fn ten_thousand_random_connections_end_as_they_should() {
    let backend = Backend::listen();
    let front = Front::before(&backend, RAW);
    let mut random = Random::new(SEED);
    let plans: Vec<Plan> = (0..CONNECTIONS).map(|number| Plan::random(number, &mut random)).collect();
    let outcomes = swarm::run(front.address(), backend.listener(), &plans, 300);
    for (plan, outcome) in plans.iter().zip(&outcomes) {
        assert!(outcome.is_as(plan), "seed {SEED}: {plan:?} {outcome:?}");
    }
    for _ in 0..CONNECTIONS {
        let summary = front.summary();
        // Connections are accepted in the order in which they were made: there is one shard.
        let index = usize::try_from(summary.id.number - 1).unwrap();
        check_summary(&plans[index], &outcomes[index], &summary);
    }
    assert_eq!(front.proxy().totals().accepted, CONNECTIONS);
}

/// The summary tells of the same connection, the same end, and as many bytes as can have passed.
#[track_caller]
fn check_summary(plan: &Plan, outcome: &Outcome, summary: &Summary) {
    let (Some(client), Some(served)) = (&outcome.client, &outcome.served) else { return };
    assert_eq!(summary.peer.map(|peer| peer.port()), Some(outcome.port), "seed {SEED}: {summary:?}");
    let reason = (summary.reason.side, summary.reason.cause);
    assert!(plan.reasons().contains(&reason), "seed {SEED}: {plan:?} {outcome:?} {summary:?}");
    for (bytes, sender, receiver) in [(summary.to_backend, client, served), (summary.to_client, served, client)] {
        let possible = receiver.received as u64..=sender.sent as u64;
        assert!(possible.contains(&bytes.total()), "seed {SEED}: {plan:?} {outcome:?} {summary:?}");
    }
}

const CONNECTIONS: u64 = 10_000;
const SEED: u64 = 20_261_130;
