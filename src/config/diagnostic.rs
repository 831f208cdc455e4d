//! What is wrong with a configuration, said so that it can be mended at 3 a.m.
//!
//! A diagnostic begins with one plain line, `file:line:column: key ...`, that editors and log searches understand; the
//! source line with a caret follows, then what is allowed or what to do. All findings of a pass are kept and shown in
//! the order of the file, because a start that fails once a mistake is a slow way to learn of five.
//!
//! The command line is a source like a file: a flag's value is shown with a caret too.

use std::{
    fmt::{self, Write as _},
    ops::Range,
    sync::Arc,
};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Why a configuration cannot be used: every error found, and the warnings beside them.
///
/// Its `Display` is the whole report, several lines long.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", Listing(.diagnostics))]
pub struct ConfigError {
    /// In the order of the source.
    pub diagnostics: Vec<Diagnostic>,
}

/// One finding, with its place. Its `Display` is several lines long; [`Diagnostic::headline`] is the first of them.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    severity: Severity,
    source: Arc<Source>,
    /// Bytes of the source; `None` when the source as a whole is meant.
    span: Option<Range<usize>>,
    message: String,
    other: Option<(Range<usize>, &'static str)>,
    help: Vec<String>,
}

impl Diagnostic {
    /// Whether the configuration can be used in spite of it.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// `file:line:column: what is wrong`, on one line. Lines and columns count from 1, columns in characters.
    pub fn headline(&self) -> String {
        let name = &self.source.name;
        let severity = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        let message = &self.message;
        match &self.span {
            Some(span) => {
                let (line, column) = self.source.line_and_column(span.start);
                format!("{name}:{line}:{column}: {severity}{message}")
            }
            None => format!("{name}: {severity}{message}"),
        }
    }

    /// Shows a second place that has to do with it.
    pub(super) fn other(&mut self, span: Range<usize>, label: &'static str) -> &mut Diagnostic {
        self.other = Some((span, label));
        self
    }

    /// Adds what is allowed, or what to do.
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Diagnostic {
        self.help.push(help.into());
        self
    }

    fn level(&self) -> Level<'static> {
        match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        let Some(span) = &self.span else {
            return self.help.iter().try_for_each(|help| write!(f, "\n  help: {help}"));
        };
        let primary = AnnotationKind::Primary.span(self.source.clamp(span));
        let mut snippet = Snippet::source(self.source.text.as_str()).annotation(primary);
        if let Some((other, label)) = &self.other {
            snippet = snippet.annotation(AnnotationKind::Context.span(self.source.clamp(other)).label(*label));
        }
        let help = self.help.iter().map(|help| Level::HELP.message(help.as_str()));
        let group = Group::with_level(self.level()).element(snippet).elements(help);
        f.write_char('\n')?;
        f.write_str(&Renderer::plain().render(&[group]))
    }
}

/// Whether a finding keeps the configuration from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not, but is hardly what was meant.
    Warning,
}

/// The text that a configuration is read from, and what to call it.
#[derive(Debug)]
pub(super) struct Source {
    /// The path as the user gave it, or `command line`.
    pub(super) name: String,
    pub(super) text: String,
}

impl Source {
    pub(super) fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Source> {
        Arc::new(Source { name: name.into(), text: text.into() })
    }

    fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..self.boundary(byte)).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        (line, before.chars().skip(before.get(..line_start).unwrap_or_default().chars().count()).count() + 1)
    }

    /// The span within the text and between characters: the renderer slices without asking.
    fn clamp(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.boundary(span.start);
        start..self.boundary(span.end).max(start)
    }

    fn boundary(&self, byte: usize) -> usize {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    }
}

/// What is wrong with a value, said by a parser that does not know where the value stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// A clause that follows the key: `"x" has no port`.
    pub(super) message: String,
    /// What is allowed, or what to do.
    pub(super) help: Option<String>,
    /// Bytes of the value; `None` when all of it is meant.
    pub(super) span: Option<Range<usize>>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Problem {
        Problem { message: message.into(), help: Some(help.into()), span: None }
    }
}

/// The findings of one pass over one source.
pub(super) struct Diagnostics {
    source: Arc<Source>,
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(super) fn new(source: Arc<Source>) -> Diagnostics {
        Diagnostics { source, found: Vec::new() }
    }

    pub(super) fn error(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Error, Some(span), message.into())
    }

    pub(super) fn warning(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Warning, Some(span), message.into())
    }

    /// An error of the source as a whole.
    pub(super) fn error_without_place(&mut self, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Error, None, message.into())
    }

    /// Has messages and help call things by the second of two names.
    pub(super) fn rename(&mut self, names: &[(&str, &str)]) {
        for Diagnostic { message, help, .. } in &mut self.found {
            for text in std::iter::once(message).chain(help) {
                names.iter().for_each(|(from, to)| *text = text.replace(from, to));
            }
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The value with the warnings, or all findings if one of them is an error or there is no value.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<(T, Vec<Diagnostic>), ConfigError> {
        self.found.sort_by_key(|diagnostic| diagnostic.span.as_ref().map(|span| span.start));
        match value {
            Some(value) if !self.has_errors() => Ok((value, self.found)),
            _ => Err(ConfigError { diagnostics: self.found }),
        }
    }

    fn push(&mut self, severity: Severity, span: Option<Range<usize>>, message: String) -> &mut Diagnostic {
        let source = Arc::clone(&self.source);
        self.found.push(Diagnostic { severity, source, span, message, other: None, help: Vec::new() });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }
}

/// Several diagnostics with a blank line between them.
pub(crate) struct Listing<'a>(pub(crate) &'a [Diagnostic]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { "\n\n" };
            write!(f, "{separator}{diagnostic}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n\n... and {more} more"),
        }
    }
}

/// A value as a message shows it: quoted, control characters escaped, cut where a line would get too long.
pub(super) fn quoted(value: &str) -> String {
    let mut shown: String = value.chars().take(QUOTED_CHARS).collect();
    if shown.len() < value.len() {
        shown.push_str("...");
    }
    format!("{shown:?}")
}

/// A list as a message shows it: `"a", "b" or "c"`.
pub(super) fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(quoted).collect();
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

/// More than this many findings come from one mistake, or from another kind of file.
const SHOWN: usize = 25;
/// Longer values are cut in messages; the source line shows them whole.
const QUOTED_CHARS: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostics(text: &str) -> Diagnostics {
        Diagnostics::new(Source::new("a.toml", text))
    }

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let source = Source::new("a.toml", "é = 1\nü = 2");
        assert_eq!(source.line_and_column(0), (1, 1));
        assert_eq!(source.line_and_column(2), (1, 2));
        assert_eq!(source.line_and_column(7), (2, 1));
        assert_eq!(source.line_and_column(9), (2, 2));
        assert_eq!(source.line_and_column(999), (2, 6));
    }

    #[test]
    fn a_diagnostic_shows_place_caret_and_help() {
        let mut diagnostics = diagnostics("a = 1\nb = 2\n");
        diagnostics.error(10..11, "key `b`: 2 is too much").help("1 is the most").other(0..1, "beside");
        let error = diagnostics.finish(Some(())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.toml:2:5: key `b`: 2 is too much\n  |\n1 | a = 1\n  | - beside\n2 | b = 2\n  |     ^\n  |\n  = help: 1 is the most"
        );
    }

    #[test]
    fn a_span_outside_of_the_text_or_within_a_character_is_rendered() {
        for span in [0..99, 1..1, 98..99, 1..2] {
            let mut diagnostics = diagnostics("é");
            diagnostics.error(span, "x");
            assert!(diagnostics.finish(Some(())).unwrap_err().to_string().starts_with("a.toml:1:"));
        }
    }

    #[test]
    fn findings_come_in_the_order_of_the_source_and_are_counted_when_many() {
        let mut diagnostics = diagnostics(&"x".repeat(40));
        for at in (0..30).rev() {
            diagnostics.error(at..at + 1, format!("number {at}"));
        }
        let shown = diagnostics.finish(Some(())).unwrap_err().to_string();
        assert!(shown.starts_with("a.toml:1:1: number 0\n"), "{shown}");
        assert!(shown.ends_with("\n\n... and 5 more"), "{shown}");
    }

    #[test]
    fn warnings_do_not_fail() {
        let mut diagnostics = diagnostics("a");
        diagnostics.warning(0..1, "odd");
        let (value, warnings) = diagnostics.finish(Some(7)).unwrap();
        assert_eq!(value, 7);
        assert_eq!(warnings[0].headline(), "a.toml:1:1: warning: odd");
    }

    #[test]
    fn lists_and_values_read_well() {
        assert_eq!(one_of([]), "");
        assert_eq!(one_of(["a"]), "\"a\"");
        assert_eq!(one_of(["a", "b", "c"]), "\"a\", \"b\" or \"c\"");
        assert_eq!(quoted("a\u{1b}[2J\""), "\"a\\u{1b}[2J\\\"\"");
        assert_eq!(quoted(&"x".repeat(61)), format!("\"{}...\"", "x".repeat(60)));
    }
}
