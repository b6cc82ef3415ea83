//! Makes the stored alarms and their cards equal to what is wrong now. It sends nothing: cards go out through the same
//! outbox as all others.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::span::Span;
use runtime::Context;
use runtime::config::Watchdog;
use serde_json::Value;
use store::alerts::watch::{
    Alarm, NewAlarm, NewCard, cards_of, change, end, insert_card, open, raise, reopen, repeat_at, want,
};
use store::sqlx::PgConnection;

use super::card::{Shown, State, headline};
use super::decide::{All, Found};
use super::trouble::Trouble;
use crate::failure::Failure;

/// What is said of an alarm that lasts changes at most so often.
const CHANGED_EVERY: TimeDelta = TimeDelta::seconds(30);
/// Feishu takes changes of a card for 14 days: before that, whatever still lasts gets a new one.
const RENEWED_EVERY: TimeDelta = TimeDelta::days(13);

/// What is wrong again gets a new card if it lasts so long.
const TOLD_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(5);

struct Turn<'a> {
    watchdog: &'a Watchdog,
    now: Timestamp,
}

/// One turn, in one transaction. Returns what is wrong now, in a line each.
pub async fn converge(ctx: &Context, watchdog: &Watchdog, mut found: All) -> Result<Vec<Trouble>, Failure> {
    let turn = Turn { watchdog, now: ctx.clock.now() };
    let mut tx = ctx.db.begin().await?;
    let known: BTreeMap<String, Alarm> =
        open(&mut tx).await?.into_iter().map(|alarm| (alarm.key.clone(), alarm)).collect();
    let mut active = Vec::new();
    for (key, alarm) in known {
        match found.remove(&key) {
            Some(found) => active.push(turn.goes_on(&mut tx, alarm, found).await?),
            None if alarm.lasts_until.is_some_and(|until| turn.now < until) => {
                active.push(read(&alarm.trouble)?);
            }
            None => turn.is_over(&mut tx, alarm).await?,
        }
    }
    for found in found.into_values() {
        turn.begins(&mut tx, &found).await?;
        active.push(found.trouble);
    }
    tx.commit().await?;
    Ok(active)
}

impl Turn<'_> {
    async fn begins(&self, connection: &mut PgConnection, found: &Found) -> Result<(), Failure> {
        let (key, trouble) = (found.trouble.key(), written(&found.trouble)?);
        let new = NewAlarm {
            key: &key,
            since: found.since.min(self.now),
            trouble: &trouble,
            lasts_until: found.until,
            next_repeat_at: self.now + self.repeat_every(&found.trouble),
        };
        let reopened = self.reopen(connection, &new, found).await?;
        let alarm = match reopened {
            Some(alarm) => alarm,
            None => match raise(connection, &new, self.now).await? {
                Some(alarm) => {
                    self.card(connection, &alarm, &found.trouble).await?;
                    alarm
                }
                // Another replica, which held the lease before us, was faster.
                None => return Ok(()),
            },
        };
        tracing::error!(alarm = alarm.key, "ALARM: {}", headline(&found.trouble));
        metrics::counter!("watchdog_alarms_total", "code" => found.trouble.code()).increment(1);
        self.goes_on(connection, alarm, found.clone()).await.map(drop)
    }

    /// Takes up the alarm that was over a short while ago. Its card is only changed, which nobody is notified of: if it
    /// lasts this time, a new one says so. What comes and goes faster than that nags nobody.
    async fn reopen(
        &self,
        connection: &mut PgConnection,
        new: &NewAlarm<'_>,
        found: &Found,
    ) -> Result<Option<Alarm>, Failure> {
        let again_since = self.now - delta(self.watchdog.thresholds.reopen_within);
        let new = NewAlarm { next_repeat_at: self.now + TOLD_AGAIN_AFTER, ..new.clone() };
        Ok(reopen(connection, &new, found.trouble.presses(), again_since, self.now).await?)
    }

    async fn goes_on(
        &self,
        connection: &mut PgConnection,
        mut alarm: Alarm,
        found: Found,
    ) -> Result<Trouble, Failure> {
        let mut trouble: Trouble = read(&alarm.trouble)?;
        let news = trouble != found.trouble || alarm.lasts_until != found.until;
        let urgent = matches!(found.trouble, Trouble::LoginLost { .. });
        if news && (urgent || self.now - alarm.changed_at >= CHANGED_EVERY) {
            trouble = found.trouble;
            change(connection, alarm.id, &written(&trouble)?, found.until, self.now).await?;
        }
        if alarm.next_repeat_at <= self.now {
            self.card(connection, &alarm, &trouble).await?;
            alarm.next_repeat_at = self.now + self.repeat_every(&trouble);
            repeat_at(connection, alarm.id, alarm.next_repeat_at).await?;
        }
        self.show(connection, &alarm, &trouble).await?;
        Ok(trouble)
    }

    async fn is_over(&self, connection: &mut PgConnection, mut alarm: Alarm) -> Result<(), Failure> {
        let trouble: Trouble = read(&alarm.trouble)?;
        tracing::info!(alarm = alarm.key, "over: {}", headline(&trouble));
        end(connection, alarm.id, self.now).await?;
        alarm.over_at = Some(self.now);
        self.show(connection, &alarm, &trouble).await
    }

    /// One more card of an alarm.
    async fn card(
        &self,
        connection: &mut PgConnection,
        alarm: &Alarm,
        trouble: &Trouble,
    ) -> Result<(), Failure> {
        let shown = Shown { trouble: trouble.clone(), since: alarm.since, state: State::Active };
        // Of the alarm's own facts and not of its number, which a restored database would give to another.
        let subject = format!("watch:{}@{}", alarm.key, alarm.raised_at.timestamp_millis());
        let card = NewCard {
            alarm: alarm.id,
            subject: &subject,
            seconds: (self.now - alarm.raised_at).num_seconds(),
            chat: &self.watchdog.operators_chat,
            colour: trouble.colour().name(),
            wanted: &written(&shown)?,
            press: trouble.presses() && !self.watchdog.operators.is_empty(),
        };
        Ok(insert_card(connection, &card, self.now).await?)
    }

    /// What each card of an alarm is to show: the last one how it stands, the earlier ones that there is a later one.
    async fn show(
        &self,
        connection: &mut PgConnection,
        alarm: &Alarm,
        trouble: &Trouble,
    ) -> Result<(), Failure> {
        let cards = cards_of(connection, alarm.id).await?;
        let last = cards.last().map(|(id, _)| *id);
        for (id, wanted) in cards {
            let state = match alarm.over_at {
                Some(at) => State::Over { at },
                None if Some(id) == last => State::Active,
                None => State::Repeated,
            };
            let active = state == State::Active;
            let shown = written(&Shown { trouble: trouble.clone(), since: alarm.since, state })?;
            if shown != wanted {
                want(connection, id, &shown, active, self.now).await?;
            }
        }
        Ok(())
    }

    fn repeat_every(&self, trouble: &Trouble) -> TimeDelta {
        if trouble.presses() { delta(self.watchdog.thresholds.login_repeat_every) } else { RENEWED_EVERY }
    }
}

fn delta(span: Span) -> TimeDelta {
    TimeDelta::seconds(i64::try_from(span.as_seconds()).unwrap_or(i64::MAX / 1_000))
}

fn written(value: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::Json("alarm", error))
}

fn read(value: &Value) -> Result<Trouble, Failure> {
    serde_json::from_value(value.clone()).map_err(|error| Failure::Json("alarm", error))
}
