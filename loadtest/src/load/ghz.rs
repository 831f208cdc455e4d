//! gRPC calls with ghz, the load generator most people reach for, to a grpc-go server.
//!
//! In a closed loop a slow proxy is asked less often, which flatters it; in an open loop calls start at a fixed rate
//! whatever has come back, so waiting shows. ghz measures a call from where it starts, not from where it was due.
//!
//! ghz and the server take far more CPU than any proxy: through them a proxy's own cost is best seen in its CPU time.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::{Conditions, Latencies, Outcome, Window, tool};

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A message of a few bytes, and one back.
    Unary,
    /// One message, and a hundred back.
    ServerStream,
    /// 10⁶ bytes, and the same back.
    Large,
}

/// Calls over some connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ghz {
    /// What is called.
    pub call: Call,
    /// Calls under way at a time.
    pub concurrency: usize,
    /// Connections they are spread over.
    pub connections: usize,
}

/// Programs and files.
#[derive(Clone, Copy, Debug)]
pub struct Tools<'a> {
    /// ghz.
    pub program: &'a Path,
    /// Folder of the service's `.proto` file.
    pub protos: &'a Path,
    /// For what ghz says.
    pub folder: &'a Path,
}

const LARGE_BYTES: usize = 1_000_000;

impl Ghz {
    /// Calls for the conditions' time; there is no warm-up. With a rate (calls a second) the loop is an open one.
    ///
    /// # Errors
    ///
    /// ghz failed, or any call did.
    pub fn run(
        self,
        tools: Tools<'_>,
        address: SocketAddr,
        rate: Option<f64>,
        conditions: Conditions,
        window: &mut dyn Window,
    ) -> io::Result<Outcome> {
        let mut command = Command::new(tools.program);
        command.args(["--insecure", "--format=json", "--duration-stop=wait"]);
        command.arg(format!("--proto={}", tools.protos.join("users.proto").display()));
        command.arg(format!("--import-paths={}", tools.protos.display()));
        command.arg(format!("--duration={}ms", conditions.duration.as_millis()));
        command.arg(format!("--concurrency={}", self.concurrency));
        command.arg(format!("--connections={}", self.connections));
        if let Some(rate) = rate {
            command.args(["--async", &format!("--rps={rate:.0}")]);
        }
        let (method, data) = match self.call {
            Call::Unary => ("AddUser", r#"--data={"user":{"name":"Ada"}}"#.to_owned()),
            Call::ServerStream => ("GetUsers", r#"--data={"count":100}"#.to_owned()),
            Call::Large => {
                let path = tools.folder.join("large.bin");
                std::fs::write(&path, large_request())?;
                ("AddUser", format!("--binary-file={}", path.display()))
            }
        };
        command.args([&format!("--call=users.v1.Users.{method}"), &data]).arg(address.to_string());
        window.open();
        let output = tool::run("ghz", &mut command, conditions.duration, tools.folder);
        window.close();
        outcome(&output?)
    }
}

#[derive(Deserialize)]
struct Report {
    /// Nanoseconds.
    total: u64,
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    /// Nanoseconds.
    latency: u64,
    error: String,
    status: String,
}

/// Percentiles come from every single call: ghz itself stops at 99 %.
fn outcome(json: &str) -> io::Result<Outcome> {
    let report: Report =
        serde_json::from_str(json).map_err(|error| io::Error::other(format!("ghz: {error} in its output")))?;
    let mut latencies = Latencies::new()?;
    for call in &report.details {
        if call.status != "OK" {
            return Err(io::Error::other(format!("a call failed: {} {}", call.status, call.error)));
        }
        latencies.record(Duration::from_nanos(call.latency));
    }
    if report.details.is_empty() {
        return Err(io::Error::other("ghz made no call"));
    }
    let seconds = Duration::from_nanos(report.total).as_secs_f64();
    let latency = latencies.percentiles();
    Ok(Outcome { operations: latencies.count(), seconds, latency, bytes_per_connection: None })
}

/// An `AddUserRequest` with a photo, encoded (Protocol Buffers encoding: a key, a length, the bytes).
fn large_request() -> Vec<u8> {
    let mut user = field(2, b"Ada");
    user.extend(field(3, &vec![b'p'; LARGE_BYTES]));
    field(1, &user)
}

/// A field with the wire type LEN (2).
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = value.len();
    while length > 0x7f {
        bytes.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap_or_default());
    bytes.extend(value);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_and_all_must_be_fine() {
        let call = |status| format!(r#"{{"timestamp":"t","latency":1000000,"error":"e","status":"{status}"}}"#);
        let report =
            |status| format!(r#"{{"count":2,"total":2000000000,"rps":1,"details":[{},{}]}}"#, call("OK"), call(status));
        let outcome_of = outcome(&report("OK")).unwrap();
        assert!((outcome_of.operations - 2.0).abs() < f64::EPSILON);
        assert!((outcome_of.seconds - 2.0).abs() < f64::EPSILON);
        assert!((outcome_of.latency.unwrap().p50 - 1000.0).abs() < 1.0);
        assert_eq!(outcome(&report("Unavailable")).unwrap_err().to_string(), "a call failed: Unavailable e");
        assert!(outcome(r#"{"total":1,"details":[]}"#).is_err());
        assert!(outcome("").unwrap_err().to_string().starts_with("ghz: "));
    }

    #[test]
    fn a_field_has_its_length_in_groups_of_seven_bits() {
        assert_eq!(field(2, b"Ada"), [0x12, 3, b'A', b'd', b'a']);
        assert_eq!(field(3, &[7; 300])[..4], [0x1a, 0xac, 0x02, 7]);
        // 1,000,000 bytes, their key and length, and the name.
        assert_eq!(large_request().len(), 4 + 1_000_009);
    }
}
