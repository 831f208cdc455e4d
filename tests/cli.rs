//! The program as its users meet it: help, exit codes, messages, signals, and what it writes where.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where something does not go as it should"
)]

mod support;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Output;

use rustix::process::Signal;
use serde_json::Value;

use support::process::{self, Process, spliceway};
use support::{Backend, Peer, h2, prefix, wait_until};

/// Runs the program to its end.
#[track_caller]
fn output(arguments: &[&str]) -> Output {
    let mut command = spliceway();
    command.args(arguments);
    process::output(command)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Fails with this exit code and a message that begins like this, and nothing on standard output.
#[track_caller]
fn fails(arguments: &[&str], code: i32, message: &str) {
    let output = output(arguments);
    let said = text(&output.stderr);
    assert!(said.starts_with(message), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(code), ""));
}

/// A file for a test, which goes with it.
struct File {
    path: PathBuf,
}

impl File {
    fn new(name: &str, text: &str) -> File {
        let path = std::env::temp_dir().join(format!("spliceway-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        File { path }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

const GOOD: &str = "[[listener]]\nname = \"front\"\nbind = \"127.0.0.1:0\"\ndefault_pool = \"main\"\n\
                    [[pool]]\nname = \"main\"\nbackends = [\"127.0.0.1:1\"]\n";

#[test]
fn help_says_what_there_is_and_how_it_is_used() {
    let help = |arguments: &[&str]| {
        let output = output(arguments);
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
        text(&output.stdout)
    };
    let top = help(&["--help"]);
    for line in [
        "  run       Run the proxy in the foreground until SIGTERM or SIGINT\n",
        "  check     Check a configuration file and say everything that is wrong with it\n",
        "  demo      Show one connection from end to end: a gRPC client, the proxy and a backend in one",
        "\nExamples:\n  spliceway demo ",
    ] {
        assert!(top.contains(line), "{line:?} is missing in:\n{top}");
    }
    let run = help(&["run", "--help"]);
    for flag in [
        "--config <FILE>",
        "--listen <ADDRESS>",
        "--backend <ADDRESS>",
        "--proxy-protocol <POLICY>",
        "--trusted <NETWORK>",
        "--shards <COUNT>",
        "--pin <BOOL>",
        "--engine <ENGINE>",
        "--log <FORMAT>",
        "Examples:\n  spliceway run --listen",
    ] {
        assert!(run.contains(flag), "{flag} is missing in:\n{run}");
    }
    assert!(help(&["check", "--help"]).contains("--strict"));
    assert!(help(&["demo", "--help"]).contains("--first-name <NAME>"));
    assert_eq!(help(&["--version"]), concat!("spliceway ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn command_lines_that_make_no_sense_end_with_2() {
    fails(&["frobnicate"], 2, "error: unrecognized subcommand 'frobnicate'\n");
    fails(&["check"], 2, "error: the following required arguments were not provided:\n  --config <FILE>\n");
    fails(&["run", "--config", "a", "--listen", ":1"], 2, "error: the argument '--config <FILE>' cannot be used with");
    fails(&["run", "--listen", ":1", "--pin", "no"], 2, "error: invalid value 'no' for '--pin <BOOL>'");
    for count in ["0", "1025", "two"] {
        let message = format!(
            "error: invalid value '{count}' for '--shards <COUNT>': it must be a whole number from 1 to 1024\n"
        );
        fails(&["run", "--listen", ":1", "--shards", count], 2, &message);
    }
    fails(&["run", "--listen", ":1", "--engine", "kqueue"], 2, "error: invalid value 'kqueue' for '--engine <ENGINE>'");
    fails(&["run", "--listen", ":1", "--log", "xml"], 2, "error: invalid value 'xml' for '--log <FORMAT>'");
    let long = "x".repeat(1001);
    fails(&["demo", "--first-name", &long], 2, "error: --first-name is 1001 bytes long; at most 1000 bytes");
}

#[test]
fn check_tells_good_files_from_bad_ones() {
    let good = File::new("good.toml", GOOD);
    let checked = output(&["check", "--config", good.path()]);
    assert_eq!((checked.status.code(), text(&checked.stderr).as_str()), (Some(0), ""));
    assert_eq!(text(&checked.stdout), format!("{}: ok, 1 listener, 0 routes, 1 pool\n", good.path()));

    let bad = File::new("bad.toml", &GOOD.replace("default_pool", "defualt_pool"));
    let message = format!("{}:4:1: key `listener.defualt_pool`: unknown key\n", bad.path());
    fails(&["check", "--config", bad.path()], 1, &message);

    let believing = "default_pool = \"main\"\nproxy_protocol = \"required\"";
    let warning = File::new("warning.toml", &GOOD.replace("default_pool = \"main\"", believing));
    let checked = output(&["check", "--config", warning.path()]);
    assert_eq!(checked.status.code(), Some(0));
    assert!(text(&checked.stderr).contains(": warning: key `listener.proxy_protocol`: "));
    assert_eq!(output(&["check", "--strict", "--config", warning.path()]).status.code(), Some(1));
    fails(&["check", "--config", "/no/such/file"], 1, "/no/such/file: cannot be read: No such file or directory");
}

#[test]
fn run_says_in_one_line_why_it_cannot_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = output(&["run", "--listen", &address, "--backend", "127.0.0.1:1", "--log", "pretty"]);
    let said = text(&output.stderr);
    let last = said.lines().next_back().unwrap();
    assert!(last.starts_with(&format!("error: cannot listen on {address}: Address already in use")), "{said}");
    assert!(last.ends_with("; stop it or choose another"), "{said}");
    assert_eq!(output.status.code(), Some(1));

    fails(&["run", "--config", "/no/such/file"], 1, "/no/such/file: cannot be read: No such file or directory");
    let directory = std::env::temp_dir();
    let message = format!("{}: cannot be read: Is a directory", directory.display());
    fails(&["run", "--config", directory.to_str().unwrap()], 1, &message);
    fails(
        &["run"],
        1,
        "command line: flag `--listen` is missing\n  help: give a file with --config, or add --listen :8080",
    );
    fails(&["run", "--listen", ":0"], 1, "command line: flag `--backend` is missing\n");
    let unknown = ["run", "--listen", "127.0.0.1:0", "--backend", "no-such-host.invalid:80"];
    fails(&unknown, 1, "command line:1:32: flag `--backend`: cannot resolve backend host \"no-such-host.invalid\": ");
    let optional = ["run", "--listen", ":0", "--backend", "127.0.0.1:1", "--proxy-protocol", "optional"];
    fails(&optional, 1, "command line:1:");
}

#[test]
fn a_path_that_cannot_be_listened_on_is_told_from_one_in_use() {
    let file = File::new("no-socket", "");
    let last_line = |path: &str| {
        let listen = format!("unix:{path}");
        let output = output(&["run", "--listen", &listen, "--backend", "127.0.0.1:1"]);
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr).lines().next_back().unwrap().to_owned()
    };
    assert_eq!(
        last_line(file.path()),
        format!(
            "error: cannot listen on unix:{}: Address already in use (os error 98); a process listens there (`ss -lxp` \
             tells which), or something that is no socket has this path; stop or remove it, or choose another path",
            file.path()
        )
    );
    assert_eq!(
        last_line("/no/such/directory/x.sock"),
        "error: cannot listen on unix:/no/such/directory/x.sock: No such file or directory (os error 2); its directory \
         has to be there first: create it"
    );
}

#[test]
fn too_few_descriptors_for_epoll_are_said_with_a_remedy() {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]).arg(spliceway().get_program());
    command.args(["run", "--listen", ":0", "--backend", "127.0.0.1:1", "--engine", "epoll", "--shards", "20"]);
    let output = process::output(command);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr).lines().next_back().unwrap(),
        "error: cannot set up epoll: Too many open files (os error 24); raise the limit of open files (`ulimit -n`, \
         LimitNOFILE=), or run fewer shards"
    );
}

#[test]
fn how_to_explain_samples_without_any_is_warned_of() {
    let backend = Backend::listen();
    for arguments in [&["--show-secrets"][..], &["--proto", "/no/such.proto"], &["--reflect"]] {
        let mut process = run(&backend, arguments);
        let notes = process.notes_up_to("listening");
        let warned =
            |note: &Value| note["message"].as_str().is_some_and(|text| text.contains("no connection is sampled"));
        assert!(notes.iter().any(warned), "{arguments:?}: {notes:?}");
        process.signal(Signal::TERM);
        assert_eq!(process.ended().0.code(), Some(0));
    }
}

fn run(backend: &Backend, arguments: &[&str]) -> Process {
    let mut command = spliceway();
    command.args(["run", "--listen", "127.0.0.1:0", "--backend", &backend.address(), "--log", "json"]);
    command.args(arguments);
    Process::start(command)
}

#[test]
fn a_summary_is_an_object_on_standard_output() {
    let backend = Backend::listen();
    let mut process = run(&backend, &["--shards", "1", "--proxy-protocol", "required", "--trusted", "127.0.0.1"]);
    let mut client = Peer::connect(process.address());
    let peer = client.address().to_string();
    let request = h2::eager_call(&[]);
    client.sends([prefix::V1, &request].concat());
    let mut served = backend.accept();
    served.receives(&request);
    served.sends(h2::settings(&[]));
    client.receives(h2::settings(&[]));
    drop(client);
    served.receives_end();
    drop(served);
    process.signal(Signal::TERM);
    let (status, out) = process.ended();
    assert_eq!(status.code(), Some(0));
    let summary: Value = serde_json::from_str(&out).expect("one line");
    let expected = serde_json::json!({
        "event": "connection", "listener": "listener-1", "shard": 0, "id": "0-1",
        "peer": peer, "client": "203.0.113.7:40312", "proxy_protocol": "v1", "protocol": "h2c",
        "authority": "api.example", "path": "/shop.v1.Cart/Add",
        "route": "default", "pool": "default", "backend": backend.address(),
        "bytes_to_backend": { "copied": request.len(), "spliced": 0 },
        "bytes_to_client": { "copied": 9, "spliced": 0 },
        "close": { "side": "client", "cause": "finished" },
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&summary[key], value, "{key} in {summary}");
    }
    for (key, is_right) in [
        ("start", summary["start"].as_str().is_some_and(|start| start.ends_with('Z'))),
        ("duration_ms", summary["duration_ms"].as_f64().is_some_and(|duration| duration > 0.0)),
        ("connect_us", summary["connect_us"].is_u64()),
        ("detail", summary.get("detail").is_none()),
    ] {
        assert!(is_right, "{key} in {summary}");
    }
}

#[test]
fn sigterm_lets_connections_finish() {
    for signal in [Signal::TERM, Signal::INT] {
        let backend = Backend::listen();
        let mut process = run(&backend, &[]);
        let address = process.address();
        let mut client = Peer::connect(address);
        client.sends("hello there\r\n");
        let mut served = backend.accept();
        served.receives("hello there\r\n");
        process.signal(signal);
        assert_eq!(process.note("draining")["open"], 1);
        wait_until("new connections are refused", || std::net::TcpStream::connect(address).is_err());
        served.sends("the rest");
        client.receives("the rest");
        drop(served);
        client.receives_end();
        drop(client);
        let stopped = process.note("stopped");
        let finished = serde_json::json!({ "side": "backend", "cause": "finished", "count": 1 });
        assert!(stopped["closed"].as_array().unwrap().contains(&finished), "{stopped}");
        let (status, out) = process.ended();
        assert_eq!(status.code(), Some(0));
        assert!(out.contains("\"bytes_to_client\":{\"copied\":8,\"spliced\":0}"), "{out}");
    }
}

#[test]
fn a_second_signal_ends_connections_at_once() {
    let backend = Backend::listen();
    let mut process = run(&backend, &[]);
    let mut client = Peer::connect(process.address());
    client.sends("hello there\r\n");
    let mut served = backend.accept();
    served.receives("hello there\r\n");
    process.signal(Signal::TERM);
    process.note("draining");
    process.signal(Signal::TERM);
    client.receives_end();
    served.receives_end();
    let (status, out) = process.ended();
    assert_eq!(status.code(), Some(0));
    assert!(out.contains("\"close\":{\"side\":\"proxy\",\"cause\":\"shutdown\"}"), "{out}");
}

#[test]
fn flags_may_stand_beside_a_file() {
    let backend = Backend::listen();
    let file = File::new("beside.toml", &GOOD.replace("127.0.0.1:1", &backend.address()));
    let mut command = spliceway();
    command.args(["run", "--config", file.path(), "--shards", "2", "--log", "json"]);
    let mut process = Process::start(command);
    let listening = process.note("listening");
    assert_eq!((&listening["listener"], &listening["shards"]), (&"front".into(), &2.into()));
    process.signal(Signal::TERM);
    assert_eq!(process.ended().0.code(), Some(0));
}

#[test]
fn the_demo_tells_its_story() {
    let demo = output(&["demo", "--first-name", "Zoë"]);
    let story = text(&demo.stdout);
    assert_eq!((demo.status.code(), text(&demo.stderr).as_str()), (Some(0), ""), "{story}");
    for line in ["> AddUser  Zoë Lovelace\n", "< 1  Zoë Lovelace\n", "203.0.113.7:40312", "client finished\n"] {
        assert!(story.contains(line), "{line:?} is missing in:\n{story}");
    }
}
