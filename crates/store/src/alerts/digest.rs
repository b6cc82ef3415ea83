//! Digests: notifications that tell several cards of one person together.
//!
//! A digest names those who wait for its reader: the waits of the cards whose column `digest` names it, and those that its
//! column `wanted` names, since it shows them. A newer digest at the same address takes all who still wait over, so that the
//! older one shrinks.

use domain::Timestamp;
use domain::fold::FoldState;
use domain::id::WaitId;
use domain::wait::WaitKind;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::notifications::{Address, NewNotification, insert};
use crate::json::from_text;
use crate::rooms::{Line, parse};

/// How many come to one person.
#[derive(Debug, Clone, Copy, Default)]
pub struct Load {
    /// Waits of which the first card at the address was made since a moment.
    pub new_waits: i64,
    /// Those of the last digest there who still wait, and were told by a digest instead of a card.
    pub waiting: i64,
    /// The last digest there.
    pub last: Option<LastDigest>,
}

/// The last digest at an address that goes out or did.
#[derive(Debug, Clone, Copy)]
pub struct LastDigest {
    pub id: i64,
    /// When it went out; before that, when it was due.
    pub at: Timestamp,
    /// It has not been tried yet: what is on it is read when it is.
    pub open: bool,
}

/// What comes to an address.
pub async fn load(
    connection: &mut PgConnection,
    to: &Address,
    since: Timestamp,
) -> Result<Load, sqlx::Error> {
    let new_waits = sqlx::query_scalar!(
        r#"
        select count(distinct follows) as "count!" from notifications card
        where channel = $1 and address = $2 and of_a_rung and created_at > $3
              and state in ('pending', 'sending', 'sent', 'parked', 'held', 'digested')
              and not exists (select from notifications earlier
                              where earlier.follows = card.follows and earlier.of_a_rung
                                    and (earlier.channel, earlier.address) = ($1, $2)
                                    and earlier.created_at <= $3
                                    and earlier.state in ('sending', 'sent', 'parked', 'held', 'digested'))
        "#,
        to.channel,
        to.address,
        since,
    )
    .fetch_one(&mut *connection)
    .await?;
    let last = sqlx::query!(
        r#"
        select digest.id, coalesce(digest.sent_at, digest.due_at) as "at!", digest.state = 'pending' and digest.payload is null as "open!",
               (select count(distinct follows) from notifications card
                where card.digest = digest.id and card.state = 'digested'
                      and exists (select from waits
                                  where wait = card.follows and waits.state = 'open' and replaced_by is null))
                   as "waiting!"
        from notifications digest
        where digest.subject_kind = 'digest' and digest.channel = $1 and digest.address = $2
              and digest.state in ('pending', 'sending', 'sent', 'parked')
        order by digest.due_at desc, digest.id desc
        limit 1
        "#,
        to.channel,
        to.address,
    )
    .fetch_optional(connection)
    .await?;
    Ok(Load {
        new_waits,
        waiting: last.as_ref().map_or(0, |last| last.waiting),
        last: last.map(|last| LastDigest { id: last.id, at: last.at, open: last.open }),
    })
}

/// Locks a digest that has not been tried yet; `false`: it is being tried, or was.
pub async fn lock_open(connection: &mut PgConnection, digest: i64) -> Result<bool, sqlx::Error> {
    let open = sqlx::query!(
        "select from notifications where id = $1 and state = 'pending' and payload is null for update",
        digest,
    )
    .fetch_optional(connection)
    .await?;
    Ok(open.is_some())
}

/// Whether a card waits at an address that is about to be told by a digest.
pub async fn is_filling(
    connection: &mut PgConnection,
    to: &Address,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select exists (select from notifications
                       where state = 'held' and held_until <= $3 and held_for = 'digest'
                             and channel = $1 and address = $2) as "filling!"
        "#,
        to.channel,
        to.address,
        now,
    )
    .fetch_one(connection)
    .await
}

/// Makes a digest.
pub async fn make(
    connection: &mut PgConnection,
    new: &NewNotification<'_>,
    now: Timestamp,
) -> Result<i64, sqlx::Error> {
    insert(connection, new, &json!({ "waits": [] }), now).await?;
    sqlx::query_scalar!(
        r#"
        select id from notifications
        where (subject_kind, subject, step, channel, address) = ($1, $2, $3, $4, $5)
        "#,
        new.subject.kind().to_string(),
        new.subject.to_string(),
        new.step.to_string(),
        new.to.channel,
        new.to.address,
    )
    .fetch_one(connection)
    .await
}

/// Tells these cards by a digest, in the place of each. On it is also whoever else waits, by cards made since a moment that
/// went out at its address, and by the older digests there, which nobody is on any more. A card whose wait has ended meanwhile
/// is left as it is: whoever looks at it next finds that it is not wanted.
pub async fn tell(
    connection: &mut PgConnection,
    (digest, to): (i64, &Address),
    ids: &[i64],
    since: Timestamp,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications card set state = 'digested', held_for = null, digest = $2
        where id = any ($1)
          and exists (select from waits
                      where wait = card.follows and waits.state = 'open' and replaced_by is null)
        "#,
        ids,
        digest,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        r#"
        with told as (
            select card.id from notifications card
            where channel = $2 and address = $3 and of_a_rung and card.created_at >= $4
                  and card.state in ('sent', 'digested')
                  and exists (select from waits
                              where wait = card.follows and waits.state = 'open' and replaced_by is null)
            order by card.id
            for update of card
        )
        update notifications set digest = $1 from told where notifications.id = told.id
        "#,
        digest,
        to.channel,
        to.address,
        since,
    )
    .execute(&mut *connection)
    .await?;
    let older = sqlx::query_scalar!(
        r#"
        with older as (
            select id, wanted from notifications
            where subject_kind = 'digest' and channel = $2 and address = $3 and id <> $1 and created_at >= $4
                  and wanted -> 'waits' is distinct from '[]'
            order by id
            for update
        )
        update notifications set wanted = '{"waits": []}', change_attempts = 0, next_change_at = $5
        from older where notifications.id = older.id
        returning older.wanted
        "#,
        digest,
        to.channel,
        to.address,
        since,
        now,
    )
    .fetch_all(&mut *connection)
    .await?;
    let waits: Vec<&str> = older
        .iter()
        .filter_map(|wanted| wanted["waits"].as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    add(connection, digest, &waits).await
}

/// Puts waits on a digest.
pub async fn add(connection: &mut PgConnection, digest: i64, waits: &[&str]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications
        set wanted = jsonb_build_object('waits', coalesce(
            (select jsonb_agg(wait order by wait)
             from (select jsonb_array_elements_text(coalesce(wanted -> 'waits', '[]')) as wait
                   union
                   select unnest($2::text[])) as every), '[]'))
        where id = $1
        "#,
        digest,
        waits as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Everybody who waits in a room that is not excluded, by the schedule: whom cards are made for.
pub async fn all(connection: &mut PgConnection) -> Result<Vec<(WaitId, FoldState)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select waits.wait, rooms.state
        from alert_schedule join waits using (wait) join rooms on rooms.room = waits.room
        where waits.state = 'open' and waits.replaced_by is null and rooms.excluded_since is null
        order by waits.opened_at, waits.wait
        "#,
    )
    .fetch_all(connection)
    .await?;
    let state =
        |state: Option<String>| state.and_then(|state| from_text(&state, "state").ok()).unwrap_or_default();
    Ok(rows.into_iter().map(|row| (WaitId(row.wait), state(row.state))).collect())
}

/// The digests made since a moment that tell of these rooms (keys in text form), with their addresses.
pub async fn of_rooms(
    connection: &mut PgConnection,
    rooms: &[String],
    since: Timestamp,
) -> Result<Vec<(i64, Address)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select id, channel, address from notifications
        where created_at >= $2
              and id in (select digest from notifications where room = any ($1) and digest is not null
                         union
                         select id from notifications
                         where subject_kind = 'digest'
                               and wanted -> 'waits' ?| array(select wait from waits
                                                              where room = any ($1)
                                                                    and (state = 'open' or closed_at >= $2)))
        order by id
        "#,
        rooms,
        since,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, Address { channel: row.channel, address: row.address })).collect())
}

/// One who waits, of a digest.
#[derive(Debug, Clone)]
pub struct Member {
    pub wait: WaitId,
    pub kind: WaitKind,
    pub opened_at: Timestamp,
    pub customer: String,
    /// The room's name; empty when unknown.
    pub topic: String,
    /// The room as it stands; what cannot be read stops no digest.
    pub state: FoldState,
    /// The last lines said there, newest last.
    pub last_lines: Vec<Line>,
}

/// Those of a digest who still wait, longest first; nobody in an excluded room.
pub async fn members(connection: &mut PgConnection, digest: i64) -> Result<Vec<Member>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select waits.wait, waits.kind, waits.opened_at, waits.customer_name, rooms.topic, rooms.state, rooms.last_lines
        from waits join rooms on rooms.room = waits.room
        where waits.wait in (select follows from notifications where digest = $1
                             union
                             select jsonb_array_elements_text(coalesce(wanted -> 'waits', '[]'))
                             from notifications where id = $1)
              and waits.state = 'open' and waits.replaced_by is null and rooms.excluded_since is null
        order by waits.opened_at, waits.wait
        "#,
        digest,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Member {
                wait: WaitId(row.wait),
                kind: parse(&row.kind, "kind")?,
                opened_at: row.opened_at,
                customer: row.customer_name,
                topic: row.topic,
                state: row.state.and_then(|state| from_text(&state, "state").ok()).unwrap_or_default(),
                last_lines: from_text(&row.last_lines, "last_lines").unwrap_or_default(),
            })
        })
        .collect()
}

/// Stores what a digest is to show, if that differs.
pub async fn want(
    connection: &mut PgConnection,
    digest: i64,
    wanted: &Value,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications set wanted = $2, change_attempts = 0, next_change_at = $3
        where id = $1 and wanted is distinct from $2
        "#,
        digest,
        wanted,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A digest that was dropped since nobody waited any more is due again: somebody of it waits once more. It gets another
/// delivery key.
pub async fn revive(connection: &mut PgConnection, digest: i64, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications
        set state = 'pending', due_at = $2, next_attempt_at = $2, attempts = 0, first_attempt_at = null, form = 'full',
            generation = generation + (payload is not null)::int, payload = null, delivery_key = null,
            failing_since = null
        where id = $1 and state = 'obsolete'
        "#,
        digest,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
