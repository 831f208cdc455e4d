//! Where the lines are written: indentation, wrapping, bounds, and what is not to be shown.

use std::ops::Range;

use super::super::schema::{MessageType, Schemas};
use super::super::wire_format::{DEPTH_MAX, Fault};
use super::quote;

/// How to render.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Shows the values of fields marked `debug_redact` too.
    pub show_secrets: bool,
    /// Characters of a line that holds a long string or list, its indentation of two spaces a level included.
    pub columns: usize,
    /// Where the types of `Any` are looked up if the message's own schema does not have them.
    pub schemas: Option<&'a Schemas>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options { show_secrets: false, columns: 80, schemas: None }
    }
}

/// A message as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendering {
    /// At most 2,000; the last one says how many bytes it would have taken more of them to show.
    pub lines: Vec<Line>,
    /// Where the values that are not shown lie in the message's bytes: ascending, without overlap. At most 4,096, the
    /// last one of which covers all that come after it.
    pub masked: Vec<Range<usize>>,
}

/// A line of a rendered message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Levels of nesting, 0 for the message's own fields.
    pub indent: usize,
    /// Without indentation and line end.
    pub text: String,
}

/// A message while it is rendered.
pub(super) struct Page<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) options: &'a Options<'a>,
    /// Whether values may come by that are not to be shown.
    pub(super) secrets: bool,
    rendering: Rendering,
    /// The blocks that are open, by the line that opened them; none for those that found no room.
    open: Vec<Option<Block>>,
    /// Where the record starts that is being written, and its first line.
    record: (usize, usize),
    /// The first record that found no room for all of it.
    cut: Option<Cut>,
}

impl<'a> Page<'a> {
    pub(super) fn new(message_type: Option<&MessageType>, bytes: &'a [u8], options: &'a Options<'a>) -> Page<'a> {
        // An `Any` may hold a type of another schema.
        let others = || options.schemas.is_some_and(Schemas::may_hold_secrets);
        let marked = message_type.is_some_and(|message_type| message_type.may_hold_secrets() || others());
        let secrets = marked && !options.show_secrets;
        Page { bytes, options, secrets, rendering: Rendering::default(), open: Vec::new(), record: (0, 0), cut: None }
    }

    pub(super) fn finish(mut self) -> Rendering {
        if let Some(Cut { record, is_begun }) = self.cut {
            let bytes = self.bytes.len().saturating_sub(record);
            let what = if is_begun { "bytes from the beginning of this field on" } else { "more bytes" };
            let text = format!("... {bytes} {what}");
            self.rendering.lines.push(Line { indent: 0, text });
        }
        self.rendering
    }

    /// A part of the message's bytes.
    pub(super) fn slice(&self, part: Range<usize>) -> &'a [u8] {
        self.bytes.get(part).unwrap_or_default()
    }

    /// What is written next belongs to the record that starts here.
    pub(super) fn begin(&mut self, record: usize) {
        self.record = (record, self.rendering.lines.len());
    }

    /// Whether there is no more room: only what must not be shown is still of interest.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// Whether another level of nesting is one too many.
    pub(super) fn is_deepest(&self) -> bool {
        self.open.len() >= DEPTH_MAX
    }

    /// A line of its own.
    pub(super) fn line(&mut self, text: String) {
        if self.room() == 0 {
            let (record, line) = self.record;
            self.cut.get_or_insert(Cut { record, is_begun: self.rendering.lines.len() > line });
            return;
        }
        let indent = self.open.len();
        self.rendering.lines.push(Line { indent, text });
    }

    /// `name: value  # comment`
    pub(super) fn value(&mut self, name: &str, value: &str, comment: &str) {
        self.line(format!("{name}: {value}{}", commented(comment)));
    }

    /// A string or bytes; a long one over several lines, which the text format puts together again.
    pub(super) fn quoted(&mut self, name: &str, bytes: &[u8], comment: &str) {
        let width = self.width();
        // Two quotes, a colon and a space.
        let short = width.saturating_sub(name.chars().count() + 4);
        let mut pieces = quote::pieces(bytes, short, 2);
        if let [piece] = pieces.as_mut_slice() {
            return self.value(name, piece, comment);
        }
        self.line(format!("{name}:{}", commented(comment)));
        // Indented once more, and one more than there is room for, so that the cut is noticed.
        for piece in quote::pieces(bytes, width.saturating_sub(4), self.room() + 1) {
            self.line(format!("  {piece}"));
        }
    }

    /// `name: [a, b, c]`, over several lines if it is long.
    pub(super) fn list(&mut self, name: &str, mut items: impl Iterator<Item = String>) {
        let width = self.width();
        let mut text = format!("{name}: [");
        let mut first = true;
        while let Some(item) = items.next().filter(|_| !self.is_cut()) {
            let separated = if first { item } else { format!(", {item}") };
            // A comma and a bracket may follow.
            if !first && text.chars().count() + separated.chars().count() > width.saturating_sub(1) {
                text.push(',');
                self.line(std::mem::replace(&mut text, format!("  {}", separated.trim_start_matches(", "))));
            } else {
                text.push_str(&separated);
            }
            first = false;
        }
        text.push(']');
        self.line(text);
    }

    /// `head {  # comment`; every line is one level deeper until the block is closed.
    pub(super) fn open(&mut self, head: &str, comment: &str) {
        let comment = commented(comment);
        let line = self.rendering.lines.len();
        self.line(format!("{head} {{{comment}"));
        let shown = self.rendering.lines.len() > line;
        self.open.push(shown.then(|| Block { line, head: head.to_owned(), comment }));
    }

    /// Closes a block; an empty one is put on a line.
    pub(super) fn close(&mut self) {
        let Some(Some(block)) = self.open.pop() else { return };
        if self.rendering.lines.len() == block.line.saturating_add(1) && !self.is_cut() {
            self.rendering.lines.truncate(block.line);
            self.line(format!("{} {{}}{}", block.head, block.comment));
        } else {
            // There is always room for it: LINES_SHOWN leaves some.
            self.rendering.lines.push(Line { indent: self.open.len(), text: "}".to_owned() });
        }
    }

    /// Closes a block; if it is short, it is put on a line.
    pub(super) fn close_short(&mut self) {
        if let Some(Some(block)) = self.open.last()
            && let Some(inner) = self.rendering.lines.get(block.line.saturating_add(1)..)
            && (1..=2).contains(&inner.len())
            && inner.iter().all(|line| line.indent == self.open.len() && !line.text.contains(COMMENT))
        {
            let inner: Vec<_> = inner.iter().map(|line| line.text.as_str()).collect();
            let text = format!("{} {{ {} }}{}", block.head, inner.join(" "), block.comment);
            if text.chars().count() <= self.width() && !self.is_cut() {
                self.rendering.lines.truncate(block.line);
                self.open.pop();
                return self.line(text);
            }
        }
        self.close();
    }

    /// Says where the reading ended and why.
    pub(super) fn fault(&mut self, fault: &Fault) {
        self.begin(fault.start);
        self.line(format!("# {fault}"));
    }

    /// Notes that these bytes are not to be shown in any form.
    pub(super) fn mask(&mut self, part: Range<usize>) {
        if !self.secrets || part.is_empty() {
            return;
        }
        let full = self.rendering.masked.len() >= MASKED_MAX;
        match self.rendering.masked.last_mut() {
            // Values that touch are one range; and rather too much is masked than too little.
            Some(last) if full || last.end == part.start => last.end = last.end.max(part.end),
            _ => self.rendering.masked.push(part),
        }
    }

    /// Characters that a line has beside its indentation.
    fn width(&self) -> usize {
        self.options.columns.saturating_sub(self.open.len() * 2).max(WIDTH_MIN)
    }

    fn room(&self) -> usize {
        LINES_SHOWN.saturating_sub(self.rendering.lines.len())
    }
}

/// Where lines end early.
struct Cut {
    /// Where the record starts.
    record: usize,
    /// Some of its lines are there.
    is_begun: bool,
}

/// An open block.
struct Block {
    line: usize,
    head: String,
    comment: String,
}

fn commented(comment: &str) -> String {
    if comment.is_empty() { String::new() } else { format!("{COMMENT}{comment}") }
}

/// What stands before a comment.
const COMMENT: &str = "  # ";
/// Lines of a rendering at most: some forty screens.
const LINES_MAX: usize = 2_000;
/// What is left over is for the brackets that close, and for the line that tells how much is missing. An `Any` opens
/// a block beyond the deepest level.
const LINES_SHOWN: usize = LINES_MAX - DEPTH_MAX - 4;
/// Masked ranges at most.
const MASKED_MAX: usize = 4_096;
/// Deeply nested values get at least so many characters, even if their lines become longer than asked for.
const WIDTH_MIN: usize = 24;
