//! `vika-sync`: the only writer of Vika. It mirrors the rooms into the managers' sheets with as few calls as possible.
//!
//! It reads the rooms that wake-ups name, and those whose cells change with time, from the database, compares them with the
//! mirror (the cells last confirmed in the sheets), and writes the difference. All rooms are compared at the start, once a
//! minute, and when something changes that concerns them all. It must not write a column that managers own after the row is
//! created, and it decides nothing about rooms.

mod audit;
mod claim;
mod context;
mod outcome;
mod problems;
mod retention;
mod row;
mod row_limit;
mod seen;
mod sheet;
mod snapshot;
mod wording;
mod worker;
mod write;

use runtime::{Context, Tasks};
use vika::{Pacing, Session, SheetIds, Token};

/// Where tests can end the service; see [`runtime::fault`].
pub mod point {
    /// Rows are created in the sheet, and not confirmed in the mirror yet.
    pub const CREATED: &str = "vika-sync.created";
    /// Cells are changed in the sheet, and not confirmed in the mirror yet.
    pub const CHANGED: &str = "vika-sync.changed";
    /// Rows have left a full sheet, which is not recorded yet.
    pub const LEFT: &str = "vika-sync.left";
    /// Rows of 系统信息 are created, and not recorded yet.
    pub const LOGGED: &str = "vika-sync.logged";
    /// All rooms are about to be read for those that nobody named.
    pub const BEFORE_SCAN: &str = "vika-sync.before-scan";
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
    let mut tasks = Tasks::new(ctx.shutdown.clone());
    tasks.spawn("retention", retention::run(ctx.clone()));
    tasks.spawn("sync", worker::run(ctx, session, sheets));
    tasks.finish().await
}
