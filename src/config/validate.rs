//! Whether what was read fits together, and what becomes of it: names become indices, a draft becomes a [`Config`].
//!
//! Errors are what cannot work or must not be guessed at; warnings are what works but is hardly meant. Warnings are
//! looked for only when there is no error: a route that could not be read would make its pool look unused.

use std::{
    collections::{BTreeSet, HashMap},
    net::{Ipv6Addr, SocketAddr},
    sync::Arc,
};

use toml::Spanned;

use super::{
    Bind, Config, Detect, H2cUpgrade, Listener, ProxyProtocol,
    diagnostic::{Diagnostics, one_of, quoted},
    draft::{DefaultPool, Draft, ListenerDraft, RouteDraft},
    keys::nearest,
    section::Text,
    watch,
};
use crate::limits::{Limit, Limits};
use crate::route::{Pool, PoolId, Rule, SendProxy, Table};

/// The configuration, its warnings still in `diagnostics`; `None` if there are errors.
pub(super) fn validate(draft: Draft, diagnostics: &mut Diagnostics) -> Option<Config> {
    unique("listener", draft.listeners.iter().map(|listener| &listener.name), diagnostics);
    unique("pool", draft.pools.iter().filter_map(|pool| pool.name.as_ref()), diagnostics);
    unique_binds(&draft.listeners, diagnostics);
    for listener in &draft.listeners {
        check_proxy_protocol(listener, diagnostics);
        watch::check(listener, diagnostics);
    }
    if draft.listeners.is_empty() && !diagnostics.has_errors() {
        let help = "add a [[listener]] with bind = \":8080\" and default_pool = \"the name of a pool\"";
        diagnostics.error_without_place("there is no [[listener]], so nothing would be served").help(help);
    }
    let references = References::resolve(&draft, diagnostics);
    if !references.listener_missing {
        draft.listeners.iter().for_each(|listener| check_destination(listener, &draft.routes, diagnostics));
    }
    if diagnostics.has_errors() {
        return None;
    }
    warn_of_unused_pools(&draft, &references, diagnostics);
    warn_of_idle_routes(&draft, diagnostics);
    for listener in &draft.listeners {
        warn_of_trust(listener, diagnostics);
        warn_of_unseen_upgrades(listener, diagnostics);
        warn_of_unheard_settings(listener, diagnostics);
        warn_of_unkept_settings(listener, &draft.limits.limits, diagnostics);
    }
    draft.limits.warn(diagnostics);
    warn_of_nothing_to_relay(&draft, diagnostics);
    Some(config(draft, references))
}

/// The pool of each listener and each route, in their order.
struct References {
    default_pools: Vec<Option<PoolId>>,
    route_pools: Vec<Option<PoolId>>,
    /// Whether a route names a listener that is not there: it may be the route that another listener lacks.
    listener_missing: bool,
}

impl References {
    fn resolve(draft: &Draft, diagnostics: &mut Diagnostics) -> References {
        let listeners: Vec<&str> = draft.listeners.iter().map(|listener| listener.name.get_ref().as_str()).collect();
        // A pool whose name could not be read keeps its index, under a name that no reference can have.
        let pools: Vec<&str> =
            draft.pools.iter().map(|pool| pool.name.as_ref().map_or("", |name| name.get_ref())).collect();
        let mut pool = |text: Option<&Text>| position("pool", text?, &pools, diagnostics).map(PoolId);
        let default_pools = draft.listeners.iter().map(|listener| pool(listener.default_pool.name())).collect();
        let route_pools = draft.routes.iter().map(|route| pool(route.pool.as_ref())).collect();
        let named = draft.routes.iter().filter_map(|route| route.listener.as_ref());
        let missing = named.filter(|text| position("listener", text, &listeners, diagnostics).is_none()).count();
        for (text, matcher) in draft.routes.iter().filter_map(|route| route.matcher.as_ref()) {
            let mut seen = BTreeSet::new();
            for name in matcher.listener_names().filter(|name| seen.insert(*name)) {
                let reference = Text { value: name.to_owned(), verbatim: None, ..text.clone() };
                position("listener", &reference, &listeners, diagnostics);
            }
        }
        References { default_pools, route_pools, listener_missing: missing > 0 }
    }

    fn uses(&self, pool: PoolId) -> bool {
        self.default_pools.iter().chain(&self.route_pools).any(|used| *used == Some(pool))
    }
}

fn position(kind: &str, reference: &Text, names: &[&str], diagnostics: &mut Diagnostics) -> Option<usize> {
    let position = names.iter().position(|name| *name == reference.value && !name.is_empty());
    // A name that could not be read may be the one that is looked for; its error is enough.
    if position.is_none() && !names.contains(&"") {
        let message = format!("{}: there is no {kind} {}", reference.subject, quoted(&reference.value));
        let diagnostic = diagnostics.error(reference.span.clone(), message);
        let named: BTreeSet<&str> = names.iter().copied().collect();
        match nearest(&reference.value, named.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean {}?", quoted(near))),
            None if named.is_empty() => diagnostic.help(format!("add a [[{kind}]] of this name")),
            None => diagnostic.help(format!("allowed: {}", one_of(named))),
        };
    }
    position
}

fn unique<'a>(kind: &str, names: impl Iterator<Item = &'a Spanned<String>>, diagnostics: &mut Diagnostics) {
    let mut seen = HashMap::new();
    for name in names {
        if let Some(first) = seen.get(name.get_ref()).cloned() {
            let message = format!("key `{kind}.name`: {} is taken", quoted(name.get_ref()));
            let diagnostic = diagnostics.error(name.span(), message).other(first, "first used here");
            diagnostic.help(format!("give each {kind} a name of its own"));
        } else {
            seen.insert(name.get_ref(), name.span());
        }
    }
}

/// Of two binds of one address the kernel would let both listen, with `SO_REUSEPORT`, and deal connections out between
/// them. Of every address and one of them a start refuses the second.
fn unique_binds(listeners: &[ListenerDraft], diagnostics: &mut Diagnostics) {
    let mut seen: Vec<&Spanned<Bind>> = Vec::new();
    for spanned in listeners.iter().flat_map(|listener| &listener.binds).filter(|bind| !bind.get_ref().is_free_port()) {
        let bind = spanned.get_ref();
        let Some(first) = seen.iter().find(|first| overlap(first.get_ref(), bind)) else {
            seen.push(spanned);
            continue;
        };
        let is_same = socket_address(first.get_ref()) == socket_address(bind);
        let (message, help) = if is_same {
            (format!("{bind} is bound already"), "connections would reach one or the other by chance; remove one")
        } else {
            let help = "keep the one that stands for every address, or give the other a port of its own";
            (format!("{bind} and {} share addresses", first.get_ref()), help)
        };
        let diagnostic = diagnostics.error(spanned.span(), format!("key `listener.bind`: {message}"));
        diagnostic.other(first.span(), "first bound here").help(help);
    }
}

/// Whether both would listen on one address and port.
fn overlap(one: &Bind, other: &Bind) -> bool {
    let (Some(one_address), Some(other_address)) = (socket_address(one), socket_address(other)) else {
        return one == other;
    };
    let covers = |wide: SocketAddr, narrow: SocketAddr| {
        wide.ip().is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4()) && wide.port() == narrow.port()
    };
    one_address == other_address || covers(one_address, other_address) || covers(other_address, one_address)
}

/// `:8080` is a dual-stack `[::]:8080`.
fn socket_address(bind: &Bind) -> Option<SocketAddr> {
    match bind {
        Bind::Inet(address) => Some(*address),
        Bind::Wildcard { port } => Some(SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port))),
        Bind::Unix(_) => None,
    }
}

fn check_proxy_protocol(listener: &ListenerDraft, diagnostics: &mut Diagnostics) {
    let policy = *listener.proxy_protocol.get_ref();
    if policy == ProxyProtocol::Off {
        return;
    }
    if policy == ProxyProtocol::Optional && listener.trusted.is_none() {
        let message = "key `listener.proxy_protocol`: \"optional\" needs `trusted`";
        let diagnostic = diagnostics.error(listener.proxy_protocol.span(), message);
        diagnostic.help(
            "without it any client could claim any address, and the PROXY protocol says never to guess whether a \
             header is there",
        );
        diagnostic.help("add trusted = [\"10.0.0.0/8\"] with the networks of your load balancers, or use \"required\"");
    }
    if let Some(unix) = listener.binds.iter().find(|bind| matches!(bind.get_ref(), Bind::Unix(_))) {
        let message = "key `listener.proxy_protocol`: not possible on a unix socket";
        let diagnostic = diagnostics.error(listener.proxy_protocol.span(), message);
        diagnostic.other(unix.span(), "the unix socket");
        diagnostic
            .help("a partial header cannot be waited for there: SO_RCVLOWAT does not hold back poll on a unix socket");
        diagnostic.help("give the unix socket a listener of its own, with proxy_protocol = \"off\"");
    }
}

/// A listener whose connections can go nowhere is a mistake, not a policy.
fn check_destination(listener: &ListenerDraft, routes: &[RouteDraft], diagnostics: &mut Diagnostics) {
    let default_pool = !matches!(listener.default_pool, DefaultPool::Absent);
    if default_pool || routes.iter().any(|route| applies_to(route, listener)) {
        return;
    }
    let name = quoted(listener.name.get_ref());
    let message = format!("key `listener.default_pool` is missing: no route applies to listener {name}");
    diagnostics.error(listener.span.clone(), message).help("add default_pool = \"the name of a pool\", or a [[route]]");
}

fn applies_to(route: &RouteDraft, listener: &ListenerDraft) -> bool {
    route.listener.as_ref().is_none_or(|name| name.value == *listener.name.get_ref())
}

fn warn_of_unused_pools(draft: &Draft, references: &References, diagnostics: &mut Diagnostics) {
    for (index, pool) in draft.pools.iter().enumerate() {
        if let Some(name) = pool.name.as_ref().filter(|_| !references.uses(PoolId(index))) {
            let message = format!("key `pool.name`: nothing uses pool {}", quoted(name.get_ref()));
            diagnostics.warning(name.span(), message).help("name it in a route or as a default_pool, or remove it");
        }
    }
}

fn warn_of_idle_routes(draft: &Draft, diagnostics: &mut Diagnostics) {
    let mut seen: HashMap<&str, Vec<(Option<&str>, &Text)>> = HashMap::new();
    for route in &draft.routes {
        let Some((text, matcher)) = &route.matcher else { continue };
        let listener = route.listener.as_ref().map(|name| name.value.as_str());
        let earlier = seen.entry(&text.value).or_default();
        if let Some((_, first)) = earlier.iter().find(|(covered, _)| covered.is_none() || *covered == listener) {
            let message = "key `route.match`: this route can never match, an earlier one has the same match";
            let diagnostic = diagnostics.warning(text.span.clone(), message);
            diagnostic.other(first.span.clone(), "this one takes it").help("the first match wins; remove one of them");
        }
        earlier.push((listener, text));
        let mut listeners = draft.listeners.iter().filter(|listener| applies_to(route, listener));
        if matcher.needs_inspection() && listeners.all(|listener| listener.detect == Detect::None) {
            let message = "key `route.match`: asks for something of the request or ClientHello, which detect = \"none\" never reads";
            let help = "set detect = \"auto\" on the listener, or match only source and destination";
            diagnostics.warning(text.span.clone(), message).help(help);
        }
    }
}

fn warn_of_trust(listener: &ListenerDraft, diagnostics: &mut Diagnostics) {
    match (listener.proxy_protocol.get_ref(), &listener.trusted) {
        (ProxyProtocol::Required, None) => {
            let message = "key `listener.proxy_protocol`: \"required\" without `trusted` believes everyone";
            let diagnostic = diagnostics.warning(listener.proxy_protocol.span(), message);
            diagnostic.help("whoever reaches this listener may claim any address");
            diagnostic.help("add trusted = [\"10.0.0.0/8\"] with the networks of your load balancers");
        }
        (ProxyProtocol::Off, Some(trusted)) => {
            let message = "key `listener.trusted`: has no effect while proxy_protocol is \"off\"";
            diagnostics.warning(trusted.span(), message).help("set proxy_protocol, or remove it");
        }
        (ProxyProtocol::Off, None) | (ProxyProtocol::Optional | ProxyProtocol::Required, _) => {}
    }
}

fn warn_of_unseen_upgrades(listener: &ListenerDraft, diagnostics: &mut Diagnostics) {
    if listener.detect == Detect::None && *listener.h2c_upgrade.get_ref() == H2cUpgrade::Deny {
        let message = "key `listener.h2c_upgrade`: has no effect while detect is \"none\", which looks at no request";
        diagnostics.warning(listener.h2c_upgrade.span(), message).help("set detect = \"auto\", or remove it");
    }
}

fn warn_of_unheard_settings(listener: &ListenerDraft, diagnostics: &mut Diagnostics) {
    if let Some(settings) = listener.settings.as_ref().filter(|_| listener.detect == Detect::None) {
        let message = "key `listener.settings`: nobody hears them while detect is \"none\"";
        diagnostics.warning(settings.span(), message).help("set detect = \"auto\", or remove them");
    }
}

fn warn_of_unkept_settings(listener: &ListenerDraft, limits: &Limits, diagnostics: &mut Diagnostics) {
    let accepted = limits.value(Limit::HeaderListBytes);
    let Some(settings) = &listener.settings else { return };
    if settings.get_ref().max_header_list_size.is_some_and(|announced| u64::from(announced) > accepted) {
        let message = format!(
            "key `listener.settings`: announces larger header lists than `limits.header_list_bytes` allows, {accepted}"
        );
        let help = "who believes it is refused; lower max_header_list_size, or raise limits.header_list_bytes";
        diagnostics.warning(settings.span(), message).help(help);
    }
}

fn warn_of_nothing_to_relay(draft: &Draft, diagnostics: &mut Diagnostics) {
    if draft.listeners.iter().any(|listener| *listener.proxy_protocol.get_ref() != ProxyProtocol::Off) {
        return;
    }
    let relaying = draft.pools.iter().filter_map(|pool| pool.send_proxy.as_ref());
    for send_proxy in relaying.filter(|send_proxy| *send_proxy.get_ref() == SendProxy::Relay) {
        let message = "key `pool.send_proxy`: \"relay\" has nothing to relay, no listener takes a PROXY header";
        let help = "set proxy_protocol on a listener, or write \"v2\", which is what backends get now";
        diagnostics.warning(send_proxy.span(), message).help(help);
    }
}

/// Puts the parts together; without errors every part is there.
fn config(draft: Draft, references: References) -> Config {
    let rules = draft.routes.into_iter().zip(references.route_pools).filter_map(|(route, pool)| {
        let (text, matcher) = route.matcher?;
        let listener = route.listener.map(|name| name.value);
        Some(Rule { listener, matcher, text: text.value, pool: pool? })
    });
    let pools = draft.pools.into_iter().map(|pool| Pool {
        name: pool.name.map(Spanned::into_inner).unwrap_or_default(),
        backends: pool.backends,
        connect_timeout: pool.connect_timeout,
        idle_timeout: pool.idle_timeout,
        send_proxy: pool.send_proxy.map(Spanned::into_inner),
    });
    let listeners =
        draft.listeners.into_iter().zip(references.default_pools).map(|(listener, default_pool)| Listener {
            name: listener.name.into_inner(),
            binds: listener.binds.into_iter().map(Spanned::into_inner).collect(),
            detect: listener.detect,
            proxy_protocol: listener.proxy_protocol.into_inner(),
            trusted: listener.trusted.map(Spanned::into_inner).unwrap_or_default(),
            h2c_upgrade: listener.h2c_upgrade.into_inner(),
            sample: listener.sample,
            settings: listener.settings.map(Spanned::into_inner).unwrap_or_default(),
            watch: listener.watch.watching(),
            default_pool,
        });
    Config {
        shards: draft.shards,
        pin: draft.pin,
        engine: draft.engine,
        log: draft.log,
        limits: draft.limits.limits,
        tap: draft.tap,
        routes: Arc::new(Table::new(rules.collect())),
        pools: pools.collect(),
        listeners: listeners.collect(),
        warnings: Vec::new(),
    }
}
