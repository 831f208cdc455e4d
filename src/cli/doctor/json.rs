//! The report for programs: one JSON object on one line. Its keys are what others build on; they are added to, never
//! renamed.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::finding::{Finding, Report};
use crate::sys::runtime::Engine;

/// The object, with a line's end.
pub(super) fn render(report: &Report) -> String {
    let object = Object {
        usable: report.verdict.engine().is_some(),
        engine: report.verdict.engine().map(Engine::name),
        summary: report.verdict.summary(),
        findings: Findings(&report.findings),
    };
    // Only a map with keys that are no strings can fail, and there is none.
    let mut line = serde_json::to_string(&object).unwrap_or_default();
    line.push('\n');
    line
}

#[derive(Serialize)]
struct Object<'a> {
    usable: bool,
    engine: Option<&'static str>,
    summary: String,
    findings: Findings<'a>,
}

/// By name, in their order.
struct Findings<'a>(&'a [Finding]);

impl Serialize for Findings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|finding| (finding.name, Entry::of(finding))))
    }
}

#[derive(Serialize)]
struct Entry<'a> {
    judgement: &'static str,
    value: &'a str,
    remedy: Option<&'a str>,
    data: Data<'a>,
}

impl<'a> Entry<'a> {
    fn of(finding: &'a Finding) -> Entry<'a> {
        Entry {
            judgement: finding.judgement.name(),
            value: &finding.value,
            remedy: finding.remedy.as_deref(),
            data: Data(&finding.data),
        }
    }
}

/// By key, in their order.
struct Data<'a>(&'a [(&'static str, Value)]);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_report_is_one_line() {
        let findings = vec![
            Finding::ok("kernel", "kernel", "6.1").data("release", "6.1"),
            Finding::ok("listen_queue", "listen queue", "a \"quoted\"\n line").note("do").data("asked", 4096),
        ];
        let report = Report { findings, verdict: Verdict::Epoll("why".to_owned()) };
        let expected = concat!(
            r#"{"usable":true,"engine":"epoll","summary":"Spliceway can run here on epoll: why","findings":{"#,
            r#""kernel":{"judgement":"ok","value":"6.1","remedy":null,"data":{"release":"6.1"}},"#,
            r#""listen_queue":{"judgement":"note","value":"a \"quoted\"\n line","remedy":"do","data":{"asked":4096}}}}"#,
            "\n"
        );
        assert_eq!(render(&report), expected);
    }

    #[test]
    fn an_engine_that_is_none_is_null() {
        let report = Report { findings: Vec::new(), verdict: Verdict::Refused("why".to_owned()) };
        let expected =
            "{\"usable\":false,\"engine\":null,\"summary\":\"Spliceway cannot run here: why\",\"findings\":{}}\n";
        assert_eq!(render(&report), expected);
    }
}
