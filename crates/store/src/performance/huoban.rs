//! What stands in Huoban's tables as far as we know: rows with their ids and digests, columns' ids, calls made.

use chrono::NaiveDate;
use domain::Timestamp;
use sqlx::PgConnection;

/// A row as it was last written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerRow {
    /// 业务键.
    pub key: String,
    /// The row's id there; `None`: none is known.
    pub item: Option<String>,
    /// Digest of what was last written; empty: write it again.
    pub digest: String,
    /// When that was found to stand there.
    pub verified_at: Option<Timestamp>,
    /// When its creation was last sent, while its outcome is not known.
    pub attempted_at: Option<Timestamp>,
    /// Why the row alone was refused.
    pub refused: Option<String>,
    /// With which content it was refused.
    pub refused_digest: Option<String>,
    /// How often in a row it was refused.
    pub refusals: i32,
    /// It is left alone until then, unless its content changes.
    pub retry_at: Option<Timestamp>,
}

/// What is known of rows; of some nothing.
pub async fn rows(
    connection: &mut PgConnection,
    table_id: &str,
    keys: &[String],
) -> Result<Vec<LedgerRow>, sqlx::Error> {
    sqlx::query_as!(
        LedgerRow,
        r#"
        select key, item, digest, verified_at, attempted_at, refused, refused_digest, refusals, retry_at
        from performance_huoban_rows where table_id = $1 and key = any ($2)
        "#,
        table_id,
        keys,
    )
    .fetch_all(connection)
    .await
}

/// The creation of a row is about to be sent: committed before the call, so that a crash leaves the doubt behind.
pub async fn note_attempt(
    connection: &mut PgConnection,
    table_id: &str,
    key: &str,
    day: NaiveDate,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into performance_huoban_rows (table_id, key, day, attempted_at) values ($1, $2, $3, $4)
        on conflict (table_id, key) do update set attempted_at = excluded.attempted_at, item = null, digest = ''
        "#,
        table_id,
        key,
        day,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A row was written, and is to be read back.
pub async fn note_written(
    connection: &mut PgConnection,
    table_id: &str,
    key: &str,
    day: NaiveDate,
    item: &str,
    digest: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into performance_huoban_rows (table_id, key, day, item, digest, written_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (table_id, key) do update
        set item = excluded.item, digest = excluded.digest, written_at = excluded.written_at, verified_at = null,
            attempted_at = null
        "#,
        table_id,
        key,
        day,
        item,
        digest,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Rows stand there as they were written: whatever was refused before is over.
pub async fn note_verified(
    connection: &mut PgConnection,
    table_id: &str,
    keys: &[String],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update performance_huoban_rows
        set verified_at = $3, refused = null, refused_digest = null, refusals = 0, retry_at = null
        where table_id = $1 and key = any ($2)
        "#,
        table_id,
        keys,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A row was refused, or does not hold what was written.
pub async fn note_refused(
    connection: &mut PgConnection,
    table_id: &str,
    key: &str,
    day: NaiveDate,
    digest: &str,
    reason: &str,
    retry_at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into performance_huoban_rows (table_id, key, day, refused, refused_digest, refusals, retry_at)
        values ($1, $2, $3, $4, $5, 1, $6)
        on conflict (table_id, key) do update
        set refused = excluded.refused, refused_digest = excluded.refused_digest,
            refusals = performance_huoban_rows.refusals + 1, retry_at = excluded.retry_at, digest = '',
            attempted_at = null
        "#,
        table_id,
        key,
        day,
        reason,
        digest,
        retry_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A row does not hold what was written: whatever comes next is written, also what was refused before.
pub async fn invalidate(connection: &mut PgConnection, table_id: &str, key: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update performance_huoban_rows set digest = '' where table_id = $1 and key = $2",
        table_id,
        key,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A row that is not there any more, and is not to be.
pub async fn delete(connection: &mut PgConnection, table_id: &str, key: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from performance_huoban_rows where table_id = $1 and key = $2", table_id, key)
        .execute(connection)
        .await?;
    Ok(())
}

/// The ids of a table's columns by declared name, as last seen.
pub async fn fields(
    connection: &mut PgConnection,
    table_id: &str,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let rows =
        sqlx::query!("select name, field from performance_huoban_fields where table_id = $1", table_id)
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.field)).collect())
}

/// Remembers the ids of columns.
pub async fn remember_fields(
    connection: &mut PgConnection,
    table_id: &str,
    names: &[String],
    fields: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into performance_huoban_fields (table_id, name, field)
        select $1, name, field from unnest($2::text[], $3::text[]) as seen (name, field)
        on conflict (table_id, name) do update set field = excluded.field
        where performance_huoban_fields.field <> excluded.field
        "#,
        table_id,
        names,
        fields,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Enters calls into the ledger, and drops what is older than `keep_since`.
pub async fn add_calls(
    connection: &mut PgConnection,
    calls: i64,
    hour: Timestamp,
    keep_since: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        with old as (delete from performance_huoban_calls where hour < $3)
        insert into performance_huoban_calls (hour, calls) values ($2, $1)
        on conflict (hour) do update set calls = performance_huoban_calls.calls + excluded.calls
        "#,
        calls,
        hour,
        keep_since,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The calls of the hours from `since` on.
pub async fn calls_since(connection: &mut PgConnection, since: Timestamp) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(calls), 0)::bigint as "calls!" from performance_huoban_calls where hour >= $1"#,
        since,
    )
    .fetch_one(connection)
    .await
}
