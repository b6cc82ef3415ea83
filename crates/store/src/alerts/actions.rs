//! Actions, which are presses of a card's buttons: each event once, and who was first on each card.

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

/// The card with this uuid.
pub async fn card_by_uuid(connection: &mut PgConnection, uuid: &str) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!("select id from alert_cards where uuid = $1", uuid).fetch_optional(connection).await
}

/// Notes who pressed one of a card's buttons, and gives whoever pressed that one first. `answered` tells the button that
/// says so from the one that asks for no reply. What was taken back meanwhile (`undone` has grown) is not noted.
pub async fn record_action(
    connection: &mut PgConnection,
    id: i64,
    by: &str,
    answered: bool,
    undone: i32,
    now: Timestamp,
) -> Result<String, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        update alert_cards
        set pressed_by = case when $4 or undone <> $5 then pressed_by else coalesce(pressed_by, $2) end,
            confirmed_by = case when $4 then coalesce(confirmed_by, $2) else confirmed_by end,
            pressed_at = coalesce(pressed_at, $3)
        where id = $1
        returning coalesce(case when $4 then confirmed_by else pressed_by end, $2) as "by!"
        "#,
        id,
        by,
        now,
        answered,
        undone,
    )
    .fetch_one(connection)
    .await
}

/// Makes 不用回复 available again on the card with this uuid, after it was taken back for the `undone`th time.
pub async fn reset_action(connection: &mut PgConnection, uuid: &str, undone: i32) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update alert_cards set pressed_by = null, undone = $2 where uuid = $1 and undone < $2",
        uuid,
        undone,
    )
    .execute(connection)
    .await?;
    Ok(())
}
