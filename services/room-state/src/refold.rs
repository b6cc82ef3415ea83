//! Rules with a past `valid_from` judge anew what was said since: rooms they touch are folded again, one at a time. What
//! [`crate::anew`] says is kept: figures that were counted.

use std::sync::Arc;
use std::time::Duration;

use domain::id::RoomKey;
use runtime::Context;
use store::{rooms, rules as stored_rules};

use crate::failure::Failure;
use crate::fold::{RoomWork, apply};
use crate::publish::PublishHandle;
use crate::rules::RulesCache;
use crate::stages::Stages;

/// How often newer rules are looked for.
const EVERY: Duration = Duration::from_secs(5);

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context, rules: Arc<RulesCache>, publish: PublishHandle) {
    while ctx.shutdown.sleep(EVERY).await {
        ctx.health.beat("refold");
        if let Err(failure) = sweep(&ctx, &rules, &publish).await {
            tracing::warn!(?failure, "folding rooms again under newer rules failed");
        }
    }
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
        match refold(ctx, rules, publish, &room).await {
            Ok(()) => {}
            Err(Failure::Permanent { reason, .. }) => {
                metrics::counter!("rooms_not_refolded_total").increment(1);
                tracing::error!(room.id = %room, reason, "a room cannot be folded again under newer rules");
            }
            Err(transient) => return Err(transient),
        }
    }
    Ok(())
}

async fn refold(
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
    let rules = rules.get(&mut tx, locked.rules_version).await?;
    // The fold sees by itself from where newer rules touch the room.
    let changed = apply(&mut tx, vec![RoomWork::of(locked)], &rules, now, &mut Stages::start()).await?;
    tx.commit().await?;
    publish.send(changed);
    Ok(())
}
