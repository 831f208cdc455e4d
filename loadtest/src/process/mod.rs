//! Processes that we start: all of them end with us, each by its own id.
//!
//! Three ways lead to an end, and none may leave a proxy behind: a value goes out of scope, a signal arrives
//! ([`end_all_on_signal`]), or we are killed outright, for which `setpriv` makes the kernel tell the child.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

pub mod syscalls;
pub mod usage;

/// A running program. Dropping it ends it.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

/// The ids of the programs that run.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// How long a program may take to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// How often a condition is looked at that nothing tells of.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(10);

impl Program {
    /// Starts a program whose standard error goes to `NAME.log` in `folder`. It must be started from the main thread:
    /// the kernel's signal on our death is bound to the thread that forked.
    ///
    /// # Errors
    ///
    /// The program or its log could not be opened.
    pub fn start(name: &str, command: &mut Command, folder: &Path, stdout: Stdio) -> io::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let mut command = bound_to_us(command);
        command.stdin(Stdio::null()).stdout(stdout).stderr(File::create(&log)?);
        let child = command.spawn().map_err(|error| {
            io::Error::new(error.kind(), format!("{name}: {}: {error}", command.get_program().display()))
        })?;
        running().insert(child.id());
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Starts a server that prints `{"listening":PORT}` once it accepts.
    ///
    /// # Errors
    ///
    /// It could not be started or said something else.
    pub fn start_announcing(name: &str, command: &mut Command, folder: &Path) -> io::Result<(Self, u16)> {
        let mut program = Self::start(name, command, folder, Stdio::piped())?;
        let mut line = String::new();
        if let Some(stdout) = program.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let port = serde_json::from_str::<serde_json::Value>(&line)
            .ok()
            .and_then(|announced| u16::try_from(announced.get("listening")?.as_u64()?).ok());
        let port = port.ok_or_else(|| io::Error::other(format!("{name} did not start: {}", program.last_words())))?;
        Ok((program, port))
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// An error if it has ended, with what it said last.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn check_running(&mut self) -> io::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(io::Error::other(format!("{} has ended ({status}): {}", self.name, self.last_words()))),
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// It did not end within `limit`.
    pub fn wait(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("{} has not ended within {} s", self.name, limit.as_secs())));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Asks it to end with SIGINT, as counting programs want it, and waits.
    ///
    /// # Errors
    ///
    /// It did not end.
    pub(crate) fn interrupt(&mut self) -> io::Result<()> {
        signal(self.id(), Signal::INT);
        self.wait(GRACE).map(drop)
    }

    /// The last lines of its log.
    pub fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().rev().take(3).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            signal(self.id(), Signal::TERM);
            if self.wait(GRACE).is_err() {
                // It had its chance; an error here says that it has just ended.
                self.child.kill().ok();
                self.child.wait().ok();
            }
        }
        running().remove(&self.child.id());
    }
}

/// From now on SIGINT and SIGTERM end every program that runs, remove the folder of their files, and end us.
///
/// # Errors
///
/// The signals could not be waited for.
pub fn end_all_on_signal(folder: PathBuf) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal as wait_for};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (wait_for(SignalKind::interrupt())?, wait_for(SignalKind::terminate())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        for id in running().iter() {
            signal(*id, Signal::TERM);
        }
        // What is left of it harms nobody.
        std::fs::remove_dir_all(folder).ok();
        // 128 and the number of SIGINT, as shells tell it.
        std::process::exit(130);
    })?;
    Ok(())
}

/// Raises the soft limit of open files to the hard one; programs that we start inherit it.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // What is allowed anyway is not refused; and if it were, opening a socket would say so.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).ok();
}

/// Sends a signal; an error says that the process has just ended.
fn signal(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        kill_process(pid, signal).ok();
    }
}

/// The same command, ended by the kernel if we die without a word. `setpriv` becomes the command: the id stays.
fn bound_to_us(command: &Command) -> Command {
    let mut bound = match which("setpriv") {
        Some(setpriv) => {
            let mut bound = Command::new(setpriv);
            bound.args(["--pdeathsig", "TERM", "--"]).arg(command.get_program());
            bound
        }
        None => Command::new(command.get_program()),
    };
    bound.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(name, value),
            None => bound.env_remove(name),
        };
    }
    bound
}

/// The first file of that name in PATH, or where Debian puts servers, which is not in every user's PATH.
pub fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn running() -> std::sync::MutexGuard<'static, BTreeSet<u32>> {
    // Ids stay true whatever panicked beside them.
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("loadtest-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_dropped_program_has_ended() {
        let folder = folder("dropped");
        let program = Program::start("cat", Command::new("sleep").arg("60"), &folder, Stdio::null()).unwrap();
        let id = program.id();
        assert!(running().contains(&id));
        drop(program);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
        assert!(!running().contains(&id));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_ended_program_is_told_with_its_last_words() {
        let folder = folder("ended");
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo one >&2; echo no such backend >&2; exit 3"]);
        let mut program = Program::start("shell", &mut shell, &folder, Stdio::null()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let error = loop {
            match program.check_running() {
                Err(error) => break error.to_string(),
                Ok(()) => assert!(Instant::now() < deadline, "it should have ended"),
            }
        };
        assert_eq!(error, "shell has ended (exit status: 3): one / no such backend");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_port_is_announced_in_json() {
        let folder = folder("announced");
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo '{\"listening\":8080}'; exec sleep 60"]);
        let (_program, port) = Program::start_announcing("shell", &mut shell, &folder).unwrap();
        assert_eq!(port, 8080);

        shell = Command::new("sh");
        shell.args(["-c", "echo listening"]);
        let error = Program::start_announcing("other", &mut shell, &folder).unwrap_err();
        assert_eq!(error.to_string(), "other did not start: ");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn programs_are_looked_up_in_the_path() {
        assert!(which("sh").is_some());
        assert_eq!(which("no-such-program-here"), None);
    }
}
