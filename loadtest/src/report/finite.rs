//! Drops what is no number: a division by a time of zero must not reach a table, and JSON has no word for it.

use crate::results::{Latency, Results, Run};

/// The same results without values that are infinite or no number. A run whose work or time is no number counts as one
/// that did nothing, so no rate is computed of it; a latency is kept only if all of it is.
pub(super) fn finite(results: &Results) -> Results {
    let mut results = results.clone();
    for target in results.workloads.iter_mut().flat_map(|workload| &mut workload.targets) {
        target.runs.iter_mut().for_each(clean);
    }
    results
}

fn clean(run: &mut Run) {
    for required in [&mut run.operations, &mut run.seconds] {
        if !required.is_finite() {
            *required = 0.0;
        }
    }
    for optional in [&mut run.cpu_seconds, &mut run.syscalls, &mut run.bytes_per_connection, &mut run.context_switches]
    {
        *optional = optional.filter(|value| value.is_finite());
    }
    run.latency_us = run.latency_us.take().filter(|latency| {
        let Latency { p50, p90, p99, p999, max } = latency;
        [p50, p90, p99, p999, max].iter().all(|value| value.is_finite())
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{hostile, run};

    #[test]
    fn keeps_numbers_and_drops_the_rest() {
        let mut broken = run(1, f64::NAN, f64::INFINITY, Some(f64::NEG_INFINITY));
        broken.syscalls = Some(0.5);
        broken.latency_us = Some(Latency { p50: 1.0, p90: 2.0, p99: 3.0, p999: 4.0, max: f64::NAN });
        clean(&mut broken);
        assert_eq!((broken.operations, broken.seconds, broken.cpu_seconds), (0.0, 0.0, None));
        assert_eq!(broken.syscalls, Some(0.5));
        assert!(broken.latency_us.is_none());
    }

    #[test]
    fn leaves_nothing_that_json_writes_as_null_but_could_not_read() {
        let text = serde_json::to_string(&finite(&hostile())).unwrap();
        assert!(!text.contains("\"operations\":null") && !text.contains("\"seconds\":null"));
    }
}
