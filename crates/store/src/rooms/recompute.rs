//! Rooms whose figures are judged by older rules than the history says, because they were counted before.

use domain::Timestamp;
use domain::id::RoomKey;
use domain::rules::PinnedRules;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::parse;

/// A room some of whose past is judged as it was counted.
#[derive(Debug, Clone)]
pub struct PinnedRoom {
    /// Which.
    pub room: RoomKey,
    /// Its name; empty when unknown.
    pub topic: String,
    /// By which rules.
    pub pinned: PinnedRules,
}

/// Rooms some of whose past from a moment on is judged as it was counted, in key order.
pub async fn pinned_rooms(
    connection: &mut PgConnection,
    from: Timestamp,
) -> Result<Vec<PinnedRoom>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select room, topic, rules_pinned as "pinned!: Json<PinnedRules>"
        from rooms
        where rules_pinned is not null and (rules_pinned ->> 'until')::timestamptz > $1
        order by room
        "#,
        from,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| Ok(PinnedRoom { room: parse(&row.room, "room")?, topic: row.topic, pinned: row.pinned.0 }))
        .collect()
}
