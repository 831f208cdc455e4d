//! `spliceway doctor` as its users meet it: on this host, and on hosts that refuse io_uring or are short of descriptors.
//!
//! Such a host is played by a seccomp filter or a limit. This test program, started anew, takes it on and then becomes
//! `spliceway`: both survive execve(2), and nothing has to run between fork and execve.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where something does not go as it should"
)]

mod support;

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use serde_json::Value;

use support::host::refuse_io_uring;
use support::measure::descriptors;
use support::process::{Process, output, spliceway};

/// Exit code and text of `spliceway doctor`, which says nothing on standard error.
#[track_caller]
fn doctor(arguments: &[&str]) -> (i32, String) {
    let mut command = spliceway();
    command.arg("doctor").args(arguments);
    let output = output(command);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// The same on a host that is played: what the test program prints before it becomes `spliceway` is no part of it.
#[track_caller]
fn doctor_on(host: &[(&str, &str)], arguments: &str) -> (i32, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "become_doctor", "--ignored", "--nocapture"]).env(ARGUMENTS, arguments);
    command.envs(host.iter().copied());
    let output = output(command);
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, text) = text.split_once("running 1 test\n").unwrap();
    (output.status.code().unwrap(), text.trim_start_matches("test become_doctor ... ").to_owned())
}

#[test]
#[ignore = "is the program that the other tests start"]
fn become_doctor() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    if let Ok(descriptors) = std::env::var(DESCRIPTORS) {
        let limit = Some(descriptors.parse().unwrap());
        setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit }).unwrap();
    }
    if let Ok(errno) = std::env::var(ERRNO) {
        refuse_io_uring(errno.parse().unwrap());
    }
    panic!("{}", spliceway().arg("doctor").args(arguments.split_whitespace()).exec());
}

const ARGUMENTS: &str = "SPLICEWAY_TEST_ARGUMENTS";
const DESCRIPTORS: &str = "SPLICEWAY_TEST_DESCRIPTORS";
const ERRNO: &str = "SPLICEWAY_TEST_ERRNO";

#[track_caller]
fn object(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_line_is_a_finding_and_the_last_one_the_verdict() {
    let (code, text) = doctor(&[]);
    assert!(!text.contains('\x1b'), "no terminal, no colour: {text}");
    for title in ["kernel", "io_uring", "CPUs", "memory", "container", "open files", "listen queue", "handshakes"] {
        assert!(text.lines().any(|line| line.get(9..).is_some_and(|rest| rest.starts_with(title))), "{title}:\n{text}");
    }
    for line in text.lines().take_while(|line| !line.is_empty()) {
        assert!(["ok ", "note ", "problem ", "    "].iter().any(|start| line.starts_with(start)), "{line:?}");
        assert!(line.chars().count() <= 100, "{line:?}");
    }
    assert!(text.lines().next_back().unwrap().starts_with("Spliceway can run here on "), "{text}");
    assert_eq!(code, 0);
}

#[test]
fn json_has_a_key_for_everything() {
    let (code, text) = doctor(&["--json"]);
    let report = object(&text);
    assert_eq!((code, &report["usable"]), (0, &Value::Bool(true)));
    assert!(["io_uring", "epoll"].contains(&report["engine"].as_str().unwrap()), "{report}");
    let findings = report["findings"].as_object().unwrap();
    let expected = [
        ("kernel", &["release"][..]),
        (
            "io_uring",
            &[
                "engine",
                "defer_taskrun",
                "multishot_receive",
                "buffer_rings",
                "cancel_by_descriptor",
                "errno",
                "io_uring_disabled",
                "io_uring_group",
                "seccomp_filter",
            ],
        ),
        ("cpus", &["allowed", "shards"]),
        ("memory", &["limit_bytes"]),
        ("container", &["inside"]),
        ("descriptors", &["soft", "hard", "in_force", "connections"]),
        ("listen_queue", &["somaxconn", "asked"]),
        ("handshakes", &["tcp_max_syn_backlog", "tcp_syncookies"]),
        ("congestion_control", &["in_force", "available"]),
        ("local_ports", &["first", "last", "connections"]),
        ("pipes", &["pipe_max_size", "pipe_user_pages_soft", "pipe_user_pages_hard", "limits_lifted", "pipes"]),
    ];
    assert_eq!(findings.len(), expected.len(), "{report}");
    for (name, keys) in expected {
        let finding = &findings[name];
        let judgement = finding["judgement"].as_str().unwrap();
        assert!(["ok", "note", "problem"].contains(&judgement), "{finding}");
        assert_eq!(finding["remedy"].is_null(), judgement == "ok", "{finding}");
        assert!(finding["value"].is_string(), "{finding}");
        let data = finding["data"].as_object().unwrap();
        assert_eq!(data.len(), keys.len(), "{finding}");
        assert!(keys.iter().all(|key| data.contains_key(*key)), "{finding}");
    }
}

#[test]
fn a_seccomp_filter_is_named_and_leaves_epoll() {
    let host = [(ERRNO, &*libc::EPERM.to_string())];
    let (code, text) = doctor_on(&host, "");
    assert_eq!(text.lines().next_back(), Some("Spliceway can run here on epoll: a seccomp filter refuses io_uring"));
    assert!(text.contains("\nnote     io_uring            refused: Operation not permitted (os error 1); "), "{text}");
    assert!(text.contains("-> allow io_uring_setup, io_uring_enter and io_uring_register in the\n"), "{text}");
    assert_eq!(code, 0);
    let (code, text) = doctor_on(&host, "--json");
    let report = object(&text);
    assert_eq!((code, &report["engine"]), (0, &"epoll".into()));
    let data = &report["findings"]["io_uring"]["data"];
    assert_eq!((&data["errno"], &data["seccomp_filter"]), (&1.into(), &true.into()));
}

#[test]
fn a_sandbox_without_io_uring_leaves_epoll() {
    let (code, text) = doctor_on(&[(ERRNO, &libc::ENOSYS.to_string())], "");
    assert!(text.lines().next_back().unwrap().starts_with("Spliceway can run here on epoll: "), "{text}");
    assert_eq!(code, 0);
}

#[test]
fn a_shortage_of_memory_is_the_end() {
    let (code, text) = doctor_on(&[(ERRNO, &libc::ENOMEM.to_string())], "");
    let start = "Spliceway cannot run here: io_uring cannot be set up: memory is short; ";
    assert!(text.lines().next_back().unwrap().starts_with(start), "{text}");
    assert_eq!(code, 1);
}

#[test]
fn few_descriptors_are_few_connections() {
    let (code, text) = doctor_on(&[(DESCRIPTORS, "256")], "--json");
    let report = object(&text);
    let descriptors = &report["findings"]["descriptors"];
    let shards = report["findings"]["cpus"]["data"]["shards"].as_u64().unwrap();
    let connections = 240_u64.saturating_sub(12 * shards) / 2;
    let value = descriptors["value"].as_str().unwrap();
    assert!(value.starts_with(&format!("256 (soft 256, hard 256): {connections} connection")), "{value}");
    assert_eq!(descriptors["data"]["connections"], connections);
    assert_eq!(descriptors["judgement"], "problem");
    assert_eq!((code == 0, &report["usable"]), (connections > 0, &Value::Bool(connections > 0)));
}

/// What is put aside for the process and its shards is what they take.
#[test]
fn no_descriptors_are_forgotten() {
    for engine in ["io_uring", "epoll"] {
        let [one, four] = [1, 4].map(|shards: u64| {
            let mut command = spliceway();
            command.args(["run", "--log", "json", "--listen", "127.0.0.1:0", "--backend", "127.0.0.1:9"]);
            command.args(["--engine", engine, "--shards", &shards.to_string()]);
            let mut process = Process::start(command);
            process.address();
            let open = descriptors(process.id());
            process.signal(Signal::TERM);
            assert_eq!(process.ended().0.code(), Some(0));
            open
        });
        assert!(one <= 16 + 12 && four <= 16 + 4 * 12, "{engine}: {one} and {four}");
    }
}

#[test]
fn help_has_examples() {
    let (code, help) = doctor(&["--help"]);
    assert_eq!(code, 0);
    assert!(help.contains("--json") && help.contains("Examples:\n  spliceway doctor\n"), "{help}");
    let mut command = spliceway();
    command.args(["doctor", "--jason"]);
    assert_eq!(output(command).status.code(), Some(2));
}
