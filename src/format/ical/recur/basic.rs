//! Rules as vCalendar 1.0 writes them: `D2 #5`, `W1 MO WE #0`, `MP1 1+ MO 2- FR #0`, `MD2 1 15 LD 19961231T000000`,
//! `YM1 6 7 #0`, `YD1 100 200 #3`.
//!
//! `#` and a number say how often, `#0` without end; a date says until when; a rule that says neither happens twice. A
//! rule within a rule is understood where it names days (`YM1 6 MP1 1+ MO`, `YM1 6 MD1 7`), not where it repeats within a
//! day (`D1 0900 M15 #4`). Spec: vCalendar 1.0 2.1.8 (Basic Recurrence Rule Grammar).

use super::super::dates::written;
use super::rule::{Frequency, Rule, weekday};
use chrono::Weekday;

/// How often something happens that does not say it.
const TWICE: u64 = 2;

/// Which days the words of a rule name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    Times,
    Weekdays,
    Places,
    MonthDays,
    Months,
    YearDays,
}

/// Reads a rule; None where it cannot be one or is one that is not understood.
pub(super) fn read(text: &str) -> Option<Rule> {
    let mut words = text.split_ascii_whitespace().map(|word| word.trim_end_matches('$')).filter(|word| !word.is_empty());
    let (frequency, mut kind, interval) = head(words.next()?)?;
    let rule = Rule { interval, count: Some(TWICE), ..Rule::every(frequency) };
    let mut reading = Reading { rule, places: Vec::new(), is_place: false };
    for word in words {
        let rule = &mut reading.rule;
        if let Some(count) = word.strip_prefix('#') {
            rule.count = Some(count.parse::<u64>().ok()?).filter(|count| *count > 0);
        } else if let Some(until) = Some(word).filter(|word| word.len() >= 8).and_then(written) {
            (rule.until, rule.count) = (Some(until), None);
        } else if let Some((Frequency::Monthly, inner, 1)) = head(word).filter(|_| kind == Words::Months) {
            kind = inner;
        } else {
            reading.take(kind, word)?;
        }
    }
    let mut rule = reading.rule;
    for list in [&mut rule.months, &mut rule.month_days, &mut rule.year_days] {
        list.sort_unstable();
        list.dedup();
    }
    rule.times.sort_unstable();
    rule.times.dedup();
    // Places without a weekday mean that of DTSTART, which nobody here knows.
    (kind != Words::Places || !rule.weekdays.is_empty()).then_some(rule)
}

/// `MP2` and the like.
fn head(word: &str) -> Option<(Frequency, Words, i64)> {
    const HEADS: [(&str, Frequency, Words); 6] = [
        ("D", Frequency::Daily, Words::Times),
        ("W", Frequency::Weekly, Words::Weekdays),
        ("MP", Frequency::Monthly, Words::Places),
        ("MD", Frequency::Monthly, Words::MonthDays),
        ("YM", Frequency::Yearly, Words::Months),
        ("YD", Frequency::Yearly, Words::YearDays),
    ];
    HEADS.iter().find_map(|(name, frequency, words)| {
        let digits = word.get(..name.len()).filter(|head| head.eq_ignore_ascii_case(name)).and(word.get(name.len()..))?;
        let interval = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok()).flatten()?;
        (interval > 0 && interval < 1_000_000).then_some((*frequency, *words, interval))
    })
}

/// A rule that is being read.
struct Reading {
    rule: Rule,
    /// What the weekdays that follow count by.
    places: Vec<i16>,
    /// The last word was such a place.
    is_place: bool,
}

impl Reading {
    /// One word of a list.
    fn take(&mut self, kind: Words, word: &str) -> Option<()> {
        let rule = &mut self.rule;
        let number = |most: i16| signed(word).filter(|n| (1..=most).contains(&n.abs()));
        match kind {
            Words::MonthDays if word.eq_ignore_ascii_case("LD") => rule.month_days.push(-1),
            Words::MonthDays => rule.month_days.push(number(31)?),
            Words::Months => rule.months.push(number(12).filter(|n| *n > 0)?),
            Words::YearDays => rule.year_days.push(number(366)?),
            Words::Weekdays | Words::Places if weekday(word).is_some() => self.take_weekday(kind, weekday(word)?),
            Words::Places if word.len() < 4 => {
                let place = number(5)?;
                if !std::mem::replace(&mut self.is_place, true) {
                    self.places.clear();
                }
                if !self.places.contains(&place) {
                    self.places.push(place);
                }
            }
            Words::Times | Words::Weekdays | Words::Places => rule.times.push(time(word)?),
        }
        Some(())
    }

    fn take_weekday(&mut self, kind: Words, day: Weekday) {
        self.is_place = false;
        let places = if kind == Words::Places { self.places.as_slice() } else { &[0] };
        for place in places {
            if !self.rule.weekdays.contains(&(*place, day)) {
                self.rule.weekdays.push((*place, day));
            }
        }
    }
}

/// `2+`, `1-`, `15`, and the signs before the number too.
fn signed(word: &str) -> Option<i16> {
    let digits = word.trim_matches(['+', '-']);
    let number: i16 = digits.parse().ok()?;
    Some(if word.contains('-') { -number } else { number })
}

/// `0900`: seconds of the day.
fn time(word: &str) -> Option<i64> {
    let number: i64 = word.parse().ok().filter(|_| word.len() == 4)?;
    (number / 100 < 24 && number % 100 < 60).then_some(number / 100 * 3_600 + number % 100 * 60)
}

#[cfg(test)]
mod tests {
    use super::super::Budget;
    use super::*;
    use crate::format::ical::dates::local;
    use crate::model::calendar::WallClock;
    use crate::model::time::Timestamp;

    /// The starts until the end of 2026 of what begins on Wednesday, 2025-01-01, at 10.
    fn starts(rule: &str) -> Vec<String> {
        let wall = |text: &str| WallClock(text.parse::<Timestamp>().unwrap().0);
        let (mut out, start) = (Vec::new(), wall("20250101T100000"));
        Rule::read(rule).unwrap().starts(start, None, (start, wall("20261231")), &mut Budget::new(5_000), &mut out);
        out.into_iter().map(|at| local(at)[2..11].to_owned()).collect()
    }

    #[test]
    fn each_kind_means_what_the_old_standard_says() {
        assert_eq!(starts("D2 #5"), ["250101T10", "250103T10", "250105T10", "250107T10", "250109T10"]);
        assert_eq!(starts("D1"), ["250101T10", "250102T10"], "two where nothing is said");
        assert_eq!(starts("D1 0600 1200 #4"), ["250101T12", "250102T06", "250102T12"], "the first counts");
        assert_eq!(starts("W1 MO WE #4"), ["250101T10", "250106T10", "250108T10", "250113T10"]);
        assert_eq!(starts("w2 #3"), ["250101T10", "250115T10", "250129T10"]);
        assert_eq!(starts("W1 MO WE #0").len(), 209);
        assert_eq!(starts("MP1 1+ MO 2- FR #4"), ["250106T10", "250124T10", "250203T10"]);
        assert_eq!(starts("MP6 1+ 1- MO #0").len(), 8);
        assert_eq!(starts("MD1 1 15 LD #5"), ["250101T10", "250115T10", "250131T10", "250201T10", "250215T10"]);
        assert_eq!(starts("MD1 2- #3"), ["250130T10", "250227T10"]);
        assert_eq!(starts("YM1 6 7 #0"), ["250601T10", "250701T10", "260601T10", "260701T10"]);
        assert_eq!(starts("YM1 6 MP1 1+ MO #3"), ["250602T10", "260601T10"]);
        assert_eq!(starts("YD1 1 100 #3"), ["250101T10", "250410T10", "260101T10"]);
    }

    #[test]
    fn rules_until_a_date_and_rules_that_are_none() {
        assert_eq!(Rule::read("W1 20250301T000000Z").unwrap().until, written("20250301T000000Z"));
        assert!(Rule::read("W1 MO #0").is_some_and(|rule| !rule.ends()));
        for wrong in ["", "X1 #2", "W MO", "D0 #5", "D1 M15 #4", "MP1 #3", "MP1 6+ MO", "YM1 13", "D1 2500", "W1 #x", "MD1 40"] {
            assert!(Rule::read(wrong).is_none(), "{wrong}");
        }
    }
}
