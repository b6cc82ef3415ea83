//! The lists of openings (开工汇总): who stands on them, and which cards they take the place of.

use domain::Timestamp;
use domain::fold::FoldState;
use domain::id::WaitId;
use sqlx::PgConnection;

use super::notifications::Address;
use crate::json::from_text;

/// A customer who asked while nobody worked, and still waits.
#[derive(Debug, Clone)]
pub struct Asked {
    pub wait: WaitId,
    /// Its room's key in text form.
    pub room: String,
    pub opened_at: Timestamp,
    /// The room as it stands.
    pub state: FoldState,
}

/// A card of a wait that is held back until an opening.
#[derive(Debug, Clone)]
pub struct Held {
    /// Its number.
    pub card: i64,
    /// The wait whose state it shows.
    pub wait: WaitId,
    /// Its room's key in text form.
    pub room: String,
    pub to: Address,
    /// The room as it stands.
    pub state: FoldState,
}

/// The open requests that were made between two moments, but for those of whom a card was made since `alerted_since`, those of
/// excluded rooms, and imported ones.
pub async fn asked(
    connection: &mut PgConnection,
    (from, to): (Timestamp, Timestamp),
    alerted_since: Timestamp,
) -> Result<Vec<Asked>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select wait, waits.room, opened_at, rooms.state as "room_state!"
        from waits join rooms on rooms.room = waits.room
        where waits.state = 'open' and waits.replaced_by is null and waits.kind = 'request'
              and opened_at >= $1 and opened_at < $2 and alarm_since is not null
              and excluded_since is null and rooms.state is not null
              and not exists (select from notifications card
                              where card.follows = waits.wait and card.of_a_rung and card.created_at >= $3
                                    and card.state <> 'obsolete')
        order by opened_at, wait
        "#,
        from,
        to,
        alerted_since,
    )
    .fetch_all(connection)
    .await?;
    let asked = rows.into_iter().filter_map(|row| {
        Some(Asked {
            wait: WaitId(row.wait),
            room: row.room,
            opened_at: row.opened_at,
            // What cannot be read stops no list.
            state: from_text(&row.room_state, "state").ok()?,
        })
    });
    Ok(asked.collect())
}

/// The cards of open waits that were held back until an opening that has come.
pub async fn held(connection: &mut PgConnection, now: Timestamp) -> Result<Vec<Held>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select card.id, card.follows, waits.room, channel, address, rooms.state as "room_state!"
        from notifications card
             join waits on waits.wait = card.follows
             join rooms on rooms.room = waits.room
        where card.state = 'held' and held_for = 'opening' and held_until <= $1 and of_a_rung
              and waits.state = 'open' and waits.replaced_by is null
              and excluded_since is null and rooms.state is not null
        order by card.id
        for update of card
        "#,
        now,
    )
    .fetch_all(connection)
    .await?;
    let held = rows.into_iter().filter_map(|row| {
        Some(Held {
            card: row.id,
            wait: WaitId(row.follows),
            room: row.room,
            to: Address { channel: row.channel, address: row.address },
            state: from_text(&row.room_state, "state").ok()?,
        })
    });
    Ok(held.collect())
}

/// Notes that these waits stand on a list, each with its room's key in text form, and that it takes the place of these cards.
pub async fn note(
    connection: &mut PgConnection,
    list: i64,
    waits: &[(WaitId, String)],
    cards: &[i64],
) -> Result<(), sqlx::Error> {
    let (waits, rooms): (Vec<&str>, Vec<&str>) =
        waits.iter().map(|(wait, room)| (wait.as_str(), room.as_str())).unzip();
    sqlx::query!(
        r#"
        insert into alert_opening_waits (list, wait, room)
        select $1, wait, room from unnest($2::text[], $3::text[]) as listed (wait, room)
        on conflict (list, wait) do nothing
        "#,
        list,
        &waits as _,
        &rooms as _,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "update notifications set state = 'listed', listed_on = $1 where id = any ($2) and state = 'held'",
        list,
        cards,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The waits on a list, each with whether a card of a rung was made since a moment.
pub async fn listed(
    connection: &mut PgConnection,
    list: i64,
    since: Timestamp,
) -> Result<Vec<(WaitId, bool)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select wait,
               exists (select from notifications card
                       where card.follows = listed.wait and card.of_a_rung and card.created_at >= $2
                             and card.state <> 'obsolete') as "alerted!"
        from alert_opening_waits listed
        where list = $1
        order by wait
        "#,
        list,
        since,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (WaitId(row.wait), row.alerted)).collect())
}

/// Lets the cards go out that were held back until an opening that has come.
pub async fn release(connection: &mut PgConnection, now: Timestamp) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update notifications set state = 'pending', next_attempt_at = $1, held_for = null
        where state = 'held' and held_for = 'opening' and held_until <= $1
        "#,
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Lets the cards go out whose place a list took that does not go out, but for those of whose wait a higher rung has passed.
pub async fn give_back(connection: &mut PgConnection, list: i64, now: Timestamp) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update notifications card set state = 'pending', next_attempt_at = $2
        where listed_on = $1 and state = 'listed'
              and not exists (select from notifications higher
                              where higher.follows = card.follows and higher.of_a_rung
                                    and higher.threshold_seconds > card.threshold_seconds
                                    and higher.state not in ('obsolete', 'skipped', 'rehearsed'))
        "#,
        list,
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
