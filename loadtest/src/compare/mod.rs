//! A comparison: rounds in which every target runs every workload, in an order that rotates.
//!
//! Targets are interleaved because a machine drifts: what the second target of every round would always suffer from
//! is spread over all of them (A B C, then B C A). Nothing is averaged here; every run is kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::load::Conditions;
use crate::process::syscalls::Counter;
use crate::process::{end_all_on_signal, raise_descriptor_limit};
use crate::results::{Results, Run, Target, Workload as Measured};
use crate::target::peers::Peers;
use crate::target::{Addresses, Instance, Kind};
use crate::workload::{Load, Service, Workload};
use crate::{environment, namespace, report};

pub mod backends;
pub mod measure;

use measure::Tools;

/// What to compare.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How often.
    pub rounds: u32,
    /// How long a run is measured.
    pub seconds: f64,
    /// Which targets.
    pub targets: Vec<Kind>,
    /// Under which loads.
    pub workloads: Vec<Workload>,
    /// Whether a missing program is an error.
    pub require_all: bool,
    /// Where results go.
    pub out: PathBuf,
}

/// A target and its instance, or why there is none.
struct Slot {
    kind: Kind,
    instance: Result<Instance, String>,
}

struct Comparison {
    plan: Plan,
    peers: Peers,
    tools: Tools,
    backends: Addresses,
    slots: Vec<Slot>,
    counter: Option<Counter>,
}

/// How long a counted run is.
const COUNTED: Duration = Duration::from_secs(1);

/// Compares, and writes what was found. True if nothing failed.
///
/// # Errors
///
/// Nothing could be compared: something that all need is missing, or the results could not be written.
pub fn run(mut plan: Plan) -> io::Result<bool> {
    let peers = Peers::find();
    let mut notes = leave_out_what_is_missing(&mut plan, &peers)?;
    if !namespace::is_inside() {
        build_ours(&plan, &peers)?;
        let why_not = namespace::enter();
        eprintln!("{why_not}");
        notes.push(why_not);
    } else {
        notes.extend(namespace::furnish()?);
    }
    raise_descriptor_limit();
    let folder = Folder::new()?;
    end_all_on_signal(folder.path().to_owned())?;
    let counter = Counter::available();
    notes.push(Counter::note(counter));
    let needed: Vec<_> = plan.workloads.iter().map(|workload| workload.load.service()).collect();
    let (_programs, backends) = backends::start(&needed, &peers, folder.path())?;
    let tools = Tools::new(&peers, folder.path());
    let environment = environment::describe(peers.versions(), notes);
    let mut comparison = Comparison { plan, peers, tools, backends, slots: Vec::new(), counter };
    comparison.start_targets();
    let workloads = comparison.measure_all();
    let results = Results { environment, rounds: comparison.plan.rounds, workloads };
    for path in report::write(&results, &comparison.plan.out)? {
        eprintln!("wrote {}", path.display());
    }
    let failed = |target: &&Target| target.failure.is_some();
    let failures = results.workloads.iter().flat_map(|workload| &workload.targets).filter(failed).count();
    if failures > 0 {
        eprintln!("{failures} failed");
    }
    Ok(failures == 0)
}

/// Takes out targets and workloads whose programs are missing, and says so.
fn leave_out_what_is_missing(plan: &mut Plan, peers: &Peers) -> io::Result<Vec<String>> {
    let mut left_out: Vec<&str> = Vec::new();
    plan.targets.retain(|kind| {
        let there = *kind == Kind::Direct || peers.program(*kind).is_some();
        if !there {
            left_out.push(if *kind == Kind::HaproxySplice { Kind::Haproxy.name() } else { kind.name() });
        }
        there
    });
    plan.workloads.retain(|workload| {
        let needed: &[(&str, bool)] = match workload.load {
            Load::H2load(_) => &[("h2load", peers.h2load.is_some())],
            Load::Ghz(..) => &[("ghz", peers.ghz.is_some()), ("grpc-go", peers.grpc_server.is_some())],
            Load::PingPong(_) | Load::Bulk(_) | Load::Churn(_) | Load::ChurnBeside(..) | Load::Idle(_) => &[],
        };
        left_out.extend(needed.iter().filter(|(_, there)| !there).map(|(name, _)| name));
        needed.iter().all(|(_, there)| *there)
    });
    let missing: Vec<_> = peers.missing().into_iter().filter(|missing| left_out.contains(&missing.name)).collect();
    let told: Vec<_> = missing
        .iter()
        .map(|missing| format!("{} is missing and left out: {}", missing.name, missing.install))
        .collect();
    if !namespace::is_inside() {
        told.iter().for_each(|line| eprintln!("{line}"));
    }
    if plan.require_all && !told.is_empty() {
        return Err(io::Error::other("--require-all: something is missing"));
    }
    if plan.targets.is_empty() || plan.workloads.is_empty() {
        return Err(io::Error::other("nothing is left to compare"));
    }
    Ok(told)
}

fn build_ours(plan: &Plan, peers: &Peers) -> io::Result<()> {
    if plan.targets.iter().copied().any(Kind::is_ours) {
        backends::build_ours(peers)?;
    }
    Ok(())
}

impl Comparison {
    fn start_targets(&mut self) {
        for kind in &self.plan.targets {
            let instance = Instance::start(*kind, &self.peers, &self.backends, &self.tools.folder);
            let instance = instance.map_err(|error| error.to_string());
            if let Err(error) = &instance {
                eprintln!("{}: {error}", kind.name());
            }
            self.slots.push(Slot { kind: *kind, instance });
        }
    }

    fn measure_all(&mut self) -> Vec<Measured> {
        let workloads = std::mem::take(&mut self.plan.workloads);
        // Both open loops ask for a share of the same rate.
        let mut direct_rate = None;
        let measured = workloads.iter().map(|workload| {
            eprintln!("{}: {}", workload.name, workload.title);
            let rate = if let Load::Ghz(_, Some(share)) = workload.load {
                direct_rate.get_or_insert_with(|| self.direct_rate(workload)).map(|rate: f64| rate * share)
            } else {
                None
            };
            self.measure(workload, rate)
        });
        measured.collect()
    }

    /// How many calls a second go without a proxy, in a closed loop.
    fn direct_rate(&self, workload: &Workload) -> Option<f64> {
        let Load::Ghz(ghz, _) = workload.load else { return None };
        let address = self.backends.get(&Service::Grpc).copied()?;
        let load = Load::Ghz(ghz, None);
        match measure::drive(load, address, None, &self.tools, conditions(self.plan.seconds), &mut ()) {
            Ok(outcome) => Some(outcome.operations / outcome.seconds),
            Err(error) => {
                eprintln!("  direct: {error}");
                None
            }
        }
    }

    fn measure(&mut self, workload: &Workload, rate: Option<f64>) -> Measured {
        let tools = Tools { rate, ..self.tools.clone() };
        let applies = |slot: &&mut Slot| slot.kind != Kind::Direct || !matches!(workload.load, Load::Idle(_));
        let mut slots: Vec<_> = self.slots.iter_mut().filter(applies).collect();
        let mut targets: Vec<_> = slots
            .iter()
            .map(|slot| Target { name: slot.kind.name().to_owned(), runs: Vec::new(), failure: None })
            .collect();
        let conditions = conditions(self.plan.seconds);
        let start = |kind| Instance::start(kind, &self.peers, &self.backends, &tools.folder);
        for round in 1..=self.plan.rounds {
            for place in rotation(slots.len(), round) {
                let Some((slot, target)) = slots.get_mut(place).zip(targets.get_mut(place)) else { continue };
                if target.failure.is_some() {
                    continue;
                }
                match slot.run(workload, round, &tools, conditions, &start) {
                    Ok(run) => {
                        eprintln!("  {round}/{} {}", self.plan.rounds, told(&target.name, workload.operation, &run));
                        target.runs.push(run);
                    }
                    Err(error) => {
                        eprintln!("  {round}/{} {:16} FAILED: {error}", self.plan.rounds, target.name);
                        target.failure = Some(error.to_string());
                        // What is wrong with it must not reach the next workload.
                        slot.instance = start(slot.kind).map_err(|error| error.to_string());
                    }
                }
            }
        }
        if let Some(counter) = self.counter.filter(|_| measure::is_countable(workload.load)) {
            for (slot, target) in slots.iter().zip(&mut targets) {
                count_into(target, slot, workload, &tools, counter);
            }
        }
        Measured {
            name: workload.name.to_owned(),
            title: workload.title.to_owned(),
            operation: workload.operation.to_owned(),
            targets,
        }
    }
}

impl Slot {
    fn run(
        &mut self,
        workload: &Workload,
        round: u32,
        tools: &Tools,
        conditions: Conditions,
        start: &dyn Fn(Kind) -> io::Result<Instance>,
    ) -> io::Result<Run> {
        let service = workload.load.service();
        if let Load::Idle(_) = workload.load {
            // Memory that a proxy has from earlier would hide what connections take.
            let mut fresh = start(self.kind)?;
            let run = measure::run(workload.load, &fresh, service, round, tools, conditions);
            fresh.check_running()?;
            return run;
        }
        let instance = self.instance.as_mut().map_err(|error| io::Error::other(error.clone()))?;
        let run = measure::run(workload.load, instance, service, round, tools, conditions);
        // That it has ended says more than what its clients saw of it.
        instance.check_running()?;
        run
    }

    /// System calls an operation; none without a proxy.
    fn count(&self, workload: &Workload, tools: &Tools, counter: Counter) -> io::Result<Option<f64>> {
        let Ok(instance) = &self.instance else { return Ok(None) };
        let Some(process) = instance.process() else { return Ok(None) };
        let address = instance.address(workload.load.service())?;
        let counting = counter.start(process, &tools.folder)?;
        // Without a warm-up, all that is counted belongs to operations that are.
        let conditions = Conditions { warm_up: Duration::ZERO, duration: COUNTED };
        let outcome = measure::drive(workload.load, address, Some(process), tools, conditions, &mut ());
        let calls = counting.finish()?;
        Ok(Some(calls / outcome?.operations))
    }
}

/// Counts system calls in a run of its own, and notes them with the last run that was measured.
fn count_into(target: &mut Target, slot: &Slot, workload: &Workload, tools: &Tools, counter: Counter) {
    let Some(run) = target.runs.last_mut().filter(|_| target.failure.is_none()) else { return };
    match slot.count(workload, tools, counter) {
        Ok(syscalls) => run.syscalls = syscalls,
        Err(error) => eprintln!("  {:16} system calls were not counted: {error}", target.name),
    }
}

/// A fifth of the time warms up.
fn conditions(seconds: f64) -> Conditions {
    let duration = Duration::from_secs_f64(seconds);
    Conditions { warm_up: duration / 5, duration }
}

/// Places in the order of a round, counted from 1.
fn rotation(count: usize, round: u32) -> impl Iterator<Item = usize> {
    let first = usize::try_from(round.saturating_sub(1)).unwrap_or_default().checked_rem(count).unwrap_or_default();
    (first..count).chain(0..first)
}

/// A run in a line.
fn told(target: &str, operation: &str, run: &Run) -> String {
    let mut line = format!("{target:16}{:12.1} {}/s", run.operations / run.seconds, plural(operation));
    if let Some(cpu) = run.cpu_seconds {
        let micros = cpu / run.operations * 1e6;
        // A gigabyte takes tenths of a second, a message some microseconds.
        let cost = if micros < 1e4 { format!("{micros:.2} us") } else { format!("{:.1} ms", micros / 1e3) };
        line.push_str(&format!("{cost:>12} CPU each"));
    }
    if let Some(latency) = &run.latency_us {
        line.push_str(&format!("   p50 {:.0} p99 {:.0} us", latency.p50, latency.p99));
    }
    if let Some(bytes) = run.bytes_per_connection {
        line.push_str(&format!("{bytes:12.0} B a connection"));
    }
    line
}

fn plural(operation: &str) -> String {
    if operation == "GB" { operation.to_owned() } else { format!("{operation}s") }
}

/// A folder for configurations and logs, removed at the end.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("spliceway-loadtest-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it harms nobody.
        fs::remove_dir_all(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_begins_with_the_next_target() {
        let order = |round| rotation(3, round).collect::<Vec<_>>();
        assert_eq!(order(1), [0, 1, 2]);
        assert_eq!(order(2), [1, 2, 0]);
        assert_eq!(order(3), [2, 0, 1]);
        assert_eq!(order(4), [0, 1, 2]);
        assert_eq!(rotation(0, 2).count(), 0);
    }

    #[test]
    fn a_run_is_told_in_units_that_suit_it() {
        let run = |operations, cpu| Run {
            round: 1,
            operations,
            seconds: 2.0,
            cpu_seconds: Some(cpu),
            latency_us: None,
            syscalls: None,
            bytes_per_connection: None,
            context_switches: None,
        };
        let line = told("nginx", "round trip", &run(100_000.0, 1.5));
        assert_eq!(line, "nginx                50000.0 round trips/s    15.00 us CPU each");
        assert_eq!(told("nginx", "GB", &run(4.0, 1.5)), "nginx                    2.0 GB/s    375.0 ms CPU each");
    }

    fn plan(targets: &[Kind], workloads: &[&str], require_all: bool) -> Plan {
        let names: Vec<_> = workloads.iter().map(|&name| name.to_owned()).collect();
        let workloads = crate::workload::select(&crate::workload::all(10), &names).unwrap();
        Plan { rounds: 1, seconds: 1.0, targets: targets.to_vec(), workloads, require_all, out: PathBuf::new() }
    }

    #[test]
    fn missing_programs_leave_out_what_needs_them() {
        let mut some = plan(&[Kind::Direct, Kind::HaproxySplice, Kind::Envoy], &["W1a", "W3", "ghz"], false);
        let notes = leave_out_what_is_missing(&mut some, &Peers::default()).unwrap();
        assert_eq!(some.targets, [Kind::Direct]);
        assert_eq!(some.workloads.iter().map(|workload| workload.name).collect::<Vec<_>>(), ["W3"]);
        assert_eq!(notes.len(), 5);
        assert_eq!(notes[0], "haproxy is missing and left out: apt-get install haproxy");
    }

    #[test]
    fn missing_programs_are_an_error_where_all_are_required() {
        let mut all = plan(&[Kind::Direct, Kind::Nginx], &["W3"], true);
        assert!(leave_out_what_is_missing(&mut all, &Peers::default()).is_err());
        let mut none = plan(&[Kind::Nginx], &["W3"], false);
        assert!(leave_out_what_is_missing(&mut none, &Peers::default()).is_err());
        let mut fine = plan(&[Kind::Direct, Kind::TokioCopy], &["W3", "W4"], true);
        assert_eq!(leave_out_what_is_missing(&mut fine, &Peers::default()).unwrap(), [""; 0]);
    }
}
