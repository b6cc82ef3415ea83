//! Runs a command with `DATABASE_URL` naming a private, migrated database that is gone afterwards: for the check of the
//! queries' offline data, and for writing it anew.
//!
//! `cargo run -q -p testkit --example with-database -- cargo sqlx prepare --workspace`

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use local_stack::testing::servers;
use store::sqlx::{ConnectOptions as _, Connection as _};
use tokio::process::Command;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    let program = words.next().context("expected a command to run")?;
    let database = servers()
        .await?
        .fresh_database("migrated", async |superuser| -> Result<()> {
            let mut connection = superuser.connect().await?;
            // Nobody logs in with these: the command is the superuser.
            store::migrate::provision(&mut connection, |role| format!("unused-{role}")).await?;
            connection.close().await?;
            Ok(())
        })
        .await?;
    let status = Command::new(program)
        .args(words)
        .env("DATABASE_URL", database.superuser.to_url_lossy().as_str())
        .env_remove("SQLX_OFFLINE")
        .status()
        .await
        .context("the command cannot be run")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
