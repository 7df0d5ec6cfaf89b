//! The alarms of an item. Spec: RFC 5545 3.6.6, 3.8.6; vCalendar 1.0 2.3.1 (AALARM, DALARM).

use super::super::dates::duration;
use super::times::Times;
use crate::model::calendar::{Alarm, Trigger};
use crate::model::component::Component;

/// The most alarms of one entry that are kept.
const MOST: usize = 100;
/// The most repetitions of one alarm.
const MOST_REPEATS: u32 = 1_000;

pub(super) fn alarms(item: &Component, times: &mut Times) -> Vec<Alarm> {
    let mut found: Vec<Alarm> = item.inside("VALARM").filter_map(|alarm| self::alarm(alarm, times)).take(MOST).collect();
    for property in ["AALARM", "DALARM", "PALARM", "MALARM"].iter().flat_map(|name| item.all(name)) {
        let at = property.value.split(';').next().and_then(|text| times.read(property, text));
        found.extend(at.map(|at| Alarm { trigger: Trigger::At(at.instant(times.zones.default())), repeat: 0, every: 0 }));
    }
    found.truncate(MOST);
    found
}

fn alarm(alarm: &Component, times: &mut Times) -> Option<Alarm> {
    let trigger = alarm.get("TRIGGER")?;
    let relative = duration(&trigger.value).map(|length| {
        let to_end = trigger.parameter("RELATED").is_some_and(|related| related.eq_ignore_ascii_case("END"));
        if to_end { Trigger::End(length.seconds()) } else { Trigger::Start(length.seconds()) }
    });
    let trigger = match relative {
        Some(trigger) => trigger,
        None => Trigger::At(times.when(trigger)?.instant(times.zones.default())),
    };
    let every = alarm.get("DURATION").and_then(|p| duration(&p.value)).map(|length| length.seconds()).filter(|seconds| *seconds > 0);
    let repeat = alarm.get("REPEAT").and_then(|p| p.value.trim().parse::<u32>().ok()).unwrap_or(0).min(MOST_REPEATS);
    Some(match every {
        Some(every) => Alarm { trigger, repeat, every },
        None => Alarm { trigger, repeat: 0, every: 0 },
    })
}
