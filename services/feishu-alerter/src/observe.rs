//! Takes in rooms that changed: plans when the next card of each open wait is due, and notes what the cards of ended
//! waits are to show. It makes and sends nothing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use domain::Timestamp;
use domain::calendar::Calendar;
use domain::id::WaitId;
use domain::ladder::{RungId, WaitView, next_due};
use domain::rules::RulesVersion;
use runtime::Context;
use runtime::telemetry::chain;
use store::alerts::cards::rungs;
use store::alerts::changes::{Wanted, cards_of, want};
use store::alerts::schedule::{Planned, lock_rooms, mark_observed, plan, rooms_to_observe};
use store::rooms;
use store::rooms::waits::{Which, list};
use store::sqlx::PgConnection;

use crate::failure::Failure;
use crate::fate::{Fates, card_state};
use crate::rules::RulesCache;

/// Rooms taken in with one transaction.
const BATCH: usize = 200;
/// Feishu takes changes of a card for 14 days; with a day more, for cards that went out late.
const CHANGED_FOR: TimeDelta = TimeDelta::days(15);

/// Takes in everything that changed.
pub async fn observe(ctx: &Context, rules: &RulesCache) -> Result<(), Failure> {
    loop {
        let mut connection = ctx.db.acquire().await?;
        let history = rules.get(&mut connection).await?;
        let in_force = history.version_at(ctx.clock.now());
        let most = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let changed = rooms_to_observe(&mut connection, in_force.version, most).await?;
        drop(connection);
        if changed.is_empty() {
            return Ok(());
        }
        take_in(ctx, in_force, &changed).await?;
        if changed.len() < BATCH || ctx.shutdown.requested() {
            return Ok(());
        }
    }
}

/// All at once; if that fails, one by one, so that a room that cannot be read stops no other.
async fn take_in(ctx: &Context, in_force: &RulesVersion, changed: &[String]) -> Result<(), Failure> {
    let Err(failure) = batch(ctx, in_force, changed).await else { return Ok(()) };
    if changed.len() == 1 {
        return Err(failure);
    }
    for room in changed {
        if let Err(failure) = batch(ctx, in_force, std::slice::from_ref(room)).await {
            tracing::warn!(room.id = room, error = chain(&failure), "a room could not be taken in");
        }
    }
    Ok(())
}

async fn batch(ctx: &Context, in_force: &RulesVersion, changed: &[String]) -> Result<(), Failure> {
    let now = ctx.clock.now();
    let mut tx = ctx.db.begin().await?;
    let locked = lock_rooms(&mut tx, changed).await?;
    // Versions before waits: what is read of the waits is never older than the version that is noted.
    let versions: Vec<_> = rooms::list(&mut tx, Some(&locked))
        .await?
        .into_iter()
        .map(|room| (room.room, room.version))
        .collect();
    // Cards change hands before plans are made: the rungs of a wait count for the one that took its place.
    let wanted = wanted(&mut tx, &locked, now).await?;
    want(&mut tx, &wanted, now).await?;
    let planned = planned(&mut tx, in_force, &locked, now).await?;
    plan(&mut tx, &locked, &planned, in_force.version).await?;
    mark_observed(&mut tx, &versions).await?;
    tx.commit().await?;
    Ok(())
}

async fn planned(
    connection: &mut PgConnection,
    in_force: &RulesVersion,
    rooms: &[String],
    now: Timestamp,
) -> Result<Vec<Planned>, Failure> {
    let mut open = list(connection, Which::OfRooms(rooms, now)).await?;
    open.retain(|stored| stored.wait.outcome.is_none());
    let ids: Vec<WaitId> = open.iter().map(|stored| stored.wait.id.clone()).collect();
    let mut sent = sent_rungs(connection, &ids).await?;
    Ok(open
        .into_iter()
        .map(|stored| {
            let sent = sent.remove(&stored.wait.id).unwrap_or_default();
            let ladder = in_force.rules.ladder(stored.wait.stage);
            let next_due_at = next_due(ladder, Calendar::Always, WaitView::from(&stored.wait), &sent);
            Planned { next_due_at, room: stored.room, wait: stored.wait.id }
        })
        .collect())
}

/// The rungs that count as sent, by wait: those of the waits that it took the place of are among them.
pub async fn sent_rungs(
    connection: &mut PgConnection,
    waits: &[WaitId],
) -> Result<BTreeMap<WaitId, BTreeSet<RungId>>, Failure> {
    let mut sent: BTreeMap<WaitId, BTreeSet<RungId>> = BTreeMap::new();
    for (wait, rung) in rungs(connection, waits).await? {
        if let Ok(rung) = rung.parse() {
            sent.entry(wait).or_default().insert(rung);
        }
    }
    Ok(sent)
}

async fn wanted(
    connection: &mut PgConnection,
    rooms: &[String],
    now: Timestamp,
) -> Result<Vec<Wanted>, Failure> {
    let cards = cards_of(connection, rooms, now - CHANGED_FOR).await?;
    let waits: BTreeSet<WaitId> = cards.iter().map(|(_, wait)| wait.clone()).collect();
    let fates = Fates::read(connection, waits).await?;
    cards
        .into_iter()
        .filter_map(|(id, wait)| fates.of(&wait).map(|stored| (id, stored)))
        .map(|(id, stored)| {
            let state = card_state(stored, Calendar::Always);
            let wanted = serde_json::to_value(state).map_err(|error| Failure::Json("card state", error))?;
            Ok(Wanted { id, follows: stored.wait.id.clone(), wanted })
        })
        .collect()
}
