//! How a service fares: which parts live, which consumers are behind, whether somebody has to log in. Told over HTTP on
//! a port of its own, and with each beat (see [`crate::beat`]).
//!
//! *Live*: no part of the service has fallen silent. *Ready*: it is live, it has started, and Postgres and the bus answer
//! now; a container counts as healthy while it is ready. One that stands by while another process does the work is live and
//! ready, and says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use events::beat::{Lag, Login, OutsideProblem, Uncounted, Verification};
use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::bus::Bus;

/// A part that has not reported for this long is not well.
const STALE_AFTER: Duration = Duration::from_secs(30);
/// How long an answer of Postgres stands: whoever asks more often, also strangers, costs it nothing.
const ANSWER_STANDS: Duration = Duration::from_millis(250);
/// How long Postgres may take to say that it is there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a service's parts report that they live. Clones share the reports.
#[derive(Debug, Clone, Default)]
pub struct Health {
    reports: Arc<Mutex<Reports>>,
    urgent: Arc<Notify>,
    /// What the service needs to work; set once it has started.
    needs: Arc<OnceLock<(PgPool, Bus)>>,
    /// What Postgres said last, and when.
    postgres: Arc<tokio::sync::Mutex<Option<(Instant, bool)>>>,
}

#[derive(Debug, Default)]
struct Reports {
    parts: BTreeMap<&'static str, Instant>,
    behind: BTreeMap<&'static str, Behind>,
    standby: bool,
    login: Option<Login>,
    verification: Option<Verification>,
    vika: Vec<OutsideProblem>,
    huoban: Vec<OutsideProblem>,
    uncounted: Option<Uncounted>,
}

#[derive(Debug)]
struct Behind {
    since: Instant,
    pending: u64,
}

impl Health {
    fn reports(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This part just did, or could have done, its work.
    pub fn beat(&self, part: &'static str) {
        self.reports().parts.insert(part, Instant::now());
    }

    /// This part has nothing to do for now.
    pub fn done(&self, part: &'static str) {
        let mut reports = self.reports();
        reports.parts.remove(part);
        reports.behind.remove(part);
    }

    /// The parts that have not reported for [`STALE_AFTER`], with their silence in seconds. Empty: all is well.
    pub fn silent(&self) -> BTreeMap<&'static str, u64> {
        self.reports()
            .parts
            .iter()
            .map(|(part, beat)| (*part, beat.elapsed()))
            .filter(|(_, silence)| *silence > STALE_AFTER)
            .map(|(part, silence)| (part, silence.as_secs()))
            .collect()
    }

    /// Another process does the work from now on, as far as this one knows: its parts rest and owe nobody a report.
    pub fn stand_by(&self) {
        let mut reports = self.reports();
        reports.standby = true;
        reports.parts.clear();
        reports.behind.clear();
    }

    /// This process does the work from now on.
    pub fn take_over(&self) {
        self.reports().standby = false;
    }

    /// Whether another process does the work.
    pub fn stands_by(&self) -> bool {
        self.reports().standby
    }

    /// A consumer is at work and has this many messages to do. In real time: messages of the past may be any age.
    pub(crate) fn behind(&self, consumer: &'static str, pending: u64) {
        let mut reports = self.reports();
        let since = reports.behind.get(consumer).map_or_else(Instant::now, |behind| behind.since);
        reports.behind.insert(consumer, Behind { since, pending });
    }

    /// A consumer has come to the end of its work.
    pub(crate) fn caught_up(&self, consumer: &'static str) {
        self.reports().behind.remove(consumer);
    }

    /// The consumers that have work.
    pub(crate) fn lags(&self) -> Vec<Lag> {
        let reports = self.reports();
        let lag = |(consumer, behind): (&&str, &Behind)| Lag {
            consumer: (*consumer).to_owned(),
            pending: behind.pending,
            behind_seconds: behind.since.elapsed().as_secs(),
        };
        reports.behind.iter().map(lag).collect()
    }

    /// What has to be scanned before the account is logged in; `None`: nothing. A change is told at once.
    pub fn report_login(&self, login: Option<Login>) {
        let mut reports = self.reports();
        if reports.login != login {
            reports.login = login;
            drop(reports);
            self.urgent.notify_one();
        }
    }

    /// What is asked for before the account is logged in; `None`: nothing. A change is told at once.
    pub fn report_verification(&self, verification: Option<Verification>) {
        let mut reports = self.reports();
        if reports.verification != verification {
            reports.verification = verification;
            drop(reports);
            self.urgent.notify_one();
        }
    }

    pub(crate) fn verification(&self) -> Option<Verification> {
        self.reports().verification.clone()
    }

    pub(crate) fn login(&self) -> Option<Login> {
        self.reports().login.clone()
    }

    /// What keeps the service from Vika at this moment. What was reported before keeps its beginning; what is new is told at
    /// once.
    pub fn report_vika(&self, problems: Vec<OutsideProblem>) {
        self.report_outside(|reports| &mut reports.vika, problems);
    }

    /// The same of Huoban.
    pub fn report_huoban(&self, problems: Vec<OutsideProblem>) {
        self.report_outside(|reports| &mut reports.huoban, problems);
    }

    fn report_outside(
        &self,
        known: impl FnOnce(&mut Reports) -> &mut Vec<OutsideProblem>,
        mut problems: Vec<OutsideProblem>,
    ) {
        let mut reports = self.reports();
        let known = known(&mut reports);
        let same = |a: &OutsideProblem, b: &OutsideProblem| a.what == b.what && a.sheet == b.sheet;
        for problem in &mut problems {
            if let Some(known) = known.iter().find(|known| same(known, problem)) {
                problem.since = known.since;
            }
        }
        if *known != problems {
            *known = problems;
            drop(reports);
            self.urgent.notify_one();
        }
    }

    pub(crate) fn vika(&self) -> Vec<OutsideProblem> {
        self.reports().vika.clone()
    }

    pub(crate) fn huoban(&self) -> Vec<OutsideProblem> {
        self.reports().huoban.clone()
    }

    /// The rooms that cannot be counted at this moment; `None`: all can. A change is told at once.
    pub fn report_uncounted(&self, uncounted: Option<Uncounted>) {
        let mut reports = self.reports();
        if reports.uncounted != uncounted {
            reports.uncounted = uncounted;
            drop(reports);
            self.urgent.notify_one();
        }
    }

    pub(crate) fn uncounted(&self) -> Option<Uncounted> {
        self.reports().uncounted.clone()
    }

    /// Resolves when there is something to be told at once.
    pub(crate) async fn urgent(&self) {
        self.urgent.notified().await;
    }

    /// The service has started and works with these from now on.
    pub fn started(&self, db: &PgPool, bus: &Bus) {
        self.needs.set((db.clone(), bus.clone())).ok();
    }

    /// What it needs and lacks at this moment. Empty: nothing.
    pub async fn lacking(&self) -> Vec<&'static str> {
        let Some((db, bus)) = self.needs.get() else { return vec!["start"] };
        [("postgres", self.answers(db).await), ("bus", bus.is_connected())]
            .into_iter()
            .filter(|(_, there)| !there)
            .map(|(name, _)| name)
            .collect()
    }

    async fn answers(&self, db: &PgPool) -> bool {
        let mut last = self.postgres.lock().await;
        if let Some((at, answered)) = *last
            && at.elapsed() < ANSWER_STANDS
        {
            return answered;
        }
        let query = tokio::time::timeout(ANSWER_TIMEOUT, sqlx::query("select 1").execute(db)).await;
        let answered = matches!(query, Ok(Ok(_)));
        *last = Some((Instant::now(), answered));
        answered
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
    answer(&health, &[])
}

/// Live and ready: 200, or 503 with what is amiss.
async fn readyz(State(health): State<Health>) -> Response {
    let lacking = health.lacking().await;
    answer(&health, &lacking)
}

fn answer(health: &Health, lacking: &[&'static str]) -> Response {
    let silent = health.silent();
    let ok = silent.is_empty() && lacking.is_empty();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({
        "ok": ok, "silent_seconds": silent, "lacking": lacking, "standby": health.stands_by()
    });
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_is_behind_from_the_first_message_until_the_last() {
        let health = Health::default();
        health.behind("c", 900);
        let since = health.reports().behind["c"].since;
        health.behind("c", 400);
        assert_eq!((health.lags()[0].pending, health.reports().behind["c"].since), (400, since));
        health.caught_up("c");
        assert!(health.lags().is_empty());
    }

    #[test]
    fn whoever_stands_by_is_neither_behind_nor_silent() {
        let health = Health::default();
        health.beat("part");
        health.behind("c", 900);
        health.stand_by();
        assert!(health.stands_by() && health.lags().is_empty() && health.reports().parts.is_empty());
        health.take_over();
        assert!(!health.stands_by());
    }
}
