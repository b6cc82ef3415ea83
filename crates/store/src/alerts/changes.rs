//! Sent cards that are to show something else: what is wanted is compared with what is shown.

use domain::Timestamp;
use domain::id::WaitId;
use domain::notification::Subject;
use serde_json::Value;
use sqlx::PgConnection;

use super::notifications::{Address, subject};

/// A card whose state has to be looked at.
#[derive(Debug, Clone)]
pub struct Made {
    pub id: i64,
    /// Its room, in text form.
    pub room: String,
    /// The wait, the departure or the handover that it was made for.
    pub subject: Subject,
    pub to: Address,
    /// Where it stands among the cards of its wait in its chat.
    pub rank: Rank,
    /// It surely stands in its chat, as a card.
    pub stands: bool,
    /// It is there for nothing but to ask for an owner.
    pub only_asks: bool,
}

/// The order of the cards of one wait in one chat: by threshold, an ask for an owner before the rung, and what was made
/// later after what was made before (two waits that became one have a card of the same rung each).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    threshold_seconds: i64,
    of_a_rung: bool,
    id: i64,
}

/// The cards of these rooms (keys in text form) that were made since a moment.
pub async fn cards_of(
    connection: &mut PgConnection,
    rooms: &[String],
    since: Timestamp,
) -> Result<Vec<Made>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select id, room as "room!", subject_kind, subject, channel, address, threshold_seconds, of_a_rung,
               state = 'sent' and form <> 'plain_text' as "stands!", ask_day is not null as "asks!"
        from notifications
        where room = any ($1) and created_at >= $2 and subject_kind in ('wait', 'departure', 'handover')
        order by id
        "#,
        rooms,
        since,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let subject = subject(&row.subject_kind, &row.subject)?;
            let rank =
                Rank { threshold_seconds: row.threshold_seconds, of_a_rung: row.of_a_rung, id: row.id };
            let to = Address { channel: row.channel, address: row.address };
            let only_asks = row.asks && !row.of_a_rung;
            Ok(Made { id: row.id, room: row.room, subject, to, rank, stands: row.stands, only_asks })
        })
        .collect()
}

/// What a card is to show, by the wait that it follows.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub id: i64,
    /// The wait whose state it shows.
    pub follows: WaitId,
    pub wanted: Value,
}

/// Stores what cards are to show; cards for which nothing differs are not written.
pub async fn want(
    connection: &mut PgConnection,
    wanted: &[Wanted],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let ids: Vec<i64> = wanted.iter().map(|wanted| wanted.id).collect();
    let follows: Vec<&str> = wanted.iter().map(|wanted| wanted.follows.as_str()).collect();
    let states: Vec<&Value> = wanted.iter().map(|wanted| &wanted.wanted).collect();
    sqlx::query!(
        r#"
        update notifications
        set follows = new.follows, wanted = new.wanted, change_attempts = 0, next_change_at = $4
        from unnest($1::bigint[], $2::text[], $3::jsonb[]) as new (id, follows, wanted)
        where notifications.id = new.id
          and (notifications.follows, notifications.wanted) is distinct from (new.follows, new.wanted)
        "#,
        &ids,
        &follows as _,
        &states as _,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What the cards of a wait in the chat of card `id` are to show that this one, which was just sent, overtakes. Called
/// under the lock of the card's room, or whoever reads the room's cards meanwhile writes back what they showed before.
pub async fn overtake(
    connection: &mut PgConnection,
    id: i64,
    wanted: &Value,
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update notifications lower set wanted = $2, change_attempts = 0, next_change_at = $3
        from notifications higher
        where higher.id = $1 and higher.subject_kind = 'wait' and higher.state = 'sent'
          and higher.form <> 'plain_text'
          and lower.follows = higher.follows and lower.subject_kind = 'wait'
          and (lower.channel, lower.address) = (higher.channel, higher.address)
          and (lower.threshold_seconds, lower.of_a_rung, lower.id)
              < (higher.threshold_seconds, higher.of_a_rung, higher.id)
          and lower.wanted is distinct from $2
        "#,
        id,
        wanted,
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Takes the button 撤销 away from closed cards once its time is over.
pub async fn end_undo(connection: &mut PgConnection, now: Timestamp) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update notifications set wanted = wanted - 'undo_until', change_attempts = 0, next_change_at = $1
        where id in (select id from notifications
                     where wanted -> 'undo_until' is not null and (wanted ->> 'undo_until')::timestamptz <= $1
                     order by id
                     for update skip locked)
        "#,
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Locks the sent card of an address that is to be changed next.
pub async fn lock_next(
    connection: &mut PgConnection,
    to: &Address,
    now: Timestamp,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select id from notifications
        where channel = $1 and address = $2 and state = 'sent' and changeable and wanted is distinct from shown
              and next_change_at <= $3
        order by id
        limit 1
        for update
        "#,
        to.channel,
        to.address,
        now,
    )
    .fetch_optional(connection)
    .await
}

/// Notes a change before it is made: until its outcome is recorded nobody knows what the card shows, so that it is
/// changed again whatever is wanted by then.
pub async fn mark_changing(connection: &mut PgConnection, id: i64) -> Result<(), sqlx::Error> {
    sqlx::query!("update notifications set shown = null where id = $1", id).execute(connection).await?;
    Ok(())
}

/// Records what a card shows now. `seen_up_to`: the last entry of the room that its reader sees; `None`: it shows none, and
/// what was seen before counts.
pub async fn mark_shown(
    connection: &mut PgConnection,
    id: i64,
    shown: &Value,
    seen_up_to: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications set shown = $2, seen_up_to = coalesce($3, seen_up_to), change_attempts = 0 where id = $1
        "#,
        id,
        shown,
        seen_up_to,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Defers a change; `form` is the one that the card is to have from now on, `None` the one it has.
pub async fn defer(
    connection: &mut PgConnection,
    id: i64,
    form: Option<&str>,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications
        set change_attempts = change_attempts + 1, form = coalesce($2, form), next_change_at = $3
        where id = $1
        "#,
        id,
        form,
        until,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives up on changing a card.
pub async fn give_up(connection: &mut PgConnection, id: i64) -> Result<(), sqlx::Error> {
    sqlx::query!("update notifications set changeable = false where id = $1", id).execute(connection).await?;
    Ok(())
}
