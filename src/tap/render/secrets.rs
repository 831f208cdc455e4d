//! Which fields are secret, and which bytes would tell their values.

use std::ops::Range;

/// Whether the value of a field is not to be shown. In HTTP/1 names come in any case, and in a malformed HTTP/2
/// header list too.
pub(super) fn is_secret(name: &[u8]) -> bool {
    let name = name.trim_ascii();
    SECRET_NAMES.iter().any(|secret| name.eq_ignore_ascii_case(secret))
        || name.last_chunk::<6>().is_some_and(|end| end.eq_ignore_ascii_case(SECRET_END))
}

/// The values of secret fields in the text of HTTP/1 heads or trailers, whole or cut.
///
/// It reads line by line instead of parsing, so that it finds them where a head breaks a rule as well. A line that
/// begins with white space continues the one before it (RFC 9112 section 5.2).
pub(super) fn values_in_head(head: &[u8]) -> Vec<Range<usize>> {
    let mut values = Vec::new();
    let mut start = 0_usize;
    let mut secret = false;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let content = line.trim_ascii_end();
        let continues = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        let name_length = line.iter().position(|byte| *byte == b':');
        let has_secret_name = name_length.and_then(|length| line.get(..length)).is_some_and(is_secret);
        let value = if continues && secret { 0 } else { name_length.map_or(0, |length| length.saturating_add(1)) };
        // One that continues another may also be a field of its own, indented by mistake.
        secret = has_secret_name || continues && secret;
        let spaces = content.get(value..).map_or(0, |rest| rest.len().saturating_sub(rest.trim_ascii_start().len()));
        let value = value.saturating_add(spaces);
        if secret && value < content.len() {
            values.push(start.saturating_add(value)..start.saturating_add(content.len()));
        }
        start = start.saturating_add(line.len());
    }
    values
}

/// The same in bytes that continue a line that begins with `line`.
pub(super) fn values_behind(line: &[u8], bytes: &[u8]) -> Vec<Range<usize>> {
    let in_bytes = |value: Range<usize>| {
        let place = |position: usize| position.saturating_sub(line.len());
        place(value.start)..place(value.end)
    };
    values_in_head(&[line, bytes].concat()).into_iter().map(in_bytes).collect()
}

/// Bytes of an event that are not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mask {
    /// Ascending, without overlap.
    ranges: Vec<Range<usize>>,
}

impl Mask {
    /// Hides exactly these bytes.
    pub(super) fn new(mut ranges: Vec<Range<usize>>) -> Mask {
        ranges.retain(|range| !range.is_empty());
        ranges.sort_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Mask { ranges: merged }
    }

    /// Whether the byte at `position` is hidden.
    pub(super) fn hides(&self, position: usize) -> bool {
        self.touches(&(position..position.saturating_add(1)))
    }

    /// Whether any of the bytes is hidden.
    pub(super) fn touches(&self, bytes: &Range<usize>) -> bool {
        let next = self.ranges.partition_point(|range| range.end <= bytes.start);
        !bytes.is_empty() && self.ranges.get(next).is_some_and(|range| range.start < bytes.end)
    }
}

const SECRET_NAMES: [&[u8]; 3] = [b"authorization", b"cookie", b"set-cookie"];
const SECRET_END: &[u8; 6] = b"-token";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_names_are_known_in_any_case() {
        for name in [&b"authorization"[..], b"Authorization", b"COOKIE", b"set-cookie", b"X-Auth-Token", b"-token"] {
            assert!(is_secret(name), "{}", name.escape_ascii());
        }
        for name in [&b""[..], b"token", b"x-token-id", b"cookies", b":path", b"www-authenticate"] {
            assert!(!is_secret(name), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn values_are_found_line_by_line() {
        let head = b"GET / HTTP/1.1\r\nCookie:  a=b \r\nHost: x\r\nX-Token: one\r\n two\r\nAuthorization: cu";
        let values: Vec<&[u8]> = values_in_head(head).into_iter().map(|value| &head[value]).collect();
        assert_eq!(values, [&b"a=b"[..], b"one", b"two", b"cu"]);
    }

    #[test]
    fn a_line_that_begins_with_a_blank_may_be_a_field_too() {
        let head = b"GET / HTTP/1.1\r\n Cookie: a=b\r\n x: y\r\nHost: x\r\n\tX-Token: one\r\n";
        let values: Vec<&[u8]> = values_in_head(head).into_iter().map(|value| &head[value]).collect();
        assert_eq!(values, [&b"a=b"[..], b"x: y", b"one"]);
    }

    #[test]
    fn a_value_is_found_behind_the_beginning_of_its_line() {
        let values = |line: &[u8], bytes: &'static [u8]| -> Vec<&[u8]> {
            let values = values_behind(line, bytes).into_iter().map(|value| &bytes[value]);
            values.filter(|value| !value.is_empty()).collect()
        };
        assert_eq!(values(b"", b"Cookie: a=b\r\n"), [b"a=b"]);
        assert_eq!(values(b"Coo", b"kie: a=b\r\n"), [b"a=b"]);
        assert_eq!(values(b"Cookie: a", b"=b\r\nHost: x"), [b"=b"]);
        assert_eq!(values(b"Cookie: a\r\n", b" b\r\n"), [b"b"]);
        assert!(values(b"Cookie: a\r\n", b"Host: x\r\n").is_empty());
        assert!(values(b"Host: a", b"b\r\nx: y\r\n").is_empty());
    }

    #[test]
    fn a_head_may_be_cut_anywhere() {
        let head = b"GET / HTTP/1.1\r\nCookie: secret\r\n\r\n";
        for length in 0..=head.len() {
            let shown = length.saturating_sub(24).min(6);
            let hidden: usize = values_in_head(&head[..length]).iter().map(Range::len).sum();
            assert_eq!(hidden, shown, "{length} bytes");
        }
    }

    #[test]
    fn a_mask_hides_its_ranges_only() {
        let mask = Mask::new(vec![8..9, 2..4, 3..5, 7..7]);
        let hidden: Vec<usize> = (0..12).filter(|position| mask.hides(*position)).collect();
        assert_eq!(hidden, [2, 3, 4, 8]);
        assert!(mask.touches(&(0..3)) && !mask.touches(&(5..8)) && !mask.touches(&(3..3)));
    }
}
