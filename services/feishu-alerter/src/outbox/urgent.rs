//! Urgent pushes (加急) to the readers of a card: a notice on their phones that stays until they look.
//!
//! At least once: pushed twice is seen twice, which does no harm. What is over meanwhile is pushed to nobody.

use domain::Timestamp;
use store::alerts::alarms::{self, UrgentPush};
use store::sqlx::PgConnection;

use super::pace::next_attempt;
use super::{Deliverer, Destination, Step};
use crate::channel::{DeliveryError, Remedy};
use crate::failure::Failure;
use crate::watchdog::card::Shown;

/// After so many failures of any kind this card is pushed no more; the next one tries again.
const ATTEMPTS: i32 = 6;

impl Deliverer {
    /// Pushes the next card of an address that wants it to its readers.
    pub(super) async fn push_urgent_next(&self, destination: &Destination<'_>) -> Result<Step, Failure> {
        let mut connection = self.ctx.db.acquire().await?;
        let Some(push) = alarms::next_urgent(&mut connection, destination.to, self.ctx.clock.now()).await?
        else {
            return Ok(Step::Idle);
        };
        let people = self.operators();
        let over = !serde_json::from_value::<Shown>(push.wanted.clone()).is_ok_and(|shown| shown.is_active());
        if over || people.is_empty() {
            alarms::settle_urgent(&mut connection, push.card, false).await?;
            return Ok(Step::Worked);
        }
        drop(connection);
        let outcome = destination.channel().push_urgent(&push.message_id, people).await;
        let now = self.ctx.clock.now();
        self.record_push(&mut *self.ctx.db.acquire().await?, destination, &push, outcome, now).await?;
        destination.space(&self.ctx.clock).await;
        Ok(Step::Worked)
    }

    fn operators(&self) -> &[String] {
        self.ctx.config.watchdog.as_ref().map_or(&[], |watchdog| &watchdog.operators)
    }

    async fn record_push(
        &self,
        connection: &mut PgConnection,
        destination: &Destination<'_>,
        push: &UrgentPush,
        outcome: Result<Vec<String>, DeliveryError>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let error = match outcome {
            Ok(unreached) => {
                metrics::counter!("alerts_urgent_pushes_total").increment(1);
                if !unreached.is_empty() {
                    tracing::warn!(?unreached, "operators get no urgent push: they are not in the chat");
                }
                return Ok(alarms::settle_urgent(connection, push.card, true).await?);
            }
            Err(error) => error,
        };
        tracing::warn!(card.id = push.card, error = %error, "an urgent push failed");
        match error.remedy {
            Remedy::StopForQuota => {
                let until = destination.stop_channel(&error, now);
                alarms::defer_urgent(connection, push.card, until).await?;
            }
            Remedy::Retry { after } if push.attempts + 1 < ATTEMPTS => {
                let next = next_attempt(push.attempts + 1, after, now);
                alarms::defer_urgent(connection, push.card, next).await?;
            }
            // The card itself is there. An app without the right to push can still send.
            _ => {
                tracing::error!(error = %error, "OPERATORS GET NO URGENT PUSH");
                alarms::settle_urgent(connection, push.card, false).await?;
            }
        }
        Ok(())
    }
}
