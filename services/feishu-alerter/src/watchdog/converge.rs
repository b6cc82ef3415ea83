//! Makes the stored alarms and their cards equal to what is wrong now. It sends nothing: cards go out through the same
//! outbox as all others.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::notification::{Step, Subject};
use domain::span::Span;
use runtime::Context;
use runtime::config::Watchdog;
use serde_json::Value;
use store::alerts::alarms::{self, Alarm, NewAlarm};
use store::alerts::notifications::{self, NewNotification};
use store::sqlx::PgConnection;

use super::alarm_kind::AlarmKind;
use super::card::{Shown, State, headline};
use super::decide::{Finding, Findings};
use crate::address_book::feishu_chat;
use crate::failure::Failure;

/// What is said of an alarm that lasts changes at most so often.
const CHANGED_EVERY: TimeDelta = TimeDelta::seconds(30);
/// Feishu takes changes of a card for 14 days: before that, whatever still lasts gets a new one.
const RENEWED_EVERY: TimeDelta = TimeDelta::days(13);

/// What is wrong again gets a new card if it lasts so long.
const CARD_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(5);

struct Pass<'a> {
    watchdog: &'a Watchdog,
    now: Timestamp,
}

/// One pass, in one transaction. Returns what is wrong now, in a line each.
pub async fn converge(
    ctx: &Context,
    watchdog: &Watchdog,
    mut found: Findings,
) -> Result<Vec<AlarmKind>, Failure> {
    let pass = Pass { watchdog, now: ctx.clock.now() };
    let mut tx = ctx.db.begin().await?;
    let known: BTreeMap<String, Alarm> =
        alarms::open(&mut tx).await?.into_iter().map(|alarm| (alarm.key.clone(), alarm)).collect();
    let mut active = Vec::new();
    for (key, alarm) in known {
        match found.remove(&key) {
            Some(found) => active.push(pass.goes_on(&mut tx, alarm, found).await?),
            None if alarm.lasts_until.is_some_and(|until| pass.now < until) => {
                active.push(read(&alarm.kind)?);
            }
            None => pass.is_over(&mut tx, alarm).await?,
        }
    }
    for found in found.into_values() {
        pass.begins(&mut tx, &found).await?;
        active.push(found.kind);
    }
    tx.commit().await?;
    Ok(active)
}

impl Pass<'_> {
    async fn begins(&self, connection: &mut PgConnection, found: &Finding) -> Result<(), Failure> {
        let (key, kind) = (found.kind.key(), written(&found.kind)?);
        let new = NewAlarm {
            key: &key,
            since: found.since.min(self.now),
            kind: &kind,
            lasts_until: found.until,
            next_repeat_at: self.now + self.repeat_every(&found.kind),
        };
        let reopened = self.reopen(connection, &new, found).await?;
        let alarm = match reopened {
            Some(alarm) => alarm,
            None => match alarms::raise(connection, &new, self.now).await? {
                Some(alarm) => {
                    self.card(connection, &alarm, &found.kind).await?;
                    alarm
                }
                // Another replica, which held the lease before us, was faster.
                None => return Ok(()),
            },
        };
        tracing::error!(alarm = alarm.key, "ALARM: {}", headline(&found.kind));
        metrics::counter!("watchdog_alarms_total", "code" => found.kind.code()).increment(1);
        self.goes_on(connection, alarm, found.clone()).await.map(drop)
    }

    /// Takes up the alarm that was over a short while ago. Its card is only changed, which nobody is notified of: if it
    /// lasts this time, a new one says so. What comes and goes faster than that nags nobody.
    async fn reopen(
        &self,
        connection: &mut PgConnection,
        new: &NewAlarm<'_>,
        found: &Finding,
    ) -> Result<Option<Alarm>, Failure> {
        let again_since = self.now - delta(self.watchdog.thresholds.reopen_within);
        let new = NewAlarm { next_repeat_at: self.now + CARD_AGAIN_AFTER, ..new.clone() };
        Ok(alarms::reopen(connection, &new, found.kind.is_urgent(), again_since, self.now).await?)
    }

    async fn goes_on(
        &self,
        connection: &mut PgConnection,
        mut alarm: Alarm,
        found: Finding,
    ) -> Result<AlarmKind, Failure> {
        let mut kind: AlarmKind = read(&alarm.kind)?;
        let changed = kind != found.kind || alarm.lasts_until != found.until;
        let urgent = matches!(found.kind, AlarmKind::LoginLost { .. });
        if changed && (urgent || self.now - alarm.changed_at >= CHANGED_EVERY) {
            kind = found.kind;
            alarms::change(connection, alarm.id, &written(&kind)?, found.until, self.now).await?;
        }
        if alarm.next_repeat_at <= self.now {
            self.card(connection, &alarm, &kind).await?;
            alarm.next_repeat_at = self.now + self.repeat_every(&kind);
            alarms::repeat_at(connection, alarm.id, alarm.next_repeat_at).await?;
        }
        self.show(connection, &alarm, &kind).await?;
        Ok(kind)
    }

    async fn is_over(&self, connection: &mut PgConnection, mut alarm: Alarm) -> Result<(), Failure> {
        let kind: AlarmKind = read(&alarm.kind)?;
        tracing::info!(alarm = alarm.key, "over: {}", headline(&kind));
        alarms::end(connection, alarm.id, self.now).await?;
        alarm.over_at = Some(self.now);
        self.show(connection, &alarm, &kind).await
    }

    /// One more card of an alarm.
    async fn card(
        &self,
        connection: &mut PgConnection,
        alarm: &Alarm,
        kind: &AlarmKind,
    ) -> Result<(), Failure> {
        let shown = Shown { kind: kind.clone(), since: alarm.since, state: State::Active };
        let subject = Subject::Alarm { key: alarm.key.clone(), raised_at: alarm.raised_at };
        let step = Step::Repeat((self.now - alarm.raised_at).num_seconds());
        let to = feishu_chat(&self.watchdog.operators_chat);
        let new = NewNotification {
            alarm: Some(alarm.id),
            urgent: kind.is_urgent() && !self.watchdog.operators.is_empty(),
            ..NewNotification::new(&subject, step, &to, kind.severity(), self.now)
        };
        notifications::insert(connection, &new, &written(&shown)?, self.now).await?;
        Ok(())
    }

    /// What each card of an alarm is to show: the last one how it stands, the earlier ones that there is a later one.
    async fn show(
        &self,
        connection: &mut PgConnection,
        alarm: &Alarm,
        kind: &AlarmKind,
    ) -> Result<(), Failure> {
        let cards = alarms::cards_of(connection, alarm.id).await?;
        let last = cards.last().map(|(id, _)| *id);
        for (id, wanted) in cards {
            let state = match alarm.over_at {
                Some(at) => State::Over { at },
                None if Some(id) == last => State::Active,
                None => State::Repeated,
            };
            let active = state == State::Active;
            let shown = written(&Shown { kind: kind.clone(), since: alarm.since, state })?;
            if shown != wanted {
                alarms::want(connection, id, &shown, active, self.now).await?;
            }
        }
        Ok(())
    }

    fn repeat_every(&self, kind: &AlarmKind) -> TimeDelta {
        if kind.is_urgent() { delta(self.watchdog.thresholds.login_repeat_every) } else { RENEWED_EVERY }
    }
}

fn delta(span: Span) -> TimeDelta {
    TimeDelta::seconds(i64::try_from(span.as_seconds()).unwrap_or(i64::MAX / 1_000))
}

fn written(value: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::Json("alarm", error))
}

fn read(value: &Value) -> Result<AlarmKind, Failure> {
    serde_json::from_value(value.clone()).map_err(|error| Failure::Json("alarm", error))
}
