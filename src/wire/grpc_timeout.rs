//! `grpc-timeout`: how long a gRPC call may take, as its client says (gRPC over HTTP/2, "Timeout").

use std::time::Duration;

/// Reads a value: one to eight digits and a unit; `None` if it is anything else.
pub fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(number * 3600)),
        b'M' => Some(Duration::from_secs(number * 60)),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

const DIGITS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (value, expected) in [
            (&b"2H"[..], Duration::from_secs(7200)),
            (b"3M", Duration::from_secs(180)),
            (b"0S", Duration::ZERO),
            (b"00000250m", Duration::from_millis(250)),
            (b"1u", Duration::from_micros(1)),
            (b"99999999n", Duration::from_nanos(99_999_999)),
            (b"99999999H", Duration::from_secs(359_999_996_400)),
        ] {
            assert_eq!(parse(value), Some(expected), "{value:?}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for value in
            [&b""[..], b"S", b"5", b"5s", b"+5S", b"-5S", b"5 S", b" 5S", b"1.5S", b"123456789S", b"5SS", b"\xff5S"]
        {
            assert_eq!(parse(value), None, "{value:?}");
        }
    }
}
