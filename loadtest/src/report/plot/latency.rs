//! The plot of latencies, by orders of magnitude: what matters is how many times longer the slowest wait.

use super::colour::PERCENTILES;
use super::panel::{Marks, Panel, Row, short};
use super::scale::Scale;
use super::sheet::{Mark, Sheet};
use crate::report::metric::{Metric, Percentile};
use crate::report::spread::Spread;
use crate::results::{Results, Target, Workload};

const SHOWN: [Percentile; 4] = [Percentile::P50, Percentile::P90, Percentile::P99, Percentile::P999];

/// Percentiles of those workloads whose latency a user would feel; bulk and set-up alone are told by the other plots.
pub(super) fn latency(results: &Results) -> Sheet {
    let felt = |workload: &&Workload| {
        matches!(&*workload.name, "W2" | "W3" | "W5-during-W3") || workload.name.starts_with("ghz")
    };
    let mut legend: Vec<_> =
        PERCENTILES.into_iter().zip(SHOWN).map(|(colour, shown)| (Mark::Dot(colour), shown.label())).collect();
    if let Some((_, label)) = legend.last_mut() {
        *label = "p99.9; dot: median; line: smallest to largest of the rounds";
    }
    Sheet {
        title: "Latency",
        subtitle: "Microseconds as the client sees them, on a logarithmic axis. Further left is better.",
        legend,
        panels: results.workloads.iter().filter(felt).filter_map(panel).collect(),
    }
}

fn panel(workload: &Workload) -> Option<Panel> {
    let rows: Vec<Row> = workload.targets.iter().filter_map(row).collect();
    let values = rows.iter().flat_map(|row| match &row.marks {
        Marks::Percentiles(spreads) => spreads.iter().flat_map(|spread| [spread.min, spread.max]).collect(),
        Marks::Bar { .. } | Marks::Failed => Vec::new(),
    });
    let scale = Scale::log(values)?;
    let (name, title) = (workload.name.clone(), workload.title.clone());
    let headings = ["p50", "p99"].map(str::to_owned);
    Some(Panel { name, title, note: format!("µs a {}", workload.operation), headings, scale, reference: None, rows })
}

fn row(target: &Target) -> Option<Row> {
    let spreads: Option<Vec<Spread>> =
        SHOWN.into_iter().map(|percentile| Metric::Latency(percentile).spread(target)).collect();
    let (marks, numbers) = match spreads {
        Some(spreads) => {
            let median = |percentile| Metric::Latency(percentile).spread(target).map(|spread| short(spread.median));
            let numbers = [Percentile::P50, Percentile::P99].map(|percentile| median(percentile).unwrap_or_default());
            (Marks::Percentiles(spreads), numbers)
        }
        None if target.failure.is_some() => (Marks::Failed, Default::default()),
        None => return None,
    };
    Some(Row { name: target.name.clone(), marks, numbers })
}
