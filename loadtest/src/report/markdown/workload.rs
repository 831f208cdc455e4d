//! A workload in full: what each target took, spliceway against its peers, latencies, and what went wrong.

use crate::report::metric::{Metric, Percentile};
use crate::report::number::{self, number};
use crate::report::spread::Spread;
use crate::report::table::{Table, escaped};
use crate::results::{Target, Workload};

const OURS: [&str; 3] = ["spliceway", "spliceway-epoll", "spliceway-unpinned"];
const PEERS: [&str; 2] = ["nginx", "haproxy-splice"];

pub(super) fn section(workload: &Workload, rounds: u32) -> String {
    let heading = format!("## {}: {}\n", escaped(&workload.name), escaped(&workload.title));
    let parts = [main(workload), against(workload), latency(workload), remarks(workload, rounds)];
    let parts = parts.into_iter().flatten().filter(|part| !part.is_empty());
    [heading].into_iter().chain(parts).collect::<Vec<_>>().join("\n")
}

/// A column of the main table: its header, and a target's cell.
type Column<'a> = (String, Box<dyn Fn(&Target) -> String + 'a>);

/// One row a target. What no target has gets no column.
fn main(workload: &Workload) -> Option<String> {
    if workload.targets.is_empty() {
        return None;
    }
    let columns = columns(workload);
    let header = columns.iter().map(|(header, _)| header.clone());
    let mut table = Table::right([vec!["target".to_owned()], header.collect()].concat());
    for target in &workload.targets {
        let cells = columns.iter().map(|(_, cell)| cell(target)).collect();
        table.row([vec![name(target)], cells].concat());
    }
    Some(table.render())
}

fn columns(workload: &Workload) -> Vec<Column<'_>> {
    let mut columns: Vec<Column> = Vec::new();
    let operation = escaped(&workload.operation);
    if workload.has(Metric::Cpu) {
        let header = format!("CPU, {} a {operation}", workload.cpu_unit());
        columns.push((header, Box::new(|target| number::spread(workload.cpu(target).as_ref(), number))));
    }
    if let Some(ours) = workload.target("spliceway").filter(|ours| Metric::Cpu.spread(ours).is_some()) {
        let ratio = |target: &Target| ratio_cell(Metric::Cpu.ratio(target, &[ours]).as_ref());
        columns.push(("CPU to spliceway's".to_owned(), Box::new(ratio)));
    }
    let others = [
        (Metric::Throughput, escaped(&workload.rate_unit())),
        (Metric::SystemCalls, format!("system calls a {operation}")),
        (Metric::ContextSwitches, format!("context switches a {operation}")),
        (Metric::Memory, "bytes an idle connection".to_owned()),
    ];
    for (metric, header) in others {
        if workload.has(metric) {
            columns.push((header, Box::new(move |target| number::spread(metric.spread(target).as_ref(), number))));
        }
    }
    columns
}

/// Spliceway's ratios to those proxies that relay as it does.
fn against(workload: &Workload) -> Option<String> {
    let metrics = [
        (Metric::Cpu, format!("CPU a {}", escaped(&workload.operation))),
        (Metric::Throughput, "throughput".to_owned()),
        (Metric::Latency(Percentile::P50), "latency p50".to_owned()),
        (Metric::Latency(Percentile::P99), "latency p99".to_owned()),
    ];
    let metrics: Vec<_> = metrics.into_iter().filter(|(metric, _)| workload.has(*metric)).collect();
    let header = ["ratio of".to_owned()].into_iter().chain(metrics.iter().map(|(_, header)| header.clone()));
    let mut table = Table::right(header.collect());
    let mut rows = 0;
    for (ours, peer) in OURS.into_iter().flat_map(|ours| PEERS.map(|peer| (ours, peer))) {
        let (Some(target), Some(other)) = (workload.target(ours), workload.target(peer)) else { continue };
        let ratios: Vec<_> = metrics.iter().map(|(metric, _)| metric.ratio(target, &[other])).collect();
        if ratios.iter().any(Option::is_some) {
            let cells = ratios.iter().map(|ratio| ratio_cell(ratio.as_ref())).collect();
            table.row([vec![format!("{ours} to {peer}")], cells].concat());
            rows += 1;
        }
    }
    (rows > 0).then(|| table.render())
}

fn latency(workload: &Workload) -> Option<String> {
    let header = Percentile::ALL.map(|percentile| percentile.label().to_owned()).to_vec();
    let mut table = Table::right([vec!["latency, µs".to_owned()], header].concat());
    let mut rows = 0;
    for target in &workload.targets {
        let spreads = Percentile::ALL.map(|percentile| Metric::Latency(percentile).spread(target));
        if spreads.iter().any(Option::is_some) {
            let cells = spreads.iter().map(|spread| number::spread(spread.as_ref(), number)).collect();
            table.row([vec![name(target)], cells].concat());
            rows += 1;
        }
    }
    (rows > 0).then(|| table.render())
}

/// What did not happen: failures, and rounds that are missing.
fn remarks(workload: &Workload, rounds: u32) -> Option<String> {
    let mut remarks = String::new();
    for target in &workload.targets {
        let name = escaped(&target.name);
        if let Some(failure) = &target.failure {
            remarks.push_str(&format!("- {name} failed: {}\n", escaped(failure)));
        }
        let runs = u32::try_from(target.runs.len()).unwrap_or(u32::MAX);
        if runs != rounds && (runs > 0 || target.failure.is_none()) {
            remarks.push_str(&format!("- {name}: {runs} of {rounds} rounds\n"));
        }
    }
    if workload.targets.is_empty() {
        remarks.push_str("No target was run.\n");
    }
    (!remarks.is_empty()).then_some(remarks)
}

fn name(target: &Target) -> String {
    let name = escaped(&target.name);
    if target.name == "spliceway" { format!("**{name}**") } else { name }
}

fn ratio_cell(spread: Option<&Spread>) -> String {
    number::spread(spread, number::ratio)
}
