//! Fields of which only the numbers are known.
//!
//! A length-delimited value may be a string, bytes, a message or packed numbers, and nothing says which. The guess:
//! text that a person may have written is a string, unless it begins with a line end, which as a tag is field 1 of a
//! message; what else reads as a message from its first byte to its last, without groups and with field numbers below
//! 10,000, is one; the rest is bytes. Numbers are never guessed to be packed: two in three byte sequences could be.

use std::ops::Range;

use super::super::wire_format::{Record, Records, Value};
use super::page::Page;
use super::{quote, scalar};

/// Renders the fields of a message.
pub(super) fn message(page: &mut Page<'_>, part: Range<usize>) {
    for record in Records::new(page.bytes, part) {
        match record {
            Ok(record) => field(page, &record.number.to_string(), &record, ""),
            Err(fault) => page.fault(&fault),
        }
        if page.is_cut() {
            break;
        }
    }
}

/// Renders a field, by its number or whatever name it has; `note` is added to what is said of its wire type.
pub(super) fn field(page: &mut Page<'_>, name: &str, record: &Record, note: &str) {
    page.begin(record.start);
    let commented = |comment: &str| if note.is_empty() { comment.to_owned() } else { format!("{comment}; {note}") };
    match record.value {
        Value::Varint(bits) => {
            let signed = bits.cast_signed();
            let sign = if signed < 0 { format!(", {signed} if signed") } else { String::new() };
            page.value(name, &bits.to_string(), &commented(&format!("varint{sign}")));
        }
        Value::Fixed64(bits) => {
            let double = f64::from_bits(bits);
            let read = if is_likely(double.abs()) { scalar::double(double) } else { bits.cast_signed().to_string() };
            page.value(name, &format!("0x{bits:016x}"), &commented(&format!("64 bits, {read}")));
        }
        Value::Fixed32(bits) => {
            let float = f32::from_bits(bits);
            let likely = is_likely(f64::from(float.abs()));
            let read = if likely { scalar::float(float) } else { bits.cast_signed().to_string() };
            page.value(name, &format!("0x{bits:08x}"), &commented(&format!("32 bits, {read}")));
        }
        Value::Group => nested(page, name, record, &commented("group")),
        Value::Bytes => {
            let bytes = page.slice(record.part.clone());
            let comment = format!("length {}", bytes.len());
            match guess(bytes) {
                Guess::Message => nested(page, name, record, &commented(&format!("{comment}, read as a message"))),
                Guess::Text => page.quoted(name, bytes, &commented(&comment)),
                Guess::Bytes => page.quoted(name, bytes, &commented(&format!("{comment}, bytes"))),
            }
        }
    }
}

fn nested(page: &mut Page<'_>, name: &str, record: &Record, comment: &str) {
    if page.is_deepest() {
        return page.quoted(name, page.slice(record.part.clone()), &format!("{comment}; nested too deeply to be read"));
    }
    page.open(name, comment);
    message(page, record.part.clone());
    page.close();
}

/// What a length-delimited value seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    Text,
    Message,
    Bytes,
}

fn guess(bytes: &[u8]) -> Guess {
    if quote::is_plain_text(bytes) && !(bytes.starts_with(b"\n") && is_message(bytes)) {
        Guess::Text
    } else if is_message(bytes) {
        Guess::Message
    } else {
        Guess::Bytes
    }
}

/// Whether the bytes read as a message, which is not asked of what is nested in it.
fn is_message(bytes: &[u8]) -> bool {
    let plausible = |record: Record| record.number < LIKELY_NUMBERS && record.value != Value::Group;
    !bytes.is_empty() && Records::new(bytes, 0..bytes.len()).all(|record| record.is_ok_and(plausible))
}

/// Whether a fraction of this size is likelier than an integer of the same bits.
fn is_likely(size: f64) -> bool {
    (1e-9..1e15).contains(&size)
}

/// Few messages have greater field numbers, and random bytes mostly do.
const LIKELY_NUMBERS: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses() {
        assert_eq!(guess(b""), Guess::Text);
        assert_eq!(guess(b"Ada"), Guess::Text);
        // Could be field 13 with the number 105.
        assert_eq!(guess(b"hi"), Guess::Text);
        assert_eq!(guess(b"\x0a\x03Ada"), Guess::Message);
        // All characters of it are plain, but it begins with a line end.
        assert_eq!(guess(b"\n$01234567-89ab-cdef-0123-456789abcdef"), Guess::Message);
        assert_eq!(guess(b"\nsecond line"), Guess::Text);
        assert_eq!(guess(b"\x08\x96\x01"), Guess::Message);
        assert_eq!(guess(b"\x08\x96\x01\x0a"), Guess::Bytes);
        assert_eq!(guess(b"\x0b\x0c"), Guess::Bytes);
        // Field 10,000.
        assert_eq!(guess(b"\x80\xf1\x04\x01"), Guess::Bytes);
        assert_eq!(guess(b"\xff\xfe"), Guess::Bytes);
    }
}
