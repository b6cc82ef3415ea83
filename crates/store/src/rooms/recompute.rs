//! Rooms whose figures are judged by older rules than the history says, because they were counted before.

use domain::Timestamp;
use domain::id::{CommandId, RoomKey};
use domain::rules::PinnedRules;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::parse;

/// A room some of whose past is judged as it was counted.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// Which.
    pub room: RoomKey,
    /// Its name; empty when unknown.
    pub topic: String,
    /// What is kept.
    pub kept: PinnedRules,
}

/// Rooms some of whose past from a moment on is judged as it was counted, in key order.
pub async fn keeping(connection: &mut PgConnection, from: Timestamp) -> Result<Vec<Keeping>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select room, topic, rules_kept as "kept!: Json<PinnedRules>"
        from rooms
        where rules_kept is not null and (rules_kept ->> 'until')::timestamptz > $1
        order by room
        "#,
        from,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| Ok(Keeping { room: parse(&row.room, "room")?, topic: row.topic, kept: row.kept.0 }))
        .collect()
}

/// Which of some commands are decided, with what became of them: (command, decision).
pub async fn decided(
    connection: &mut PgConnection,
    commands: &[CommandId],
) -> Result<Vec<(CommandId, String)>, sqlx::Error> {
    let ids: Vec<&str> = commands.iter().map(CommandId::as_str).collect();
    let rows = sqlx::query!("select command, decision from commands where command = any ($1)", &ids as _)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (CommandId(row.command), row.decision)).collect())
}
