//! The payload of HEADERS frames: what surrounds the header block fragment (RFC 9113 section 6.2).
//!
//! ```text
//! [Pad Length (8)] [Exclusive (1), Stream Dependency (31), Weight (8)] Field Block Fragment (..) [Padding (..)]
//!  if PADDED        if PRIORITY                                                                   Pad Length bytes
//! ```

use super::Malformed;
use super::frame::{FrameHead, flag};

/// The header block fragment of a HEADERS payload, without padding and priority.
///
/// # Errors
///
/// Padding or priority that does not fit into the payload, and a stream that depends on itself (RFC 9113 section 5.3.1
/// keeps the field; what it may say stands in its predecessor).
pub fn fragment<'a>(head: &FrameHead, payload: &'a [u8]) -> Result<&'a [u8], Malformed> {
    let malformed = |rule, offset| Malformed { rule, section: SECTION, offset };
    let mut rest = payload;
    let mut padding = 0;
    if head.has(flag::PADDED) {
        let (length, after) = rest.split_first().ok_or(malformed("no room for the pad length", 0))?;
        padding = usize::from(*length);
        rest = after;
    }
    if head.has(flag::PRIORITY) {
        let offset = payload.len() - rest.len();
        let (priority, after) =
            rest.split_first_chunk::<PRIORITY_BYTES>().ok_or(malformed("no room for the priority", offset))?;
        if dependency(priority) == head.stream {
            return Err(malformed("a stream that depends on itself", offset));
        }
        rest = after;
    }
    let length = rest.len().checked_sub(padding).ok_or(malformed("padding longer than the frame", 0))?;
    Ok(rest.get(..length).unwrap_or_default())
}

/// The stream that five bytes of priority depend on.
pub fn dependency(priority: &[u8; PRIORITY_BYTES]) -> u32 {
    let [d3, d2, d1, d0, _weight] = *priority;
    u32::from_be_bytes([d3, d2, d1, d0]) & 0x7fff_ffff
}

/// Bytes of priority, in HEADERS and in PRIORITY frames.
pub const PRIORITY_BYTES: usize = 5;

const SECTION: &str = "RFC 9113 section 6.2";

#[cfg(test)]
mod tests {
    use super::*;

    fn head(flags: u8) -> FrameHead {
        FrameHead { length: 0, kind: 1, flags, stream: 13 }
    }

    #[test]
    fn padding_and_priority_are_taken_off() {
        assert_eq!(fragment(&head(0x04), b"block"), Ok(&b"block"[..]));
        assert_eq!(fragment(&head(0x08), b"\x02block\0\0"), Ok(&b"block"[..]));
        assert_eq!(fragment(&head(0x20), b"\0\0\0\x0b\x10block"), Ok(&b"block"[..]));
        assert_eq!(fragment(&head(0x28), b"\x01\x80\0\0\0\x10block\0"), Ok(&b"block"[..]));
        assert_eq!(fragment(&head(0x08), b"\x00"), Ok(&b""[..]));
    }

    #[test]
    fn what_does_not_fit_is_malformed() {
        let rule = |flags, payload| fragment(&head(flags), payload).unwrap_err().rule;
        assert_eq!(rule(0x08, b""), "no room for the pad length");
        assert_eq!(rule(0x08, b"\x01"), "padding longer than the frame");
        assert_eq!(rule(0x08, b"\xffblock"), "padding longer than the frame");
        for length in 0..5 {
            assert_eq!(rule(0x20, &b"\0\0\0\x01\x10"[..length]), "no room for the priority");
        }
        assert_eq!(rule(0x28, b"\x01\0\0\0\x01\x10"), "padding longer than the frame");
        assert_eq!(rule(0x20, b"\0\0\0\x0d\x10"), "a stream that depends on itself");
    }
}
