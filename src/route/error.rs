//! What is wrong with a match line, and where.
//!
//! The span is kept in bytes for those who underline it; the column is for those who can only print a line.

use std::ops::Range;

/// A match line that cannot be understood, or that could never hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}{}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
pub struct MatchError {
    /// The faulty part of the line, in bytes; empty where something is missing at the end.
    pub span: Range<usize>,
    /// Where the span begins, in characters, the first one being 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What is allowed, or what was probably meant.
    pub help: Option<String>,
}

impl MatchError {
    /// An error whose column is still to be [located](Self::in_line): only the outermost caller has the whole line.
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, column: 1, message: message.into(), help: None }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Fills in the column.
    pub(super) fn in_line(self, line: &str) -> Self {
        let column = line.get(..self.span.start).map_or(1, |before| before.chars().count() + 1);
        Self { column, ..self }
    }
}

/// A value and where it stands in the line, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<T> Spanned<T> {
    /// An error about all of it.
    pub(super) fn error(&self, message: impl Into<String>) -> MatchError {
        MatchError::new(self.span.clone(), message)
    }
}

/// The candidate that a typing error may have turned into `word`.
pub(super) fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= TYPING_ERRORS && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters may be wrong, missing, too many or swapped before a guess is more confusing than helpful.
const TYPING_ERRORS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_counts_characters_and_the_span_bytes() {
        let error = MatchError::new(6..7, "wrong").in_line("\"äö\"|x");
        assert_eq!(error.to_string(), "column 5: wrong");
    }

    #[test]
    fn the_help_follows_the_message() {
        let error = MatchError::new(0..1, "wrong").help("do that").in_line("x");
        assert_eq!(error.to_string(), "column 1: wrong; do that");
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        assert_eq!(closest("htpp1", ["h2c", "http1", "tls"]), Some("http1"));
        assert_eq!(closest("quic", ["h2c", "http1", "tls"]), None);
        assert_eq!(closest("", ["h2"]), None);
    }
}
