//! `vika-reconcile`: reads managers' edits and turns them into commands.

use runtime::Context;

/// Runs until the shutdown is requested.
///
/// # Errors
/// If a part of it ends by itself.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    ctx.shutdown.wait().await;
    Ok(())
}
