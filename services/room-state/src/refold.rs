//! Newer rules and the rooms that stand already: rules with a past `valid_from` judge anew what was said since, and rules
//! that took force may exclude other rooms. Rooms they touch are folded again, one at a time. What [`crate::anew`] says
//! is kept: figures that were counted.

use std::sync::Arc;
use std::time::Duration;

use domain::id::RoomKey;
use runtime::Context;
use store::rules::RulesCache;
use store::{rooms, rules as stored_rules};

use crate::failure::{Failure, guarded};
use crate::fold::{RoomWork, apply};
use crate::publish::PublishHandle;
use crate::stages::Stages;

/// How often newer rules are looked for.
const EVERY: Duration = Duration::from_secs(5);

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context, rules: Arc<RulesCache>, publish: PublishHandle) {
    let mut looked = None;
    while ctx.shutdown.sleep(EVERY).await {
        ctx.health.beat("refold");
        if let Err(failure) = sweep(&ctx, &rules, &publish).await {
            tracing::warn!(?failure, "folding rooms again under newer rules failed");
        }
        if let Err(failure) = exclude(&ctx, &rules, &publish, &mut looked).await {
            tracing::warn!(?failure, "rooms could not be excluded under newer rules");
        }
    }
}

/// Excludes rooms, or ceases to, by the rules in force; `looked` is the version by which that was last done.
async fn exclude(
    ctx: &Context,
    rules: &RulesCache,
    publish: &PublishHandle,
    looked: &mut Option<i64>,
) -> Result<(), Failure> {
    let mut connection = ctx.db.acquire().await?;
    let newest = stored_rules::newest_version(&mut connection).await?;
    if newest == 0 {
        return Ok(());
    }
    let history = rules.at_least(&mut connection, newest).await?;
    let in_force = history.version_at(ctx.clock.now());
    if *looked == Some(in_force.version) {
        return Ok(());
    }
    let named = rooms::names(&mut connection).await?;
    drop(connection);
    let excluded = &in_force.rules.excluded_rooms;
    for room in named.iter().filter(|named| excluded.cover(&named.room, &named.topic) != named.excluded) {
        if ctx.shutdown.requested() {
            return Ok(());
        }
        or_leave(&room.room, guarded(touch(ctx, rules, publish, &room.room)).await)?;
        tracing::info!(room.id = %room.room, excluded = !room.excluded, "the rules in force say otherwise of a room");
    }
    *looked = Some(in_force.version);
    Ok(())
}

async fn sweep(ctx: &Context, rules: &RulesCache, publish: &PublishHandle) -> Result<(), Failure> {
    let mut connection = ctx.db.acquire().await?;
    let newest = stored_rules::newest_version(&mut connection).await?;
    let touched = rooms::folded_with_older_rules(&mut connection, newest).await?;
    drop(connection);
    for room in touched {
        if ctx.shutdown.requested() {
            break;
        }
        or_leave(&room, guarded(touch(ctx, rules, publish, &room)).await)?;
    }
    Ok(())
}

/// A room that cannot be folded stops no other; it is met again by the next look.
fn or_leave(room: &RoomKey, touched: Result<(), Failure>) -> Result<(), Failure> {
    if let Err(Failure::Permanent { reason, .. }) = touched {
        metrics::counter!("rooms_not_refolded_total").increment(1);
        tracing::error!(room.id = %room, reason, "a room cannot be folded again under newer rules");
        return Ok(());
    }
    touched
}

/// Does a room's work with nothing new in it.
async fn touch(
    ctx: &Context,
    rules: &RulesCache,
    publish: &PublishHandle,
    room: &RoomKey,
) -> Result<(), Failure> {
    let now = ctx.clock.now();
    let mut tx = ctx.db.begin().await?;
    let Some(locked) = rooms::lock(&mut tx, std::slice::from_ref(room), now).await?.pop() else {
        return Ok(());
    };
    let rules = rules.at_least(&mut tx, locked.rules_version).await?;
    // The fold sees by itself from where newer rules touch the room.
    let applied = apply(&mut tx, vec![RoomWork::of(locked)], &rules, now, &mut Stages::start()).await?;
    tx.commit().await?;
    publish.send(applied.changed);
    Ok(())
}
