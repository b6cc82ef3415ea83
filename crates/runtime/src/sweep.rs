//! What is done once a day: forgetting what was said, or noted, long ago.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::Context;
use crate::telemetry::chain;

/// The part of each service that [`crate::health`] knows it by.
const PART: &str = "retention";
/// How often the loop looks whether it is time. Loops tick in real time and compare with the clock, which tests move.
const TICK: Duration = Duration::from_secs(5);
/// The time between two rounds.
const EVERY: TimeDelta = TimeDelta::days(1);

/// Runs `round` once a day until the shutdown is requested, with the moment before which texts go. `what` is blanked, for
/// the log.
pub async fn blank_daily<F, Fut>(ctx: &Context, what: &str, round: F)
where
    F: Fn(DateTime<Utc>) -> Fut,
    Fut: Future<Output = Result<(), sqlx::Error>>,
{
    let round = &round;
    let blank = |now| async move {
        match ctx.config.retention.blank_before(now) {
            Some(before) => round(before).await,
            None => Ok(()),
        }
    };
    daily(ctx, PART, what, blank).await;
}

/// Runs `round` once a day until the shutdown is requested, with the time. A round that failed is tried again at the next
/// look. `part` is what [`crate::health`] knows it by, `what` is cleared, for the log.
pub async fn daily<F, Fut>(ctx: &Context, part: &'static str, what: &str, round: F)
where
    F: Fn(DateTime<Utc>) -> Fut,
    Fut: Future<Output = Result<(), sqlx::Error>>,
{
    let mut daily = Daily::default();
    while ctx.shutdown.sleep(TICK).await {
        ctx.health.beat(part);
        let now = ctx.clock.now();
        if !daily.is_due(now) {
            continue;
        }
        match round(now).await {
            Ok(()) => daily.done(now),
            Err(error) => tracing::warn!(error = chain(&error), "clearing {what} was cut short"),
        }
    }
}

/// When the next round is due.
#[derive(Debug, Clone, Copy, Default)]
struct Daily {
    done_at: Option<DateTime<Utc>>,
}

impl Daily {
    /// Whether it is time for a round; the first is due at once.
    fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.done_at.is_none_or(|done| now - done >= EVERY)
    }

    /// A round is over, and nothing was left.
    fn done(&mut self, now: DateTime<Utc>) {
        self.done_at = Some(now);
    }
}
