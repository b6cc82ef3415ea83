//! Assignments that were put in force: who is told that a room is theirs now.

use domain::Timestamp;
use domain::id::{CommandId, RoomKey, StaffName};
use sqlx::PgConnection;

use super::notifications::Address;
use crate::rooms::parse;

/// An assignment that was put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    pub room: RoomKey,
    pub command: CommandId,
    /// Who was to own the room.
    pub owner: StaffName,
    /// Who asked for it, as shown to people.
    pub by: String,
    /// When they did: the room's ownership begins with it.
    pub at: Timestamp,
    pub decided_at: Timestamp,
}

/// Whether a card stands at an address, or is on its way there, about somebody who waited in the room when it was handed over.
pub async fn has_card_of_wait(
    connection: &mut PgConnection,
    handover: &Handover,
    to: &Address,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select exists (
            select from notifications join waits on waits.wait = notifications.follows
            where notifications.room = $1 and channel = $2 and address = $3 and subject_kind = 'wait'
                  and notifications.state in ('pending', 'sending', 'sent')
                  and waits.opened_at <= $4 and (waits.closed_at is null or waits.closed_at >= $4)
        ) as "exists!"
        "#,
        handover.room.to_string(),
        to.channel,
        to.address,
        handover.at,
    )
    .fetch_one(connection)
    .await
}

/// The last assignment of each of these rooms (keys in text form), where it was decided since a moment.
pub async fn last_since(
    connection: &mut PgConnection,
    rooms: &[String],
    since: Timestamp,
) -> Result<Vec<Handover>, sqlx::Error> {
    let last = sqlx::query_scalar!(
        r#"
        select distinct on (room) command
        from commands
        where room = any ($1) and decided_at >= $2 and kind = 'assign' and decision = 'applied'
        order by room, decided_at desc, at desc
        "#,
        rooms,
        since,
    )
    .fetch_all(connection.as_mut())
    .await?;
    list(connection, &last).await
}

/// The assignments that these commands asked for, as far as they were put in force.
pub async fn list(connection: &mut PgConnection, commands: &[String]) -> Result<Vec<Handover>, sqlx::Error> {
    if commands.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        r#"
        select room, command, coalesce(wish -> 'assign' ->> 'owner', '') as "owner!", by_name, at, decided_at
        from commands
        where command = any ($1) and kind = 'assign' and decision = 'applied'
        "#,
        commands,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Handover {
                room: parse(&row.room, "room")?,
                command: CommandId(row.command),
                owner: StaffName(row.owner.trim().to_owned()),
                by: row.by_name,
                at: row.at,
                decided_at: row.decided_at,
            })
        })
        .collect()
}
