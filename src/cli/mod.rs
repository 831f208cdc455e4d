//! The command line: one file a command.

pub mod check;
pub mod demo;
pub mod describe;
pub mod doctor;
mod foreground;
pub mod run;
mod terminal;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Routes each connection by its first bytes, then gets out of the way.
///
/// Accepts connections, takes off a PROXY protocol header, reads up to the first request (HTTP/2, HTTP/1) or the end of
/// the ClientHello (TLS), chooses a backend by it, the header or the client's address, and relays the bytes as they are.
/// With `watch` it reads later requests of HTTP/2, too.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  spliceway demo                                              see one connection from end to end
  spliceway run --listen :8080 --backend 10.0.0.5:50051       one backend, no file
  spliceway run --config spliceway.toml                       everything else
  spliceway describe --backend localhost:50051 --reflect      every byte explained
  spliceway check --config spliceway.toml                     is this file good?
  spliceway doctor                                            is this host good?"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::RunArgs>),
    Check(check::CheckArgs),
    Describe(describe::DescribeArgs),
    Demo(demo::DemoArgs),
    Doctor(doctor::DoctorArgs),
}

/// Parses the command line, runs the command and returns the exit code: 0 for success, 1 for failure, 2 for a command
/// line that makes no sense.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => run::run(*args),
        Command::Check(args) => check::run(&args.config, args.strict, &mut io::stdout(), &mut io::stderr()),
        Command::Describe(args) => describe::run(&args),
        Command::Demo(args) => demo::run(&args, &mut io::stdout()),
        Command::Doctor(args) => doctor::run(&args, &mut io::stdout()),
    }
}
