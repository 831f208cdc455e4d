//! `results.md`: the goals first, then the plots, then every workload in full, then on what it was measured.

mod goals;
mod workload;

use super::plot::Plot;
use super::table::{Table, escaped};
use crate::results::{Environment, Results};

/// The document; `plots` are shown by the names of their files, which stand beside it.
pub(super) fn document(results: &Results, plots: &[Plot]) -> String {
    let mut sections = vec!["# Load test\n".to_owned(), introduction(results), goals::section(results)];
    if !plots.is_empty() {
        sections.push("## Plots\n".to_owned());
        sections.extend(plots.iter().map(|plot| format!("![{}]({})\n", escaped(plot.title), plot.file)));
    }
    sections.extend(results.workloads.iter().map(|workload| workload::section(workload, results.rounds)));
    sections.push(environment(&results.environment));
    sections.join("\n")
}

fn introduction(results: &Results) -> String {
    let Environment { date, cpu, cpus, kernel, .. } = &results.environment;
    let rounds = if results.rounds == 1 { "1 round".to_owned() } else { format!("{} rounds", results.rounds) };
    format!(
        "{}, {rounds}, {cpus} × {}, Linux {}.\n\n\
         Numbers are medians of the rounds, with the smallest and the largest in brackets. A ratio is taken within one \
         round, because the machine is faster in one round than in the next; then come median, smallest and largest of \
         the ratios. Below 1 means less than the other. CPU is that of the whole proxy.\n",
        escaped(date),
        escaped(cpu),
        escaped(kernel)
    )
}

fn environment(environment: &Environment) -> String {
    let Environment { date, kernel, cpu, cpus, congestion_control, versions, notes } = environment;
    let mut table = Table::left(vec!["what".to_owned(), "version".to_owned()]);
    let machine = [
        ("date", date.clone()),
        ("CPU", format!("{cpus} × {cpu}")),
        ("Linux", kernel.clone()),
        ("congestion control", congestion_control.clone()),
    ];
    let versions = versions.iter().map(|version| (version.name.as_str(), version.version.clone()));
    for (name, value) in machine.into_iter().chain(versions) {
        table.row(vec![escaped(name), escaped(&value)]);
    }
    let mut text = format!("## Environment\n\n{}", table.render());
    if !notes.is_empty() {
        text.push('\n');
        text.extend(notes.iter().map(|note| format!("- {}\n", escaped(note))));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_small_result_as_a_whole() {
        let plot = Plot { file: "cpu.svg", title: "CPU an operation", svg: String::new() };
        let text = document(&sample::small(), &[plot]);
        assert_eq!(text, include_str!("../golden/results.md"));
    }

    #[test]
    fn nothing_measured_is_a_document_still() {
        let text = document(&Results { workloads: Vec::new(), rounds: 0, ..sample::small() }, &[]);
        assert!(text.contains("0 rounds") && !text.contains("## Plots"), "{text}");
    }
}
