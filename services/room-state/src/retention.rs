//! Blanks what was said longer ago than the configured time: the timeline's texts and the rooms' last lines.
//!
//! What was seen in a text when it came is stored beside it, so that nothing is judged differently afterwards. A room
//! changes for others only where one of its last lines goes; they then show the room without it.

use chrono::TimeDelta;
use domain::Timestamp;
use domain::id::RoomKey;
use runtime::Context;
use runtime::sweep::{blank_daily, daily};
use store::rooms::refolds;
use store::rooms::retention::{blank_texts, blanked_to, lock, rooms_with_texts};
use store::sqlx;

use crate::fold::Changed;
use crate::publish::PublishHandle;

/// Rooms looked for at a time.
const ROOMS: i64 = 100;
/// Texts blanked in one transaction, which holds its room's lock.
const TEXTS: u64 = 1_000;

/// Runs until the shutdown is requested.
pub async fn run(ctx: Context, publish: PublishHandle) {
    blank_daily(&ctx, "old texts", |before| round(&ctx, &publish, before)).await;
}

/// For how long it is noted from where on rooms were folded again. Whoever follows must not be away for longer.
const KEEP_REFOLDS: TimeDelta = TimeDelta::days(90);

/// Forgets notes of that kind until the shutdown is requested.
pub async fn forget_refolds(ctx: Context) {
    let forget = |now| {
        let db = &ctx.db;
        async move { refolds::forget(&mut *db.acquire().await?, now - KEEP_REFOLDS).await.map(drop) }
    };
    daily(&ctx, "refold-notes", "notes of refolds", forget).await;
}

async fn round(ctx: &Context, publish: &PublishHandle, before: Timestamp) -> Result<(), sqlx::Error> {
    loop {
        let rooms = rooms_with_texts(&mut *ctx.db.acquire().await?, before, ROOMS).await?;
        for room in &rooms {
            let mut over = false;
            while !over {
                if ctx.shutdown.requested() {
                    return Ok(());
                }
                over = blank(ctx, publish, room, before).await?;
            }
        }
        if rooms.is_empty() {
            return Ok(());
        }
    }
}

/// Blanks some of a room's old texts. `true`: no more are left.
async fn blank(
    ctx: &Context,
    publish: &PublishHandle,
    room: &RoomKey,
    before: Timestamp,
) -> Result<bool, sqlx::Error> {
    let mut tx = ctx.db.begin().await?;
    lock(&mut tx, room).await?;
    let blanked = blank_texts(&mut tx, room, before, TEXTS.cast_signed()).await?;
    let over = blanked < TEXTS;
    let version = if over { blanked_to(&mut tx, room, before, ctx.clock.now()).await? } else { None };
    tx.commit().await?;
    metrics::counter!("texts_blanked_total", "of" => "timeline").increment(blanked);
    if let Some(version) = version {
        publish.send(vec![Changed { room: room.clone(), version, waits: Vec::new() }]);
    }
    Ok(over)
}
