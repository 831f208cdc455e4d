//! Rule: what decides by bytes alone sees no socket, no file and no clock.

use crate::imports::{Root, named};
use crate::source::{Source, Violation};

const PURE: [&str; 2] = ["wire", "bridge"];

const FORBIDDEN: [&str; 17] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "tokio_uring",
    "io_uring",
    "socket2",
    "rustix",
    "libc",
];

pub(crate) fn check(sources: &[Source]) -> Vec<Violation> {
    let pure = sources.iter().filter(|source| source.module().first().is_some_and(|module| PURE.contains(module)));
    pure.flat_map(check_file).collect()
}

fn check_file(source: &Source) -> Vec<Violation> {
    let mut violations = Vec::new();
    for named in named(source) {
        let path: Vec<_> = named.segments.iter().map(String::as_str).filter(|segment| *segment != "*").collect();
        for forbidden in FORBIDDEN {
            let forbidden: Vec<_> = forbidden.split("::").collect();
            let told = forbidden.join("::");
            if named.root == Root::Other && path.starts_with(&forbidden) {
                violations.push(source.violation(named.line, format!("`{told}` in code that has only bytes to go by")));
            } else if named.root == Root::Other && forbidden.starts_with(&path) {
                let rule = format!("`{}` as a whole lets in `{told}`; name what is meant", path.join("::"));
                violations.push(source.violation(named.line, rule));
                break;
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::told;

    fn violations(path: &str, text: &str) -> Vec<String> {
        told(&check(&[Source::new(path, text)]))
    }

    #[test]
    fn plain_data_is_allowed() {
        let text = "use std::net::{IpAddr, SocketAddr}; use std::time::Duration; // std::io\n\
            #[cfg(test)] mod tests { use std::io::Read; }";
        assert_eq!(violations("src/wire/a.rs", text), [""; 0]);
        assert_eq!(violations("src/relay/a.rs", "use std::io;"), [""; 0]);
    }

    #[test]
    fn sockets_files_and_clocks_are_violations() {
        let text = "use std::{fmt, net::{IpAddr, TcpStream}};\nfn f() { std::time::Instant::now() }\nuse libc::read;";
        assert_eq!(
            violations("src/bridge/a.rs", text),
            [
                "src/bridge/a.rs:1: `std::net::TcpStream` in code that has only bytes to go by",
                "src/bridge/a.rs:2: `std::time::Instant` in code that has only bytes to go by",
                "src/bridge/a.rs:3: `libc` in code that has only bytes to go by",
            ]
        );
        assert_eq!(violations("src/wire/mod.rs", "use std::io::{self, Read};").len(), 2);
        assert_eq!(violations("src/bridge.rs", "use tokio::net::TcpStream;").len(), 1);
    }

    #[test]
    fn a_module_as_a_whole_is_a_violation() {
        assert_eq!(
            violations("src/wire/a.rs", "use std::time::{self, Duration};\nuse std::net::*;"),
            [
                "src/wire/a.rs:1: `std::time` as a whole lets in `std::time::Instant`; name what is meant",
                "src/wire/a.rs:2: `std::net` as a whole lets in `std::net::TcpListener`; name what is meant",
            ]
        );
    }
}
