//! The first converger: a wake-up or a second that passed → take in what changed → make the cards that are due.

use std::sync::Arc;
use std::time::Duration;

use runtime::Context;
use runtime::telemetry::chain;
use store::alerts::changes::end_undo;
use store::alerts::schedule::rooms_with_waits;
use tokio::sync::Notify;

use crate::changes::Changes;
use crate::decide::Decider;
use crate::failure::Failure;
use crate::observe::observe;
use crate::rules::RulesCache;
use crate::truth::{Notice, held};
use crate::unanswered::Mornings;

/// The longest pause between two looks.
const TICK: Duration = Duration::from_secs(1);
/// Rooms looked at together at the start: far fewer than are remembered by name.
const ADDED: usize = 10_000;

/// Runs until the shutdown is requested; rings `made` after each look.
pub async fn run(
    ctx: Context,
    rules: Arc<RulesCache>,
    pending: Arc<Changes>,
    changed: Arc<Notify>,
    made: Arc<Notify>,
) {
    let (decider, notice, mornings) = (Decider::new(), Notice::default(), Mornings::default());
    let mut known = false;
    while !ctx.shutdown.requested() {
        match turn(&ctx, &rules, &pending, &decider, &notice, &mornings, &mut known).await {
            Ok(()) => ctx.health.beat("plan"),
            Err(failure) => {
                tracing::warn!(error = chain(&failure), "alerts are looked for again in a second");
            }
        }
        made.notify_one();
        tokio::select! {
            () = changed.notified() => {}
            _ = ctx.shutdown.sleep(TICK) => {}
        }
    }
}

async fn turn(
    ctx: &Context,
    rules: &RulesCache,
    pending: &Changes,
    decider: &Decider,
    notice: &Notice,
    mornings: &Mornings,
    known: &mut bool,
) -> Result<(), Failure> {
    if !*known {
        // Since the last run the configuration may have given people other chats.
        let rooms = rooms_with_waits(&mut *ctx.db.acquire().await?).await?;
        for some in rooms.chunks(ADDED) {
            pending.add(some.iter().cloned());
            observe(ctx, rules, pending).await?;
        }
        *known = true;
    }
    observe(ctx, rules, pending).await?;
    end_undo(&mut *ctx.db.acquire().await?, ctx.clock.now()).await?;
    let held = held(&mut *ctx.db.acquire().await?, &ctx.config, ctx.clock.now()).await?;
    notice.note(held);
    if held.is_none() {
        decider.run(ctx, rules).await?;
        mornings.run(ctx, rules).await?;
    }
    Ok(())
}
