//! Sent cards made true again: what a card shows is replaced by what it should show.
//!
//! A change is absolute and silent, so it may be repeated at will; only the last wanted state is ever sent. What a card
//! shows is forgotten before each call: a change whose answer is lost may have been made.

use chrono::TimeDelta;
use domain::Timestamp;
use feishu::{CardUuid, FeishuError, MessageId, OutgoingMessage};
use store::alerts::cards::{self, Card};
use store::alerts::changes;
use store::sqlx::PgConnection;

use super::pace::{CHAT_SPACING, DEFER_FOR, next_attempt};
use super::send::IN_FLIGHT;
use super::{Deliverer, Step};
use crate::content::card::Form;
use crate::content::{CardContent, RenderContext};
use crate::failure::Failure;

/// Feishu takes changes of a card for this long.
const CHANGEABLE_FOR: TimeDelta = TimeDelta::days(14);

/// A change ready to be made.
struct Change {
    card: Card,
    message_id: MessageId,
    content: Content,
    /// It is not begun after this.
    ends_at: Timestamp,
}

/// What a message becomes.
struct Content {
    message: OutgoingMessage,
    /// The last entry of the room that its reader sees then; `None`: it shows no lines.
    seen_up_to: Option<String>,
}

/// What a look gave.
enum Next {
    None,
    /// This one needs no call, or can be made by no call now.
    Done,
    Ready(Box<Change>),
}

impl Deliverer {
    /// Changes the next card of a chat that shows what is not true any more.
    pub(super) async fn change_next(&self, chat: &str) -> Result<Step, Failure> {
        let change = match self.prepare_change(chat).await? {
            Next::None => return Ok(Step::Idle),
            Next::Done => return Ok(Step::Worked),
            Next::Ready(change) => change,
        };
        let outcome =
            self.feishu.update_card(&change.message_id, &change.content.message, change.ends_at).await;
        self.record_change(&change.card, change.content.seen_up_to.as_deref(), outcome).await?;
        self.ctx.clock.sleep(CHAT_SPACING).await;
        Ok(Step::Worked)
    }

    async fn prepare_change(&self, chat: &str) -> Result<Next, Failure> {
        let now = self.ctx.clock.now();
        let mut tx = self.ctx.db.begin().await?;
        let Some(id) = changes::lock_next(&mut tx, chat, now).await? else { return Ok(Next::None) };
        match self.look_at_change(&mut tx, id, now).await {
            Ok(next) => {
                tx.commit().await?;
                Ok(next)
            }
            Err(failure) if failure.is_of_the_data() => {
                tx.rollback().await?;
                failure.log_unmade(id, chat);
                changes::defer(&mut *self.ctx.db.acquire().await?, id, None, now + DEFER_FOR).await?;
                Ok(Next::Done)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn look_at_change(
        &self,
        connection: &mut PgConnection,
        id: i64,
        now: Timestamp,
    ) -> Result<Next, Failure> {
        let Some(card) = cards::get(connection, id).await? else { return Ok(Next::None) };
        if let Some((message_id, content)) = self.change(connection, &card, now).await? {
            changes::mark_changing(connection, id).await?;
            let ends_at = now + IN_FLIGHT;
            return Ok(Next::Ready(Box::new(Change { card, message_id, content, ends_at })));
        }
        changes::give_up(connection, id).await?;
        Ok(Next::Done)
    }

    /// The message and what it becomes. `None`: it cannot be changed.
    async fn change(
        &self,
        connection: &mut PgConnection,
        card: &Card,
        now: Timestamp,
    ) -> Result<Option<(MessageId, Content)>, Failure> {
        let form = Form::from_name(&card.form);
        let too_old = card.sent_at.is_none_or(|sent| now - sent >= CHANGEABLE_FOR);
        let uuid = card.uuid.clone().and_then(|uuid| CardUuid::try_from(uuid).ok());
        let (Some(message_id), Some(uuid)) = (&card.message_id, uuid) else { return Ok(None) };
        if too_old || form == Form::PlainText {
            return Ok(None);
        }
        let history = self.rules.get(connection).await?;
        let content = CardContent::read(connection, card, history.at(now), now).await?;
        let Some(content) = content else { return Ok(None) };
        let rendering = RenderContext { rules: history.at(now), config: &self.ctx.config, form, now };
        let message = content.message(card, uuid, &card.wanted, rendering)?;
        let seen_up_to = content.seen_up_to_when_shown(&card.wanted).map(str::to_owned);
        Ok(message.map(|message| (MessageId::new(message_id), Content { message, seen_up_to })))
    }

    async fn record_change(
        &self,
        card: &Card,
        seen_up_to: Option<&str>,
        outcome: Result<(), FeishuError>,
    ) -> Result<(), Failure> {
        let now = self.ctx.clock.now();
        let mut connection = self.ctx.db.acquire().await?;
        let Err(error) = outcome else {
            metrics::counter!("alerts_changed_total").increment(1);
            // What was sent, not what is wanted by now: if that differs, it is changed once more.
            return Ok(changes::mark_shown(&mut connection, card.id, &card.wanted, seen_up_to).await?);
        };
        tracing::warn!(wait.id = %card.wait, chat.id = card.chat, error = %error, "a card was not changed");
        let form = Form::from_name(&card.form);
        match &error {
            FeishuError::RetrySameUuid { after, .. } => {
                let next = next_attempt(card.change_attempts + 1, *after, now);
                changes::defer(&mut connection, card.id, None, next).await?;
            }
            FeishuError::FixCard(_) => match form.simpler().filter(|form| *form != Form::PlainText) {
                Some(simpler) => changes::defer(&mut connection, card.id, Some(simpler.name()), now).await?,
                None => changes::give_up(&mut connection, card.id).await?,
            },
            FeishuError::Unchangeable(_) | FeishuError::Permanent(_) => {
                metrics::counter!("alerts_unchangeable_total").increment(1);
                changes::give_up(&mut connection, card.id).await?;
            }
            FeishuError::AppRefused(_) | FeishuError::QuotaExhausted(_) => {
                let until = self.stop_everything(&error, now);
                changes::defer(&mut connection, card.id, None, until).await?;
            }
        }
        Ok(())
    }
}
