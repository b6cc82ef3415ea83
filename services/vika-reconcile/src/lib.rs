//! `vika-reconcile`: reads what managers change in the sheets and turns it into commands for `room-state`.
//!
//! It reads Vika and never writes it, and it decides nothing: an edit that cannot be applied is refused by `room-state`, the
//! owner of rooms, with a message for the manager.

mod decide;
mod poll;
mod read;
mod sheet;

use runtime::{Context, Tasks};
use vika::{Pacing, Session, SheetIds, Token};

/// Where tests can end the service; see [`runtime::fault`].
pub mod point {
    /// Commands are published, and their edits are not recorded yet.
    pub const PUBLISHED: &str = "vika-reconcile.published";
}

/// Runs until the shutdown is requested.
///
/// # Errors
/// If a part of it ends by itself, or the configuration of Vika cannot be used.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    if !ctx.config.vika.enabled {
        ctx.shutdown.wait().await;
        return Ok(());
    }
    let (vika, clock) = (&ctx.config.vika, &ctx.clock);
    let ids = &vika.sheets;
    let sheets = SheetIds::parse(&ids.today, &ids.all_rooms, &ids.system_log)?;
    let pacing = Pacing::per_second(vika.calls_per_second).scaled(|time| clock.real(time));
    let token = Token::new(vika.reconcile_token.expose());
    let session = Session::new(runtime::http::client()?, &vika.base_url, token, pacing);
    let mut tasks = Tasks::new(ctx.shutdown.clone());
    tasks.spawn("poll", poll::run(ctx, session, sheets));
    tasks.finish().await
}
