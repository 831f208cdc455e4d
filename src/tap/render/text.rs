//! Formatting into a `String`, which cannot fail.

use std::fmt::{self, Write as _};

/// Appends formatted text.
pub(super) trait Text {
    /// Appends `text`.
    fn put(&mut self, text: fmt::Arguments<'_>);

    /// Appends `text` and ends the line.
    fn line(&mut self, text: fmt::Arguments<'_>);
}

impl Text for String {
    fn put(&mut self, text: fmt::Arguments<'_>) {
        #[expect(clippy::expect_used, reason = "a String takes everything, and our Display impls do not fail")]
        self.write_fmt(text).expect("writing to a String succeeds");
    }

    fn line(&mut self, text: fmt::Arguments<'_>) {
        self.put(text);
        self.push('\n');
    }
}

/// `4,194,304`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len().saturating_mul(4) / 3);
    for (place, digit) in (1..=digits.len()).rev().zip(digits.chars()) {
        grouped.push(digit);
        if place > 1 && place % 3 == 1 {
            grouped.push(',');
        }
    }
    grouped
}

/// `1 byte`, `4,096 bytes`.
pub(super) fn bytes(count: usize) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{} bytes", grouped(wide(count))) }
}

/// What stands in the place of a value that is not shown.
pub(super) fn redacted(value: &[u8]) -> String {
    format!("[redacted, {}]", bytes(value.len()))
}

/// A length as a number of 64 bits, which every length fits.
pub(super) fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three_digits() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(4_194_304), "4,194,304");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn one_byte_is_no_plural() {
        assert_eq!(bytes(0), "0 bytes");
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(redacted(&[7; 4096]), "[redacted, 4,096 bytes]");
    }
}
