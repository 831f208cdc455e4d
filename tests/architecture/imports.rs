//! The paths that a file names, with `use` trees taken apart: `a::{b, c::d}` is `a::b` and `a::c::d`.

use crate::source::{Source, Token, tokens};

/// A path as named by a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Counted from 1.
    pub(crate) line: usize,
    /// The root: whose names these are.
    pub(crate) root: Root,
    /// The segments behind the root; a glob is `*`.
    pub(crate) segments: Vec<String>,
    /// Set if the path is made known under this name by a `pub use`.
    pub(crate) exported: Option<String>,
}

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// At our own crate; `super` and `self` are resolved, the segments are absolute.
    Ours,
    /// At another name: a crate, or something imported.
    Other,
}

/// All paths that the product code of the file names.
pub(crate) fn named(source: &Source) -> Vec<Named> {
    let tokens = tokens(&source.product);
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut module: Vec<String> = source.module().into_iter().map(str::to_owned).collect();
    if matches!(source.path.as_str(), "src/lib.rs" | "src/main.rs") {
        module.clear();
    }
    // Inline modules, with the depth of braces at which each ends.
    let mut inline = Vec::new();
    let mut depth = 0_usize;
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.text {
            "{" => {
                if at >= 2 && text(at - 2) == "mod" {
                    inline.push(depth);
                    module.push(text(at - 1).to_owned());
                }
                depth += 1;
            }
            "}" => {
                depth = depth.saturating_sub(1);
                if inline.last() == Some(&depth) {
                    inline.pop();
                    module.pop();
                }
            }
            _ => {}
        }
        let previous = if at == 0 { "" } else { text(at - 1) };
        let begins = token.text.starts_with(|first: char| first.is_alphabetic() || first == '_');
        // `pub(in crate::x)` says who may see, and names nothing.
        let named = begins && text(at + 1) == "::" && !matches!(previous, "::" | "in");
        if !named {
            at += 1;
            continue;
        }
        let exporting = previous == "use" && at >= 2 && matches!(text(at - 2), "pub" | ")");
        let mut tree = Tree { tokens: &tokens, at, exporting, found: Vec::new() };
        let root = tree.root(&module);
        let mut segments = if root.1 { root.0 } else { vec![token.text.to_owned()] };
        tree.leaves(&mut segments);
        at = tree.at.max(at + 1);
        let root = if root.1 { Root::Ours } else { Root::Other };
        found.extend(tree.found.into_iter().map(|(line, segments, exported)| Named { line, root, segments, exported }));
    }
    found
}

struct Tree<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    exporting: bool,
    found: Vec<(usize, Vec<String>, Option<String>)>,
}

impl Tree<'_> {
    fn text(&self) -> &str {
        self.tokens.get(self.at).map_or("", |token| token.text)
    }

    /// Walks over `crate`, `self` and `super`, up to the `::` behind them. Answers the module, and whether there was
    /// any of them.
    fn root(&mut self, module: &[String]) -> (Vec<String>, bool) {
        let mut base = module.to_vec();
        let mut ours = true;
        match self.text() {
            "crate" => base.clear(),
            "self" | "Self" => {}
            "super" => drop(base.pop()),
            _ => ours = false,
        }
        self.at += 1;
        while ours && self.tokens.get(self.at + 1).is_some_and(|token| token.text == "super") {
            base.pop();
            self.at += 2;
        }
        (base, ours)
    }

    /// Collects the paths at a `::`, or the end of one.
    fn leaves(&mut self, segments: &mut Vec<String>) {
        if self.text() != "::" {
            return self.leaf(segments);
        }
        self.at += 1;
        match self.text() {
            "{" => {
                self.at += 1;
                while !matches!(self.text(), "}" | "") {
                    if self.text() == "," {
                        self.at += 1;
                    } else {
                        self.segment(segments);
                    }
                }
                self.at += 1;
            }
            // Generic arguments, or a path cut off.
            next if next != "*" && !next.starts_with(|first: char| first.is_alphabetic() || first == '_') => {
                self.leaf(segments);
            }
            _ => self.segment(segments),
        }
    }

    fn segment(&mut self, segments: &mut Vec<String>) {
        let segment = self.text().to_owned();
        self.at += 1;
        if segment == "self" {
            return self.leaf(segments);
        }
        segments.push(segment);
        self.leaves(segments);
        segments.pop();
    }

    fn leaf(&mut self, segments: &[String]) {
        let line = self.tokens.get(self.at.saturating_sub(1)).map_or(0, |token| token.line);
        let mut name = segments.last().cloned();
        if self.text() == "as" {
            name = self.tokens.get(self.at + 1).map(|token| token.text.to_owned());
            self.at += 2;
        }
        self.found.push((line, segments.to_vec(), name.filter(|_| self.exporting)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(path: &str, text: &str) -> Vec<String> {
        let named = named(&Source::new(path, text));
        named.iter().map(|named| format!("{} {:?} {}", named.line, named.root, named.segments.join("::"))).collect()
    }

    #[test]
    fn trees_are_taken_apart() {
        let text = "use crate::{a, b::{self, c as d, e::*}};\nuse super::\n    f;\nuse super::super::{g};";
        assert_eq!(
            paths("src/x/y.rs", text),
            ["1 Ours a", "1 Ours b", "1 Ours b::c", "1 Ours b::e::*", "3 Ours x::f", "4 Ours g"]
        );
    }

    #[test]
    fn expressions_and_types_count() {
        let text = "fn f(a: super::A) -> std::io::Result<()> { crate::b::c::<u8>(self::d) }";
        assert_eq!(
            paths("src/x/y.rs", text),
            ["1 Ours x::A", "1 Other std::io::Result", "1 Ours b::c", "1 Ours x::y::d"]
        );
    }

    #[test]
    fn visibility_is_no_import() {
        assert!(paths("src/x/y.rs", "pub(crate) fn f() {} pub(in crate::x) fn g() {} pub(super) struct S;").is_empty());
    }

    #[test]
    fn inline_modules_move_super() {
        assert_eq!(paths("src/x/y.rs", "mod z { use super::a; }\nuse super::a;"), ["1 Ours x::y::a", "2 Ours x::a"]);
    }

    #[test]
    fn exports_keep_their_new_name() {
        let text = "pub use self::a::{B, C as D};\npub(crate) use e::F;\nuse g::H;";
        let named = named(&Source::new("src/x/mod.rs", text));
        let exported: Vec<_> = named.iter().map(|named| named.exported.as_deref()).collect();
        assert_eq!(exported, [Some("B"), Some("D"), Some("F"), None]);
    }

    #[test]
    fn test_only_code_is_left_out() {
        assert!(paths("src/x/y.rs", "#[cfg(test)]\nmod tests { use crate::a; }").is_empty());
    }
}
