//! Dates, times and durations as iCalendar writes them. Spec: RFC 5545 3.3.4 to 3.3.6.

use crate::model::calendar::{Length, WallClock};
use chrono::{Datelike, NaiveDate, NaiveDateTime};

/// A date or a time as it is written, before anyone asks for a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// A day.
    Date(WallClock),
    /// A time without `Z`.
    Local(WallClock),
    /// A time with `Z`: seconds since 1970 in Greenwich.
    Utc(i64),
}

/// Reads `20250131`, `20250131T101500`, `20250131T101500Z`; the form with hyphens and colons too, and a time without seconds.
pub fn written(text: &str) -> Option<Written> {
    let text = text.trim();
    let (date, time) = text.split_once(['T', 't', ' ']).map_or((text, None), |(date, time)| (date, Some(time)));
    let midnight = days(date)?.checked_mul(86_400)?;
    let Some(time) = time else { return Some(Written::Date(WallClock(midnight))) };
    let bare = time.trim_end_matches(['Z', 'z']);
    let at = midnight + time_of_day(bare)?;
    Some(if bare.len() < time.len() { Written::Utc(at) } else { Written::Local(WallClock(at)) })
}

/// The number of up to eight digits, separators left out; None for anything else or another count of digits.
fn digits(text: &str, separator: u8, counts: &[usize]) -> Option<(u32, usize)> {
    let (mut number, mut count) = (0u32, 0usize);
    for b in text.bytes() {
        match b {
            b'0'..=b'9' if count < 8 => {
                number = number * 10 + u32::from(b - b'0');
                count += 1;
            }
            b if b == separator => {}
            _ => return None,
        }
    }
    counts.contains(&count).then_some((number, count))
}

/// Days since 1970-01-01.
fn days(text: &str) -> Option<i64> {
    let (number, _) = digits(text, b'-', &[8])?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(number / 10_000).ok()?, number / 100 % 100, number % 100)?;
    Some(i64::from(date.num_days_from_ce()) - 719_163)
}

/// Seconds since midnight; a leap second is taken for the one before it.
fn time_of_day(text: &str) -> Option<i64> {
    let (number, count) = digits(text, b':', &[4, 6])?;
    let number = if count == 4 { number * 100 } else { number };
    let (hour, minute, second) = (number / 10_000, number / 100 % 100, (number % 100).min(60));
    (hour < 24 && minute < 60 && number % 100 <= 60).then(|| i64::from(hour * 3600 + minute * 60 + second.min(59)))
}

/// A time of the wall clock as chrono has it; times far outside of its range become the nearest that is inside.
pub(super) fn naive(wall: WallClock) -> NaiveDateTime {
    let bounded = wall.0.clamp(-62_135_596_800, 253_402_300_799);
    chrono::DateTime::from_timestamp(bounded, 0).unwrap_or_default().naive_utc()
}

/// `20250131T101500`.
pub fn local(wall: WallClock) -> String {
    naive(wall).format("%Y%m%dT%H%M%S").to_string()
}

/// `20250131`.
pub fn date(wall: WallClock) -> String {
    naive(wall).format("%Y%m%d").to_string()
}

/// Reads `P1D`, `-PT15M`, `P1DT2H`, `P2W`.
pub fn duration(text: &str) -> Option<Length> {
    let text = text.trim().to_ascii_uppercase();
    let (sign, rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (if text.starts_with('-') { -1 } else { 1 }, rest),
        None => (1, text.as_str()),
    };
    let rest = rest.strip_prefix('P')?;
    let (mut days, mut seconds, mut number, mut any) = (0i64, 0i64, None::<i64>, false);
    for c in rest.chars() {
        if let Some(digit) = c.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(i64::from(digit)).filter(|n| *n < 100_000_000_000)?);
            continue;
        }
        if c == 'T' {
            continue;
        }
        let count = number.take()?;
        any = true;
        match c {
            'W' => days += count * 7,
            'D' => days += count,
            'H' => seconds += count * 3600,
            'M' => seconds += count * 60,
            'S' => seconds += count,
            _ => return None,
        }
    }
    if number.is_some() || !any {
        return None;
    }
    Some(match (days * sign, seconds * sign) {
        (days, 0) if days != 0 => Length::Days(days),
        (0, seconds) => Length::Seconds(seconds),
        (days, seconds) => Length::Both(days, seconds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_their_forms() {
        assert_eq!(written("19700102"), Some(Written::Date(WallClock(86_400))));
        assert_eq!(written("19700101T000010"), Some(Written::Local(WallClock(10))));
        assert_eq!(written(" 1970-01-01T00:01:00Z"), Some(Written::Utc(60)));
        assert_eq!(written("19700101T0001Z"), Some(Written::Utc(60)));
        for wrong in ["", "1970", "19701301", "19700101T250000", "19700101T", "x9700101", "19700101T000000+0100", "197001010"] {
            assert_eq!(written(wrong), None, "{wrong}");
        }
        assert_eq!((local(WallClock(86_461)), date(WallClock(86_461))), ("19700102T000101".into(), "19700102".into()));
    }

    #[test]
    fn durations_keep_days_apart_from_seconds() {
        assert_eq!(duration("P1D"), Some(Length::Days(1)));
        assert_eq!(duration("-P1W"), Some(Length::Days(-7)));
        assert_eq!(duration("-PT15M"), Some(Length::Seconds(-900)));
        assert_eq!(duration("P1DT2H"), Some(Length::Both(1, 7200)));
        assert_eq!(duration("PT0S"), Some(Length::Seconds(0)));
        assert_eq!([duration("P"), duration("1H"), duration("PT5"), duration("PT99999999999999999999S")], [None; 4]);
    }
}
