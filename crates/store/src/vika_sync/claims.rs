//! Which rows without 群ID are whose.

use sqlx::PgConnection;

/// Those of these topics that exactly one room has.
pub async fn unique_topics(
    connection: &mut PgConnection,
    topics: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select topic from rooms where topic = any ($1) group by topic having count(*) = 1",
        topics,
    )
    .fetch_all(connection)
    .await
}

/// Those of these records that are a room's row already.
pub async fn mirrored(
    connection: &mut PgConnection,
    sheet: &str,
    records: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select record as "record!" from vika_sync_rows where sheet = $1 and record = any ($2)"#,
        sheet,
        records,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.record).collect())
}
