//! The only sender of cards: it decides which alert is due, delivers it to Feishu never twice and never not at all,
//! and takes the presses of the cards' buttons.
//!
//! It must not write rooms or waits: what a button asks for goes to `room-state` as a command.

pub mod callback;
pub mod card;
pub mod feishu;
pub mod uuid;
pub mod wording;

#[cfg(test)]
mod tests;

/// Runs until the shutdown is requested.
///
/// # Errors
/// If a part of it ends by itself.
pub async fn run(ctx: runtime::Context) -> anyhow::Result<()> {
    ctx.shutdown.wait().await;
    Ok(())
}
