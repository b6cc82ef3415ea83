//! Message ids whose payload is still to be fetched. A gateway replays nothing: what is not here is lost with a crash.

use domain::Timestamp;
use sqlx::PgConnection;

/// An id that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The message's id.
    pub message: String,
    /// What the gateway calls it, percent-encoded, where that cannot be told from the id.
    pub wire_id: Option<String>,
    /// The account that was logged in then, where known.
    pub account: Option<String>,
    /// The connection it came by.
    pub epoch: i64,
    /// Its place on that connection.
    pub sequence: i64,
    /// When it came; no two of a process came at the same microsecond.
    pub at: Timestamp,
}

/// An id that waits for its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The message's id.
    pub message: String,
    /// What the gateway calls it, percent-encoded, where that cannot be told from the id.
    pub wire_id: Option<String>,
    /// The account that was logged in when it came, where known.
    pub account: Option<String>,
    /// When it came.
    pub arrived_at: Timestamp,
    /// Failed attempts so far.
    pub attempts: i32,
}

/// How much is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Ids whose payload is to be fetched.
    pub waiting: i64,
    /// Ids whose payload was given up.
    pub missing: i64,
    /// Facts that wait for the bus.
    pub outbox: i64,
}

/// Takes ids in. One that is there already stays as it is; one that was given up gets another chance.
pub async fn take_in(
    connection: &mut PgConnection,
    gateway: &str,
    arrived: &[Arrived],
) -> Result<(), sqlx::Error> {
    let messages: Vec<&str> = arrived.iter().map(|one| one.message.as_str()).collect();
    let wire_ids: Vec<Option<&str>> = arrived.iter().map(|one| one.wire_id.as_deref()).collect();
    let accounts: Vec<Option<&str>> = arrived.iter().map(|one| one.account.as_deref()).collect();
    let epochs: Vec<i64> = arrived.iter().map(|one| one.epoch).collect();
    let sequences: Vec<i64> = arrived.iter().map(|one| one.sequence).collect();
    let times: Vec<Timestamp> = arrived.iter().map(|one| one.at).collect();
    sqlx::query!(
        r#"
        insert into ingest_inbox (gateway, message, account, epoch, reader_seq, arrived_at, next_attempt_at, wire_id)
        select distinct on (message) $1, message, account, epoch, sequence, at, at, wire_id
        from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[])
             as new (message, account, epoch, sequence, at, wire_id)
        order by message, epoch, sequence
        on conflict (gateway, message) do update
        set missing = null, attempts = 0, next_attempt_at = excluded.next_attempt_at
        where ingest_inbox.missing is not null
        "#,
        gateway,
        &messages as _,
        &accounts as _,
        &epochs,
        &sequences,
        &times,
        &wire_ids as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ids to be fetched now, in order of arrival, without those that are `held` already.
pub async fn due(
    connection: &mut PgConnection,
    gateway: &str,
    held: &[String],
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Waiting>, sqlx::Error> {
    sqlx::query_as!(
        Waiting,
        r#"
        select message, wire_id, account, arrived_at, attempts
        from ingest_inbox
        where gateway = $1 and missing is null and next_attempt_at <= $2 and message <> all($3)
        order by epoch, reader_seq
        limit $4
        "#,
        gateway,
        now,
        held,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// These ids are done with.
pub async fn done(
    connection: &mut PgConnection,
    gateway: &str,
    messages: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from ingest_inbox where gateway = $1 and message = any($2)", gateway, messages)
        .execute(connection)
        .await?;
    Ok(())
}

/// Another attempt failed; the next one is at `next`.
pub async fn again_at(
    connection: &mut PgConnection,
    gateway: &str,
    message: &str,
    attempts: i32,
    next: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update ingest_inbox set attempts = $3, next_attempt_at = $4 where gateway = $1 and message = $2",
        gateway,
        message,
        attempts,
        next,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The last attempt failed: its payload is missing, for this reason.
pub async fn give_up(
    connection: &mut PgConnection,
    gateway: &str,
    message: &str,
    attempts: i32,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update ingest_inbox set attempts = $3, missing = $4 where gateway = $1 and message = $2",
        gateway,
        message,
        attempts,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what was given up and had come before `before`.
pub async fn forget_missing(
    connection: &mut PgConnection,
    gateway: &str,
    before: Timestamp,
) -> Result<u64, sqlx::Error> {
    let forgotten = sqlx::query!(
        "delete from ingest_inbox where gateway = $1 and missing is not null and arrived_at < $2",
        gateway,
        before,
    )
    .execute(connection)
    .await?;
    Ok(forgotten.rows_affected())
}

/// How much is waiting.
pub async fn counts(connection: &mut PgConnection, gateway: &str) -> Result<Counts, sqlx::Error> {
    sqlx::query_as!(
        Counts,
        r#"
        select count(*) filter (where missing is null) as "waiting!",
               count(*) filter (where missing is not null) as "missing!",
               (select count(*) from ingest_outbox where gateway = $1) as "outbox!"
        from ingest_inbox
        where gateway = $1
        "#,
        gateway,
    )
    .fetch_one(connection)
    .await
}
