//! Commands that the command line asks `room-state` for, and what became of them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use domain::id::CommandId;
use events::command::Command;
use events::{encode, subject};
use runtime::Config;
use runtime::bus::{Bus, Login, Outgoing, User};
use sqlx::PgConnection;
use store::role::Role;
use store::rooms::commands::{StoredCommand, decided};

/// How long `room-state` may take before this gives up waiting for it; what was asked stays asked.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// How often is looked meanwhile.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What asking uses of the configuration, besides what reading the database does.
pub(crate) const USED: [&str; 2] = ["bus.url", "bus.passwords.operator"];

/// Publishes commands, which are decided once `room-state` gets to them.
pub(crate) async fn publish(bus: &Bus, commands: &[Command]) -> Result<()> {
    for command in commands {
        let outgoing = Outgoing {
            subject: subject::command(command.kind.name(), &command.room),
            id: command.id.to_string(),
            payload: encode(command).context("a command cannot be encoded")?,
        };
        bus.publish(&outgoing).await?;
    }
    Ok(())
}

/// Publishes commands and waits until they are decided. Those that are not after a while are left out.
pub(crate) async fn carry_out(
    reader: &mut PgConnection,
    config: &Config,
    commands: &[Command],
) -> Result<Vec<StoredCommand>> {
    let login = Login::of(&config.bus, User::Role(Role::Operator))?;
    publish(&Bus::connect(&login, "huiyin-command").await?, commands).await?;
    let ids: Vec<CommandId> = commands.iter().map(|command| command.id.clone()).collect();
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let decided = decided(reader, &ids).await?;
        if decided.len() == ids.len() || tokio::time::Instant::now() >= end {
            return Ok(decided);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
