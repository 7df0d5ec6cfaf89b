//! Time: instants in seconds, the wire's date forms, zones, durations.
//!
//! Spec: XIMSS, "XML Data Formats" (iCalendar date-times: `20060410T201548Z`); zone names are IANA's, with
//! `HostOS` for the server's own; the reference product's names and those of Windows are translated (`assets/zones.txt`).

use super::fault::{Fault, Outcome};
use super::names::fold;
use chrono::{DateTime, Datelike, NaiveDateTime, Offset, TimeZone, Timelike, Utc};
use chrono_tz::{OffsetComponents, OffsetName};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// An instant: seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The present second.
    pub fn now() -> Self {
        Self(Utc::now().timestamp())
    }

    fn utc(self) -> NaiveDateTime {
        let bounded = self.0.clamp(-62_135_596_800, 253_402_300_799);
        DateTime::<Utc>::from_timestamp(bounded, 0).unwrap_or_default().naive_utc()
    }

    /// `20060410T201548Z`.
    pub fn gmt(self) -> String {
        format!("{}Z", self.gmt_bare())
    }

    /// `20060410T201548`: as the `gmtTime` attributes have it.
    pub fn gmt_bare(self) -> String {
        let mut out = String::with_capacity(15);
        self.append_bare(&mut out);
        out
    }

    /// Appends the same.
    pub fn append_bare(self, out: &mut String) {
        let clock = self.utc();
        // Lists have thousands of these; a format string would be read anew for each.
        let day = clock.year().unsigned_abs() * 10_000 + clock.month() * 100 + clock.day();
        let time = clock.hour() * 10_000 + clock.minute() * 100 + clock.second();
        append_digits(out, day, 8);
        out.push('T');
        append_digits(out, time, 6);
    }

    /// `20060410T151548`: the clock of a zone.
    pub fn local(self, zone: &Zone) -> String {
        self.on_wall(zone).gmt_bare()
    }

    /// Appends the same.
    pub fn append_local(self, zone: &Zone, out: &mut String) {
        self.on_wall(zone).append_bare(out);
    }

    fn on_wall(self, zone: &Zone) -> Self {
        Self(self.0.saturating_add(i64::from(zone.shift_at(self))))
    }

    /// RFC 5322 3.3 with this shift in seconds: `Mon, 10 Apr 2006 13:15:48 -0700`.
    pub fn rfc5322(self, shift: i32) -> String {
        let clock = Self(self.0.saturating_add(i64::from(shift))).utc();
        let (sign, abs) = if shift < 0 { ('-', -shift) } else { ('+', shift) };
        format!("{} {sign}{:02}{:02}", clock.format("%a, %d %b %Y %H:%M:%S"), abs / 3600, abs / 60 % 60)
    }

    /// `2006-04-10T20:15:48Z` (RFC 3339).
    pub fn iso8601(self) -> String {
        let mut out = String::with_capacity(20);
        self.append_iso8601(&mut out);
        out
    }

    /// Appends the same.
    pub fn append_iso8601(self, out: &mut String) {
        let clock = self.utc();
        append_digits(out, clock.year().unsigned_abs(), 4);
        let rest = [('-', clock.month()), ('-', clock.day()), ('T', clock.hour()), (':', clock.minute()), (':', clock.second())];
        for (mark, number) in rest {
            out.push(mark);
            append_digits(out, number, 2);
        }
        out.push('Z');
    }

    /// HTTP's date (RFC 9110 5.6.7).
    pub fn http(self) -> String {
        self.utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// This many seconds later.
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

/// Appends the last digits of a number, with zeros in front.
fn append_digits(out: &mut String, number: u32, digits: u32) {
    let mut unit = 10u32.pow(digits - 1);
    while unit > 0 {
        out.push(char::from(b'0' + (number / unit % 10) as u8));
        unit /= 10;
    }
}

impl FromStr for Timestamp {
    type Err = Fault;
    /// Reads `YYYYMMDDThhmmss` with or without `Z`, and `YYYYMMDD` (midnight); both forms are taken for GMT.
    fn from_str(text: &str) -> Outcome<Self> {
        let bad = || Fault::bad("date is incorrect");
        let text = text.trim().trim_end_matches(['Z', 'z']);
        let full = if text.len() == 8 { format!("{text}T000000") } else { text.to_owned() };
        let clock = NaiveDateTime::parse_from_str(&full, "%Y%m%dT%H%M%S").map_err(|_| bad())?;
        Ok(Self(clock.and_utc().timestamp()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.gmt())
    }
}

/// A time zone: one of IANA's, or the server's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zone(chrono_tz::Tz);

/// A zone is kept by its IANA name, so that what is stored outlives the order of any list of zones.
impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        Self::named(&name).ok_or_else(|| serde::de::Error::custom("no such time zone"))
    }
}

/// Names beside IANA's, folded: the reference product's own and those of Windows.
static OTHER_NAMES: LazyLock<HashMap<String, chrono_tz::Tz>> = LazyLock::new(|| {
    let known = |(name, iana): (&str, &str)| Some((fold(name), chrono_tz::Tz::from_str(iana).ok()?));
    other_names().filter_map(known).collect()
});

/// The lines of `assets/zones.txt`. A test sees to it that IANA knows the zone of each.
fn other_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("../../assets/zones.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(name, iana)| (name.trim(), iana.trim()))
}

impl Zone {
    /// Greenwich.
    pub const GMT: Self = Self(chrono_tz::Tz::UTC);

    /// The zone of a name: IANA's, the reference product's or that of Windows. `HostOS` and the empty name are the
    /// server's own. None where the name is unknown.
    pub fn named(name: &str) -> Option<Self> {
        if name.is_empty() || name.eq_ignore_ascii_case("HostOS") {
            return Some(Self::host());
        }
        let other = || OTHER_NAMES.get(&fold(name)).copied();
        chrono_tz::Tz::from_str_insensitive(name).ok().or_else(other).map(Self)
    }

    /// The zone this machine is set to; Greenwich where it cannot be told.
    pub fn host() -> Self {
        static HOST: LazyLock<Zone> = LazyLock::new(|| {
            let name = iana_time_zone::get_timezone().unwrap_or_default();
            Zone(chrono_tz::Tz::from_str_insensitive(&name).unwrap_or(chrono_tz::Tz::UTC))
        });
        *HOST
    }

    /// Seconds that the zone's clock is ahead of Greenwich at this instant.
    pub fn shift_at(&self, at: Timestamp) -> i32 {
        self.0.offset_from_utc_datetime(&at.utc()).fix().local_minus_utc()
    }

    /// True while the zone has daylight saving time.
    pub fn is_daylight_at(&self, at: Timestamp) -> bool {
        self.0.offset_from_utc_datetime(&at.utc()).dst_offset().num_seconds() > 0
    }

    /// What the zone's time is called then: `CEST`, or `+03` where it has no name.
    pub fn abbreviation_at(&self, at: Timestamp) -> String {
        let offset = self.0.offset_from_utc_datetime(&at.utc());
        offset.abbreviation().unwrap_or_default().to_owned()
    }

    /// The IANA name.
    pub fn name(&self) -> &'static str {
        self.0.name()
    }

    /// The names to offer for a choice: `HostOS` first, then IANA's in order.
    pub fn all_names() -> impl Iterator<Item = &'static str> {
        std::iter::once("HostOS").chain(chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name()))
    }
}

/// A span of time in the settings' grammar: plain seconds, or numbers with `s m h d w` (`15d`, `1h30m`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Duration(pub i64);

impl FromStr for Duration {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        let bad = || Fault::bad("duration is incorrect");
        let text = text.trim();
        let (mut total, mut number, mut unit) = (0i64, None::<i64>, false);
        for c in text.chars() {
            if let Some(digit) = c.to_digit(10) {
                number = Some(number.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(i64::from(digit))).ok_or_else(bad)?);
                continue;
            }
            let seconds = match c.to_ascii_lowercase() {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86_400,
                'w' => 604_800,
                _ => return Err(bad()),
            };
            total = number.take().and_then(|n| n.checked_mul(seconds)).and_then(|n| total.checked_add(n)).ok_or_else(bad)?;
            unit = true;
        }
        match number {
            Some(_) if unit => Err(bad()),
            Some(seconds) => Ok(Self(seconds)),
            None if unit => Ok(Self(total)),
            None => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_time_of_four_digits_is_written_as_its_format_says(second in -62_135_596_800i64..253_402_300_800) {
            let at = Timestamp(second);
            proptest::prop_assert_eq!(at.gmt_bare(), at.utc().format("%Y%m%dT%H%M%S").to_string());
            proptest::prop_assert_eq!(at.iso8601(), at.utc().format("%Y-%m-%dT%H:%M:%SZ").to_string());
            proptest::prop_assert_eq!(at.gmt_bare().parse::<Timestamp>().unwrap(), at);
        }
    }

    #[test]
    fn wire_dates_go_both_ways() {
        let at: Timestamp = "20060410T201548Z".parse().unwrap();
        assert_eq!(at.gmt(), "20060410T201548Z");
        assert_eq!(at.rfc5322(-25200), "Mon, 10 Apr 2006 13:15:48 -0700");
        assert_eq!(at.local(&Zone::named("America/Chicago").unwrap()), "20060410T151548");
        assert_eq!("20060410".parse::<Timestamp>().unwrap().gmt_bare(), "20060410T000000");
        assert!("2006-04-10".parse::<Timestamp>().is_err());
        assert!(!Timestamp(i64::MAX).gmt().is_empty());
    }

    #[test]
    fn every_other_zone_name_leads_to_a_zone_of_iana() {
        let lines = include_str!("../../assets/zones.txt").lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
        assert_eq!(lines.count(), other_names().count());
        for (name, iana) in other_names() {
            let zone = Zone::named(name).unwrap_or_else(|| panic!("{name} leads to {iana}, which is no zone"));
            assert_eq!((Zone::named(iana), zone.name().eq_ignore_ascii_case(iana)), (Some(zone), true), "{name}");
        }
        assert_eq!(OTHER_NAMES.len(), other_names().count(), "a name stands twice");
        assert_eq!(Zone::named("northamerica/pacific"), Zone::named("America/Los_Angeles"));
        assert_eq!(Zone::named("W. Europe Standard Time").unwrap().name(), "Europe/Berlin");
        assert_eq!((Zone::named("Nowhere"), Zone::named("")), (None, Some(Zone::host())));
    }

    #[test]
    fn every_zone_on_offer_is_known() {
        assert!(Zone::all_names().count() > 400);
        assert!(Zone::all_names().all(|name| Zone::named(name).is_some()));
    }

    #[test]
    fn durations_have_units() {
        let d = |t: &str| t.parse::<Duration>().ok().map(|d| d.0);
        assert_eq!((d("5m"), d("15d"), d("28800"), d("1h30m"), d("0")), (Some(300), Some(1_296_000), Some(28800), Some(5400), Some(0)));
        assert_eq!((d(""), d("5x"), d("m"), d("1h30"), d("99999999999999999999")), (None, None, None, None, None));
    }
}
