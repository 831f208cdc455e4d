//! Base64 as header values have it (RFC 4648): either alphabet, padded or not.
//!
//! `grpc-status-details-bin` has the standard alphabet and may be padded (gRPC over HTTP2, "Binary-Header"),
//! `HTTP2-Settings` of an `Upgrade` the URL-safe one (RFC 7540 section 3.2.1). Telling them apart would only lose what a peer says that
//! mixes them up; unused bits of the last digit are ignored for the same reason.

/// The bytes; None if a character is not of either alphabet, or the length cannot be.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let digits = match text {
        [digits @ .., b'=', b'='] | [digits @ .., b'='] if text.len().is_multiple_of(4) => digits,
        digits => digits,
    };
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        if group.len() == 1 {
            return None;
        }
        let mut bits = 0;
        for place in 0..4 {
            bits = bits << 6 | group.get(place).map_or(Some(0), |byte| digit(*byte))?;
        }
        let [_, b2, b1, b0] = u32::to_be_bytes(bits);
        bytes.extend([b2, b1, b0].iter().take(group.len() - 1));
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn both_alphabets_decode_padded_or_not() {
        let same: [(&[u8], &[u8]); 8] = [
            (b"", b""),
            (b"Zg", b"f"),
            (b"Zg==", b"f"),
            (b"Zm8", b"fo"),
            (b"Zm8=", b"fo"),
            (b"Zm9v", b"foo"),
            (b"+/+/", b"\xfb\xff\xbf"),
            (b"-_-_", b"\xfb\xff\xbf"),
        ];
        for (text, bytes) in same {
            assert_eq!(decode(text).as_deref(), Some(bytes), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_base64_is_none() {
        for text in [&b"Z"[..], b"Zm9vZ", b"Zg=", b"Zm9v=", b"Z===", b"Zm 9", b"\xff\xff"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
