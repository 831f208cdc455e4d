//! Which workloads there are, and what each asks of the backend.

use crate::load::bulk::Bulk;
use crate::load::churn::Churn;
use crate::load::ghz::{Call, Ghz};
use crate::load::h2load::H2load;
use crate::load::idle::Idle;
use crate::load::ping_pong::PingPong;

/// One workload.
#[derive(Clone, Debug)]
pub struct Workload {
    /// As it is selected and reported.
    pub name: &'static str,
    /// In words.
    pub title: &'static str,
    /// What is counted.
    pub operation: &'static str,
    /// What the clients do.
    pub load: Load,
}

/// What the clients do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// HTTP/2 requests.
    H2load(H2load),
    /// Messages there and back.
    PingPong(PingPong),
    /// Transfers.
    Bulk(Bulk),
    /// Short connections.
    Churn(Churn),
    /// Short connections, while others are busy.
    ChurnBeside(Churn, PingPong),
    /// Connections that do nothing; each run has a proxy of its own.
    Idle(Idle),
    /// gRPC calls; with a share, an open loop at that share of what goes without a proxy.
    Ghz(Ghz, Option<f64>),
}

/// The backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// [`crate::serve::echo`].
    Echo,
    /// [`crate::serve::bulk`].
    Bulk,
    /// [`crate::serve::h2`].
    H2,
    /// grpc-go.
    Grpc,
}

impl Service {
    /// For configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Bulk => "bulk",
            Self::H2 => "h2",
            Self::Grpc => "grpc",
        }
    }
}

impl Load {
    /// The backend it needs.
    pub fn service(self) -> Service {
        match self {
            Self::H2load(_) => Service::H2,
            Self::Bulk(_) => Service::Bulk,
            Self::Ghz(..) => Service::Grpc,
            Self::PingPong(_) | Self::Churn(_) | Self::ChurnBeside(..) | Self::Idle(_) => Service::Echo,
        }
    }
}

/// All of them, in the order in which they run. `idle` is how many connections W6 opens.
pub fn all(idle: usize) -> Vec<Workload> {
    let of = |name, title, operation, load| Workload { name, title, operation, load };
    let h2load = |connections, streams| Load::H2load(H2load { connections, streams });
    let ping_pong = |connections, bytes| PingPong { connections, bytes };
    let bulk = |connections, both| Load::Bulk(Bulk { connections, both });
    let ghz = |call, concurrency, connections| Ghz { call, concurrency, connections };
    let unary = ghz(Call::Unary, 64, 8);
    vec![
        of("W1a", "HTTP/2, 16 connections with 16 streams, POST 100 B", "request", h2load(16, 16)),
        of("W1b", "HTTP/2, 64 connections with 1 stream, POST 100 B", "request", h2load(64, 1)),
        of("W2", "1 connection, 64 B there and back", "round trip", Load::PingPong(ping_pong(1, 64))),
        of("W3", "256 connections, 64 B there and back", "round trip", Load::PingPong(ping_pong(256, 64))),
        of("W3x", "2,000 connections, 256 B there and back", "round trip", Load::PingPong(ping_pong(2000, 256))),
        of("W4-1-down", "bulk, 1 connection, from the backend", "GB", bulk(1, false)),
        of("W4-4-down", "bulk, 4 connections, from the backend", "GB", bulk(4, false)),
        of("W4-1-both", "bulk, 1 connection, both ways", "GB", bulk(1, true)),
        of("W4-4-both", "bulk, 4 connections, both ways", "GB", bulk(4, true)),
        of(
            "W5",
            "connect, 64 B there and back, close; 32 at a time",
            "connection",
            Load::Churn(Churn { at_a_time: 32 }),
        ),
        of(
            "W5-during-W3",
            "W5 with 4 at a time, while W3 runs",
            "connection",
            Load::ChurnBeside(Churn { at_a_time: 4 }, ping_pong(256, 64)),
        ),
        of("W6", "idle connections after one message", "connection", Load::Idle(Idle { connections: idle })),
        of("ghz-unary-8", "gRPC unary, 64 calls at a time on 8 connections", "request", Load::Ghz(unary, None)),
        of(
            "ghz-unary-64",
            "gRPC unary, 64 calls at a time on 64 connections",
            "request",
            Load::Ghz(ghz(Call::Unary, 64, 64), None),
        ),
        of(
            "ghz-unary-1",
            "gRPC unary, 64 calls at a time on 1 connection",
            "request",
            Load::Ghz(ghz(Call::Unary, 64, 1), None),
        ),
        of(
            "ghz-stream",
            "gRPC server streaming, 100 messages a call, 16 calls at a time on 8 connections",
            "request",
            Load::Ghz(ghz(Call::ServerStream, 16, 8), None),
        ),
        of(
            "ghz-1MB",
            "gRPC unary, 1 MB there and back, 8 calls at a time on 4 connections",
            "request",
            Load::Ghz(ghz(Call::Large, 8, 4), None),
        ),
        of(
            "ghz-open-50",
            "gRPC unary, open loop at 50 % of what direct holds, 8 connections",
            "request",
            Load::Ghz(unary, Some(0.5)),
        ),
        of(
            "ghz-open-80",
            "gRPC unary, open loop at 80 % of what direct holds, 8 connections",
            "request",
            Load::Ghz(unary, Some(0.8)),
        ),
    ]
}

/// Those that were asked for, in their order. What is no name stands for all that begin with it and a hyphen: `W4`, `ghz`.
///
/// # Errors
///
/// A name is none, in words.
pub fn select(all: &[Workload], names: &[String]) -> Result<Vec<Workload>, String> {
    let is_name = |name: &str| all.iter().any(|workload| workload.name == name);
    let is = |workload: &Workload, name: &str| {
        workload.name == name
            || (!is_name(name) && workload.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')))
    };
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|workload| is(workload, name))) {
        let known: Vec<_> = all.iter().map(|workload| workload.name).collect();
        return Err(format!("there is no workload {unknown:?}; there are {}", known.join(", ")));
    }
    let asked = |workload: &Workload| names.is_empty() || names.iter().any(|name| is(workload, name));
    Ok(all.iter().filter(|workload| asked(workload)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(names: &[&str]) -> Result<Vec<&'static str>, String> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        select(&all(10), &names).map(|workloads| workloads.iter().map(|workload| workload.name).collect())
    }

    #[test]
    fn workloads_are_selected_by_name_or_family() {
        assert_eq!(selected(&["W5", "W3"]).unwrap(), ["W3", "W5"]);
        assert_eq!(selected(&["W4"]).unwrap(), ["W4-1-down", "W4-4-down", "W4-1-both", "W4-4-both"]);
        assert_eq!(selected(&["ghz-open"]).unwrap(), ["ghz-open-50", "ghz-open-80"]);
        assert_eq!(selected(&[]).unwrap().len(), all(1).len());
    }

    #[test]
    fn an_unknown_workload_is_told_with_the_known_ones() {
        let error = selected(&["W3", "W9"]).unwrap_err();
        assert!(error.starts_with("there is no workload \"W9\"; there are W1a, W1b, W2, "), "{error}");
        assert!(selected(&["W"]).is_err());
    }

    #[test]
    fn names_differ() {
        let mut names: Vec<_> = all(1).iter().map(|workload| workload.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all(1).len());
    }
}
