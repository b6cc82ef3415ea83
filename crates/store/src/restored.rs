//! What a database that was brought back to an earlier state must not go on from as if nothing had happened since.

use domain::Timestamp;
use sqlx::PgConnection;

use crate::vika_sync::OUTDATED;

/// What was put right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PutRight {
    /// Cards that were on their way and may have arrived since.
    pub parked: u64,
    /// Rows of the managers' sheets that are to be written whole.
    pub rows: u64,
}

/// Puts right what the outside may have seen since the backup was taken. To be called with the right to write every
/// table, in the transaction that brings the data back.
pub async fn put_right(connection: &mut PgConnection) -> Result<PutRight, sqlx::Error> {
    // Nobody knows whether these went out after the backup; the hour in which Feishu would recognise them may be over.
    let parked = sqlx::query!(
        "update notifications set state = 'parked', unconfirmed = true where state in ('pending', 'sending')"
    )
    .execute(&mut *connection)
    .await?
    .rows_affected();
    // Whoever was left alone then may have been told since.
    sqlx::query!("update notifications set state = 'superseded' where state = 'held'")
        .execute(&mut *connection)
        .await?;
    // What the sheets hold now is not what they held then. The cells stay: what managers' columns were made with is what
    // their next edit is compared with.
    let rows = sqlx::query!("update vika_sync_rows set version = $1, due_at = null", OUTDATED)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    Ok(PutRight { parked, rows })
}

/// Makes alerts begin anew at `now`, as at go-live: the cards that went out after the backup was taken are not known,
/// so that none whose time has passed may be sent. `false`: alerts were not live, or this schema knows no go-live.
pub async fn begin_alerts_anew(connection: &mut PgConnection, now: Timestamp) -> Result<bool, sqlx::Error> {
    let known: bool =
        sqlx::query_scalar("select to_regclass('golive') is not null").fetch_one(&mut *connection).await?;
    if !known {
        return Ok(false);
    }
    let live: Option<bool> =
        sqlx::query_scalar("select live from golive where since <= $1 order by change desc limit 1")
            .bind(now)
            .fetch_optional(&mut *connection)
            .await?;
    if live != Some(true) {
        return Ok(false);
    }
    // Back to rehearsal for an instant: who is live again is live since then.
    let again = now + chrono::TimeDelta::milliseconds(1);
    for (at, live) in [(now, false), (again, true)] {
        sqlx::query("insert into golive (since, live, noted_at) values ($1, $2, $1)")
            .bind(at)
            .bind(live)
            .execute(&mut *connection)
            .await?;
    }
    Ok(true)
}
