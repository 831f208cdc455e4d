//! The report of a comparison: `results.json` for programs, `results.md` for people, and plots.
//!
//! Two targets are compared within one round only, because a shared machine is faster in one minute than in the next: a
//! ratio is computed a round, and what is shown of the ratios is their median with the smallest and the largest. Every
//! number shown has its spread beside it. What was not measured, or is no number, is shown as missing and never as zero.

mod finite;
mod goals;
mod markdown;
mod metric;
mod number;
mod plot;
mod spread;
mod table;
mod verdict;
mod workload;

#[cfg(test)]
mod sample;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::results::Results;

/// Writes the report into `out_dir`, which is created if it does not exist, and returns the paths of the files written.
/// Files of the same names are replaced; a plot that has nothing to show is not written.
///
/// # Errors
///
/// The folder or a file cannot be written.
pub fn write(results: &Results, out_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let results = finite::finite(results);
    fs::create_dir_all(out_dir)?;
    let plots = plot::plots(&results)?;
    let mut json = serde_json::to_string_pretty(&results)?;
    json.push('\n');
    let mut files = vec![("results.json", json), ("results.md", markdown::document(&results, &plots))];
    files.extend(plots.into_iter().map(|plot| (plot.file, plot.svg)));
    let mut written = Vec::new();
    for (name, text) in files {
        let path = out_dir.join(name);
        fs::write(&path, text)?;
        written.push(path);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(results: &Results) -> Vec<(String, String)> {
        let folder = std::env::temp_dir().join(format!("report-{}-{:p}", std::process::id(), results));
        let paths = write(results, &folder).unwrap();
        let files = paths
            .iter()
            .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()));
        let files = files.collect();
        fs::remove_dir_all(&folder).unwrap();
        files
    }

    #[test]
    fn writes_every_file_for_a_whole_comparison() {
        let files = written(&sample::small());
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["results.json", "results.md", "cpu.svg", "throughput.svg", "latency.svg", "memory.svg"]);
    }

    #[test]
    fn writes_no_plot_for_nothing() {
        let files = written(&Results { workloads: Vec::new(), ..sample::small() });
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["results.json", "results.md"]);
    }

    #[test]
    fn never_prints_what_is_no_number_and_reads_back() {
        for (name, text) in written(&sample::hostile()) {
            for word in ["NaN", "nan", "inf", "Infinity"] {
                assert!(!text.contains(word), "{name} contains {word}");
            }
            if name == "results.json" {
                serde_json::from_str::<Results>(&text).unwrap();
            }
        }
    }
}
