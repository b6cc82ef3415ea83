//! Actions, which are presses of a notification's buttons: each event once, and who was first with each.

use domain::Timestamp;
use domain::id::WaitId;
use sqlx::PgConnection;

use super::notifications::Address;

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
    pub notification: i64,
    /// Where the notification stands.
    pub to: Address,
    /// As the button carries it.
    pub action: String,
    /// How often what it says had been taken back, or had been said, before.
    pub round: i32,
    /// Who did it first.
    pub by: String,
    pub at: Timestamp,
    /// Until when it holds; `None`: it is done with.
    pub until: Option<Timestamp>,
    /// Whom it is about, by roster label.
    pub about: Option<String>,
}

macro_rules! recorded {
    ($row:ident) => {
        Recorded {
            notification: $row.notification,
            to: Address { channel: $row.channel, address: $row.address },
            action: $row.action,
            round: $row.round,
            by: $row.by,
            at: $row.at,
            until: $row.until,
            about: $row.about,
        }
    };
}

/// Everything that was done with the buttons of these notifications, oldest first.
pub async fn of(connection: &mut PgConnection, notifications: &[i64]) -> Result<Vec<Recorded>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select notification, channel, address, action, round, by, at, until, about
        from notification_actions join notifications on notifications.id = notification
        where notification = any ($1)
        order by at, notification
        "#,
        notifications,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| recorded!(row)).collect())
}

/// Everything that was done with the buttons of a wait's notifications, oldest first.
pub async fn of_wait(connection: &mut PgConnection, wait: &WaitId) -> Result<Vec<Recorded>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select notification, channel, address, action, round, by, at, until, about
        from notification_actions join notifications on notifications.id = notification
        where follows = $1 and subject_kind = 'wait'
        order by at, notification
        "#,
        wait.as_str(),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| recorded!(row)).collect())
}

/// Something that is being done with a button.
#[derive(Debug, Clone, Copy)]
pub struct NewAction<'a> {
    pub notification: i64,
    pub action: &'a str,
    pub round: i32,
    pub by: &'a str,
    pub until: Option<Timestamp>,
    pub about: Option<&'a str>,
}

/// Notes who did something, and gives whoever did it first in this round.
pub async fn record(
    connection: &mut PgConnection,
    new: NewAction<'_>,
    now: Timestamp,
) -> Result<String, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        insert into notification_actions (notification, action, round, by, at, until, about)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (notification, action, round) do update set by = notification_actions.by
        returning by
        "#,
        new.notification,
        new.action,
        new.round,
        new.by,
        now,
        new.until,
        new.about,
    )
    .fetch_one(connection)
    .await
}
