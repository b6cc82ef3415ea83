//! `vika-sync`: the only writer of Vika. It mirrors the rooms into the managers' sheets with as few calls as possible.
//!
//! Woken by a change or by the clock it reads the rooms from the database, compares them with the mirror (the cells last
//! confirmed in the sheets), and writes the difference. It must not write a column that managers own after the row is
//! created, and it decides nothing about rooms.

mod audit;
mod context;
mod outcome;
mod problems;
mod retention;
mod row;
mod seen;
mod sheet;
mod snapshot;
mod wording;
mod worker;
mod write;

use std::sync::Arc;

use runtime::bus::{Consumer, wake_on_room_changes};
use runtime::{Context, Tasks};
use tokio::sync::Notify;
use vika::{Pacing, Session, SheetIds, Token};

/// Where tests can end the service; see [`runtime::fault`].
pub mod point {
    /// Rows are created in the sheet, and not confirmed in the mirror yet.
    pub const CREATED: &str = "vika-sync.created";
    /// Cells are changed in the sheet, and not confirmed in the mirror yet.
    pub const CHANGED: &str = "vika-sync.changed";
    /// Rows of 系统信息 are created, and not recorded yet.
    pub const LOGGED: &str = "vika-sync.logged";
    /// The tick is about to be cleared.
    pub const BEFORE_UNTICK: &str = "vika-sync.before-untick";
}

/// Runs until the shutdown is requested.
///
/// # Errors
/// If a part of it ends by itself, or the configuration of Vika cannot be used.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    if !ctx.config.vika.enabled {
        // Retention holds for what was mirrored before, too.
        retention::run(ctx).await;
        return Ok(());
    }
    let (vika, clock) = (&ctx.config.vika, &ctx.clock);
    let ids = &vika.sheets;
    let sheets = SheetIds::parse(&ids.today, &ids.all_rooms, &ids.system_log)?;
    let pacing = Pacing::per_second(vika.calls_per_second).scaled(|time| clock.real(time));
    let token = Token::new(vika.sync_token.expose());
    let session = Session::new(runtime::http::client()?, &vika.base_url, token, pacing);
    let wake = Arc::new(Notify::new());
    let mut tasks = Tasks::new(ctx.shutdown.clone());
    {
        let (ctx, wake) = (ctx.clone(), wake.clone());
        tasks.spawn("wake", async move {
            wake_on_room_changes(&ctx.bus, Consumer::VikaSync, wake, &ctx.shutdown, &ctx.health).await;
        });
    }
    tasks.spawn("retention", retention::run(ctx.clone()));
    tasks.spawn("sync", worker::run(ctx, session, sheets, wake));
    tasks.finish().await
}
