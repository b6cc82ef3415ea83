//! Blanking the words that old cards showed. The card itself stays: that it was sent is what is counted.

use domain::Timestamp;
use sqlx::PgConnection;

/// Blanks frozen payloads that show what was said before a moment, of cards that have gone out or never will, oldest
/// first, at most `most`. Returns how many. A blanked payload is `{}`, which tells it from one that was never frozen.
pub async fn blank_payloads(
    connection: &mut PgConnection,
    before: Timestamp,
    most: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update notifications set payload = '{}'
        where id in (select id from notifications
                     where coalesce(texts_since, created_at) < $1 and payload is not null and payload <> '{}'
                       and state not in ('pending', 'held', 'sending')
                     order by coalesce(texts_since, created_at)
                     limit $2
                     for update skip locked)
        "#,
        before,
        most,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
