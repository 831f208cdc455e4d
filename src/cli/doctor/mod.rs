//! `spliceway doctor`: what this host allows, before somebody runs Spliceway on it or when it is slow.
//!
//! It reads, tries and tells, and never changes anything: no limit is raised, no setting written, no packet sent. Each
//! topic is a file: it reads its facts, and a pure function judges them, so that every host can be played in a test.
//! Wherever a number of `run` is told (shards, descriptors, the engine), it is made as `run` makes it.

mod descriptors;
mod engine;
mod finding;
mod json;
mod machine;
mod network;
mod pipes;
mod text;

use std::io::{self, Write};
use std::process::ExitCode;

use self::finding::{Finding, Report, Verdict};
use self::text::Palette;

/// Tell what this host allows, which engine `run` would choose here, and what to do about it.
///
/// Nothing is changed. Each finding is ok, a note (it costs speed, or is worth knowing) or a problem (it keeps clients
/// out). Run it as the user, and in the container or service, that Spliceway is to run in: most limits are theirs. Ends
/// with 0 if Spliceway can run here, else with 1.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = "\
Examples:
  spliceway doctor
  spliceway doctor --json | jq -r .engine                     io_uring, epoll or null
  docker run --rm IMAGE spliceway doctor                      the container's view")]
pub struct DoctorArgs {
    /// Print one JSON object in place of text.
    #[arg(long)]
    pub json: bool,
}

/// Writes the report to `out`; 0 if Spliceway can run here, 1 if it cannot, or if nothing can be written.
pub fn run(args: &DoctorArgs, out: &mut dyn Write) -> ExitCode {
    let report = examine();
    let text = if args.json { json::render(&report) } else { text::render(&report, Palette::of_standard_output()) };
    match write(&text, out) {
        Ok(()) if report.verdict.engine().is_some() => ExitCode::SUCCESS,
        Ok(()) | Err(_) => ExitCode::FAILURE,
    }
}

fn write(text: &str, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn examine() -> Report {
    let machine = machine::Facts::read();
    let (engine, verdict) = engine::judge(&engine::Facts::read(machine.shards));
    let (descriptors, too_few) = descriptors::judge(descriptors::read(), machine.shards);
    let network = network::judge(&network::Facts::read());
    let pipes = pipes::judge(&pipes::Facts::read());
    let findings: Vec<Finding> =
        engine.into_iter().chain(machine::judge(&machine)).chain([descriptors]).chain(network).chain([pipes]).collect();
    Report { findings, verdict: worse(verdict, too_few) }
}

/// What the engine allows, unless something else forbids it.
fn worse(verdict: Verdict, other: Option<Verdict>) -> Verdict {
    match verdict {
        Verdict::Refused(_) => verdict,
        Verdict::IoUring | Verdict::Epoll(_) => other.unwrap_or(verdict),
    }
}
