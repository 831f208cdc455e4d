//! Which rule a head breaks, and where: looked for only in a head that was refused.

use super::super::Malformed;
use super::super::first_bytes::is_token;

/// The byte that `rest` begins with, at `offset`, stands where it must not (RFC 9112 section 2.2).
pub(super) fn of_mark(rest: &[u8], offset: usize) -> Malformed {
    let (rule, section) = match rest.first() {
        Some(b'\r') => ("a CR without a LF", "RFC 9112 section 2.2"),
        Some(b'\n') => ("a LF without a CR", "RFC 9112 section 2.2"),
        _ => ("a NUL", "RFC 9110 section 5.5"),
    };
    Malformed { rule, section, offset }
}

/// What the parser has refused a whole head for.
pub(super) fn of_head(head: &[u8], error: httparse::Error) -> Malformed {
    let is_in_field = matches!(error, httparse::Error::HeaderName | httparse::Error::HeaderValue);
    let field = || {
        let mut offset = 0;
        let mut lines = head.split(|byte| *byte == b'\n');
        offset += lines.next().map_or(0, |line| line.len() + 1);
        lines.find_map(|line| {
            let fault = of_field_line(line.strip_suffix(b"\r").unwrap_or(line), offset);
            offset += line.len() + 1;
            fault
        })
    };
    is_in_field.then(field).flatten().unwrap_or_else(|| of_request_line(head))
}

/// What is wrong with the first line: method, target and version with one blank between them (RFC 9112 section 3).
pub(super) fn of_request_line(head: &[u8]) -> Malformed {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let method = line.iter().take_while(|byte| is_token(**byte)).count();
    let is_visible = |byte: &&u8| **byte > b' ' && **byte != DELETE;
    let target = line.iter().skip(method + 1).take_while(is_visible).count();
    let behind = method + 1 + target;
    let (rule, section, offset) = if target == 0 || line.get(behind) != Some(&b' ') {
        ("a first line without method, target and version", "RFC 9112 section 3", behind)
    } else if line.get(method + 1..behind).is_some_and(|target| std::str::from_utf8(target).is_err()) {
        ("a target that is no text", "RFC 9112 section 3.2", method + 1)
    } else {
        ("a version other than HTTP/1.0 and HTTP/1.1", "RFC 9112 section 2.3", behind + 1)
    };
    Malformed { rule, section, offset }
}

/// What is wrong with a field's line, if anything (RFC 9112 section 5, RFC 9110 section 5.5).
fn of_field_line(line: &[u8], offset: usize) -> Option<Malformed> {
    let name = line.iter().take_while(|byte| is_token(**byte)).count();
    let rest = line.get(name..).unwrap_or_default();
    let malformed = |rule, section, at| Some(Malformed { rule, section, offset: offset + at });
    match rest {
        [] if name == 0 => None,
        [b' ' | b'\t', ..] if name == 0 => malformed("a folded line", "RFC 9112 section 5.2", 0),
        [b' ' | b'\t', ..] if rest.trim_ascii_start().first() == Some(&b':') => {
            malformed("a blank before the colon", "RFC 9112 section 5.1", name)
        }
        [b':', value @ ..] if name > 0 => {
            let forbidden = value.iter().position(|byte| *byte == DELETE || (*byte < b' ' && *byte != b'\t'))?;
            malformed("a field value with a control character", "RFC 9110 section 5.5", name + 1 + forbidden)
        }
        _ => malformed("a field name that is no token", "RFC 9110 section 5.1", name),
    }
}

/// Where `part` of a head begins; 0 if it is none.
pub(super) fn offset_in(head: &[u8], part: &[u8]) -> usize {
    let offset = part.as_ptr().addr().wrapping_sub(head.as_ptr().addr());
    if offset < head.len() { offset } else { 0 }
}

const DELETE: u8 = 0x7f;
