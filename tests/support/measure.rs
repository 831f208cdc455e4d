//! What the kernel tells of a process: its descriptors, memory and threads (proc(5)).

use std::collections::BTreeSet;
use std::path::PathBuf;

/// How many descriptors are open.
pub(crate) fn descriptors(process: u32) -> usize {
    targets(process).len()
}

/// How many pipes are open, by their inode: both ends of one are one.
pub(crate) fn pipes(process: u32) -> usize {
    let pipes = targets(process).into_iter().filter(|target| target.to_string_lossy().starts_with("pipe:"));
    pipes.collect::<BTreeSet<_>>().len()
}

fn targets(process: u32) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(format!("/proc/{process}/fd")).expect("the process lives");
    // One that is closed meanwhile has no target.
    entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()).collect()
}

/// Memory of the process alone that is in use: not of files, and not what others share.
pub(crate) fn resident_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process lives");
    number(&status, "RssAnon:") * 1024
}

/// The names of all threads.
pub(crate) fn threads(process: u32) -> Vec<String> {
    tasks(process, "comm").iter().map(|name| name.trim().to_owned()).collect()
}

/// How often threads whose names begin so have gone to sleep.
pub(crate) fn sleeps(process: u32, prefix: &str) -> u64 {
    let of_prefix = |status: &&String| status.strip_prefix("Name:").is_some_and(|name| name.trim().starts_with(prefix));
    let statuses = tasks(process, "status");
    statuses.iter().filter(of_prefix).map(|status| number(status, "voluntary_ctxt_switches:")).sum()
}

/// This file of every thread.
fn tasks(process: u32, file: &str) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("the process lives");
    // One that ends meanwhile has no files.
    tasks.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join(file)).ok()).collect()
}

#[track_caller]
fn number(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel always has it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
