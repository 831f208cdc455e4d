//! Text and bytes as Python's `repr` writes them: in quotes, without a character that a terminal would act on.

/// Appends the `repr` of a `bytes` object: `b'a\x00'`.
pub(super) fn repr_bytes(out: &mut String, bytes: &[u8]) {
    let quote = quote(bytes);
    out.push('b');
    out.push(quote);
    bytes.iter().for_each(|byte| escape_byte(out, *byte, Some(quote)));
    out.push(quote);
}

/// Appends the `repr` of a `str` object: `'ü'`. What is not UTF-8 is no `str`, and is written as `bytes`.
pub(super) fn repr_text(out: &mut String, bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return repr_bytes(out, bytes) };
    let quote = quote(bytes);
    out.push(quote);
    text.chars().for_each(|character| escape(out, character, Some(quote)));
    out.push(quote);
}

/// Bytes as text without quotes, with the same escapes.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    match str::from_utf8(bytes) {
        Ok(text) => text.chars().for_each(|character| escape(&mut out, character, None)),
        Err(_) => bytes.iter().for_each(|byte| escape_byte(&mut out, *byte, None)),
    }
    out
}

/// Whether a character shows as itself. Python and Rust's standard library leave out the same categories of Unicode
/// (other, separators except the space), but `escape_debug` escapes combining characters too at a string's start.
pub(super) fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_control();
    }
    let mut buffer = [b'a'; 5];
    let length = character.encode_utf8(buffer.split_at_mut(1).1).len();
    let text = buffer.get(..=length).and_then(|bytes| str::from_utf8(bytes).ok());
    text.is_some_and(|text| text.escape_debug().nth(1) == Some(character))
}

/// Python takes single quotes unless that costs an escape and double quotes do not.
fn quote(bytes: &[u8]) -> char {
    if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' }
}

fn escape_byte(out: &mut String, byte: u8, quote: Option<char>) {
    if byte.is_ascii() { escape(out, char::from(byte), quote) } else { escape_number(out, "\\x", 2, u32::from(byte)) }
}

fn escape(out: &mut String, character: char, quote: Option<char>) {
    match character {
        '\\' => out.push_str("\\\\"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        _ if Some(character) == quote => {
            out.push('\\');
            out.push(character);
        }
        _ if is_printable(character) => out.push(character),
        ..='\u{ff}' => escape_number(out, "\\x", 2, u32::from(character)),
        ..='\u{ffff}' => escape_number(out, "\\u", 4, u32::from(character)),
        _ => escape_number(out, "\\U", 8, u32::from(character)),
    }
}

fn escape_number(out: &mut String, prefix: &str, digits: u32, number: u32) {
    out.push_str(prefix);
    for place in (0..digits).rev() {
        let digit = number >> place.saturating_mul(4) & 0xf;
        out.push(char::from_digit(digit, 16).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(value: &[u8]) -> String {
        let mut out = String::new();
        repr_bytes(&mut out, value);
        out
    }

    fn text(value: &str) -> String {
        let mut out = String::new();
        repr_text(&mut out, value.as_bytes());
        out
    }

    #[test]
    fn bytes_are_written_as_python_writes_them() {
        assert_eq!(bytes(b""), "b''");
        assert_eq!(bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), r"b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'");
        assert_eq!(bytes(b"\0\x07\x1b\x7f\x80\xff\t\\"), r"b'\x00\x07\x1b\x7f\x80\xff\t\\'");
        assert_eq!(bytes("ü".as_bytes()), r"b'\xc3\xbc'");
    }

    #[test]
    fn quotes_are_chosen_as_python_chooses_them() {
        assert_eq!(bytes(b"it's"), r#"b"it's""#);
        assert_eq!(bytes(br#"say "no""#), r#"b'say "no"'"#);
        assert_eq!(bytes(br#"it's "no""#), r#"b'it\'s "no"'"#);
        assert_eq!(text("it's"), r#""it's""#);
        assert_eq!(text(r#"it's "no""#), r#"'it\'s "no"'"#);
    }

    #[test]
    fn text_keeps_what_can_be_printed() {
        assert_eq!(text("größe 日本 😀"), "'größe 日本 😀'");
        assert_eq!(text("e\u{301}"), "'e\u{301}'");
        assert_eq!(text("\u{301}"), "'\u{301}'");
        assert_eq!(text("a\u{a0}b\u{ad}\u{200b}\u{2028}\u{e000}"), r"'a\xa0b\xad\u200b\u2028\ue000'");
        assert_eq!(text("\u{1f}\u{7f}\u{85}\u{f0000}"), r"'\x1f\x7f\x85\U000f0000'");
        assert_eq!(text("\u{202e}"), r"'\u202e'");
    }

    #[test]
    fn what_is_not_utf_8_is_written_as_bytes() {
        let mut out = String::new();
        repr_text(&mut out, b"caf\xe9");
        assert_eq!(out, r"b'caf\xe9'");
        assert_eq!(escaped(b"caf\xe9's"), r"caf\xe9's");
        assert_eq!(escaped("\u{1b}[31mü'".as_bytes()), r"\x1b[31mü'");
    }
}
