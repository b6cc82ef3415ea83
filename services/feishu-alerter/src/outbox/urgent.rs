//! Urgent pushes (加急) to the readers of a card: a notice on their phones that stays until they look.
//!
//! At least once: pushed twice is seen twice, which does no harm. What is over meanwhile is pushed to nobody.

use domain::Timestamp;
use feishu::{FeishuError, MessageId, OpenId};
use store::alerts::alarms::{self, UrgentPush};
use store::sqlx::PgConnection;

use super::pace::{CHAT_SPACING, next_attempt};
use super::{Deliverer, Step};
use crate::failure::Failure;
use crate::watchdog::card::Shown;

/// After so many failures of any kind this card is pushed no more; the next one tries again.
const ATTEMPTS: i32 = 6;

impl Deliverer {
    /// Pushes the next card of a chat that wants it to its readers.
    pub(super) async fn push_urgent_next(&self, chat: &str) -> Result<Step, Failure> {
        let mut connection = self.ctx.db.acquire().await?;
        let Some(push) = alarms::next_urgent(&mut connection, chat, self.ctx.clock.now()).await? else {
            return Ok(Step::Idle);
        };
        let people = self.people();
        let over = !serde_json::from_value::<Shown>(push.wanted.clone()).is_ok_and(|shown| shown.is_active());
        if over || people.is_empty() {
            alarms::settle_urgent(&mut connection, push.card, false).await?;
            return Ok(Step::Worked);
        }
        drop(connection);
        let outcome = self.feishu.push_urgent(&MessageId::new(&push.message_id), &people).await;
        let now = self.ctx.clock.now();
        self.record_push(&mut *self.ctx.db.acquire().await?, &push, outcome, now).await?;
        self.ctx.clock.sleep(CHAT_SPACING).await;
        Ok(Step::Worked)
    }

    fn people(&self) -> Vec<OpenId> {
        let watchdog = self.ctx.config.watchdog.iter();
        watchdog.flat_map(|watchdog| &watchdog.operators).map(OpenId::new).collect()
    }

    async fn record_push(
        &self,
        connection: &mut PgConnection,
        push: &UrgentPush,
        outcome: Result<Vec<String>, FeishuError>,
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
        match &error {
            FeishuError::QuotaExhausted(_) => {
                let until = self.stop_everything(&error, now);
                alarms::defer_urgent(connection, push.card, until).await?;
            }
            FeishuError::RetrySameUuid { after, .. } if push.attempts + 1 < ATTEMPTS => {
                let next = next_attempt(push.attempts + 1, *after, now);
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
