//! `ingest`: how messages come in, from a Wechaty gateway and from the webhook.
//!
//! It turns what the outside says into Huiyin's own facts and never judges them: what a message means for a wait is
//! `room-state`'s business.

mod contacts;
pub mod gateway;
mod webhook;

use runtime::Context;

/// Runs until the shutdown is requested.
///
/// # Errors
/// If the webhook's address cannot be bound, or a part ends by itself.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    webhook::serve(ctx).await
}
