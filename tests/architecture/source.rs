//! A file as the rules see it: as written, without comments and literals, and without test-only code.

use std::fmt;

/// A text of the repository.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// From the root of the repository: `src/wire/mod.rs`.
    pub(crate) path: String,
    /// As written.
    pub(crate) text: String,
    /// Comments and literals are blanks; lines are where they were.
    pub(crate) code: String,
    /// As `code`, with blanks for `#[cfg(test)]` items too; empty for files that are test-only as a whole.
    pub(crate) product: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = without_comments_and_literals(text);
        let test_only = path.ends_with("/tests.rs") || path.contains("/tests/");
        let product = if test_only { String::new() } else { without_tests(&code) };
        Self { path: path.to_owned(), text: text.to_owned(), code, product }
    }

    /// Sources of paths and texts, for the rules' own tests.
    pub(crate) fn all(files: &[(&str, &str)]) -> Vec<Self> {
        files.iter().map(|(path, text)| Self::new(path, text)).collect()
    }

    /// The module path: `["wire", "head"]` for `src/wire/head.rs`, `["wire"]` for `src/wire/mod.rs`, `["lib"]` for
    /// `src/lib.rs`.
    pub(crate) fn module(&self) -> Vec<&str> {
        let path = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let path = path.strip_suffix("/mod.rs").or(path.strip_suffix(".rs")).unwrap_or(path);
        path.split('/').collect()
    }

    pub(crate) fn violation(&self, line: usize, rule: impl Into<String>) -> Violation {
        Violation { path: self.path.clone(), line, rule: rule.into() }
    }
}

/// A broken rule and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) path: String,
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

/// The violations as they are shown, a line each.
pub(crate) fn told(violations: &[Violation]) -> Vec<String> {
    violations.iter().map(Violation::to_string).collect()
}

/// A word (identifier, keyword, number), `::`, or any other single character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    /// Counted from 1.
    pub(crate) line: usize,
}

pub(crate) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if is_word(first) {
                rest.find(|character| !is_word(character)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (text, behind) = rest.split_at(length);
            tokens.push(Token { text, line: index + 1 });
            rest = behind.trim_start();
        }
    }
    tokens
}

pub(crate) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_word = code.chars().next_back().is_some_and(is_word);
        let length = blank_length(rest, after_word);
        let (taken, behind) = rest.split_at(length.unwrap_or(first.len_utf8()));
        if length.is_some() {
            code.extend(taken.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
        } else {
            code.push_str(taken);
        }
        rest = behind;
    }
    code
}

/// How long the comment or literal at the start is; none if there is none.
fn blank_length(rest: &str, after_word: bool) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment_length(rest));
    }
    if rest.starts_with('"') {
        return Some(quoted_length(rest, '"'));
    }
    if let Some(literal) = rest.strip_prefix('\'') {
        // Anything but a character and a quote is a lifetime or a label.
        let mut characters = literal.chars();
        let is_literal = characters.next() == Some('\\') || characters.next() == Some('\'');
        return is_literal.then(|| quoted_length(rest, '\''));
    }
    let raw = ["r", "br", "cr"].iter().find_map(|prefix| rest.strip_prefix(prefix)).filter(|_| !after_word)?;
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    let body = raw.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let body_length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(rest.len() - body.len() + body_length)
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn without_tests(code: &str) -> String {
    let mut product = String::with_capacity(code.len());
    let mut rest = code;
    while let Some((before, item)) = rest.split_once("#[cfg(test)]") {
        product.push_str(before);
        let (item, behind) = item.split_at(item_length(item));
        product.extend(item.chars().filter(|character| *character == '\n'));
        rest = behind;
    }
    product.push_str(rest);
    product
}

/// The length of the item at the start: up to its `;` or the end of its block.
fn item_length(code: &str) -> usize {
    let (mut brackets, mut braces) = (0_usize, 0_usize);
    for (at, character) in code.char_indices() {
        match character {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            '{' => braces += 1,
            '}' => braces = braces.saturating_sub(1),
            _ => {}
        }
        if brackets == 0 && braces == 0 && matches!(character, ';' | '}') {
            return at + 1;
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(code: &str) -> Vec<&str> {
        tokens(code).iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_literals_are_blank_and_lines_stay() {
        let text = "a /* b /* c */\n d */ e // f\n\"g\\\"\n\" h r#\"i\"\n\"# 'j' '\\'' k b\"l\" br\"m\" \u{e4}";
        let source = Source::new("src/x.rs", text);
        assert_eq!(words(&source.code), ["a", "e", "h", "k", "b", "\u{e4}"]);
        assert_eq!(source.code.lines().count(), text.lines().count());
        assert_eq!(tokens(&source.code)[1], Token { text: "e", line: 2 });
    }

    #[test]
    fn lifetimes_and_raw_identifiers_are_code() {
        let source = Source::new("src/x.rs", "fn f<'a>(x: &'a r#type) { 'out: loop {} }");
        assert_eq!(words(&source.code).concat(), "fnf<'a>(x:&'ar#type){'out:loop{}}");
    }

    #[test]
    fn test_only_items_are_no_product() {
        let text = "a;\n#[cfg(test)]\nmod tests {\n fn f() { b; }\n}\nc;\n#[cfg(test)] use d::[e; 2];\ng;";
        let source = Source::new("src/x.rs", text);
        assert_eq!(words(&source.product), ["a", ";", "c", ";", "g", ";"]);
        assert_eq!(tokens(&source.product)[4], Token { text: "g", line: 8 });
        assert!(words(&source.code).contains(&"b"));
        assert_eq!(Source::new("src/x/tests.rs", "a").product, "");
    }

    #[test]
    fn modules_are_named_by_their_files() {
        assert_eq!(Source::new("src/wire/mod.rs", "").module(), ["wire"]);
        assert_eq!(Source::new("src/wire/hpack/table.rs", "").module(), ["wire", "hpack", "table"]);
        assert_eq!(Source::new("src/main.rs", "").module(), ["main"]);
    }
}
