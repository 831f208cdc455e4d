//! Plots of one number a target.

use super::colour::{FAINT_TEXT, TEXT, of_target};
use super::panel::{Marks, Panel, Row, short};
use super::scale::Scale;
use super::sheet::{Mark, Sheet};
use crate::report::goals;
use crate::report::metric::Metric;
use crate::report::number;
use crate::report::spread::Spread;
use crate::results::{Results, Target, Workload};

/// CPU an operation, relative to the workload's reference in the same round.
pub(super) fn cpu(results: &Results) -> Sheet {
    Sheet {
        title: "CPU an operation",
        subtitle: "The proxy's CPU time, as a ratio to that of the named peer in the same round. Shorter is better.",
        legend: vec![
            (Mark::Whisker, "bar: median; dots: rounds"),
            (Mark::Upright(FAINT_TEXT, 1), "the peer"),
            (Mark::Upright(TEXT, 3), "goal: the bar ends before it"),
        ],
        panels: results.workloads.iter().filter_map(cpu_panel).collect(),
    }
}

fn cpu_panel(workload: &Workload) -> Option<Panel> {
    let reference = workload.reference()?;
    let goal = |target: &Target| {
        goals::cpu_goal(&workload.name, &target.name)
            .filter(|(peer, _)| *peer == reference.name)
            .map(|(_, limit)| limit)
    };
    let rows = workload.targets.iter().filter_map(|target| {
        let absolute = workload.cpu(target);
        let numbers =
            |spread: &Spread| [number::ratio(spread.median), absolute.map_or(String::new(), |cpu| short(cpu.median))];
        let spread = Metric::Cpu.ratio(target, &[reference]);
        row(target, spread, goal(target), numbers)
    });
    let unit = format!("{} a {}", workload.cpu_unit(), workload.operation);
    let headings = ["ratio".to_owned(), workload.cpu_unit().to_owned()];
    let note = format!("relative to {}; {unit}", reference.name);
    panel(workload, note, headings, Some(1.0), rows.collect())
}

/// Operations a second. Where the client sets the rate, or connections stay idle, there is nothing to compare.
pub(super) fn throughput(results: &Results) -> Sheet {
    let compared = |workload: &&Workload| !workload.name.starts_with("ghz-open") && workload.name != "W6";
    Sheet {
        title: "Throughput",
        subtitle: "Operations a second, as the client counts them. Longer is better.",
        legend: vec![(Mark::Whisker, "bar: median; dots: rounds")],
        panels: results.workloads.iter().filter(compared).filter_map(throughput_panel).collect(),
    }
}

fn throughput_panel(workload: &Workload) -> Option<Panel> {
    absolute_panel(workload, Metric::Throughput, workload.rate_unit())
}

/// Bytes an idle connection.
pub(super) fn memory(results: &Results) -> Sheet {
    let panel = |workload| absolute_panel(workload, Metric::Memory, "bytes an idle connection".to_owned());
    Sheet {
        title: "Memory",
        subtitle: "The proxy's memory for each connection that is open and idle. Shorter is better.",
        legend: vec![(Mark::Whisker, "bar: median; dots: rounds"), (Mark::Upright(TEXT, 3), "goal")],
        panels: results.workloads.iter().filter_map(panel).collect(),
    }
}

fn absolute_panel(workload: &Workload, metric: Metric, note: String) -> Option<Panel> {
    let rows = workload.targets.iter().filter_map(|target| {
        let goal = goals::absolute_goal(&workload.name, &target.name, metric);
        row(target, metric.spread(target), goal, |spread| [String::new(), short(spread.median)])
    });
    let headings = [String::new(), "median".to_owned()];
    panel(workload, note, headings, None, rows.collect())
}

/// `None` for a target that has neither a value nor a failure.
fn row(
    target: &Target,
    spread: Option<Spread>,
    goal: Option<f64>,
    numbers: impl FnOnce(&Spread) -> [String; 2],
) -> Option<Row> {
    let (numbers, marks) = match spread {
        Some(spread) => (numbers(&spread), Marks::Bar { spread, colour: of_target(&target.name), goal }),
        None if target.failure.is_some() => (Default::default(), Marks::Failed),
        None => return None,
    };
    Some(Row { name: target.name.clone(), marks, numbers })
}

/// `None` if there is nothing to draw to scale.
fn panel(
    workload: &Workload,
    note: String,
    headings: [String; 2],
    reference: Option<f64>,
    rows: Vec<Row>,
) -> Option<Panel> {
    let ends = rows.iter().flat_map(|row| match &row.marks {
        Marks::Bar { spread, goal, .. } => vec![spread.max, goal.unwrap_or(0.0)],
        Marks::Percentiles(_) | Marks::Failed => Vec::new(),
    });
    let scale = Scale::linear(ends.chain(reference))?;
    let (name, title) = (workload.name.clone(), workload.title.clone());
    let measured = rows.iter().any(|row| matches!(row.marks, Marks::Bar { .. }));
    measured.then_some(Panel { name, title, note, headings, scale, reference, rows })
}
