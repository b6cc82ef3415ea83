//! Digests: notifications that tell several cards of one person together.
//!
//! A digest names those who wait for its reader and were told to them: the waits of the cards whose column `digest` names it.
//! A newer digest at the same address takes all who still wait over, so that the older one shrinks.

use domain::Timestamp;
use domain::fold::FoldState;
use domain::id::WaitId;
use domain::wait::WaitKind;
use serde_json::Value;
use sqlx::PgConnection;

use super::notifications::{Address, NewNotification, insert};
use crate::json::from_text;
use crate::rooms::{Line, parse};

/// A digest that was made, and those that it takes members from.
#[derive(Debug, Clone)]
pub struct MadeDigest {
    pub id: i64,
    pub older: Vec<i64>,
}

/// Makes a digest in the place of these cards. On it is also whoever else waits, by cards made since a moment that went out at
/// its address or were told by an older digest.
pub async fn make(
    connection: &mut PgConnection,
    new: &NewNotification<'_>,
    ids: &[i64],
    since: Timestamp,
    now: Timestamp,
) -> Result<MadeDigest, sqlx::Error> {
    insert(connection, new, &Value::Null, now).await?;
    let id = sqlx::query_scalar!(
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
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query!("update notifications set state = 'digested', held_for = null where id = any ($1)", ids)
        .execute(&mut *connection)
        .await?;
    let mut older = sqlx::query_scalar!(
        r#"
        with told as (
            select card.id, card.digest from notifications card
            where channel = $2 and address = $3 and of_a_rung and card.created_at >= $4
                  and card.state in ('sent', 'digested')
                  and exists (select from waits
                              where wait = card.follows and waits.state = 'open' and replaced_by is null)
            order by card.id
            for update of card
        )
        update notifications set digest = $1 from told where notifications.id = told.id
        returning told.digest
        "#,
        id,
        new.to.channel,
        new.to.address,
        since,
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .flatten()
    .collect::<Vec<i64>>();
    older.sort_unstable();
    older.dedup();
    Ok(MadeDigest { id, older })
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
              and id in (select digest from notifications where room = any ($1) and digest is not null)
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
        where waits.wait in (select follows from notifications where digest = $1)
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
