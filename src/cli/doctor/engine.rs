//! Kernel and io_uring: which engine `spliceway run` would choose, and why not the other.
//!
//! `run` takes epoll where io_uring is refused or lacks what the relay needs, and does not start where the kernel is
//! merely short of something, since epoll would hide that. `src/proxy.rs` decides; this tells the same beforehand, in the words of
//! `src/sys/host/refusal.rs`.

use std::io;

use super::finding::{Finding, Verdict};
use crate::relay;
use crate::sys::host::Fact;
use crate::sys::host::kernel::{self, Release};
use crate::sys::host::refusal::{self, Cause, Permissions};
use crate::sys::host::ring::{self, RingFeatures};
use crate::sys::runtime::{Engine, Runtime};

/// What the judgement is made of.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) release: Fact<Release>,
    pub(super) ring: io::Result<RingFeatures>,
    pub(super) epoll: io::Result<()>,
    pub(super) permissions: Permissions,
}

impl Facts {
    pub(super) fn read(shards: u64) -> Facts {
        Facts {
            release: kernel::release(),
            ring: ring::try_ring(usize::try_from(shards).unwrap_or(usize::MAX))
                .and_then(|features| relay::probe_io_uring().map(|()| features)),
            epoll: Runtime::new(Engine::Epoll).map(drop),
            permissions: Permissions::read(),
        }
    }
}

/// The findings `kernel` and `io_uring`, and what follows from them alone.
pub(super) fn judge(facts: &Facts) -> (Vec<Finding>, Verdict) {
    let (io_uring, mut verdict) = judge_ring(&facts.ring, &facts.permissions);
    let mut findings = vec![judge_kernel(&facts.release, verdict == Verdict::IoUring), io_uring];
    if let (Verdict::Epoll(_), Err(error)) = (&verdict, &facts.epoll) {
        let remedy = "one of the two is needed; look at limits of descriptors and at the sandbox";
        findings.push(Finding::ok("epoll", "epoll", format!("refused: {error}")).problem(remedy));
        verdict = Verdict::Refused(format!("neither io_uring nor epoll can be had: {error}"));
    }
    (findings, verdict)
}

/// Where the ring works, the number is no matter: distributions bring features to old kernels.
fn judge_kernel(release: &Fact<Release>, works: bool) -> Finding {
    let (name, title) = ("kernel", "kernel");
    let finding = match release {
        Err(why) => Finding::unknown(name, title, why, "ask `uname -r` on the host; io_uring takes Linux 6.1 or newer"),
        Ok(release) if works || release.is_at_least(IO_URING_SINCE.0, IO_URING_SINCE.1) => {
            Finding::ok(name, title, release.to_string())
        }
        Ok(release) => Finding::ok(name, title, format!("{release}, which is older than 6.1"))
            .note("take Linux 6.1 or newer for the io_uring engine; the epoll engine runs on this one"),
    };
    finding.fact("release", &release.as_ref().map(ToString::to_string).map_err(Clone::clone))
}

fn judge_ring(ring: &io::Result<RingFeatures>, permissions: &Permissions) -> (Finding, Verdict) {
    let (finding, verdict) = match ring {
        Ok(features) => judge_features(*features),
        Err(error) => judge_refusal(error, permissions),
    };
    let has = |feature: fn(&RingFeatures) -> bool| ring.as_ref().ok().map(feature);
    let finding = finding
        .data("engine", verdict.engine().map(Engine::name))
        .data("defer_taskrun", has(|features| features.defer_taskrun))
        .data("multishot_receive", has(|features| features.multishot_receive))
        .data("buffer_rings", has(|features| features.buffer_rings))
        .data("cancel_by_descriptor", has(|features| features.cancel_by_descriptor))
        .data("errno", ring.as_ref().err().and_then(io::Error::raw_os_error))
        .fact("io_uring_disabled", &permissions.disabled)
        .fact("io_uring_group", &permissions.group)
        .data("seccomp_filter", permissions.has_filter());
    (finding, verdict)
}

fn judge_features(features: RingFeatures) -> (Finding, Verdict) {
    let all = [
        (features.defer_taskrun, "DEFER_TASKRUN", "6.1"),
        (features.multishot_receive, "multishot receive", "6.0"),
        (features.buffer_rings, "provided buffer rings", "5.19"),
        (features.cancel_by_descriptor, "cancel by descriptor", "5.19"),
    ];
    let names = |is_there| {
        let names: Vec<&str> = all.iter().filter(|feature| feature.0 == is_there).map(|feature| feature.1).collect();
        names.join(", ")
    };
    let missing = names(false);
    // The first that is missing is of the newest release.
    let Some((_, _, release)) = all.iter().find(|feature| !feature.0) else {
        return (Finding::ok("io_uring", "io_uring", format!("works: {}", names(true))), Verdict::IoUring);
    };
    let finding = Finding::ok("io_uring", "io_uring", format!("works, but without {missing}")).note(format!(
        "take Linux {release} or newer, or a sandbox that has all of io_uring; until then epoll is used"
    ));
    (finding, Verdict::Epoll(format!("io_uring has no {missing} here")))
}

fn judge_refusal(error: &io::Error, permissions: &Permissions) -> (Finding, Verdict) {
    let Cause { why, remedy } = refusal::cause(error, permissions);
    let finding = Finding::ok("io_uring", "io_uring", format!("refused: {error}; {why}"));
    if refusal::is_refusal(error) {
        (finding.note(remedy), Verdict::Epoll(why))
    } else {
        let remedy = format!("{remedy}; or run with `--engine epoll`");
        (finding.problem(remedy), Verdict::Refused(format!("io_uring cannot be set up: {why}")))
    }
}

/// The release that brought `IORING_SETUP_DEFER_TASKRUN`, the youngest of what the relay's ring needs.
const IO_URING_SINCE: (u32, u32) = (6, 1);

#[cfg(test)]
mod tests {
    use super::super::finding::Judgement::{self, Note, Ok as Good, Problem};
    use super::*;
    use crate::sys::host::Unknown;
    use crate::sys::host::process::{Limit, Status};

    const ALL: RingFeatures =
        RingFeatures { defer_taskrun: true, buffer_rings: true, multishot_receive: true, cancel_by_descriptor: true };

    fn refusal(errno: i32) -> io::Result<RingFeatures> {
        Err(io::Error::from_raw_os_error(errno))
    }

    /// As the kernel tells them: the sysctl, its group, and lines of a status.
    fn permissions(disabled: Option<u64>, group: i64, status: &str) -> Permissions {
        Permissions {
            disabled: disabled.ok_or_else(|| Unknown::new("no file")),
            group: Ok(group),
            status: Ok(Status::parse(status)),
            locked_memory: Limit { soft: Some(65_536), hard: Some(65_536) },
        }
    }

    fn told(ring: &io::Result<RingFeatures>, permissions: &Permissions) -> (String, Judgement, String, Verdict) {
        let (finding, verdict) = judge_ring(ring, permissions);
        (finding.value, finding.judgement, finding.remedy.unwrap_or_default(), verdict)
    }

    #[test]
    fn a_kernel_is_judged_by_its_number_unless_the_ring_works() {
        let judged = |name, works| {
            let finding = judge_kernel(&Release::parse(name).ok_or_else(|| Unknown::new("odd")), works);
            (finding.value, finding.judgement)
        };
        assert_eq!(judged("6.1.0", false), ("6.1.0".to_owned(), Good));
        assert_eq!(judged("5.19.17", false), ("5.19.17, which is older than 6.1".to_owned(), Note));
        assert_eq!(judged("5.14.0-427.el9.x86_64", true), ("5.14.0-427.el9.x86_64".to_owned(), Good));
        assert_eq!(judged("odd", true), ("unknown: odd".to_owned(), Note));
    }

    #[test]
    fn a_ring_with_all_features_is_the_engine() {
        let value = "works: DEFER_TASKRUN, multishot receive, provided buffer rings, cancel by descriptor".to_owned();
        let told = told(&Ok(ALL), &permissions(Some(0), -1, "Seccomp: 2"));
        assert_eq!(told, (value, Good, String::new(), Verdict::IoUring));
    }

    #[test]
    fn a_missing_feature_makes_it_epoll() {
        let permissions = permissions(Some(0), -1, "Seccomp: 0");
        let (value, judgement, remedy, verdict) =
            told(&Ok(RingFeatures { defer_taskrun: false, multishot_receive: false, ..ALL }), &permissions);
        assert_eq!(value, "works, but without DEFER_TASKRUN, multishot receive");
        assert_eq!(judgement, Note);
        assert!(remedy.starts_with("take Linux 6.1 or newer"), "{remedy}");
        let why = "io_uring has no DEFER_TASKRUN, multishot receive here".to_owned();
        assert_eq!(verdict, Verdict::Epoll(why));
        let (.., remedy, _) = told(&Ok(RingFeatures { buffer_rings: false, ..ALL }), &permissions);
        assert!(remedy.starts_with("take Linux 5.19 or newer"), "{remedy}");
    }

    #[test]
    fn seccomp_is_named() {
        let (value, judgement, remedy, verdict) = told(&refusal(libc::EPERM), &permissions(Some(0), -1, "Seccomp: 2"));
        let expected = "refused: Operation not permitted (os error 1); a seccomp filter refuses io_uring";
        assert_eq!((value.as_str(), judgement), (expected, Note));
        assert!(remedy.starts_with("allow io_uring_setup, io_uring_enter and io_uring_register in the"), "{remedy}");
        assert_eq!(verdict, Verdict::Epoll("a seccomp filter refuses io_uring".to_owned()));
    }

    #[test]
    fn a_shortage_is_no_refusal() {
        let (_, judgement, remedy, verdict) = told(&refusal(libc::ENOMEM), &permissions(Some(0), -1, "Seccomp: 0"));
        assert_eq!(judgement, Problem);
        assert!(remedy.ends_with("; or run with `--engine epoll`"), "{remedy}");
        let why = "io_uring cannot be set up: memory is short; the processes of this user may lock 64 KiB (hard limit: \
                   64 KiB)";
        assert_eq!(verdict, Verdict::Refused(why.to_owned()));
        for errno in [libc::EMFILE, libc::ENFILE, libc::EAGAIN, libc::EIO] {
            assert_eq!(told(&refusal(errno), &permissions(Some(0), -1, "Seccomp: 0")).3.engine(), None);
        }
        let silent = Err(io::ErrorKind::TimedOut.into());
        assert_eq!(told(&silent, &permissions(Some(0), -1, "Seccomp: 0")).3.engine(), None);
    }

    #[test]
    fn without_either_engine_it_cannot_run() {
        let facts = |epoll| Facts {
            release: Ok(Release::parse("4.4.0").unwrap()),
            ring: refusal(libc::ENOSYS),
            epoll,
            permissions: permissions(None, -1, "Seccomp: 0"),
        };
        let (findings, verdict) = judge(&facts(Err(io::Error::from_raw_os_error(libc::EMFILE))));
        assert_eq!(findings.iter().map(|finding| finding.name).collect::<Vec<_>>(), ["kernel", "io_uring", "epoll"]);
        let why = "neither io_uring nor epoll can be had: Too many open files (os error 24)";
        assert_eq!(verdict, Verdict::Refused(why.to_owned()));
        let (findings, verdict) = judge(&facts(Ok(())));
        assert_eq!((findings.len(), verdict.engine()), (2, Some(Engine::Epoll)));
    }

    #[test]
    fn numbers_are_told_to_programs() {
        let (finding, _) = judge_ring(&refusal(libc::EPERM), &permissions(Some(1), 7, "Seccomp: 2"));
        let data =
            serde_json::Value::Object(finding.data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
        let expected = serde_json::json!({
            "engine": "epoll", "defer_taskrun": null, "multishot_receive": null, "buffer_rings": null,
            "cancel_by_descriptor": null, "errno": 1, "io_uring_disabled": 1, "io_uring_group": 7,
            "seccomp_filter": true,
        });
        assert_eq!(data, expected);
    }
}
