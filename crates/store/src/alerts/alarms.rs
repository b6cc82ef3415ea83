//! What is wrong with Huiyin itself: alarms, their cards with their urgent pushes, and the dead letters of late.

use chrono::TimeDelta;
use domain::Timestamp;
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;

use super::notifications::Address;
use crate::ingest::gateways::PAYLOAD_MISSING;

/// An alarm as stored.
#[derive(Debug, Clone)]
pub struct Alarm {
    pub id: i64,
    /// What is wrong with what.
    pub key: String,
    /// Since when it is wrong.
    pub since: Timestamp,
    /// When it was noticed.
    pub raised_at: Timestamp,
    /// What its card says.
    pub kind: Value,
    /// When that last changed.
    pub changed_at: Timestamp,
    /// It is not over before.
    pub lasts_until: Option<Timestamp>,
    /// When it was over.
    pub over_at: Option<Timestamp>,
    /// When a further card is due.
    pub next_repeat_at: Timestamp,
}

/// Something that is wrong now.
#[derive(Debug, Clone)]
pub struct NewAlarm<'a> {
    /// What is wrong with what.
    pub key: &'a str,
    pub since: Timestamp,
    /// What its card says.
    pub kind: &'a Value,
    /// It is not over before.
    pub lasts_until: Option<Timestamp>,
    /// When a further card is due.
    pub next_repeat_at: Timestamp,
}

/// Every alarm that is not over.
pub async fn open(connection: &mut PgConnection) -> Result<Vec<Alarm>, sqlx::Error> {
    sqlx::query_as!(
        Alarm,
        r#"
        select id, key, since, raised_at, kind, changed_at, lasts_until, over_at, next_repeat_at
        from alert_watch_alarms
        where over_at is null
        order by id
        for update
        "#,
    )
    .fetch_all(connection)
    .await
}

/// What is wrong now, for a look only: since when, and what its card says.
pub async fn standing(connection: &mut PgConnection) -> Result<Vec<(Timestamp, Value)>, sqlx::Error> {
    let rows =
        sqlx::query!("select since, kind from alert_watch_alarms where over_at is null order by since, id")
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(|row| (row.since, row.kind)).collect())
}

/// Raises an alarm. `None`: somebody else has just raised the same.
pub async fn raise(
    connection: &mut PgConnection,
    alarm: &NewAlarm<'_>,
    now: Timestamp,
) -> Result<Option<Alarm>, sqlx::Error> {
    sqlx::query_as!(
        Alarm,
        r#"
        insert into alert_watch_alarms (key, since, raised_at, kind, changed_at, lasts_until, next_repeat_at)
        values ($1, $2, $3, $4, $3, $5, $6)
        on conflict (key) where over_at is null do nothing
        returning id, key, since, raised_at, kind, changed_at, lasts_until, over_at, next_repeat_at
        "#,
        alarm.key,
        alarm.since,
        now,
        alarm.kind,
        alarm.lasts_until,
        alarm.next_repeat_at,
    )
    .fetch_optional(connection)
    .await
}

/// Takes up the last alarm of the same key again, if it was over at or after `over_since`. Its cards stay its cards; a
/// further one is due at `next_repeat_at` of the new one, or when it was due anyway, if `keeps_repeat`.
pub async fn reopen(
    connection: &mut PgConnection,
    alarm: &NewAlarm<'_>,
    keeps_repeat: bool,
    over_since: Timestamp,
    now: Timestamp,
) -> Result<Option<Alarm>, sqlx::Error> {
    sqlx::query_as!(
        Alarm,
        r#"
        update alert_watch_alarms
        set over_at = null, kind = $2, changed_at = $3, lasts_until = $4, fallback_at = null, fallback_over_at = null,
            next_repeat_at = case when $7 then least(next_repeat_at, $6) else $6 end
        where id = (select id from alert_watch_alarms where key = $1 and over_at >= $5 order by over_at desc limit 1)
              and not exists (select from alert_watch_alarms other where other.key = $1 and other.over_at is null)
        returning id, key, since, raised_at, kind, changed_at, lasts_until, over_at, next_repeat_at
        "#,
        alarm.key,
        alarm.kind,
        now,
        alarm.lasts_until,
        over_since,
        alarm.next_repeat_at,
        keeps_repeat,
    )
    .fetch_optional(connection)
    .await
}

/// Notes what an alarm says now.
pub async fn change(
    connection: &mut PgConnection,
    id: i64,
    kind: &Value,
    lasts_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update alert_watch_alarms set kind = $2, lasts_until = $3, changed_at = $4 where id = $1",
        id,
        kind,
        lasts_until,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that it is over.
pub async fn end(connection: &mut PgConnection, id: i64, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!("update alert_watch_alarms set over_at = $2 where id = $1", id, now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes when the next further card is due.
pub async fn repeat_at(connection: &mut PgConnection, id: i64, at: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!("update alert_watch_alarms set next_repeat_at = $2 where id = $1", id, at)
        .execute(connection)
        .await?;
    Ok(())
}

/// The cards of an alarm, oldest first: (id, what it is to show).
pub async fn cards_of(connection: &mut PgConnection, alarm: i64) -> Result<Vec<(i64, Value)>, sqlx::Error> {
    let rows = sqlx::query!("select id, wanted from notifications where alarm = $1 order by id", alarm)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.wanted)).collect())
}

/// What a card of an alarm is to show from now on. One that was dropped before it went out goes out after all.
pub async fn want(
    connection: &mut PgConnection,
    card: i64,
    wanted: &Value,
    active: bool,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications
        set wanted = $2, change_attempts = 0, next_change_at = $4,
            state = case when state = 'obsolete' and $3 then 'pending' else state end,
            generation = generation + (state = 'obsolete' and $3 and payload is not null)::int,
            payload = case when state = 'obsolete' and $3 then null else payload end,
            delivery_key = case when state = 'obsolete' and $3 then null else delivery_key end,
            attempts = case when state = 'obsolete' and $3 then 0 else attempts end,
            next_attempt_at = case when state = 'obsolete' and $3 then $4 else next_attempt_at end
        where id = $1 and wanted is distinct from $2
        "#,
        card,
        wanted,
        active,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A card whose readers are to get an urgent push.
#[derive(Debug, Clone)]
pub struct UrgentPush {
    pub card: i64,
    pub message_id: String,
    /// What it is to show.
    pub wanted: Value,
    /// Attempts so far.
    pub attempts: i32,
}

/// The sent card of an address whose readers are to get an urgent push next.
pub async fn next_urgent(
    connection: &mut PgConnection,
    to: &Address,
    now: Timestamp,
) -> Result<Option<UrgentPush>, sqlx::Error> {
    sqlx::query_as!(
        UrgentPush,
        r#"
        select id as card, message_id as "message_id!", wanted, urgent_attempts as attempts
        from notifications
        where channel = $1 and address = $2 and urgent = 'wanted' and state = 'sent' and message_id is not null
              and next_urgent_at <= $3
        order by id
        limit 1
        "#,
        to.channel,
        to.address,
        now,
    )
    .fetch_optional(connection)
    .await
}

/// Notes what became of an urgent push: done, or never to be.
pub async fn settle_urgent(connection: &mut PgConnection, card: i64, done: bool) -> Result<(), sqlx::Error> {
    let urgent = if done { "done" } else { "refused" };
    sqlx::query!("update notifications set urgent = $2 where id = $1", card, urgent)
        .execute(connection)
        .await?;
    Ok(())
}

/// Defers an urgent push.
pub async fn defer_urgent(
    connection: &mut PgConnection,
    card: i64,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update notifications set urgent_attempts = urgent_attempts + 1, next_urgent_at = $2 where id = $1",
        card,
        until,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How the way to people stands.
#[derive(Debug, Clone, Default)]
pub struct Outbox {
    /// Since when no attempt has succeeded although some were made, while there is a card that should have gone out.
    pub failing_since: Option<Timestamp>,
    /// Since when a chat has a card to be sent at once, and none is tried.
    pub untried_since: Option<Timestamp>,
    /// Cards of open alarms that will never go out.
    pub failed_alarm_cards: i64,
    /// Cards of waits that failed or were parked lately.
    pub undelivered: i64,
    /// When the last of them was.
    pub undelivered_at: Option<Timestamp>,
}

/// Looks at the outbox: at what was tried, failed or was parked since a moment. The alarm `own` is not counted, which is about the
/// outbox itself. `alarms_only`: cards of waits are not to be tried now.
///
/// A card that gave way to a higher rung, or was parked, counts with its failed attempts: the rungs of a wait come faster
/// than patience ends, and what is unconfirmed is no success. An address that failed already when another one of its
/// channel took a card is its own problem: it counts only from `single_chat_patience` after that.
pub async fn outbox(
    connection: &mut PgConnection,
    own: &str,
    alarms_only: bool,
    single_chat_patience: TimeDelta,
    since: Timestamp,
    now: Timestamp,
) -> Result<Outbox, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        with lately as (
            select channel, address, state, failing_since, last_attempt_at from notifications where last_attempt_at >= $2
        ), success as (
            select channel, max(last_attempt_at) as at from lately where state = 'sent' group by channel
        ), failing as (
            select channel, address, min(failing_since) as since, max(last_attempt_at) as tried_at from lately
            where failing_since is not null and state in ('pending', 'sending', 'superseded', 'obsolete', 'parked')
                  and last_attempt_at > coalesce((select max(last_attempt_at) from lately other
                                                  where (other.channel, other.address) = (lately.channel, lately.address)
                                                        and state = 'sent'), '-infinity')
            group by channel, address
        ), undelivered as (
            select state, subject_kind, coalesce(undelivered_at, last_attempt_at) as at from notifications
            where state in ('parked', 'failed') and coalesce(undelivered_at, last_attempt_at) >= $2
        ), ready as (
            select channel, address, min(next_attempt_at) as at from notifications
            where state in ('pending', 'sending') and next_attempt_at <= $4 and (subject_kind = 'alarm' or not $3)
            group by channel, address
        )
        select
            (select min(case when success.at is null or failing.since > success.at then failing.since
                             else success.at + $5::interval end)
             from failing left join success using (channel)
             where (success.at is null or failing.tried_at > success.at)
                   and (exists (select from notifications where state in ('pending', 'sending'))
                        or exists (select from undelivered where state = 'parked'))) as failing_since,
            (select min(greatest(ready.at, (select max(last_attempt_at) from lately
                                         where (channel, address) = (ready.channel, ready.address))))
             from ready) as untried_since,
            (select count(*) from notifications card join alert_watch_alarms alarm on alarm.id = card.alarm
             where card.state in ('parked', 'failed') and alarm.over_at is null and alarm.key <> $1) as "failed_alarm_cards!",
            (select count(*) from undelivered where subject_kind <> 'alarm') as "undelivered!",
            (select max(at) from undelivered where subject_kind <> 'alarm') as undelivered_at
        "#,
        own,
        since,
        alarms_only,
        now,
        PgInterval::try_from(single_chat_patience).map_err(|error| sqlx::Error::Encode(error))?,
    )
    .fetch_one(connection)
    .await?;
    Ok(Outbox {
        failing_since: row.failing_since,
        untried_since: row.untried_since,
        failed_alarm_cards: row.failed_alarm_cards,
        undelivered: row.undelivered,
        undelivered_at: row.undelivered_at,
    })
}

/// Notes dead letters, each once: (sequence, service, reason).
pub async fn note_letters(
    connection: &mut PgConnection,
    letters: &[(i64, String, String)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let seqs: Vec<i64> = letters.iter().map(|(seq, _, _)| *seq).collect();
    let services: Vec<&str> = letters.iter().map(|(_, service, _)| service.as_str()).collect();
    let reasons: Vec<&str> = letters.iter().map(|(_, _, reason)| reason.as_str()).collect();
    sqlx::query!(
        r#"
        insert into alert_watch_letters (seq, service, reason, at)
        select seq, service, reason, $4 from unnest($1::bigint[], $2::text[], $3::text[]) as new (seq, service, reason)
        on conflict (seq) do nothing
        "#,
        &seqs,
        &services as _,
        &reasons as _,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Dead letters of one service for one reason.
#[derive(Debug, Clone)]
pub struct Letters {
    pub service: String,
    pub reason: String,
    pub count: i64,
    /// When the first came.
    pub first_at: Timestamp,
    /// When the last came.
    pub last_at: Timestamp,
}

/// The dead letters that came after a moment.
pub async fn letters_since(
    connection: &mut PgConnection,
    since: Timestamp,
) -> Result<Vec<Letters>, sqlx::Error> {
    sqlx::query_as!(
        Letters,
        r#"
        select service, reason, count(*) as "count!", min(at) as "first_at!", max(at) as "last_at!"
        from alert_watch_letters
        where at >= $1
        group by service, reason
        order by service, reason
        "#,
        since,
    )
    .fetch_all(connection)
    .await
}

/// Forgets letters that came before a moment.
pub async fn forget_letters(connection: &mut PgConnection, before: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from alert_watch_letters where at < $1", before).execute(connection).await?;
    Ok(())
}

/// What is still to be reported to the fallback: an alarm, or the end of one that was reported.
#[derive(Debug, Clone)]
pub struct Unreported {
    pub id: i64,
    /// Since when it is wrong.
    pub since: Timestamp,
    /// When it was over; `None`: it is not.
    pub over_at: Option<Timestamp>,
}

/// The alarms of one key with something still to be reported, oldest first.
pub async fn unreported(connection: &mut PgConnection, key: &str) -> Result<Vec<Unreported>, sqlx::Error> {
    sqlx::query_as!(
        Unreported,
        r#"
        select id, since, over_at
        from alert_watch_alarms
        where key = $1
              and (fallback_at is null and over_at is null
                   or fallback_at is not null and fallback_over_at is null and over_at is not null)
        order by id
        "#,
        key,
    )
    .fetch_all(connection)
    .await
}

/// Notes that an alarm, or its end, was reported to the fallback.
pub async fn mark_reported(
    connection: &mut PgConnection,
    id: i64,
    over: bool,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update alert_watch_alarms
        set fallback_at = coalesce(fallback_at, $3), fallback_over_at = case when $2 then $3 end
        where id = $1
        "#,
        id,
        over,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A gateway as the watchdog sees it.
#[derive(Debug, Clone)]
pub struct Gateway {
    pub gateway: String,
    /// Its state, `live` when it captures.
    pub state: String,
    /// Since when it is in that state.
    pub state_since: Timestamp,
    /// When it was last known to be live.
    pub last_live_at: Option<Timestamp>,
}

/// One gateway; `None`: not known.
pub async fn gateway(connection: &mut PgConnection, name: &str) -> Result<Option<Gateway>, sqlx::Error> {
    sqlx::query_as!(
        Gateway,
        "select gateway, state, state_since, last_live_at from gateways where gateway = $1",
        name,
    )
    .fetch_optional(connection)
    .await
}

/// Messages that the gateway named and could not give.
#[derive(Debug, Clone)]
pub struct Missing {
    pub count: i64,
    /// Around when the first of them was said.
    pub first_at: Timestamp,
    /// Around when the last.
    pub last_at: Timestamp,
}

/// Those of a gateway since a moment; `None`: there are none.
pub async fn missing(
    connection: &mut PgConnection,
    gateway: &str,
    since: Timestamp,
) -> Result<Option<Missing>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        select coalesce(sum(messages), 0)::bigint as "count!", min(since) as first_at, max(until) as last_at
        from capture_gaps
        where gateway = $1 and reason = $2 and until > $3
        "#,
        gateway,
        PAYLOAD_MISSING,
        since,
    )
    .fetch_one(connection)
    .await?;
    let times = row.first_at.zip(row.last_at);
    Ok(times.map(|(first_at, last_at)| Missing { count: row.count, first_at, last_at }))
}
