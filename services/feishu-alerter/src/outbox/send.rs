//! One card on its way out: look again → freeze → commit the attempt → call → record.
//!
//! The attempt is committed before the call, so that whoever comes after a crash knows that the card may stand in the
//! chat and tries the same bytes under the same uuid, which Feishu sends at most once within the hour.

use chrono::TimeDelta;
use domain::Timestamp;
use domain::golive::Phase;
use feishu::{CardUuid, Certainty, ChatId, FeishuError, OutgoingMessage, Receiver, Sent};
use runtime::trace::{self, Trace};
use serde_json::Value;
use store::alerts::cards::{self, Card};
use store::alerts::changes;
use store::alerts::schedule;
use store::alerts::sending::{self, AttemptKey, FinalStatus, Frozen};
use store::golive;
use store::sqlx::{Connection, PgConnection};
use tracing::{Instrument as _, Span, info_span};

use super::pace::{CHAT_SPACING, DEFER_FOR, next_attempt};
use super::{Deliverer, Step};
use crate::content::card::{CardState, Form};
use crate::content::status::as_json;
use crate::content::{CardContent, RenderContext};
use crate::failure::Failure;
use crate::freshness;
use crate::point;

/// Feishu sends nothing twice under one uuid for an hour. Counted from the first attempt and with room to spare, so
/// that it does not matter from when Feishu counts.
const UUID_WINDOW: TimeDelta = TimeDelta::minutes(55);
/// An attempt that has not begun to call by then never does: its process was stopped meanwhile, another may have taken
/// the chat over, and the uuid's hour may have passed. One that has surely has its outcome before [`super::LEASE`] ends.
pub(super) const IN_FLIGHT: TimeDelta = TimeDelta::seconds(30);
/// After so many failures a card lets the chat's others pass.
const PATIENCE: i32 = 4;
/// How long everything stops when the app itself is refused.
const APP_PAUSE: TimeDelta = TimeDelta::minutes(1);
/// How long everything stops when the month's calls are used up.
const QUOTA_PAUSE: TimeDelta = TimeDelta::minutes(10);

/// A card ready for one attempt, which is committed.
struct Attempt {
    /// As it was before this attempt.
    card: Card,
    uuid: CardUuid,
    message: OutgoingMessage,
    /// Nobody else tries before; nor does this attempt begin after it.
    ends_at: Timestamp,
}

impl Attempt {
    /// It belongs to the trace of the message that its wait began with.
    fn span(&self) -> Span {
        let card = &self.card;
        let span = info_span!(
            parent: None,
            "card.attempt",
            otel.kind = "client",
            card.id = card.id,
            card.uuid = self.uuid.as_str(),
            card.rung = card.rung,
            card.attempts = card.attempts + 1,
            chat.id = card.chat,
            room.id = %card.room,
            wait.id = %card.wait,
        );
        trace::continue_from(&span, card.trace.as_deref().and_then(Trace::parse).as_ref());
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
    /// Sends the next card of a chat, if its time has come.
    pub(super) async fn send_next(&self, chat: &str) -> Result<Step, Failure> {
        let attempt = match self.prepare(chat).await? {
            Head::None => return Ok(Step::Idle),
            Head::Done => return Ok(Step::Worked),
            Head::Ready(attempt) => attempt,
        };
        self.ctx.faults.reach(point::BEFORE_SEND).await;
        let to = Receiver::Chat(ChatId::new(chat));
        let sending = self.feishu.send(&to, &attempt.message, &attempt.uuid, attempt.ends_at);
        let outcome = sending.instrument(attempt.span()).await;
        self.ctx.faults.reach(point::BEFORE_RECORD).await;
        self.record(&attempt, outcome).await?;
        self.ctx.clock.sleep(CHAT_SPACING).await;
        Ok(Step::Worked)
    }

    async fn prepare(&self, chat: &str) -> Result<Head, Failure> {
        let now = self.ctx.clock.now();
        let mut tx = self.ctx.db.begin().await?;
        let held = freshness::hold_reason(&mut tx, &self.ctx.config, now).await?.is_some();
        let Some(id) = sending::lock_head(&mut tx, chat, PATIENCE, held, now).await? else {
            return Ok(Head::None);
        };
        match self.look(&mut tx, id, now).await {
            Ok(found) => {
                tx.commit().await?;
                Ok(found)
            }
            Err(failure) if failure.is_of_the_data() => {
                tx.rollback().await?;
                failure.log_unmade(id, chat);
                sending::defer(&mut *self.ctx.db.acquire().await?, id, PATIENCE, now + DEFER_FOR).await?;
                Ok(Head::Done)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Looks again at a locked card: it gets a final status, stays where it is, or is made ready with its attempt noted.
    async fn look(&self, tx: &mut PgConnection, id: i64, now: Timestamp) -> Result<Head, Failure> {
        let Some(card) = cards::get(tx, id).await? else { return Ok(Head::None) };
        let history = self.rules.get(tx).await?;
        let content = CardContent::read(tx, &card, history.at(now), now).await?;
        let Some(content) = content
            .filter(|content| card.unconfirmed || content.is_wanted(&card, &self.ctx.config.feishu, now))
        else {
            tracing::info!(wait.id = %card.wait, card.rung = card.rung, "a card is obsolete: its reason is gone");
            sending::finish(tx, id, FinalStatus::Obsolete, None, now).await?;
            return Ok(Head::Done);
        };
        let phase = golive::history(tx).await?.at(now);
        if let Some(end) = ends_here(&card, phase, now) {
            sending::finish(tx, id, end, None, now).await?;
            log_end(&card, end);
            return Ok(Head::Done);
        }
        if !phase.live && card.alarm.is_none() {
            return Ok(Head::None);
        }
        if !card.unconfirmed && card.is_of_a_rung() && schedule::is_due(tx, &card.follows, now).await? {
            // A higher rung is about to take its place.
            return Ok(Head::None);
        }
        let Some((uuid, message)) = self.frozen(tx, &card, &content, now).await? else {
            sending::finish(tx, id, FinalStatus::Obsolete, None, now).await?;
            return Ok(Head::Done);
        };
        let ends_at = now + IN_FLIGHT;
        sending::mark_sending(tx, id, now, ends_at).await?;
        Ok(Head::Ready(Box::new(Attempt { card, uuid, message, ends_at })))
    }

    /// The card's bytes: those of the first attempt, or made now and kept for every attempt. `None`: it is not
    /// wanted any more.
    async fn frozen(
        &self,
        connection: &mut PgConnection,
        card: &Card,
        content: &CardContent,
        now: Timestamp,
    ) -> Result<Option<(CardUuid, OutgoingMessage)>, Failure> {
        let generation = u32::try_from(card.generation).unwrap_or_default();
        let uuid = CardUuid::new(&card.chat, card.wait.as_str(), &card.rung, generation);
        if let Some(payload) = &card.payload {
            let message = serde_json::from_value(payload.clone());
            return Ok(Some((uuid, message.map_err(|error| Failure::Json("card", error))?)));
        }
        let history = self.rules.get(connection).await?;
        let (rules, config) = (history.at(now), &*self.ctx.config);
        let rendering = RenderContext { rules, config, form: Form::from_name(&card.form), now };
        let shown = content.first(card, &config.feishu, now)?;
        let Some(message) = content.message(card, uuid.clone(), &shown, rendering)? else { return Ok(None) };
        let payload: Value = serde_json::to_value(&message).map_err(|error| Failure::Json("card", error))?;
        let (seen_up_to, texts_since) = (content.seen_up_to(), content.texts_since(rendering));
        let frozen =
            Frozen { uuid: uuid.as_str(), payload: &payload, seen_up_to, shown: &shown, texts_since };
        sending::freeze(connection, card.id, &frozen).await?;
        Ok(Some((uuid, message)))
    }

    async fn record(&self, attempt: &Attempt, outcome: Result<Sent, FeishuError>) -> Result<(), Failure> {
        let card = &attempt.card;
        let now = self.ctx.clock.now();
        let mut connection = self.ctx.db.acquire().await?;
        match outcome {
            Ok(sent) => {
                self.record_sent(&mut connection, card, &sent, now).await?;
                metrics::counter!("alerts_sent_total").increment(1);
                metrics::histogram!("alert_lateness_seconds").record((now - card.due_at).as_seconds_f64());
                Ok(())
            }
            Err(error) => self.record_failure(&mut connection, attempt, &error, now).await,
        }
    }

    /// From now on the card stands for its wait in this chat, and those before it shrink.
    async fn record_sent(
        &self,
        connection: &mut PgConnection,
        card: &Card,
        sent: &Sent,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let mut tx = connection.begin().await?;
        if card.alarm.is_none() {
            schedule::lock_room(&mut tx, &card.room.to_string()).await?;
        }
        if sending::mark_sent(&mut tx, card.id, sent.message_id.as_str(), now).await? {
            changes::overtake(&mut tx, card.id, &as_json(&CardState::Escalated)?, now).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn record_failure(
        &self,
        connection: &mut PgConnection,
        attempt: &Attempt,
        error: &FeishuError,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let card = &attempt.card;
        let number = card.attempts + 1;
        let code = error.code();
        tracing::warn!(wait.id = %card.wait, chat.id = card.chat, card.attempts = number, error = %error, "a card was not sent");
        let mut tx = connection.begin().await?;
        let key = AttemptKey { id: card.id, uuid: attempt.uuid.as_str(), attempt: number };
        if !sending::lock_attempt(&mut tx, key).await? {
            tracing::warn!(wait.id = %card.wait, chat.id = card.chat, "the attempt was overtaken by another one");
            return Ok(());
        }
        let unconfirmed = card.unconfirmed || error.certainty() == Certainty::Unknown;
        match error {
            FeishuError::RetrySameUuid { after, .. } => {
                let next = next_attempt(number, *after, now);
                sending::mark_retry(&mut tx, card.id, unconfirmed, code, next, now).await?;
            }
            FeishuError::AppRefused(_) | FeishuError::QuotaExhausted(_) => {
                let until = self.stop_everything(error, now);
                sending::mark_retry(&mut tx, card.id, unconfirmed, code, until, now).await?;
            }
            // This attempt was refused, but an earlier one may stand in the chat: only the same uuid is safe.
            _ if unconfirmed => {
                let next = next_attempt(number, None, now);
                sending::mark_retry(&mut tx, card.id, unconfirmed, code, next, now).await?;
            }
            FeishuError::FixCard(_) => match simpler(attempt) {
                Some(form) => sending::mark_refused(&mut tx, card.id, form.name(), code, now).await?,
                None => fail(&mut tx, card, code, now).await?,
            },
            FeishuError::Permanent(_) | FeishuError::Unchangeable(_) => {
                fail(&mut tx, card, code, now).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// What every call would meet: no card is to blame, and none fails for it.
    pub(super) fn stop_everything(&self, error: &FeishuError, now: Timestamp) -> Timestamp {
        let quota = matches!(error, FeishuError::QuotaExhausted(_));
        let until = now + if quota { QUOTA_PAUSE } else { APP_PAUSE };
        self.pause.set(until);
        tracing::error!(error = %error, %until, "NO CARD CAN BE SENT: every call to Feishu is stopped");
        until
    }
}

/// Where a card ends that is not sent any more. One that was decided before the system went live, or went back to
/// rehearsal, is not sent; if it may stand in the chat already, nobody knows.
fn ends_here(card: &Card, phase: Phase, now: Timestamp) -> Option<FinalStatus> {
    if card.alarm.is_some() {
        // What is wrong with Huiyin itself is reported in rehearsal too.
        return window_is_over(card, now).then_some(FinalStatus::Parked);
    }
    let outlived = !phase.live || phase.since.is_some_and(|since| card.due_at < since);
    match (card.unconfirmed, phase.live) {
        (true, true) if outlived => Some(FinalStatus::Parked),
        (true, _) if window_is_over(card, now) => Some(FinalStatus::Parked),
        (false, true) if outlived => Some(FinalStatus::Skipped),
        (false, false) => Some(FinalStatus::Rehearsed),
        _ => None,
    }
}

fn log_end(card: &Card, end: FinalStatus) {
    if end == FinalStatus::Parked {
        metrics::counter!("alerts_parked_total").increment(1);
        tracing::error!(
            wait.id = %card.wait,
            card.uuid = card.uuid,
            chat.id = card.chat,
            "a card is parked: nobody knows whether it was sent, and it must not be sent again"
        );
    } else {
        tracing::info!(wait.id = %card.wait, card.rung = card.rung, ?end, "a card is not sent: it is of another phase");
    }
}

/// Whether the same uuid could send a second message.
fn window_is_over(card: &Card, now: Timestamp) -> bool {
    card.unconfirmed && card.first_attempt_at.is_some_and(|first| now - first >= UUID_WINDOW)
}

/// The next simpler form that is another content.
fn simpler(attempt: &Attempt) -> Option<Form> {
    let mentions = attempt.message.content.contains("<at id=");
    match Form::from_name(&attempt.card.form) {
        Form::Full if !mentions => Form::WithoutMention.simpler(),
        form => form.simpler(),
    }
}

async fn fail(
    connection: &mut PgConnection,
    card: &Card,
    code: Option<i64>,
    now: Timestamp,
) -> Result<(), Failure> {
    metrics::counter!("alerts_failed_total").increment(1);
    tracing::error!(wait.id = %card.wait, card.id = card.id, chat.id = card.chat, code, "a card has failed: the chat does not take it");
    Ok(sending::finish(connection, card.id, FinalStatus::Failed, code, now).await?)
}
