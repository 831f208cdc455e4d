//! Numbers as text: about three digits, because the rounds differ by more than the fourth.

use super::spread::Spread;

/// What stands where nothing was measured.
pub(super) const MISSING: &str = "–";

/// `0.042`, `1.19`, `12.1`, `304`, `91,234`; what is beyond any measurement with an exponent.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return MISSING.to_owned();
    }
    // Compared with what the next shorter form rounds up to, so that 9.996 is not written as 10.00.
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if size < 0.0005 {
        "<0.001".to_owned()
    } else if size < 0.0995 {
        format!("{value:.3}")
    } else if size < 9.995 {
        format!("{value:.2}")
    } else if size < 99.95 {
        format!("{value:.1}")
    } else if size < 1e15 {
        grouped(&format!("{value:.0}"))
    } else {
        format!("{value:.0e}")
    }
}

/// A ratio: always two decimals, so that those of a column can be compared at a glance.
pub(super) fn ratio(value: f64) -> String {
    if value.abs() < 99.95 { format!("{value:.2}") } else { number(value) }
}

/// `median (min–max)`, or the value alone if all are the same text.
pub(super) fn spread(spread: Option<&Spread>, format: fn(f64) -> String) -> String {
    let Some(spread) = spread else { return MISSING.to_owned() };
    let (median, range) = (format(spread.median), range(spread, format));
    if range == median { median } else { format!("{median} ({range})") }
}

/// `min–max`, or one value if both are the same text.
pub(super) fn range(spread: &Spread, format: fn(f64) -> String) -> String {
    let (min, max) = (format(spread.min), format(spread.max));
    if min == max { min } else { format!("{min}–{max}") }
}

/// The plural of an operation; a unit has none.
pub(super) fn plural(word: &str) -> String {
    if word == "GB" { word.to_owned() } else { format!("{word}s") }
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, character) in digits.chars().enumerate() {
        let following = digits.len() - index;
        if following.is_multiple_of(3) && text.ends_with(|character: char| character.is_ascii_digit()) {
            text.push(',');
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_about_three_digits() {
        let texts = [
            (0.0, "0"),
            (0.0001, "<0.001"),
            (0.0421, "0.042"),
            (0.09951, "0.10"),
            (1.194, "1.19"),
            (9.994, "9.99"),
            (9.996, "10.0"),
            (12.06, "12.1"),
            (99.96, "100"),
            (304.4, "304"),
            (999.6, "1,000"),
            (91_234.0, "91,234"),
            (1_234_567.0, "1,234,567"),
            (-123_456.0, "-123,456"),
            (2e300, "2e300"),
        ];
        for (value, text) in texts {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn what_is_no_number_is_missing() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!((number(value), ratio(value)), ("–".to_owned(), "–".to_owned()));
        }
    }

    #[test]
    fn ratios_have_two_decimals() {
        assert_eq!(ratio(0.8249), "0.82");
        assert_eq!(ratio(1.0), "1.00");
        assert_eq!(ratio(12.345), "12.35");
        assert_eq!(ratio(1234.5), "1,234");
    }

    #[test]
    fn a_spread_shows_its_ends_if_they_differ() {
        assert_eq!(spread(Spread::of([12.06, 11.0, 13.0]).as_ref(), number), "12.1 (11.0–13.0)");
        assert_eq!(spread(Spread::of([5.0]).as_ref(), number), "5.00");
        assert_eq!(spread(Spread::of([5.001, 5.0]).as_ref(), number), "5.00");
        assert_eq!(spread(None, number), "–");
        assert_eq!(range(&Spread::of([5.0, 7.0]).unwrap(), ratio), "5.00–7.00");
    }

    #[test]
    fn plurals() {
        assert_eq!((plural("round trip"), plural("GB")), ("round trips".to_owned(), "GB".to_owned()));
    }
}
