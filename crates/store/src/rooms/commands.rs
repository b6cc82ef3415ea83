//! What was asked of us and what became of it, and what happened to rooms that people read about in the same place.

use domain::Timestamp;
use domain::id::{CommandId, RoomKey};
use serde_json::Value;
use sqlx::PgConnection;

use super::parse;

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// Put in force.
    Applied,
    /// It stood so already.
    Unchanged,
    /// Refused.
    Refused,
}

impl Decided {
    /// As the database holds it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
        }
    }
}

/// A command with what became of it.
#[derive(Debug, Clone)]
pub struct StoredCommand {
    /// Its id.
    pub id: CommandId,
    /// Its room.
    pub room: RoomKey,
    /// `cancel`, `confirm_answered`, `undo_cancel`, `assign` or `mark`; `account_left` or `account_back` for what happened.
    pub kind: String,
    /// When it was expressed.
    pub at: Timestamp,
    /// By whom, as shown to people.
    pub by: String,
    /// Where it was expressed.
    pub via: String,
    /// The command kind with its members, as on the bus.
    pub arguments: Value,
    /// What became of it.
    pub decision: String,
    /// What people read about it.
    pub message: String,
    /// When it was decided.
    pub decided_at: Timestamp,
}

/// Whether a command was decided already.
pub async fn is_decided(connection: &mut PgConnection, id: &CommandId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from commands where command = $1) as "exists!""#,
        id.as_str()
    )
    .fetch_one(connection)
    .await
}

/// The kind of a command that was decided.
pub async fn kind(connection: &mut PgConnection, id: &CommandId) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!("select kind from commands where command = $1", id.as_str())
        .fetch_optional(connection)
        .await
}

/// The last cancel of a room that was asked for after `since` and up to `until`; `None`: there is none, or it was taken back.
pub async fn last_cancel(
    connection: &mut PgConnection,
    room: &RoomKey,
    (since, until): (Timestamp, Timestamp),
) -> Result<Option<CommandId>, sqlx::Error> {
    let last = sqlx::query!(
        r#"
        select command, (select undone from timeline where entry = 'command:' || command and kind = 'cancel') as undone
        from commands
        where room = $1 and kind = 'cancel' and decision = 'applied' and at > $2 and at <= $3
        order by at desc, command desc
        limit 1
        "#,
        room.to_string(),
        since,
        until,
    )
    .fetch_optional(connection)
    .await?;
    Ok(last.filter(|last| last.undone == Some(false)).map(|last| CommandId(last.command)))
}

/// Records a decision. `false`: the command was decided meanwhile, by another replica to which it was delivered too.
pub async fn insert(connection: &mut PgConnection, command: &StoredCommand) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        r#"
        insert into commands (command, room, kind, at, by_name, via, wish, decision, message, decided_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict (command) do nothing
        "#,
        command.id.as_str(),
        command.room.to_string(),
        command.kind,
        command.at,
        command.by,
        command.via,
        command.arguments,
        command.decision,
        command.message,
        command.decided_at,
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Records something that happened, once.
pub async fn note(connection: &mut PgConnection, happened: &StoredCommand) -> Result<(), sqlx::Error> {
    insert(connection, happened).await?;
    Ok(())
}

/// Decisions made after a moment, oldest first, at most `most`.
pub async fn decided_since(
    connection: &mut PgConnection,
    since: Timestamp,
    most: i64,
) -> Result<Vec<StoredCommand>, sqlx::Error> {
    let rows = sqlx::query_as!(
        CommandRow,
        r#"
        select command, room, kind, at, by_name, via, wish, decision, message, decided_at
        from commands
        where decided_at >= $1
        order by decided_at, command
        limit $2
        "#,
        since,
        most,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Those of some commands that are decided, by room.
pub async fn decided(
    connection: &mut PgConnection,
    commands: &[CommandId],
) -> Result<Vec<StoredCommand>, sqlx::Error> {
    let ids: Vec<&str> = commands.iter().map(CommandId::as_str).collect();
    let rows = sqlx::query_as!(
        CommandRow,
        r#"
        select command, room, kind, at, by_name, via, wish, decision, message, decided_at
        from commands
        where command = any ($1)
        order by room, command
        "#,
        &ids as _,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

struct CommandRow {
    command: String,
    room: String,
    kind: String,
    at: Timestamp,
    by_name: String,
    via: String,
    wish: Value,
    decision: String,
    message: String,
    decided_at: Timestamp,
}

impl TryFrom<CommandRow> for StoredCommand {
    type Error = sqlx::Error;

    fn try_from(row: CommandRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: CommandId(row.command),
            room: parse(&row.room, "room")?,
            kind: row.kind,
            at: row.at,
            by: row.by_name,
            via: row.via,
            arguments: row.wish,
            decision: row.decision,
            message: row.message,
            decided_at: row.decided_at,
        })
    }
}
