//! Notices: what the proxy itself has to say, on standard error.

use std::fmt;

use super::counters::Totals;

/// Something worth telling that is not a connection's summary.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A listener is open.
    Listening {
        /// Its name.
        listener: String,
        /// The address, with the port the kernel chose if 0 was asked for.
        address: String,
        /// How many shards accept on it.
        shards: usize,
    },
    /// Something that is probably not meant.
    Warning {
        /// What, and what to do about it.
        message: String,
    },
    /// Accepting fails; the listener pauses and tries again.
    AcceptFailed {
        /// The listener's name.
        listener: String,
        /// The kernel's error.
        error: String,
        /// Failures since the last such notice.
        times: u64,
    },
    /// The proxy was told to stop.
    Draining {
        /// Connections still open.
        open: usize,
    },
    /// All counts up to now, because somebody asked.
    Counts {
        /// All counts.
        totals: Totals,
    },
    /// The proxy has stopped.
    Stopped {
        /// All counts.
        totals: Totals,
    },
    /// Samples ended early, because what connections carried came faster than it was read.
    SamplesLost {
        /// How many.
        lost: u64,
        /// Of how many.
        sampled: u64,
    },
    /// Log lines were dropped because the writer could not keep up.
    LinesDropped {
        /// How many.
        lines: u64,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Listening { listener, address, shards: 1 } => {
                write!(f, "listener {listener}: listening on {address}, 1 shard")
            }
            Notice::Listening { listener, address, shards } => {
                write!(f, "listener {listener}: listening on {address}, {shards} shards")
            }
            Notice::Warning { message } => write!(f, "warning: {message}"),
            Notice::AcceptFailed { listener, error, times } => {
                write!(f, "listener {listener}: cannot accept ({times} times): {error}; trying again")
            }
            Notice::Draining { open } => {
                write!(f, "stopping: {open} connections open; a second signal ends them at once")
            }
            Notice::Counts { totals } => write!(f, "counts: {totals}, {} open", totals.open()),
            Notice::Stopped { totals } => write!(f, "stopped: {totals}"),
            Notice::SamplesLost { lost, sampled } => {
                write!(f, "{lost} of {sampled} samples ended early: their bytes came faster than they were read")
            }
            Notice::LinesDropped { lines } => write!(f, "{lines} log lines dropped: the reader is too slow"),
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} connections", self.accepted)?;
        for (reason, count) in &self.closed {
            write!(f, ", {count} {} {}", reason.side.label(), reason.cause.label())?;
        }
        for (limit, count) in &self.limited {
            write!(f, ", {count} at limit {limit}")?;
        }
        Ok(())
    }
}
