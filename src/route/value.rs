//! The values of terms: their checks and the forms that are compared.
//!
//! A value that no connection can have is refused here: its rule would be skipped in silence for ever.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use regex::bytes::{Regex, RegexBuilder};

use super::error::{MatchError, Spanned, closest};
use super::facts::Protocol;
use super::key::{Case, Key};
use super::operator::Operator;
use super::path;
use crate::wire::client_hello;

/// Refuses what the key never equals or begins with. Regexes are not looked into.
pub(super) fn check(key: &Key, operator: Operator, value: &Spanned<String>) -> Result<(), MatchError> {
    if operator == Operator::Pattern {
        return Ok(());
    }
    let text = value.value.as_str();
    match key {
        Key::Protocol => protocol(value),
        Key::ServerName => {
            let rest = if operator == Operator::Prefix { text } else { text.strip_prefix("*.").unwrap_or(text) };
            if rest.is_empty() || rest.contains('*') {
                return Err(value
                    .error("`*` stands only for the first labels of a whole name")
                    .help("`sni=*.example.com` holds for every name below example.com"));
            }
            match client_hello::name_fault(rest.as_bytes()) {
                Some(rule) if operator != Operator::Prefix => Err(value
                    .error(format!("no TLS client can ask for `{text}`: {rule}"))
                    .help("write a host name: no address, no port, no dot at the end, other scripts as `xn--`")),
                _ => Ok(()),
            }
        }
        Key::Authority if text.contains('*') => {
            Err(value.error("`:authority` knows no `*`").help("use `:authority~=` with a regex for the whole value"))
        }
        Key::Path if !text.starts_with('/') && text != "*" => {
            Err(value.error("a path begins with `/`").help(format!("did you mean `/{text}`?")))
        }
        Key::Path if operator == Operator::Prefix => path::ambiguity(text.as_bytes()).map_or(Ok(()), |what| {
            Err(value
                .error(format!("a path prefix with {what} never holds"))
                .help("backends read such a path in different ways: use `:path=` with the whole path"))
        }),
        Key::RpcService | Key::RpcMethod if text.contains('/') => Err(value
            .error("the names of services and methods have no `/`")
            .help("/shop.v1.Cart/Add is `service=shop.v1.Cart method=Add`")),
        Key::Listener
        | Key::Source
        | Key::Destination
        | Key::Alpn
        | Key::Tlv(_)
        | Key::Authority
        | Key::Path
        | Key::Method
        | Key::RpcService
        | Key::RpcMethod
        | Key::Header(_) => Ok(()),
    }
}

fn protocol(value: &Spanned<String>) -> Result<(), MatchError> {
    let text = &value.value;
    let names = Protocol::ALL.map(Protocol::name);
    if names.contains(&text.as_str()) {
        return Ok(());
    }
    let lower = text.to_ascii_lowercase();
    let help = match (lower.as_str(), closest(&lower, names)) {
        // A letter away from `http1`, which is another.
        ("http2" | "http/2" | "grpc", _) => "HTTP/2 without TLS, as of gRPC, is `h2c`".to_owned(),
        (_, Some(meant)) => format!("did you mean `{meant}`?"),
        (_, None) => format!("one of {}", names.join(", ")),
    };
    Err(value.error(format!("`{text}` is not a protocol")).help(help))
}

/// The network of an address or of CIDR notation. An IPv4-mapped one is the IPv4 network, as the facts' addresses are.
pub(super) fn network(value: &Spanned<String>) -> Result<IpNet, MatchError> {
    let text = &value.value;
    let Ok(network) = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) else {
        return Err(value
            .error(format!("`{text}` is neither an address nor a network"))
            .help("write 10.0.0.5, 10.0.0.0/8, fd00::1 or fd00::/8, without a port"));
    };
    if network.addr() != network.network() {
        let help = format!("did you mean the network `{}` or the address `{}`?", network.trunc(), network.addr());
        return Err(value.error(format!("`{text}` has bits set behind its prefix")).help(help));
    }
    let mapped = match network {
        IpNet::V4(_) => None,
        IpNet::V6(network) => network.addr().to_ipv4_mapped().zip(network.prefix_len().checked_sub(MAPPED_PREFIX)),
    };
    let mapped = mapped.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    Ok(mapped.map_or(network, IpNet::V4))
}

/// A regex that must match the whole value.
pub(super) fn pattern(value: &Spanned<String>, case: Case) -> Result<Regex, MatchError> {
    let text = &value.value;
    let compile = |pattern: &str| {
        RegexBuilder::new(pattern)
            .unicode(false)
            // A TLV may hold any byte, LF among them, and `.*` means whatever there is.
            .dot_matches_new_line(true)
            .case_insensitive(case == Case::Insensitive)
            .size_limit(REGEX_BYTES)
            .dfa_size_limit(REGEX_BYTES)
            .build()
    };
    // Alone first: `a)|(b` is balanced once it stands in a group, and then it is anchored on one side only.
    compile(text).and_then(|_| compile(&format!(r"\A(?:{text})\z"))).map_err(|error| {
        if let regex::Error::CompiledTooBig(_) = error {
            return value.error("the regex is too large").help("repeat less: x{1000} costs a thousand times x");
        }
        let report = error.to_string();
        let reason = report.lines().last().unwrap_or_default();
        value.error(format!("not a regex: {}", reason.strip_prefix("error: ").unwrap_or(reason)))
    })
}

/// What one compiled regex may take, and again what its lazily built automaton may take.
const REGEX_BYTES: usize = 262_144;

/// Length of the prefix of IPv4-mapped addresses, `::ffff:0:0/96` (RFC 4291 section 2.5.5.2).
const MAPPED_PREFIX: u8 = 96;

#[cfg(test)]
mod tests {
    use super::*;

    fn spanned(text: &str) -> Spanned<String> {
        Spanned { value: text.to_owned(), span: 0..text.len() }
    }

    #[test]
    fn addresses_are_networks_of_one() {
        for (text, expected) in [
            ("10.0.0.5", "10.0.0.5/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("fd00::1", "fd00::1/128"),
            ("fd00::/8", "fd00::/8"),
            ("::/0", "::/0"),
            ("::ffff:10.0.0.5", "10.0.0.5/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ] {
            assert_eq!(network(&spanned(text)).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["10.0.0", "10.0.0.0/33", "10.0.0.5:80", "[::1]", "localhost", "10.0.0.0/", "/8", "010.0.0.1"] {
            let error = network(&spanned(text)).unwrap_err();
            assert_eq!(error.message, format!("`{text}` is neither an address nor a network"));
        }
    }

    #[test]
    fn a_regex_is_anchored_whatever_it_says() {
        let whole = pattern(&spanned("a|ab"), Case::Sensitive).unwrap();
        assert!(whole.is_match(b"a") && whole.is_match(b"ab"));
        assert!(!whole.is_match(b"abc") && !whole.is_match(b"xa") && !whole.is_match(b"a\n"));
        assert!(pattern(&spanned("a)|(b"), Case::Sensitive).is_err());
        assert!(pattern(&spanned("A"), Case::Insensitive).unwrap().is_match(b"a"));
    }

    #[test]
    fn a_dot_is_any_byte() {
        let binary = pattern(&spanned(r"\x00\xff.*"), Case::Sensitive).unwrap();
        for value in [&b"\x00\xff"[..], b"\x00\xff\n", b"\x00\xff\n\r\x80\x00"] {
            assert!(binary.is_match(value), "{value:?}");
        }
        for value in [&b"\x00\xfe"[..], b"\n\x00\xff", b"\xff"] {
            assert!(!binary.is_match(value), "{value:?}");
        }
    }

    #[test]
    fn names_that_no_client_asks_for_are_refused() {
        let sni =
            |operator, text: &str| check(&Key::ServerName, operator, &spanned(text)).map_err(|error| error.message);
        for (text, rule) in [
            ("shop.example.", "a server name with a dot at its end"),
            ("*.shop.example.", "a server name with a dot at its end"),
            ("shop.example:443", "a server name that is no host name"),
            ("b\u{fc}cher.example", "a server name that is no host name"),
            ("10.0.0.1", "a server name that is an address"),
        ] {
            let message = format!("no TLS client can ask for `{text}`: {rule}");
            assert_eq!(sni(Operator::Equal, text), Err(message.clone()));
            assert_eq!(sni(Operator::NotEqual, text), Err(message));
        }
        assert_eq!(sni(Operator::Equal, "*.Shop_1.xn--bcher-kva.example"), Ok(()));
        assert_eq!(sni(Operator::Prefix, "shop."), Ok(()));
    }
}
