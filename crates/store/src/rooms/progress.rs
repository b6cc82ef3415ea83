//! How far the fold has come, so that nobody acts on stale truth.

use domain::Timestamp;
use sqlx::PgConnection;

/// Progress of one consumer.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Which consumer.
    pub consumer: String,
    /// Messages not handled yet.
    pub pending: i64,
    /// The last moment at which nothing was left to fold.
    pub caught_up_at: Timestamp,
}

/// Notes progress. `caught_up_at` never goes back.
pub async fn note(
    connection: &mut PgConnection,
    consumer: &str,
    stream_seq: i64,
    pending: i64,
    caught_up_at: Timestamp,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into fold_progress (consumer, stream_seq, pending, caught_up_at, checked_at)
        values ($1, $2, $3, $4, $5)
        on conflict (consumer) do update
        set stream_seq = excluded.stream_seq, pending = excluded.pending,
            caught_up_at = greatest(fold_progress.caught_up_at, excluded.caught_up_at),
            checked_at = excluded.checked_at
        "#,
        consumer,
        stream_seq,
        pending,
        caught_up_at,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Every consumer's progress.
pub async fn all(connection: &mut PgConnection) -> Result<Vec<Progress>, sqlx::Error> {
    sqlx::query_as!(Progress, "select consumer, pending, caught_up_at from fold_progress")
        .fetch_all(connection)
        .await
}
