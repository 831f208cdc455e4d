//! The CPUs this process may use, and pinning to one of them.

use std::fs;
use std::num::NonZeroUsize;

pub use core_affinity::CoreId;

/// The CPUs the scheduler lets this process run on (`sched_getaffinity(2)`), in order.
///
/// To be called before any thread is pinned: afterwards the list of a pinned thread is its own CPU alone.
pub fn allowed() -> Vec<CoreId> {
    core_affinity::get_core_ids().unwrap_or_default()
}

/// Pins the calling thread; `false` if the kernel refuses.
pub fn pin(core: CoreId) -> bool {
    core_affinity::set_for_current(core)
}

/// How many shards are worth having: the allowed CPUs, or fewer if a cgroup quota grants less time than they have.
///
/// A quota of 1.5 CPUs makes two shards: with one, half a CPU would be wasted.
pub fn shards(allowed: &[CoreId]) -> NonZeroUsize {
    granted(allowed.len(), quota())
}

fn granted(cpus: usize, quota: Option<NonZeroUsize>) -> NonZeroUsize {
    let cpus = NonZeroUsize::new(cpus).unwrap_or(NonZeroUsize::MIN);
    quota.map_or(cpus, |quota| cpus.min(quota))
}

/// The CPU quota of this process' cgroup, rounded up to whole CPUs; `None` if there is none.
fn quota() -> Option<NonZeroUsize> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let unified = own.lines().find_map(|line| line.strip_prefix("0::"));
    let version_2 = unified.and_then(|path| fs::read_to_string(format!("/sys/fs/cgroup{path}/cpu.max")).ok());
    // Inside a container the cgroup's own directory is mounted as the root.
    let version_2 = version_2.or_else(|| fs::read_to_string("/sys/fs/cgroup/cpu.max").ok());
    if let Some(line) = version_2 {
        return parse_cpu_max(&line);
    }
    let quota = fs::read_to_string("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").ok()?;
    let period = fs::read_to_string("/sys/fs/cgroup/cpu/cpu.cfs_period_us").ok()?;
    parse_cpu_max(&format!("{} {}", quota.trim(), period.trim()))
}

/// Parses `quota period` in microseconds; `max` or -1 is no quota.
fn parse_cpu_max(line: &str) -> Option<NonZeroUsize> {
    let (quota, period) = line.trim().split_once(' ')?;
    let (quota, period): (usize, usize) = (quota.parse().ok()?, period.parse().ok()?);
    if period == 0 {
        return None;
    }
    NonZeroUsize::new(quota.div_ceil(period))
}

/// Whether this process seems to run in a container, where a loopback listener is out of everyone's reach.
pub fn is_container() -> bool {
    let markers = ["/.dockerenv", "/run/.containerenv"];
    markers.iter().any(|marker| fs::exists(marker).unwrap_or(false))
        || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
        || fs::read_to_string("/proc/1/cgroup").is_ok_and(|cgroup| {
            ["/docker/", "/kubepods", "/containerd/", "/libpod"].iter().any(|name| cgroup.contains(name))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_rounded_up_to_whole_cpus() {
        let cpus = |line| parse_cpu_max(line).map(NonZeroUsize::get);
        assert_eq!(cpus("max 100000\n"), None);
        assert_eq!(cpus("-1 100000"), None);
        assert_eq!(cpus("100000 100000"), Some(1));
        assert_eq!(cpus("150000 100000\n"), Some(2));
        assert_eq!(cpus("50000 100000"), Some(1));
        assert_eq!(cpus("0 100000"), None);
        assert_eq!(cpus("100000 0"), None);
        assert_eq!(cpus(""), None);
    }

    #[test]
    fn there_is_a_shard_at_least_and_none_beyond_cpus_and_quota() {
        let shards = |cpus, quota| granted(cpus, NonZeroUsize::new(quota)).get();
        assert_eq!(shards(0, 0), 1);
        assert_eq!(shards(4, 0), 4);
        assert_eq!(shards(4, 2), 2);
        assert_eq!(shards(2, 4), 2);
    }
}
