//! What people watch, and the forgetting of what nobody needs any more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::Timestamp;
use runtime::Context;
use runtime::telemetry::chain;
use store::alerts::actions;
use store::alerts::notifications;
use store::alerts::waiting::{self, Waiting};
use store::rules::RulesCache;

use crate::availability::Availability;
use crate::failure::Failure;

/// How often is counted.
const EVERY: Duration = Duration::from_secs(5);
/// Feishu pushes an event again for up to six hours; each is remembered for longer.
const EVENTS_KEPT: TimeDelta = TimeDelta::hours(9);

/// The label of waits of which no card has gone out.
const NO_CARD: &str = "none";

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context, rules: Arc<RulesCache>) {
    let mut rungs = BTreeSet::from([NO_CARD.to_owned()]);
    while ctx.shutdown.sleep(EVERY).await {
        match count(&ctx, &rules, &mut rungs).await {
            Ok(()) => ctx.health.beat("gauges"),
            Err(failure) => tracing::warn!(error = chain(&failure), "cards could not be counted"),
        }
    }
}

async fn count(ctx: &Context, rules: &RulesCache, rungs: &mut BTreeSet<String>) -> Result<(), Failure> {
    let now = ctx.clock.now();
    let mut connection = ctx.db.acquire().await?;
    let backlog = notifications::backlog(&mut connection).await?;
    let oldest = backlog.oldest_at.map_or(0.0, |at| (now - at).as_seconds_f64().max(0.0));
    metrics::gauge!("alerts_pending").set(count_of(backlog.pending));
    metrics::gauge!("alerts_oldest_pending_seconds").set(oldest);
    metrics::gauge!("alerts_parked").set(count_of(backlog.parked));
    metrics::gauge!("alerts_failed").set(count_of(backlog.failed));
    metrics::gauge!("alerts_to_change").set(count_of(backlog.to_change));
    show_waiting(&waiting::waiting(&mut connection, now).await?, rungs, now);
    let history = rules.get(&mut connection).await?;
    let availability = Availability::read(&mut connection, now).await?;
    metrics::gauge!("people_in_focus").set(count_of(availability.in_focus(history.at(now), now)));
    metrics::gauge!("people_away").set(count_of(availability.away()));
    actions::forget_events(&mut connection, now - EVENTS_KEPT).await?;
    Ok(())
}

/// A rung that nobody waits on any more, and that was shown before, is shown as empty.
fn show_waiting(waiting: &[Waiting], rungs: &mut BTreeSet<String>, now: Timestamp) {
    let rung = |of: &Waiting| of.threshold_seconds.map_or_else(|| NO_CARD.to_owned(), |at| at.to_string());
    rungs.extend(waiting.iter().map(rung));
    for name in rungs.iter() {
        let waits = waiting.iter().find(|of| rung(of) == *name).map_or(0, |of| of.waits);
        metrics::gauge!("waits_open", "rung" => name.clone()).set(count_of(waits));
    }
    let age = |since: Option<Timestamp>| since.map_or(0.0, |at| (now - at).as_seconds_f64().max(0.0));
    let oldest = waiting.iter().map(|of| of.oldest_at).min();
    metrics::gauge!("waits_oldest_open_seconds").set(age(oldest));
    metrics::gauge!("waits_unseen").set(count_of(waiting.iter().map(|of| of.unseen).sum()));
    metrics::gauge!("waits_unseen_oldest_seconds")
        .set(age(waiting.iter().filter_map(|of| of.unseen_since).min()));
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn count_of(number: i64) -> f64 {
    number as f64
}
