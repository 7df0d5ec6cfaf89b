//! What the server counts, as text for Prometheus. Counters are kept from the start; gauges are read when asked for.

use crate::domain::call::counted;
use crate::domain::house::House;
use crate::proto::ximss::measures;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::{Arc, OnceLock};

/// The recorder of this process: there can be one only, however many servers run in it.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

fn recorder() -> &'static PrometheusHandle {
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Where another one is installed already, as a test may do, this one has nothing to tell.
        let _ = metrics::set_global_recorder(recorder);
        metrics::describe_gauge!("posthouse_sessions", "Sessions that are logged in.");
        metrics::describe_gauge!(counted::CALLS, "Calls that ring or are connected.");
        metrics::describe_gauge!(counted::LEGS, "Legs of calls, those included that have ended and are not released.");
        metrics::describe_counter!("posthouse_connections_refused", "Connections past the limit of their address.");
        measures::describe();
        handle
    })
}

/// Begins to count, and gives what writes the page.
pub fn start(house: &Arc<House>) -> Arc<dyn Fn() -> String + Send + Sync> {
    let (recorder, house) = (recorder(), house.clone());
    Arc::new(move || {
        metrics::gauge!("posthouse_sessions").set(house.sessions.count() as f64);
        recorder.render()
    })
}

/// Folds what was measured since the last time, so that measurements take no memory for ever.
pub fn upkeep() {
    recorder().run_upkeep();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told() {
        let text = {
            recorder();
            metrics::counter!("posthouse_connections_refused").increment(2);
            upkeep();
            recorder().render()
        };
        assert!(text.contains("posthouse_connections_refused"), "{text}");
    }
}
