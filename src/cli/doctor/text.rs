//! The report for people: a line a finding, what to do below it, and the verdict last.

use std::fmt::Write;

use super::super::terminal;
use super::finding::{Judgement, Report, Verdict};

/// What to write before text of a kind; empty strings for plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Palette {
    ok: &'static str,
    note: &'static str,
    problem: &'static str,
    strong: &'static str,
    end: &'static str,
}

impl Palette {
    pub(super) const PLAIN: Palette = Palette { ok: "", note: "", problem: "", strong: "", end: "" };
    /// Of the eight base colours, which follow the terminal's own theme.
    pub(super) const COLOUR: Palette =
        Palette { ok: "\x1b[32m", note: "\x1b[33m", problem: "\x1b[31m", strong: "\x1b[1m", end: "\x1b[0m" };

    /// Colour if standard output is a terminal that can, and `NO_COLOR` is unset or empty (no-color.org).
    pub(super) fn of_standard_output() -> Palette {
        if terminal::has_colour() { Palette::COLOUR } else { Palette::PLAIN }
    }

    fn of(self, judgement: Judgement) -> &'static str {
        match judgement {
            Judgement::Ok => self.ok,
            Judgement::Note => self.note,
            Judgement::Problem => self.problem,
        }
    }
}

/// All of it, in lines of [`COLUMNS`] where words allow it.
pub(super) fn render(report: &Report, palette: Palette) -> String {
    let titles = report.findings.iter().map(|finding| finding.title.len()).max().unwrap_or(0);
    let margin = MARK_COLUMNS + titles + 2;
    let mut text = String::new();
    for finding in &report.findings {
        let (mark, colour) = (finding.judgement.name(), palette.of(finding.judgement));
        text.push_str(colour);
        text.push_str(mark);
        text.push_str(if colour.is_empty() { "" } else { palette.end });
        let title = finding.title;
        let blanks = MARK_COLUMNS - mark.len();
        // Writing to a string does not fail.
        let _infallible = write!(text, "{:blanks$}{title:titles$}  ", "");
        wrap(&finding.value, margin, "", &mut text);
        if let Some(remedy) = &finding.remedy {
            let _infallible = write!(text, "{:margin$}", "");
            wrap(remedy, margin, "-> ", &mut text);
        }
    }
    text.push('\n');
    let judgement = match report.verdict {
        Verdict::IoUring => Judgement::Ok,
        Verdict::Epoll(_) => Judgement::Note,
        Verdict::Refused(_) => Judgement::Problem,
    };
    let _infallible =
        writeln!(text, "{}{}{}{}", palette.strong, palette.of(judgement), report.verdict.summary(), palette.end);
    text
}

/// Words in lines that begin at `margin`, where the first one begins already, with `mark` before all of them.
fn wrap(words: &str, margin: usize, mark: &str, text: &mut String) {
    let indent = margin + mark.len();
    let mut column = indent;
    text.push_str(mark);
    for (index, word) in words.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > COLUMNS {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if index > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}

/// `problem`, and a gap.
const MARK_COLUMNS: usize = 9;
/// What fits beside another window, and into an issue.
const COLUMNS: usize = 100;

#[cfg(test)]
mod tests {
    use super::super::finding::Finding;
    use super::*;

    fn report() -> Report {
        let findings = vec![
            Finding::ok("kernel", "kernel", "6.18.44"),
            Finding::ok("descriptors", "open files", "256 (soft 256, hard 256): 112 connections").problem("raise it"),
            Finding::ok("listen_queue", "listen queue", "word ".repeat(20).trim()).note("much ".repeat(18).trim()),
        ];
        Report { findings, verdict: Verdict::IoUring }
    }

    #[test]
    fn columns_are_aligned_and_lines_are_short() {
        let expected = "\
ok       kernel        6.18.44
problem  open files    256 (soft 256, hard 256): 112 connections
                       -> raise it
note     listen queue  word word word word word word word word word word word word word word word
                       word word word word word
                       -> much much much much much much much much much much much much much much much
                          much much much

Spliceway can run here on io_uring
";
        assert_eq!(render(&report(), Palette::PLAIN), expected);
    }

    #[test]
    fn colours_change_nothing_else() {
        let colourful = render(&report(), Palette::COLOUR);
        assert!(colourful.starts_with("\x1b[32mok\x1b[0m       kernel        6.18.44\n"), "{colourful}");
        assert!(colourful.ends_with("\n\x1b[1m\x1b[32mSpliceway can run here on io_uring\x1b[0m\n"), "{colourful}");
        let mut plain = colourful;
        for attribute in ["\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
            plain = plain.replace(attribute, "");
        }
        assert_eq!(plain, render(&report(), Palette::PLAIN));
    }

    #[test]
    fn a_word_that_is_too_long_stands_alone() {
        let mut text = String::new();
        let long = "x".repeat(120);
        wrap(&format!("a {long} b"), 4, "", &mut text);
        assert_eq!(text, format!("a\n    {long}\n    b\n"));
    }

    #[test]
    fn nothing_found_is_a_verdict_all_the_same() {
        let report = Report { findings: Vec::new(), verdict: Verdict::Refused("why".to_owned()) };
        assert_eq!(render(&report, Palette::PLAIN), "\nSpliceway cannot run here: why\n");
    }
}
