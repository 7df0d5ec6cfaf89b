//! The published free and busy times of an account: the file `freebusy.vfb` of its File Storage.
//!
//! The file is made when somebody asks for it, and made anew when the main calendar, the preferences that matter or the
//! day are no longer those it was made of; it says itself which those were. What is in it is what everybody who lives
//! here may know (`freebusy`). Spec: RFC 5545 3.6.4.

use super::freebusy::{self, FreeBusy};
use crate::domain::access::Caller;
use crate::domain::files;
use crate::domain::house::House;
use crate::format::ical;
use crate::model::calendar::Busy;
use crate::model::component::{Component, Property};
use crate::model::fault::Outcome;
use crate::model::files::{FileName, WriteAt};
use crate::model::time::Timestamp;

/// The property that says what the file was made of.
const MADE_OF: &str = "X-POSTHOUSE-MADE-OF";

/// The name of the file.
pub fn name() -> Outcome<FileName> {
    "freebusy.vfb".parse()
}

/// The published times of an account: the file, where it still tells the truth, else what is then put in its place.
pub async fn document(house: &House, owner: &Caller) -> Outcome<Vec<u8>> {
    let (name, now, asked) = (name()?, Timestamp::now(), owner.clone());
    let file = name.clone();
    let ask = move |tx: &dyn crate::store::Read| Ok((freebusy::state(tx, &asked, now)?, files::read(tx, asked.account, &file)?));
    let (state, stored) = house.store.read(ask).await?;
    let mark = format!("{MADE_OF}:{state}");
    if let Some(stored) = stored.filter(|stored| stored.split(|b| *b == b'\n').any(|line| line.trim_ascii_end() == mark.as_bytes())) {
        return Ok(stored);
    }
    let times = freebusy::published(house, owner, now).await?;
    let text = ical::write(&component(owner, &times, &state, now)).into_bytes();
    let (account, limits, bytes) = (owner.account, house.settings().limits.clone(), text.clone());
    let put = house.store.write(move |tx| files::write(tx, account, &name, &bytes, WriteAt::Replace, &limits, now).map(drop)).await;
    if let Err(fault) = put {
        // An account that is full still tells when it is busy.
        tracing::debug!(%fault, "free and busy times are not kept");
    }
    Ok(text)
}

fn component(owner: &Caller, times: &FreeBusy, state: &str, now: Timestamp) -> Component {
    let mut inner = Component::new("VFREEBUSY");
    let named = |name: &str, at: Timestamp| Property::new(name, at.gmt());
    inner.properties.push(Property::new("ORGANIZER", format!("MAILTO:{}", owner.address)));
    inner.properties.extend([named("DTSTAMP", now), named("DTSTART", times.span.start), named("DTEND", times.span.end)]);
    inner.properties.push(Property::new(MADE_OF, state));
    inner.properties.extend(times.periods.iter().map(|period| {
        let span = format!("{}/{}", period.span.start.gmt(), period.span.end.gmt());
        Property::new("FREEBUSY", span).with("FBTYPE", kind(period.busy))
    }));
    let mut calendar = Component::new("VCALENDAR");
    calendar.properties.extend([
        Property::new("VERSION", "2.0"),
        Property::new("PRODID", "-//Posthouse//EN"),
        Property::new("METHOD", "PUBLISH"),
    ]);
    calendar.components.push(inner);
    calendar
}

/// How RFC 5545 3.2.9 names a busy time.
pub fn kind(busy: Busy) -> &'static str {
    match busy {
        Busy::Tentative => "BUSY-TENTATIVE",
        Busy::Unavailable => "BUSY-UNAVAILABLE",
        Busy::Busy | Busy::Free => "BUSY",
    }
}
