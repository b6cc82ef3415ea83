//! `vika-sync`: the only writer of Vika. It keeps the managers' sheets like the rooms: changed cells only, as few calls
//! as that takes.
//!
//! It takes no orders: woken by a change or a tick it reads what is true, compares it with what the sheets were last
//! known to hold, and writes the difference. It must not write a column that managers own after the row is made, and it
//! decides nothing about rooms.

mod audit;
mod outcome;
mod pass;
mod retention;
mod row;
mod sheet;
mod trouble;
mod wording;
mod worker;
mod write;

use std::sync::Arc;

use runtime::bus::{Consumer, wake_on_room_changes};
use runtime::{Context, Tasks};
use tokio::sync::Notify;

use crate::worker::Settings;

/// Where tests can end the service; see [`runtime::fault`].
pub mod point {
    /// Rows are made, and nobody has written down which.
    pub const CREATED: &str = "vika-sync.created";
    /// Cells are changed, and nobody has written down which.
    pub const CHANGED: &str = "vika-sync.changed";
    /// Rows of 系统信息 are made, and nobody has written down which.
    pub const LOGGED: &str = "vika-sync.logged";
    /// The tick is about to be taken back.
    pub const BEFORE_UNTICK: &str = "vika-sync.before-untick";
}

/// Runs until the shutdown is requested.
///
/// # Errors
/// If a part of it ends by itself, or the configuration of Vika cannot be used.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    if !ctx.config.vika.enabled {
        // What was mirrored in former times grows old all the same.
        retention::run(ctx).await;
        return Ok(());
    }
    let settings = Settings::of(&ctx.config.vika, &ctx.clock)?;
    let bell = Arc::new(Notify::new());
    let mut tasks = Tasks::new(ctx.shutdown.clone());
    {
        let (ctx, bell) = (ctx.clone(), bell.clone());
        tasks.spawn("wake", async move {
            wake_on_room_changes(&ctx.bus, Consumer::VikaSync, bell, &ctx.shutdown, &ctx.health).await;
        });
    }
    tasks.spawn("retention", retention::run(ctx.clone()));
    tasks.spawn("sync", worker::run(ctx, settings, bell));
    tasks.finish().await
}
