//! Where live messages stand, for when one turns up that was captured before others that are stored already.

use domain::id::{EntryId, RoomKey};
use domain::timeline::capture::Captured;
use domain::timeline::{Position, SourceTime};
use sqlx::PgConnection;

use super::{position, stamped};

/// A live message and where it stands.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Where.
    pub position: Position,
    /// What its place follows from.
    pub captured: Captured,
}

/// The live messages of a room that one account captured. `prefix`: what the ids of its entries begin with.
pub async fn captured_live(
    connection: &mut PgConnection,
    room: &RoomKey,
    prefix: &str,
) -> Result<Vec<Placed>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select entry, pos_at, pos_order, pos_seq, stamped_at, stamped_order, received_at
        from timeline
        where room = $1 and kind = 'message' and not history and message not in ('system', 'recalled')
              and starts_with(entry, $2)
        order by pos_seq
        "#,
        room.to_string(),
        prefix,
    )
    .fetch_all(connection)
    .await?;
    let placed = rows.into_iter().map(|row| {
        let position = position((row.pos_at, row.pos_order), row.pos_seq, row.entry, String::new());
        let sent = stamped(row.stamped_at, row.stamped_order).unwrap_or(position.sent());
        let captured = Captured { seq: row.pos_seq, sent, received_at: row.received_at };
        Placed { position, captured }
    });
    Ok(placed.collect())
}

/// Puts a message somewhere else, and the cancels that stand after it. `stamped`: what its source says of the time, if that
/// is something else.
pub async fn put(
    connection: &mut PgConnection,
    room: &RoomKey,
    entry: &EntryId,
    place: SourceTime,
    stamped: Option<SourceTime>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update timeline
        set pos_at = $3, pos_order = $4,
            stamped_at = case when entry = $2 then $5 else stamped_at end,
            stamped_order = case when entry = $2 then $6 else stamped_order end
        where room = $1 and pos_entry = $2
        "#,
        room.to_string(),
        entry.as_str(),
        place.at,
        place.order,
        stamped.map(|stamped| stamped.at),
        stamped.map(|stamped| stamped.order),
    )
    .execute(connection)
    .await?;
    Ok(())
}
