//! The program as a process, and what the kernel tells of processes.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use spliceway::config::EngineChoice;

use super::{DEADLINE, ENGINE};

/// The program.
pub(crate) fn spliceway() -> Command {
    Command::new(env!("CARGO_BIN_EXE_spliceway"))
}

/// `spliceway run` on a port of the kernel's choice, on the engine of this test program, its log as JSON.
pub(crate) fn spliceway_run() -> Command {
    let mut command = spliceway();
    command.args(["run", "--log", "json", "--listen", "127.0.0.1:0"]);
    command.args(match ENGINE {
        EngineChoice::Epoll => ["--engine", "epoll"],
        EngineChoice::IoUring | EngineChoice::Auto => ["--engine", "io_uring"],
    });
    command
}

/// The program with a configuration file, on the engine of this test program, its log as JSON; and where it listens.
///
/// `prelude` is what a shell does before it becomes the program: `ulimit -n 256`, or `:`.
#[track_caller]
pub(crate) fn start_configured(config: &str, prelude: &str) -> (Process, SocketAddr) {
    static FILES: AtomicU64 = AtomicU64::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("spliceway-{}-{number}.toml", std::process::id()));
    std::fs::write(&path, config).expect("a folder for a file");
    let engine = if ENGINE == EngineChoice::Epoll { "epoll" } else { "io_uring" };
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{prelude} && exec \"$0\" \"$@\"")]).arg(spliceway().get_program());
    command.args(["run", "--log", "json", "--engine", engine, "--config"]).arg(&path);
    // With transparent huge pages the allocator's memory grows and shrinks by 2 MiB, which hides what is measured.
    command.env("MIMALLOC_ALLOW_THP", "0");
    let process = Process::start(command);
    let address = process.address();
    // It is read once, at start.
    drop(std::fs::remove_file(&path));
    (process, address)
}

/// A child that is killed if the test fails before it ends. What it writes is read all the time: a full pipe would stop
/// it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    notes: Receiver<String>,
    out: Option<JoinHandle<String>>,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Process {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, notes) = channel();
        let errors = BufReader::new(child.stderr.take().expect("it is a pipe"));
        std::thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut output = child.stdout.take().expect("it is a pipe");
        let out = std::thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).expect("text");
            text
        });
        Process { child, notes, out: Some(out) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line on standard error that has `event` as its event.
    #[track_caller]
    pub(crate) fn note(&self, event: &str) -> serde_json::Value {
        self.notes_up_to(event).pop().expect("it ends with this one")
    }

    /// The lines on standard error up to the next that has `event` as its event.
    #[track_caller]
    pub(crate) fn notes_up_to(&self, event: &str) -> Vec<serde_json::Value> {
        let mut notes = Vec::new();
        loop {
            let line = match self.notes.recv_timeout(DEADLINE) {
                Ok(line) => line,
                Err(error) => panic!("no {event:?}: {error}"),
            };
            let Ok(note) = serde_json::from_str::<serde_json::Value>(&line) else { continue };
            notes.push(note);
            if notes.last().is_some_and(|note| note["event"] == event) {
                return notes;
            }
        }
    }

    /// All further lines on standard error, up to its end.
    pub(crate) fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.notes.recv_timeout(DEADLINE).ok()).collect()
    }

    /// The address that the program says it listens on.
    #[track_caller]
    pub(crate) fn address(&self) -> SocketAddr {
        self.note("listening")["address"].as_str().expect("a string").parse().expect("an address")
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
        rustix::process::kill_process(id, signal).expect("it is our child");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Waits for the end, which must be in order: the summaries of all connections.
    #[track_caller]
    pub(crate) fn summaries(&mut self) -> Vec<serde_json::Value> {
        let (status, out) = self.ended();
        assert_eq!(status.code(), Some(0), "{status}");
        let lines = out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("an object a line"));
        lines.filter(|line| line["event"] == "connection").collect()
    }

    /// Waits for the end: the status and all of standard output.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> (ExitStatus, String) {
        let status = wait(&mut self.child);
        (status, self.out.take().expect("it ends once").join().expect("text"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already in a test that went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a command to its end, with nothing on its standard input.
#[track_caller]
pub(crate) fn output(mut command: Command) -> Output {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    wait(&mut child);
    child.wait_with_output().expect("it is our child")
}

/// Waits for a child with a deadline.
#[track_caller]
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return status;
        }
        assert!(begun.elapsed() < DEADLINE, "the process does not end");
        std::thread::yield_now();
    }
}

/// CPU time that a process uses up in a second. Time is what is measured, so this one does sleep: a thread that spins
/// uses up all of it.
pub(crate) fn cpu_time_of_a_second(id: u32) -> Duration {
    let before = cpu_time(id);
    std::thread::sleep(Duration::from_secs(1));
    cpu_time(id) - before
}

/// CPU time that a process has used up, all of its threads together.
fn cpu_time(id: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("the process lives");
    // The second field is a name in parentheses that may hold anything (proc_pid_stat(5)).
    let (_, fields) = stat.rsplit_once(") ").expect("a name in parentheses");
    let ticks: u64 = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum();
    // USER_HZ is 100 on every architecture that matters.
    Duration::from_millis(ticks * 10)
}
