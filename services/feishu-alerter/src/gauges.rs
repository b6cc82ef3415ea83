//! What people watch, and the forgetting of what nobody needs any more.

use std::time::Duration;

use chrono::TimeDelta;
use runtime::Context;
use runtime::telemetry::chain;
use store::alerts::cards::backlog;
use store::alerts::presses::forget_events;

use crate::failure::Failure;

/// How often is counted.
const EVERY: Duration = Duration::from_secs(5);
/// Feishu pushes an event again for up to six hours; each is remembered for longer.
const EVENTS_KEPT: TimeDelta = TimeDelta::hours(9);

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context) {
    while ctx.shutdown.sleep(EVERY).await {
        match count(&ctx).await {
            Ok(()) => ctx.health.beat("gauges"),
            Err(failure) => tracing::warn!(error = chain(&failure), "cards could not be counted"),
        }
    }
}

async fn count(ctx: &Context) -> Result<(), Failure> {
    let now = ctx.clock.now();
    let mut connection = ctx.db.acquire().await?;
    let backlog = backlog(&mut connection).await?;
    let oldest = backlog.oldest_at.map_or(0.0, |at| (now - at).as_seconds_f64().max(0.0));
    metrics::gauge!("alerts_pending").set(count_of(backlog.pending));
    metrics::gauge!("alerts_oldest_pending_seconds").set(oldest);
    metrics::gauge!("alerts_parked").set(count_of(backlog.parked));
    metrics::gauge!("alerts_dead").set(count_of(backlog.dead));
    metrics::gauge!("alerts_to_change").set(count_of(backlog.to_change));
    forget_events(&mut connection, now - EVENTS_KEPT).await?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn count_of(number: i64) -> f64 {
    number as f64
}
