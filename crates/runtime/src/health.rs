//! Liveness, readiness and metrics over HTTP, on a port of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;

/// A part that has not reported for this long is not well.
const STALE_AFTER: Duration = Duration::from_secs(30);

/// Where a service's parts report that they live. Clones share the reports.
#[derive(Debug, Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<&'static str, Instant>>>,
}

impl Health {
    /// This part just did, or could have done, its work.
    pub fn beat(&self, part: &'static str) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(part, Instant::now());
    }

    /// The parts that have not reported for [`STALE_AFTER`], with their silence in seconds. Empty: all is well.
    pub fn silent(&self) -> BTreeMap<&'static str, u64> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts
            .iter()
            .map(|(part, beat)| (*part, beat.elapsed()))
            .filter(|(_, silence)| *silence > STALE_AFTER)
            .map(|(part, silence)| (part, silence.as_secs()))
            .collect()
    }

    /// `GET /healthz` (200 or 503 with the silent parts) and `GET /metrics`.
    pub fn router(self, metrics: Option<PrometheusHandle>) -> axum::Router {
        axum::Router::new().route("/healthz", get(healthz)).with_state(self).route(
            "/metrics",
            get(move || std::future::ready(metrics.map_or_else(String::new, |m| m.render()))),
        )
    }
}

async fn healthz(State(health): State<Health>) -> impl IntoResponse {
    let silent = health.silent();
    let status = if silent.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(serde_json::json!({ "ok": silent.is_empty(), "silent_seconds": silent })))
}
