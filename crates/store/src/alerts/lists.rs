//! Lists that tell of rooms or waits, and are kept true.

use domain::Timestamp;
use sqlx::PgConnection;

/// Locks the lists made since a moment on which these rooms (keys in text form) or their waits stand, in one order, so that
/// of two who look at one list the later knows what the earlier did.
pub async fn lock(
    connection: &mut PgConnection,
    rooms: &[String],
    since: Timestamp,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select id from notifications
        where id in (select list from alert_follow_ups where room = any ($1)
                     union
                     select list from alert_opening_waits where room = any ($1))
              and created_at >= $2
        order by id
        for update
        "#,
        rooms,
        since,
    )
    .fetch_all(connection)
    .await
}
