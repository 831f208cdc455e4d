//! `spliceway run`: the proxy in the foreground.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use super::foreground;
use crate::config::{Bind, Config, Flags, LogFormat};
use crate::log::{ConnectionId, Log, Notice};
use crate::sys::cpu;
use crate::tap::explainer::{Explainer, Form, Sink};
use crate::tap::protobuf::{SchemaArgs, Sources};
use crate::tap::reader::Observer;
use crate::tap::render::Palette;
use crate::tap::render::pretty::Look;

/// Run the proxy in the foreground until SIGTERM or SIGINT.
///
/// One summary line for each finished connection goes to standard output, notices go to standard error. The first
/// signal stops accepting and lets connections finish for up to 30 seconds, a second one ends them at once. SIGUSR1 has
/// the counts told.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spliceway run --listen :8080 --backend 10.0.0.5:50051
  spliceway run --listen :8080 --backend a:50051 --backend b:50051 \\
      --proxy-protocol required --trusted 10.0.0.0/8
  spliceway run --config /etc/spliceway.toml --log json")]
pub struct RunArgs {
    /// Read the configuration from this file. --shards, --pin, --engine, --sample and --log may be given beside it.
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["listen", "backend", "proxy_protocol", "trusted"])]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
    /// Show the values of secret fields in samples, too: authorization, cookie, *-token and the like.
    #[arg(long)]
    show_secrets: bool,
    #[command(flatten)]
    schemas: SchemaArgs,
}

/// Runs until a signal; 0 after an orderly end, 1 if the proxy cannot start.
pub fn run(args: RunArgs) -> ExitCode {
    foreground::exit_code(serve(args))
}

fn serve(args: RunArgs) -> Result<(), String> {
    let Flags { shards, pin, engine, sample, log: log_format, .. } = args.flags;
    let mut config = match &args.config {
        Some(path) => Config::from_file(path),
        None => Config::from_flags(args.flags.clone()),
    }
    .map_err(|error| error.to_string())?;
    config.shards = shards.or(config.shards);
    config.pin = pin.or(config.pin);
    config.engine = engine.unwrap_or(config.engine);
    for listener in &mut config.listeners {
        listener.sample = sample.or(listener.sample);
    }
    let format = log_format.or(config.log).unwrap_or_else(default_format);

    let (log, writer) = Log::start(format, io::stdout(), io::stderr())
        .map_err(|error| format!("error: cannot start the log: {error}"))?;
    for warning in &config.warnings {
        log.notice(Notice::Warning { message: warning.headline() });
    }
    warn_of_loopback(&config, &log);
    warn_of_no_samples(&config, &args, &log);
    let observer = observer(&config, &args.schemas, args.show_secrets, &log)?;
    let served = foreground::serve(config, &log, observer, |_| {}, || {});
    writer.finish();
    served
}

/// Who explains the sampled connections, if any listener has some sampled.
fn observer(
    config: &Config,
    schemas: &SchemaArgs,
    show_secrets: bool,
    log: &Log,
) -> Result<Option<Box<dyn Observer>>, String> {
    if config.listeners.iter().all(|listener| listener.sample.is_none()) {
        return Ok(None);
    }
    let pool = config.pools.first();
    let backend = pool.and_then(|pool| pool.backends.first());
    let backend = backend.map(|backend| backend.address.to_string()).unwrap_or_default();
    let sources = Sources::open_introduced(schemas, &backend, pool.and_then(|pool| pool.send_proxy));
    let sources = sources.map_err(|error| format!("error: {error}"))?;
    let form = Form::Pretty(Look { palette: Palette::PLAIN, hex: false });
    let explainer = Explainer::new(LogLines(log.clone()), form, sources, backend);
    let explainer =
        explainer.show_secrets(show_secrets).setting_names(config.tap.setting_names.clone()).notes_to(log.clone());
    Ok(Some(Box::new(explainer)))
}

/// Blocks as lines of the log, among the summaries.
struct LogLines(Log);

impl Sink for LogLines {
    fn block(&mut self, connection: ConnectionId, text: &str) -> io::Result<()> {
        self.0.sample(connection, text.to_owned());
        Ok(())
    }
}

/// Pretty for people, JSON for machines.
fn default_format() -> LogFormat {
    if io::stdout().is_terminal() { LogFormat::Pretty } else { LogFormat::Json }
}

/// What tells how to explain samples does nothing without any, and not even a wrong file name would be noticed.
fn warn_of_no_samples(config: &Config, args: &RunArgs, log: &Log) {
    let is_sampled = config.listeners.iter().any(|listener| listener.sample.is_some());
    if is_sampled || (!args.show_secrets && args.schemas == SchemaArgs::default()) {
        return;
    }
    let message = "--proto, --protoset, --reflect and --show-secrets have no effect: no connection is sampled; add \
                   --sample 1/N, or set `sample` on a listener";
    log.notice(Notice::Warning { message: message.to_owned() });
}

/// In a container, loopback is the container's own: nobody outside can connect. It is an easy mistake to make and a hard
/// one to see.
fn warn_of_loopback(config: &Config, log: &Log) {
    if !cpu::is_container() {
        return;
    }
    for listener in &config.listeners {
        for bind in &listener.binds {
            if let Bind::Inet(address) = bind
                && address.ip().to_canonical().is_loopback()
            {
                let port = address.port();
                log.notice(Notice::Warning {
                    message: format!(
                        "listener {}: {address} is the loopback interface of this container, out of reach from \
                         outside; use :{port} for every address",
                        listener.name
                    ),
                });
            }
        }
    }
}
