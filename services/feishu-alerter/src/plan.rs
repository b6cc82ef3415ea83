//! The first converger: a wake-up or a second that passed → take in what changed → make the cards that are due.

use std::sync::Arc;
use std::time::Duration;

use runtime::Context;
use runtime::telemetry::chain;
use store::alerts::changes::end_undo;
use store::alerts::schedule::rooms_with_waits;
use store::rules::RulesCache;
use tokio::sync::Notify;

use crate::changes::Changes;
use crate::decide::Decider;
use crate::failure::Failure;
use crate::observe::observe;
use crate::truth::{Notice, held};
use crate::unanswered::Mornings;

/// The longest pause between two looks.
const TICK: Duration = Duration::from_secs(1);
/// Rooms looked at together at the start: far fewer than are remembered by name.
const ADDED: usize = 10_000;

/// What is looked at again and again.
struct Planner {
    ctx: Context,
    rules: Arc<RulesCache>,
    pending: Arc<Changes>,
    decider: Decider,
    notice: Notice,
    mornings: Mornings,
    /// Every room with a wait was looked at since the start.
    known: bool,
}

/// Runs until the shutdown is requested; rings `made` after each look.
pub async fn run(
    ctx: Context,
    rules: Arc<RulesCache>,
    pending: Arc<Changes>,
    changed: Arc<Notify>,
    made: Arc<Notify>,
) {
    let shutdown = ctx.shutdown.clone();
    let mut planner = Planner {
        ctx,
        rules,
        pending,
        decider: Decider::new(),
        notice: Notice::default(),
        mornings: Mornings::default(),
        known: false,
    };
    while !shutdown.requested() {
        match planner.look().await {
            Ok(()) => planner.ctx.health.beat("plan"),
            Err(failure) => {
                tracing::warn!(error = chain(&failure), "alerts are looked for again in a second");
            }
        }
        made.notify_one();
        tokio::select! {
            () = changed.notified() => {}
            _ = shutdown.sleep(TICK) => {}
        }
    }
}

impl Planner {
    async fn look(&mut self) -> Result<(), Failure> {
        let Self { ctx, rules, pending, .. } = &*self;
        if !self.known {
            // Since the last run the configuration may have given people other chats.
            let rooms = rooms_with_waits(&mut *ctx.db.acquire().await?).await?;
            for some in rooms.chunks(ADDED) {
                pending.add(some.iter().cloned());
                observe(ctx, rules, pending).await?;
            }
        }
        observe(ctx, rules, pending).await?;
        let now = ctx.clock.now();
        end_undo(&mut *ctx.db.acquire().await?, now).await?;
        let held = held(&mut *ctx.db.acquire().await?, &ctx.config, now).await?;
        self.known = true;
        self.notice.note(held);
        if held.is_none() {
            self.decider.run(&self.ctx, &self.rules).await?;
            self.mornings.run(&self.ctx, &self.rules).await?;
        }
        Ok(())
    }
}
