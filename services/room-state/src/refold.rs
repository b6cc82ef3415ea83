//! Newer rules and the rooms that stand already: rules with a past `valid_from` judge again what was said since, and rules
//! that took force may exclude other rooms. Rooms they touch are folded again, one at a time. What [`crate::rejudge`] pins
//! stays: figures that were counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

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
/// Looking for rooms that they touch reads all rooms. Without newer rules it is done so often: what was being folded when
/// they came may have missed them.
const ALL_EVERY: Duration = Duration::from_mins(10);
/// How long after newer rules were seen they may still be missed by what was being folded.
const FRESH: Duration = Duration::from_mins(1);

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context, rules: Arc<RulesCache>, publish: PublishHandle) {
    let (mut looked, mut swept) = (None, Swept::default());
    while ctx.shutdown.sleep(EVERY).await {
        ctx.health.beat("refold");
        if let Err(failure) = sweep(&ctx, &rules, &publish, &mut swept).await {
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

/// What was swept, in real time.
#[derive(Default)]
struct Swept {
    /// The newest rules, and when they were first seen.
    newest: Option<(i64, Instant)>,
    /// When nothing was left to do.
    clean: Option<Instant>,
}

impl Swept {
    /// Whether rooms may be there that newer rules touch.
    fn is_due(&mut self, newest: i64) -> bool {
        let seen = self.newest.filter(|(version, _)| *version == newest).map(|(_, seen)| seen);
        let seen = seen.unwrap_or_else(Instant::now);
        self.newest = Some((newest, seen));
        self.clean.is_none_or(|clean| clean < seen + FRESH || clean.elapsed() >= ALL_EVERY)
    }
}

async fn sweep(
    ctx: &Context,
    rules: &RulesCache,
    publish: &PublishHandle,
    swept: &mut Swept,
) -> Result<(), Failure> {
    let mut connection = ctx.db.acquire().await?;
    let newest = stored_rules::newest_version(&mut connection).await?;
    if !swept.is_due(newest) {
        return Ok(());
    }
    swept.clean = None;
    let began = Instant::now();
    let touched = rooms::folded_with_older_rules(&mut connection, newest).await?;
    drop(connection);
    if touched.is_empty() {
        swept.clean = Some(began);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rooms_are_looked_at_while_rules_are_new_or_something_is_left() {
        let mut swept = Swept::default();
        assert!(swept.is_due(1));
        let seen = swept.newest.unwrap().1;
        swept.clean = Some(seen + FRESH / 2);
        assert!(swept.is_due(1), "somebody may have missed them");
        swept.clean = Some(seen + FRESH);
        assert!(!swept.is_due(1));
        assert!(swept.is_due(2), "newer ones");
        swept.clean = None;
        assert!(swept.is_due(2), "something was left");
    }
}
