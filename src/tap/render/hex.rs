//! Bytes in hexadecimal: lower-case pairs, `**` for those that are not shown.

use std::ops::Range;

use super::explained::Explained;
use super::text::Text as _;

/// Appends bytes of the event as pairs in one row.
pub(super) fn pairs(out: &mut String, shown: &Explained<'_>, range: Range<usize>) {
    for (position, byte) in range.clone().zip(shown.bytes(range.clone())) {
        if position > range.start {
            out.push(' ');
        }
        push_pair(out, (!shown.mask.hides(position)).then_some(*byte));
    }
}

/// The pairs of a number that the event does not hold in one piece.
pub(super) fn of_number(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_mul(3));
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        push_pair(&mut out, Some(*byte));
    }
    out
}

/// Appends a dump of the classic form: 16 bytes a row, three spaces before it, neither offsets nor characters.
pub(super) fn rows(out: &mut String, shown: &Explained<'_>, range: Range<usize>) {
    for row in rows_of(range) {
        out.push_str("   ");
        pairs(out, shown, row);
        out.push('\n');
    }
}

/// Appends a row of the pretty form: offset in the direction, bytes in two halves, and characters.
pub(super) fn row_with_offset(out: &mut String, shown: &Explained<'_>, row: Range<usize>) {
    let offset = shown.event.offset.saturating_add(super::text::wide(row.start));
    out.put(format_args!("{offset:08x}  "));
    let mut column = 0_usize;
    for (position, byte) in row.clone().zip(shown.bytes(row.clone())) {
        out.push_str(if column == 0 {
            ""
        } else if column == ROW_BYTES / 2 {
            "  "
        } else {
            " "
        });
        push_pair(out, (!shown.mask.hides(position)).then_some(*byte));
        column = column.saturating_add(1);
    }
    let missing = ROW_BYTES.saturating_sub(column);
    // A row without its second half lacks the wider gap before it too.
    let gap = usize::from(column <= ROW_BYTES / 2);
    out.put(format_args!("{:1$}  |", "", missing.saturating_mul(3).saturating_add(gap)));
    for (position, byte) in row.clone().zip(shown.bytes(row)) {
        let visible = byte.is_ascii_graphic() || *byte == b' ';
        out.push(match (shown.mask.hides(position), visible) {
            (true, _) => '*',
            (false, true) => char::from(*byte),
            (false, false) => '.',
        });
    }
    out.push('|');
}

/// Cuts a range into rows.
pub(super) fn rows_of(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(ROW_BYTES).map(move |start| start..start.saturating_add(ROW_BYTES).min(end))
}

fn push_pair(out: &mut String, byte: Option<u8>) {
    match byte {
        Some(byte) => [byte >> 4, byte & 0xf]
            .into_iter()
            .for_each(|digit| out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'))),
        None => out.push_str("**"),
    }
}

const ROW_BYTES: usize = 16;
