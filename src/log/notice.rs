//! Notices: what the proxy itself has to say, on standard error.

use std::fmt;

use super::counters::Totals;
use super::requests::RequestTotals;
use super::summary::ConnectionId;

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
    /// A watched connection carried a request that belongs elsewhere.
    Misrouted {
        /// The listener's name.
        listener: String,
        /// The connection.
        id: ConnectionId,
        /// The request's path.
        path: String,
        /// In what it differs from the connection's first request.
        why: String,
        /// How many such requests of this listener were not told of since the last notice.
        untold: u64,
    },
    /// What watched connections have carried.
    Requests {
        /// All counts.
        totals: RequestTotals,
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
            Notice::Misrouted { listener, id, path, why, untold } => {
                write!(
                    f,
                    "listener {listener}: #{id} carries a request that belongs elsewhere: {}: {why}",
                    path.escape_debug()
                )?;
                if *untold > 0 { write!(f, " ({untold} more since the last such notice)") } else { Ok(()) }
            }
            Notice::Requests { totals } => requests(f, totals),
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

fn requests(f: &mut fmt::Formatter<'_>, totals: &RequestTotals) -> fmt::Result {
    let (requests, misrouted) = totals.sums();
    write!(f, "watched: {requests} requests, {misrouted} of them misrouted")?;
    for (event, count) in &totals.events {
        write!(f, ", {count} {}", event.label())?;
    }
    for path in totals.paths.iter().take(PATHS_SHOWN) {
        write!(f, "; {} {}", path.path.escape_debug(), path.requests)?;
        if path.misrouted > 0 {
            write!(f, " ({} misrouted)", path.misrouted)?;
        }
    }
    match totals.paths.len().saturating_sub(PATHS_SHOWN) {
        0 => Ok(()),
        more => write!(f, "; and {more} more paths"),
    }
}

/// Paths in a line for people; in JSON all of them stand.
const PATHS_SHOWN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{PathTotal, WatchEvent};

    #[test]
    fn requests_are_told_by_path_the_first_ten_of_them() {
        let path = |number: u64| PathTotal { path: format!("/{number}"), requests: 20 - number, misrouted: number % 2 };
        let totals = RequestTotals {
            events: vec![(WatchEvent::OtherPool, 2), (WatchEvent::GoawayAge, 7)],
            paths: (0..12).map(path).collect(),
        };
        let said = Notice::Requests { totals }.to_string();
        assert_eq!(
            said,
            "watched: 174 requests, 6 of them misrouted, 2 other_pool, 7 goaway_age; /0 20; /1 19 (1 misrouted); /2 18; \
             /3 17 (1 misrouted); /4 16; /5 15 (1 misrouted); /6 14; /7 13 (1 misrouted); /8 12; /9 11 (1 misrouted); \
             and 2 more paths"
        );
    }

    #[test]
    fn a_misrouted_request_is_told_with_what_was_not_told() {
        let id = ConnectionId { shard: 1, number: 2 };
        let mut said = Notice::Misrouted {
            listener: "grpc".to_owned(),
            id,
            path: "/a\n".to_owned(),
            why: "no route holds for it".to_owned(),
            untold: 0,
        };
        let expected = "listener grpc: #1-2 carries a request that belongs elsewhere: /a\\n: no route holds for it";
        assert_eq!(said.to_string(), expected);
        if let Notice::Misrouted { untold, .. } = &mut said {
            *untold = 9;
        }
        assert_eq!(said.to_string(), format!("{expected} (9 more since the last such notice)"));
    }
}
