//! Zones of items: a TZID to a clock, a VTIMEZONE to a clock of its own, a zone to the VTIMEZONE that others need.
//!
//! A name that the server knows wins over the definition that came with it: definitions are often old or made for one year.
//! Spec: RFC 5545 3.2.19, 3.6.5.

mod definition;
mod own;

use super::recur::Budget;
use crate::model::calendar::Clock;
use crate::model::component::Component;
use crate::model::time::Zone;
pub use definition::definition;
pub use own::own_clock;
use std::collections::{HashMap, HashSet};

/// The zone of a TZID, also where a producer put something before the name: `/mozilla.org/20050126_1/Europe/Berlin`.
pub fn resolve(name: &str) -> Option<Zone> {
    let name = name.trim().trim_matches('"');
    if name.is_empty() {
        return None;
    }
    let ends = name.match_indices('/').map(|(at, _)| name.get(at + 1..).unwrap_or_default());
    let depth = name.matches('/').count();
    let prefixed = ends.skip(depth.saturating_sub(3)).filter(|end| !end.is_empty());
    std::iter::once(name).chain(prefixed).find_map(Zone::named)
}

/// Steps of work on all the definitions of one calendar.
const STEPS: usize = 25_000;

/// The clocks of the zones that the items of one calendar name.
pub struct Zones<'a> {
    /// By name without regard to case. Of several that define one name, the first counts.
    definitions: HashMap<String, &'a Component>,
    known: HashMap<String, Clock>,
    default: &'a Clock,
    budget: Budget,
    warned: bool,
}

impl<'a> Zones<'a> {
    /// Those of a VCALENDAR; `default` is for what nobody knows.
    pub fn of(calendar: &'a Component, default: &'a Clock) -> Self {
        let mut definitions = HashMap::new();
        for zone in calendar.inside("VTIMEZONE") {
            if let Some(id) = zone.get("TZID") {
                let name = crate::model::component::bare(&id.value).trim().trim_matches('"').to_ascii_lowercase();
                definitions.entry(name).or_insert(zone);
            }
        }
        Self { definitions, known: HashMap::new(), default, budget: Budget::new(STEPS), warned: false }
    }

    /// The clock for what names no zone.
    pub fn default(&self) -> &'a Clock {
        self.default
    }

    /// The steps of work that definitions have taken so far.
    pub fn steps(&self) -> usize {
        self.budget.spent()
    }

    /// The clock of a TZID.
    pub fn clock(&mut self, name: &str) -> Clock {
        if let Some(clock) = self.known.get(name) {
            return clock.clone();
        }
        let clock = self.find(name);
        self.known.insert(name.to_owned(), clock.clone());
        clock
    }

    fn find(&mut self, name: &str) -> Clock {
        if let Some(zone) = resolve(name) {
            return Clock::Known(zone);
        }
        let definition = self.definitions.get(&name.trim().to_ascii_lowercase()).copied();
        if let Some(definition) = definition {
            let located = definition.text("X-LIC-LOCATION").as_deref().and_then(resolve).map(Clock::Known);
            let own = located.or_else(|| own_clock(definition, &mut self.budget).map(|own| Clock::Own(own.into())));
            if let Some(clock) = own {
                return clock;
            }
        }
        // Once for a calendar: it may name thousands.
        if !std::mem::replace(&mut self.warned, true) {
            tracing::warn!(zone = %name.chars().take(80).collect::<String>(), "a calendar item names a zone that is unknown");
        }
        self.default.clone()
    }
}

/// The names of the zones that the properties of a component and of those inside it name, each once.
pub fn names(component: &Component) -> Vec<String> {
    let (mut found, mut known) = (Vec::new(), HashSet::new());
    collect(component, &mut found, &mut known);
    found
}

fn collect<'a>(component: &'a Component, found: &mut Vec<String>, known: &mut HashSet<&'a str>) {
    for property in &component.properties {
        if let Some(name) = property.parameter("TZID")
            && known.insert(name)
        {
            found.push(name.to_owned());
        }
    }
    for inner in &component.components {
        collect(inner, found, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_producers_lead_to_zones() {
        let name = |text: &str| resolve(text).map(|zone| zone.name());
        assert_eq!(name("/freeassociation.sourceforge.net/Tzfile/Europe/Berlin"), Some("Europe/Berlin"));
        assert_eq!(name("/mozilla.org/20050126_1/America/Argentina/Buenos_Aires"), Some("America/Argentina/Buenos_Aires"));
        assert_eq!(name("\"W. Europe Standard Time\""), Some("Europe/Berlin"));
        assert_eq!(name("NorthAmerica/Pacific"), Some("America/Los_Angeles"));
        assert_eq!((name("Customized Time Zone"), name(""), name("/")), (None, None, None));
    }

    #[test]
    fn thousands_of_definitions_share_one_budget_and_the_first_of_a_name_counts() {
        let zone = |name: &str, offset: &str, rule: &str| {
            format!(
                "BEGIN:VTIMEZONE\r\nTZID:{name}\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:{offset}\r\nTZOFFSETTO:{offset}\r\n\
                 RRULE:{rule}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
            )
        };
        let mut text = zone("Twice", "+0300", "FREQ=YEARLY") + zone("twice", "-0300", "FREQ=YEARLY").as_str();
        (0..2_000).for_each(|n| text += &zone(&format!("Own {n}"), "+0100", "FREQ=SECONDLY"));
        let calendar = &crate::format::ical::parse(text.as_bytes()).unwrap()[0];
        let mut zones = Zones::of(calendar, &Clock::GMT);
        assert_eq!(zones.clock("TWICE").shift_at(crate::model::time::Timestamp(0)), 10_800);
        let clocks: Vec<Clock> = (0..2_000).map(|n| zones.clock(&format!("Own {n}"))).collect();
        assert!(zones.steps() <= STEPS, "{}", zones.steps());
        assert!(matches!(clocks[0], Clock::Own(_)) && clocks[1_999] == Clock::GMT);
    }
}
