//! Actions, which are presses of a notification's buttons: each event once, and who was first with each.

use domain::Timestamp;
use sqlx::PgConnection;

/// Takes an event. `false`: it was taken before.
pub async fn take_event(
    connection: &mut PgConnection,
    event: &str,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "insert into alert_events (event, at) values ($1, $2) on conflict (event) do nothing",
        event,
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets events taken before a moment.
pub async fn forget_events(connection: &mut PgConnection, before: Timestamp) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!("delete from alert_events where at < $1", before).execute(connection).await?;
    Ok(done.rows_affected())
}

/// The notification with this delivery key of a channel.
pub async fn by_delivery_key(
    connection: &mut PgConnection,
    channel: &str,
    key: &str,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!("select id from notifications where channel = $1 and delivery_key = $2", channel, key)
        .fetch_optional(connection)
        .await
}

/// Something that was done with the buttons of a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// As the button carries it.
    pub action: String,
    /// How often what it says had been taken back before.
    pub round: i32,
    /// Who did it first.
    pub by: String,
}

/// Everything that was done with the buttons of a notification.
pub async fn of(connection: &mut PgConnection, notification: i64) -> Result<Vec<Recorded>, sqlx::Error> {
    sqlx::query_as!(
        Recorded,
        "select action, round, by from notification_actions where notification = $1",
        notification,
    )
    .fetch_all(connection)
    .await
}

/// Notes who did something, and gives whoever did it first in this round.
pub async fn record(
    connection: &mut PgConnection,
    notification: i64,
    action: &str,
    round: i32,
    by: &str,
    now: Timestamp,
) -> Result<String, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        insert into notification_actions (notification, action, round, by, at) values ($1, $2, $3, $4, $5)
        on conflict (notification, action, round) do update set by = notification_actions.by
        returning by
        "#,
        notification,
        action,
        round,
        by,
        now,
    )
    .fetch_one(connection)
    .await
}
