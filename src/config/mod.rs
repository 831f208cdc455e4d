//! File, environment and flags become validated types here; no string survives.
//!
//! ```text
//! file.rs (TOML) ──┐  typed values      validate.rs
//!                  ├─► with places ───► references, rules ──► Config, or every error at once
//! flags.rs ────────┘  (draft.rs)                              (diagnostic.rs)
//! ```
//!
//! Reading opens no listener and sends no traffic but name resolution, so `check` sees exactly what a start
//! would see. What a [`Config`] holds needs no further test: addresses are resolved, references are indices, durations
//! are in bounds, matches are parsed.

mod address;
mod diagnostic;
mod draft;
mod duration;
mod expand;
mod file;
mod flags;
#[cfg(test)]
mod golden;
mod keys;
mod limits;
mod sample;
mod section;
mod settings;
mod tap;
mod validate;
mod watch;

use std::{
    fmt, fs, io,
    net::{SocketAddr, ToSocketAddrs},
    num::{NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ipnet::IpNet;

pub(crate) use self::diagnostic::Listing;
pub use self::{
    diagnostic::{ConfigError, Diagnostic, Severity},
    flags::Flags,
    settings::OwnSettings,
    tap::Tap,
};
use self::{
    diagnostic::{Diagnostics, Source},
    section::Reader,
};
use crate::{
    limits::Limits,
    route::{Pool, PoolId, Table},
};

/// Everything that a start needs to know.
#[derive(Debug)]
pub struct Config {
    /// How many cores to use; `None`: all that the process may use.
    pub shards: Option<NonZeroUsize>,
    /// Whether a shard's threads stay on one CPU; `None`: unless a quota grants less time than the CPUs have.
    pub pin: Option<bool>,
    /// What shards wait with.
    pub engine: EngineChoice,
    /// What a connection may cost before it is routed.
    pub limits: Limits,
    /// What is done with sampled connections.
    pub tap: Tap,
    /// How to log; `None`: pretty on a terminal, else JSON.
    pub log: Option<LogFormat>,
    /// At least one, names unique, in the order of the file.
    pub listeners: Vec<Listener>,
    /// The routes of all listeners, in the order of the file.
    pub routes: Arc<Table>,
    /// What a [`PoolId`] indexes; each has a backend.
    pub pools: Vec<Pool>,
    /// What works but is hardly meant, in the order of the file.
    pub warnings: Vec<Diagnostic>,
}

impl Config {
    /// Reads a file, with this process's environment and resolver.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it; the file's name in messages is `path` as given.
    pub fn from_file(path: &Path) -> Result<Config, ConfigError> {
        let name = path.display().to_string();
        match read_file(path) {
            Ok(text) => Config::from_text(&name, &text, &|variable| std::env::var(variable).ok()),
            Err((message, help)) => {
                let mut diagnostics = Diagnostics::new(Source::new(name, ""));
                diagnostics.error_without_place(message).help(help);
                finish(None, diagnostics)
            }
        }
    }

    /// Reads the text of a file that is called `name` in messages. `env` answers for environment variables.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn from_text(name: &str, text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        Config::from_text_in(name, text, &Surroundings { variable: env, resolve: &resolve })
    }

    /// Makes a configuration of one listener and one pool.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the flags.
    pub fn from_flags(flags: Flags) -> Result<Config, ConfigError> {
        let surroundings = Surroundings { variable: &|_| None, resolve: &resolve };
        let (draft, mut diagnostics) = flags::read(&flags, &surroundings);
        let config = draft.and_then(|draft| validate::validate(draft, &mut diagnostics));
        diagnostics.rename(flags::KEYS);
        finish(config, diagnostics)
    }

    fn from_text_in(name: &str, text: &str, surroundings: &Surroundings<'_>) -> Result<Config, ConfigError> {
        let diagnostics = Diagnostics::new(Source::new(name, text));
        let mut reader = Reader { text, surroundings, diagnostics };
        let draft = file::read(&mut reader);
        let mut diagnostics = reader.diagnostics;
        let config = draft.and_then(|draft| validate::validate(draft, &mut diagnostics));
        finish(config, diagnostics)
    }
}

/// Where connections come in, and what is done before they are routed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Unique. In matches and log lines.
    pub name: String,
    /// At least one.
    pub binds: Vec<Bind>,
    /// Whether the first bytes are looked at.
    pub detect: Detect,
    /// Whether a PROXY protocol header comes first. `Off` if one of `binds` is a unix socket.
    pub proxy_protocol: ProxyProtocol,
    /// What a client hears first that waits for SETTINGS.
    pub settings: OwnSettings,
    /// Whose PROXY headers are believed. Empty: everyone's, which only `Required` allows.
    pub trusted: Vec<IpNet>,
    /// Whether a first request of HTTP/1.1 may ask to go on in HTTP/2.
    pub h2c_upgrade: H2cUpgrade,
    /// Of how many connections one is decoded; `None`: none is.
    pub sample: Option<NonZeroU64>,
    /// Whether requests behind the first one are looked at; `None`: they are not.
    pub watch: Option<Watching>,
    /// Where a connection goes that no route matches; `None`: it is refused.
    pub default_pool: Option<PoolId>,
}

/// Where a listener binds. Its `Display` is as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Bind {
    /// One address. Port 0 is a free port.
    Inet(SocketAddr),
    /// Every IPv6 and IPv4 address: one dual-stack socket.
    Wildcard {
        /// 0 is a free port.
        port: u16,
    },
    /// The path of a unix socket, absolute, at most 107 bytes.
    Unix(PathBuf),
}

impl Bind {
    fn is_free_port(&self) -> bool {
        matches!(self, Bind::Wildcard { port: 0 }) || matches!(self, Bind::Inet(address) if address.port() == 0)
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bind::Inet(address) => address.fmt(f),
            Bind::Wildcard { port } => write!(f, ":{port}"),
            Bind::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Whether a listener looks at the first bytes of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detect {
    /// They decide: HTTP/2, HTTP/1, TLS, or neither.
    #[default]
    Auto,
    /// They are not waited for, so that the backend may speak first.
    None,
}

/// What a listener does about a PROXY protocol header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProxyProtocol {
    /// None is looked for; one that comes is payload.
    #[default]
    Off,
    /// Trusted peers may send one.
    Optional,
    /// Every connection begins with one.
    Required,
}

impl ProxyProtocol {
    fn word(self) -> &'static str {
        match self {
            ProxyProtocol::Off => "off",
            ProxyProtocol::Optional => "optional",
            ProxyProtocol::Required => "required",
        }
    }
}

/// What a listener does about `Upgrade: h2c` in the first request of an HTTP/1.1 connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum H2cUpgrade {
    /// The backend decides. Nothing is lost by it: the connection is routed either way, and no later request is looked
    /// at, be it HTTP/1.1 or HTTP/2.
    #[default]
    Allow,
    /// The request is refused.
    Deny,
}

/// How a listener looks at the requests behind the first one of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watching {
    /// What a request does that belongs elsewhere, beside being counted.
    pub on_mismatch: OnMismatch,
    /// The age at which the client is asked to connect anew; `None`: it is not.
    pub max_connection_age: Option<Duration>,
}

/// What a listener does about a request that belongs elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMismatch {
    /// Counts it.
    #[default]
    Count,
    /// Asks the client to connect anew.
    Goaway,
    /// Keeps it from the backend and ends the connection.
    Close,
}

/// What shards wait with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum EngineChoice {
    /// io_uring, or epoll on a host that refuses it.
    #[default]
    Auto,
    /// io_uring or nothing.
    #[value(name = "io_uring")]
    IoUring,
    /// epoll.
    Epoll,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// What a configuration depends on beside its text.
struct Surroundings<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    resolve: address::Resolve<'a>,
}

fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

fn read_file(path: &Path) -> Result<String, (String, &'static str)> {
    let bytes = fs::read(path).map_err(|error| {
        let help = if error.kind() == io::ErrorKind::PermissionDenied {
            "let the user that runs this read it"
        } else {
            "check the path; a relative one begins at the directory that the command was started in"
        };
        (format!("cannot be read: {error}"), help)
    })?;
    utf8(bytes)
}

fn utf8(bytes: Vec<u8>) -> Result<String, (String, &'static str)> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
        (format!("line {line} is not UTF-8 (byte {valid} of the file)"), "TOML is UTF-8; save the file so")
    })
}

fn finish(config: Option<Config>, diagnostics: Diagnostics) -> Result<Config, ConfigError> {
    let (config, warnings) = diagnostics.finish(config)?;
    Ok(Config { warnings, ..config })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_utf8_is_located() {
        assert_eq!(utf8(b"a = 1\n".to_vec()), Ok("a = 1\n".to_owned()));
        let (message, _) = utf8(b"a = 1\nb = \"\xff\"\n".to_vec()).unwrap_err();
        assert_eq!(message, "line 2 is not UTF-8 (byte 11 of the file)");
    }

    #[test]
    fn the_process_environment_and_resolver_are_used() {
        let text = "[[listener]]\nbind = \"127.0.0.1:0\"\ndefault_pool = \"a\"\n\
                    [[pool]]\nname = \"a\"\nbackends = \"localhost:${PORT}\"\n";
        let port = |name: &str| (name == "PORT").then(|| "7".to_owned());
        let config = Config::from_text("a.toml", text, &port).unwrap();
        assert!(!config.pools[0].backends.is_empty());
        assert!(Config::from_text("a.toml", text, &|_| None).is_err());
    }

    #[test]
    fn binds_are_shown_as_the_file_has_them() {
        assert_eq!(Bind::Inet("[::1]:80".parse().unwrap()).to_string(), "[::1]:80");
        assert_eq!(Bind::Wildcard { port: 80 }.to_string(), ":80");
        assert_eq!(Bind::Unix("/run/x.sock".into()).to_string(), "unix:/run/x.sock");
    }
}
