//! Hosts that refuse io_uring: which engine is taken then, and what is said of it.
//!
//! A seccomp filter plays the host, as the one of a container would. It is installed by this test program, started
//! anew, which then becomes `spliceway`: filters survive execve(2), and nothing has to run between fork and execve.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where something does not go as it should"
)]

mod support;

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::Signal;

use support::host::refuse_io_uring;
use support::process::{Process, spliceway};
use support::{Backend, Peer};

/// Starts `spliceway run` on a host that answers io_uring_setup(2) with `errno`.
fn start(errno: i32, engine: &str, backend: &Backend) -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "become_spliceway", "--ignored", "--nocapture"]);
    command.envs([(ERRNO, errno.to_string()), (ENGINE, engine.to_owned()), (BACKEND, backend.address())]);
    Process::start(command)
}

#[test]
#[ignore = "is the program that the other tests start"]
fn become_spliceway() {
    let Ok(errno) = std::env::var(ERRNO) else { return };
    refuse_io_uring(errno.parse().unwrap());
    let mut command = spliceway();
    command.args(["run", "--log", "json", "--shards", "2", "--listen", "127.0.0.1:0"]);
    command.args(["--engine", &std::env::var(ENGINE).unwrap(), "--backend", &std::env::var(BACKEND).unwrap()]);
    panic!("{}", command.exec());
}

const ERRNO: &str = "SPLICEWAY_TEST_ERRNO";
const ENGINE: &str = "SPLICEWAY_TEST_ENGINE";
const BACKEND: &str = "SPLICEWAY_TEST_BACKEND";

/// Serves a connection and stops. The warnings that name io_uring; others may be due to where the tests run.
#[track_caller]
fn warnings_of_a_run(errno: i32, engine: &str) -> Vec<String> {
    let backend = Backend::listen();
    let mut process = start(errno, engine, &backend);
    let mut notes = process.notes_up_to("listening");
    let address = notes.last().unwrap()["address"].as_str().unwrap().parse().unwrap();
    let mut client = Peer::connect(address);
    client.sends("hello there\r\n");
    let mut served = backend.accept();
    served.receives("hello there\r\n");
    served.sends("welcome");
    client.receives("welcome");
    drop(client);
    served.receives_end();
    drop(served);
    process.signal(Signal::TERM);
    notes.extend(process.notes_up_to("stopped"));
    assert_eq!(process.ended().0.code(), Some(0));
    let warnings = notes.iter().filter(|note| note["event"] == "warning");
    let messages = warnings.map(|note| note["message"].as_str().unwrap().to_owned());
    messages.filter(|message| message.contains("io_uring")).collect()
}

/// What standard error ends with; the program fails.
#[track_caller]
fn error_of_a_run(errno: i32, engine: &str) -> String {
    let mut process = start(errno, engine, &Backend::listen());
    assert_eq!(process.ended().0.code(), Some(1));
    process.rest().pop().expect("it says why")
}

#[test]
fn auto_goes_on_with_epoll_and_says_why_once() {
    for (errno, cause) in [(libc::EPERM, FORBIDDEN), (libc::ENOSYS, ABSENT)] {
        let warning = format!("running on epoll, because io_uring is refused: {cause}");
        assert_eq!(warnings_of_a_run(errno, "auto"), [warning]);
    }
}

#[test]
fn epoll_needs_no_io_uring_and_says_nothing_of_it() {
    assert_eq!(warnings_of_a_run(libc::EPERM, "epoll"), [""; 0]);
}

#[test]
fn io_uring_is_not_replaced_by_epoll() {
    for (errno, cause) in [(libc::EPERM, FORBIDDEN), (libc::ENOSYS, ABSENT)] {
        assert_eq!(error_of_a_run(errno, "io_uring"), format!("error: cannot set up io_uring: {cause}"));
    }
}

#[test]
fn a_shortage_is_no_refusal() {
    let error = error_of_a_run(libc::ENOMEM, "auto");
    let why = "error: cannot set up io_uring: Cannot allocate memory (os error 12); memory is short; the processes of \
               this user may lock ";
    let remedy = "; raise the limit of locked memory (`ulimit -l`, LimitMEMLOCK=) or the cgroup's memory limit";
    assert!(error.starts_with(why) && error.ends_with(remedy), "{error}");
    let error = error_of_a_run(libc::EMFILE, "auto");
    let why = "error: cannot set up io_uring: Too many open files (os error 24); descriptors are short; ";
    assert!(error.starts_with(why), "{error}");
}

/// The kernel's answer to a container, and what is said of it.
const FORBIDDEN: &str = "Operation not permitted (os error 1); a seccomp filter refuses io_uring; allow \
                         io_uring_setup, io_uring_enter and io_uring_register in the seccomp profile; the default \
                         ones of Docker and containerd refuse them";
/// Its answer in a sandbox.
const ABSENT: &str = "Function not implemented (os error 38); a seccomp filter or a sandbox hides io_uring, or the \
                      kernel was built without it; run outside of the sandbox, or on Linux 6.1 or newer with \
                      CONFIG_IO_URING";
