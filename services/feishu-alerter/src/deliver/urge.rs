//! Presses (加急) the readers of a card: a notice on their phones that stays until they look.
//!
//! At least once: pressed twice is seen twice, which does no harm. What is over meanwhile presses nobody.

use domain::Timestamp;
use store::alerts::watch::{Press, next_press, put_press_off, settle_press};
use store::sqlx::PgConnection;

use super::pace::{CHAT_SPACING, next_attempt};
use super::{Deliverer, Step};
use crate::failure::Failure;
use crate::feishu::{FeishuError, MessageId, OpenId};
use crate::watch::card::Shown;

/// After so many failures of any kind nobody is pressed by this card any more; the next one tries again.
const ATTEMPTS: i32 = 6;

impl Deliverer {
    /// Presses the readers of the next card of a chat that wants it.
    pub(super) async fn urge_next(&self, chat: &str) -> Result<Step, Failure> {
        let mut connection = self.ctx.db.acquire().await?;
        let Some(press) = next_press(&mut connection, chat, self.ctx.clock.now()).await? else {
            return Ok(Step::Idle);
        };
        let people = self.people();
        let over =
            !serde_json::from_value::<Shown>(press.wanted.clone()).is_ok_and(|shown| shown.is_active());
        if over || people.is_empty() {
            settle_press(&mut connection, press.card, false).await?;
            return Ok(Step::Worked);
        }
        drop(connection);
        let outcome = self.feishu.press(&MessageId::new(&press.message_id), &people).await;
        let now = self.ctx.clock.now();
        self.record_press(&mut *self.ctx.db.acquire().await?, &press, outcome, now).await?;
        self.ctx.clock.sleep(CHAT_SPACING).await;
        Ok(Step::Worked)
    }

    fn people(&self) -> Vec<OpenId> {
        let watchdog = self.ctx.config.watchdog.iter();
        watchdog.flat_map(|watchdog| &watchdog.operators).map(OpenId::new).collect()
    }

    async fn record_press(
        &self,
        connection: &mut PgConnection,
        press: &Press,
        outcome: Result<Vec<String>, FeishuError>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let error = match outcome {
            Ok(unreached) => {
                metrics::counter!("alerts_pressed_total").increment(1);
                if !unreached.is_empty() {
                    tracing::warn!(?unreached, "operators cannot be pressed: they are not in the chat");
                }
                return Ok(settle_press(connection, press.card, true).await?);
            }
            Err(error) => error,
        };
        tracing::warn!(card.id = press.card, error = %error, "nobody was pressed");
        match &error {
            FeishuError::QuotaExhausted(_) => {
                let until = self.stop_everything(&error, now);
                put_press_off(connection, press.card, until).await?;
            }
            FeishuError::RetrySameUuid { after, .. } if press.attempts + 1 < ATTEMPTS => {
                let next = next_attempt(press.attempts + 1, *after, now);
                put_press_off(connection, press.card, next).await?;
            }
            // The card itself is there. An app without the right to press can still send.
            _ => {
                tracing::error!(error = %error, "OPERATORS CANNOT BE PRESSED");
                settle_press(connection, press.card, false).await?;
            }
        }
        Ok(())
    }
}
