//! Durations: `2s`, `250ms`, `1h30m`.
//!
//! A number without a unit is refused: whether `5` means seconds or milliseconds differs from program to program, and
//! the wrong guess is found in production.

use std::time::Duration;

use super::diagnostic::{Problem, quoted};

/// Reads a duration: whole numbers, each with a unit, the larger units first.
pub(super) fn parse(text: &str) -> Result<Duration, Problem> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(problem("an empty string is not a duration".to_owned()));
    }
    if rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(without_unit(rest));
    }
    let mut total = Duration::ZERO;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let malformed = || problem(format!("{} is not a duration", quoted(text)));
        let (digits, after) = split_where(rest, |character| !character.is_ascii_digit());
        let (name, after) = split_where(after, |character| character.is_ascii_digit());
        let (_, unit) = units.find(|(unit, _)| *unit == name).ok_or_else(malformed)?;
        let count: u32 = digits.parse().map_err(|_| malformed())?;
        total = unit.checked_mul(count).and_then(|part| total.checked_add(part)).ok_or_else(malformed)?;
        rest = after;
    }
    match total {
        Duration::ZERO => Err(no_time(&quoted(text))),
        _ if total > LONGEST => Err(problem(format!("{} is longer than 365d", quoted(text)))),
        _ => Ok(total),
    }
}

/// The complaint about a plain number, with the number spelled out in both units that may have been meant.
pub(super) fn without_unit(number: &str) -> Problem {
    if number.bytes().all(|digit| digit == b'0') {
        return no_time(number);
    }
    Problem::new(format!("{number} has no unit"), format!("write \"{number}s\" or \"{number}ms\""))
}

/// Elsewhere 0 often turns a time-out off; here each has a value.
fn no_time(written: &str) -> Problem {
    problem(format!("{written} is no time at all, and does not mean never"))
}

fn problem(message: String) -> Problem {
    Problem::new(message, "write for example \"250ms\", \"2s\", \"1h30m\" (units: d, h, m, s, ms)")
}

fn split_where(text: &str, predicate: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(predicate).unwrap_or(text.len()))
}

/// Largest first: each may follow only a larger one, so that nothing is said twice.
const UNITS: [(&str, Duration); 5] = [
    ("d", Duration::from_secs(86_400)),
    ("h", Duration::from_secs(3600)),
    ("m", Duration::from_secs(60)),
    ("s", Duration::from_secs(1)),
    ("ms", Duration::from_millis(1)),
];
/// Longer than any connection is meant to live, and far from where adding it to a clock could overflow.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds) in [
            ("2s", 2_000),
            ("250ms", 250),
            ("1h30m", 5_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            (" 7s ", 7_000),
            ("90m", 5_400_000),
            ("0h1s", 1_000),
            ("365d", 31_536_000_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_said() {
        for (text, message) in [
            ("", "an empty string is not a duration"),
            ("5", "5 has no unit"),
            ("0", "0 is no time at all, and does not mean never"),
            ("00", "00 is no time at all, and does not mean never"),
            ("0s", "\"0s\" is no time at all, and does not mean never"),
            ("s", "\"s\" is not a duration"),
            ("1.5s", "\"1.5s\" is not a duration"),
            ("-1s", "\"-1s\" is not a duration"),
            ("1s30m", "\"1s30m\" is not a duration"),
            ("1s1s", "\"1s1s\" is not a duration"),
            ("1h30", "\"1h30\" is not a duration"),
            ("2 s", "\"2 s\" is not a duration"),
            ("2sec", "\"2sec\" is not a duration"),
            ("2S", "\"2S\" is not a duration"),
            ("٣s", "\"٣s\" is not a duration"),
            ("366d", "\"366d\" is longer than 365d"),
            ("99999999999s", "\"99999999999s\" is not a duration"),
        ] {
            assert_eq!(parse(text).unwrap_err().message, message, "{text}");
        }
    }

    #[test]
    fn a_number_without_unit_is_answered_with_both_readings() {
        assert_eq!(parse("5").unwrap_err().help.unwrap(), "write \"5s\" or \"5ms\"");
    }
}
