//! Takes note of dead letters as they arrive.

use std::time::Duration;

use runtime::Context;
use runtime::bus::{Consumer, Delivery, Handler, Outcome, consume};
use runtime::telemetry::chain;
use store::alerts::alarms;
use store::sqlx;

use super::facts::LETTERS_RELEVANT_FOR;

/// The pause before letters that could not be noted come again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

struct Letters {
    ctx: Context,
}

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context) {
    let mut letters = Letters { ctx: ctx.clone() };
    consume(&ctx.bus, Consumer::WatchdogDead, &mut letters, &ctx.shutdown, &ctx.health).await;
}

impl Handler for Letters {
    async fn handle(&mut self, batch: &[Delivery]) -> Vec<Outcome> {
        let outcome = match self.note(batch).await {
            Ok(()) => Outcome::Done,
            Err(error) => {
                tracing::warn!(error = chain(&error), "dead letters could not be noted");
                Outcome::Retry(RETRY_AFTER)
            }
        };
        vec![outcome; batch.len()]
    }
}

impl Letters {
    async fn note(&self, batch: &[Delivery]) -> Result<(), sqlx::Error> {
        let now = self.ctx.clock.now();
        let letters: Vec<_> = batch.iter().filter_map(letter).collect();
        let mut connection = self.ctx.db.acquire().await?;
        alarms::note_letters(&mut connection, &letters, now).await?;
        alarms::forget_letters(&mut connection, now - LETTERS_RELEVANT_FOR * 2).await
    }
}

/// `dead.<service>.<reason>`
fn letter(delivery: &Delivery) -> Option<(i64, String, String)> {
    let (service, reason) = delivery.subject().strip_prefix("dead.")?.split_once('.')?;
    Some((i64::try_from(delivery.stream_seq).ok()?, service.to_owned(), reason.to_owned()))
}
