//! A million short connections: does everything that the proxy opened come back?
//!
//! Descriptors must be as many as before the first connection. Memory may grow by 2 MiB after a warm-up, which is what
//! an allocator's own order costs; a leak of three bytes a connection is more.

use std::io;
use std::time::{Duration, Instant};

use crate::compare::{Folder, backends};
use crate::load::churn::Churn;
use crate::load::number;
use crate::namespace;
use crate::process::usage::{descriptors, settled_private_bytes};
use crate::process::{POLL_INTERVAL, end_all_on_signal, raise_descriptor_limit};
use crate::target::peers::Peers;
use crate::target::{Instance, Kind};
use crate::workload::Service;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// Connections after the warm-up.
    pub connections: u64,
    /// Ours, on one of its engines.
    pub target: Kind,
}

const WARM_UP_CONNECTIONS: u64 = 20_000;
const AT_A_TIME: usize = 32;
const GROWTH_MAX_BYTES: f64 = 2.0 * 1024.0 * 1024.0;
/// How long the last connections may take to be closed on the proxy's side.
const CLOSING_LIMIT: Duration = Duration::from_secs(10);

/// Runs it. True if everything came back.
///
/// # Errors
///
/// A connection failed, or nothing could be started.
pub fn run(soak: Soak) -> io::Result<bool> {
    let peers = Peers::find();
    if namespace::is_inside() {
        namespace::furnish()?.iter().for_each(|note| eprintln!("{note}"));
    } else {
        backends::build_ours(&peers)?;
        eprintln!("{}", namespace::enter());
    }
    raise_descriptor_limit();
    let folder = Folder::new()?;
    end_all_on_signal(folder.path().to_owned())?;
    let (_programs, addresses) = backends::start(&[Service::Echo], &peers, folder.path())?;
    let mut instance = Instance::start(soak.target, &peers, &addresses, folder.path())?;
    let process = instance.process().ok_or_else(|| io::Error::other("without a proxy nothing can be left open"))?;
    let address = instance.address(Service::Echo)?;
    let churn = Churn { at_a_time: AT_A_TIME };

    // The probe that saw it listen is closed by now, or soon.
    let at_start = settled_descriptors(process, 0)?;
    churn.count(address, WARM_UP_CONNECTIONS, &mut |_| {})?;
    settled_descriptors(process, at_start.0)?;
    let warm_bytes = settled_private_bytes(process)?;
    let mut told = 0;
    let outcome = churn.count(address, soak.connections, &mut |closed| {
        if closed / PROGRESS_CONNECTIONS > told {
            told = closed / PROGRESS_CONNECTIONS;
            eprintln!("{closed} connections");
        }
    })?;
    instance.check_running()?;
    let at_end = settled_descriptors(process, at_start.0)?;
    let grown = settled_private_bytes(process)? - warm_bytes;

    println!("{} connections, {:.0} a second", outcome.operations, outcome.operations / outcome.seconds);
    println!("descriptors: {} at start, {} at the end; pipes: {} and {}", at_start.0, at_end.0, at_start.1, at_end.1);
    println!(
        "private memory: {:.0} KiB after {WARM_UP_CONNECTIONS} connections, then {:+.0} KiB",
        warm_bytes / 1024.0,
        grown / 1024.0
    );
    let came_back = at_end == at_start && grown <= GROWTH_MAX_BYTES;
    println!("{}", if came_back { "everything came back" } else { "NOT everything came back" });
    Ok(came_back && outcome.operations >= number(soak.connections))
}

const PROGRESS_CONNECTIONS: u64 = 100_000;

/// The proxy's descriptors and pipes, once they are no more than expected or no longer become fewer.
fn settled_descriptors(process: u32, expected: usize) -> io::Result<(usize, usize)> {
    let deadline = Instant::now() + CLOSING_LIMIT;
    let mut last = descriptors(process)?;
    let mut same_since = Instant::now();
    while last.0 > expected && Instant::now() < deadline && same_since.elapsed() < Duration::from_secs(1) {
        std::thread::sleep(POLL_INTERVAL);
        let now = descriptors(process)?;
        if now != last {
            last = now;
            same_since = Instant::now();
        }
    }
    Ok(last)
}
