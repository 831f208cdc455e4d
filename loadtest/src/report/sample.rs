//! Results for tests: a small comparison, and one in which everything is wrong that can be.

use crate::results::{Environment, Latency, Results, Run, Target, Version, Workload};

pub(super) fn run(round: u32, operations: f64, seconds: f64, cpu_seconds: Option<f64>) -> Run {
    Run {
        round,
        operations,
        seconds,
        cpu_seconds,
        latency_us: None,
        syscalls: None,
        bytes_per_connection: None,
        context_switches: None,
    }
}

pub(super) fn target(name: &str, runs: Vec<Run>) -> Target {
    Target { name: name.to_owned(), runs, failure: None }
}

pub(super) fn workload(name: &str, operation: &str, targets: Vec<Target>) -> Workload {
    Workload { name: name.to_owned(), title: format!("the workload {name}"), operation: operation.to_owned(), targets }
}

/// A million operations in ten seconds, with as many microseconds of CPU each.
fn million(round: u32, cpu_us: f64, p50: f64) -> Run {
    Run {
        latency_us: Some(Latency { p50, p90: p50 * 2.0, p99: p50 * 4.0, p999: p50 * 8.0, max: p50 * 16.0 }),
        syscalls: Some(0.5),
        ..run(round, 1e6, 10.0, Some(cpu_us))
    }
}

fn idle(round: u32, bytes: f64) -> Run {
    Run { bytes_per_connection: Some(bytes), ..run(round, 0.0, 0.0, None) }
}

pub(super) fn small() -> Results {
    let w3 = vec![
        target("direct", vec![run(1, 2e6, 10.0, None), run(2, 2e6, 10.0, None)]),
        target("spliceway", vec![million(1, 10.0, 40.0), million(2, 9.0, 50.0)]),
        target("nginx", vec![million(1, 12.5, 80.0), million(2, 12.0, 100.0)]),
        Target { failure: Some("exit status 1: a|b".to_owned()), ..target("haproxy-splice", vec![]) },
    ];
    let w6 = vec![target("spliceway", vec![idle(1, 1000.0), idle(2, 1200.0)]), target("nginx", vec![idle(1, 9800.0)])];
    Results {
        environment: Environment {
            date: "2026-01-02".to_owned(),
            kernel: "6.18.44".to_owned(),
            cpu: "Example CPU".to_owned(),
            cpus: 2,
            congestion_control: "cubic".to_owned(),
            versions: vec![Version { name: "nginx".to_owned(), version: "1.22.1".to_owned() }],
            notes: vec!["client, proxy and server share the machine".to_owned()],
        },
        rounds: 2,
        workloads: vec![workload("W3", "round trip", w3), workload("W6", "connection", w6)],
    }
}

pub(super) fn hostile() -> Results {
    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0, 1e300, f64::MIN_POSITIVE];
    let runs = |_: usize| {
        let runs = numbers.iter().zip(0..).flat_map(|(number, round)| {
            let number = *number;
            let latency = Latency { p50: number, p90: number, p99: number, p999: number, max: number };
            let all = Run {
                latency_us: Some(latency),
                syscalls: Some(number),
                bytes_per_connection: Some(number),
                context_switches: Some(number),
                ..run(round, number, 1.0, Some(number))
            };
            [all, run(round, 1.0, number, Some(1.0))]
        });
        runs.collect::<Vec<_>>()
    };
    let names =
        ["spliceway", "nginx", "<script>&\"'|\u{0}\u{7}", "", "a name that is far longer than any column is wide"];
    let targets = || names.iter().enumerate().map(|(index, name)| target(name, runs(index))).collect::<Vec<_>>();
    let mut empty = targets();
    empty.iter_mut().for_each(|target| target.runs.clear());
    let workloads = vec![
        workload("W3", "round trip", targets()),
        workload("W2", "<&>", empty),
        workload("ghz-]]>|", "request", targets()),
        workload("", "", vec![]),
        // Of no scale: the space beside the largest is beyond what a float holds.
        workload(
            "W6",
            "connection",
            vec![target("nginx", vec![Run { bytes_per_connection: Some(f64::MAX), ..run(1, 1.0, 1.0, None) }])],
        ),
        Workload { title: "long ".repeat(100), ..workload("W4-4-both", "GB", targets()) },
    ];
    Results { workloads, rounds: 9, ..small() }
}
