//! The summary: each goal, what was measured, and whether that is enough.

use crate::report::goals::{Against, Goal};
use crate::report::metric::Metric;
use crate::report::number::{MISSING, number, range};
use crate::report::spread::Spread;
use crate::report::table::{Table, escaped};
use crate::report::verdict::{Outcome, Verdict, not_run, verdicts};
use crate::results::Results;

pub(super) fn section(results: &Results) -> String {
    let mut text = "## Spliceway against its goals\n".to_owned();
    let verdicts = verdicts(results);
    if !verdicts.is_empty() {
        let header = ["workload", "what", "against", "goal", "median", "min–max", "rounds within", "result"];
        let mut table = Table::left(header.map(str::to_owned).to_vec());
        for verdict in &verdicts {
            table.row(row(verdict, results.rounds));
        }
        text.push('\n');
        text.push_str(&table.render());
    }
    let not_run = not_run(results);
    if !not_run.is_empty() {
        text.push_str(&format!("\nWorkloads with a goal that were not run: {}.\n", not_run.join(", ")));
    }
    text
}

fn row(verdict: &Verdict, rounds: u32) -> Vec<String> {
    let goal = verdict.goal;
    let mut row = vec![escaped(&verdict.workload.name), what(verdict), against(goal), limit(goal)];
    let result = match (&verdict.outcome, verdict.outcome.reaches(goal.limit)) {
        (Outcome::Measured(spread), reached) => {
            row.extend(measured(goal, spread));
            let result = if reached == Some(true) { "**reached**" } else { "not reached" };
            format!("{result}{}", incomplete(spread, rounds))
        }
        (Outcome::NotMeasured(reason), _) => {
            row.extend([MISSING, MISSING, MISSING].map(str::to_owned));
            format!("not measured: {}", escaped(reason))
        }
    };
    row.push(result);
    row
}

fn measured(goal: &Goal, spread: &Spread) -> [String; 3] {
    let format = if matches!(goal.against, Against::Absolute) { number } else { thousandths };
    let within = spread.values.iter().filter(|value| **value <= goal.limit).count();
    [format(spread.median), range(spread, format), format!("{within} of {}", spread.values.len())]
}

/// Says that fewer rounds than were run stand behind a result.
fn incomplete(spread: &Spread, rounds: u32) -> String {
    let measured = spread.values.len();
    if u32::try_from(measured) == Ok(rounds) {
        String::new()
    } else {
        format!(", {measured} of {rounds} rounds measured")
    }
}

/// A third decimal, because 0.824 would stand as 0.82 beside a goal of 0.82 that it does not reach.
fn thousandths(value: f64) -> String {
    format!("{value:.3}")
}

/// `CPU a request`, and of which target if it is not spliceway.
fn what(verdict: &Verdict) -> String {
    let what = match verdict.goal.metric {
        Metric::Cpu => format!("CPU a {}", escaped(&verdict.workload.operation)),
        Metric::Throughput => "throughput".to_owned(),
        Metric::Latency(percentile) => format!("latency {}", percentile.label()),
        Metric::SystemCalls => "system calls".to_owned(),
        Metric::ContextSwitches => "context switches".to_owned(),
        Metric::Memory => "bytes a connection".to_owned(),
    };
    if verdict.goal.target == "spliceway" { what } else { format!("{what}, {}", verdict.goal.target) }
}

fn against(goal: &Goal) -> String {
    match goal.against {
        Against::Absolute => "absolute".to_owned(),
        Against::Peers([peer]) => (*peer).to_owned(),
        Against::Peers(peers) => format!("best of {}", peers.join(", ")),
    }
}

fn limit(goal: &Goal) -> String {
    match goal.against {
        Against::Absolute => format!("≤ {}", number(goal.limit)),
        Against::Peers(_) => format!("≤ {:.2}", goal.limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{run, small, target, workload};

    #[test]
    fn a_goal_judged_by_few_rounds_says_so() {
        let ours = target("spliceway", vec![run(1, 1.0, 1.0, Some(0.824)), run(2, 1.0, 1.0, Some(1.0))]);
        let nginx = target("nginx", vec![run(1, 1.0, 1.0, Some(1.0))]);
        let results = Results { workloads: vec![workload("W3", "round trip", vec![ours, nginx])], ..small() };
        let verdicts = verdicts(&results);
        assert_eq!(
            row(&verdicts[0], 2),
            [
                "W3",
                "CPU a round trip",
                "nginx",
                "≤ 0.82",
                "0.824",
                "0.824",
                "0 of 1",
                "not reached, 1 of 2 rounds measured"
            ]
        );
    }

    #[test]
    fn the_best_of_several_peers_is_named_so() {
        let latency = |p50| crate::results::Latency { p50, p90: 9.0, p99: 9.0, p999: 9.0, max: 9.0 };
        let with = |name, p50| {
            let run = crate::results::Run { latency_us: Some(latency(p50)), ..run(1, 1.0, 1.0, None) };
            target(name, vec![run])
        };
        let targets = vec![with("spliceway", 6.0), with("haproxy", 8.0), with("nginx", 10.0)];
        let results = Results { workloads: vec![workload("W2", "round trip", targets)], ..small() };
        let text = row(&verdicts(&results)[0], 1).join(" | ");
        assert_eq!(text, "W2 | latency p50 | best of haproxy, nginx | ≤ 0.80 | 0.750 | 0.750 | 1 of 1 | **reached**");
    }
}
