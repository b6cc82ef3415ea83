//! A card's way out: pending → sending → sent, or a final status without being sent.

use domain::Timestamp;
use domain::ladder::SkipReason;
use serde_json::Value;
use sqlx::PgConnection;

use super::notifications::Address;

/// A card frozen for sending.
#[derive(Debug, Clone)]
pub struct Frozen<'a> {
    pub delivery_key: &'a str,
    pub payload: &'a Value,
    /// The room's last entry, which its reader sees.
    pub seen_up_to: Option<&'a str>,
    /// The state that it shows.
    pub shown: &'a Value,
    /// When the oldest of the lines was said that it shows.
    pub texts_since: Option<Timestamp>,
}

/// Where a card ends that is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinalStatus {
    /// Nobody knows whether it stands in the chat.
    Parked,
    /// The chat refused it for good.
    Failed,
    /// Its wait ended before it went out.
    Obsolete,
    /// The system went back to rehearsal before it went out.
    Rehearsed,
    /// It was due before the system went live.
    Skipped,
}

impl FinalStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Failed => "failed",
            Self::Obsolete => "obsolete",
            Self::Rehearsed => "rehearsed",
            Self::Skipped => "skipped",
        }
    }
}

/// Locks the card that an address gets next, and says whether its time has come. Cards go out in the order in which they
/// were made; one that failed `patience` times lets others pass while it waits. With `alarms_only`
/// cards of waits are held back.
pub async fn lock_head(
    connection: &mut PgConnection,
    to: &Address,
    patience: i32,
    alarms_only: bool,
    now: Timestamp,
) -> Result<Option<i64>, sqlx::Error> {
    let first = sqlx::query!(
        r#"
        select id, next_attempt_at from notifications
        where channel = $1 and address = $2 and state in ('pending', 'sending')
              and not (attempts >= $3 and next_attempt_at > $4) and (subject_kind = 'alarm' or not $5)
        order by id
        limit 1
        for update
        "#,
        to.channel,
        to.address,
        patience,
        now,
        alarms_only,
    )
    .fetch_optional(connection)
    .await?;
    Ok(first.filter(|head| head.next_attempt_at <= now).map(|head| head.id))
}

/// Freezes a card: from now on every attempt sends the same.
pub async fn freeze(connection: &mut PgConnection, id: i64, frozen: &Frozen<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update notifications set delivery_key = $2, payload = $3, seen_up_to = $4, shown = $5, texts_since = $6 where id = $1",
        id,
        frozen.delivery_key,
        frozen.payload,
        frozen.seen_up_to,
        frozen.shown,
        frozen.texts_since,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes an attempt before it is made. Until its outcome is recorded the card is unconfirmed, and nobody else is to try
/// before `not_before`.
pub async fn mark_sending(
    connection: &mut PgConnection,
    id: i64,
    now: Timestamp,
    not_before: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications
        set state = 'sending', unconfirmed = true, attempts = attempts + 1,
            first_attempt_at = coalesce(first_attempt_at, $2), last_attempt_at = $2, next_attempt_at = $3
        where id = $1
        "#,
        id,
        now,
        not_before,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One attempt, by what it left in the card's row.
#[derive(Debug, Clone, Copy)]
pub struct AttemptKey<'a> {
    pub id: i64,
    /// Under which delivery key it was tried.
    pub delivery_key: &'a str,
    /// Which attempt it was under this key, from 1.
    pub attempt: i32,
}

/// Locks the card if this attempt is still its last one. After a pause another replica may have taken the card over,
/// and the failure of an earlier attempt says nothing about it any more.
pub async fn lock_attempt(connection: &mut PgConnection, key: AttemptKey<'_>) -> Result<bool, sqlx::Error> {
    let last = sqlx::query!(
        r#"
        select from notifications
        where id = $1 and delivery_key = $2 and attempts = $3 and state = 'sending'
        for update
        "#,
        key.id,
        key.delivery_key,
        key.attempt,
    )
    .fetch_optional(connection)
    .await?;
    Ok(last.is_some())
}

/// Defers a card that this release cannot make, and lets the chat's others pass meanwhile.
pub async fn defer(
    connection: &mut PgConnection,
    id: i64,
    patience: i32,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications set attempts = greatest(attempts + 1, $2), next_attempt_at = $3
        where id = $1 and state in ('pending', 'sending')
        "#,
        id,
        patience,
        until,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Records that the channel has the card, showing what was frozen. Whichever attempt learns it first is
/// right: all of them were made under one delivery key. `false`: another one was first.
pub async fn mark_sent(
    connection: &mut PgConnection,
    id: i64,
    message_id: &str,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update notifications
        set state = 'sent', unconfirmed = false, message_id = $2, sent_at = $3, last_code = 0, next_change_at = $3,
            failing_since = null
        where id = $1 and message_id is null
        "#,
        id,
        message_id,
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Records at `now` that an attempt failed and another is to be made. If `unconfirmed` is false, surely nothing was sent so
/// far.
pub async fn mark_retry(
    connection: &mut PgConnection,
    id: i64,
    unconfirmed: bool,
    code: Option<i64>,
    next_attempt_at: Timestamp,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications
        set state = case when $2 then 'sending' else 'pending' end, unconfirmed = $2, last_code = $3,
            next_attempt_at = $4, first_attempt_at = case when $2 then first_attempt_at end,
            failing_since = coalesce(failing_since, $5)
        where id = $1
        "#,
        id,
        unconfirmed,
        code,
        next_attempt_at,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Records that the content was definitely refused: a simpler form goes out under another delivery key.
pub async fn mark_refused(
    connection: &mut PgConnection,
    id: i64,
    form: &str,
    code: Option<i64>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications
        set state = 'pending', unconfirmed = false, form = $2, generation = generation + 1, delivery_key = null, payload = null,
            first_attempt_at = null, attempts = 0, last_code = $3, next_attempt_at = $4, failing_since = null
        where id = $1
        "#,
        id,
        form,
        code,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The next attempt is made in a simpler form and under the same delivery key, since an earlier one may stand in the chat.
pub async fn simplify(connection: &mut PgConnection, id: i64, form: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("update notifications set form = $2, payload = null where id = $1", id, form)
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives a card that is not sent any more its final status.
pub async fn finish(
    connection: &mut PgConnection,
    id: i64,
    status: FinalStatus,
    code: Option<i64>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications
        set state = $2, last_code = coalesce($3, last_code), unconfirmed = $2 = 'parked',
            skipped_because = case when $2 = 'skipped' then $4 end,
            undelivered_at = case when $2 in ('parked', 'failed') then $5::timestamptz end
        where id = $1
        "#,
        id,
        status.as_str(),
        code,
        SkipReason::WentLive.as_str(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
