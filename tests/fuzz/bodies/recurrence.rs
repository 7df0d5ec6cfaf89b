//! Recurrence: the series of any text are expanded within their bounds, and are stored and read the same.

use posthouse::format::ical::{parse, recur, series};
use posthouse::model::calendar::Clock;
use posthouse::model::time::{Timestamp, Zone};

/// The body of the target.
pub fn run(bytes: &[u8]) {
    let Ok(read) = parse(bytes) else { return };
    let session = Zone::named("Europe/Berlin").map_or(Clock::GMT, Clock::Known);
    for series in read.iter().flat_map(|calendar| series(calendar, &session)) {
        for (from, till) in [(1_700_000_000, 1_720_000_000), (-100_000_000_000, 300_000_000_000)] {
            let found = recur::expand(&series, Timestamp(from)..Timestamp(till), &session, recur::Caps::default());
            assert!(found.instances.len() <= recur::Caps::default().instances);
            assert!(found.instances.iter().all(|instance| instance.start <= instance.end));
        }
        assert!(recur::first(&series, 5, Timestamp(1_800_000_000), &session).instances.len() <= 5);
    }
}
