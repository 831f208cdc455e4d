//! The plots: one panel a workload, one row a target, so that names stand beside what they name and never collide. Each
//! shows the spread of the rounds, not the median alone.
//!
//! Colours are those of Okabe and Ito, which colour-blind readers tell apart; the background is drawn, so that the text
//! is readable on a light page and on a dark one.

mod bars;
mod canvas;
mod colour;
mod latency;
mod panel;
mod scale;
mod sheet;

#[cfg(test)]
mod tests;

use std::io;

use crate::results::Results;

/// A plot that has something to show.
pub(super) struct Plot {
    pub(super) file: &'static str,
    pub(super) title: &'static str,
    pub(super) svg: String,
}

/// Those plots that have something to show.
///
/// # Errors
///
/// The drawing library refuses a shape.
pub(super) fn plots(results: &Results) -> io::Result<Vec<Plot>> {
    let sheets = [
        ("cpu.svg", bars::cpu(results)),
        ("throughput.svg", bars::throughput(results)),
        ("latency.svg", latency::latency(results)),
        ("memory.svg", bars::memory(results)),
    ];
    let mut plots = Vec::new();
    for (file, sheet) in sheets {
        if !sheet.panels.is_empty() {
            plots.push(Plot { file, title: sheet.title, svg: sheet.draw()? });
        }
    }
    Ok(plots)
}
