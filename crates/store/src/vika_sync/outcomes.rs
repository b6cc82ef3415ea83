//! Outcomes: decisions about commands, and how far each is shown in the sheets.

use domain::Timestamp;
use domain::id::RoomKey;
use sqlx::PgConnection;

use crate::rooms::commands::StoredCommand;
use crate::rooms::parse;

/// An outcome that is not fully shown yet.
#[derive(Debug, Clone)]
pub struct PendingOutcome {
    /// The command with its decision.
    pub command: StoredCommand,
    /// When its row in 系统信息 was last sent, while that is unconfirmed.
    pub attempted_at: Option<Timestamp>,
    /// Its row in 系统信息 is there.
    pub logged: bool,
    /// Its tick was taken back.
    pub unticked: bool,
}

/// Outcomes decided since `horizon` that are not fully shown and not postponed beyond `now`, oldest first.
pub async fn pending_outcomes(
    connection: &mut PgConnection,
    horizon: Timestamp,
    now: Timestamp,
    most: i64,
) -> Result<Vec<PendingOutcome>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select commands.command, room, kind, at, by_name, via, wish, decision, message, decided_at, shown.attempted_at as "attempted_at?", shown.logged_at as "logged_at?",
               shown.unticked_at as "unticked_at?"
        from commands left join vika_sync_outcomes shown on shown.command = commands.command
        where commands.decided_at >= $1 and kind <> 'recompute' and shown.settled_at is null and (shown.retry_at is null or shown.retry_at <= $2)
        order by commands.decided_at, commands.command
        limit $3
        "#,
        horizon,
        now,
        most,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let command = StoredCommand {
                id: domain::id::CommandId(row.command),
                room: parse::<RoomKey>(&row.room, "room")?,
                kind: row.kind,
                at: row.at,
                by: row.by_name,
                via: row.via,
                arguments: row.wish,
                decision: row.decision,
                message: row.message,
                decided_at: row.decided_at,
            };
            Ok(PendingOutcome {
                command,
                attempted_at: row.attempted_at,
                logged: row.logged_at.is_some(),
                unticked: row.unticked_at.is_some(),
            })
        })
        .collect()
}

/// A step of showing an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Its row in 系统信息 is about to be sent.
    LogSent,
    /// Its row in 系统信息 is there, or none is wanted.
    Logged,
    /// Its tick was taken back, or there is none.
    Unticked,
}

/// Records that outcomes have reached a step.
pub async fn record_step(
    connection: &mut PgConnection,
    commands: &[String],
    step: Step,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let at = |wanted| (step == wanted).then_some(now);
    sqlx::query!(
        r#"
        insert into vika_sync_outcomes as shown (command, attempted_at, logged_at, unticked_at)
        select command, $2, $3, $4 from unnest($1::text[]) as new (command)
        on conflict (command) do update
        set attempted_at = coalesce(excluded.attempted_at, shown.attempted_at),
            logged_at = coalesce(excluded.logged_at, shown.logged_at),
            unticked_at = coalesce(excluded.unticked_at, shown.unticked_at)
        "#,
        commands,
        at(Step::LogSent),
        at(Step::Logged),
        at(Step::Unticked),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Closes those of some outcomes that are logged and unticked.
pub async fn close_outcomes(
    connection: &mut PgConnection,
    commands: &[String],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update vika_sync_outcomes set settled_at = $2
        where command = any ($1) and logged_at is not null and unticked_at is not null and settled_at is null
        "#,
        commands,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Postpones outcomes that are not closed until a moment.
pub async fn postpone_outcomes(
    connection: &mut PgConnection,
    commands: &[String],
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into vika_sync_outcomes (command, retry_at)
        select command, $2 from unnest($1::text[]) as new (command)
        on conflict (command) do update set retry_at = excluded.retry_at
        "#,
        commands,
        until,
    )
    .execute(connection)
    .await?;
    Ok(())
}
