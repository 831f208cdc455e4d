//! `run --listen ADDRESS --backend ADDRESS`: one listener and one pool, without any file.
//!
//! The flags are written out as a line of their own, so that the same rules and the same diagnostics as for a file
//! serve them, with a caret under the flag's value.

use std::{
    num::{NonZeroU64, NonZeroUsize},
    ops::Range,
    sync::Arc,
};

use toml::Spanned;

use super::{
    Detect, EngineChoice, H2cUpgrade, LogFormat, ProxyProtocol, Surroundings, Tap,
    address::{parse_backend, parse_bind, parse_network},
    diagnostic::{Diagnostics, Source},
    draft::{DefaultPool, Draft, ListenerDraft, PoolDraft, WatchDraft},
    file::SHARDS_MAX,
    limits::LimitsDraft,
    sample,
    section::{Reader, Text},
};
use crate::{limits, route::Backend};

/// What the command line says in place of a file.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// Listen here: "192.0.2.1:8080", "name:8080", ":8080" for every address, or "unix:/run/x.sock". Repeatable.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<String>,
    /// Send connections here: "10.0.0.5:50051", "name:50051" or "unix:/run/y.sock". Repeatable.
    #[arg(long, value_name = "ADDRESS")]
    pub backend: Vec<String>,
    /// What to do about a PROXY protocol header before the first byte. "optional" needs --trusted.
    #[arg(long, value_enum, value_name = "POLICY")]
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Believe PROXY headers only from this network or address: "10.0.0.0/8". Repeatable.
    #[arg(long, value_name = "NETWORK")]
    pub trusted: Vec<String>,
    /// How many cores to use. Default: all that this process may use, or its cgroup's CPU quota if that is less.
    #[arg(long, value_name = "COUNT", value_parser = shards)]
    pub shards: Option<NonZeroUsize>,
    /// Whether each shard's threads stay on one CPU. "false" where clients or backends run on the same few CPUs: in a pod
    /// beside a service, on a test machine. Default: true, but false under a CPU quota of fewer CPUs than may be used.
    #[arg(long, value_name = "BOOL")]
    pub pin: Option<bool>,
    /// What to wait with. "auto" is io_uring, or epoll on a host that refuses it. Default: auto.
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub engine: Option<EngineChoice>,
    /// Decode one connection in N: "1/1000", or "1/1" for all.
    #[arg(long, value_name = "1/N", value_parser = sample::of_flag)]
    pub sample: Option<NonZeroU64>,
    /// How to log. Default: pretty on a terminal, else json.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log: Option<LogFormat>,
}

/// As the file's `shards`.
fn shards(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.trim().parse().ok().filter(|count: &NonZeroUsize| count.get() as u64 <= SHARDS_MAX);
    count.ok_or_else(|| format!("it must be a whole number from 1 to {SHARDS_MAX}"))
}

/// The flags as one line, and where in it each value stands.
struct CommandLine {
    text: String,
    listen: Vec<Text>,
    backend: Vec<Text>,
    trusted: Vec<Text>,
    proxy_protocol: Range<usize>,
}

impl CommandLine {
    fn new(flags: &Flags) -> CommandLine {
        let mut text = String::new();
        let mut write = |flag: &str, value: &str| {
            let separator = if text.is_empty() { "" } else { " " };
            text.push_str(&format!("{separator}{flag} {value}"));
            let span = text.len() - value.len()..text.len();
            let subject = format!("flag `{flag}`");
            Text { subject, value: value.to_owned(), verbatim: Some(span.start), span }
        };
        let listen = flags.listen.iter().map(|value| write("--listen", value)).collect();
        let backend = flags.backend.iter().map(|value| write("--backend", value)).collect();
        let proxy_protocol = flags.proxy_protocol.map(|policy| write("--proxy-protocol", policy.word()).span);
        let trusted = flags.trusted.iter().map(|value| write("--trusted", value)).collect();
        CommandLine { listen, backend, trusted, proxy_protocol: proxy_protocol.unwrap_or_default(), text }
    }
}

/// Reads the flags. The source is the command line as far as it matters here.
pub(super) fn read(flags: &Flags, surroundings: &Surroundings<'_>) -> (Option<Draft>, Diagnostics) {
    let line = CommandLine::new(flags);
    let source = Source::new("command line", line.text.as_str());
    let mut reader = Reader { text: &line.text, surroundings, diagnostics: Diagnostics::new(Arc::clone(&source)) };
    for (flag, values, example) in [("--listen", &line.listen, ":8080"), ("--backend", &line.backend, "10.0.0.5:50051")]
    {
        if values.is_empty() {
            let message = format!("flag `{flag}` is missing");
            let diagnostic = reader.diagnostics.error_without_place(message);
            diagnostic.help(format!("give a file with --config, or add {flag} {example}"));
        }
    }
    let draft = draft(flags, &line, &mut reader);
    (Some(draft), reader.diagnostics)
}

fn draft(flags: &Flags, line: &CommandLine, reader: &mut Reader<'_>) -> Draft {
    let resolve = reader.surroundings.resolve;
    let mut binds = Vec::new();
    for text in &line.listen {
        let parsed = reader.parsed(text, |value| parse_bind(value, resolve)).unwrap_or_default();
        binds.extend(parsed.into_iter().map(|bind| Spanned::new(text.span.clone(), bind)));
    }
    let mut backends = Vec::new();
    for text in &line.backend {
        let parsed = reader.parsed(text, |value| parse_backend(value, resolve)).unwrap_or_default();
        backends.extend(parsed.into_iter().map(|address| Backend { address, weight: std::num::NonZeroU32::MIN }));
    }
    let networks: Vec<_> = line.trusted.iter().filter_map(|text| reader.parsed(text, parse_network)).collect();
    let trusted_span = line.trusted.first().map(|text| text.span.clone());
    let whole = 0..line.text.len();
    let pool = Text { subject: String::new(), value: POOL.to_owned(), span: whole.clone(), verbatim: None };
    Draft {
        shards: flags.shards,
        pin: flags.pin,
        engine: flags.engine.unwrap_or_default(),
        log: flags.log,
        limits: LimitsDraft::default(),
        tap: Tap::default(),
        listeners: vec![ListenerDraft {
            name: Spanned::new(whole.clone(), "listener-1".to_owned()),
            binds,
            detect: Detect::Auto,
            proxy_protocol: Spanned::new(line.proxy_protocol.clone(), flags.proxy_protocol.unwrap_or_default()),
            trusted: trusted_span.map(|span| Spanned::new(span, networks)),
            h2c_upgrade: Spanned::new(whole.clone(), H2cUpgrade::Allow),
            sample: flags.sample,
            settings: None,
            watch: WatchDraft::default(),
            default_pool: DefaultPool::Named(pool),
            span: whole.clone(),
        }],
        routes: Vec::new(),
        pools: vec![PoolDraft {
            send_proxy: None,
            name: Some(Spanned::new(whole, POOL.to_owned())),
            backends,
            connect_timeout: limits::CONNECT_TIMEOUT,
            idle_timeout: limits::IDLE_TIMEOUT,
        }],
    }
}

/// What the rules of the file call a value that a flag gives, and the flag.
pub(super) const KEYS: &[(&str, &str)] = &[
    ("key `listener.bind`", "flag `--listen`"),
    ("key `listener.proxy_protocol`", "flag `--proxy-protocol`"),
    ("key `listener.trusted`", "flag `--trusted`"),
    ("`trusted`", "`--trusted`"),
    ("trusted = [\"10.0.0.0/8\"]", "--trusted 10.0.0.0/8"),
    ("while proxy_protocol is", "while --proxy-protocol is"),
    ("set proxy_protocol, or", "give --proxy-protocol, or"),
];

/// The name of the one pool, in log lines.
const POOL: &str = "default";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        config::{Bind, Config},
        route::{Address, PoolId},
    };

    fn flags(listen: &[&str], backend: &[&str]) -> Flags {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Flags { listen: owned(listen), backend: owned(backend), ..Flags::default() }
    }

    #[test]
    fn flags_make_one_listener_and_one_pool() {
        let mut flags = flags(&[":8080", "unix:/run/x.sock"], &["10.0.0.5:50051", "[::1]:50051"]);
        flags.shards = NonZeroUsize::new(3);
        let config = Config::from_flags(flags).unwrap();
        assert_eq!((config.shards, config.pin), (NonZeroUsize::new(3), None));
        assert_eq!(config.listeners.len(), 1);
        assert_eq!(config.listeners[0].binds, [Bind::Wildcard { port: 8080 }, Bind::Unix("/run/x.sock".into())]);
        assert_eq!(config.listeners[0].default_pool, Some(PoolId(0)));
        assert_eq!(config.pools.len(), 1);
        assert_eq!(config.pools[0].backends.len(), 2);
        assert_eq!(config.pools[0].backends[1].address, Address::Inet("[::1]:50051".parse().unwrap()));
        assert_eq!(config.pools[0].connect_timeout, Duration::from_secs(5));
        assert!(config.warnings.is_empty());
    }

    #[test]
    fn a_wrong_value_is_pointed_at_on_the_command_line() {
        let error = Config::from_flags(flags(&[":8080"], &["10.0.0.5"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "command line:1:26: flag `--backend`: \"10.0.0.5\" has no port\n  |\n\
             1 | --listen :8080 --backend 10.0.0.5\n  |                          ^^^^^^^^\n  |\n  \
             = help: write \"192.0.2.1:8080\", \"[2001:db8::1]:8080\", \"name:8080\" or \"unix:/run/x.sock\""
        );
    }

    #[test]
    fn what_is_missing_is_said() {
        let error = Config::from_flags(Flags::default()).unwrap_err();
        let headlines: Vec<_> = error.diagnostics.iter().map(|diagnostic| diagnostic.headline()).collect();
        assert_eq!(
            headlines,
            ["command line: flag `--listen` is missing", "command line: flag `--backend` is missing"]
        );
    }

    #[test]
    fn the_rules_of_the_file_hold() {
        let mut flags = flags(&[":8080"], &["10.0.0.5:50051"]);
        flags.proxy_protocol = Some(ProxyProtocol::Optional);
        assert_eq!(
            Config::from_flags(flags.clone()).unwrap_err().diagnostics[0].headline(),
            "command line:1:58: flag `--proxy-protocol`: \"optional\" needs `--trusted`"
        );
        let text = Config::from_flags(flags.clone()).unwrap_err().to_string();
        let help = "help: add --trusted 10.0.0.0/8 with the networks of your load balancers, or use \"required\"";
        assert!(text.contains(help), "{text}");
        flags.trusted = vec!["10.0.0.0/8".to_owned()];
        let config = Config::from_flags(flags).unwrap();
        assert_eq!(config.listeners[0].proxy_protocol, ProxyProtocol::Optional);
        assert_eq!(config.listeners[0].trusted, ["10.0.0.0/8".parse().unwrap()]);
    }

    #[test]
    fn the_rules_of_the_file_speak_of_flags() {
        let mut idle = flags(&[":8080"], &["10.0.0.5:50051"]);
        idle.trusted = vec!["10.0.0.0/8".to_owned()];
        assert_eq!(
            Config::from_flags(idle).unwrap().warnings[0].headline(),
            "command line:1:51: warning: flag `--trusted`: has no effect while --proxy-protocol is \"off\""
        );
        let twice = Config::from_flags(flags(&[":8080", "0.0.0.0:8080"], &["10.0.0.5:50051"])).unwrap_err();
        assert_eq!(
            twice.diagnostics[0].headline(),
            "command line:1:25: flag `--listen`: 0.0.0.0:8080 and :8080 share addresses"
        );
    }
}
