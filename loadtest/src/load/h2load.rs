//! HTTP/2 requests with h2load: POST with a body of 100 bytes, without TLS.
//!
//! h2load tells no percentiles, and a log of every request would cost it more than the requests; so there is no
//! latency.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Conditions, Outcome, Window, tool};

/// How many clients, and how many streams of each at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct H2load {
    /// Connections.
    pub connections: usize,
    /// Requests under way on each.
    pub streams: usize,
}

const BODY: [u8; 100] = [b'q'; 100];

impl H2load {
    /// Sends requests for the conditions' time; there is no warm-up, which h2load would not tell the end of.
    ///
    /// # Errors
    ///
    /// h2load failed, or any request did.
    pub fn run(
        self,
        program: &Path,
        address: SocketAddr,
        conditions: Conditions,
        folder: &Path,
        window: &mut dyn Window,
    ) -> io::Result<Outcome> {
        let body = folder.join("body");
        std::fs::write(&body, BODY)?;
        // It takes whole seconds.
        let seconds = conditions.duration.as_secs().max(1);
        let mut command = Command::new(program);
        command.args(["-D", &seconds.to_string(), "-c", &self.connections.to_string()]);
        command.args(["-m", &self.streams.to_string(), "-d"]).arg(body).arg(format!("http://{address}/"));
        window.open();
        let output = tool::run("h2load", &mut command, conditions.duration, folder);
        window.close();
        let operations = succeeded(&output?)?;
        let seconds = f64::from(u32::try_from(seconds).unwrap_or(u32::MAX));
        Ok(Outcome { operations, seconds, ..Outcome::default() })
    }
}

/// How many requests there were, all of them answered with 2xx.
fn succeeded(output: &str) -> io::Result<f64> {
    let found = || {
        let requests = output.lines().find_map(|line| line.strip_prefix("requests: "))?;
        let count = |name: &str| {
            let part = requests.split(", ").find_map(|part| part.strip_suffix(name))?;
            part.trim().parse::<f64>().ok()
        };
        let bad = count("failed")? + count("errored")? + count("timeout")?;
        Some((count("succeeded")?, bad, requests))
    };
    match found() {
        Some((good, 0.0, _)) if good > 0.0 => Ok(good),
        Some((_, _, requests)) => Err(io::Error::other(format!("h2load: {requests}"))),
        None => Err(io::Error::other(format!("h2load said {:?}", output.trim()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_must_have_succeeded() {
        let line = |failed, timeout| {
            format!(
                "finished in 2.01s, 55560.00 req/s, 9.33MB/s\nrequests: 111120 total, 111376 started, 111120 done, \
                 111120 succeeded, {failed} failed, 0 errored, {timeout} timeout\nstatus codes: 111120 2xx\n"
            )
        };
        assert!((succeeded(&line(0, 0)).unwrap() - 111_120.0).abs() < f64::EPSILON);
        assert!(succeeded(&line(1, 0)).is_err());
        assert!(succeeded(&line(0, 7)).unwrap_err().to_string().ends_with("7 timeout"));
        let none = "requests: 0 total, 0 started, 0 done, 0 succeeded, 0 failed, 0 errored, 0 timeout";
        assert!(succeeded(none).is_err());
        assert_eq!(succeeded("").unwrap_err().to_string(), "h2load said \"\"");
    }
}
