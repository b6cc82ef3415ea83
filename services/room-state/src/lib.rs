//! `room-state`: folds messages and commands into rooms and waits. The single owner of room truth.
//!
//! It reads CHAT and COMMAND, writes `rooms`, `timeline`, `waits`, `commands` and `fold_progress`, and publishes
//! wake-ups on ROOM. Nothing else writes those tables, and nothing here sends anything to people. Of several processes one
//! works and the others stand by: see [`leader`].

mod chat;
mod command;
mod entry;
pub mod failure;
mod fold;
mod leader;
mod lines;
mod notice;
mod progress;
mod publish;
pub mod recompute;
mod refold;
mod rejudge;
mod retention;
mod stages;
mod state_cache;
mod wording;

use runtime::{Context, Tasks};

use crate::publish::Publisher;

/// Where tests can end the service; see [`runtime::fault`].
pub mod point {
    /// The batch is committed, nothing is acknowledged.
    pub const BEFORE_ACK: &str = "room-state.before-ack";
    /// The batch is committed, no wake-up is published.
    pub const BEFORE_PUBLISH: &str = "room-state.before-publish";
}

/// Runs until the shutdown is requested.
///
/// # Errors
/// If a part of it ends by itself.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let publisher = Publisher::new(ctx.clone());
    let publish = publisher.handle();
    let mut tasks = Tasks::new(ctx.shutdown.clone());
    tasks.spawn("publish", publisher.run());
    tasks.spawn("lead", leader::run(ctx, publish));
    tasks.finish().await
}

/// Works whoever else does, as one that has lost the lease does until it learns of it. For tests: what it does then must be
/// harmless.
///
/// # Errors
/// If a part of it ends by itself.
pub async fn run_without_lease(ctx: Context) -> anyhow::Result<()> {
    let publisher = Publisher::new(ctx.clone());
    let mut tasks = leader::parts(&ctx, &publisher.handle());
    tasks.spawn("publish", publisher.run());
    tasks.finish().await
}
