//! Holds results against the goals.

use super::goals::{Against, GOALS, Goal};
use super::metric::Metric;
use super::spread::Spread;
use crate::results::{Results, Target, Workload};

/// What became of a goal whose workload was run.
#[derive(Debug)]
pub(super) struct Verdict<'a> {
    pub(super) goal: &'static Goal,
    pub(super) workload: &'a Workload,
    pub(super) outcome: Outcome,
}

#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// The ratios or values of the rounds.
    Measured(Spread),
    /// Why there are none.
    NotMeasured(String),
}

impl Outcome {
    /// Whether the median keeps within `limit`; judged before rounding.
    pub(super) fn reaches(&self, limit: f64) -> Option<bool> {
        match self {
            Self::Measured(spread) => Some(spread.median <= limit),
            Self::NotMeasured(_) => None,
        }
    }
}

/// One for each goal whose workload was run, in the order of the goals.
pub(super) fn verdicts(results: &Results) -> Vec<Verdict<'_>> {
    let judged = GOALS.iter().filter_map(|goal| {
        let workload = results.workloads.iter().find(|workload| workload.name == goal.workload)?;
        Some(Verdict { goal, workload, outcome: outcome(goal, workload) })
    });
    judged.collect()
}

/// The workloads of goals that were not run, each once.
pub(super) fn not_run(results: &Results) -> Vec<&'static str> {
    let mut names = Vec::new();
    for goal in &GOALS {
        if !names.contains(&goal.workload) && !results.workloads.iter().any(|run| run.name == goal.workload) {
            names.push(goal.workload);
        }
    }
    names
}

fn outcome(goal: &Goal, workload: &Workload) -> Outcome {
    measure(goal, workload).map_or_else(Outcome::NotMeasured, Outcome::Measured)
}

fn measure(goal: &Goal, workload: &Workload) -> Result<Spread, String> {
    let target = measured(workload, goal.target, goal.metric)?;
    match goal.against {
        Against::Absolute => goal.metric.spread(target).ok_or_else(|| format!("{} has no value", goal.target)),
        Against::Peers(names) => {
            let peers: Result<Vec<_>, _> = names.iter().map(|name| measured(workload, name, goal.metric)).collect();
            let no_round = || format!("no round has both {} and {}", goal.target, names.join(", "));
            goal.metric.ratio(target, &peers?).ok_or_else(no_round)
        }
    }
}

fn measured<'a>(workload: &'a Workload, name: &str, metric: Metric) -> Result<&'a Target, String> {
    let target = workload.target(name).ok_or_else(|| format!("{name} was not run"))?;
    match (metric.spread(target), &target.failure) {
        (Some(_), _) => Ok(target),
        (None, Some(_)) => Err(format!("{name} failed")),
        (None, None) => Err(format!("{name} has no value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{run, small, target, workload};

    fn w3(ours: &[f64], nginx: Vec<Target>) -> Outcome {
        let rounds = ours.iter().zip(1..).map(|(cpu, round)| run(round, 1.0, 1.0, Some(*cpu))).collect();
        let mut targets = vec![target("spliceway", rounds)];
        targets.extend(nginx);
        let results = Results { workloads: vec![workload("W3", "round trip", targets)], ..small() };
        verdicts(&results).into_iter().next().unwrap().outcome
    }

    fn nginx() -> Vec<Target> {
        vec![target("nginx", (1..=3).map(|round| run(round, 1.0, 1.0, Some(1.0))).collect())]
    }

    #[test]
    fn the_median_decides() {
        assert_eq!(w3(&[0.9, 0.7, 0.8], nginx()).reaches(0.82), Some(true));
        assert_eq!(w3(&[0.9, 0.7, 0.83], nginx()).reaches(0.82), Some(false));
        assert_eq!(w3(&[0.82, 0.82, 0.82], nginx()).reaches(0.82), Some(true));
    }

    #[test]
    fn says_why_nothing_was_measured() {
        let reason = |outcome| match outcome {
            Outcome::NotMeasured(reason) => reason,
            Outcome::Measured(spread) => panic!("measured {spread:?}"),
        };
        assert_eq!(reason(w3(&[1.0], vec![])), "nginx was not run");
        assert_eq!(reason(w3(&[1.0], vec![target("nginx", vec![])])), "nginx has no value");
        let failed = Target { failure: Some("no such program".to_owned()), ..target("nginx", vec![]) };
        assert_eq!(reason(w3(&[1.0], vec![failed])), "nginx failed");
        assert_eq!(reason(w3(&[], nginx())), "spliceway has no value");
        let late = target("nginx", vec![run(7, 1.0, 1.0, Some(1.0))]);
        assert_eq!(reason(w3(&[1.0], vec![late])), "no round has both spliceway and nginx");
        assert_eq!(w3(&[1.0], vec![]).reaches(0.82), None);
    }

    #[test]
    fn names_workloads_that_were_not_run_once() {
        let results = Results { workloads: vec![workload("W3", "round trip", vec![])], ..small() };
        assert_eq!(
            not_run(&results),
            [
                "W1a",
                "W1b",
                "W2",
                "W3x",
                "W4-1-down",
                "W4-4-down",
                "W4-1-both",
                "W4-4-both",
                "W5",
                "W5-during-W3",
                "W6",
                "ghz-unary-64"
            ]
        );
    }
}
