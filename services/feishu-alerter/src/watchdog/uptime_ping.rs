//! The uptime pinger: an address outside that is called as long as alarms can reach people, so that somebody
//! outside notices when that ends, for whatever reason.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use runtime::Context;
use runtime::config::Watchdog;
use runtime::telemetry::chain;

/// A pass of the watchdog older than this does not count.
const FRESH: Duration = Duration::from_secs(15);
/// How long the call may take.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// When the watchdog last found that alarms can reach people.
#[derive(Debug, Clone, Default)]
pub struct UptimePing(Arc<Mutex<Option<Instant>>>);

impl UptimePing {
    /// A pass has ended: whether alarms can reach people.
    pub fn note(&self, well: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = well.then(Instant::now);
    }

    fn is_fresh(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|last| last.elapsed() < FRESH)
    }
}

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context, watchdog: Watchdog, http: reqwest::Client, uptime_ping: UptimePing) {
    let Some(url) = watchdog.heartbeat_url else { return ctx.shutdown.wait().await };
    let every = watchdog.thresholds.heartbeat_every.as_duration();
    let mut due = Instant::now();
    while ctx.shutdown.sleep(every.min(Duration::from_secs(1))).await {
        if !uptime_ping.is_fresh() || Instant::now() < due {
            continue;
        }
        due = Instant::now() + every;
        let called = http.get(url.expose()).timeout(CALL_DEADLINE).send().await;
        match called.and_then(reqwest::Response::error_for_status) {
            Ok(_) => metrics::counter!("watchdog_uptime_pings_total").increment(1),
            // The address is a secret.
            Err(error) => tracing::warn!(error = chain(&error.without_url()), "the heartbeat was not taken"),
        }
    }
}
