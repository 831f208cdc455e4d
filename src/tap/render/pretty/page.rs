//! Lines that fit: wrapping, cutting, indentation and colour.

use super::Direction;
use crate::tap::render::Palette;
use crate::tap::render::python::is_printable;
use crate::tap::render::text::{Text as _, grouped, wide};
use crate::wire::Malformed;

/// A block being written.
pub(super) struct Page<'a> {
    out: &'a mut String,
    palette: Palette,
    direction: Direction,
    stamp: &'a str,
    indent: usize,
}

impl<'a> Page<'a> {
    /// A block with `stamp` before its first line.
    pub(super) fn new(out: &'a mut String, direction: Direction, palette: Palette, stamp: &'a str) -> Page<'a> {
        let indent = width(stamp).saturating_add(BODY_INDENT).min(INDENT_MAX);
        Page { out, palette, direction, stamp, indent }
    }

    /// Columns behind the indentation.
    pub(super) fn room(&self) -> usize {
        COLUMNS.saturating_sub(self.indent)
    }

    /// The colours.
    pub(super) fn palette(&self) -> Palette {
        self.palette
    }

    /// Which way the bytes went.
    pub(super) fn direction(&self) -> Direction {
        self.direction
    }

    /// Begins the first line.
    pub(super) fn title(&mut self, kind: &str) -> Line<'_> {
        let (palette, colour) = (self.palette, self.palette.of(self.direction));
        let title = format!("{} {kind}", self.direction.arrow());
        let padding = TITLE_COLUMNS.saturating_sub(width(&title));
        let mut line = Line { out: self.out, palette, column: 0, gap: 0 };
        line.write(palette.faint, self.stamp);
        line.gap = width(self.stamp).saturating_sub(line.column);
        line.write(colour, &title);
        line.gap = padding.saturating_add(GAP);
        line
    }

    /// Begins a line `level` levels below the title.
    pub(super) fn body(&mut self, level: usize) -> Line<'_> {
        let indent = self.indent.saturating_add(level.saturating_mul(2)).min(INDENT_MAX);
        Line { out: self.out, palette: self.palette, column: 0, gap: indent }
    }

    /// A line of its own that a reader may skip.
    pub(super) fn note(&mut self, text: &str) {
        self.body(0).faint(text).end();
    }

    /// Something wrong.
    pub(super) fn warning(&mut self, text: &str) {
        let style = self.palette.warning;
        self.wrapped(0, "", 0, style, text);
    }

    /// A broken rule; `of` says what its offset counts from if not from the event.
    pub(super) fn malformed(&mut self, malformed: &Malformed, of: &str) {
        let Malformed { rule, section, offset } = malformed;
        self.warning(&format!("malformed at byte {}{of}: {rule} ({section})", grouped(wide(*offset))));
    }

    /// Names and values, values in one column.
    pub(super) fn pairs(&mut self, pairs: impl Iterator<Item = (String, String)>) {
        let pairs: Vec<(String, String)> = pairs.collect();
        let column = pairs.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        for (name, value) in &pairs {
            self.wrapped(0, name, column, "", value);
        }
    }

    /// A name and a value that may take several lines; what does not fit into them is counted.
    pub(super) fn wrapped(&mut self, level: usize, name: &str, name_columns: usize, style: &str, value: &str) {
        let faint = self.palette.faint;
        let name_columns = name_columns.max(width(name)).min(NAME_COLUMNS_MAX);
        let mut line = self.body(level);
        if !name.is_empty() {
            line.write_within(faint, name, name_columns);
            line.gap = GAP.saturating_add(name_columns.saturating_sub(width(name)));
        }
        let indent = line.column.saturating_add(line.gap);
        let room = COLUMNS.saturating_sub(indent).max(1);
        let (mut piece, mut rest) = split(value, room);
        line.write(style, piece);
        line.end();
        for _ in 1..VALUE_LINES {
            if rest.is_empty() {
                return;
            }
            (piece, rest) = split(rest, room);
            self.line_at(indent, style, piece);
        }
        if !rest.is_empty() {
            self.line_at(indent, faint, &format!("… {} more characters", grouped(wide(rest.chars().count()))));
        }
    }

    /// A row of a dump, further left if the indentation does not leave enough room.
    pub(super) fn dump_row(&mut self, row: &str) {
        let indent = self.indent.min(COLUMNS.saturating_sub(width(row)));
        self.line_at(indent, self.palette.faint, row);
    }

    fn line_at(&mut self, indent: usize, style: &str, text: &str) {
        let mut line = Line { out: self.out, palette: self.palette, column: 0, gap: indent };
        line.write(style, text);
        line.end();
    }
}

/// A line being written.
pub(super) struct Line<'a> {
    out: &'a mut String,
    palette: Palette,
    column: usize,
    /// Spaces owed before the next text, so that no line ends in spaces.
    gap: usize,
}

impl Line<'_> {
    /// A word or phrase.
    pub(super) fn add(mut self, text: &str) -> Self {
        self.write("", text);
        self.separate()
    }

    /// What a reader may skip.
    pub(super) fn faint(mut self, text: &str) -> Self {
        self.write(self.palette.faint, text);
        self.separate()
    }

    /// In the colour of a direction.
    pub(super) fn coloured(mut self, direction: Direction, text: &str) -> Self {
        self.write(self.palette.of(direction), text);
        self.separate()
    }

    /// What is wrong.
    pub(super) fn warning(mut self, text: &str) -> Self {
        self.write(self.palette.warning, text);
        self.separate()
    }

    /// A word that fills `columns`, so that what follows is aligned.
    pub(super) fn column(mut self, text: &str, columns: usize) -> Self {
        self.write("", text);
        self.gap = columns.saturating_sub(width(text)).saturating_add(GAP);
        self
    }

    /// Ends the line.
    pub(super) fn end(self) {
        self.out.push('\n');
    }

    fn separate(mut self) -> Self {
        self.gap = self.gap.max(GAP);
        self
    }

    fn write(&mut self, style: &str, text: &str) {
        self.write_within(style, text, COLUMNS);
    }

    fn write_characters(&mut self, text: &str, room: usize) {
        let all = width(text) <= room;
        let mut left = if all { room } else { room.saturating_sub(1) };
        for character in text.chars() {
            let Some(less) = left.checked_sub(character_width(character)) else { break };
            left = less;
            self.out.push(if is_printable(character) { character } else { '?' });
            self.column = self.column.saturating_add(character_width(character));
        }
        if !all {
            self.out.push('…');
            self.column = self.column.saturating_add(1);
        }
    }

    /// Writes as much of `text` as fits into `columns` and the line, with an ellipsis if that is not all.
    fn write_within(&mut self, style: &str, text: &str, columns: usize) {
        let text = text.trim_end_matches(' ');
        let room = COLUMNS.saturating_sub(self.column.saturating_add(self.gap)).min(columns);
        if text.is_empty() || room == 0 {
            return;
        }
        let gap = std::mem::take(&mut self.gap);
        self.out.put(format_args!("{:gap$}{style}", ""));
        self.column = self.column.saturating_add(gap);
        if is_plain(text) && text.len() <= room {
            self.out.push_str(text);
            self.column = self.column.saturating_add(text.len());
        } else {
            self.write_characters(text, room);
        }
        if !style.is_empty() {
            self.out.push_str(self.palette.end);
        }
    }
}

/// Nearly every text is: of one column a character, and nothing that a terminal acts on.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Columns of a text.
pub(super) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(character_width).sum() }
}

/// How wide a character is differs between terminals. Two columns is the most that any of them takes, so a line
/// measured this way may be shorter than it could be, but never too long.
fn character_width(character: char) -> usize {
    if character.is_ascii() || matches!(character, '→' | '←' | '…') { 1 } else { 2 }
}

/// Cuts off what fits into `room` columns, behind a space if there is one in the second half.
fn split(text: &str, room: usize) -> (&str, &str) {
    if text.len() <= room && text.is_ascii() {
        return (text, "");
    }
    let mut taken = 0_usize;
    let mut space = None;
    for (position, character) in text.char_indices() {
        taken = taken.saturating_add(character_width(character));
        // At least one character goes onto a line, or there would be no end.
        if taken > room && position > 0 {
            return text.split_at_checked(space.unwrap_or(position)).unwrap_or((text, ""));
        }
        if character == ' ' && taken > room / 2 {
            space = Some(position.saturating_add(1));
        }
    }
    (text, "")
}

/// The width that every line fits into.
pub(super) const COLUMNS: usize = 100;
/// Spaces between what stands side by side.
const GAP: usize = 2;
/// The arrow, a space, and the longest type of frame but one.
const TITLE_COLUMNS: usize = 15;
/// Of the lines below the title, from the arrow.
const BODY_INDENT: usize = 4;
/// Leaves room for content, however deep it is nested.
const INDENT_MAX: usize = 48;
/// A longer name is cut.
const NAME_COLUMNS_MAX: usize = 36;
/// Lines that one value may take, without the one that counts what is left.
const VALUE_LINES: usize = 4;
