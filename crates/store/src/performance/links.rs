//! Links into the web board, each of which opens one session.

use domain::Timestamp;
use sqlx::PgConnection;

/// Uses a link up, by its nonce. `false`: it was used before.
pub async fn take(connection: &mut PgConnection, nonce: &str, now: Timestamp) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into performance_links (nonce, used_at) values ($1, $2) on conflict (nonce) do nothing",
        nonce,
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets the links that were used before a moment, by when all of them had expired.
pub async fn forget(connection: &mut PgConnection, before: Timestamp) -> Result<u64, sqlx::Error> {
    let done =
        sqlx::query!("delete from performance_links where used_at < $1", before).execute(connection).await?;
    Ok(done.rows_affected())
}
