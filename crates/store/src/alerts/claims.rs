//! A replica works on whole chats, so that order and rate of each chat hold. A claim is a lease: a replica that died
//! loses it. Should two ever hold one, the cards' uuids keep it harmless.

use domain::Timestamp;
use sqlx::PgConnection;

/// Claims chats in which something can be done, at most `most`: cards to be changed, cards of alarms to be sent, urgent pushes
/// to be made, and, with `sending`, cards of waits to be sent. Chats in `busy` are the caller's already.
pub async fn claim(
    connection: &mut PgConnection,
    holder: &str,
    busy: &[String],
    sending: bool,
    until: Timestamp,
    now: Timestamp,
    most: i64,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        with ready as (
            select chat from alert_cards
            where ($3 or alarm is not null) and state in ('pending', 'sending') and next_attempt_at <= $5
            union
            select chat from alert_cards
            where press = 'wanted' and state = 'sent' and next_press_at <= $5
            union
            select chat from alert_cards
            where state = 'sent' and changeable and wanted is distinct from shown and next_change_at <= $5
        ), free as (
            select chat from ready
            where chat <> all ($2)
              and not exists (select from alert_claims held
                              where held.chat = ready.chat and held.until >= $5 and held.holder <> $1)
            order by chat
            limit $6
        )
        insert into alert_claims (chat, holder, until)
        select chat, $1, $4 from free
        on conflict (chat) do update set holder = excluded.holder, until = excluded.until
        where alert_claims.until < $5 or alert_claims.holder = excluded.holder
        returning chat
        "#,
        holder,
        busy,
        sending,
        until,
        now,
        most,
    )
    .fetch_all(connection)
    .await
}

/// Keeps a claim for longer. `false`: it is somebody else's now.
pub async fn renew(
    connection: &mut PgConnection,
    chat: &str,
    holder: &str,
    until: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update alert_claims set until = $3 where chat = $1 and holder = $2",
        chat,
        holder,
        until,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a claim back.
pub async fn release(connection: &mut PgConnection, chat: &str, holder: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from alert_claims where chat = $1 and holder = $2", chat, holder)
        .execute(connection)
        .await?;
    Ok(())
}
