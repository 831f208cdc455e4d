//! What a request asks for, and whom: the four forms of a target, and Host beside it (RFC 9112 section 3.2).

use std::borrow::Cow;

use super::super::Malformed;

/// A target taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    /// Of absolute-form and authority-form.
    authority: Option<&'a [u8]>,
    /// In origin-form, or `*`; `None` only for CONNECT.
    pub(super) path: Option<Cow<'a, [u8]>>,
}

/// A rule, without the place where it is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    rule: &'static str,
    section: &'static str,
}

impl Rule {
    pub(super) fn at(self, offset: usize) -> Malformed {
        Malformed { rule: self.rule, section: self.section, offset }
    }
}

impl<'a> Target<'a> {
    pub(super) fn parse(method: &str, target: &'a str) -> Result<Target<'a>, Rule> {
        let bytes = target.as_bytes();
        if method == "CONNECT" {
            return authority_form(bytes);
        }
        if bytes.first() == Some(&b'/') {
            return Ok(Target { authority: None, path: Some(Cow::Borrowed(bytes)) });
        }
        if bytes == b"*" {
            let path = Some(Cow::Borrowed(bytes));
            return if method == "OPTIONS" { Ok(Target { authority: None, path }) } else { Err(ASTERISK) };
        }
        absolute_form(method, bytes)
    }

    /// Whom the request is for, where `host` says so, too: the target wins (RFC 9112 section 3.2.2), but a backend that
    /// reads Host must not see somebody else there, nor nobody. An empty Host is for targets that name nobody either.
    pub(super) fn authority_beside(&self, host: Option<&'a [u8]>) -> Result<Option<&'a [u8]>, Rule> {
        let (Some(authority), Some(host)) = (self.authority, host) else {
            return Ok(self.authority.or(host.filter(|host| !host.is_empty())));
        };
        // Clients of CONNECT leave the port out of Host (RFC 9110 section 9.3.6 has such an example).
        let is_connect = self.path.is_none();
        let without_port = authority.rsplitn(2, |byte| *byte == b':').nth(1).filter(|_| is_connect);
        let is_same = |named: &[u8]| named.eq_ignore_ascii_case(host);
        if is_same(authority) || without_port.is_some_and(is_same) { Ok(Some(authority)) } else { Err(CONTRADICTION) }
    }
}

/// `CONNECT example.com:443`: a host and a port (RFC 9112 section 3.2.3).
fn authority_form(target: &[u8]) -> Result<Target<'_>, Rule> {
    check_authority(target)?;
    let mut parts = target.rsplitn(2, |byte| *byte == b':');
    let port = parts.next().and_then(|port| std::str::from_utf8(port).ok()?.parse::<u16>().ok());
    let has_host = parts.next().is_some_and(|host| !host.is_empty());
    if port.is_none_or(|port| port == 0) || !has_host {
        return Err(CONNECT_FORM);
    }
    Ok(Target { authority: Some(target), path: None })
}

/// `http://example.com/path`: what a client says to a proxy, and may say to everybody (RFC 9112 section 3.2.2).
fn absolute_form<'a>(method: &str, target: &'a [u8]) -> Result<Target<'a>, Rule> {
    let behind = |scheme: &[u8]| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let rest = behind(b"http://").or_else(|| behind(b"https://")).ok_or(FORM)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or_default();
    check_authority(authority)?;
    if matches!(authority.first(), None | Some(b':')) {
        return Err(NO_HOST_IN_TARGET);
    }
    let path = match path.first() {
        Some(b'/') => Cow::Borrowed(path),
        // The whole server is meant (RFC 9112 section 3.2.4).
        None if method == "OPTIONS" => Cow::Borrowed(&b"*"[..]),
        // An empty path is a slash (RFC 9110 section 4.2.3).
        _ => Cow::Owned([b"/", path].concat()),
    };
    Ok(Target { authority: Some(authority), path: Some(path) })
}

/// Whether bytes are a host, with a port perhaps, and nobody's name or password before them (RFC 3986 section 3.2; RFC
/// 9110 section 4.2.4 wants user information rejected).
pub(super) fn check_authority(authority: &[u8]) -> Result<(), Rule> {
    if authority.contains(&b'@') {
        return Err(USER);
    }
    let (host, port) = if authority.first() == Some(&b'[') {
        let end = authority.iter().position(|byte| *byte == b']').ok_or(AUTHORITY)?;
        let (literal, port) = authority.split_at_checked(end + 1).ok_or(AUTHORITY)?;
        let inside = literal.get(1..end).unwrap_or_default();
        let is_address = |byte: &u8| is_unreserved(*byte) || is_delimiter(*byte) || *byte == b':';
        if inside.is_empty() || !inside.iter().all(is_address) {
            return Err(AUTHORITY);
        }
        (&b""[..], port)
    } else {
        let end = authority.iter().position(|byte| *byte == b':').unwrap_or(authority.len());
        authority.split_at_checked(end).unwrap_or_default()
    };
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if is_port && is_name(host) { Ok(()) } else { Err(AUTHORITY) }
}

/// A registered name (RFC 3986 section 3.2.2).
fn is_name(host: &[u8]) -> bool {
    let mut rest = host;
    while let Some((byte, behind)) = rest.split_first() {
        rest = match (byte, behind) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => behind,
            (byte, behind) if is_unreserved(*byte) || is_delimiter(*byte) => behind,
            _ => return false,
        };
    }
    true
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `sub-delims` of RFC 3986 section 2.2.
fn is_delimiter(byte: u8) -> bool {
    b"!$&'()*+,;=".contains(&byte)
}

const SECTION: &str = "RFC 9112 section 3.2";
pub(super) const NO_HOST: Rule = Rule { rule: "no Host", section: SECTION };
pub(super) const HOST_TWICE: Rule = Rule { rule: "more than one Host", section: SECTION };
const FORM: Rule = Rule { rule: "a target that is neither a path nor a URI of http", section: SECTION };
const ASTERISK: Rule = Rule { rule: "target * of a request other than OPTIONS", section: "RFC 9112 section 3.2.4" };
const CONNECT_FORM: Rule = Rule { rule: "CONNECT without host and port", section: "RFC 9112 section 3.2.3" };
const CONTRADICTION: Rule =
    Rule { rule: "Host that says something else than the target", section: "RFC 9112 section 3.2.2" };
const NO_HOST_IN_TARGET: Rule = Rule { rule: "a URI without a host", section: "RFC 9110 section 4.2.1" };
const AUTHORITY: Rule = Rule { rule: "a host that is none", section: "RFC 3986 section 3.2.2" };
const USER: Rule = Rule { rule: "an authority with user information", section: "RFC 9110 section 4.2.4" };
