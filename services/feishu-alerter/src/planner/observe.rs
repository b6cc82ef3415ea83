//! Takes in rooms that changed: plans when the next card of each open wait is due, and notes what the cards of ended
//! waits are to show. It makes and sends nothing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use domain::Timestamp;
use domain::gap::CoverageGaps;
use domain::id::{RoomKey, WaitId};
use domain::ladder::next_due;
use domain::notification::Subject;
use domain::rules::{RoomView, Rules};
use runtime::telemetry::chain;
use runtime::{Changes, Context};
use store::alerts::changes::{self, Made, Wanted};
use store::alerts::schedule::{self, Planned};
use store::alerts::{digest, handovers};
use store::ingest::gaps;
use store::rooms::waits::{self, Which};
use store::rooms::{self, Room};
use store::rules::RulesCache;
use store::sqlx::PgConnection;

use crate::address_book::AddressBook;
use crate::content::card::CardState;
use crate::content::status::{HighestCards, Readers, Successions, card_state, status_at};
use crate::content::subject::{absence, departure_state, handover_state};
use crate::content::wait_actions::WaitActions;
use crate::failure::Failure;
use crate::planner::alert_context::AlertContext;
use crate::planner::climb::climbs;
use crate::planner::release::refresh;
use crate::planner::{Causes, departure, handover, lists};

/// Rooms taken in with one transaction.
const BATCH: usize = 200;
/// Rooms that one scan finds, at most.
const SCANNED: usize = 10_000;
/// A room that cannot be taken in is left alone this long.
const DEFER_FOR: TimeDelta = TimeDelta::seconds(30);
/// Feishu takes changes of a card for 14 days; with a day more, for cards that went out late.
const CHANGED_FOR: TimeDelta = TimeDelta::days(15);

/// Takes in everything that changed.
pub async fn observe(ctx: &Context, rules: &RulesCache, pending: &Changes<Causes>) -> Result<(), Failure> {
    let context = scan(ctx, rules, pending).await?;
    let mut taken = pending.take(context.now);
    while !taken.is_empty() && !ctx.shutdown.requested() {
        let rest = taken.split_off(taken.len().min(BATCH));
        if let Err(failure) = some(ctx, &context, &taken, pending).await {
            pending.give_back(taken.into_iter().chain(rest));
            return Err(failure);
        }
        taken = rest;
    }
    pending.give_back(taken);
    Ok(())
}

/// The context to decide by; where it or the time asks for it, all rooms are read for those that changed.
async fn scan(ctx: &Context, rules: &RulesCache, pending: &Changes<Causes>) -> Result<AlertContext, Failure> {
    let mut connection = ctx.db.acquire().await?;
    let context = AlertContext::read(&mut connection, rules, ctx.clock.now()).await?;
    let causes = Causes { rules: context.version(), gap: schedule::newest_gap(&mut connection).await? };
    if pending.needs_scan(causes, context.now) {
        pending.scan_begins();
        let most = i64::try_from(SCANNED).unwrap_or(i64::MAX);
        let found = schedule::rooms_to_observe(&mut connection, causes.rules, context.now, most).await?;
        metrics::counter!("alerts_scans_total").increment(1);
        // There may be more: the next look reads on.
        if found.len() < SCANNED {
            pending.scanned(causes, context.now);
        }
        pending.add(found);
    }
    Ok(context)
}

/// Takes in those of these rooms that were not taken in as they are now.
async fn some(
    ctx: &Context,
    context: &AlertContext,
    taken: &[(String, i64)],
    pending: &Changes<Causes>,
) -> Result<(), Failure> {
    let changed = schedule::unobserved(&mut *ctx.db.acquire().await?, taken, context.now).await?;
    if changed.is_empty() {
        return Ok(());
    }
    take_in(ctx, context, &changed, pending).await
}

/// All at once; if that fails, one by one. A room that cannot be taken in is deferred, so that it stops no other.
async fn take_in(
    ctx: &Context,
    context: &AlertContext,
    changed: &[String],
    pending: &Changes<Causes>,
) -> Result<(), Failure> {
    if let Ok(locked) = batch(ctx, context, changed).await {
        // Another replica works on the rest, perhaps on what they were before.
        pending.add(changed.iter().filter(|room| !locked.contains(room)).cloned());
        return Ok(());
    }
    for room in changed {
        let failure = match batch(ctx, context, std::slice::from_ref(room)).await {
            Ok(locked) if locked.is_empty() => {
                pending.add([room.clone()]);
                continue;
            }
            Ok(_) => continue,
            Err(failure) => failure,
        };
        // If it is the database that fails, this does too, and everything is tried again.
        let until = ctx.clock.now() + DEFER_FOR;
        schedule::defer_room(&mut *ctx.db.acquire().await?, room, until).await?;
        pending.defer(room.clone(), until);
        metrics::counter!("alerts_rooms_deferred_total").increment(1);
        tracing::error!(room.id = room, error = chain(&failure), "a room cannot be taken in: it is deferred");
    }
    Ok(())
}

/// Takes in those of these rooms that no other replica works on, and gives them.
async fn batch(ctx: &Context, context: &AlertContext, changed: &[String]) -> Result<Vec<String>, Failure> {
    let now = ctx.clock.now();
    let mut tx = ctx.db.begin().await?;
    let locked = schedule::lock_rooms(&mut tx, changed).await?;
    // Rooms before waits: what is read of the waits is never older than the version that is noted.
    let gap = schedule::newest_gap(&mut tx).await?;
    let rooms: BTreeMap<RoomKey, Room> = rooms::list(&mut tx, Some(&locked))
        .await?
        .into_iter()
        .map(|room| (room.room.clone(), room))
        .collect();
    let book = context.book(&ctx.config.feishu);
    departure::insert_cards(&mut tx, book, rooms.values(), context.phase, now).await?;
    // Cards change hands before plans are made: the rungs of a wait count for the one that took its place.
    let wanted = wanted(&mut tx, (context.rules(), book), &rooms, &locked, now).await?;
    changes::want(&mut tx, &wanted, now).await?;
    for (digest, to) in digest::of_rooms(&mut tx, &locked, now - CHANGED_FOR).await? {
        refresh(&mut tx, digest, &to, (context.rules(), book), now).await?;
    }
    lists::refresh(&mut tx, context.rules(), &locked, now - CHANGED_FOR, now).await?;
    let (planned, told) = planned(&mut tx, book, context, &rooms, &locked).await?;
    handover::insert_cards(&mut tx, book, rooms.values(), &told, context.phase, now).await?;
    schedule::plan(&mut tx, &locked, &planned, context.version()).await?;
    let versions: Vec<_> = rooms.into_values().map(|room| (room.room, room.version)).collect();
    schedule::mark_observed(&mut tx, &versions, gap).await?;
    tx.commit().await?;
    Ok(locked)
}

/// The open waits of rooms that are not excluded, with when each needs a look; and the rooms of one of which a card is to be
/// made at once, which tells a new owner too.
async fn planned(
    connection: &mut PgConnection,
    book: AddressBook<'_>,
    context: &AlertContext,
    rooms: &BTreeMap<RoomKey, Room>,
    keys: &[String],
) -> Result<(Vec<Planned>, BTreeSet<RoomKey>), Failure> {
    let now = context.now;
    let open = waits::list(connection, Which::Open(keys)).await?;
    let ids: Vec<WaitId> = open.iter().map(|stored| stored.wait.id.clone()).collect();
    let mut climbs = climbs(connection, &ids).await?;
    let mut told = BTreeSet::new();
    let planned = open.into_iter().filter_map(|stored| {
        let room = rooms.get(&stored.room).filter(|room| !room.excluded)?;
        let climb = climbs.remove(&stored.wait.id).unwrap_or_default();
        let (deadlines, view) = context.of(&stored, room);
        let next = next_due(deadlines, view, climb.dealt_with());
        // Whoever owns the room since does not wait for the next rung, which may never come.
        let handed_over = climb.handover(room, deadlines.ladder, context, book).map(|_| now);
        if handed_over.is_some() || next.is_some_and(|next| next <= now) {
            told.insert(stored.room.clone());
        }
        let next_due_at = handed_over.into_iter().chain(next).min();
        let next_due_at = next_due_at.max(next_due_at.and(context.turn_from(&stored.wait, room)));
        Some(Planned { next_due_at, room: stored.room, wait: stored.wait.id })
    });
    let planned = planned.collect();
    Ok((planned, told))
}

async fn wanted(
    connection: &mut PgConnection,
    (rules, book): (&Rules, AddressBook<'_>),
    rooms: &BTreeMap<RoomKey, Room>,
    keys: &[String],
    now: Timestamp,
) -> Result<Vec<Wanted>, Failure> {
    let cards = changes::cards_of(connection, keys, now - CHANGED_FOR).await?;
    let waits: BTreeSet<WaitId> = cards.iter().filter_map(|card| card.subject.wait().cloned()).collect();
    let successions = Successions::read(connection, waits).await?;
    let coverage = coverage_gaps(connection, rooms.values(), &cards, &successions).await?;
    let highest_cards = HighestCards::of(&cards, &successions);
    let follows = |card: &Made| Some((card.id, successions.of(card.subject.wait()?)?.wait.id.clone()));
    let actions = WaitActions::of_cards(connection, &cards.iter().filter_map(follows).collect()).await?;
    let shown = cards.iter().filter_map(|card| {
        let stored = successions.of(card.subject.wait()?)?;
        if highest_cards.overtake(card, &stored.wait.id) {
            return Some((card.id, stored.wait.id.clone(), CardState::Escalated));
        }
        let room = rooms.get(&stored.room);
        let excluded = room.is_some_and(|room| room.excluded);
        let unverified = coverage.get(&card.room).is_some_and(|coverage| coverage.affects(&stored.wait, now));
        let current = room.map_or(stored.wait.stage, |room| room.state.stage);
        let calendar = rules.calendar(stored.wait.stage_counted(current));
        let status = card_state(stored, excluded, unverified, calendar, now);
        let owner = room.and_then(|room| room.state.owner.as_ref());
        let view = room.map_or(RoomView::of_stage(current), Room::view);
        let readers = Readers { owner, ladder: rules.ladder(stored.wait.kind, view), book };
        let state = status_at(status, readers, &card.to, card.only_asks);
        let state = state.beside(room.map_or(0, |room| room.state.beside(&stored.wait)));
        let state = match actions.get(&stored.wait.id) {
            Some(actions) => state.with(actions.said(), actions.snoozes(&card.to)),
            None => state,
        };
        Some((card.id, stored.wait.id.clone(), state))
    });
    let commands = cards.iter().filter_map(|card| match &card.subject {
        Subject::Handover(command) => Some(command.to_string()),
        _ => None,
    });
    let handovers = handovers::list(connection, &commands.collect::<Vec<_>>()).await?;
    let others = cards.iter().filter_map(|card| {
        let room = rooms.values().find(|room| room.room.to_string() == card.room)?;
        let state = match &card.subject {
            Subject::Departure(entry) => departure_state(room, absence(room, entry)),
            Subject::Handover(command) => {
                handover_state(room, &handovers.iter().find(|handover| handover.command == *command)?.owner)
            }
            _ => return None,
        };
        Some((card.id, WaitId(card.subject.to_string()), state))
    });
    shown
        .chain(others)
        .map(|(id, follows, state)| {
            let wanted = serde_json::to_value(state).map_err(|error| Failure::Json("card state", error))?;
            Ok(Wanted { id, follows, wanted })
        })
        .collect()
}

/// When messages may have been lost in the rooms of these cards, by room.
async fn coverage_gaps(
    connection: &mut PgConnection,
    rooms: impl Iterator<Item = &Room>,
    cards: &[Made],
    successions: &Successions,
) -> Result<BTreeMap<String, CoverageGaps>, Failure> {
    let opened = cards
        .iter()
        .filter_map(|card| successions.of(card.subject.wait()?))
        .map(|stored| stored.wait.opened.at);
    let Some(oldest) = opened.min() else { return Ok(BTreeMap::new()) };
    let gaps = gaps::after(connection, oldest).await?;
    let of = |room: &Room| (room.room.to_string(), CoverageGaps::of(&room.room, &room.state.presence, &gaps));
    Ok(rooms.map(of).collect())
}
