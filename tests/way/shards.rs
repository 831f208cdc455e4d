//! Shards: their threads and rings, how they share the work, and how they end.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use spliceway::config::EngineChoice;
use spliceway::log::{Cause, CloseReason, Side};

use crate::support::h2::{PREFACE, call, greeting};
use crate::support::process::{Process, cpu_time_of_a_second, spliceway_run, start_configured, wait};
use crate::support::{Backend, DEADLINE, ENGINE, Front, Peer, config, prefix, wait_until};

fn run(arguments: &[&str]) -> Process {
    let mut command = spliceway_run();
    command.args(arguments);
    Process::start(command)
}

#[test]
fn each_shard_has_a_cpu_two_threads_and_at_most_a_ring_for_each() {
    let cpus = std::thread::available_parallelism().unwrap().get();
    // Under a quota nothing is pinned by itself.
    let under_quota = core_affinity::get_core_ids().unwrap().len() > cpus;
    let pin: &[&str] = if under_quota { &["--pin", "true"] } else { &[] };
    let backend = Backend::listen();
    let process = run(&[&["--backend", &backend.address(), "--shards", &cpus.to_string()], pin].concat());
    process.address();
    let directory = directory(&process);
    let expected = if ENGINE == EngineChoice::Epoll { 0 } else { 2 * cpus };
    wait_until("two rings for each shard, or none at all on epoll", || rings(&directory) == expected);
    let pinned = cpus_of_threads(&directory);
    let names: Vec<&str> = pinned.iter().map(|(name, _)| name.as_str()).collect();
    let of = |role| (0..cpus).map(move |number| format!("{role}-{number}"));
    assert_eq!(names, of("relay").chain(of("shard")).collect::<Vec<String>>());
    let lists: BTreeSet<&str> = pinned.iter().map(|(_, list)| list.as_str()).collect();
    assert_eq!(lists.len(), cpus, "{pinned:?}");
    let (relays, fronts) = pinned.split_at(cpus);
    assert!(relays.iter().zip(fronts).all(|(relay, front)| relay.1 == front.1), "{pinned:?}");
    assert!(lists.iter().all(|list| list.parse::<u32>().is_ok()), "{pinned:?}");
}

#[test]
fn threads_that_are_not_pinned_may_use_every_cpu_that_the_process_may_use() {
    let backend = Backend::listen();
    let unpinned = config("", &[&backend]).replace("shards = 1", "shards = 2\npin = false");
    let by_flag = run(&["--backend", &backend.address(), "--shards", "2", "--pin", "false"]);
    by_flag.address();
    let (by_file, _) = start_configured(&unpinned, ":");
    // The process may use what this thread may use, from which it comes.
    let all = field(&std::fs::read_to_string("/proc/thread-self/status").unwrap(), "Cpus_allowed_list:");
    for process in [&by_flag, &by_file] {
        let names = ["relay-0", "relay-1", "shard-0", "shard-1"];
        let expected = names.map(|name| (name.to_owned(), all.clone()));
        assert_eq!(cpus_of_threads(&directory(process)), expected);
    }
    let (flag_before_file, _) = start_configured(&unpinned, "set -- \"$@\" --pin true");
    let threads = cpus_of_threads(&directory(&flag_before_file));
    assert_eq!(threads.len(), 4);
    assert!(threads.iter().all(|(_, list)| list.parse::<u32>().is_ok()), "{threads:?}");
}

fn directory(process: &Process) -> PathBuf {
    PathBuf::from(format!("/proc/{}", process.id()))
}

fn rings(process: &std::path::Path) -> usize {
    let descriptors = std::fs::read_dir(process.join("fd")).unwrap();
    let targets = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.as_os_str() == "anon_inode:[io_uring]").count()
}

/// The names of the shards' threads and the CPUs they may use, in order.
fn cpus_of_threads(process: &std::path::Path) -> Vec<(String, String)> {
    let status = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("status")).ok();
    let tasks = std::fs::read_dir(process.join("task")).unwrap();
    let mut threads: Vec<_> = tasks
        .filter_map(|entry| status(entry.ok()?))
        .map(|status| (field(&status, "Name:"), field(&status, "Cpus_allowed_list:")))
        .filter(|(name, _)| name.starts_with("shard-") || name.starts_with("relay-"))
        .collect();
    threads.sort();
    threads
}

fn field(status: &str, name: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.expect("the kernel always has it").trim().to_owned()
}

#[test]
fn connections_reach_every_shard() {
    let backend = Backend::listen();
    let front = Front::start(&config("", &[&backend]).replace("shards = 1", "shards = 3"));
    assert_eq!(front.proxy().shards(), 3);
    let mut peers: Vec<Peer> = (0..64).map(|_| front.connect()).collect();
    peers.iter_mut().for_each(|peer| peer.sends(PREFACE));
    drop(peers);
    let summaries: Vec<_> = (0..64).map(|_| front.closed(Side::Client, Cause::Truncated)).collect();
    let shards: BTreeSet<usize> = summaries.iter().map(|summary| summary.id.shard).collect();
    assert_eq!(shards, BTreeSet::from([0, 1, 2]));
    let names: BTreeSet<String> = summaries.iter().map(|summary| summary.id.to_string()).collect();
    assert_eq!(names.len(), 64, "each has a number of its own");
    assert_eq!(front.proxy().totals().accepted, 64);
}

#[test]
fn without_descriptors_it_waits_and_then_goes_on() {
    let backend = Backend::listen();
    let mut command = Command::new("sh");
    let program = spliceway_run();
    command.args(["-c", "ulimit -n 40 && exec \"$0\" \"$@\""]).arg(program.get_program()).args(program.get_args());
    command.args(["--shards", "1", "--proxy-protocol", "required", "--backend", &backend.address()]);
    let process = Process::start(command);
    let address = process.address();
    // The kernel takes all of them up; the proxy can accept but a part, which wait for their prefixes.
    let waiting: Vec<Peer> = (0..60).map(|_| Peer::connect(address)).collect();
    assert!(process.note("accept_failed")["error"].as_str().unwrap().contains("Too many open files"));
    assert!(cpu_time_of_a_second(process.id()).as_millis() < 100, "it spins");
    drop(waiting);
    let mut client = Peer::connect(address);
    client.sends([prefix::V1, b"\0\x01binary"].concat());
    backend.accept().receives(b"\0\x01binary");
}

/// Set in the child process that [`a_panic_on_a_shard_ends_the_process`] makes of this test program.
const PANIC: &str = "SPLICEWAY_TEST_PANIC";

#[test]
fn a_panic_on_a_shard_ends_the_process() {
    if std::env::var_os(PANIC).is_some() {
        let front = Front::before(&Backend::listen(), "");
        let other = std::thread::Builder::new().name("other".to_owned()).spawn(|| panic!("of no consequence"));
        assert!(other.unwrap().join().is_err());
        let shard = std::thread::Builder::new().name("shard-9".to_owned()).spawn(|| panic!("out of order"));
        drop(shard.unwrap().join());
        drop(front);
        std::process::exit(0);
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "steps::shards::a_panic_on_a_shard_ends_the_process", "--nocapture"])
        .env(PANIC, "1")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let status = wait(&mut child);
    let mut message = String::new();
    child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{message}");
    assert!(message.contains("out of order"), "{message}");
}

/// A client and a backend whose connection is with the relay.
fn relayed(front: &Front, backend: &Backend) -> (Peer, Peer) {
    let mut client = front.connect();
    client.sends("hello there\r\n");
    let mut served = backend.accept();
    served.receives("hello there\r\n");
    (client, served)
}

#[test]
fn draining_lets_connections_finish_and_takes_no_new_ones() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let address = front.address();
    let (mut client, mut served) = relayed(&front, &backend);
    front.proxy().drain();
    wait_until("new connections are refused", || TcpStream::connect_timeout(&address, DEADLINE).is_err());
    served.sends("still here");
    client.receives("still here");
    assert!(!front.proxy().is_finished());
    client.finishes();
    served.receives_end();
    drop(served);
    assert_eq!(front.joined().count(CloseReason::client(Cause::Finished)), 1);
}

#[test]
fn draining_serves_what_is_queued_already() {
    let backend = Backend::listen();
    for _ in 0..10 {
        let front = Front::before(&backend, "");
        let mut clients: Vec<Peer> = (0..100).map(|_| front.connect()).collect();
        // The shard has had no time to accept them all.
        front.proxy().drain();
        for client in &mut clients {
            client.sends("hello there\r\n");
        }
        for _ in 0..clients.len() {
            let mut served = backend.accept();
            served.receives("hello there\r\n");
            served.sends("welcome");
        }
        for client in &mut clients {
            client.receives("welcome");
            client.receives_end();
        }
        drop(clients);
        assert_eq!(front.joined().count(CloseReason::backend(Cause::Finished)), 100);
    }
}

#[test]
fn stopping_ends_every_connection() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let (mut relayed, mut served) = relayed(&front, &backend);
    let mut inspected = front.connect();
    inspected.sends("PRI * HT");
    wait_until("both are accepted", || front.proxy().totals().accepted == 2);
    front.proxy().stop();
    relayed.receives_end();
    served.receives_end();
    for _ in 0..2 {
        front.closed(Side::Proxy, Cause::Shutdown);
    }
    assert_eq!(front.joined().accepted, 2);
}

#[test]
fn stopping_ends_relayed_connections_while_others_are_told_what_became_of_them() {
    let backend = Backend::listen();
    let front = Front::before(&backend, "");
    let (mut relayed, _served) = relayed(&front, &backend);
    let mut refused = front.connect();
    refused.sends([greeting(), call(2, &[])].concat());
    refused.receives_goaway();
    // It does not end its side, so it is listened to for 2 s.
    let begun = Instant::now();
    front.proxy().stop();
    relayed.receives_end();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    drop(refused);
}

#[test]
fn unix_sockets_serve_on_both_sides() {
    let directory = std::env::temp_dir().join(format!("spliceway-way-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (listen, connect) = (directory.join("front.sock"), directory.join("backend.sock"));
    let backend = UnixListener::bind(&connect).unwrap();
    let front = Front::start(&format!(
        "shards = 2\n[[listener]]\nname = \"front\"\nbind = \"unix:{}\"\ndefault_pool = \"main\"\n\
         [[pool]]\nname = \"main\"\nbackends = [\"unix:{}\"]\n",
        listen.display(),
        connect.display()
    ));
    let mut client = UnixStream::connect(&listen).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.write_all(b"hello there\r\n").unwrap();
    let (mut served, _) = backend.accept().unwrap();
    let mut received = [0; 13];
    served.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"hello there\r\n");
    served.write_all(b"welcome").unwrap();
    drop(served);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"welcome");
    drop(client);
    let summary = front.closed(Side::Backend, Cause::Finished);
    assert_eq!((summary.peer, summary.client), (None, None));
    assert_eq!(summary.backend, Some(format!("unix:{}", connect.display())));
    drop(front);
    assert!(!listen.exists(), "the socket file goes with the proxy");
    std::fs::remove_dir_all(&directory).unwrap();
}
