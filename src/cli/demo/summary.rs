//! "What Spliceway saw": the summary of the demo's one connection, as a table.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use super::palette::Palette;
use crate::tap::render::grouped;

/// What Spliceway knows of a connection once it is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    /// Where the connection came from, by the PROXY line.
    pub(super) client: SocketAddr,
    /// Where it came from, by TCP.
    pub(super) peer: SocketAddr,
    /// The protocol found in the first bytes.
    pub(super) protocol: String,
    /// `:authority` of the first request.
    pub(super) authority: String,
    /// `:path` of the first request.
    pub(super) path: String,
    /// The route that matched.
    pub(super) route: String,
    /// The backend chosen.
    pub(super) backend: SocketAddr,
    /// Bytes relayed from the client, without the PROXY line.
    pub(super) bytes_to_backend: u64,
    /// Bytes relayed from the backend.
    pub(super) bytes_to_client: u64,
    /// From accept to close.
    pub(super) duration: Duration,
    /// Who ended it, and why.
    pub(super) close: String,
}

/// Writes the summary, one line a fact.
pub(super) fn print_summary(out: &mut dyn Write, summary: &Summary, palette: Palette) -> io::Result<()> {
    let Palette { strong, faint, end, .. } = palette;
    let mut fact = |name: &str, value: &dyn fmt::Display, remark: &str| {
        write!(out, "     {faint}{name:<10}{end} {value}")?;
        if remark.is_empty() { writeln!(out) } else { writeln!(out, "  {faint}{remark}{end}") }
    };
    fact("client", &summary.client, "as the PROXY line says")?;
    fact("peer", &summary.peer, "as TCP says")?;
    fact("protocol", &summary.protocol, "")?;
    fact("authority", &summary.authority, "")?;
    fact("path", &summary.path, "of the first request")?;
    fact("route", &summary.route, "")?;
    fact("backend", &summary.backend, "")?;
    fact("to backend", &format_args!("{} bytes", grouped(summary.bytes_to_backend)), "")?;
    fact("to client", &format_args!("{} bytes", grouped(summary.bytes_to_client)), "")?;
    fact("duration", &milliseconds(summary.duration), "")?;
    fact("close", &format_args!("{strong}{}{end}", summary.close), "")
}

/// `2.3 ms`.
pub(super) fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A summary for golden tests.
    pub(in super::super) fn example() -> Summary {
        Summary {
            client: "203.0.113.7:40312".parse().unwrap(),
            peer: "127.0.0.1:50512".parse().unwrap(),
            protocol: "h2c".to_owned(),
            authority: "users.example".to_owned(),
            path: "/users.v1.Users/AddUser".to_owned(),
            route: "default".to_owned(),
            backend: "127.0.0.1:41001".parse().unwrap(),
            bytes_to_backend: 1_234,
            bytes_to_client: 567,
            duration: Duration::from_micros(9_870),
            close: "client closed".to_owned(),
        }
    }

    #[test]
    fn a_summary_is_one_line_a_fact() {
        let mut out = Vec::new();
        print_summary(&mut out, &example(), Palette::PLAIN).unwrap();
        let expected = "     client     203.0.113.7:40312  as the PROXY line says
     peer       127.0.0.1:50512  as TCP says
     protocol   h2c
     authority  users.example
     path       /users.v1.Users/AddUser  of the first request
     route      default
     backend    127.0.0.1:41001
     to backend 1,234 bytes
     to client  567 bytes
     duration   9.9 ms
     close      client closed
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
