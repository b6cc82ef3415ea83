//! Actions, which are presses of a notification's buttons: each event once, and who was first with each.

use domain::Timestamp;
use domain::notification::ActionKind;
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

/// The notification with this delivery key.
pub async fn by_delivery_key(connection: &mut PgConnection, key: &str) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!("select id from notifications where delivery_key = $1", key)
        .fetch_optional(connection)
        .await
}

/// What was done with the buttons of a notification so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actions {
    /// Who said first that no reply is needed, since that was last taken back.
    pub no_reply_needed_by: Option<String>,
    /// Who said first that it was answered.
    pub answered_by: Option<String>,
    /// How often 不用回复 was taken back.
    pub undone: i32,
}

/// Reads them.
pub async fn of(connection: &mut PgConnection, notification: i64) -> Result<Actions, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        with done as (select action, round, by from notification_actions where notification = $1),
             undone as (select coalesce(max(round) + 1, 0) as times from done where action = 'undo')
        select (select by from done where action = 'no_reply_needed' and round = undone.times) as no_reply_needed_by,
               (select by from done where action = 'answered') as answered_by,
               undone.times as "undone!"
        from undone
        "#,
        notification,
    )
    .fetch_one(connection)
    .await?;
    let (no_reply_needed_by, answered_by) = (row.no_reply_needed_by, row.answered_by);
    Ok(Actions { no_reply_needed_by, answered_by, undone: row.undone })
}

/// Notes who did something, and gives whoever did it first. `round` is how often 不用回复 had been taken back before.
pub async fn record(
    connection: &mut PgConnection,
    notification: i64,
    action: ActionKind,
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
        <&str>::from(action),
        round,
        by,
        now,
    )
    .fetch_one(connection)
    .await
}
