//! The file's schema: which section has which key, and what a value becomes.

use std::num::{NonZeroU32, NonZeroUsize};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Detect, EngineChoice, H2cUpgrade, LogFormat, ProxyProtocol,
    address::{parse_backend, parse_bind, parse_network},
    diagnostic::{Diagnostics, Problem, quoted},
    draft::{DefaultPool, Draft, ListenerDraft, PoolDraft, RouteDraft},
    keys::{self, Keys},
    sample,
    section::{Item, Reader, Section},
    settings, tap, watch,
};
use crate::{
    limits,
    route::{Backend, Match, MatchError, SendProxy},
};

/// Reads all sections. Errors of the TOML syntax are reported alone: behind one, the rest may be misread.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Draft> {
    let (document, errors) = DeTable::parse_recoverable(reader.text);
    if !errors.is_empty() {
        report_syntax(reader.text, &errors, &mut reader.diagnostics);
        return None;
    }
    let file = Section::open(&keys::FILE, document.get_ref(), document.span(), reader);
    let shards = file.item("shards").and_then(|item| reader.number(&item, 1..=SHARDS_MAX));
    let pin = file.item("pin").and_then(|item| reader.flag(&item));
    let engine = file.item("engine").and_then(|item| reader.choice(&item, ENGINES));
    let log = file.item("log").and_then(|item| reader.choice(&item, LOG_FORMATS));
    Some(Draft {
        shards: shards.and_then(|shards| NonZeroUsize::new(usize::try_from(shards).ok()?)),
        pin,
        engine: engine.unwrap_or_default(),
        log,
        limits: super::limits::read(&file, reader),
        tap: tap::read(&file, reader),
        listeners: sections(&file, &keys::LISTENER, reader)
            .iter()
            .zip(1..)
            .map(|(section, number)| listener(section, number, reader))
            .collect(),
        routes: sections(&file, &keys::ROUTE, reader).iter().map(|section| route(section, reader)).collect(),
        pools: sections(&file, &keys::POOL, reader).iter().map(|section| pool(section, reader)).collect(),
    })
}

fn report_syntax(text: &str, errors: &[toml::de::Error], diagnostics: &mut Diagnostics) {
    let mut line_seen = None;
    for error in errors {
        let span = error.span().unwrap_or_default();
        let line = text.get(..span.start).unwrap_or_default().matches('\n').count();
        // The second complaint about a line is mostly an echo of the first.
        if line_seen.replace(line) == Some(line) {
            continue;
        }
        match (error.message(), text.get(span.clone())) {
            ("duplicate key", Some(key)) => {
                let message = format!("key `{key}`: given twice in the same section");
                diagnostics.error(span, message).help("keep one of them");
            }
            (message, _) => {
                let diagnostic = diagnostics.error(span, format!("not valid TOML: {message}"));
                if message.contains("quoted") || message.contains("boolean") {
                    diagnostic.help("a string stands in double quotes");
                }
            }
        }
    }
}

/// The tables of `[[section]]`.
fn sections<'a>(file: &Section<'a>, keys: &'static Keys, reader: &mut Reader<'_>) -> Vec<Section<'a>> {
    let Some(item) = file.item(keys.section) else { return Vec::new() };
    let double = format!("a list of sections: write [[{}]], in double brackets", keys.section);
    if !item.value.get_ref().is_array() {
        reader.wrong_type(&item, &double);
    }
    let mut sections = Vec::new();
    for element in item.elements() {
        if let DeValue::Table(table) = element.value.get_ref() {
            sections.push(Section::open(keys, table, element.value.span(), reader));
        } else if item.value.get_ref().is_array() {
            reader.wrong_type(&element, &double);
        }
    }
    sections
}

fn listener(section: &Section<'_>, number: usize, reader: &mut Reader<'_>) -> ListenerDraft {
    let default_name = || Spanned::new(section.span.clone(), format!("listener-{number}"));
    let name = section.item("name").and_then(|item| name(&item, reader)).unwrap_or_else(default_name);
    let mut binds = Vec::new();
    if let Some(item) = section.required("bind", "\":8080\"", reader) {
        let resolve = reader.surroundings.resolve;
        for text in reader.texts(&item, "an address like \":8080\", or a list of them") {
            let parsed = reader.parsed(&text, |value| parse_bind(value, resolve)).unwrap_or_default();
            binds.extend(parsed.into_iter().map(|bind| Spanned::new(text.span.clone(), bind)));
        }
        empty_list(&item, "at least one address", reader);
    }
    let detect = section.item("detect").and_then(|item| reader.choice(&item, DETECTS));
    let proxy_protocol = section
        .item("proxy_protocol")
        .and_then(|item| reader.choice(&item, PROXY_PROTOCOLS).map(|choice| Spanned::new(item.value.span(), choice)));
    let trusted = section.item("trusted").map(|item| {
        let texts = reader.texts(&item, "a list of networks like \"10.0.0.0/8\"");
        let networks = texts.iter().filter_map(|text| reader.parsed(text, parse_network)).collect();
        empty_list(&item, "at least one network", reader);
        Spanned::new(item.value.span(), networks)
    });
    let h2c_upgrade = section
        .item("h2c_upgrade")
        .and_then(|item| reader.choice(&item, H2C_UPGRADES).map(|choice| Spanned::new(item.value.span(), choice)));
    let sample = section.item("sample").and_then(|item| {
        let text = reader.text(&item, "a share like \"1/1000\"")?;
        reader.parsed(&text, sample::parse)
    });
    ListenerDraft {
        settings: settings::read(section, reader),
        sample,
        watch: watch::read(section, reader),
        name,
        binds,
        detect: detect.unwrap_or_default(),
        proxy_protocol: proxy_protocol.unwrap_or_else(|| Spanned::new(section.span.clone(), ProxyProtocol::Off)),
        trusted,
        h2c_upgrade: h2c_upgrade.unwrap_or_else(|| Spanned::new(section.span.clone(), H2cUpgrade::Allow)),
        default_pool: default_pool(section, reader),
        span: section.span.clone(),
    }
}

fn default_pool(section: &Section<'_>, reader: &mut Reader<'_>) -> DefaultPool {
    match section.item("default_pool").and_then(|item| reader.text(&item, "the name of a pool")) {
        Some(name) => DefaultPool::Named(name),
        None if section.attempts("default_pool") => DefaultPool::Unreadable,
        None => DefaultPool::Absent,
    }
}

fn route(section: &Section<'_>, reader: &mut Reader<'_>) -> RouteDraft {
    let line = section.required("match", "\":path^=/shop.v1.Cart/\"", reader);
    let line = line.and_then(|item| reader.text(&item, "one line of terms"));
    let matcher = line.and_then(|text| {
        reader.parsed(&text, |line| Match::parse(line).map_err(Problem::from)).map(|matcher| (text, matcher))
    });
    RouteDraft {
        listener: section.item("listener").and_then(|item| reader.text(&item, "the name of a listener")),
        matcher,
        pool: section
            .required("pool", "\"the name of a pool\"", reader)
            .and_then(|item| reader.text(&item, "the name of a pool")),
    }
}

fn pool(section: &Section<'_>, reader: &mut Reader<'_>) -> PoolDraft {
    let name = section.required("name", "\"orders\"", reader).and_then(|item| name(&item, reader));
    let mut backends = Vec::new();
    if let Some(item) = section.required("backends", "[\"192.0.2.1:50051\"]", reader) {
        for element in item.elements() {
            backend(&element, &mut backends, reader);
        }
        empty_list(&item, "at least one backend, or remove the pool", reader);
    }
    let send_proxy = section
        .item("send_proxy")
        .and_then(|item| reader.choice(&item, SEND_PROXIES).map(|choice| Spanned::new(item.value.span(), choice)));
    let mut timeout = |key| section.item(key).and_then(|item| reader.duration(&item));
    PoolDraft {
        send_proxy,
        connect_timeout: timeout("connect_timeout").unwrap_or(limits::CONNECT_TIMEOUT),
        idle_timeout: timeout("idle_timeout").unwrap_or(limits::IDLE_TIMEOUT),
        name,
        backends,
    }
}

/// A backend: an address, or a table with a weight. A host name gives one backend for each of its addresses.
fn backend(item: &Item<'_>, backends: &mut Vec<Backend>, reader: &mut Reader<'_>) {
    let expected = "an address like \"192.0.2.1:50051\", or { address = \"192.0.2.1:50051\", weight = 2 }";
    let (text, weight) = if let DeValue::Table(table) = item.value.get_ref() {
        let section = Section::open(&keys::BACKEND, table, item.value.span(), reader);
        let address = section.required("address", "\"192.0.2.1:50051\"", reader);
        let weight = section.item("weight").and_then(|item| reader.number(&item, 1..=u64::from(u32::MAX)));
        let weight = weight.and_then(|weight| NonZeroU32::new(u32::try_from(weight).ok()?));
        (address.and_then(|item| reader.text(&item, "an address like \"192.0.2.1:50051\"")), weight)
    } else {
        (reader.text(item, expected), None)
    };
    let resolve = reader.surroundings.resolve;
    let addresses = text.and_then(|text| reader.parsed(&text, |value| parse_backend(value, resolve)));
    let weight = weight.unwrap_or(NonZeroU32::MIN);
    backends.extend(addresses.unwrap_or_default().into_iter().map(|address| Backend { address, weight }));
}

/// A name stands in matches and log lines, so it has no characters that would need quotes there.
fn name(item: &Item<'_>, reader: &mut Reader<'_>) -> Option<Spanned<String>> {
    let text = reader.text(item, "a name")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !text.value.is_empty() && text.value.bytes().all(allowed) {
        return Some(Spanned::new(text.span, text.value));
    }
    let message = format!("{} is not a name", quoted(&text.value));
    reader.text_problem(&text, Problem::new(message, "a name is made of letters, digits, \"-\", \"_\" and \".\""));
    None
}

fn empty_list(item: &Item<'_>, needed: &str, reader: &mut Reader<'_>) {
    if item.elements().is_empty() {
        reader.problem(&item.subject, item.value.span(), Problem::new("an empty list", format!("give {needed}")));
    }
}

impl From<MatchError> for Problem {
    fn from(error: MatchError) -> Problem {
        Problem { message: error.message, help: error.help, span: Some(error.span) }
    }
}

/// One shard is one core; no machine that runs us has more.
pub(super) const SHARDS_MAX: u64 = 1024;
const ENGINES: &[(&str, EngineChoice)] =
    &[("auto", EngineChoice::Auto), ("io_uring", EngineChoice::IoUring), ("epoll", EngineChoice::Epoll)];
const LOG_FORMATS: &[(&str, LogFormat)] = &[("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];
const DETECTS: &[(&str, Detect)] = &[("auto", Detect::Auto), ("none", Detect::None)];
const H2C_UPGRADES: &[(&str, H2cUpgrade)] = &[("allow", H2cUpgrade::Allow), ("deny", H2cUpgrade::Deny)];
const PROXY_PROTOCOLS: &[(&str, ProxyProtocol)] =
    &[("off", ProxyProtocol::Off), ("optional", ProxyProtocol::Optional), ("required", ProxyProtocol::Required)];
const SEND_PROXIES: &[(&str, SendProxy)] = &[("v1", SendProxy::V1), ("v2", SendProxy::V2), ("relay", SendProxy::Relay)];

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::time::Duration;

    use super::*;
    use crate::{
        config::{Bind, Config, Listener, OnMismatch, OwnSettings, Watching, golden},
        route::{Address, Backend, PoolId},
    };

    fn full() -> Config {
        golden::read("ok_full.toml", include_str!("../../tests/golden/config/ok_full.toml")).unwrap()
    }

    #[test]
    fn every_key_of_a_listener_is_read() {
        let config = full();
        assert_eq!((config.shards, config.pin, config.log), (NonZeroUsize::new(2), Some(false), Some(LogFormat::Json)));
        let grpc = Listener {
            name: "grpc".to_owned(),
            binds: vec![
                Bind::Inet("0.0.0.0:8080".parse().unwrap()),
                Bind::Wildcard { port: 8081 },
                Bind::Inet("[::1]:8082".parse().unwrap()),
            ],
            detect: Detect::Auto,
            proxy_protocol: ProxyProtocol::Required,
            trusted: vec!["10.0.0.0/8".parse().unwrap(), "192.0.2.7/32".parse().unwrap()],
            h2c_upgrade: H2cUpgrade::Deny,
            sample: NonZeroU64::new(1000),
            settings: OwnSettings {
                max_concurrent_streams: 50,
                initial_window_size: Some(32_768),
                max_header_list_size: Some(16_384),
                enable_connect_protocol: true,
            },
            watch: Some(Watching {
                on_mismatch: OnMismatch::Goaway,
                max_connection_age: Some(Duration::from_secs(600)),
            }),
            default_pool: Some(PoolId(1)),
        };
        let second = Listener {
            name: "listener-2".to_owned(),
            binds: vec![Bind::Unix("/run/x.sock".into())],
            detect: Detect::None,
            proxy_protocol: ProxyProtocol::Off,
            trusted: vec![],
            h2c_upgrade: H2cUpgrade::Allow,
            sample: None,
            settings: OwnSettings::default(),
            watch: None,
            default_pool: Some(PoolId(0)),
        };
        assert_eq!(config.listeners, [grpc, second]);
    }

    #[test]
    fn routes_keep_their_order_and_name_their_pool() {
        let config = full();
        let rules: Vec<_> = config
            .routes
            .rules()
            .iter()
            .map(|rule| (rule.listener.as_deref(), rule.text.as_str(), rule.pool))
            .collect();
        let cart = ":path^=/shop.v1.Cart/ source=10.2.0.0/16 | sni=*.cart.example";
        assert_eq!(rules, [(None, "x-prism-namespace=billing", PoolId(0)), (Some("grpc"), cart, PoolId(1))]);
    }

    #[test]
    fn every_key_of_a_pool_is_read_and_a_host_name_gives_all_its_addresses() {
        let config = full();
        let backend = |address: &str, weight| Backend {
            address: Address::Inet(address.parse().unwrap()),
            weight: NonZeroU32::new(weight).unwrap(),
        };
        let [billing, orders] = &config.pools[..] else { panic!("two pools") };
        assert_eq!(billing.name, "billing");
        assert_eq!(billing.backends, [backend("10.0.0.5:50051", 1), backend("10.0.0.6:50051", 2)]);
        assert_eq!(billing.connect_timeout, Duration::from_secs(2));
        assert_eq!(billing.idle_timeout, Duration::from_secs(5400));
        assert_eq!(billing.send_proxy, Some(SendProxy::Relay));
        let local = Backend { address: Address::Unix("/run/orders.sock".into()), weight: NonZeroU32::MIN };
        assert_eq!(orders.backends, [backend("192.0.2.1:50051", 1), backend("192.0.2.2:50051", 1), local]);
        assert_eq!(orders.connect_timeout, Duration::from_secs(5));
        assert_eq!(orders.idle_timeout, Duration::from_secs(3600));
        assert_eq!(orders.send_proxy, None);
    }
}
