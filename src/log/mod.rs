//! What operators get to see: one summary line a connection on standard output, notices on standard error, and counts.
//!
//! A shard hands a line over and goes on; one thread writes. If the writer cannot keep up the line is dropped and
//! counted, and the count is reported: logging never delays traffic.

mod counters;
mod json;
mod notice;
mod pretty;
mod reason;
mod requests;
mod summary;
mod tally;
mod timestamp;
mod tlvs;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::SystemTime;
use std::time::{Duration, Instant};

pub use counters::{Counters, Totals};
pub use notice::Notice;
pub use reason::{Cause, CloseReason, Side};
pub use requests::{PathTotal, RequestTotals, WatchEvent};
pub use summary::{Bytes, ConnectionId, RequestsSeen, Summary};
pub use tally::Tally;
pub use tlvs::Tlvs;

use crate::config::LogFormat;
use crate::limits;

/// Where lines are handed in. Cheap to clone; a shard has its own.
#[derive(Clone, Debug)]
pub struct Log {
    queue: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
    /// Bytes of samples that wait for the writer: their blocks can be large, and a count of lines would not bound them.
    sample_bytes: Arc<AtomicUsize>,
}

/// What is handed in.
#[derive(Debug)]
pub enum Line {
    /// A connection has ended.
    Summary(Box<Summary>),
    /// Part of a sampled connection, explained.
    Sample {
        /// Which connection.
        id: ConnectionId,
        /// Lines for people.
        text: String,
    },
    /// The proxy has something to say.
    Notice(Notice),
    /// Nothing more will come that is worth waiting for.
    Stop,
}

impl Log {
    /// Starts the writer: summaries go to `data`, notices to `notes`.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn start(
        format: LogFormat,
        data: impl Write + Send + 'static,
        notes: impl Write + Send + 'static,
    ) -> io::Result<(Log, Writer)> {
        let (log, lines) = Log::queue();
        let dropped = Arc::clone(&log.dropped);
        let sample_bytes = Arc::clone(&log.sample_bytes);
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_lines(&lines, format, data, notes, &dropped, &sample_bytes))?;
        Ok((log.clone(), Writer { log, thread }))
    }

    /// A log without a writer: whoever holds the other end gets the lines.
    pub fn queue() -> (Log, Receiver<Line>) {
        let (queue, lines) = sync_channel(limits::LOG_QUEUE_LINES);
        (Log { queue, dropped: Arc::default(), sample_bytes: Arc::default() }, lines)
    }

    /// Hands in the summary of a connection that has ended. A load balancer's probe has no line: there would be more of
    /// them than of anything else, and each says the same. It is counted like every other end.
    pub fn summary(&self, summary: Box<Summary>) {
        if summary.reason.cause != Cause::Probe {
            self.hand_in(Line::Summary(summary));
        }
    }

    /// Hands in part of a sampled connection, explained.
    pub fn sample(&self, id: ConnectionId, text: String) {
        // Relaxed: the number guards no memory; the queue publishes the text.
        let waiting = self.sample_bytes.fetch_add(text.len(), Ordering::Relaxed);
        if waiting.saturating_add(text.len()) > limits::LOG_SAMPLE_BYTES {
            self.sample_bytes.fetch_sub(text.len(), Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.hand_in(Line::Sample { id, text });
    }

    /// Hands in a notice.
    pub fn notice(&self, notice: Notice) {
        self.hand_in(Line::Notice(notice));
    }

    fn hand_in(&self, line: Line) {
        match self.queue.try_send(line) {
            Ok(()) => {}
            // Relaxed: a count for a report, ordered with nothing.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The thread that writes. It is stopped last.
#[derive(Debug)]
pub struct Writer {
    log: Log,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Writes what is queued and ends the thread; but a reader that takes nothing cannot keep the process from ending.
    pub fn finish(self) {
        let deadline = Instant::now() + limits::LOG_FINISH_DEADLINE;
        // Full means that the writer is stuck or busy; an error, that the thread has ended already.
        while let Err(TrySendError::Full(_)) = self.log.queue.try_send(Line::Stop) {
            if Instant::now() > deadline {
                return;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        while !self.thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

fn write_lines(
    lines: &Receiver<Line>,
    format: LogFormat,
    mut data: impl Write,
    mut notes: impl Write,
    dropped: &AtomicU64,
    sample_bytes: &AtomicUsize,
) {
    let mut text = String::new();
    let mut reported = 0;
    loop {
        // Everything that waits goes out in one write: under load the system calls are shared.
        let Ok(first) = lines.recv() else { return };
        let mut stop = false;
        text.clear();
        for line in std::iter::once(first).chain(lines.try_iter()).take(LINES_AT_ONCE) {
            match line {
                Line::Summary(summary) => match format {
                    LogFormat::Pretty => pretty::summary(&summary, &mut text),
                    LogFormat::Json => json::summary(&summary, &mut text),
                },
                Line::Sample { id, text: block } => {
                    sample_bytes.fetch_sub(block.len(), Ordering::Relaxed);
                    match format {
                        LogFormat::Pretty => text.push_str(&block),
                        LogFormat::Json => json::sample(id, &block, &mut text),
                    }
                }
                Line::Notice(notice) => write_note(&mut notes, &notice, format),
                Line::Stop => stop = true,
            }
        }
        // A reader that has gone away must not end the proxy; there is nowhere left to say so.
        drop(data.write_all(text.as_bytes()).and_then(|()| data.flush()));
        let lost = dropped.load(Ordering::Relaxed);
        if lost > reported {
            write_note(&mut notes, &Notice::LinesDropped { lines: lost - reported }, format);
            reported = lost;
        }
        if stop {
            return;
        }
        // Whoever ends connections would wake this thread for each of them.
        std::thread::sleep(limits::LOG_PAUSE);
    }
}

fn write_note(notes: &mut impl Write, notice: &Notice, format: LogFormat) {
    let mut text = String::new();
    match format {
        LogFormat::Pretty => pretty::notice(notice, SystemTime::now(), &mut text),
        LogFormat::Json => json::notice(notice, SystemTime::now(), &mut text),
    }
    drop(notes.write_all(text.as_bytes()).and_then(|()| notes.flush()));
}

/// How often the end of the writer is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Lines that are formatted before they are written.
const LINES_AT_ONCE: usize = 256;
