//! What a comparison found: every run of every target, nothing summed up, and what it ran on.
//!
//! It stands between measuring and reporting, and is also the form of `results.json`. Medians, ratios and spreads are
//! left to the report, so that they can be computed anew from a file.

use serde::{Deserialize, Serialize};

/// A whole comparison.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Results {
    /// The machine and the versions.
    pub environment: Environment,
    /// How often every target was to run each workload.
    pub rounds: u32,
    /// In the order in which they ran.
    pub workloads: Vec<Workload>,
}

/// What the numbers depend on and do not show.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Environment {
    /// When the comparison began: `2026-01-31 23:59 UTC`.
    pub date: String,
    /// The kernel's release.
    pub kernel: String,
    /// The processor's name.
    pub cpu: String,
    /// How many CPUs clients, proxies and backends shared.
    pub cpus: usize,
    /// TCP's congestion control, the same for all.
    pub congestion_control: String,
    /// The targets and the programs that made the load.
    pub versions: Vec<Version>,
    /// What was left out, and how system calls were counted: sentences.
    pub notes: Vec<String>,
}

/// One program.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Version {
    /// As a target or a tool is called here.
    pub name: String,
    /// As the program says it.
    pub version: String,
}

/// One kind of load.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Workload {
    /// Short: `W3`.
    pub name: String,
    /// In words: connections, sizes, directions.
    pub title: String,
    /// What is counted: `round trip`, `request`, `GB` (10⁹ bytes) or `connection`.
    pub operation: String,
    /// Those that ran it, or tried to.
    pub targets: Vec<Target>,
}

/// One way from client to backend under one load.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Target {
    /// `direct`, `spliceway`, `nginx`, …
    pub name: String,
    /// One a round; fewer after a failure.
    pub runs: Vec<Run>,
    /// The first error or wrong byte, in words; no runs follow it.
    pub failure: Option<String>,
}

/// One run without an error.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Run {
    /// From 1.
    pub round: u32,
    /// How many, in the workload's unit.
    pub operations: f64,
    /// Seconds in which they were done.
    pub seconds: f64,
    /// Seconds of user and system time of the proxy's processes in that time; none for `direct`.
    pub cpu_seconds: Option<f64>,
    /// Of one operation, where a client saw each of them.
    pub latency_us: Option<Latency>,
    /// System calls of the proxy an operation. Counted in a pass of its own, so only one run of a target has it.
    pub syscalls: Option<f64>,
    /// Private memory a connection, in bytes.
    pub bytes_per_connection: Option<f64>,
    /// Context switches of the proxy's threads an operation, wanted and unwanted.
    pub context_switches: Option<f64>,
}

/// Percentiles, in microseconds.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}
