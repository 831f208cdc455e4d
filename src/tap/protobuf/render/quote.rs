//! Strings and bytes as string literals of the text format.
//!
//! What comes from the wire is shown in a terminal, so everything that could move its cursor, change its colours or
//! turn the direction of its text is escaped.

/// Literals with quotes, each at most `width` characters and the quotes long, or one character's escape; `count` of
/// them at most. Together they are the bytes, if there are fewer than `count`.
pub(super) fn pieces(bytes: &[u8], width: usize, count: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::from("\"");
    let mut length = 0;
    let mut escaped = String::new();
    for unit in units(bytes) {
        escaped.clear();
        let escaped_length = escape(unit, &mut escaped);
        if length > 0 && length + escaped_length > width {
            piece.push('"');
            pieces.push(std::mem::replace(&mut piece, String::from("\"")));
            length = 0;
            if pieces.len() >= count {
                return pieces;
            }
        }
        piece.push_str(&escaped);
        length += escaped_length;
    }
    piece.push('"');
    pieces.push(piece);
    pieces
}

/// The characters, and the bytes that belong to none.
fn units(bytes: &[u8]) -> impl Iterator<Item = Result<char, u8>> {
    let chunks = bytes.utf8_chunks();
    chunks.flat_map(|chunk| chunk.valid().chars().map(Ok).chain(chunk.invalid().iter().copied().map(Err)))
}

/// Appends a character's or byte's escape; returns its length in characters.
fn escape(unit: Result<char, u8>, out: &mut String) -> usize {
    let simple = match unit {
        Ok('"') => '"',
        Ok('\\') => '\\',
        Ok('\n') => 'n',
        Ok('\r') => 'r',
        Ok('\t') => 't',
        Ok(character) if !is_unsafe(character) => {
            out.push(character);
            return 1;
        }
        // Byte by byte, for the text format's `\u` is young.
        Ok(character) => {
            let mut encoded = [0; 4];
            return character.encode_utf8(&mut encoded).bytes().map(|byte| hexadecimal(byte, out)).sum();
        }
        Err(byte) => return hexadecimal(byte, out),
    };
    out.push('\\');
    out.push(simple);
    2
}

fn hexadecimal(byte: u8, out: &mut String) -> usize {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    out.extend(['\\', 'x', digit(byte >> 4), digit(byte & 0xf)]);
    4
}

/// Control characters, and those that are invisible or change the direction of what follows.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether the bytes are text that a person may have written: UTF-8 without characters nobody types.
pub(super) fn is_plain_text(bytes: &[u8]) -> bool {
    let plain = |character| matches!(character, '\n' | '\r' | '\t') || !is_unsafe(character);
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_readable_and_harmless() {
        let quoted = |text: &str| pieces(text.as_bytes(), 80, 2).concat();
        assert_eq!(quoted(""), r#""""#);
        assert_eq!(quoted("Zoë 日本 🦀"), "\"Zoë 日本 🦀\"");
        assert_eq!(quoted("\"a\\b\"\r\n\t"), r#""\"a\\b\"\r\n\t""#);
        assert_eq!(quoted("\u{1b}[31m\u{0}\u{7f}"), r#""\x1b[31m\x00\x7f""#);
        assert_eq!(quoted("\u{9b}x\u{202e}y\u{200b}"), r#""\xc2\x9bx\xe2\x80\xaey\xe2\x80\x8b""#);
        assert_eq!(pieces(b"a\xff\xc3(", 80, 2).concat(), r#""a\xff\xc3(""#);
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(pieces(b"abcdefg", 3, 9), [r#""abc""#, r#""def""#, r#""g""#]);
        assert_eq!(pieces(b"abcdefg", 3, 2), [r#""abc""#, r#""def""#]);
        assert_eq!(pieces(b"ab\ncd", 3, 9), [r#""ab""#, r#""\nc""#, r#""d""#]);
        assert_eq!(pieces(b"\x01\x02", 3, 9), [r#""\x01""#, r#""\x02""#]);
    }

    #[test]
    fn plain_text_is_told_from_bytes() {
        assert!(is_plain_text(b"two\nlines"));
        assert!(is_plain_text("Zoë".as_bytes()));
        assert!(!is_plain_text(b"\x01"));
        assert!(!is_plain_text(b"\xff"));
    }
}
