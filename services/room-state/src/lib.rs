//! `room-state`: folds messages and commands into rooms and waits. The single owner of room truth.
//!
//! It reads CHAT and COMMAND, writes `rooms`, `timeline`, `waits`, `commands` and `fold_progress`, and publishes
//! wake-ups on ROOM. Nothing else writes those tables, and nothing here sends anything to people.

mod anew;
mod chat;
mod command;
mod entry;
pub mod failure;
mod fold;
mod lines;
mod notice;
mod progress;
mod publish;
pub mod recompute;
mod refold;
mod retention;
mod stages;
mod wording;

use std::sync::Arc;

use runtime::bus::{Consumer, consume};
use runtime::{Context, Tasks};
use store::rules::RulesCache;

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
    let rules = Arc::new(RulesCache::default());
    let publisher = Publisher::new(ctx.clone());
    let mut tasks = Tasks::new(ctx.shutdown.clone());
    {
        let ctx = ctx.clone();
        let mut handler = chat::ChatHandler::new(ctx.clone(), rules.clone(), publisher.handle());
        tasks.spawn("chat", async move {
            consume(&ctx.bus, Consumer::RoomStateChat, &mut handler, &ctx.shutdown, &ctx.health).await;
        });
    }
    {
        let ctx = ctx.clone();
        let mut handler = command::CommandHandler::new(ctx.clone(), rules.clone(), publisher.handle());
        tasks.spawn("command", async move {
            command::until_chat_is_folded(&ctx).await;
            consume(&ctx.bus, Consumer::RoomStateCommand, &mut handler, &ctx.shutdown, &ctx.health).await;
        });
    }
    tasks.spawn("refold", refold::run(ctx.clone(), rules, publisher.handle()));
    tasks.spawn("retention", retention::run(ctx.clone(), publisher.handle()));
    tasks.spawn("progress", progress::run(ctx));
    tasks.spawn("publish", publisher.run());
    tasks.finish().await
}
