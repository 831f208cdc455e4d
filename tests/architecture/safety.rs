//! Rule: `unsafe` stands only where the kernel's memory contracts are kept, and each says why it is sound.

use crate::source::{Source, Violation, tokens};

const FOLDERS: [&str; 2] = ["src/relay/io/", "src/sys/"];

/// How many lines above an `unsafe` its comment may stand.
const LINES_ABOVE: usize = 6;

pub(crate) fn check(sources: &[Source]) -> Vec<Violation> {
    sources.iter().flat_map(check_file).collect()
}

fn check_file(source: &Source) -> Vec<Violation> {
    let lines: Vec<_> = source.text.lines().collect();
    let mut violations = Vec::new();
    for token in tokens(&source.code).iter().filter(|token| token.text == "unsafe") {
        if !FOLDERS.iter().any(|folder| source.path.starts_with(folder)) {
            let rule = format!("`unsafe` outside of {}", FOLDERS.join(" and "));
            violations.push(source.violation(token.line, rule));
            continue;
        }
        let above = token.line.saturating_sub(1 + LINES_ABOVE)..token.line;
        let explained = lines.get(above).unwrap_or_default().iter().any(|line| {
            line.split_once("//").is_some_and(|(_, comment)| comment.contains("SAFETY") || comment.contains("# Safety"))
        });
        if !explained {
            let rule = format!("`unsafe` without a SAFETY comment in the {LINES_ABOVE} lines above it");
            violations.push(source.violation(token.line, rule));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::told;

    fn violations(path: &str, text: &str) -> Vec<String> {
        told(&check(&[Source::new(path, text)]))
    }

    #[test]
    fn explained_and_in_its_place_is_allowed() {
        let text = "// SAFETY: the ring is dropped before.\n\n\n\n\n\nlet x = unsafe { y() };";
        assert_eq!(violations("src/relay/io/ring.rs", text), [""; 0]);
        assert_eq!(violations("src/sys/mod.rs", "/// # Safety\n/// The owner.\nunsafe fn f() {}"), [""; 0]);
        let words = "#![deny(unsafe_code)] // unsafe\nlet x = \"unsafe\";";
        assert_eq!(violations("src/wire/mod.rs", words), [""; 0]);
    }

    #[test]
    fn in_another_folder_is_a_violation() {
        let expected = ["src/wire/a.rs:2: `unsafe` outside of src/relay/io/ and src/sys/"];
        assert_eq!(violations("src/wire/a.rs", "// SAFETY: none.\nunsafe impl Send for A {}"), expected);
        assert_eq!(violations("src/relay/raw/a.rs", "// SAFETY: none.\nlet x = unsafe { y() };").len(), 1);
        assert_eq!(violations("tests/a.rs", "#[cfg(test)] mod tests { fn f() { unsafe { g() } } }").len(), 1);
    }

    #[test]
    fn without_a_comment_near_by_is_a_violation() {
        let expected = ["src/sys/a.rs:8: `unsafe` without a SAFETY comment in the 6 lines above it"];
        assert_eq!(violations("src/sys/a.rs", "// SAFETY: far.\n\n\n\n\n\n\nunsafe {}"), expected);
        assert_eq!(violations("src/sys/a.rs", "let SAFETY = 1;\nunsafe {}").len(), 1);
    }
}
