//! Sent cards made true again: what a card shows is replaced by what it should show.
//!
//! A change is absolute and silent, so it may be repeated at will; only the last wanted state is ever sent. What a card
//! shows is forgotten before each call: a change whose answer is lost may have been made.

use domain::Timestamp;
use serde_json::Value;
use store::alerts::changes;
use store::alerts::notifications::{self, Notification};
use store::sqlx::PgConnection;

use super::pace::{DEFER_FOR, next_attempt};
use super::send::IN_FLIGHT;
use super::{Deliverer, Destination, Step};
use crate::availability::Availability;
use crate::channel::{Channel, DeliveryError, Remedy};
use crate::content::card::Form;
use crate::content::{Content, RenderContext};
use crate::failure::Failure;

/// A change ready to be made.
struct Change {
    card: Notification,
    message_id: String,
    becomes: Becomes,
    /// It is not begun after this.
    ends_at: Timestamp,
}

/// What a message becomes.
struct Becomes {
    payload: Value,
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
    /// Changes the next card of an address that shows what is not true any more.
    pub(super) async fn change_next(&self, destination: &Destination<'_>) -> Result<Step, Failure> {
        let change = match self.prepare_change(destination).await? {
            Next::None => return Ok(Step::Idle),
            Next::Done => return Ok(Step::Worked),
            Next::Ready(change) => change,
        };
        let Change { card, message_id, becomes, ends_at } = &*change;
        let outcome = destination.channel().update(message_id, &becomes.payload, *ends_at).await;
        self.record_change(destination, card, becomes.seen_up_to.as_deref(), outcome).await?;
        destination.space(&self.ctx.clock).await;
        Ok(Step::Worked)
    }

    async fn prepare_change(&self, destination: &Destination<'_>) -> Result<Next, Failure> {
        let to = destination.to;
        let now = self.ctx.clock.now();
        let mut tx = self.ctx.db.begin().await?;
        let Some(id) = changes::lock_next(&mut tx, to, now).await? else { return Ok(Next::None) };
        match self.look_at_change(&mut tx, destination.channel(), id, now).await {
            Ok(next) => {
                tx.commit().await?;
                Ok(next)
            }
            Err(failure) if failure.is_of_the_data() => {
                tx.rollback().await?;
                failure.log_unmade(id, to);
                changes::defer(&mut *self.ctx.db.acquire().await?, id, None, now + DEFER_FOR).await?;
                Ok(Next::Done)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn look_at_change(
        &self,
        connection: &mut PgConnection,
        channel: &dyn Channel,
        id: i64,
        now: Timestamp,
    ) -> Result<Next, Failure> {
        let Some(card) = notifications::get(connection, id).await? else { return Ok(Next::None) };
        if let Some((message_id, becomes)) = self.change(connection, channel, &card, now).await? {
            changes::mark_changing(connection, id).await?;
            let ends_at = now + IN_FLIGHT;
            return Ok(Next::Ready(Box::new(Change { card, message_id, becomes, ends_at })));
        }
        changes::give_up(connection, id).await?;
        Ok(Next::Done)
    }

    /// The message and what it becomes. `None`: it cannot be changed.
    async fn change(
        &self,
        connection: &mut PgConnection,
        channel: &dyn Channel,
        card: &Notification,
        now: Timestamp,
    ) -> Result<Option<(String, Becomes)>, Failure> {
        let form = Form::from_name(&card.form);
        let changeable = |sent| channel.limits().changeable_for.is_some_and(|limit| now - sent < limit);
        let (Some(message_id), Some(delivery_key)) = (&card.message_id, &card.delivery_key) else {
            return Ok(None);
        };
        if form == Form::PlainText || !card.sent_at.is_some_and(changeable) {
            return Ok(None);
        }
        let history = self.rules.get(connection).await?;
        let (rules, config) = (history.at(now), &*self.ctx.config);
        let availability = &Availability::read(connection, now).await?;
        let rendering = RenderContext { rules, config, availability, now };
        let content = Content::read(connection, card, (&history, rendering.book()), now).await?;
        let Some(content) = content else { return Ok(None) };
        let seen_up_to = content.seen_up_to_when_shown(&card.wanted).map(str::to_owned);
        let shown = content.card(card, &card.wanted, rendering)?;
        let payload = shown.map(|shown| channel.render(&shown, form, delivery_key));
        Ok(payload.map(|payload| (message_id.clone(), Becomes { payload, seen_up_to })))
    }

    async fn record_change(
        &self,
        destination: &Destination<'_>,
        card: &Notification,
        seen_up_to: Option<&str>,
        outcome: Result<(), DeliveryError>,
    ) -> Result<(), Failure> {
        let now = self.ctx.clock.now();
        let mut connection = self.ctx.db.acquire().await?;
        let Err(error) = outcome else {
            metrics::counter!("alerts_changed_total").increment(1);
            // What was sent, not what is wanted by now: if that differs, it is changed once more.
            return Ok(changes::mark_shown(&mut connection, card.id, &card.wanted, seen_up_to).await?);
        };
        tracing::warn!(subject = %card.subject, address = %card.to, error = %error, "a card was not changed");
        let form = Form::from_name(&card.form);
        match error.remedy {
            Remedy::Retry { after } => {
                let next = next_attempt(card.change_attempts + 1, after, now);
                changes::defer(&mut connection, card.id, None, next).await?;
            }
            Remedy::Simplify => match form.simpler().filter(|form| *form != Form::PlainText) {
                Some(simpler) => changes::defer(&mut connection, card.id, Some(simpler.name()), now).await?,
                None => changes::give_up(&mut connection, card.id).await?,
            },
            Remedy::GiveUp => {
                metrics::counter!("alerts_unchangeable_total").increment(1);
                changes::give_up(&mut connection, card.id).await?;
            }
            Remedy::StopChannel | Remedy::StopForQuota => {
                let until = destination.stop_channel(&error, now);
                changes::defer(&mut connection, card.id, None, until).await?;
            }
        }
        Ok(())
    }
}
