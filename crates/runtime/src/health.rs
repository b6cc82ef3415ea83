//! Liveness, readiness and metrics over HTTP, on a port of their own.
//!
//! *Live*: no part of the service has fallen silent. *Ready*: it is live, it has started, and Postgres and the bus answer
//! now; a container counts as healthy while it is ready.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use async_nats::connection::State as Connection;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;

use crate::bus::Bus;

/// A part that has not reported for this long is not well.
const STALE_AFTER: Duration = Duration::from_secs(30);
/// How long Postgres may take to say that it is there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a service's parts report that they live. Clones share the reports.
#[derive(Debug, Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<&'static str, Instant>>>,
    /// What the service needs to work; set once it has started.
    needs: Arc<OnceLock<(PgPool, Bus)>>,
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

    /// The service has started and works with these from now on.
    pub fn started(&self, db: &PgPool, bus: &Bus) {
        self.needs.set((db.clone(), bus.clone())).ok();
    }

    /// What it needs and lacks at this moment. Empty: nothing.
    pub async fn lacking(&self) -> Vec<&'static str> {
        let Some((db, bus)) = self.needs.get() else { return vec!["start"] };
        let answers = tokio::time::timeout(ANSWER_TIMEOUT, sqlx::query("select 1").execute(db)).await;
        let postgres = matches!(answers, Ok(Ok(_)));
        let connected = bus.client().connection_state() == Connection::Connected;
        [("postgres", postgres), ("bus", connected)]
            .into_iter()
            .filter(|(_, there)| !there)
            .map(|(name, _)| name)
            .collect()
    }

    /// `GET /healthz` (live), `GET /readyz` (ready): 200, or 503 with what is amiss; and `GET /metrics`.
    pub fn router(self, metrics: Option<PrometheusHandle>) -> axum::Router {
        axum::Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .with_state(self)
            .route(
                "/metrics",
                get(move || std::future::ready(metrics.map_or_else(String::new, |m| m.render()))),
            )
    }
}

async fn healthz(State(health): State<Health>) -> Response {
    answer(&health.silent(), &[])
}

async fn readyz(State(health): State<Health>) -> Response {
    answer(&health.silent(), &health.lacking().await)
}

fn answer(silent: &BTreeMap<&'static str, u64>, lacking: &[&'static str]) -> Response {
    let ok = silent.is_empty() && lacking.is_empty();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({ "ok": ok, "silent_seconds": silent, "lacking": lacking });
    (status, Json(body)).into_response()
}
