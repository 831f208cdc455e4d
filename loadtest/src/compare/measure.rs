//! One run: a load through a target, between two looks at what the proxy has used.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::load::ghz::Tools as GhzTools;
use crate::load::idle::Idle;
use crate::load::ping_pong::Until;
use crate::load::{Conditions, Outcome, Window, beside};
use crate::process::usage::{Usage, usage};
use crate::results::Run;
use crate::target::Instance;
use crate::target::peers::{Peers, root};
use crate::workload::{Load, Service};

/// What loads need besides a target.
#[derive(Clone, Debug)]
pub struct Tools {
    /// h2load.
    pub h2load: PathBuf,
    /// ghz.
    pub ghz: PathBuf,
    /// Folder of the gRPC service's description.
    pub protos: PathBuf,
    /// For files of a run.
    pub folder: PathBuf,
    /// Calls a second of an open loop.
    pub rate: Option<f64>,
}

impl Tools {
    /// Those that were found; a workload whose tool is missing has been left out.
    pub fn new(peers: &Peers, folder: &Path) -> Self {
        Self {
            h2load: peers.h2load.clone().unwrap_or_default(),
            ghz: peers.ghz.clone().unwrap_or_default(),
            protos: root().join("tests/interop/proto"),
            folder: folder.to_owned(),
            rate: None,
        }
    }
}

/// What a proxy uses between the ends of a window.
struct Meter {
    process: Option<u32>,
    opened: Option<Usage>,
    used: Option<Usage>,
}

impl Meter {
    fn read(&self) -> Option<Usage> {
        // A proxy that has ended is noticed after the run.
        usage(self.process?).ok()
    }
}

impl Window for Meter {
    fn open(&mut self) {
        self.opened = self.read();
    }

    fn close(&mut self) {
        self.used = self.read().zip(self.opened).map(|(now, before)| now - before);
    }
}

/// Runs a load through an instance.
///
/// # Errors
///
/// Any error that a client saw, or a wrong byte.
pub fn run(
    load: Load,
    instance: &Instance,
    service: Service,
    round: u32,
    tools: &Tools,
    conditions: Conditions,
) -> io::Result<Run> {
    let mut meter = Meter { process: instance.process(), opened: None, used: None };
    let address = instance.address(service)?;
    let outcome = drive(load, address, meter.process, tools, conditions, &mut meter)?;
    // What was used belongs to these operations alone.
    let used = meter.used.filter(|_| is_countable(load));
    Ok(Run {
        round,
        operations: outcome.operations,
        seconds: outcome.seconds,
        cpu_seconds: used.map(|used| used.cpu_seconds),
        latency_us: outcome.latency,
        syscalls: None,
        bytes_per_connection: outcome.bytes_per_connection,
        context_switches: used.map(|used| used.context_switches / outcome.operations),
    })
}

/// Makes the load, and tells what it saw.
///
/// # Errors
///
/// Any error that a client saw, or a wrong byte.
pub fn drive(
    load: Load,
    address: SocketAddr,
    process: Option<u32>,
    tools: &Tools,
    conditions: Conditions,
    window: &mut dyn Window,
) -> io::Result<Outcome> {
    match load {
        Load::H2load(h2load) => h2load.run(&tools.h2load, address, conditions, &tools.folder, window),
        Load::PingPong(ping_pong) => ping_pong.run(address, conditions, Until::TimeIsOver, window),
        Load::Bulk(bulk) => bulk.run(address, conditions, window),
        Load::Churn(churn) => churn.run(address, conditions, window),
        Load::ChurnBeside(churn, busy) => beside::run(churn, busy, address, conditions, window),
        Load::Idle(idle) => idle_through(idle, address, process),
        Load::Ghz(ghz, share) => {
            if share.is_some() && tools.rate.is_none() {
                return Err(io::Error::other("without a rate of direct there is no share of it"));
            }
            let tools_of_ghz = GhzTools { program: &tools.ghz, protos: &tools.protos, folder: &tools.folder };
            ghz.run(tools_of_ghz, address, share.and(tools.rate), conditions, window)
        }
    }
}

/// Whether all that a proxy does meanwhile belongs to the operations.
pub fn is_countable(load: Load) -> bool {
    !matches!(load, Load::Idle(_) | Load::ChurnBeside(..))
}

fn idle_through(idle: Idle, address: SocketAddr, process: Option<u32>) -> io::Result<Outcome> {
    let process = process.ok_or_else(|| io::Error::other("without a proxy there is no memory of it"))?;
    idle.run(address, process)
}
