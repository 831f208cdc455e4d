//! How many system calls a proxy makes: counted from outside, in a pass whose times nobody reads.
//!
//! `perf` counts a tracepoint and disturbs little. `strace` stops the process at every call, so loops batch more under
//! it than they otherwise would; it is the second choice.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Program;
use super::usage::tree;
use super::which;

/// What counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// `perf stat`.
    Perf,
    /// `strace -f -c`.
    Strace,
}

/// A count under way.
#[derive(Debug)]
pub struct Counting {
    counter: Counter,
    program: Program,
    output: PathBuf,
}

const EVENT: &str = "raw_syscalls:sys_enter";

impl Counter {
    /// The better one of those that work here.
    pub fn available() -> Option<Self> {
        let tried = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(which(program)?);
            command.args(arguments).arg("true").stdin(Stdio::null()).output().ok().filter(|out| out.status.success())
        };
        // perf succeeds, too, where the tracepoint cannot be read: it then tells no number.
        let counted = tried("perf", &["stat", "-x", ",", "-e", EVENT]);
        if counted.is_some_and(|out| perf_count(&String::from_utf8_lossy(&out.stderr)).is_some()) {
            return Some(Self::Perf);
        }
        tried("strace", &["-f", "-c"]).map(|_| Self::Strace)
    }

    /// How it is told in a report.
    pub fn note(this: Option<Self>) -> String {
        match this {
            Some(Self::Perf) => "System calls were counted with perf (raw_syscalls:sys_enter) in a pass of their own.",
            Some(Self::Strace) => {
                "System calls were counted with strace -f -c in a pass of their own; it slows every call, so loops \
                 batch more than without it."
            }
            None => "System calls were not counted: neither perf nor strace works here.",
        }
        .to_owned()
    }

    /// Begins to count the calls of a process and its descendants.
    ///
    /// # Errors
    ///
    /// The counting program could not be started.
    pub fn start(self, root: u32, folder: &Path) -> io::Result<Counting> {
        let output = folder.join("syscalls.txt");
        let ids: Vec<_> = tree(root)?.iter().map(u32::to_string).collect();
        let mut command;
        match self {
            Self::Perf => {
                command = Command::new(which("perf").unwrap_or_default());
                command.args(["stat", "-x", ",", "-e", EVENT, "-p", &ids.join(","), "-o"]).arg(&output);
            }
            Self::Strace => {
                command = Command::new(which("strace").unwrap_or_default());
                command.args(["-f", "-c", "-o"]).arg(&output);
                ids.iter().for_each(|id| {
                    command.args(["-p", id]);
                });
            }
        }
        let mut program = Program::start("syscalls", &mut command, folder, Stdio::null())?;
        // Neither program tells when it is attached.
        std::thread::sleep(Duration::from_millis(400));
        program.check_running()?;
        Ok(Counting { counter: self, program, output })
    }
}

impl Counting {
    /// Ends it, and how many there were.
    ///
    /// # Errors
    ///
    /// The counting program did not end well.
    pub fn finish(mut self) -> io::Result<f64> {
        self.program.interrupt()?;
        let text = std::fs::read_to_string(&self.output)?;
        let count = match self.counter {
            Counter::Perf => perf_count(&text),
            Counter::Strace => strace_count(&text),
        };
        count.ok_or_else(|| io::Error::other(format!("no number of system calls in {:?}", text.trim())))
    }
}

/// The number in a line of `perf stat -x ,`.
fn perf_count(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.contains(EVENT))?;
    line.split(',').next()?.parse().ok()
}

/// The number of calls in the last line of `strace -c`: `100.00    0.1    2    12345    17 total`.
fn strace_count(text: &str) -> Option<f64> {
    let line = text.lines().rev().find(|line| line.trim_end().ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perf_tells_a_number_or_none() {
        let text = "# started on Fri\n\n12345,,raw_syscalls:sys_enter,2001,100.00,,\n";
        assert_eq!(perf_count(text), Some(12345.0));
        assert_eq!(perf_count("<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n"), None);
        assert_eq!(perf_count(""), None);
    }

    #[test]
    fn strace_tells_the_total_in_its_last_line() {
        let text = "% time     seconds  usecs/call     calls    errors syscall\n\
                    ------ ----------- ----------- --------- --------- ----------------\n\
                    \x2090.00    0.000900           3       300           recvfrom\n\
                    100.00    0.001000           3       317        20 total\n";
        assert_eq!(strace_count(text), Some(317.0));
        assert_eq!(strace_count("strace: Process 1 attached\n"), None);
    }
}
