//! What a term can ask for: its name in a match line, and where the facts hold it.
//!
//! Anything that is no key of ours is the name of a header field, as on a command line `x-tenant=a` should just work.
//! `header.NAME` reaches the fields whose name would read as another key.

use std::net::IpAddr;

use super::error::{MatchError, closest};
use super::facts::Facts;
use super::path;
use super::tlv::Tlv;

/// A key, as the match line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Listener,
    Protocol,
    Source,
    Destination,
    ServerName,
    Alpn,
    Tlv(Tlv),
    Authority,
    Path,
    /// `:method`, of HTTP.
    Method,
    /// `service`, of gRPC.
    RpcService,
    /// `method`, of gRPC.
    RpcMethod,
    /// A regular header field; its name is lower case.
    Header(String),
}

/// Whether the letters' case makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Sensitive,
    /// Host names (RFC 3986 section 3.2.2, RFC 6066 section 3).
    Insensitive,
}

impl Key {
    /// The key called `name`, which stands at byte `start` of the line.
    pub(super) fn named(name: &str, start: usize) -> Result<Self, MatchError> {
        let span = start..start + name.len();
        // Field names arrive in lower case (RFC 9113 section 8.2.1) but people copy them from HTTP/1 examples.
        let lower = name.to_ascii_lowercase();
        if let Some(field) = lower.strip_prefix("header.") {
            return header(field, start + "header.".len());
        }
        if let Some(tlv) = lower.strip_prefix("tlv.") {
            let span = start + "tlv.".len()..span.end;
            let unknown = |help: String| MatchError::new(span, format!("`{tlv}` is not a TLV")).help(help);
            return Tlv::named(tlv).map(Self::Tlv).map_err(unknown);
        }
        if let Some((_, key)) = NAMED.into_iter().find(|(known, _)| *known == lower) {
            return Ok(key);
        }
        if AFTER_ROUTING.contains(&lower.as_str()) {
            let message = format!("`{lower}` is known only after routing: a key for taps and logs");
            return Err(MatchError::new(span, message)
                .help(format!("for the header field of that name write `header.{lower}`")));
        }
        if lower.starts_with(':') {
            let pseudo = NAMED.iter().map(|(known, _)| *known).filter(|known| known.starts_with(':'));
            let help = closest(&lower, pseudo).map_or_else(
                || "one of :authority, :path, :method".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            return Err(MatchError::new(span, format!("`{lower}` is not a key")).help(help));
        }
        header(&lower, start)
    }

    /// The field of the request whose value the key reads, pseudo-header fields included.
    pub(super) fn field(&self) -> Option<&str> {
        match self {
            Self::Header(name) => Some(name),
            Self::Authority => Some(":authority"),
            Self::Path | Self::RpcService | Self::RpcMethod => Some(":path"),
            Self::Method => Some(":method"),
            Self::Listener
            | Self::Protocol
            | Self::Source
            | Self::Destination
            | Self::ServerName
            | Self::Alpn
            | Self::Tlv(_) => None,
        }
    }

    /// Whether the key reads a ClientHello.
    pub(super) fn is_of_hello(&self) -> bool {
        matches!(self, Self::ServerName | Self::Alpn)
    }

    /// Whether its values are names of hosts.
    pub(super) fn case(&self) -> Case {
        if matches!(self, Self::Authority | Self::ServerName) { Case::Insensitive } else { Case::Sensitive }
    }

    /// Whether one of its values passes. A key without a value passes nothing.
    pub(super) fn any(&self, facts: &Facts<'_>, mut passes: impl FnMut(&[u8]) -> bool) -> bool {
        let rpc = || path::service_and_method(facts.request?.value(b":path")?);
        match self {
            Self::Listener => passes(facts.listener.as_bytes()),
            Self::Protocol => passes(facts.protocol.name().as_bytes()),
            Self::ServerName => facts.sni.is_some_and(|name| passes(name.as_bytes())),
            Self::Alpn => facts.alpn.iter().any(|protocol| passes(protocol)),
            Self::Tlv(tlv) => tlv.any(facts.tlvs, passes),
            Self::RpcService => rpc().is_some_and(|(service, _)| passes(service)),
            Self::RpcMethod => rpc().is_some_and(|(_, method)| passes(method)),
            Self::Authority | Self::Path | Self::Method | Self::Header(_) => {
                let values = facts.request.zip(self.field()).map(|(request, name)| request.values(name.as_bytes()));
                values.is_some_and(|mut values| values.any(passes))
            }
            // Compared as numbers, see `address`.
            Self::Source | Self::Destination => false,
        }
    }

    /// The address the key stands for. An IPv4 client of an IPv6 socket has its IPv4 address.
    pub(super) fn address(&self, facts: &Facts<'_>) -> Option<IpAddr> {
        let address = if *self == Self::Source { facts.source } else { facts.destination };
        address.map(|address| address.ip().to_canonical())
    }
}

/// The header field `name`, which stands at byte `start` of the line.
fn header(name: &str, start: usize) -> Result<Key, MatchError> {
    let span = start..start + name.len();
    if name.is_empty() {
        return Err(MatchError::new(span, "the name of the header field is missing"));
    }
    if let Some((offset, letter)) = name.char_indices().find(|(_, letter)| !is_token(*letter)) {
        let span = start + offset..start + offset + letter.len_utf8();
        return Err(MatchError::new(span, format!("`{letter}` cannot stand in the name of a header field"))
            .help("a term is `key=value`, with one of = != ^= (prefix) ~= (regex)"));
    }
    if name.ends_with("-bin") {
        return Err(MatchError::new(span, format!("`{name}` is binary: -bin fields cannot be routed by"))
            .help("the same value has several encodings in base64; send it in a field of text as well"));
    }
    if name == "host" {
        return Err(MatchError::new(span, "`host` is called `:authority` here")
            .help("HTTP/2 clients send :authority, and a host without it is compared under that name"));
    }
    Ok(Key::Header(name.to_owned()))
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter)
}

/// The keys that are not the name of a header field.
const NAMED: [(&str, Key); 11] = [
    ("listener", Key::Listener),
    ("protocol", Key::Protocol),
    ("source", Key::Source),
    ("destination", Key::Destination),
    ("sni", Key::ServerName),
    ("alpn", Key::Alpn),
    (":authority", Key::Authority),
    (":path", Key::Path),
    (":method", Key::Method),
    ("service", Key::RpcService),
    ("method", Key::RpcMethod),
];

/// Keys whose value does not exist yet when a connection is routed.
const AFTER_ROUTING: [&str; 3] = ["status", "backend", "route"];

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(name: &str) -> (std::ops::Range<usize>, String, Option<String>) {
        let error = Key::named(name, 10).unwrap_err();
        (error.span, error.message, error.help)
    }

    #[test]
    fn keys_are_told_from_header_fields() {
        assert_eq!(Key::named("method", 0), Ok(Key::RpcMethod));
        assert_eq!(Key::named(":method", 0), Ok(Key::Method));
        assert_eq!(Key::named("header.method", 0), Ok(Key::Header("method".into())));
        assert_eq!(Key::named("Header.Status", 0), Ok(Key::Header("status".into())));
        assert_eq!(Key::named("header.header.x", 0), Ok(Key::Header("header.x".into())));
        assert_eq!(Key::named("X-Tenant", 0), Ok(Key::Header("x-tenant".into())));
        assert_eq!(Key::named("SNI", 0), Ok(Key::ServerName));
    }

    #[test]
    fn names_that_cannot_be_keys_are_refused() {
        assert_eq!(
            failure(":autority"),
            (10..19, "`:autority` is not a key".into(), Some("did you mean `:authority`?".into()))
        );
        assert_eq!(
            failure(":scheme"),
            (10..17, "`:scheme` is not a key".into(), Some("one of :authority, :path, :method".into()))
        );
        assert_eq!(
            failure("Status"),
            (
                10..16,
                "`status` is known only after routing: a key for taps and logs".into(),
                Some("for the header field of that name write `header.status`".into())
            )
        );
        assert_eq!(
            failure("tlv.netn"),
            (14..18, "`netn` is not a TLV".into(), Some("did you mean `tlv.netns`?".into()))
        );
        assert_eq!(failure("header."), (17..17, "the name of the header field is missing".into(), None));
    }

    #[test]
    fn names_that_cannot_be_header_fields_are_refused() {
        let syntax = "a term is `key=value`, with one of = != ^= (prefix) ~= (regex)";
        let message = |letter| format!("`{letter}` cannot stand in the name of a header field");
        assert_eq!(failure("x:y"), (11..12, message(':'), Some(syntax.into())));
        assert_eq!(failure("header.ä"), (17..19, message('ä'), Some(syntax.into())));
        assert_eq!(
            failure("header.Trace-Bin"),
            (
                17..26,
                "`trace-bin` is binary: -bin fields cannot be routed by".into(),
                Some("the same value has several encodings in base64; send it in a field of text as well".into())
            )
        );
    }

    #[test]
    fn a_host_has_one_name() {
        let help = "HTTP/2 clients send :authority, and a host without it is compared under that name";
        for (line, place) in [("host", 10..14), ("Host", 10..14), ("header.host", 17..21)] {
            assert_eq!(
                failure(line),
                (place, "`host` is called `:authority` here".into(), Some(help.into())),
                "{line}"
            );
        }
    }
}
