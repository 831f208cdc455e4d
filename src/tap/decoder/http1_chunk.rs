//! The chunks of an HTTP/1 body: their first lines, and the trailers behind the last one (RFC 9112 section 7.1).

use std::ops::Range;

use super::{Limits, http1_head};
use crate::tap::event::{Fields, Http1Trailers};
use crate::wire::Malformed;

/// The first line of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SizeLine {
    /// The size of the data; 0 in the last chunk.
    pub(super) size: u64,
    /// The bytes of the line, its end included.
    pub(super) length: usize,
}

/// Reads the first line of a chunk; None if its end is not there yet.
pub(super) fn size_line(bytes: &[u8]) -> Result<Option<SizeLine>, Malformed> {
    let mut size: u64 = 0;
    let mut digits = 0;
    for value in bytes.iter().map_while(|byte| char::from(*byte).to_digit(16)) {
        if digits == SIZE_DIGITS {
            return Err(malformed("a chunk size of more than 16 digits", digits));
        }
        size = size << 4 | u64::from(value);
        digits += 1;
    }
    match bytes.get(digits) {
        None if bytes.len() < LINE_BYTES => return Ok(None),
        Some(b';' | b' ' | b'\t' | b'\r' | b'\n') if digits > 0 => {}
        _ => return Err(malformed("a chunk size that is no hexadecimal number", digits)),
    }
    match bytes.iter().take(LINE_BYTES).position(|byte| *byte == b'\n') {
        Some(end) => Ok(Some(SizeLine { size, length: end + 1 })),
        None if bytes.len() < LINE_BYTES => Ok(None),
        None => Err(malformed("a chunk extension longer than is kept", LINE_BYTES - 1)),
    }
}

/// Where the extension stands in a first line: from the semicolon to the line's end.
pub(super) fn extension(line: &[u8]) -> Range<usize> {
    let end = line.trim_ascii_end().len();
    line.iter().position(|byte| *byte == b';').map_or(end..end, |start| start..end)
}

/// Reads the trailers behind the last chunk's line, and how long that all is; None if the end is not there yet.
pub(super) fn trailers(
    bytes: &[u8],
    line: SizeLine,
    limits: &Limits,
    scanned: &mut usize,
) -> Result<Option<(usize, Http1Trailers)>, Malformed> {
    let section = bytes.get(line.length..).unwrap_or_default();
    let length = match section {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => {
            let seen = scanned.saturating_sub(line.length);
            let within = section.get(..limits.head_bytes).unwrap_or(section);
            let Some(length) = http1_head::end(within, seen) else {
                *scanned = bytes.len();
                let too_long = section.len() >= limits.head_bytes;
                return if too_long { Err(http1_head::TOO_LONG) } else { Ok(None) };
            };
            let fields = http1_head::trailers(section.get(..length).unwrap_or_default(), limits.fields);
            let fields = fields.map_err(|rule| Malformed { offset: line.length + rule.offset, ..rule })?;
            return Ok(Some((line.length + length, Http1Trailers { fields, status: None })));
        }
    };
    Ok(Some((line.length + length, Http1Trailers { fields: Fields::default(), status: None })))
}

/// How far a malformed trailer section reaches, the last chunk's line included; without an end only that line.
pub(super) fn trailers_end(bytes: &[u8], line: SizeLine, limits: &Limits) -> usize {
    let section = bytes.get(line.length..).unwrap_or_default();
    let within = section.get(..limits.head_bytes).unwrap_or(section);
    line.length + http1_head::end(within, 0).unwrap_or(0)
}

/// Data that is not followed by a line end.
pub(super) fn no_line_end(offset: usize) -> Malformed {
    malformed("chunk data that is longer than its size", offset)
}

fn malformed(rule: &'static str, offset: usize) -> Malformed {
    Malformed { rule, section: "RFC 9112 section 7.1", offset }
}

const SIZE_DIGITS: usize = 16;
/// Longest first line.
const LINE_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_line_needs_its_end() {
        let line = b"1aF;name=value\r\n";
        for length in 0..line.len() {
            assert_eq!(size_line(&line[..length]), Ok(None), "{length} bytes");
        }
        assert_eq!(size_line(line), Ok(Some(SizeLine { size: 0x1af, length: 16 })));
        assert_eq!(extension(line), 3..14);
        assert_eq!(extension(b"5\r\n"), 1..1);
    }

    #[test]
    fn what_is_no_size_is_malformed() {
        for bytes in [&b"\r\n"[..], b"x\r\n", b"-1\r\n", b"12345678901234567\r\n", b";\r\n", b"5x\r\n", &[b'0'; 17]] {
            assert!(size_line(bytes).is_err(), "{bytes:?}");
        }
        let mut long = b"5;".to_vec();
        long.resize(5000, b'x');
        assert_eq!(size_line(&long).unwrap_err().rule, "a chunk extension longer than is kept");
    }

    #[test]
    fn trailers_need_their_empty_line() {
        let bytes = b"0\r\ngrpc-status: 0\r\nx: y\r\n\r\n";
        let line = SizeLine { size: 0, length: 3 };
        let mut scanned = 0;
        for length in 3..bytes.len() {
            assert_eq!(trailers(&bytes[..length], line, &Limits::default(), &mut scanned), Ok(None), "{length}");
        }
        let (length, read) = trailers(bytes, line, &Limits::default(), &mut scanned).unwrap().unwrap();
        assert_eq!((length, read.fields.len()), (bytes.len(), 2));
        assert_eq!(read.fields.value("grpc-status"), Some(&b"0"[..]));
    }
}
