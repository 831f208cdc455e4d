//! Points in time as text.

use std::time::SystemTime;

/// A time as RFC 3339 in UTC, to the millisecond.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since_epoch.as_secs() / 86_400, since_epoch.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let milli = since_epoch.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// The hour, minute, second and millisecond of a time, in UTC.
pub(super) fn time_of_day(time: SystemTime) -> String {
    let mut text = rfc3339(time);
    // Behind the date and before the `Z`; counted from the end, because years beyond 9999 are longer.
    text.pop();
    text.split_off(text.len().saturating_sub("14:13:20.123".len()))
}

/// The date of a day counted from 1970-01-01.
///
/// Counted in 400-year cycles of 146,097 days that begin on 1 March, so that the leap day is a year's last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_FROM_0000_03_01;
    let (cycle, day_of_cycle) = (days / 146_097, days % 146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (cycle * 400 + year_of_cycle + u64::from(month <= 2), month, day)
}

const DAYS_FROM_0000_03_01: u64 = 719_468;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        let at = |seconds| rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.000Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000Z");
        assert_eq!(at(951_868_800), "2000-03-01T00:00:00.000Z");
        assert_eq!(at(1_735_689_599), "2024-12-31T23:59:59.000Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn the_time_of_day_goes_without_its_date() {
        let at = |millis| time_of_day(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
        assert_eq!(at(0), "00:00:00.000");
        assert_eq!(at(1_790_000_000_123), "14:13:20.123");
    }
}
