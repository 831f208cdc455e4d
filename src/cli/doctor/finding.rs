//! What is found, and how bad it is.

use serde_json::Value;

use crate::sys::host::{Fact, Unknown};
use crate::sys::runtime::Engine;
use crate::tap::render::grouped;

/// Everything that is found, and what follows.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
    pub(super) verdict: Verdict,
}

/// One thing that the host allows or does not.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finding {
    /// Its key in JSON.
    pub(super) name: &'static str,
    /// Its name for people.
    pub(super) title: &'static str,
    /// What is the case, in one line.
    pub(super) value: String,
    pub(super) judgement: Judgement,
    /// What to do, unless it is as it should be.
    pub(super) remedy: Option<String>,
    /// The numbers behind the value, for programs; null where they are unknown.
    pub(super) data: Vec<(&'static str, Value)>,
}

impl Finding {
    /// As it should be.
    pub(super) fn ok(name: &'static str, title: &'static str, value: impl Into<String>) -> Finding {
        Finding { name, title, value: value.into(), judgement: Judgement::Ok, remedy: None, data: Vec::new() }
    }

    /// A fact that cannot be told, and where else it may be seen.
    pub(super) fn unknown(name: &'static str, title: &'static str, why: &Unknown, remedy: &str) -> Finding {
        Finding::ok(name, title, format!("unknown: {why}")).note(remedy)
    }

    /// The same, but it costs speed or is worth knowing.
    pub(super) fn note(self, remedy: impl Into<String>) -> Finding {
        Finding { judgement: Judgement::Note, remedy: Some(remedy.into()), ..self }
    }

    /// The same, but it keeps connections out.
    pub(super) fn problem(self, remedy: impl Into<String>) -> Finding {
        Finding { judgement: Judgement::Problem, remedy: Some(remedy.into()), ..self }
    }

    /// With a number for programs.
    pub(super) fn data(mut self, key: &'static str, value: impl Into<Value>) -> Finding {
        self.data.push((key, value.into()));
        self
    }

    /// With a fact for programs, null if it is unknown.
    pub(super) fn fact<T: Clone + Into<Value>>(self, key: &'static str, fact: &Fact<T>) -> Finding {
        self.data(key, fact.as_ref().ok().cloned().map_or(Value::Null, Into::into))
    }
}

/// How a finding is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// As it should be.
    Ok,
    /// It costs speed, or is worth knowing; nobody is turned away for it.
    Note,
    /// Spliceway cannot start, or turns clients away sooner than it should.
    Problem,
}

impl Judgement {
    pub(super) fn name(self) -> &'static str {
        match self {
            Judgement::Ok => "ok",
            Judgement::Note => "note",
            Judgement::Problem => "problem",
        }
    }
}

/// Whether `spliceway run` would start here, and on which engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// On io_uring.
    IoUring,
    /// On epoll, because of this.
    Epoll(String),
    /// Not at all, because of this.
    Refused(String),
}

impl Verdict {
    pub(super) fn engine(&self) -> Option<Engine> {
        match self {
            Verdict::IoUring => Some(Engine::IoUring),
            Verdict::Epoll(_) => Some(Engine::Epoll),
            Verdict::Refused(_) => None,
        }
    }

    /// In one sentence.
    pub(super) fn summary(&self) -> String {
        match self {
            Verdict::IoUring => "Spliceway can run here on io_uring".to_owned(),
            Verdict::Epoll(why) => format!("Spliceway can run here on epoll: {why}"),
            Verdict::Refused(why) => format!("Spliceway cannot run here: {why}"),
        }
    }
}

/// `1 CPU`, `2 CPUs`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// A limit, or that there is none.
pub(super) fn limit(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), grouped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!((counted(1, "CPU"), counted(2_000, "CPU")), ("1 CPU".to_owned(), "2,000 CPUs".to_owned()));
        assert_eq!((limit(None), limit(Some(1024))), ("unlimited".to_owned(), "1,024".to_owned()));
    }

    #[test]
    fn an_unknown_fact_is_a_note_with_null() {
        let why = Unknown::new("/proc/x: Permission denied");
        let finding = Finding::unknown("x", "x", &why, "look elsewhere").fact::<u64>("x", &Err(why.clone()));
        assert_eq!(finding.value, "unknown: /proc/x: Permission denied");
        assert_eq!((finding.judgement, finding.remedy.as_deref()), (Judgement::Note, Some("look elsewhere")));
        assert_eq!(finding.data, [("x", Value::Null)]);
    }

    #[test]
    fn a_verdict_is_a_sentence() {
        assert_eq!(Verdict::IoUring.summary(), "Spliceway can run here on io_uring");
        assert_eq!(Verdict::Epoll("no ring".to_owned()).summary(), "Spliceway can run here on epoll: no ring");
        assert_eq!(Verdict::Refused("no room".to_owned()).summary(), "Spliceway cannot run here: no room");
        assert_eq!(Verdict::Refused(String::new()).engine(), None);
    }
}
