//! The clients: what each workload does, and what it saw.
//!
//! They run in the process of the comparison, never in a proxy's or a backend's. Every byte that comes back is
//! compared with what must come; the first wrong one, like every error, ends the run as a failure.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::results::Latency;

pub mod beside;
pub mod bulk;
pub mod churn;
pub mod frames;
pub mod ghz;
pub mod h2load;
pub mod idle;
pub mod message;
pub mod ping_pong;
pub mod tool;

/// The first byte of everything that is not HTTP/2: it begins no HTTP request, no TLS record and no PROXY header, so a
/// proxy that looks knows at once that there is nothing to see.
pub const OPAQUE: u8 = 0xff;

/// How long nothing may happen before a run counts as failed.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What a run is told.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    /// Not measured: caches, allocators and buffers find their sizes.
    pub warm_up: Duration,
    /// Measured.
    pub duration: Duration,
}

/// Told when measuring begins and ends. What uses a proxy's counters reads them then.
pub trait Window {
    /// The warm-up is over.
    fn open(&mut self);
    /// The last measured operation is done.
    fn close(&mut self);
}

/// Nobody measures.
impl Window for () {
    fn open(&mut self) {}
    fn close(&mut self) {}
}

/// What a client saw.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// In the workload's unit.
    pub operations: f64,
    /// In which they were done.
    pub seconds: f64,
    /// Of one operation.
    pub latency: Option<Latency>,
    /// Private memory of the proxy a connection.
    pub bytes_per_connection: Option<f64>,
}

/// Latencies, recorded as nanoseconds.
#[derive(Debug)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    ///
    /// # Errors
    ///
    /// Never: the precision, three digits, is one that the histogram has.
    pub fn new() -> io::Result<Self> {
        Histogram::new(3).map(Self).map_err(io::Error::other)
    }

    /// One more.
    pub fn record(&mut self, latency: Duration) {
        self.0 += u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
    }

    /// How many.
    pub fn count(&self) -> f64 {
        number(self.0.len())
    }

    /// Their percentiles; none without a latency.
    pub fn percentiles(&self) -> Option<Latency> {
        let micros = |nanos: u64| number(nanos) / 1000.0;
        let at = |quantile| micros(self.0.value_at_quantile(quantile));
        let max = micros(self.0.max());
        (!self.0.is_empty()).then(|| Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max })
    }
}

/// A count as a number to divide: exact below 2⁵³, which no run reaches.
#[expect(clippy::cast_precision_loss, reason = "a count of operations, nanoseconds or bytes is below 2^53")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// A blocking socket to a target.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// An error if nothing has happened for too long.
pub(crate) fn check_progress(last: Instant, what: &str) -> io::Result<()> {
    if last.elapsed() > PATIENCE {
        return Err(io::Error::other(format!("no {what} for {} s", PATIENCE.as_secs())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_microseconds() {
        let mut latencies = Latencies::new().unwrap();
        assert!(latencies.percentiles().is_none());
        for micros in 1..=1000 {
            latencies.record(Duration::from_micros(micros));
        }
        assert!((latencies.count() - 1000.0).abs() < f64::EPSILON);
        let latency = latencies.percentiles().unwrap();
        let near = |value: f64, expected: f64| assert!((value / expected - 1.0).abs() < 0.002, "{value} {expected}");
        near(latency.p50, 500.0);
        near(latency.p90, 900.0);
        near(latency.p99, 990.0);
        near(latency.p999, 999.0);
        near(latency.max, 1000.0);
    }
}
