//! Typed access to the tables of a TOML document, each value with its place.
//!
//! The document is walked by hand, not through serde: a deserializer stops at the first mistake and does not know
//! which key it was at. Every reader here reports what is wrong and answers `None`, so that the walk goes on.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Surroundings,
    diagnostic::{Diagnostic, Diagnostics, Problem, one_of, quoted},
    duration,
    expand::expand,
    keys::{Keys, nearest},
};

/// One table, its unknown keys reported.
pub(super) struct Section<'a> {
    pub(super) keys: &'static Keys,
    /// Of its header, or of the braces.
    pub(super) span: Range<usize>,
    table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    pub(super) fn open(
        keys: &'static Keys,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        reader: &mut Reader<'_>,
    ) -> Section<'a> {
        for key in table.keys().filter(|key| !keys.known.contains(&key.get_ref().as_ref())) {
            let subject = format!("key `{}`", keys.path(key.get_ref()));
            reader.problem(&subject, key.span(), keys.unknown(key.get_ref()));
        }
        Section { keys, span, table }
    }

    pub(super) fn item(&self, key: &str) -> Option<Item<'a>> {
        debug_assert!(self.keys.known.contains(&key), "`{key}` would be refused as unknown");
        self.table.get(key).map(|value| Item { subject: format!("key `{}`", self.keys.path(key)), value })
    }

    /// A section inside this one, written with one pair of brackets.
    pub(super) fn section(&self, key: &str, keys: &'static Keys, reader: &mut Reader<'_>) -> Option<Section<'a>> {
        let item = self.item(key)?;
        let DeValue::Table(table) = item.value.get_ref() else {
            reader.wrong_type(&item, &format!("a section: write [{key}]"));
            return None;
        };
        Some(Section::open(keys, table, item.value.span(), reader))
    }

    pub(super) fn required(&self, key: &str, example: &str, reader: &mut Reader<'_>) -> Option<Item<'a>> {
        let item = self.item(key);
        if !self.attempts(key) {
            let message = format!("key `{}` is missing", self.keys.path(key));
            reader.diagnostics.error(self.span.clone(), message).help(format!("add for example: {key} = {example}"));
        }
        item
    }

    /// Whether the key is there, or another that was probably meant to be it: that one is complained about already.
    pub(super) fn attempts(&self, key: &str) -> bool {
        let meant = |found: &str| !self.keys.known.contains(&found) && self.keys.meant(found) == Some(key);
        self.table.keys().any(|found| found.get_ref() == key || meant(found.get_ref()))
    }
}

/// A value and what to call it.
pub(super) struct Item<'a> {
    /// ``key `listener.bind` ``
    pub(super) subject: String,
    pub(super) value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Item<'a> {
    /// The elements of a list, or the value as the only one.
    pub(super) fn elements(&self) -> Vec<Item<'a>> {
        let element = |value| Item { subject: self.subject.clone(), value };
        match self.value.get_ref().as_array() {
            Some(array) => array.iter().map(element).collect(),
            None => vec![element(self.value)],
        }
    }
}

/// A string with its place, its variables put in.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// ``key `listener.bind` `` or ``flag `--listen` ``
    pub(super) subject: String,
    pub(super) value: String,
    pub(super) span: Range<usize>,
    /// Where the value's first byte stands in the source, if its bytes stand there one by one: no escape, no variable.
    pub(super) verbatim: Option<usize>,
}

/// Reads values and collects what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) surroundings: &'a Surroundings<'a>,
    pub(super) diagnostics: Diagnostics,
}

impl Reader<'_> {
    /// A string. `expected` says what kind of string, should it be none.
    pub(super) fn text(&mut self, item: &Item<'_>, expected: &str) -> Option<Text> {
        let span = item.value.span();
        let DeValue::String(written) = item.value.get_ref() else {
            self.wrong_type(item, expected);
            return None;
        };
        let verbatim = self.verbatim(written, &span);
        match expand(written, self.surroundings.variable) {
            Ok(value) => {
                let verbatim = verbatim.filter(|_| value == *written);
                Some(Text { subject: item.subject.clone(), value: value.into_owned(), span, verbatim })
            }
            Err(problem) => {
                let value = written.clone().into_owned();
                let text = Text { subject: item.subject.clone(), value, span, verbatim };
                self.text_problem(&text, problem);
                None
            }
        }
    }

    /// A string, or a list of strings. What is no string is reported and left out.
    pub(super) fn texts(&mut self, item: &Item<'_>, expected: &str) -> Vec<Text> {
        item.elements().iter().filter_map(|element| self.text(element, expected)).collect()
    }

    /// A string that `parse` understands.
    pub(super) fn parsed<T>(&mut self, text: &Text, parse: impl Fn(&str) -> Result<T, Problem>) -> Option<T> {
        parse(&text.value).map_err(|problem| self.text_problem(text, problem)).ok()
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, item: &Item<'_>, choices: &[(&str, T)]) -> Option<T> {
        let words = || choices.iter().map(|(word, _)| *word);
        let text = self.text(item, &one_of(words()))?;
        self.parsed(&text, |value| match choices.iter().find(|(word, _)| *word == value) {
            Some((_, choice)) => Ok(*choice),
            None => {
                let allowed = format!("allowed: {}", one_of(words()));
                let help = match nearest(value, words()) {
                    Some(near) => format!("did you mean {}? {allowed}", quoted(near)),
                    None => allowed,
                };
                Err(Problem::new(format!("{} is not known", quoted(value)), help))
            }
        })
    }

    /// A whole number, also as a string, so that it can come from a variable.
    pub(super) fn number(&mut self, item: &Item<'_>, range: RangeInclusive<u64>) -> Option<u64> {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        let (shown, number) = if let DeValue::Integer(integer) = item.value.get_ref() {
            (integer.to_string(), i128::from_str_radix(integer.as_str(), integer.radix()).ok())
        } else {
            let text = self.text(item, &allowed)?;
            (quoted(&text.value), text.value.trim().parse().ok())
        };
        let number = number.and_then(|number| u64::try_from(number).ok()).filter(|number| range.contains(number));
        if number.is_none() {
            let message = format!("{}: {shown} is not allowed", item.subject);
            self.diagnostics.error(item.value.span(), message).help(format!("it must be {allowed}"));
        }
        number
    }

    /// A duration: a string with units.
    pub(super) fn duration(&mut self, item: &Item<'_>) -> Option<Duration> {
        let text = self.duration_text(item)?;
        self.parsed(&text, duration::parse)
    }

    /// The text of one.
    pub(super) fn duration_text(&mut self, item: &Item<'_>) -> Option<Text> {
        if let DeValue::Integer(number) = item.value.get_ref() {
            self.problem(&item.subject, item.value.span(), duration::without_unit(&number.to_string()));
            return None;
        }
        self.text(item, "a duration like \"2s\"")
    }

    /// Yes or no, also as a string, so that it can come from a variable.
    pub(super) fn flag(&mut self, item: &Item<'_>) -> Option<bool> {
        if let DeValue::Boolean(flag) = item.value.get_ref() {
            return Some(*flag);
        }
        if item.value.get_ref().is_str() {
            return self.choice(item, &[("true", true), ("false", false)]);
        }
        self.wrong_type(item, "true or false");
        None
    }

    /// Reports a problem with the part of a string that it names, or with all of it.
    pub(super) fn text_problem(&mut self, text: &Text, problem: Problem) {
        match (text.verbatim, problem.span.clone()) {
            (Some(start), Some(part)) => {
                self.problem(&text.subject, start + part.start..start + part.end, problem);
            }
            (None, Some(part)) => {
                let value = quoted(&text.value);
                let place = text.value.get(part).filter(|place| !place.is_empty());
                let place = place.map_or("its end".to_owned(), quoted);
                let diagnostic = self.problem(&text.subject, text.span.clone(), problem);
                diagnostic.help(format!("the value is {value}; the problem is at {place}"));
            }
            (_, None) => {
                self.problem(&text.subject, text.span.clone(), problem);
            }
        }
    }

    pub(super) fn problem(&mut self, subject: &str, span: Range<usize>, problem: Problem) -> &mut Diagnostic {
        let diagnostic = self.diagnostics.error(span, format!("{subject}: {}", problem.message));
        match problem.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }

    pub(super) fn wrong_type(&mut self, item: &Item<'_>, expected: &str) {
        let message = format!("{}: {} is not allowed", item.subject, with_article(item.value.get_ref().type_str()));
        self.diagnostics.error(item.value.span(), message).help(format!("it must be {expected}"));
    }

    /// Where the string's bytes begin, if what stands between the quotes is the string itself.
    fn verbatim(&self, written: &str, span: &Range<usize>) -> Option<usize> {
        [1, 3].into_iter().find_map(|quotes| {
            let inside = span.start + quotes..span.end.checked_sub(quotes)?;
            (self.text.get(inside.clone())? == written).then_some(inside.start)
        })
    }
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}
