//! CPUs and memory that are granted, and whether this is a container.

use super::finding::{Finding, counted};
use crate::limits;
use crate::sys::cpu;
use crate::sys::host::{Fact, cgroup};
use crate::tap::render::grouped;

/// What the judgement is made of.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) cpus: u64,
    pub(super) shards: u64,
    pub(super) memory: Fact<Option<u64>>,
    pub(super) is_container: bool,
}

impl Facts {
    pub(super) fn read() -> Facts {
        let allowed = cpu::allowed();
        Facts {
            cpus: allowed.len() as u64,
            shards: cpu::shards(&allowed).get() as u64,
            memory: cgroup::memory_limit(),
            is_container: cpu::is_container(),
        }
    }
}

/// The findings `cpus`, `memory` and `container`.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    vec![judge_cpus(facts.cpus, facts.shards), judge_memory(&facts.memory), judge_container(facts.is_container)]
}

fn judge_cpus(cpus: u64, shards: u64) -> Finding {
    let start = format!("`run` starts {}", counted(shards, "shard"));
    let finding = if cpus == 0 {
        Finding::ok("cpus", "CPUs", format!("unknown: sched_getaffinity tells none; {start}"))
            .note("say how many with `--shards`")
    } else if shards < cpus {
        let value = format!("{} allowed, but a quota for {}: {start}", grouped(cpus), grouped(shards));
        Finding::ok("cpus", "CPUs", value).note(format!(
            "nothing, if that is meant; else raise the cgroup's quota (CPUQuota= in systemd, limits.cpu in Kubernetes): \
             who uses it up waits for the rest of each period. Under a quota threads are not pinned, unless `--pin true` \
             keeps them on the first {}",
            counted(shards, "CPU")
        ))
    } else {
        Finding::ok("cpus", "CPUs", format!("{} allowed: {start}", grouped(cpus)))
    };
    finding.data("allowed", (cpus > 0).then_some(cpus)).data("shards", shards)
}

/// Sampling alone may take `TAP_QUEUE_BYTES`; as much again is little for everything else.
fn judge_memory(limit: &Fact<Option<u64>>) -> Finding {
    let (name, title) = ("memory", "memory");
    let finding = match limit {
        Err(why) => Finding::unknown(name, title, why, "look at the cgroup's memory.max on the host"),
        Ok(None) => Finding::ok(name, title, "no limit of the cgroup"),
        Ok(Some(bytes)) => {
            let finding = Finding::ok(name, title, format!("{} (limit of the cgroup)", mebibytes(*bytes)));
            if *bytes >= 2 * limits::TAP_QUEUE_BYTES as u64 {
                finding
            } else {
                finding.note(
                    "raise the limit (MemoryMax= in systemd, limits.memory in Kubernetes), or lower [tap] queue_bytes \
                     before you sample: 64 MiB may wait there",
                )
            }
        }
    };
    finding.fact("limit_bytes", limit)
}

fn judge_container(is_container: bool) -> Finding {
    let finding = Finding::ok("container", "container", if is_container { "this seems to be one" } else { "none" });
    let finding = if is_container {
        finding.note("listen on :PORT; 127.0.0.1 is the container's own, and so are the settings of its network (`docker run --sysctl`)")
    } else {
        finding
    };
    finding.data("inside", is_container)
}

/// Whole mebibytes, and bytes of what has none.
fn mebibytes(bytes: u64) -> String {
    match bytes / (1024 * 1024) {
        0 => counted(bytes, "byte"),
        whole => format!("{} MiB", grouped(whole)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Judgement::{self, Note, Ok as Good};
    use super::*;
    use crate::sys::host::Unknown;

    fn told(finding: &Finding) -> (&str, Judgement) {
        assert_eq!(finding.remedy.is_none(), finding.judgement == Good, "{finding:?}");
        (&finding.value, finding.judgement)
    }

    #[test]
    fn shards_are_cpus_within_the_quota() {
        assert_eq!(told(&judge_cpus(1, 1)), ("1 allowed: `run` starts 1 shard", Good));
        assert_eq!(told(&judge_cpus(64, 64)), ("64 allowed: `run` starts 64 shards", Good));
        assert_eq!(told(&judge_cpus(64, 2)), ("64 allowed, but a quota for 2: `run` starts 2 shards", Note));
        let none = "unknown: sched_getaffinity tells none; `run` starts 1 shard";
        assert_eq!(told(&judge_cpus(0, 1)), (none, Note));
    }

    #[test]
    fn under_a_quota_the_threads_do_not_stay_on_the_first_cpus() {
        let remedy = judge_cpus(64, 2).remedy.unwrap();
        let end = "Under a quota threads are not pinned, unless `--pin true` keeps them on the first 2 CPUs";
        assert!(remedy.ends_with(end), "{remedy}");
    }

    #[test]
    fn little_memory_is_worth_a_note() {
        assert_eq!(told(&judge_memory(&Ok(None))), ("no limit of the cgroup", Good));
        assert_eq!(told(&judge_memory(&Ok(Some(134_217_728)))), ("128 MiB (limit of the cgroup)", Good));
        assert_eq!(told(&judge_memory(&Ok(Some(134_217_727)))), ("127 MiB (limit of the cgroup)", Note));
        assert_eq!(told(&judge_memory(&Ok(Some(0)))), ("0 bytes (limit of the cgroup)", Note));
        let why = Unknown::new("/sys/fs/cgroup/memory.max: not understood: \"lots\"");
        let value = "unknown: /sys/fs/cgroup/memory.max: not understood: \"lots\"";
        assert_eq!(told(&judge_memory(&Err(why))), (value, Note));
    }

    #[test]
    fn a_container_has_a_loopback_of_its_own() {
        assert_eq!(told(&judge_container(false)), ("none", Good));
        assert_eq!(told(&judge_container(true)), ("this seems to be one", Note));
    }
}
