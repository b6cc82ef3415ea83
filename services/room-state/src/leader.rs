//! Which process leads: of several `room-state` the one that has the lease folds, decides, sweeps and notes progress; the
//! others stand by and take over within seconds when it dies, does not run, or does not reach the bus.
//!
//! Two that fold side by side are slower than one: each takes another stretch of the same rooms, and whoever is first makes
//! the other fold those rooms again from a checkpoint. That is all that the lease is there for. No truth depends on it:
//! whoever lost it and does not know yet still locks rooms before it writes them, and finds entries and commands that
//! another has stored. Each part may therefore run twice for a while: messages are recognised by their ids, commands under
//! the room's lock, a sweep finds done what was done, and progress is what the bus counts for all of them together.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::bus::{Consumer, consume};
use runtime::lease::Lease;
use runtime::telemetry::chain;
use runtime::{Context, Tasks};
use store::rules::RulesCache;

use crate::publish::PublishHandle;
use crate::{chat, command, progress, refold, retention};

/// The lease's name.
const LEASE: &str = "room-state";
/// The part of [`runtime::health`] that waits for it.
const PART: &str = "standby";
/// A process that does not run for so long is followed by another. In real time, as the database counts.
const IDLE: Duration = Duration::from_secs(4);
/// How often the one that works makes sure that it is to.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// For how long it goes on without a bus, which may be there for others.
const BUS_PATIENCE: Duration = Duration::from_secs(4);
/// A fold that has not come to the end of a batch for so many seconds hangs: another process may reach what it waits for.
const HANGS_AFTER: u64 = 120;
/// What is in flight when it leads no more has so long; then it is dropped, as if the process had died.
const GRACE: Duration = Duration::from_secs(10);

/// Works or stands by until the shutdown is requested. Ends earlier if a part of the work ends by itself.
pub async fn run(ctx: Context, publish: PublishHandle) {
    while !ctx.shutdown.requested() {
        ctx.health.stand_by();
        metrics::gauge!("fold_standby").set(1.0);
        let Some(lease) = acquire(&ctx).await else { return };
        ctx.health.take_over();
        metrics::gauge!("fold_standby").set(0.0);
        tracing::info!("folding");
        if let Err(error) = work(&ctx, &publish, lease).await {
            return tracing::error!(error = format!("{error:#}"), "a part of the work ended");
        }
    }
}

/// Waits for the bus, without which there is nothing to be done, and for the lease. `None`: the shutdown came first.
async fn acquire(ctx: &Context) -> Option<Lease> {
    ctx.health.beat(PART);
    while !ctx.bus.is_connected() {
        ctx.health.beat(PART);
        if !ctx.shutdown.sleep(CHECK_EVERY).await {
            return None;
        }
    }
    Lease::acquire_for(&ctx.db, LEASE, IDLE, &ctx.shutdown, || ctx.health.beat(PART)).await
}

/// Works until the shutdown is requested, or another is to work.
async fn work(ctx: &Context, publish: &PublishHandle, mut lease: Lease) -> anyhow::Result<()> {
    ctx.health.done(PART);
    let leading = Context { shutdown: ctx.shutdown.child(), ..ctx.clone() };
    publish.send_recent();
    let mut parts = pin!(parts(&leading, publish).finish());
    tokio::select! {
        ended = &mut parts => return ended,
        () = until_over(&leading, &mut lease) => {}
    }
    leading.shutdown.request();
    if ctx.shutdown.requested() {
        return parts.await;
    }
    // What is in flight may hang, and nobody is to wait for it.
    drop(lease);
    tokio::time::timeout(GRACE, parts).await.unwrap_or_else(|_elapsed| {
        tracing::warn!("what was under way when this process ceased to lead is given up");
        Ok(())
    })
}

/// What the leader does.
pub fn parts(ctx: &Context, publish: &PublishHandle) -> Tasks {
    let rules = Arc::new(RulesCache::default());
    let mut tasks = Tasks::new(ctx.shutdown.clone());
    {
        let ctx = ctx.clone();
        let mut handler = chat::ChatHandler::new(ctx.clone(), rules.clone(), publish.clone());
        tasks.spawn("chat", async move {
            consume(&ctx.bus, Consumer::RoomStateChat, &mut handler, &ctx.shutdown, &ctx.health).await;
        });
    }
    {
        let ctx = ctx.clone();
        let mut handler = command::CommandHandler::new(ctx.clone(), rules.clone(), publish.clone());
        tasks.spawn("command", async move {
            command::until_chat_is_folded(&ctx).await;
            consume(&ctx.bus, Consumer::RoomStateCommand, &mut handler, &ctx.shutdown, &ctx.health).await;
        });
    }
    tasks.spawn("refold", refold::run(ctx.clone(), rules, publish.clone()));
    tasks.spawn("retention", retention::run(ctx.clone(), publish.clone()));
    tasks.spawn("refold-notes", retention::forget_refolds(ctx.clone()));
    tasks.spawn("progress", progress::run(ctx.clone()));
    tasks
}

/// Resolves when the lease is lost, the bus has been away for long, a fold hangs, or the shutdown is requested.
async fn until_over(ctx: &Context, lease: &mut Lease) {
    let mut connected = Instant::now();
    while !ctx.shutdown.requested() {
        tokio::select! {
            () = ctx.shutdown.wait() => return,
            () = tokio::time::sleep(CHECK_EVERY) => {}
        }
        if let Err(error) = lease.check().await {
            return tracing::warn!(error = chain(&error), "not folding any more");
        }
        let silent = ctx.health.silent();
        let hanging = [Consumer::RoomStateChat, Consumer::RoomStateCommand]
            .into_iter()
            .find(|fold| silent.get(fold.name()).is_some_and(|silence| *silence >= HANGS_AFTER));
        if let Some(fold) = hanging {
            return tracing::warn!(consumer = fold.name(), "not folding any more: a batch hangs");
        }
        if ctx.bus.is_connected() {
            connected = Instant::now();
        } else if connected.elapsed() > BUS_PATIENCE {
            return tracing::warn!("not folding any more: the bus is not reached");
        }
    }
}
