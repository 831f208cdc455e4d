//! Addresses: of listeners (`bind`), of backends, and the networks that are trusted.
//!
//! Host names are resolved here, once, so that a wrong name is an error of the start and not of the first connection.
//! What looks like a number is never handed to the resolver: it would read `10.1` as `10.0.0.1`.

use std::{
    collections::HashSet,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use ipnet::IpNet;

use super::{
    Bind,
    diagnostic::{Problem, quoted},
};
use crate::route::Address;

/// Turns a host name and a port into addresses.
pub(super) type Resolve<'a> = &'a dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

/// Where a listener binds. Port 0 is a free port; a host name gives each of its addresses.
pub(super) fn parse_bind(text: &str, resolve: Resolve<'_>) -> Result<Vec<Bind>, Problem> {
    match split(text, BIND_FORMS)? {
        Parts::Unix(path) => Ok(vec![Bind::Unix(path)]),
        Parts::Inet(address) => Ok(vec![Bind::Inet(address)]),
        Parts::Host { host: "", port } => Ok(vec![Bind::Wildcard { port }]),
        Parts::Host { host, port } => {
            Ok(resolve_host("bind", host, port, resolve)?.into_iter().map(Bind::Inet).collect())
        }
    }
}

/// Where a backend is. A host name gives each of its addresses.
pub(super) fn parse_backend(text: &str, resolve: Resolve<'_>) -> Result<Vec<Address>, Problem> {
    let parts = split(text, BACKEND_FORMS)?;
    let port = match &parts {
        Parts::Inet(address) => Some(address.port()),
        Parts::Host { port, .. } => Some(*port),
        Parts::Unix(_) => None,
    };
    if port == Some(0) {
        let message = format!("{} has port 0, which no backend can be reached at", quoted(text));
        return Err(Problem::new(message, "give a port from 1 to 65535"));
    }
    match parts {
        Parts::Unix(path) => Ok(vec![Address::Unix(path)]),
        Parts::Inet(address) => Ok(vec![Address::Inet(address)]),
        Parts::Host { host: "", .. } => Err(Problem::new(format!("{} names no host", quoted(text)), BACKEND_FORMS)),
        Parts::Host { host, port } => {
            Ok(resolve_host("backend", host, port, resolve)?.into_iter().map(Address::Inet).collect())
        }
    }
}

/// A network in CIDR form, or one address.
///
/// Bits behind the prefix are refused, because the list decides whom to believe: it must not be wider than it looks.
pub(super) fn parse_network(text: &str) -> Result<IpNet, Problem> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let Ok(network) = text.parse::<IpNet>() else {
        let message = format!("{} is neither a network nor an address", quoted(text));
        return Err(Problem::new(message, "write for example \"10.0.0.0/8\", \"2001:db8::/32\" or \"192.0.2.7\""));
    };
    if network.addr() != network.network() {
        let message = format!("{} has bits set behind its prefix", quoted(text));
        let (whole, one) = (network.trunc(), IpNet::from(network.addr()));
        return Err(Problem::new(
            message,
            format!("write \"{whole}\" for the network or \"{one}\" for the one address"),
        ));
    }
    Ok(network)
}

/// An address taken apart, nothing resolved yet.
enum Parts<'a> {
    Unix(PathBuf),
    Inet(SocketAddr),
    /// The host is empty, or may be a host name.
    Host {
        host: &'a str,
        port: u16,
    },
}

fn split<'a>(text: &'a str, forms: &str) -> Result<Parts<'a>, Problem> {
    let problem = |what: &str| Err(Problem::new(format!("{} {what}", quoted(text)), forms));
    if let Some(path) = text.strip_prefix("unix:") {
        return match path {
            _ if !path.starts_with('/') => problem("names no absolute path behind \"unix:\""),
            _ if path.contains('\0') => problem("has a NUL byte in its path"),
            _ if path.len() > UNIX_PATH_BYTES => problem("has a longer path than the 107 bytes of a unix socket"),
            _ => Ok(Parts::Unix(PathBuf::from(path))),
        };
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Parts::Inet(address));
    }
    if text.contains("://") {
        return problem("is a URL");
    }
    if text.starts_with('/') {
        return problem("is a path without \"unix:\" before it");
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return problem("has no port, and an IPv6 address stands in brackets");
    }
    if text.starts_with('[') && text.ends_with(']') {
        return problem("has no port behind its brackets");
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        let is_port = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        return problem(if is_port { "has no colon before its port" } else { "has no port" });
    };
    if port.is_empty() {
        return problem("has no port behind its colon");
    }
    let Some(port) = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok()).flatten() else {
        return problem(&format!("has {} for a port, which is no number from 0 to 65535", quoted(port)));
    };
    match host {
        _ if host.parse::<Ipv6Addr>().is_ok() => problem("has an IPv6 address that does not stand in brackets"),
        _ if host.starts_with('[') => problem("has no IPv6 address in its brackets"),
        "*" => problem("has a star for a host, where every address is meant by leaving it out"),
        "" => Ok(Parts::Host { host, port }),
        _ if host.split('.').all(is_number) => problem("has no valid IPv4 address"),
        _ if !host.bytes().all(is_host_byte) => problem("has a host that is neither an address nor a host name"),
        _ => Ok(Parts::Host { host, port }),
    }
}

/// Whether resolvers take the part of a host for a number: decimal or octal, or hexadecimal behind `0x`.
fn is_number(part: &str) -> bool {
    match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => part.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

fn resolve_host(role: &str, host: &str, port: u16, resolve: Resolve<'_>) -> Result<Vec<SocketAddr>, Problem> {
    let reason = match resolve(host, port) {
        Ok(addresses) if addresses.is_empty() => "it has no address".to_owned(),
        Ok(addresses) => {
            // A hosts file may say the same twice; a backend must not get double its weight from that.
            let mut seen = HashSet::new();
            return Ok(addresses.into_iter().filter(|address| seen.insert(*address)).collect());
        }
        Err(error) => error.to_string(),
    };
    let message = format!("cannot resolve {role} host {}: {reason}", quoted(host));
    Err(Problem::new(message, "check the name, or give an address"))
}

const BIND_FORMS: &str = "write \"192.0.2.1:8080\", \"[2001:db8::1]:8080\", \"name:8080\", \":8080\" for every address, or \"unix:/run/x.sock\"";
const BACKEND_FORMS: &str = "write \"192.0.2.1:8080\", \"[2001:db8::1]:8080\", \"name:8080\" or \"unix:/run/x.sock\"";
/// `sun_path` has 108 bytes with the closing NUL (unix(7)).
const UNIX_PATH_BYTES: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match host {
            "two.example" => Ok([1, 2, 1].map(|last| ([192, 0, 2, last], port).into()).to_vec()),
            "empty.example" => Ok(vec![]),
            _ => Err(io::Error::other("no such host")),
        }
    }

    fn inet(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn binds() {
        let bind = |text| parse_bind(text, &resolve).unwrap();
        assert_eq!(bind("0.0.0.0:8080"), [Bind::Inet(inet("0.0.0.0:8080"))]);
        assert_eq!(bind("[::]:0"), [Bind::Inet(inet("[::]:0"))]);
        assert_eq!(bind(":8080"), [Bind::Wildcard { port: 8080 }]);
        assert_eq!(bind("unix:/run/x.sock"), [Bind::Unix("/run/x.sock".into())]);
        assert_eq!(bind("two.example:1"), [Bind::Inet(inet("192.0.2.1:1")), Bind::Inet(inet("192.0.2.2:1"))]);
    }

    #[test]
    fn backends() {
        let backend = |text| parse_backend(text, &resolve).unwrap();
        assert_eq!(backend("[2001:db8::1]:65535"), [Address::Inet(inet("[2001:db8::1]:65535"))]);
        assert_eq!(backend("unix:/run/x.sock"), [Address::Unix("/run/x.sock".into())]);
        assert_eq!(backend("two.example:9"), [Address::Inet(inet("192.0.2.1:9")), Address::Inet(inet("192.0.2.2:9"))]);
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        let long = format!("unix:/{}", "x".repeat(107));
        for (text, what) in [
            ("", "\"\" has no port"),
            ("a.example", "\"a.example\" has no port"),
            ("8080", "\"8080\" has no colon before its port"),
            ("[::1]", "\"[::1]\" has no port behind its brackets"),
            ("a.example:", "\"a.example:\" has no port behind its colon"),
            ("a:65536", "\"a:65536\" has \"65536\" for a port, which is no number from 0 to 65535"),
            ("a:+80", "\"a:+80\" has \"+80\" for a port, which is no number from 0 to 65535"),
            ("a:0", "\"a:0\" has port 0, which no backend can be reached at"),
            ("10.0.0.1:0", "\"10.0.0.1:0\" has port 0, which no backend can be reached at"),
            (":80", "\":80\" names no host"),
            ("::1", "\"::1\" has no port, and an IPv6 address stands in brackets"),
            ("2001:db8::1:80000", "\"2001:db8::1:80000\" has \"80000\" for a port, which is no number from 0 to 65535"),
            ("1:2:3:4:5:6:7:8:80", "\"1:2:3:4:5:6:7:8:80\" has an IPv6 address that does not stand in brackets"),
            ("[::g]:80", "\"[::g]:80\" has no IPv6 address in its brackets"),
            ("*:80", "\"*:80\" has a star for a host, where every address is meant by leaving it out"),
            ("10.0.0.256:80", "\"10.0.0.256:80\" has no valid IPv4 address"),
            ("0x7f000001:80", "\"0x7f000001:80\" has no valid IPv4 address"),
            ("127.0X1:80", "\"127.0X1:80\" has no valid IPv4 address"),
            ("10.1:80", "\"10.1:80\" has no valid IPv4 address"),
            ("a b:80", "\"a b:80\" has a host that is neither an address nor a host name"),
            ("http://a:80", "\"http://a:80\" is a URL"),
            ("/run/x", "\"/run/x\" is a path without \"unix:\" before it"),
            ("unix:", "\"unix:\" names no absolute path behind \"unix:\""),
            ("unix:x", "\"unix:x\" names no absolute path behind \"unix:\""),
            ("unix:/\0", "\"unix:/\\0\" has a NUL byte in its path"),
            ("none.example:1", "cannot resolve backend host \"none.example\": no such host"),
            ("empty.example:1", "cannot resolve backend host \"empty.example\": it has no address"),
        ] {
            assert_eq!(parse_backend(text, &resolve).unwrap_err().message, what, "{text}");
        }
        assert!(parse_bind(&long, &resolve).unwrap_err().message.contains("107 bytes"));
    }

    #[test]
    fn networks() {
        for (text, network) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::1", "::1/128"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(parse_network(text).unwrap().to_string(), network);
        }
        for text in ["", "10.0.0.0/33", "10.0.0.0/", "a.example", "10.0.0.0:80", "10/8", "10.0.0.0/8 "] {
            assert!(
                parse_network(text).unwrap_err().message.ends_with("is neither a network nor an address"),
                "{text}"
            );
        }
        assert_eq!(
            parse_network("10.1.2.3/8").unwrap_err().help.unwrap(),
            "write \"10.0.0.0/8\" for the network or \"10.1.2.3/32\" for the one address"
        );
    }
}
