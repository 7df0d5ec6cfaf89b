//! `/metrics`: what the house counts, as text for Prometheus. For this machine and for administrators.

use super::administrator;
use super::server::Web;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use std::time::Duration;

/// How often what was measured is put together: between two visits of a Prometheus it would pile up.
const UPKEEP: Duration = Duration::from_secs(10);

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Has everything that is counted from now on recorded, once for the process. Returns what renders it as text.
pub fn install() -> impl Fn() -> String + Send + Sync + Clone + 'static {
    let handle = RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("somebody else records what is counted; /metrics stays empty");
        }
        keep_up(handle.clone());
        handle
    });
    || handle.render()
}

fn keep_up(handle: PrometheusHandle) {
    let thread = std::thread::Builder::new().name("metrics".into()).stack_size(256 << 10);
    let started = thread.spawn(move || {
        loop {
            std::thread::park_timeout(UPKEEP);
            handle.run_upkeep();
        }
    });
    if let Err(error) = started {
        tracing::warn!(%error, "no thread for metrics; they are put together when they are asked for");
    }
}

/// Answers `/metrics`.
pub async fn serve(request: HttpRequest, web: web::Data<Web>) -> HttpResponse {
    if let Err(refused) = administrator::admit(&request, &web).await {
        return refused;
    }
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body((web.metrics)())
}
