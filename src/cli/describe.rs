//! `spliceway describe`: every byte of every connection explained.

use std::cell::Cell;
use std::io::{self, Write};
use std::net::Ipv6Addr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use super::{foreground, terminal};
use crate::config::{Config, EngineChoice, Flags, LogFormat, ProxyProtocol};
use crate::log::{ConnectionId, Log};
use crate::proxy::Proxy;
use crate::shard::BoundAddress;
use crate::tap::explainer::{Explainer, Form, Sink};
use crate::tap::protobuf::{SchemaArgs, Sources};
use crate::tap::render::pretty::Look;
use crate::tap::render::{Palette, classic};

/// Relay every connection and explain every byte of it on standard output.
///
/// A debugging tool, to stand between a client and a backend for a while: it takes a PROXY protocol header from anyone
/// who sends one, and shows what the connections carry. Notes go to standard error.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spliceway describe --listen :24909 --backend localhost:50051 --reflect --format pretty
  spliceway describe --listen :24909 --backend localhost:50051 --proto users.proto -I protos
  spliceway describe --server-port 8080                       as tcp-h2-describe: port 24909 to localhost:8080")]
pub struct DescribeArgs {
    /// Listen here: "192.0.2.1:8080", ":8080" for every address, or "unix:/run/x.sock". Default: the --proxy-port.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "proxy_port")]
    pub listen: Option<String>,
    /// Send connections here: "10.0.0.5:50051" or "name:50051". Default: the --server-host and --server-port.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["server_host", "server_port"])]
    pub backend: Option<String>,
    /// Listen on this port of every address.
    #[arg(long, value_name = "PORT", default_value_t = 24909)]
    pub proxy_port: u16,
    /// The backend's host.
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub server_host: String,
    /// The backend's port.
    #[arg(long, value_name = "PORT", default_value_t = 80)]
    pub server_port: u16,
    /// How the text looks.
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Format::Classic)]
    pub format: Format,
    /// Show the bytes of each element, too, with their offsets (pretty; classic always does).
    #[arg(long)]
    pub hex: bool,
    /// Show the values of authorization, cookie, set-cookie, *-token and of fields marked debug_redact.
    #[arg(long)]
    pub show_secrets: bool,
    /// What to wait with. "auto" is io_uring, or epoll on a host that refuses it.
    #[arg(long, value_enum, value_name = "ENGINE", default_value = "auto")]
    pub engine: EngineChoice,
    /// Where the types of messages come from.
    #[command(flatten)]
    pub schemas: SchemaArgs,
}

/// How the text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The layout of tcp-h2-describe, every byte printed once.
    Classic,
    /// For a terminal of 100 columns, coloured by direction.
    Pretty,
}

impl Format {
    /// The form, coloured if the terminal at standard output has colours.
    pub(super) fn form(self, hex: bool) -> Form {
        match self {
            Format::Classic => Form::Classic,
            Format::Pretty => {
                let palette = if terminal::has_colour() { Palette::COLOUR } else { Palette::PLAIN };
                Form::Pretty(Look { palette, hex })
            }
        }
    }
}

/// Describes until a signal; 0 after an orderly end, 1 if it cannot start.
pub fn run(args: &DescribeArgs) -> ExitCode {
    foreground::exit_code(describe(args))
}

fn describe(args: &DescribeArgs) -> Result<(), String> {
    let backend = args.backend.clone().unwrap_or_else(|| server(&args.server_host, args.server_port));
    let config = Config::from_flags(flags(args, &backend)).map_err(|error| error.to_string())?;
    let sources = Sources::open(&args.schemas, &backend).map_err(|error| format!("error: {error}"))?;
    let (log, writer) = Log::start(LogFormat::Pretty, io::stderr(), io::stderr())
        .map_err(|error| format!("error: cannot start the log: {error}"))?;
    let form = args.format.form(args.hex);
    let explainer = Explainer::new(StandardOutput, form, sources, backend.clone())
        .show_secrets(args.show_secrets)
        .notes_to(log.clone());
    let port = Cell::new(None);
    // Who connects at once is shown all the same behind the announcement.
    let gate = Cell::new(Some(io::stdout().lock()));
    let started = |proxy: &Proxy| {
        port.set(proxy.addresses().iter().find_map(BoundAddress::port));
        let text = announcement(form, port.get(), |text, port| classic::starting(text, port, &backend));
        // If nobody reads, the explainer finds out, too.
        drop(gate.take().map(|mut out| out.write_all(text.as_bytes()).and_then(|()| out.flush())));
    };
    let stopping = || say(announcement(form, port.get(), classic::stopping));
    let served = foreground::serve(config, &log, Some(Box::new(explainer)), started, stopping);
    writer.finish();
    served
}

/// A host is not written with its port, so an IPv6 address does not need brackets there.
fn server(host: &str, port: u16) -> String {
    if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The flags of a proxy that samples every connection, on one shard: blocks then come in the order of their bytes.
fn flags(args: &DescribeArgs, backend: &str) -> Flags {
    let listen = args.listen.clone().unwrap_or_else(|| format!(":{}", args.proxy_port));
    // A Unix socket cannot be waited on for the rest of a header, so none is looked for there.
    let is_unix = listen.starts_with("unix:");
    let proxy_protocol = (!is_unix).then_some(ProxyProtocol::Optional);
    let trusted = if is_unix { Vec::new() } else { vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()] };
    Flags {
        listen: vec![listen],
        backend: vec![backend.to_owned()],
        proxy_protocol,
        trusted,
        shards: Some(NonZeroUsize::MIN),
        engine: Some(args.engine),
        sample: Some(NonZeroU64::MIN),
        log: None,
    }
}

/// The forerunner's announcements, in its form only; a listener without a port has none.
fn announcement(form: Form, port: Option<u16>, announce: impl FnOnce(&mut String, u16)) -> String {
    let mut text = String::new();
    if let (Form::Classic, Some(port)) = (form, port) {
        announce(&mut text, port);
    }
    text
}

/// Says something on standard output. The explainer may hold it for as long as nobody reads; so this is left to a
/// thread, and not waited for to the end.
fn say(text: String) {
    let (written, waiting) = mpsc::channel::<()>();
    let write = move || {
        let mut out = io::stdout().lock();
        drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
        drop(written);
    };
    if std::thread::Builder::new().name("say".to_owned()).spawn(write).is_ok() {
        // Whether it was written in time changes nothing.
        waiting.recv_timeout(SAY_DEADLINE).unwrap_or_default();
    }
}

/// Blocks for whoever reads standard output. A slow reader costs samples, a dead one ends them; the traffic goes on.
pub(super) struct StandardOutput;

impl Sink for StandardOutput {
    fn block(&mut self, _connection: ConnectionId, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

/// Time for words that nobody may read.
const SAY_DEADLINE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::server;

    #[test]
    fn a_host_of_ipv6_needs_no_brackets() {
        assert_eq!(server("::1", 80), "[::1]:80");
        assert_eq!(server("[::1]", 80), "[::1]:80");
        assert_eq!(server("192.0.2.1", 80), "192.0.2.1:80");
        assert_eq!(server("localhost", 24909), "localhost:24909");
    }
}
