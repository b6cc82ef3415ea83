//! Facts that the bus has not taken yet.

use sqlx::PgConnection;

/// A fact that waits for the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the order.
    pub id: i64,
    /// The bus's message id.
    pub key: String,
    /// Where it is to be published.
    pub subject: String,
    /// What.
    pub payload: Vec<u8>,
}

/// Keeps a fact until the bus has taken it. Returns its place in the order.
pub async fn put(
    connection: &mut PgConnection,
    gateway: &str,
    key: &str,
    subject: &str,
    payload: &[u8],
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        "insert into ingest_outbox (gateway, key, subject, payload) values ($1, $2, $3, $4) returning id",
        gateway,
        key,
        subject,
        payload,
    )
    .fetch_one(connection)
    .await
}

/// The oldest facts.
pub async fn oldest(
    connection: &mut PgConnection,
    gateway: &str,
    limit: i64,
) -> Result<Vec<Stored>, sqlx::Error> {
    sqlx::query_as!(
        Stored,
        "select id, key, subject, payload from ingest_outbox where gateway = $1 and refused is null order by id limit $2",
        gateway,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// The bus can never take this one, for this reason: it stands in nobody's way any more.
pub async fn refuse(connection: &mut PgConnection, id: i64, reason: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("update ingest_outbox set refused = $2 where id = $1", id, reason)
        .execute(connection)
        .await?;
    Ok(())
}

/// The bus has these.
pub async fn delete(connection: &mut PgConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from ingest_outbox where id = any($1)", ids).execute(connection).await?;
    Ok(())
}
