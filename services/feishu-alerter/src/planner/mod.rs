//! Planning: a wake-up or a second that passed → take in what changed → make the cards that are due.

mod alert_context;
mod approvals;
mod climb;
mod decide;
mod departure;
mod figures;
mod follow_ups;
mod handover;
mod lists;
pub mod load;
mod observe;
mod openings;
pub mod release;
mod unanswered;

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use runtime::telemetry::chain;
use runtime::{Changes, Context};
use store::alerts::schedule;
use store::rules::RulesCache;
use tokio::sync::Notify;

use self::alert_context::AlertContext;
use self::approvals::Approvals;
use self::decide::Decider;
use self::figures::FigureCards;
use self::follow_ups::FollowUps;
use self::observe::observe;
use self::openings::Openings;
use self::release::Releases;
use self::unanswered::Lists;
use crate::availability::Availability;
use crate::failure::Failure;
use crate::freshness::{self, HoldLog};

/// The longest pause between two looks.
const TICK: Duration = Duration::from_secs(1);
/// Rooms looked at together at the start: far fewer than are remembered by name.
const ADDED: usize = 10_000;

/// What concerns many rooms at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Causes {
    /// The rules in force.
    pub rules: i64,
    /// The newest capture gap.
    pub gap: i64,
}

/// Has the planner look at a room.
#[derive(Debug, Clone)]
pub struct Wake {
    pub pending: Arc<Changes<Causes>>,
    pub changed: Arc<Notify>,
}

impl Wake {
    /// At once; the room's key in text form.
    pub fn look_at(&self, room: String) {
        self.pending.add([room]);
        self.changed.notify_one();
    }
}

/// What is looked at again and again.
struct Planner {
    ctx: Context,
    rules: Arc<RulesCache>,
    pending: Arc<Changes<Causes>>,
    decider: Decider,
    notice: HoldLog,
    openings: Openings,
    lists: Lists,
    releases: Releases,
    follow_ups: FollowUps,
    approvals: Approvals,
    figures: FigureCards,
    /// Every room with a wait was looked at since the start; the absences of then, since whoever is away is not told.
    known: Option<(i64, i64)>,
}

/// Runs until the shutdown is requested; notifies `made` after each look.
pub async fn run(
    ctx: Context,
    rules: Arc<RulesCache>,
    pending: Arc<Changes<Causes>>,
    changed: Arc<Notify>,
    made: Arc<Notify>,
) {
    let shutdown = ctx.shutdown.clone();
    let mut planner = Planner {
        ctx,
        rules,
        pending,
        decider: Decider::new(),
        notice: HoldLog::default(),
        openings: Openings::default(),
        lists: Lists::default(),
        releases: Releases::default(),
        follow_ups: FollowUps::default(),
        approvals: Approvals::default(),
        figures: FigureCards::default(),
        known: None,
    };
    while !shutdown.requested() {
        let pause = match planner.look().await {
            Ok(next) => {
                planner.ctx.health.beat("plan");
                planner.pause(next)
            }
            Err(failure) => {
                tracing::warn!(error = chain(&failure), "alerts are looked for again in a second");
                TICK
            }
        };
        made.notify_one();
        tokio::select! {
            () = changed.notified() => {}
            _ = shutdown.sleep(pause) => {}
        }
    }
}

impl Planner {
    /// Until the next look: to the moment at which the next card is due, so that none waits for a tick. One that is due
    /// already was held back or deferred.
    fn pause(&self, next: Option<Timestamp>) -> Duration {
        let clock = &self.ctx.clock;
        let until = next.and_then(|next| (next - clock.now()).to_std().ok()).filter(|until| !until.is_zero());
        until.map_or(TICK, |until| clock.real(until).min(TICK))
    }

    /// Gives when the next card is due.
    async fn look(&mut self) -> Result<Option<Timestamp>, Failure> {
        let Self { ctx, rules, pending, .. } = &*self;
        let now = ctx.clock.now();
        let absences = Availability::read(&mut *ctx.db.acquire().await?, now).await?.absence_mark();
        if self.known != Some(absences) {
            // Since the last run the configuration may have named another public chat.
            let rooms = schedule::rooms_with_waits(&mut *ctx.db.acquire().await?).await?;
            for some in rooms.chunks(ADDED) {
                pending.add(some.iter().cloned());
                observe(ctx, rules, pending).await?;
            }
        }
        observe(ctx, rules, pending).await?;
        store::alerts::changes::end_undo(&mut *ctx.db.acquire().await?, now).await?;
        self.releases.run(&self.ctx, &self.rules).await?;
        let ctx = &self.ctx;
        let held = freshness::hold_reason(&mut *ctx.db.acquire().await?, &ctx.config, now).await?;
        self.known = Some(absences);
        self.notice.note(held);
        if held.is_none() {
            self.decider.run(&self.ctx, &self.rules).await?;
            let context =
                AlertContext::read(&mut *self.ctx.db.acquire().await?, &self.rules, self.ctx.clock.now())
                    .await?;
            self.openings.run(&self.ctx, &context).await?;
            self.lists.run(&self.ctx, &context).await?;
            self.approvals.run(&self.ctx, &context).await?;
            self.figures.run(&self.ctx, &context).await?;
            self.follow_ups.run(&self.ctx, &context).await?;
        }
        Ok(schedule::next_due(&mut *self.ctx.db.acquire().await?).await?)
    }
}
