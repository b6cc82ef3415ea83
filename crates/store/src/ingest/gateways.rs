//! How each gateway stands, and the stretches of time in which messages may have been lost.

use domain::Timestamp;
use sqlx::PgConnection;

/// A gateway as its ingest last described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// `live`, `waiting_login`, `auth_failed`, …
    pub state: String,
    /// Since when.
    pub state_since: Timestamp,
    /// The account last logged in.
    pub account: Option<String>,
    /// The last connection attempt's number.
    pub epoch: i64,
    /// When messages last could come in.
    pub last_live_at: Option<Timestamp>,
    /// When the last event came.
    pub last_event_at: Option<Timestamp>,
}

/// What a process says of its gateway.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The gateway's name.
    pub gateway: &'a str,
    /// The source of its messages.
    pub source: &'a str,
    /// Which process says so.
    pub holder: &'a str,
    /// Where its connection is.
    pub state: &'a str,
    /// Messages come in through this very process.
    pub live: bool,
    /// Who is logged in, where known.
    pub account: Option<&'a str>,
    /// Number of the connection attempt.
    pub epoch: i64,
    /// When the last event came.
    pub last_event_at: Option<Timestamp>,
}

/// A gateway's row.
pub async fn get(connection: &mut PgConnection, gateway: &str) -> Result<Option<Gateway>, sqlx::Error> {
    sqlx::query_as!(
        Gateway,
        "select state, state_since, account, epoch, last_live_at, last_event_at from gateways where gateway = $1",
        gateway,
    )
    .fetch_optional(connection)
    .await
}

/// Writes a gateway's row. `false`: another process's report is newer than `stale_before`, and this one, not being
/// live, has left it alone.
pub async fn report(
    connection: &mut PgConnection,
    report: &Report<'_>,
    stale_before: Timestamp,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let written = sqlx::query!(
        r#"
        insert into gateways
            (gateway, source, account, state, state_since, epoch, last_live_at, last_event_at, holder, written_at)
        values ($1, $2, $3, $4, $5, $6, case when $7 then $5::timestamptz end, $8, $9, $5)
        on conflict (gateway) do update
        set source = excluded.source, account = coalesce(excluded.account, gateways.account), state = excluded.state,
            state_since = case when gateways.state = excluded.state then gateways.state_since
                          else excluded.state_since end,
            epoch = greatest(gateways.epoch, excluded.epoch),
            last_live_at = coalesce(excluded.last_live_at, gateways.last_live_at),
            last_event_at = coalesce(excluded.last_event_at, gateways.last_event_at),
            holder = excluded.holder, written_at = excluded.written_at
        where $7 or gateways.holder is null or gateways.holder = $9 or gateways.written_at < $10
        "#,
        report.gateway,
        report.source,
        report.account,
        report.state,
        now,
        report.epoch,
        report.live,
        report.last_event_at,
        report.holder,
        stale_before,
    )
    .execute(connection)
    .await?;
    Ok(written.rows_affected() > 0)
}

/// From `since` on messages may be missing. A gap that is open already stays as it is.
pub async fn open_gap(
    connection: &mut PgConnection,
    gateway: &str,
    since: Timestamp,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into capture_gaps (gateway, since, reason, source, account)
        select $1, $2, $3, coalesce((select source from gateways where gateway = $1), 'wechaty'),
               (select account from gateways where gateway = $1)
        where not exists (select from capture_gaps where gateway = $1 and until is null)
        "#,
        gateway,
        since,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Opens the gap that an earlier process left behind by ending: from when it was last live, if that is before
/// `live_before`.
pub async fn open_gap_since_last_live(
    connection: &mut PgConnection,
    gateway: &str,
    reason: &str,
    live_before: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into capture_gaps (gateway, since, reason, source, account)
        select gateway, last_live_at, $2, source, account
        from gateways
        where gateway = $1 and last_live_at < $3
              and not exists (select from capture_gaps where gateway = $1 and until is null)
        "#,
        gateway,
        reason,
        live_before,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Messages come in again. Returns how many gaps that ended.
pub async fn close_gaps(
    connection: &mut PgConnection,
    gateway: &str,
    until: Timestamp,
) -> Result<u64, sqlx::Error> {
    let closed = sqlx::query!(
        "update capture_gaps set until = greatest(since, $2) where gateway = $1 and until is null",
        gateway,
        until,
    )
    .execute(connection)
    .await?;
    Ok(closed.rows_affected())
}

/// Why a gap is there that is about messages which the gateway named and could not give.
pub const PAYLOAD_MISSING: &str = "payload_missing";

/// A message whose event came at a moment could not be had. Many around one moment are one gap, so that a gateway which
/// names nothing but strangers' messages fills no table.
pub async fn note_missing(
    connection: &mut PgConnection,
    gateway: &str,
    account: Option<&str>,
    at: Timestamp,
    (since, until): (Timestamp, Timestamp),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        with known as (
            update capture_gaps set messages = messages + 1
            where id = (select id from capture_gaps
                        where gateway = $1 and reason = $2 and since <= $3 and until >= $3
                              and ($4::text is null or account = $4)
                        order by id limit 1)
            returning id
        )
        insert into capture_gaps (gateway, since, until, reason, source, account, messages)
        select $1, $5, $6, $2, coalesce((select source from gateways where gateway = $1), 'wechaty'),
               coalesce($4, (select account from gateways where gateway = $1)), 1
        where not exists (select from known)
        "#,
        gateway,
        PAYLOAD_MISSING,
        at,
        account,
        since,
        until,
    )
    .execute(connection)
    .await?;
    Ok(())
}
