//! When the system goes live, and when back to rehearsal. Written by the operator alone.

use domain::Timestamp;
use domain::golive::{Change, GoLive};
use sqlx::PgConnection;

/// How it was and is to be, by every decision.
pub async fn history(connection: &mut PgConnection) -> Result<GoLive, sqlx::Error> {
    Ok(GoLive::new(decided(connection).await?))
}

/// Every decision, in the order in which they were made.
pub async fn decided(connection: &mut PgConnection) -> Result<Vec<Change>, sqlx::Error> {
    sqlx::query_as!(Change, "select since, live, noted_at from golive order by change")
        .fetch_all(connection)
        .await
}

/// Records a decision that holds from `since` on, which must not lie before `now`.
pub async fn decide(
    connection: &mut PgConnection,
    live: bool,
    since: Timestamp,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!("insert into golive (since, live, noted_at) values ($1, $2, $3)", since, live, now)
        .execute(connection)
        .await?;
    Ok(())
}
