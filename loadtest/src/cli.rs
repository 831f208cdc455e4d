//! The command line.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::compare::{self, Plan};
use crate::serve::tokio_copy::Forward;
use crate::soak::Soak;
use crate::target::Kind;
use crate::target::peers::Peers;
use crate::{serve, soak, workload};

/// Load tests of Spliceway beside other proxies.
#[derive(Parser, Debug)]
#[command(name = "loadtest")]
struct Arguments {
    #[command(subcommand)]
    command: Order,
}

#[derive(Subcommand, Debug)]
enum Order {
    /// Compare targets under load, in interleaved rounds
    Compare(CompareArguments),
    /// Open and close many short connections through Spliceway; fails if anything stays open
    Soak(SoakArguments),
    /// List the foreign programs that are there, and how to install the missing ones
    Peers,
    /// Serve as a backend or as a proxy until ended; the other commands start this
    Serve(ServeArguments),
}

#[derive(Args, Debug)]
struct CompareArguments {
    /// How often every target runs every workload
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Targets, all but spliceway-unpinned if none are named
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    targets: Vec<String>,
    /// Workloads or families of them (`W4`, `ghz`), all if none are named
    #[arg(long, value_delimiter = ',', value_name = "W1b,W3")]
    workloads: Vec<String>,
    /// Measured seconds of a run
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Connections of W6
    #[arg(long, default_value_t = 4000)]
    idle: usize,
    /// Fail if a foreign program is missing
    #[arg(long)]
    require_all: bool,
    /// Folder for the results
    #[arg(long, default_value = "loadtest/results", value_name = "DIR")]
    out: PathBuf,
    /// One round of one second with 1,000 idle connections: to see that it works, not for numbers
    #[arg(long, conflicts_with_all = ["rounds", "seconds", "idle"])]
    quick: bool,
}

#[derive(Args, Debug)]
struct SoakArguments {
    /// How many, after a warm-up of 20,000
    #[arg(long, default_value_t = 1_000_000)]
    connections: u64,
    /// Which of the proxy's engines
    #[arg(long, value_enum, default_value_t = Engine::IoUring)]
    engine: Engine,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Engine {
    #[value(name = "io_uring")]
    IoUring,
    Epoll,
}

#[derive(Args, Debug)]
struct ServeArguments {
    #[command(subcommand)]
    server: Server,
}

#[derive(Subcommand, Debug)]
enum Server {
    /// Send back what comes
    Echo,
    /// Bulk transfers
    Bulk,
    /// HTTP/2 with prior knowledge
    H2,
    /// A proxy with tokio's `copy_bidirectional`
    TokioCopy {
        /// A listener and the backend behind it; repeatable
        #[arg(long, required = true, value_name = "LISTEN=BACKEND")]
        forward: Vec<Forward>,
    },
}

/// Runs what the command line says. 0: fine; 1: something failed; 2: the command line makes no sense.
pub fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Order::Compare(arguments) => match arguments.plan() {
            Ok(plan) => compare::run(plan),
            Err(error) => {
                eprintln!("loadtest: {error}");
                return ExitCode::from(2);
            }
        },
        Order::Soak(SoakArguments { connections, engine }) => {
            let target = match engine {
                Engine::IoUring => Kind::Spliceway,
                Engine::Epoll => Kind::SplicewayEpoll,
            };
            soak::run(Soak { connections, target })
        }
        Order::Peers => Ok(list_peers()),
        Order::Serve(ServeArguments { server }) => serve(server).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("loadtest: {error}");
            ExitCode::FAILURE
        }
    }
}

impl CompareArguments {
    fn plan(self) -> Result<Plan, String> {
        let (rounds, seconds, idle) = if self.quick { (1, 1.0, 1000) } else { (self.rounds, self.seconds, self.idle) };
        Ok(Plan {
            rounds,
            seconds,
            targets: Kind::select(&self.targets)?,
            workloads: workload::select(&workload::all(idle), &self.workloads)?,
            require_all: self.require_all,
            out: self.out,
        })
    }
}

/// True if nothing is missing.
fn list_peers() -> bool {
    let peers = Peers::find();
    for version in peers.versions() {
        println!("{:12} {}", version.name, version.version);
    }
    let missing = peers.missing();
    for missing in &missing {
        println!("{:12} missing: {}", missing.name, missing.install);
    }
    missing.is_empty()
}

fn serve(server: Server) -> io::Result<()> {
    match server {
        Server::Echo => serve::echo::run(),
        Server::Bulk => serve::bulk::run(),
        Server::H2 => serve::h2::run(),
        Server::TokioCopy { forward } => serve::tokio_copy::run(&forward),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    if (0.1..=3600.0).contains(&seconds) { Ok(seconds) } else { Err("from 0.1 to 3600".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &str) -> Result<Plan, String> {
        let words = ["loadtest", "compare"].into_iter().chain(arguments.split_whitespace());
        let Order::Compare(compare) = Arguments::try_parse_from(words).map_err(|error| error.to_string())?.command
        else {
            return Err("another command".to_owned());
        };
        compare.plan()
    }

    #[test]
    fn a_comparison_is_planned() {
        let chosen = plan("--rounds 2 --seconds 0.5 --targets direct,nginx --workloads W3,W4 --require-all").unwrap();
        assert_eq!((chosen.rounds, chosen.workloads.len(), chosen.require_all), (2, 5, true));
        assert_eq!(chosen.targets, [Kind::Direct, Kind::Nginx]);
        let quick = plan("--quick").unwrap();
        assert_eq!((quick.rounds, quick.targets.len()), (1, 9));
        assert!((quick.seconds - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn nonsense_is_refused() {
        for arguments in ["--rounds 0", "--seconds 0", "--seconds x", "--quick --rounds 2", "--targets apache"] {
            assert!(plan(arguments).is_err(), "{arguments}");
        }
    }
}
