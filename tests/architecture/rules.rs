//! Rule: every test that a table of rules names exists, and cites a section that its row names.
//!
//! A row is `| rule | RFC 9113 section 3.4, ... | `module::test`, ... |`. The module is the file's name without its
//! ending, below the folder of end-to-end tests if it begins with `way::`. A row of one cell is a heading.

use crate::source::{Source, Violation};

pub(crate) fn check(document: &Source, sources: &[Source]) -> Vec<Violation> {
    let rows = document.text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, row(line)?)));
    let mut violations = Vec::new();
    for (line, (sections, tests)) in rows {
        if tests.is_empty() {
            violations.push(document.violation(line, "a rule without a test".to_owned()));
        }
        for test in tests {
            match found(test, sources) {
                None => violations.push(document.violation(line, format!("there is no test `{test}`"))),
                Some(text) if !sections.iter().any(|section| cites(&text, section)) => {
                    violations
                        .push(document.violation(line, format!("`{test}` cites none of {}", sections.join(", "))));
                }
                Some(_) => {}
            }
        }
    }
    violations
}

/// The sections and the tests of a line, if it is a row of such a table.
fn row(line: &str) -> Option<(Vec<&str>, Vec<&str>)> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    let [_, sections, tests] = cells[..] else { return None };
    let sections: Vec<&str> = sections.split(", ").filter(|section| section.starts_with("RFC ")).collect();
    let tests = tests.split('`').skip(1).step_by(2).filter(|test| test.contains("::")).collect();
    (!sections.is_empty()).then_some((sections, tests))
}

/// The test with what stands before it, up to an empty line, as one line.
fn found(test: &str, sources: &[Source]) -> Option<String> {
    let (module, name) = test.rsplit_once("::")?;
    let file = format!("/{}.rs", module.replace("::", "/"));
    let head = format!("fn {name}(");
    sources.iter().filter(|source| format!("/{}", source.path).ends_with(&file)).find_map(|source| {
        let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
        let at = lines.iter().position(|line| line.starts_with(&head))?;
        let start = lines[..at].iter().rposition(|line| line.is_empty()).map_or(0, |empty| empty + 1);
        let indented = source.text.lines().nth(at)?.len() - lines[at].len();
        let end = source.text.lines().skip(at).position(|line| line.trim_end() == format!("{:indented$}}}", ""))?;
        let is_test = lines[start..at].contains(&"#[test]");
        let words = lines[start..=at + end].iter().map(|line| line.trim_start_matches("///").trim());
        is_test.then(|| words.collect::<Vec<_>>().join(" "))
    })
}

/// Whether the text names the section: "RFC 9113 section 6.5.3", or in a list, "RFC 9113 sections 6.5.3 and 4.3.1".
fn cites(text: &str, section: &str) -> bool {
    let Some((rfc, number)) = section.split_once(" section ") else { return false };
    let is_number = |word: &str| word.trim_matches(|character: char| !character.is_ascii_digit()) == number;
    text.contains(rfc) && text.split("section").skip(1).any(|behind| behind.split(' ').take(4).any(is_number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::told;

    const SOURCE: &str = "/// RFC 9113 section 6.5.3: once.\n#[test]\nfn one() {\n}\n\n#[test]\nfn two() {\n    \
                          broke(\"RFC 9113 section 4.2\");\n}\n\nfn three() {\n}\n";

    fn violations(row: &str) -> Vec<String> {
        let sources = Source::all(&[("src/bridge/tests/acks.rs", SOURCE), ("tests/way/relay.rs", SOURCE)]);
        told(&check(&Source::new("docs/BRIDGE.md", row), &sources))
    }

    #[test]
    fn tests_that_exist_and_cite_are_in_order() {
        for row in [
            "| a | RFC 9113 section 6.5.3 | `acks::one` |",
            "| a | RFC 9113 section 4.2, RFC 9113 section 6.5.3 | `acks::one`, `acks::two` |",
            "| a | RFC 9113 section 4.2 | `way::relay::two` |",
            "| **heading** | | |",
            "| rule | section | tests |",
            "|---|---|---|",
            "| what | `a::b` |",
        ] {
            assert_eq!(violations(row), [""; 0], "{row}");
        }
    }

    #[test]
    fn others_are_violations() {
        for (row, expected) in [
            ("| a | RFC 9113 section 6.5.3 | `acks::none` |", "there is no test `acks::none`"),
            ("| a | RFC 9113 section 6.5.3 | `way::acks::one` |", "there is no test `way::acks::one`"),
            ("| a | RFC 9113 section 4.2 | `acks::three` |", "there is no test `acks::three`"),
            ("| a | RFC 9113 section 6.5 | `acks::one` |", "`acks::one` cites none of RFC 9113 section 6.5"),
            ("| a | RFC 9113 section 6.5 | soon |", "a rule without a test"),
        ] {
            assert_eq!(violations(row), [format!("docs/BRIDGE.md:1: {expected}")], "{row}");
        }
    }
}
