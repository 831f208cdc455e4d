//! What a process and its descendants have used, from `/proc` (proc(5)).
//!
//! CPU time is that of the whole thread group, threads that have ended included; so a proxy that works in several
//! processes or in kernel threads of its own (io-wq) is charged for all of it. It comes in clock ticks of 10 ms, which
//! is why a run lasts seconds.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Sub;
use std::time::Duration;

/// Totals of a tree of processes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time, in seconds.
    pub cpu_seconds: f64,
    /// Context switches of the threads that live, wanted and unwanted.
    pub context_switches: f64,
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
            context_switches: self.context_switches - before.context_switches,
        }
    }
}

/// `sysconf(_SC_CLK_TCK)`: 100 on every architecture that Linux shows to programs.
const TICKS_A_SECOND: f64 = 100.0;

/// What the process and its descendants have used so far.
///
/// # Errors
///
/// There is no such process.
pub fn usage(root: u32) -> io::Result<Usage> {
    let mut sum = Usage::default();
    for id in tree(root)? {
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        sum.cpu_seconds += stat_fields(&stat).map_or(0.0, |fields| fields.ticks / TICKS_A_SECOND);
        sum.context_switches += context_switches(id);
    }
    Ok(sum)
}

/// Private memory of the process and its descendants (`RssAnon`), in bytes.
///
/// # Errors
///
/// There is no such process.
pub fn private_bytes(root: u32) -> io::Result<f64> {
    let mut sum = 0.0;
    for id in tree(root)? {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        sum += status_number(&status, "RssAnon:").unwrap_or(0.0) * 1024.0;
    }
    Ok(sum)
}

/// How many descriptors the process has open, and how many of them are pipes.
///
/// # Errors
///
/// There is no such process, or it is another user's.
pub fn descriptors(id: u32) -> io::Result<(usize, usize)> {
    let (mut all, mut pipes) = (0, 0);
    for entry in fs::read_dir(format!("/proc/{id}/fd"))? {
        // One that was closed meanwhile is not open.
        let Ok(target) = fs::read_link(entry?.path()) else { continue };
        all += 1;
        pipes += usize::from(target.to_string_lossy().starts_with("pipe:"));
    }
    Ok((all, pipes))
}

/// The process and its descendants, itself first.
///
/// # Errors
///
/// There is no such process.
pub fn tree(root: u32) -> io::Result<Vec<u32>> {
    fs::metadata(format!("/proc/{root}"))?;
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        if let Some(fields) = stat_fields(&stat) {
            children.entry(fields.parent).or_default().push(id);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(id) = found.get(next).copied() {
        found.extend(children.remove(&id).unwrap_or_default());
        next += 1;
    }
    Ok(found)
}

/// Waits until the memory of the tree stands still, or for two seconds: allocators give back late.
pub(crate) fn settled_private_bytes(root: u32) -> io::Result<f64> {
    let mut last = private_bytes(root)?;
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(250));
        let now = private_bytes(root)?;
        if (now - last).abs() < 4096.0 {
            return Ok(now);
        }
        last = now;
    }
    Ok(last)
}

struct StatFields {
    parent: u32,
    ticks: f64,
}

/// Fields of `/proc/PID/stat`. The second one, the name, is in parentheses and may hold anything, so it is the last
/// parenthesis that ends it.
fn stat_fields(stat: &str) -> Option<StatFields> {
    let (_, behind_name) = stat.rsplit_once(") ")?;
    let field = |number: usize| behind_name.split(' ').nth(number - 3);
    let ticks = field(14)?.parse::<f64>().ok()? + field(15)?.parse::<f64>().ok()?;
    Some(StatFields { parent: field(4)?.parse().ok()?, ticks })
}

fn context_switches(id: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let statuses = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    statuses.map(|status| switches_in(&status)).sum()
}

fn switches_in(status: &str) -> f64 {
    let keys = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"];
    keys.iter().filter_map(|key| status_number(status, key)).sum()
}

/// The number behind a key of `/proc/PID/status`.
fn status_number(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_behind_a_name_that_may_hold_anything() {
        let stat = "42 (a) b (c) ) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 9 9 20 0 3 0 5 6 7 8";
        let fields = stat_fields(stat).unwrap();
        assert_eq!(fields.parent, 7);
        assert!((fields.ticks - 200.0).abs() < f64::EPSILON);
        assert!(stat_fields("42 (cut) S 7 42").is_none());
        assert!(stat_fields("").is_none());
    }

    #[test]
    fn numbers_of_a_status_stand_behind_their_keys() {
        let status = "VmRSS:\t  900 kB\nRssAnon:\t     512 kB\nvoluntary_ctxt_switches:\t10\n\
                      nonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(status_number(status, "RssAnon:"), Some(512.0));
        assert_eq!(status_number(status, "RssShmem:"), None);
        assert!((switches_in(status) - 13.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_tree_begins_with_its_root_and_holds_its_children() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let ids = tree(std::process::id()).unwrap();
        assert_eq!(ids.first(), Some(&std::process::id()));
        assert!(ids.contains(&child.id()), "{ids:?} has no {}", child.id());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn our_own_use_grows() {
        let us = std::process::id();
        let before = usage(us).unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        let mut kept = Vec::new();
        while (usage(us).unwrap() - before).cpu_seconds < 0.01 {
            kept.push([1_u8; 4096]);
            assert!(std::time::Instant::now() < deadline, "reading /proc takes time, too");
        }
        assert!(private_bytes(us).unwrap() > 100_000.0);
        assert!(descriptors(us).unwrap().0 >= 3);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        // The kernel's highest id is 4,194,304.
        assert!(usage(u32::MAX).is_err());
        assert!(private_bytes(u32::MAX).is_err());
    }
}
