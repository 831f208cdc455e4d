//! Rule: a path that the documentation names exists.
//!
//! Looked at are links and words in backticks, outside of code blocks. A word with a placeholder (`<name>`, `*`,
//! `{a,b}`) is no path.

use crate::source::{Source, Violation};

const FOLDERS: [&str; 6] = ["src/", "docs/", "tests/", "benches/", "loadtest/", "examples/"];

/// Files at the top that are not told by their ending.
const FILES: [&str; 6] = ["Cargo.toml", "Cargo.lock", "Makefile", "LICENSE", "clippy.toml", "rustfmt.toml"];

pub(crate) fn check(documents: &[Source], exists: &dyn Fn(&str) -> bool) -> Vec<Violation> {
    let mut violations = Vec::new();
    for document in documents {
        let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut in_block = false;
        for (index, line) in document.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                in_block = !in_block;
            }
            if in_block {
                continue;
            }
            let links = links(line).filter_map(linked).map(|link| (link, false));
            let words = line.split('`').skip(1).step_by(2).filter_map(worded).map(|word| (word, true));
            for (path, from_root) in links.chain(words) {
                let found = joined(folder, path).is_some_and(|path| exists(&path)) || (from_root && exists(path));
                if !found {
                    violations.push(document.violation(index + 1, format!("`{path}` does not exist")));
                }
            }
        }
    }
    violations
}

/// The targets of the links in a line of Markdown.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|behind| behind.split([')', ' ']).next())
}

/// The file that a link leads to, if it is one of the repository.
fn linked(target: &str) -> Option<&str> {
    let path = target.split('#').next().unwrap_or_default();
    let elsewhere = path.is_empty() || path.contains(':') || path.starts_with('/');
    (!elsewhere).then_some(path)
}

/// The path that a word in backticks is, if it looks like one of the repository.
fn worded(word: &str) -> Option<&str> {
    let placeholder =
        word.contains(|character: char| character.is_whitespace() || "*<>{}$\u{2026}".contains(character));
    let document = !word.contains('/') && word.ends_with(".md");
    let named = FOLDERS.iter().any(|folder| word.starts_with(folder)) || FILES.contains(&word) || document;
    (named && !placeholder).then_some(word)
}

/// `path` seen from `folder`; none if it leaves the repository.
fn joined(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<_> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(path: &str, text: &str) -> Vec<String> {
        let exists = |path: &str| ["docs/A.md", "src/a.rs", "src", "src/", "README.md"].contains(&path);
        check(&[Source::new(path, text)], &exists).iter().map(|violation| violation.to_string()).collect()
    }

    #[test]
    fn what_exists_is_allowed() {
        assert_eq!(violations("README.md", "`src/a.rs`, `src/`, [a](docs/A.md#b), [c](https://d.e/f) `A::b`"), [""; 0]);
        assert_eq!(
            violations("docs/A.md", "`A.md` `README.md` [a](../README.md) [b](A.md) [c](#d) `docs/A.md`"),
            [""; 0]
        );
    }

    #[test]
    fn placeholders_and_code_blocks_are_no_paths() {
        assert_eq!(violations("README.md", "`src/*.rs` `src/<b>.rs` `my.toml`\n```sh\nls `src/b.rs`\n```"), [""; 0]);
    }

    #[test]
    fn what_does_not_exist_is_a_violation() {
        assert_eq!(
            violations("README.md", "\n`src/b.rs` and [b](docs/B.md \"title\"), `B.md`\n`Makefile`"),
            [
                "README.md:2: `docs/B.md` does not exist",
                "README.md:2: `src/b.rs` does not exist",
                "README.md:2: `B.md` does not exist",
                "README.md:3: `Makefile` does not exist",
            ]
        );
        assert_eq!(violations("docs/A.md", "[a](src/a.rs) [b](../../src/a.rs)").len(), 2);
    }
}
