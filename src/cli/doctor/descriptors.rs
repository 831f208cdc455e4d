//! Open files: how many connections they are enough for.

use super::finding::{Finding, Verdict, counted, limit};
use crate::limits;
use crate::sys::host::process::{self, Limit, Resource};
use crate::tap::render::grouped;

/// The limit of this process, as it is; `run` will raise the soft one to the hard one.
pub(super) fn read() -> Limit {
    process::limit(Resource::Nofile)
}

/// The finding `descriptors`; and that Spliceway cannot run, if they are not even enough for a connection.
pub(super) fn judge(open_files: Limit, shards: u64) -> (Finding, Option<Verdict>) {
    let in_force = in_force(open_files);
    let own = OF_PROCESS + OF_SHARD * shards;
    let connections = in_force.saturating_sub(own) / OF_CONNECTION;
    let raised = if open_files.soft == Some(in_force) { "" } else { ", to which `run` raises it" };
    let value = format!(
        "{} (soft {}, hard {}{raised}): {}, or {} that all move bulk one way",
        grouped(in_force),
        limit(open_files.soft),
        limit(open_files.hard),
        counted(connections, "connection"),
        grouped(in_force.saturating_sub(own) / (OF_CONNECTION + OF_PIPE)),
    );
    let finding = Finding::ok("descriptors", "open files", value);
    let remedy = "raise the hard limit: LimitNOFILE= in systemd, `--ulimit nofile=` in Docker, `ulimit -Hn`";
    let enough = connections >= u64::from(limits::LISTEN_BACKLOG.unsigned_abs());
    let finding = if enough { finding } else { finding.problem(remedy) };
    let finding = finding
        .data("soft", open_files.soft)
        .data("hard", open_files.hard)
        .data("in_force", in_force)
        .data("connections", connections);
    let why = || format!("{in_force} descriptors leave none for connections beside {}", counted(shards, "shard"));
    (finding, (connections == 0).then(|| Verdict::Refused(why())))
}

/// The limit once `run` has raised it.
fn in_force(open_files: Limit) -> u64 {
    let hard = open_files.hard.unwrap_or(limits::DESCRIPTORS).min(limits::DESCRIPTORS);
    open_files.soft.unwrap_or(hard).max(hard)
}

/// Client and backend.
const OF_CONNECTION: u64 = 2;
/// Both ends of the pipe that a direction borrows while it moves bulk.
const OF_PIPE: u64 = 2;
/// Standard streams, the signals' pipe and runtime, host name look-ups; 11 are seen.
const OF_PROCESS: u64 = 16;
/// Of front and relay the rings, epoll instances and wake-ups, and the listening socket of an address: 9 are seen on
/// io_uring, 7 on epoll. Each further address takes one more.
const OF_SHARD: u64 = 12;

#[cfg(test)]
mod tests {
    use super::super::finding::Judgement;
    use super::*;

    fn judged(soft: Option<u64>, hard: Option<u64>, shards: u64) -> (String, Judgement, Option<Verdict>) {
        let (finding, verdict) = judge(Limit { soft, hard }, shards);
        (finding.value, finding.judgement, verdict)
    }

    #[test]
    fn the_hard_limit_is_what_counts() {
        let (value, judgement, verdict) = judged(Some(1024), Some(524_288), 2);
        assert_eq!(
            value,
            "524,288 (soft 1,024, hard 524,288, to which `run` raises it): 262,124 connections, or 131,062 that all \
             move bulk one way"
        );
        assert_eq!((judgement, verdict), (Judgement::Ok, None));
        let (value, ..) = judged(Some(20_000), Some(20_000), 1);
        assert!(value.starts_with("20,000 (soft 20,000, hard 20,000): 9,986 connections, or "), "{value}");
    }

    #[test]
    fn limits_beyond_reason_are_not_used_up() {
        let connections = "524,274 connections";
        for (soft, hard) in [(Some(1024), None), (None, None), (Some(1024), Some(1_000_000_000))] {
            let (value, ..) = judged(soft, hard, 1);
            assert!(value.contains(connections), "{value}");
        }
        // It is higher already, and is not lowered.
        assert!(judged(Some(2_000_000), Some(2_000_000), 1).0.starts_with("2,000,000 (soft"));
    }

    #[test]
    fn fewer_connections_than_a_listen_queue_holds_are_a_problem() {
        // 4,096 connections, 16 descriptors of the process and 12 of the shard.
        assert_eq!(judged(Some(8220), Some(8220), 1).1, Judgement::Ok);
        assert_eq!(judged(Some(8219), Some(8219), 1).1, Judgement::Problem);
        let (value, judgement, verdict) = judged(Some(256), Some(256), 2);
        assert!(value.contains("): 108 connections, or 54 that"), "{value}");
        assert_eq!((judgement, verdict), (Judgement::Problem, None));
    }

    #[test]
    fn none_for_connections_is_the_end() {
        for few in [0, 28, 29] {
            let (_, judgement, verdict) = judged(Some(few), Some(few), 1);
            let why = format!("{few} descriptors leave none for connections beside 1 shard");
            assert_eq!((judgement, verdict), (Judgement::Problem, Some(Verdict::Refused(why))));
        }
        assert_eq!(judged(Some(30), Some(30), 1).2, None);
    }
}
