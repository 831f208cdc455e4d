//! What spliceway is to reach, as data. A goal is about CPU unless a user would feel something else first: the latency
//! of one request at a time, a set-up while the proxy is busy, the memory of many idle connections.

use super::metric::{Metric, Percentile};

/// At most `limit` in the median of the rounds.
#[derive(Debug)]
pub(super) struct Goal {
    pub(super) workload: &'static str,
    /// The target that is to reach it.
    pub(super) target: &'static str,
    pub(super) metric: Metric,
    pub(super) against: Against,
    /// A ratio, or the metric's own unit if it is absolute.
    pub(super) limit: f64,
}

#[derive(Debug)]
pub(super) enum Against {
    /// The ratio to the best of these in the same round.
    Peers(&'static [&'static str]),
    /// The value itself.
    Absolute,
}

const fn goal(workload: &'static str, metric: Metric, peers: &'static [&'static str], limit: f64) -> Goal {
    Goal { workload, target: "spliceway", metric, against: Against::Peers(peers), limit }
}

const fn cpu(workload: &'static str, peers: &'static [&'static str], limit: f64) -> Goal {
    goal(workload, Metric::Cpu, peers, limit)
}

const NGINX: &[&str] = &["nginx"];
const RELAYED: &[&str] = &["spliceway"];
const SPLICE: &[&str] = &["haproxy-splice"];

pub(super) static GOALS: [Goal; 16] = [
    cpu("W1a", NGINX, 0.95),
    cpu("W1b", NGINX, 0.92),
    goal("W2", Metric::Latency(Percentile::P50), &["haproxy", "nginx"], 0.80),
    cpu("W3", NGINX, 0.82),
    cpu("W3x", NGINX, 0.75),
    cpu("W4-1-down", SPLICE, 0.75),
    cpu("W4-4-down", SPLICE, 0.60),
    cpu("W4-1-both", SPLICE, 0.75),
    cpu("W4-4-both", SPLICE, 0.45),
    cpu("W5", NGINX, 1.05),
    goal("W5-during-W3", Metric::Latency(Percentile::P99), NGINX, 0.90),
    Goal { workload: "W6", target: "spliceway", metric: Metric::Memory, against: Against::Absolute, limit: 1_500.0 },
    cpu("ghz-unary-64", NGINX, 0.92),
    // The second engine, for machines that refuse io_uring: no worse than what it would be replaced with.
    Goal { target: "spliceway-epoll", ..cpu("W1b", NGINX, 1.00) },
    Goal { target: "spliceway-epoll", ..cpu("W3", NGINX, 1.00) },
    // What it costs to read every request's header fields and route them once more.
    Goal { target: "spliceway-watch", ..cpu("W1b", RELAYED, 1.25) },
];

/// The limit that the target's CPU ratio has in the workload, and to whom.
pub(super) fn cpu_goal(workload: &str, target: &str) -> Option<(&'static str, f64)> {
    GOALS.iter().find_map(|goal| match goal.against {
        Against::Peers(&[peer]) if goal.metric == Metric::Cpu && goal.workload == workload && goal.target == target => {
            Some((peer, goal.limit))
        }
        Against::Peers(_) | Against::Absolute => None,
    })
}

/// Whom spliceway's CPU is compared with in the workload's goal.
pub(super) fn cpu_peer(workload: &str) -> Option<&'static str> {
    cpu_goal(workload, "spliceway").map(|(peer, _)| peer)
}

/// The limit that the target's own value has in the workload.
pub(super) fn absolute_goal(workload: &str, target: &str, metric: Metric) -> Option<f64> {
    let matches = |goal: &&Goal| goal.metric == metric && goal.workload == workload && goal.target == target;
    GOALS.iter().filter(matches).find(|goal| matches!(goal.against, Against::Absolute)).map(|goal| goal.limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Kind;

    #[test]
    fn every_goal_is_of_a_workload_and_a_target_that_there_is() {
        let workloads = crate::workload::all(1);
        for goal in &GOALS {
            assert!(workloads.iter().any(|workload| workload.name == goal.workload), "{}", goal.workload);
            assert!(Kind::ALL.iter().any(|kind| kind.name() == goal.target), "{}", goal.target);
            if let Against::Peers(peers) = goal.against {
                assert!(peers.iter().all(|peer| Kind::ALL.iter().any(|kind| kind.name() == *peer)), "{peers:?}");
            }
        }
    }

    #[test]
    fn finds_the_goal_of_a_workload_and_target() {
        assert_eq!(cpu_goal("W3", "spliceway"), Some(("nginx", 0.82)));
        assert_eq!(cpu_goal("W3", "spliceway-epoll"), Some(("nginx", 1.0)));
        assert_eq!(cpu_goal("W4-4-both", "spliceway"), Some(("haproxy-splice", 0.45)));
        // Theirs are about latency and memory.
        assert_eq!((cpu_goal("W2", "spliceway"), cpu_goal("W6", "spliceway")), (None, None));
        assert_eq!(cpu_goal("W3", "nginx"), None);
        assert_eq!(absolute_goal("W6", "spliceway", Metric::Memory), Some(1_500.0));
        assert_eq!(absolute_goal("W3", "spliceway", Metric::Cpu), None);
    }
}
