//! Pipes, through which bulk is spliced: how many of the size that pays may be had.
//!
//! The kernel counts the pages of all pipes of a user. Beyond the soft limit a new pipe has two pages and does not grow,
//! beyond the hard one there is none (pipe(7)). `CAP_SYS_RESOURCE` and `CAP_SYS_ADMIN` lift both, but only those of the
//! initial user namespace.

use super::finding::{Finding, counted};
use crate::limits;
use crate::sys::host::process::{self, Capability, Status};
use crate::sys::host::{Fact, Unknown, kernel, sysctl};
use crate::tap::render::grouped;

/// What the judgement is made of.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) largest: Fact<u64>,
    pub(super) soft_pages: Fact<u64>,
    pub(super) hard_pages: Fact<u64>,
    pub(super) page_bytes: u64,
    pub(super) status: Fact<Status>,
    pub(super) in_initial_namespace: Fact<bool>,
}

impl Facts {
    pub(super) fn read() -> Facts {
        Facts {
            largest: sysctl::number("fs.pipe-max-size"),
            soft_pages: sysctl::number("fs.pipe-user-pages-soft"),
            hard_pages: sysctl::number("fs.pipe-user-pages-hard"),
            page_bytes: kernel::page_bytes(),
            status: process::status(),
            in_initial_namespace: process::is_in_initial_user_namespace(),
        }
    }
}

/// The finding `pipes`.
pub(super) fn judge(facts: &Facts) -> Finding {
    let is_lifted = is_lifted(facts);
    let pipes = pipes(facts);
    let finding = match &pipes {
        Err(why) => Finding::unknown(NAME, TITLE, why, "ask `sysctl -a --pattern fs.pipe` on the host"),
        Ok(_) if is_lifted => Finding::ok(NAME, TITLE, "any number and size: a capability lifts the limits"),
        Ok(Pipes::TooSmall { largest }) => {
            let value = format!("of {} bytes at most (fs.pipe-max-size); 262,144 are asked for", grouped(*largest));
            Finding::ok(NAME, TITLE, value).note("set `sysctl fs.pipe-max-size=1048576`: small pipes make bulk slow")
        }
        Ok(Pipes::Unlimited) => Finding::ok(NAME, TITLE, "any number of 256 KiB"),
        Ok(Pipes::Bounded { count, by }) => {
            let value = format!("{} of 256 KiB for all processes of this user ({by})", counted(*count, "pipe"));
            let finding = Finding::ok(NAME, TITLE, value);
            if *count >= DEFAULT_PIPES {
                finding
            } else {
                finding.note(format!(
                    "set `sysctl {by}=16384` or 0 for no limit, or grant CAP_SYS_RESOURCE: without a pipe, bulk is copied"
                ))
            }
        }
    };
    let count = match pipes {
        Ok(Pipes::Bounded { count, .. }) if !is_lifted => Some(count),
        Ok(Pipes::TooSmall { .. }) if !is_lifted => Some(0),
        Ok(_) | Err(_) => None,
    };
    finding
        .fact("pipe_max_size", &facts.largest)
        .fact("pipe_user_pages_soft", &facts.soft_pages)
        .fact("pipe_user_pages_hard", &facts.hard_pages)
        .data("limits_lifted", is_lifted)
        .data("pipes", count)
}

/// How many pipes of [`PIPE_BYTES`] a user without capabilities may have.
enum Pipes {
    TooSmall { largest: u64 },
    Unlimited,
    Bounded { count: u64, by: &'static str },
}

fn pipes(facts: &Facts) -> Fact<Pipes> {
    let largest = facts.largest.clone()?;
    let limits = [
        (facts.soft_pages.clone()?, "fs.pipe-user-pages-soft"),
        (facts.hard_pages.clone()?, "fs.pipe-user-pages-hard"),
    ];
    if facts.page_bytes == 0 {
        return Err(Unknown::new("the size of a page is unknown"));
    }
    if largest < PIPE_BYTES {
        return Ok(Pipes::TooSmall { largest });
    }
    let of_pipe = PIPE_BYTES.div_ceil(facts.page_bytes);
    // Zero is no limit.
    let least = limits.into_iter().filter(|(pages, _)| *pages > 0).min();
    Ok(least.map_or(Pipes::Unlimited, |(pages, by)| Pipes::Bounded { count: pages / of_pipe, by }))
}

/// Whether the limits do not hold for this process. What cannot be told counts as no.
fn is_lifted(facts: &Facts) -> bool {
    let has = |capability| facts.status.as_ref().is_ok_and(|status| status.has(capability) == Some(true));
    let is_privileged = has(Capability::SysResource) || has(Capability::SysAdmin);
    is_privileged && facts.in_initial_namespace == Ok(true)
}

const NAME: &str = "pipes";
const TITLE: &str = "pipes";
const PIPE_BYTES: u64 = limits::PIPE_BYTES as u64;
/// What the kernel grants unless it is told otherwise: 16,384 pages of 4 KiB.
const DEFAULT_PIPES: u64 = 256;

#[cfg(test)]
mod tests {
    use super::super::finding::Judgement::{self, Note, Ok as Good};
    use super::*;

    fn facts(largest: u64, soft_pages: u64, hard_pages: u64) -> Facts {
        Facts {
            largest: Ok(largest),
            soft_pages: Ok(soft_pages),
            hard_pages: Ok(hard_pages),
            page_bytes: 4096,
            status: Ok(Status::parse("CapEff:\t0000000000000000")),
            in_initial_namespace: Ok(true),
        }
    }

    fn told(facts: &Facts) -> (String, Judgement, Option<u64>) {
        let finding = judge(facts);
        assert_eq!(finding.remedy.is_none(), finding.judgement == Good, "{finding:?}");
        let count = finding.data.iter().find(|(key, _)| *key == "pipes").and_then(|(_, value)| value.as_u64());
        (finding.value, finding.judgement, count)
    }

    #[test]
    fn a_user_has_as_many_as_the_pages_are_enough_for() {
        let value = "256 pipes of 256 KiB for all processes of this user (fs.pipe-user-pages-soft)".to_owned();
        assert_eq!(told(&facts(1_048_576, 16_384, 0)), (value, Good, Some(256)));
        let value = "1 pipe of 256 KiB for all processes of this user (fs.pipe-user-pages-hard)".to_owned();
        assert_eq!(told(&facts(1_048_576, 16_384, 127)), (value, Note, Some(1)));
        assert_eq!(told(&facts(1_048_576, 1, 0)).2, Some(0));
        let large_pages = Facts { page_bytes: 65_536, ..facts(1_048_576, 16_384, 0) };
        assert_eq!(told(&large_pages).2, Some(4096));
    }

    #[test]
    fn zero_is_no_limit() {
        assert_eq!(told(&facts(1_048_576, 0, 0)), ("any number of 256 KiB".to_owned(), Good, None));
    }

    #[test]
    fn small_pipes_are_worth_a_note() {
        let value = "of 65,536 bytes at most (fs.pipe-max-size); 262,144 are asked for".to_owned();
        assert_eq!(told(&facts(65_536, 0, 0)), (value, Note, Some(0)));
    }

    #[test]
    fn capabilities_count_in_the_initial_namespace_only() {
        let lifted = "any number and size: a capability lifts the limits";
        for set in ["0000000001000000", "0000000000200000"] {
            let privileged = || Facts { status: Ok(Status::parse(&format!("CapEff: {set}"))), ..facts(4096, 1, 1) };
            assert_eq!(told(&privileged()), (lifted.to_owned(), Good, None));
            assert_eq!(told(&Facts { in_initial_namespace: Ok(false), ..privileged() }).1, Note);
            let unknown = Facts { in_initial_namespace: Err(Unknown::new("no file")), ..privileged() };
            assert_eq!(told(&unknown).1, Note);
        }
    }

    #[test]
    fn what_is_not_there_is_unknown() {
        let gone = || Err(Unknown::new("it is not there"));
        for facts in [
            Facts { largest: gone(), ..facts(0, 1, 1) },
            Facts { soft_pages: gone(), ..facts(1_048_576, 1, 1) },
            Facts { hard_pages: gone(), ..facts(1_048_576, 1, 1) },
        ] {
            assert_eq!(told(&facts), ("unknown: it is not there".to_owned(), Note, None));
        }
        assert_eq!(told(&Facts { page_bytes: 0, ..facts(1_048_576, 1, 1) }).1, Note);
    }
}
