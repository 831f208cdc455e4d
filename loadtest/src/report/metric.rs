//! What is read from a run, and compared between targets of one round.

use super::spread::Spread;
use crate::results::{Latency, Run, Target};

/// One number of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Metric {
    /// Seconds of the proxy's CPU an operation.
    Cpu,
    /// Operations a second.
    Throughput,
    /// Microseconds.
    Latency(Percentile),
    /// System calls of the proxy an operation.
    SystemCalls,
    /// Context switches of the proxy an operation.
    ContextSwitches,
    /// Bytes of the proxy an idle connection.
    Memory,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Percentile {
    P50,
    P90,
    P99,
    P999,
    Max,
}

impl Percentile {
    pub(super) const ALL: [Self; 5] = [Self::P50, Self::P90, Self::P99, Self::P999, Self::Max];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::Max => "max",
        }
    }

    fn of(self, latency: &Latency) -> f64 {
        match self {
            Self::P50 => latency.p50,
            Self::P90 => latency.p90,
            Self::P99 => latency.p99,
            Self::P999 => latency.p999,
            Self::Max => latency.max,
        }
    }
}

impl Metric {
    /// The run's value; `None` if it was not measured, is no number or is negative.
    pub(super) fn of(self, run: &Run) -> Option<f64> {
        let value = match self {
            Self::Cpu => quotient(run.cpu_seconds?, run.operations)?,
            Self::Throughput => quotient(run.operations, run.seconds)?,
            Self::Latency(percentile) => percentile.of(run.latency_us.as_ref()?),
            Self::SystemCalls => run.syscalls?,
            Self::ContextSwitches => run.context_switches?,
            Self::Memory => run.bytes_per_connection?,
        };
        let possible = match self {
            // Work took time: zero says that the clock was too coarse, or read of another process.
            Self::Cpu | Self::Throughput | Self::Latency(_) => value > 0.0,
            Self::SystemCalls | Self::ContextSwitches | Self::Memory => value >= 0.0,
        };
        (value.is_finite() && possible).then_some(value)
    }

    /// The target's values of all rounds.
    pub(super) fn spread(self, target: &Target) -> Option<Spread> {
        Spread::of(target.runs.iter().filter_map(|run| self.of(run)))
    }

    /// `target` divided by `peers`, in each round that has a value of all of them. Several peers count as the one that
    /// is best, that is lowest, in the round.
    pub(super) fn ratio(self, target: &Target, peers: &[&Target]) -> Option<Spread> {
        Spread::of(target.runs.iter().filter_map(|run| {
            let values: Option<Vec<f64>> = peers.iter().map(|peer| self.in_round(peer, run.round)).collect();
            let best = values?.into_iter().min_by(f64::total_cmp)?;
            quotient(self.of(run)?, best)
        }))
    }

    fn in_round(self, target: &Target, round: u32) -> Option<f64> {
        target.runs.iter().filter(|run| run.round == round).find_map(|run| self.of(run))
    }
}

fn quotient(dividend: f64, divisor: f64) -> Option<f64> {
    (divisor > 0.0).then(|| dividend / divisor).filter(|quotient| quotient.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{run, target};

    #[test]
    fn cpu_is_seconds_an_operation() {
        assert_eq!(Metric::Cpu.of(&run(1, 4.0, 2.0, Some(1.0))), Some(0.25));
        assert_eq!(Metric::Throughput.of(&run(1, 4.0, 2.0, None)), Some(2.0));
    }

    #[test]
    fn what_was_not_measured_has_no_value() {
        assert_eq!(Metric::Cpu.of(&run(1, 4.0, 2.0, None)), None);
        assert_eq!(Metric::Cpu.of(&run(1, 0.0, 2.0, Some(1.0))), None);
        assert_eq!(Metric::Cpu.of(&run(1, 4.0, 2.0, Some(f64::NAN))), None);
        assert_eq!(Metric::Cpu.of(&run(1, 4.0, 2.0, Some(-1.0))), None);
        assert_eq!(Metric::Throughput.of(&run(1, 4.0, 0.0, None)), None);
        assert_eq!(Metric::Throughput.of(&run(1, 0.0, 2.0, None)), None);
        assert_eq!(Metric::Latency(Percentile::P99).of(&run(1, 4.0, 2.0, None)), None);
    }

    #[test]
    fn ratio_is_taken_within_a_round() {
        // The machine is twice as fast in round 2; the ratios do not see it.
        let ours = target("ours", vec![run(1, 1.0, 1.0, Some(8.0)), run(2, 1.0, 1.0, Some(4.0))]);
        let peer = target("peer", vec![run(2, 1.0, 1.0, Some(5.0)), run(1, 1.0, 1.0, Some(10.0))]);
        assert_eq!(Metric::Cpu.ratio(&ours, &[&peer]).unwrap().values, [0.8, 0.8]);
    }

    #[test]
    fn a_round_that_one_of_them_lacks_is_left_out() {
        let ours = target("ours", vec![run(1, 1.0, 1.0, Some(1.0)), run(2, 1.0, 1.0, Some(3.0))]);
        let peer = target("peer", vec![run(2, 1.0, 1.0, Some(4.0)), run(3, 1.0, 1.0, Some(1.0))]);
        assert_eq!(Metric::Cpu.ratio(&ours, &[&peer]).unwrap().values, [0.75]);
        assert_eq!(Metric::Cpu.ratio(&ours, &[&target("peer", vec![])]), None);
        assert_eq!(Metric::Cpu.ratio(&ours, &[]), None);
    }

    #[test]
    fn several_peers_count_as_the_best_of_the_round_and_must_all_be_there() {
        let rounds = |cpu: [f64; 2]| vec![run(1, 1.0, 1.0, Some(cpu[0])), run(2, 1.0, 1.0, Some(cpu[1]))];
        let ours = target("ours", rounds([1.0, 1.0]));
        let (one, other) = (target("one", rounds([2.0, 8.0])), target("other", rounds([4.0, 4.0])));
        assert_eq!(Metric::Cpu.ratio(&ours, &[&one, &other]).unwrap().values, [0.25, 0.5]);
        let half = target("half", vec![run(2, 1.0, 1.0, Some(16.0))]);
        assert_eq!(Metric::Cpu.ratio(&ours, &[&one, &half]).unwrap().values, [0.125]);
    }

    #[test]
    fn work_that_took_no_time_was_not_measured() {
        let ours = target("ours", vec![run(1, 1.0, 1.0, Some(1.0))]);
        let idle = target("idle", vec![run(1, 1.0, 1.0, Some(0.0))]);
        assert_eq!(Metric::Cpu.ratio(&ours, &[&idle]), None);
        assert_eq!(Metric::Cpu.ratio(&idle, &[&ours]), None);
        let silent = Run { syscalls: Some(0.0), ..run(1, 1.0, 1.0, None) };
        assert_eq!(Metric::SystemCalls.of(&silent), Some(0.0));
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        let with = |syscalls| target("any", vec![Run { syscalls: Some(syscalls), ..run(1, 1.0, 1.0, None) }]);
        assert_eq!(Metric::SystemCalls.ratio(&with(1.0), &[&with(0.0)]), None);
        assert_eq!(Metric::SystemCalls.ratio(&with(0.0), &[&with(1.0)]).unwrap().median, 0.0);
    }
}
