//! `performance`: counts what `room-state` has decided.
//!
//! It reads rooms, waits, timelines, rules, gaps and go-live, and writes `performance_*` alone: one row for each live wait
//! with how it counts, and what is known of each day by room, owner and stage. Woken by ROOM it takes in what changed; once
//! a minute it compares the versions of all rooms. It judges nothing again and sends nothing. What the figures mean stands
//! in `docs/performance.md`; `crates/report` puts them together.

pub mod board;
pub mod huoban;
mod inputs;
mod take_in;
mod worker;

use runtime::{Context, Tasks};

use crate::board::BoardServer;

/// Where tests can end the service; see [`runtime::fault`].
pub mod point {
    /// A room is taken in, and nothing of it is committed yet.
    pub const BEFORE_COMMIT: &str = "performance.before-commit";
    /// What all rooms depend on is noted, and none is looked at again yet.
    pub const INPUTS_NOTED: &str = "performance.inputs-noted";
}

/// Runs until the shutdown is requested.
///
/// # Errors
/// If the board's address cannot be bound, or a part of it ends by itself.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let board = BoardServer::bind(&ctx).await?;
    let mut tasks = Tasks::new(ctx.shutdown.clone());
    if let Some(board) = board {
        tasks.spawn("board", board.serve());
    }
    if ctx.config.huoban.enabled {
        let ctx = ctx.clone();
        tasks.spawn("huoban", async move {
            if let Err(error) = huoban::run(ctx).await {
                tracing::error!(error = format!("{error:#}"), "nothing is written to Huoban");
            }
        });
    }
    tasks.spawn("figures", worker::run(ctx));
    tasks.finish().await
}
