//! What became of managers' edits: a row of 系统信息 for each that was applied or refused, and the tick taken back. The
//! 系统信息 cells of the room's rows are written with the rows.
//!
//! A success of Vika does not mean that anything was stored. So neither counts when it was sent, but when the next look
//! finds it.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use domain::Timestamp;
use events::command::Via;
use store::rooms::commands::Decided;
use store::rooms::{self, Room};
use store::vika_sync::{self as mirror, PendingOutcome, Step};
use vika::tables::{SystemLog, Table, Today};
use vika::{Cell, EditId, Error, Fields, MAX_RECORDS, Present, RecordId, RecordQuery};

use crate::point;
use crate::row::short_name;
use crate::sheet::Sheet;
use crate::trouble::Trouble;
use crate::write::{Tools, answers};

/// Decisions older than this were shown long ago, or before there was anybody to show them.
pub const HORIZON: TimeDelta = TimeDelta::days(7);
/// Outcomes shown in one go.
pub const MOST: i64 = 50;
/// When an outcome that could not be shown is tried again: at first after the one, then when it is twice as old, at last
/// after the other.
const TRY_AGAIN: (TimeDelta, TimeDelta) = (TimeDelta::seconds(30), TimeDelta::hours(1));

/// A decision takes less than this, unless it waited for somebody.
const LATE: TimeDelta = TimeDelta::minutes(1);

/// Whether it gets a row of its own.
fn is_logged(outcome: &PendingOutcome) -> bool {
    let decision = outcome.command.decision.as_str();
    decision == Decided::Applied.as_str() || decision == Decided::Refused.as_str()
}

/// Whether it was decided long after it was asked for. After a restore of the database that is how commands look which
/// were decided, and shown, once before.
fn is_late(outcome: &PendingOutcome) -> bool {
    outcome.command.decided_at - outcome.command.at > LATE
}

/// The edit whose tick has to be taken back.
fn tick(outcome: &PendingOutcome, today: &Sheet<Today>) -> Option<EditId> {
    let from_a_tick = outcome.command.kind == "cancel" && outcome.command.via == Via::Vika.as_str();
    let edit: EditId = outcome.command.id.as_str().parse().ok()?;
    (from_a_tick && edit.sheet == today.guard.sheet).then_some(edit)
}

async fn note(
    tools: &Tools,
    outcomes: &[&PendingOutcome],
    step: Step,
    now: Timestamp,
) -> Result<(), Trouble> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = outcomes.iter().map(|outcome| outcome.command.id.to_string()).collect();
    Ok(mirror::note_outcomes(&mut *tools.ctx.db.acquire().await?, &ids, step, now).await?)
}

/// Writes the rows of 系统信息 that are missing.
pub async fn log(
    tools: &mut Tools,
    sheet: &mut Sheet<SystemLog>,
    outcomes: &[PendingOutcome],
) -> Result<(), Trouble> {
    let now = tools.now();
    let (wanted, quiet): (Vec<_>, Vec<_>) =
        outcomes.iter().filter(|outcome| !outcome.logged).partition(|outcome| is_logged(outcome));
    note(tools, &quiet, Step::Logged, now).await?;
    let Some(columns) = sheet.guard.usable().filter(|_| sheet.is_ready(now)).cloned() else { return Ok(()) };
    let rooms = rooms_of(tools, &wanted).await?;
    for batch in wanted.chunks(sheet.at_once) {
        let missing = missing(tools, sheet, &columns, batch).await?;
        append(tools, sheet, &columns, &missing, &rooms).await?;
    }
    if !wanted.is_empty() {
        sheet.works();
    }
    Ok(())
}

async fn rooms_of(tools: &Tools, outcomes: &[&PendingOutcome]) -> Result<BTreeMap<String, Room>, Trouble> {
    let keys: Vec<String> = outcomes.iter().map(|outcome| room_of(outcome)).collect();
    let found = rooms::list(&mut *tools.ctx.db.acquire().await?, Some(&keys)).await?;
    Ok(found.into_iter().map(|room| (room.room.to_string(), room)).collect())
}

/// Those that are not there: only what may have been sent before has to be looked for.
async fn missing<'o>(
    tools: &Tools,
    sheet: &Sheet<SystemLog>,
    columns: &Present<SystemLog>,
    batch: &[&'o PendingOutcome],
) -> Result<Vec<&'o PendingOutcome>, Trouble> {
    let sent: Vec<&str> = batch
        .iter()
        .filter(|outcome| outcome.attempted_at.is_some() || is_late(outcome))
        .map(|outcome| outcome.command.id.as_str())
        .collect();
    let there = match columns.key(SystemLog::EventId) {
        Some(key) if !sent.is_empty() => tools.client.ids_by_key(&sheet.guard.sheet, key, &sent).await?,
        _ => BTreeMap::new(),
    };
    let (found, missing): (Vec<_>, Vec<_>) =
        batch.iter().partition(|outcome| there.contains_key(outcome.command.id.as_str()));
    note(tools, &found, Step::Logged, tools.now()).await?;
    Ok(missing)
}

/// Makes the rows; where the service refuses them together, one by one.
async fn append(
    tools: &mut Tools,
    sheet: &mut Sheet<SystemLog>,
    columns: &Present<SystemLog>,
    missing: &[&PendingOutcome],
    rooms: &BTreeMap<String, Room>,
) -> Result<(), Trouble> {
    let Some(key) = columns.key(SystemLog::EventId).filter(|_| !missing.is_empty()) else { return Ok(()) };
    let mut batches = vec![missing.to_vec()];
    while let Some(batch) = batches.pop() {
        tools.ready().await?;
        let cells: Vec<Fields> = batch.iter().map(|outcome| cells(columns, outcome, rooms)).collect();
        note(tools, &batch, Step::LogSent, tools.now()).await?;
        match tools.client.create_once(&sheet.guard.sheet, key, &cells).await {
            Ok(_) => {
                tools.ctx.faults.reach(point::LOGGED).await;
                sheet.unshown.retain(|room, _| !batch.iter().any(|outcome| room_of(outcome) == *room));
            }
            Err(Error::Rejected { .. } | Error::Invalid(_)) if batch.len() > 1 => {
                batches.extend(batch.into_iter().map(|outcome| vec![outcome]));
            }
            Err(error @ (Error::Rejected { .. } | Error::Invalid(_))) => refused(sheet, batch[0], &error),
            // Nobody knows whether it was stored: what is sent again has to be looked for first.
            Err(error @ (Error::Ambiguous { .. } | Error::Retry { .. })) => {
                sheet.at_once = (batch.len() / 2).max(1);
                if batch.len() > 1 || !answers(tools, sheet, Some(key)).await {
                    return Err(error.into());
                }
                refused(sheet, batch[0], &error);
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

/// It comes again with the others that could not be shown, ever more slowly.
fn refused(sheet: &mut Sheet<SystemLog>, outcome: &PendingOutcome, error: &Error) {
    let command = outcome.command.id.as_str();
    tracing::error!(command, %error, "Vika refuses a row of 系统信息; the others go on");
    metrics::counter!("vika_rows_refused_total", "sheet" => SystemLog::TITLE).increment(1);
    sheet.unshown.insert(room_of(outcome), outcome.command.decided_at);
}

fn room_of(outcome: &PendingOutcome) -> String {
    outcome.command.room.to_string()
}

fn cells(columns: &Present<SystemLog>, outcome: &PendingOutcome, rooms: &BTreeMap<String, Room>) -> Fields {
    let command = &outcome.command;
    let room = rooms.get(&room_of(outcome));
    let topic = room.and_then(|room| short_name(&room.topic)).unwrap_or(&command.room.id);
    let owner = room.and_then(|room| room.state.owner.as_ref()).map_or("", |owner| owner.as_str());
    columns.fields([
        (SystemLog::Topic, Cell::text(topic)),
        (SystemLog::Owner, Cell::text(owner)),
        (SystemLog::At, Cell::Time(command.decided_at)),
        (SystemLog::Author, Cell::text(&command.by)),
        (SystemLog::Message, Cell::text(&command.message)),
        (SystemLog::EventId, Cell::text(command.id.as_str())),
    ])
}

/// Takes ticks back that were acted on. A row whose stamp is newer holds another wish: it is left for the reader.
pub async fn untick(
    tools: &mut Tools,
    sheet: &mut Sheet<Today>,
    outcomes: &[PendingOutcome],
) -> Result<(), Trouble> {
    let now = tools.now();
    let open: Vec<&PendingOutcome> = outcomes.iter().filter(|outcome| !outcome.unticked).collect();
    let (ticked, quiet): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|outcome| tick(outcome, sheet).is_some());
    note(tools, &quiet, Step::Unticked, now).await?;
    let Some(columns) = sheet.guard.usable().filter(|_| sheet.is_ready(now)).cloned() else { return Ok(()) };
    if ticked.is_empty() || !columns.has_all(&[Today::Cancel, Today::ManagerEditedAt]) {
        return Ok(());
    }
    tools.ready().await?;
    tools.ctx.faults.reach(point::BEFORE_UNTICK).await;
    let edits: Vec<EditId> = ticked.iter().filter_map(|outcome| tick(outcome, sheet)).collect();
    let stuck = still_ticked(tools, sheet, &columns, &edits).await?;
    let refused = take_back(tools, sheet, &columns, &stuck).await?;
    let is_of = |records: &[RecordId], outcome: &PendingOutcome| {
        tick(outcome, sheet).is_some_and(|edit| records.contains(&edit.record))
    };
    let gone: Vec<&PendingOutcome> =
        ticked.iter().filter(|outcome| !is_of(&stuck, outcome)).copied().collect();
    let unshown: Vec<(String, Timestamp)> = ticked
        .iter()
        .filter(|outcome| is_of(&refused, outcome))
        .map(|outcome| (room_of(outcome), outcome.command.decided_at))
        .collect();
    sheet.unshown.retain(|room, _| !gone.iter().any(|outcome| room_of(outcome) == *room));
    sheet.unshown.extend(unshown);
    note(tools, &gone, Step::Unticked, now).await
}

/// Takes ticks back, halving what is refused, and gives the records that refuse it alone.
async fn take_back(
    tools: &Tools,
    sheet: &Sheet<Today>,
    columns: &Present<Today>,
    stuck: &[RecordId],
) -> Result<Vec<RecordId>, Trouble> {
    let off = |record: &RecordId| (record.clone(), columns.fields([(Today::Cancel, Cell::Tick(false))]));
    let mut refused = Vec::new();
    let mut batches: Vec<&[RecordId]> = stuck.chunks(MAX_RECORDS).collect();
    while let Some(batch) = batches.pop() {
        let changes: Vec<(RecordId, Fields)> = batch.iter().map(off).collect();
        let Err(error) = tools.client.update(&sheet.guard.sheet, &changes).await else { continue };
        if !is_about_rows(tools, sheet, columns, &error).await {
            return Err(error.into());
        }
        if let [record] = batch {
            tracing::error!(sheet = Today::TITLE, %record, %error, "a tick cannot be taken back");
            metrics::counter!("vika_ticks_stuck_total").increment(1);
            refused.push(record.clone());
        } else {
            batches.extend(<[_; 2]>::from(batch.split_at(batch.len() / 2)));
        }
    }
    Ok(refused)
}

/// Whether a call failed for what it was about: the service refused it, or it answers others.
async fn is_about_rows(tools: &Tools, sheet: &Sheet<Today>, columns: &Present<Today>, error: &Error) -> bool {
    match error {
        Error::Rejected { .. } => true,
        Error::Ambiguous { .. } | Error::Retry { .. } => answers(tools, sheet, columns.key(sheet.key)).await,
        _ => false,
    }
}

/// The records that still carry the very tick that was acted on.
async fn still_ticked(
    tools: &Tools,
    sheet: &Sheet<Today>,
    columns: &Present<Today>,
    edits: &[EditId],
) -> Result<Vec<RecordId>, Trouble> {
    let query = RecordQuery {
        record_ids: Some(edits.iter().map(|edit| edit.record.clone()).collect()),
        fields: columns.ids(&[Today::Cancel, Today::ManagerEditedAt]),
        ..RecordQuery::default()
    };
    let read = tools.client.records(&sheet.guard.sheet, &query).await?;
    let same = |record: &vika::Record| {
        let stamp = columns.cell(record, Today::ManagerEditedAt).as_time().map(|at| at.timestamp_millis());
        columns.cell(record, Today::Cancel).is_ticked()
            && edits.iter().any(|edit| edit.record == record.id && Some(edit.stamp_ms) == stamp)
    };
    Ok(read.into_iter().filter(same).map(|record| record.id).collect())
}

/// Closes outcomes that are fully shown, and leaves the others alone for a while.
pub async fn settle(tools: &Tools, outcomes: &[PendingOutcome], rows_written: bool) -> Result<(), Trouble> {
    let now = tools.now();
    let mut connection = tools.ctx.db.acquire().await?;
    let ids: Vec<String> = outcomes.iter().map(|outcome| outcome.command.id.to_string()).collect();
    // A row that did not take it is found when it is read back, whatever became of the outcome.
    if rows_written {
        mirror::settle_outcomes(&mut connection, &ids, now).await?;
    }
    for (outcome, id) in outcomes.iter().zip(ids) {
        let again = now + (now - outcome.command.decided_at).clamp(TRY_AGAIN.0, TRY_AGAIN.1);
        mirror::postpone_outcomes(&mut connection, &[id], again).await?;
    }
    Ok(())
}
