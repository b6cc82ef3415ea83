//! The loop: waits for the lease; woken or by the clock it takes in what changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::Timestamp;
use events::beat::Uncounted;
use runtime::bus::{Consumer, note_room_changes};
use runtime::lease::{Lease, LeaseLost};
use runtime::telemetry::chain;
use runtime::{Changes, Context};
use store::performance::{inputs as stored_inputs, rooms};
use store::rules::{RulesCache, RulesError};
use store::sqlx;
use tokio::sync::Notify;

use crate::inputs::{Followed, Global};
use crate::{point, take_in};

/// One process counts.
const LEASE: &str = "performance";
/// What [`runtime::health`] knows the loop by.
const PART: &str = "figures";
/// How often is looked whether there are new rules, decisions about going live, or gaps.
const EVERY: Duration = Duration::from_secs(1);
/// The pause after a round that failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// A room that could not be taken in is tried again after this.
const ROOM_PAUSE: TimeDelta = TimeDelta::seconds(30);
/// A room is told to operators when it could not be taken in for this long: a second and a third time.
const ROOM_PATIENCE: TimeDelta = TimeDelta::seconds(90);
/// Rooms named to them.
const NAMED: usize = 5;
/// Rooms found in one go.
const PAGE: i64 = 500;
/// So many of them are taken in before those that wake-ups named meanwhile.
const BETWEEN_NAMED: usize = 20;
/// Sees the database at one moment. Statements are planned each time: a plan that was kept from when a table was empty would
/// read all of it for each room while everything is counted from nothing.
const SNAPSHOT: &str = "begin isolation level repeatable read; set local plan_cache_mode = force_custom_plan";

#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("the database did not answer")]
    Sql(#[from] sqlx::Error),
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error(transparent)]
    Lease(#[from] LeaseLost),
}

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context) {
    while !ctx.shutdown.requested() {
        let beat = || ctx.health.beat(PART);
        let Some(lease) = Lease::acquire(&ctx.db, LEASE, &ctx.shutdown, beat).await else { return };
        tracing::info!("counting");
        Box::pin(lead(&ctx, lease)).await;
    }
}

/// Works while the lease is held. Wake-ups are taken only meanwhile: whoever stands by would take them from the one that
/// works.
async fn lead(ctx: &Context, lease: Lease) {
    let (changes, wake) = (Arc::new(Changes::default()), Arc::new(Notify::new()));
    let leading = ctx.shutdown.child();
    let consumer = Consumer::Performance;
    let mut worker = Worker {
        ctx,
        lease,
        rules: RulesCache::default(),
        followed: Followed::default(),
        changes: changes.clone(),
        failing: BTreeMap::new(),
    };
    let work = async {
        worker.work(&wake).await;
        leading.request();
    };
    let noting = note_room_changes(&ctx.bus, consumer, &changes, wake.clone(), &leading, &ctx.health);
    tokio::join!(work, noting);
    ctx.health.done(consumer.name());
    // Whoever counts next says so of its own.
    ctx.health.report_uncounted(None);
}

struct Worker<'c> {
    ctx: &'c Context,
    lease: Lease,
    rules: RulesCache,
    followed: Followed,
    changes: Arc<Changes<()>>,
    /// Rooms that could not be taken in when they were looked at last, with the first time of these.
    failing: BTreeMap<String, Timestamp>,
}

impl Worker<'_> {
    async fn work(&mut self, wake: &Notify) {
        let shutdown = self.ctx.shutdown.clone();
        self.ctx.health.beat(PART);
        while !shutdown.requested() {
            let Some(done) = shutdown.cut(self.round()).await else { return };
            match done {
                Ok(()) => self.ctx.health.beat(PART),
                Err(RoundError::Lease(error)) => {
                    return tracing::warn!(error = chain(&error), "not counting any more");
                }
                Err(error) => {
                    tracing::warn!(error = chain(&error), "a round of counting failed");
                    shutdown.sleep(STORE_PAUSE).await;
                }
            }
            tokio::select! {
                () = shutdown.wait() => return,
                () = wake.notified() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn round(&mut self) -> Result<(), RoundError> {
        self.lease.check().await?;
        let now = self.ctx.clock.now();
        let rules = self.rules.get(&mut *self.ctx.db.acquire().await?).await?;
        let all = self.changes.needs_scan((), now);
        if self.followed.follow(&self.ctx.db, &rules, all, now).await? {
            self.ctx.faults.reach(point::INPUTS_NOTED).await;
            self.changes.want_scan();
        }
        let global = self.followed.global();
        let done = match self.take_in_named(&global).await {
            Ok(()) if self.changes.needs_scan((), now) => self.scan(&global).await,
            done => done,
        };
        if done.is_err() {
            // What it did not come to is nobody's wake-up.
            self.changes.want_scan();
        }
        done
    }

    /// Takes in the rooms that wake-ups named since it was done last.
    async fn take_in_named(&mut self, global: &Global) -> Result<(), RoundError> {
        let named = self.changes.take(self.ctx.clock.now());
        let named: Vec<String> = named.into_iter().map(|(room, _)| room).collect();
        for rooms in named.chunks(usize::try_from(PAGE).unwrap_or(usize::MAX)) {
            self.take_in(rooms, global).await?;
        }
        Ok(())
    }

    /// Takes in every room that is not taken in as it is, and before each some those that are named meanwhile: many may be
    /// behind, and what just changed is what somebody looks at.
    async fn scan(&mut self, global: &Global) -> Result<(), RoundError> {
        let now = self.ctx.clock.now();
        self.changes.scan_begins();
        let mut after = String::new();
        loop {
            let page = rooms::behind(&mut *self.ctx.db.acquire().await?, &after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(last);
            for rooms in page.chunks(BETWEEN_NAMED) {
                self.take_in_named(global).await?;
                self.take_in(rooms, global).await?;
            }
        }
        stored_inputs::scanned(&mut *self.ctx.db.acquire().await?, now).await?;
        self.changes.scanned((), now);
        Ok(())
    }

    /// Takes in some rooms, each by itself. One that cannot be is tried again later, and stops no other.
    async fn take_in(&mut self, rooms: &[String], global: &Global) -> Result<(), RoundError> {
        self.lease.check().await?;
        for room in rooms {
            self.ctx.health.beat(PART);
            let now = self.ctx.clock.now();
            match self.take_in_one(room, global).await {
                Ok(changed) => {
                    self.failing.remove(room);
                    metrics::counter!("performance_rooms_counted_total").increment(u64::from(changed));
                }
                Err(error) => {
                    tracing::warn!(room, error = chain(&error), "a room could not be counted");
                    self.failing.entry(room.clone()).or_insert(now);
                    self.changes.defer(room.clone(), now + ROOM_PAUSE);
                    // If it is not the room, but the database, that says so too.
                    self.lease.check().await?;
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "numbers of rooms are far below 2^52")]
        metrics::gauge!("performance_rooms_failing").set(self.failing.len() as f64);
        self.ctx.health.report_uncounted(uncounted(&self.failing, self.ctx.clock.now()));
        Ok(())
    }

    async fn take_in_one(&self, room: &str, global: &Global) -> Result<bool, RoundError> {
        let mut tx = self.ctx.db.begin_with(SNAPSHOT).await?;
        let rules = self.rules.get(&mut tx).await?;
        let changed = take_in::room(&mut tx, room, &rules, global, self.ctx.clock.now()).await?;
        self.ctx.faults.reach(point::BEFORE_COMMIT).await;
        tx.commit().await?;
        Ok(changed)
    }
}

/// What operators are told of rooms that cannot be taken in.
fn uncounted(failing: &BTreeMap<String, Timestamp>, now: Timestamp) -> Option<Uncounted> {
    let told = || failing.iter().filter(|(_, since)| now - **since >= ROOM_PATIENCE);
    Some(Uncounted {
        rooms: told().count(),
        first: told().map(|(room, _)| room.clone()).take(NAMED).collect(),
        since: told().map(|(_, since)| *since).min()?,
    })
}
