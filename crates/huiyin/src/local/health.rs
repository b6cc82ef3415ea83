//! The health of everything in this process: its children and all its services.
//!
//! *Live*: no child is away, no service has stopped, and no part of one is silent. *Ready*: all of that, and every
//! service has started and reaches Postgres and the bus now. Names only: why stands on the terminal and in the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use local_stack::supervise::{Event, What};
use runtime::health::Health as Parts;
use serde::Serialize;
use tokio::sync::Notify;

/// Reports of children and services. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Health {
    reports: Arc<Mutex<Reports>>,
    /// Wakes whoever waits for an answer that a child which just died will not give.
    died: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Reports {
    away: BTreeSet<&'static str>,
    services: BTreeMap<&'static str, Service>,
}

#[derive(Debug)]
enum Service {
    /// It runs, and its parts report here.
    Runs(Parts),
    /// It has failed and is not started again yet.
    Stopped(String),
}

/// What is amiss, by service.
#[derive(Debug, Default, Serialize)]
struct Amiss {
    ok: bool,
    /// Children that died and do not run again yet.
    away: BTreeSet<&'static str>,
    /// Services that failed and do not run again yet.
    stopped: BTreeSet<&'static str>,
    /// Parts of a service that have not reported, with their silence.
    silent_seconds: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// What a service lacks.
    lacking: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Health {
    fn reports(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A child is there, so that its death can be counted from nothing.
    pub(super) fn expect_child(child: &'static str) {
        metrics::gauge!("child_up", "child" => child).set(1.0);
        metrics::counter!("child_deaths_total", "child" => child).absolute(0);
    }

    /// Something happened to a child.
    pub(crate) fn on_event(&self, event: &Event) {
        let child = event.child;
        match event.what {
            What::Died { .. } => {
                self.reports().away.insert(child);
                metrics::counter!("child_deaths_total", "child" => child).increment(1);
                metrics::gauge!("child_up", "child" => child).set(0.0);
                self.died.notify_waiters();
            }
            What::Refused { .. } => {}
            What::Back { .. } => {
                self.reports().away.remove(child);
                metrics::gauge!("child_up", "child" => child).set(1.0);
            }
        }
    }

    /// A service begins, and its parts report there.
    pub(super) fn runs(&self, service: &'static str, parts: Parts) {
        self.reports().services.insert(service, Service::Runs(parts));
    }

    pub(super) fn stopped(&self, service: &'static str, why: String) {
        self.reports().services.insert(service, Service::Stopped(why));
    }

    /// What does not run at this moment, with the reason if there is one to tell.
    pub fn failures(&self) -> BTreeMap<&'static str, String> {
        let reports = self.reports();
        let stopped = reports.services.iter().filter_map(|(name, service)| match service {
            Service::Stopped(why) => Some((*name, why.clone())),
            Service::Runs(_) => None,
        });
        stopped.chain(reports.away.iter().map(|child| (*child, String::new()))).collect()
    }

    fn live(&self) -> Amiss {
        let reports = self.reports();
        let mut amiss = Amiss { away: reports.away.clone(), ..Amiss::default() };
        for (name, service) in &reports.services {
            let silent = match service {
                Service::Runs(parts) => parts.silent(),
                Service::Stopped(_) => {
                    amiss.stopped.insert(name);
                    BTreeMap::new()
                }
            };
            metrics::gauge!("service_silent_parts", "service" => *name).set(count(silent.len()));
            if !silent.is_empty() {
                amiss.silent_seconds.insert(name, silent);
            }
        }
        amiss.settle()
    }

    async fn ready(&self) -> Amiss {
        let running: Vec<(&'static str, Parts)> = {
            let reports = self.reports();
            let runs = reports.services.iter().filter_map(|(name, service)| match service {
                Service::Runs(parts) => Some((*name, parts.clone())),
                Service::Stopped(_) => None,
            });
            runs.collect()
        };
        let needs = running.iter().map(|(name, parts)| async move { (*name, parts.lacking().await) });
        let answers = self.unless_away(futures::future::join_all(needs)).await;
        let mut amiss = self.live();
        if running.is_empty() {
            amiss.lacking.insert("services", vec!["start"]);
        }
        amiss.lacking.extend(answers.into_iter().flatten().filter(|(_, lacking)| !lacking.is_empty()));
        amiss.settle()
    }

    /// The answers, or `None` as soon as a child is away: whoever asks a dead Postgres would wait until it is back, and
    /// hear that all is well.
    async fn unless_away<T>(&self, answers: impl Future<Output = T>) -> Option<T> {
        let died = self.died.notified();
        if !self.reports().away.is_empty() {
            return None;
        }
        tokio::select! {
            biased;
            () = died => None,
            answers = answers => Some(answers),
        }
    }

    /// `GET /healthz` (live), `GET /readyz` (ready): 200, or 503 with what is amiss; and `GET /metrics`, as `render` has
    /// them.
    pub(crate) fn router(self, render: impl Fn() -> String + Clone + Send + Sync + 'static) -> Router {
        Router::new()
            .route("/healthz", get(async |State(health): State<Self>| health.live()))
            .route("/readyz", get(async |State(health): State<Self>| health.ready().await))
            .route(
                "/metrics",
                get(async move |State(health): State<Self>| {
                    // Silence is measured when it is asked for.
                    health.live();
                    render()
                }),
            )
            .with_state(self)
    }
}

impl Amiss {
    fn settle(mut self) -> Self {
        self.ok = self.away.is_empty()
            && self.stopped.is_empty()
            && self.silent_seconds.is_empty()
            && self.lacking.is_empty();
        self
    }
}

impl IntoResponse for Amiss {
    fn into_response(self) -> Response {
        let status = if self.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, Json(self)).into_response()
    }
}

/// A service has a handful of parts.
fn count(parts: usize) -> f64 {
    u32::try_from(parts).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn event(what: What) -> Event {
        Event { child: "Postgres", what }
    }

    fn died() -> What {
        What::Died { how: "signal: 9 (SIGKILL)".to_owned(), pause: Duration::from_secs(1) }
    }

    #[tokio::test]
    async fn nobody_waits_for_the_answer_of_a_dead_child() {
        let health = Health::default();
        let needs = health.unless_away(std::future::pending::<()>());
        let died = async { health.on_event(&event(died())) };
        assert_eq!(tokio::join!(needs, died).0, None, "it died meanwhile");
        assert_eq!(health.unless_away(std::future::pending::<()>()).await, None, "it is away");
        health.on_event(&event(What::Back { after: Duration::ZERO }));
        assert_eq!(health.unless_away(async { 1 }).await, Some(1));
    }

    #[tokio::test]
    async fn a_dead_child_and_a_stopped_service_are_amiss_until_they_are_back() {
        let health = Health::default();
        assert!(health.live().ok && !health.ready().await.ok, "nothing has started");
        health.on_event(&event(died()));
        assert!(!health.live().ok && health.live().away.contains("Postgres"));
        assert!(health.failures().contains_key("Postgres"));
        health.on_event(&event(What::Back { after: Duration::from_secs(1) }));
        assert!(health.live().ok && health.failures().is_empty());
        health.stopped("ingest", "its port is taken".to_owned());
        assert!(!health.live().ok && health.live().stopped.contains("ingest"));
        health.runs("ingest", Parts::default());
        assert!(health.live().ok);
        let lacking = health.ready().await.lacking;
        assert_eq!(lacking.get("ingest"), Some(&vec!["start"]), "it runs, and has not started");
    }
}
