//! Capture gaps, as others read them.

use domain::Timestamp;
use domain::gap::Gap;
use sqlx::PgConnection;

/// The gaps that reach beyond a moment.
pub async fn after(connection: &mut PgConnection, moment: Timestamp) -> Result<Vec<Gap>, sqlx::Error> {
    sqlx::query_as!(
        Gap,
        r#"
        select source, account, since, until
        from capture_gaps
        where until is null or until > $1
        order by since, id
        "#,
        moment,
    )
    .fetch_all(connection)
    .await
}
