//! Zones of items: a TZID to a clock, a VTIMEZONE to a clock of its own, a zone to the VTIMEZONE that others need.
//!
//! A name that the server knows wins over the definition that came with it: definitions are often old or made for one year.
//! Spec: RFC 5545 3.2.19, 3.6.5.

mod definition;
mod own;

use crate::model::calendar::Clock;
use crate::model::component::Component;
use crate::model::time::Zone;
pub use definition::definition;
pub use own::own_clock;

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

/// The clocks of the zones that the items of one calendar name.
pub struct Zones<'a> {
    definitions: Vec<(&'a str, &'a Component)>,
    known: Vec<(String, Clock)>,
    default: &'a Clock,
}

impl<'a> Zones<'a> {
    /// Those of a VCALENDAR; `default` is for what nobody knows.
    pub fn of(calendar: &'a Component, default: &'a Clock) -> Self {
        let named = |zone: &'a Component| Some((zone.get("TZID")?.value.trim(), zone));
        Self { definitions: calendar.inside("VTIMEZONE").filter_map(named).collect(), known: Vec::new(), default }
    }

    /// The clock for what names no zone.
    pub fn default(&self) -> &'a Clock {
        self.default
    }

    /// The clock of a TZID.
    pub fn clock(&mut self, name: &str) -> Clock {
        if let Some((_, clock)) = self.known.iter().find(|(known, _)| known == name) {
            return clock.clone();
        }
        let clock = self.find(name);
        self.known.push((name.to_owned(), clock.clone()));
        clock
    }

    fn find(&self, name: &str) -> Clock {
        if let Some(zone) = resolve(name) {
            return Clock::Known(zone);
        }
        let bare = |text: &str| crate::model::component::bare(text).trim().trim_matches('"').to_owned();
        let definition = self.definitions.iter().find(|(id, _)| bare(id).eq_ignore_ascii_case(name.trim())).map(|(_, zone)| *zone);
        let located = || definition?.text("X-LIC-LOCATION").as_deref().and_then(resolve).map(Clock::Known);
        let own = || definition.and_then(own_clock).map(|own| Clock::Own(own.into()));
        located().or_else(own).unwrap_or_else(|| {
            tracing::warn!(zone = %name.chars().take(80).collect::<String>(), "a calendar item names a zone that is unknown");
            self.default.clone()
        })
    }
}

/// The names of the zones that the properties of a component and of those inside it name, each once.
pub fn names(component: &Component) -> Vec<String> {
    let mut found = Vec::new();
    collect(component, &mut found);
    found
}

fn collect(component: &Component, found: &mut Vec<String>) {
    for property in &component.properties {
        if let Some(name) = property.parameter("TZID")
            && !found.iter().any(|known| known == name)
        {
            found.push(name.to_owned());
        }
    }
    for inner in &component.components {
        collect(inner, found);
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
}
