//! Rules on text: short files, no unfinished work, no superseded specification, no test ignored without a reason.

use crate::source::{Source, Violation, is_word, tokens};

/// Longest file under `src/`, in lines, tests included.
const LINES_MAX: usize = 500;

/// Words that say work is left to do.
const UNFINISHED: [&str; 3] = ["TODO", "FIXME", "XXX"];

/// How many files may cite RFC 7540: it alone specifies the upgrade to h2c, so only what speaks of that has a reason to.
const SUPERSEDED_FILES_MAX: usize = 5;

pub(crate) fn check_length(sources: &[Source]) -> Vec<Violation> {
    let long = sources.iter().filter(|source| source.text.lines().count() > LINES_MAX);
    long.map(|source| {
        let rule = format!("{} lines; a file has at most {LINES_MAX} and one topic", source.text.lines().count());
        source.violation(LINES_MAX + 1, rule)
    })
    .collect()
}

pub(crate) fn check_words(texts: &[Source]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut superseded = Vec::new();
    for text in texts {
        for (index, line) in text.text.lines().enumerate() {
            if let Some(word) = line.split(|character| !is_word(character)).find(|word| UNFINISHED.contains(word)) {
                violations.push(text.violation(index + 1, format!("`{word}`: do it, or say why it is not needed")));
            }
            if cites_rfc_7540(line) {
                superseded.push(text.violation(index + 1, "RFC 7540 is superseded; cite RFC 9113"));
            }
        }
    }
    let mut excused: Vec<_> =
        texts.iter().filter(|text| text.text.contains("Upgrade")).map(|text| &text.path).collect();
    excused.retain(|path| superseded.iter().any(|violation| violation.path == **path));
    // With more of them than that, the exception has become the rule.
    excused.truncate(SUPERSEDED_FILES_MAX);
    violations.extend(superseded.iter().filter(|violation| !excused.contains(&&violation.path)).cloned());
    violations
}

fn cites_rfc_7540(line: &str) -> bool {
    // The name of a setting is no citation (RFC 9218 section 2.1).
    let line = line.to_ascii_lowercase().replace("no_rfc7540_priorities", "");
    ["rfc 7540", "rfc7540", "rfc-7540"].iter().any(|citation| line.contains(citation))
}

pub(crate) fn check_ignored(sources: &[Source]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in sources {
        let tokens = tokens(&source.code);
        let bare =
            tokens.windows(4).filter(|window| window.iter().map(|token| token.text).eq(["#", "[", "ignore", "]"]));
        violations.extend(bare.map(|window| source.violation(window[0].line, "`#[ignore]` without `= \"reason\"`")));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::told;

    fn words(files: &[(&str, &str)]) -> Vec<String> {
        told(&check_words(&Source::all(files)))
    }

    #[test]
    fn five_hundred_lines_and_no_more() {
        assert_eq!(told(&check_length(&[Source::new("src/a.rs", &"x\n".repeat(500))])), [""; 0]);
        assert_eq!(
            told(&check_length(&[Source::new("src/a.rs", &"x\n".repeat(501))])),
            ["src/a.rs:501: 501 lines; a file has at most 500 and one topic"]
        );
    }

    #[test]
    fn unfinished_work_is_a_violation() {
        assert_eq!(words(&[("src/a.rs", "// TODO_LIST, todo, XXXX")]), [""; 0]);
        assert_eq!(
            words(&[("src/a.rs", "\n// TODO: b"), ("docs/A.md", "FIXME.")]),
            [
                "src/a.rs:2: `TODO`: do it, or say why it is not needed",
                "docs/A.md:1: `FIXME`: do it, or say why it is not needed",
            ]
        );
    }

    #[test]
    fn the_superseded_specification_needs_the_upgrade_as_its_reason() {
        assert_eq!(words(&[("src/a.rs", "// RFC 9113\n// Upgrade: RFC 7540 section 3.2")]), [""; 0]);
        assert_eq!(words(&[("src/a.rs", "// RFC 7540")]), ["src/a.rs:1: RFC 7540 is superseded; cite RFC 9113"]);
        assert_eq!(words(&[("src/a.rs", "// https://www.rfc-editor.org/rfc/rfc7540")]).len(), 1);
        assert_eq!(words(&[("src/a.rs", "id::NO_RFC7540_PRIORITIES")]), [""; 0]);
        let excused: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|path| (path, "RFC 7540 Upgrade")).to_vec();
        assert_eq!(words(&excused), ["f:1: RFC 7540 is superseded; cite RFC 9113"]);
    }

    #[test]
    fn an_ignored_test_says_why() {
        let check = |text: &str| told(&check_ignored(&[Source::new("tests/a.rs", text)]));
        assert_eq!(check("#[ignore = \"needs ten minutes\"]\n// #[ignore]"), [""; 0]);
        assert_eq!(check("\n#[ignore]\nfn f() {}"), ["tests/a.rs:2: `#[ignore]` without `= \"reason\"`"]);
        assert_eq!(check("#[cfg(test)] mod tests { #[test] #[ignore] fn f() {} }").len(), 1);
    }
}
