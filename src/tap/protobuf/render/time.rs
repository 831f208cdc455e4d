//! Points in time and durations as people write them.

use std::ops::Range;

use super::super::wire_format::{Records, Value};
use super::scalar;

/// What a message of one of these well-known types says; nothing if it is of another type or out of range.
pub(super) fn note(full_name: &str, bytes: &[u8], part: Range<usize>) -> String {
    let form = match full_name {
        "google.protobuf.Timestamp" => timestamp,
        "google.protobuf.Duration" => duration,
        _ => return String::new(),
    };
    let (mut seconds, mut nanoseconds) = (0, 0);
    for record in Records::new(bytes, part).map_while(Result::ok) {
        match (record.number, record.value) {
            (1, Value::Varint(bits)) => seconds = bits.cast_signed(),
            (2, Value::Varint(bits)) => nanoseconds = scalar::low_32_bits(bits).cast_signed(),
            _ => {}
        }
    }
    form(seconds, nanoseconds).unwrap_or_default()
}

/// RFC 3339, for the years 1 to 9999 that the type has.
fn timestamp(seconds: i64, nanoseconds: i32) -> Option<String> {
    if !(SECONDS_MIN..=SECONDS_MAX).contains(&seconds) || !(0..NANOSECONDS).contains(&nanoseconds) {
        return None;
    }
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let fraction = fraction(nanoseconds);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
}

/// The date of a day counted from 1970-01-01, in the Gregorian calendar.
fn date(days: i64) -> (i64, i64, i64) {
    // Years that begin in March have their leap day at the end; 0000-03-01 is 719,468 days before 1970.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    // A leap day less every 4 years, one more every 100, one less at the end of the 400.
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // From March on, five months have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (era * 400 + year, month, day)
}

fn duration(seconds: i64, nanoseconds: i32) -> Option<String> {
    let same_sign = (seconds >= 0 && nanoseconds >= 0) || (seconds <= 0 && nanoseconds <= 0);
    if !same_sign || seconds.unsigned_abs() > DURATION_SECONDS || !(1 - NANOSECONDS..NANOSECONDS).contains(&nanoseconds)
    {
        return None;
    }
    let sign = if seconds < 0 || nanoseconds < 0 { "-" } else { "" };
    Some(format!("{sign}{}{}s", seconds.abs(), fraction(nanoseconds.abs())))
}

/// With 3, 6 or 9 digits, or none.
fn fraction(nanoseconds: i32) -> String {
    match nanoseconds {
        0 => String::new(),
        whole if whole % 1_000_000 == 0 => format!(".{:03}", whole / 1_000_000),
        whole if whole % 1_000 == 0 => format!(".{:06}", whole / 1_000),
        whole => format!(".{whole:09}"),
    }
}

const NANOSECONDS: i32 = 1_000_000_000;
/// 0001-01-01T00:00:00Z
const SECONDS_MIN: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z
const SECONDS_MAX: i64 = 253_402_300_799;
/// Some 10,000 years.
const DURATION_SECONDS: u64 = 315_576_000_000;
const DAYS_OF_400_YEARS: i64 = 146_097;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_those_of_the_calendar() {
        let told = |seconds, nanoseconds| timestamp(seconds, nanoseconds).unwrap_or_default();
        assert_eq!(told(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(told(951_782_400, 0), "2000-02-29T00:00:00Z");
        assert_eq!(told(1_795_219_200, 500_000_000), "2026-11-21T00:00:00.500Z");
        assert_eq!(told(-1, 1_000), "1969-12-31T23:59:59.000001Z");
        assert_eq!(told(4_107_542_400, 1), "2100-03-01T00:00:00.000000001Z");
        assert_eq!(told(-62_135_596_800, 0), "0001-01-01T00:00:00Z");
        assert_eq!(told(253_402_300_799, 0), "9999-12-31T23:59:59Z");
        assert_eq!(told(253_402_300_800, 0), "");
        assert_eq!(told(i64::MIN, 0), "");
        assert_eq!(told(0, -1), "");
        assert_eq!(told(0, 1_000_000_000), "");
    }

    #[test]
    fn durations_have_a_sign_and_a_fraction() {
        let told = |seconds, nanoseconds| duration(seconds, nanoseconds).unwrap_or_default();
        assert_eq!(told(0, 0), "0s");
        assert_eq!(told(90, 250_000_000), "90.250s");
        assert_eq!(told(0, -5_000_000), "-0.005s");
        assert_eq!(told(-1, -1), "-1.000000001s");
        assert_eq!(told(1, -1), "");
        assert_eq!(told(315_576_000_001, 0), "");
        assert_eq!(told(i64::MIN, i32::MIN), "");
    }

    #[test]
    fn notes_are_for_two_types() {
        assert_eq!(note("google.protobuf.Duration", b"\x08\x05", 0..2), "5s");
        assert_eq!(note("google.protobuf.Timestamp", b"", 0..0), "1970-01-01T00:00:00Z");
        assert_eq!(note("users.v1.User", b"\x08\x05", 0..2), "");
    }
}
