//! Tells the others how far the fold has come, so that nobody acts on stale truth.

use std::time::Duration;

use runtime::Context;
use runtime::bus::Consumer;
use runtime::telemetry::chain;
use store::rooms::progress;

/// How often progress is noted.
const EVERY: Duration = Duration::from_secs(1);
const CONSUMERS: [Consumer; 2] = [Consumer::RoomStateChat, Consumer::RoomStateCommand];

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context) {
    while ctx.shutdown.sleep(EVERY).await {
        for consumer in CONSUMERS {
            match note(&ctx, consumer).await {
                Ok(()) => ctx.health.beat("progress"),
                Err(error) => {
                    tracing::warn!(consumer = consumer.name(), error, "progress could not be noted");
                }
            }
        }
    }
    for consumer in CONSUMERS {
        // Whoever goes on tells it.
        behind(consumer, 0.0);
    }
}

fn behind(consumer: Consumer, seconds: f64) {
    metrics::gauge!("fold_behind_seconds", "consumer" => consumer.name()).set(seconds);
}

/// Caught up is what the server says of all replicas together: nothing undelivered, nothing unacknowledged.
async fn note(ctx: &Context, consumer: Consumer) -> Result<(), String> {
    let now = ctx.clock.now();
    let lag = ctx.bus.lag(consumer).await.map_err(|error| chain(&error))?;
    let caught_up_at = lag.oldest_unhandled_at.unwrap_or(now).min(now);
    let mut connection = ctx.db.acquire().await.map_err(|error| chain(&error))?;
    let stream_seq = i64::try_from(lag.handled_seq).unwrap_or(i64::MAX);
    let pending = i64::try_from(lag.pending).unwrap_or(i64::MAX);
    behind(consumer, lag.oldest_unhandled_at.map_or(0.0, |oldest| (now - oldest).as_seconds_f64().max(0.0)));
    progress::note(&mut connection, consumer.name(), stream_seq, pending, caught_up_at, now)
        .await
        .map_err(|error| chain(&error))
}
