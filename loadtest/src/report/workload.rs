//! What tables and plots ask of a workload: its targets by name, its units, who its peer is.

use super::goals;
use super::metric::Metric;
use super::number;
use super::spread::Spread;
use crate::results::{Target, Workload};

/// The proxies that spliceway is compared with, the first of them first.
const PEERS: [&str; 4] = ["nginx", "haproxy-splice", "haproxy", "envoy"];

impl Workload {
    pub(super) fn target(&self, name: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.name == name)
    }

    /// Whether any target has the metric.
    pub(super) fn has(&self, metric: Metric) -> bool {
        self.targets.iter().any(|target| metric.spread(target).is_some())
    }

    /// The unit of CPU an operation: a GB takes milliseconds, everything else microseconds.
    pub(super) fn cpu_unit(&self) -> &'static str {
        if self.operation == "GB" { "ms" } else { "µs" }
    }

    /// CPU an operation, in [`Self::cpu_unit`].
    pub(super) fn cpu(&self, target: &Target) -> Option<Spread> {
        let factor = if self.operation == "GB" { 1e3 } else { 1e6 };
        Metric::Cpu.spread(target).and_then(|seconds| seconds.scaled(factor))
    }

    /// `round trips/s`
    pub(super) fn rate_unit(&self) -> String {
        format!("{}/s", number::plural(&self.operation))
    }

    /// Whom CPU is compared with: the peer of the workload's goal, else nginx, else the peer that takes least. `None`
    /// if no peer was measured.
    pub(super) fn reference(&self) -> Option<&Target> {
        let measured = |name: &&str| self.target(name).filter(|target| Metric::Cpu.spread(target).is_some());
        let of_goal = goals::cpu_peer(&self.name).as_ref().and_then(measured);
        let first = || PEERS.first().and_then(measured);
        let medians = || {
            PEERS.iter().filter_map(measured).filter_map(|target| Some((target, Metric::Cpu.spread(target)?.median)))
        };
        of_goal.or_else(first).or_else(|| medians().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(target, _)| target))
    }
}

#[cfg(test)]
mod tests {
    use crate::report::sample::{run, target, workload};

    fn reference(name: &str, targets: &[(&str, f64)]) -> Option<String> {
        let targets = targets.iter().map(|(name, cpu)| target(name, vec![run(1, 1.0, 1.0, Some(*cpu))])).collect();
        workload(name, "request", targets).reference().map(|target| target.name.clone())
    }

    #[test]
    fn the_reference_is_the_goals_peer_then_nginx_then_the_best() {
        let all = [("spliceway", 1.0), ("nginx", 9.0), ("haproxy-splice", 5.0), ("haproxy", 4.0)];
        assert_eq!(reference("W4-4-both", &all).as_deref(), Some("haproxy-splice"));
        assert_eq!(reference("other", &all).as_deref(), Some("nginx"));
        assert_eq!(reference("W4-4-both", &all[..2]).as_deref(), Some("nginx"));
        assert_eq!(reference("W3", &[("haproxy-splice", 5.0), ("haproxy", 4.0)]).as_deref(), Some("haproxy"));
        assert_eq!(reference("W3", &all[..1]), None);
    }

    #[test]
    fn a_gigabyte_takes_milliseconds() {
        let bulk = workload("W4-1-down", "GB", vec![target("nginx", vec![run(1, 2.0, 1.0, Some(1.0))])]);
        assert_eq!((bulk.cpu_unit(), bulk.cpu(&bulk.targets[0]).unwrap().median), ("ms", 500.0));
        assert_eq!(bulk.rate_unit(), "GB/s");
    }
}
