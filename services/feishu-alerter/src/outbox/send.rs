//! One card on its way out: look again → freeze → commit the attempt → call → record.
//!
//! The attempt is committed before the call, so that whoever comes after a crash knows that the card may stand in the
//! chat and tries the same bytes under the same delivery key, which the channel sends at most once within its window.

use chrono::TimeDelta;
use domain::Timestamp;
use domain::golive::Phase;
use domain::notification::Subject;
use runtime::trace::{self, Trace};
use serde_json::Value;
use store::alerts::changes;
use store::alerts::digest;
use store::alerts::held::{self, HeldFor};
use store::alerts::notifications::{self, Notification};
use store::alerts::openings;
use store::alerts::schedule;
use store::alerts::sending::{self, AttemptKey, FinalStatus, Frozen};
use store::golive;
use store::sqlx::{Connection, PgConnection};
use tracing::{Instrument as _, Span, info_span};

use super::pace::{DEFER_FOR, next_attempt};
use super::{Deliverer, Destination, Step};
use crate::availability::Availability;
use crate::channel::{Channel, DeliveryError, Limits, Remedy};
use crate::content::card::{CardState, Form};
use crate::content::status::as_json;
use crate::content::{Content, RenderContext};
use crate::failure::Failure;
use crate::freshness;
use crate::planner::load;
use crate::point;

/// An attempt that has not begun to call by then never does: its process was stopped meanwhile, another may have taken
/// the chat over, and the window of the delivery key may have passed. One that has surely has its outcome before [`super::LEASE`] ends.
pub(super) const IN_FLIGHT: TimeDelta = TimeDelta::seconds(30);
/// After so many failures a card lets the chat's others pass.
const PATIENCE: i32 = 4;

/// A card ready for one attempt, which is committed.
struct Attempt {
    /// As it was before this attempt.
    notification: Notification,
    delivery_key: String,
    payload: Value,
    /// Nobody else tries before; nor does this attempt begin after it.
    ends_at: Timestamp,
}

impl Attempt {
    /// The form to try after a definite refusal.
    fn simpler(&self, channel: &dyn Channel) -> Option<Form> {
        channel.simpler(&self.payload, Form::from_name(&self.notification.form))
    }

    /// It belongs to the trace of the message that its wait began with.
    fn span(&self) -> Span {
        let notification = &self.notification;
        let span = info_span!(
            parent: None,
            "notification.attempt",
            otel.kind = "client",
            notification.id = notification.id,
            subject = %notification.subject,
            step = %notification.step,
            address = %notification.to,
            delivery_key = self.delivery_key,
            attempts = notification.attempts + 1,
        );
        trace::continue_from(&span, notification.trace.as_deref().and_then(Trace::parse).as_ref());
        span
    }
}

/// What a look at the head of the queue gave.
enum Head {
    /// Nothing can be sent now.
    None,
    /// The card needed no call any more.
    Done,
    Ready(Box<Attempt>),
}

impl Deliverer {
    /// Sends the next card of an address, if its time has come.
    pub(super) async fn send_next(&self, destination: &Destination<'_>) -> Result<Step, Failure> {
        let attempt = match self.prepare(destination).await? {
            Head::None => return Ok(Step::Idle),
            Head::Done => return Ok(Step::Worked),
            Head::Ready(attempt) => attempt,
        };
        self.ctx.faults.reach(point::BEFORE_SEND).await;
        let Attempt { payload, delivery_key, ends_at, .. } = &*attempt;
        let sending = destination.channel().send(&destination.to.address, payload, delivery_key, *ends_at);
        let outcome = sending.instrument(attempt.span()).await;
        self.ctx.faults.reach(point::BEFORE_RECORD).await;
        self.record(destination, &attempt, outcome).await?;
        destination.space(&self.ctx.clock).await;
        Ok(Step::Worked)
    }

    async fn prepare(&self, destination: &Destination<'_>) -> Result<Head, Failure> {
        let to = destination.to;
        let now = self.ctx.clock.now();
        let mut tx = self.ctx.db.begin().await?;
        let held = freshness::hold_reason(&mut tx, &self.ctx.config, now).await?.is_some();
        let Some(id) = sending::lock_head(&mut tx, to, PATIENCE, held, now).await? else {
            return Ok(Head::None);
        };
        match self.look(&mut tx, destination.channel(), id, now).await {
            Ok(found) => {
                tx.commit().await?;
                Ok(found)
            }
            Err(failure) if failure.is_of_the_data() => {
                tx.rollback().await?;
                failure.log_unmade(id, to);
                sending::defer(&mut *self.ctx.db.acquire().await?, id, PATIENCE, now + DEFER_FOR).await?;
                Ok(Head::Done)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Looks again at a locked card: it gets a final status, stays where it is, or is made ready with its attempt noted.
    async fn look(
        &self,
        tx: &mut PgConnection,
        channel: &dyn Channel,
        id: i64,
        now: Timestamp,
    ) -> Result<Head, Failure> {
        let Some(card) = notifications::get(tx, id).await? else { return Ok(Head::None) };
        let history = self.rules.get(tx).await?;
        let (rules, config) = (history.at(now), &*self.ctx.config);
        let availability = &Availability::read(tx, now).await?;
        let rendering = RenderContext { rules, config, availability, now };
        let book = rendering.book();
        let content = Content::read(tx, &card, (&history, book), now).await?;
        let Some(content) = content.filter(|content| card.unconfirmed || content.is_wanted(&card, book, now))
        else {
            tracing::info!(subject = %card.subject, step = %card.step, "a card is obsolete: its reason is gone");
            drop_obsolete(tx, &card, now).await?;
            return Ok(Head::Done);
        };
        let phase = golive::history(tx).await?.at(now);
        if let Some(end) = ends_here(&card, channel.limits(), phase, now) {
            sending::finish(tx, id, end, None, now).await?;
            log_end(&card, end);
            return Ok(Head::Done);
        }
        if !phase.live && !card.is_alarm() {
            return Ok(Head::None);
        }
        if !card.unconfirmed && card.step.rung().is_some() && schedule::is_due(tx, &card.follows, now).await?
        {
            // A higher rung is about to take its place.
            return Ok(Head::None);
        }
        if !card.unconfirmed && card.is_digest() && digest::is_filling(tx, &card.to, now).await? {
            // Whoever else is about to stand on it.
            return Ok(Head::None);
        }
        if !card.unconfirmed && hold(tx, &card, &content, rendering).await? {
            return Ok(Head::Done);
        }
        let frozen = frozen(tx, channel, &card, &content, rendering).await?;
        let Some((delivery_key, payload)) = frozen else {
            // An earlier attempt may stand in the chat: people look.
            if card.unconfirmed {
                sending::finish(tx, id, FinalStatus::Parked, None, now).await?;
                log_end(&card, FinalStatus::Parked);
            } else {
                drop_obsolete(tx, &card, now).await?;
            }
            return Ok(Head::Done);
        };
        let ends_at = now + IN_FLIGHT;
        sending::mark_sending(tx, id, now, ends_at).await?;
        Ok(Head::Ready(Box::new(Attempt { notification: card, delivery_key, payload, ends_at })))
    }

    async fn record(
        &self,
        destination: &Destination<'_>,
        attempt: &Attempt,
        outcome: Result<String, DeliveryError>,
    ) -> Result<(), Failure> {
        let card = &attempt.notification;
        let now = self.ctx.clock.now();
        let mut connection = self.ctx.db.acquire().await?;
        match outcome {
            Ok(message) => {
                self.record_sent(&mut connection, card, &message, now).await?;
                metrics::counter!("alerts_sent_total").increment(1);
                metrics::histogram!("alert_lateness_seconds")
                    .record((now - card.due_at.max(card.held_until.unwrap_or(card.due_at))).as_seconds_f64());
                Ok(())
            }
            Err(error) => self.record_failure(&mut connection, destination, attempt, &error, now).await,
        }
    }

    /// From now on the card stands for its wait in this chat, and those before it shrink.
    async fn record_sent(
        &self,
        connection: &mut PgConnection,
        card: &Notification,
        message: &str,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let mut tx = connection.begin().await?;
        if let Some(room) = &card.room {
            schedule::lock_room(&mut tx, &room.to_string()).await?;
        }
        if sending::mark_sent(&mut tx, card.id, message, now).await? {
            changes::overtake(&mut tx, card.id, &as_json(&CardState::Escalated)?, now).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn record_failure(
        &self,
        connection: &mut PgConnection,
        destination: &Destination<'_>,
        attempt: &Attempt,
        error: &DeliveryError,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let card = &attempt.notification;
        let number = card.attempts + 1;
        let code = error.code;
        tracing::warn!(subject = %card.subject, address = %card.to, card.attempts = number, error = %error, "a card was not sent");
        let mut tx = connection.begin().await?;
        let key = AttemptKey { id: card.id, delivery_key: &attempt.delivery_key, attempt: number };
        if !sending::lock_attempt(&mut tx, key).await? {
            tracing::warn!(subject = %card.subject, address = %card.to, "the attempt was overtaken by another one");
            return Ok(());
        }
        let unconfirmed = card.unconfirmed || error.unconfirmed;
        match error.remedy {
            Remedy::Retry { after } => {
                let next = next_attempt(number, after, now);
                sending::mark_retry(&mut tx, card.id, unconfirmed, code, next, now).await?;
            }
            Remedy::StopChannel | Remedy::StopForQuota => {
                let until = destination.stop_channel(error, now);
                sending::mark_retry(&mut tx, card.id, unconfirmed, code, until, now).await?;
            }
            // This attempt was refused, but an earlier one may stand in the chat: only the same delivery key is safe.
            remedy if unconfirmed => {
                if matches!(remedy, Remedy::Simplify)
                    && let Some(form) = attempt.simpler(destination.channel())
                {
                    sending::simplify(&mut tx, card.id, form.name()).await?;
                }
                let next = next_attempt(number, None, now);
                sending::mark_retry(&mut tx, card.id, unconfirmed, code, next, now).await?;
            }
            Remedy::Simplify => match attempt.simpler(destination.channel()) {
                Some(form) => sending::mark_refused(&mut tx, card.id, form.name(), code, now).await?,
                None => fail(&mut tx, card, code, now).await?,
            },
            Remedy::GiveUp => fail(&mut tx, card, code, now).await?,
        }
        Ok(tx.commit().await?)
    }
}

/// Drops a card that nobody wants any more; what a list took the place of is looked at by itself.
async fn drop_obsolete(
    connection: &mut PgConnection,
    card: &Notification,
    now: Timestamp,
) -> Result<(), Failure> {
    sending::finish(connection, card.id, FinalStatus::Obsolete, None, now).await?;
    if matches!(card.subject, Subject::Opening(_)) {
        openings::give_back(connection, card.id, now).await?;
    }
    Ok(())
}

/// Leaves the card's reader alone, if that is asked for: in this wait, or in all of theirs while they are in focus.
async fn hold(
    tx: &mut PgConnection,
    card: &Notification,
    content: &Content,
    rendering: RenderContext<'_>,
) -> Result<bool, Failure> {
    let RenderContext { rules, availability, now, .. } = rendering;
    let held = content.hold(card, rendering.book(), rules, now);
    let whose = rendering.book().of_chat(&card.to).filter(|_| !content.breaks_through(card, rules));
    let in_focus = whose.and_then(|whose| availability.in_focus_until(&whose.name, rules, now));
    let heavy = match whose {
        Some(_) => Some(load::read(tx, &card.to, now).await?).filter(|load| load::is_heavy(load, now)),
        None => None,
    };
    // Over at once, unless a digest went out a moment ago: whoever looks at what is over tells it together.
    let heavy = heavy.map(|load| load::next_digest(&load, now));
    let held = match (held, in_focus.max(heavy)) {
        (None, Some(digest)) => Some((HeldFor::Digest, digest)),
        (held, _) => held,
    };
    let Some((held_for, until)) = held else { return Ok(false) };
    tracing::info!(subject = %card.subject, step = %card.step, address = %card.to, %until, "a card waits");
    held::hold(tx, card.id, held_for, until).await?;
    Ok(true)
}

/// What is sent: the bytes of the attempt before, or those made now and kept for those to come. `None`: it is not
/// wanted any more.
async fn frozen(
    connection: &mut PgConnection,
    channel: &dyn Channel,
    notification: &Notification,
    content: &Content,
    rendering: RenderContext<'_>,
) -> Result<Option<(String, Value)>, Failure> {
    let Notification { id, to, subject, step, .. } = notification;
    if let (Some(payload), Some(delivery_key)) = (&notification.payload, &notification.delivery_key) {
        if !channel.can_send(payload) {
            return Err(Failure::Payload);
        }
        return Ok(Some((delivery_key.clone(), payload.clone())));
    }
    let generation = u32::try_from(notification.generation).unwrap_or_default();
    let delivery_key = channel.delivery_key(&to.address, subject, *step, generation);
    let shown = content.first(notification, rendering.book(), rendering.now)?;
    let Some(card) = content.card(notification, &shown, rendering)? else { return Ok(None) };
    let payload = channel.render(&card, Form::from_name(&notification.form), &delivery_key);
    let (seen_up_to, texts_since) = (content.seen_up_to(), content.texts_since(rendering));
    let frozen =
        Frozen { delivery_key: &delivery_key, payload: &payload, seen_up_to, shown: &shown, texts_since };
    sending::freeze(connection, *id, &frozen).await?;
    Ok(Some((delivery_key, payload)))
}

/// Where a card ends that is not sent any more. One that was decided before the system went live, or went back to
/// rehearsal, is not sent; if it may stand in the chat already, nobody knows.
fn ends_here(card: &Notification, limits: Limits, phase: Phase, now: Timestamp) -> Option<FinalStatus> {
    let window_is_over = window_is_over(card, limits, now);
    if card.is_alarm() {
        // What is wrong with Huiyin itself is reported in rehearsal too.
        return window_is_over.then_some(FinalStatus::Parked);
    }
    let outlived = !phase.live || phase.since.is_some_and(|since| card.due_at < since);
    match (card.unconfirmed, phase.live) {
        (true, true) if outlived => Some(FinalStatus::Parked),
        (true, _) if window_is_over => Some(FinalStatus::Parked),
        (false, true) if outlived => Some(FinalStatus::Skipped),
        (false, false) => Some(FinalStatus::Rehearsed),
        _ => None,
    }
}

fn log_end(card: &Notification, end: FinalStatus) {
    if end == FinalStatus::Parked {
        metrics::counter!("alerts_parked_total").increment(1);
        tracing::error!(
            subject = %card.subject,
            delivery_key = card.delivery_key,
            address = %card.to,
            "a card is parked: nobody knows whether it was sent, and it must not be sent again"
        );
    } else {
        tracing::info!(subject = %card.subject, step = %card.step, ?end, "a card is not sent: it is of another phase");
    }
}

/// Whether the same delivery key could send a second message.
fn window_is_over(card: &Notification, limits: Limits, now: Timestamp) -> bool {
    card.unconfirmed && card.first_attempt_at.is_some_and(|first| now - first >= limits.deduplicates_for)
}

async fn fail(
    connection: &mut PgConnection,
    card: &Notification,
    code: Option<i64>,
    now: Timestamp,
) -> Result<(), Failure> {
    metrics::counter!("alerts_failed_total").increment(1);
    tracing::error!(subject = %card.subject, card.id = card.id, address = %card.to, code, "a card has failed: its address does not take it");
    Ok(sending::finish(connection, card.id, FinalStatus::Failed, code, now).await?)
}
