//! Shows the outcomes of managers' edits: a row of 系统信息 for each that was applied or refused, and the tick cleared. The
//! 系统信息 cells of the room's rows are written with the rows.
//!
//! A success of Vika does not prove that anything was stored. So an outcome counts as shown only when a later round finds it
//! in the sheet.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use domain::Timestamp;
use events::command::Via;
use store::rooms::commands::{Decided, StoredCommand};
use store::rooms::{self, Room};
use store::vika_sync::{self as mirror, PendingOutcome, Step};
use vika::tables::{AllRooms, SystemLog, Table, Today, Writer};
use vika::{
    Batches, Cell, EditId, EditPart, Error, Fields, MAX_RECORDS, Record, RecordId, RecordQuery, UsableColumns,
};

use crate::context::SyncContext;
use crate::point;
use crate::problems::SyncError;
use crate::row::short_name;
use crate::sheet::Sheet;
use crate::wording;
use crate::write::is_answering;

/// Older outcomes are not shown any more.
pub const HORIZON: TimeDelta = TimeDelta::days(7);
/// Outcomes shown in one round.
pub const MAX_OUTCOMES: i64 = 50;
/// Least and longest time until an outcome that is not shown is tried again; in between, when it is twice as old.
const RETRY_AFTER: (TimeDelta, TimeDelta) = (TimeDelta::seconds(30), TimeDelta::hours(1));

/// Edits that were acted on later than this say so: where calls abound, the longest cycle of polling has passed by then.
const NOTABLE_DELAY: TimeDelta = TimeDelta::minutes(7);
/// A decision usually takes less than this, and clocks differ by less.
const LATE: TimeDelta = TimeDelta::minutes(1);

/// Whether it gets a row in 系统信息.
fn is_logged(outcome: &PendingOutcome) -> bool {
    let decision = outcome.command.decision.as_str();
    decision == Decided::Applied.as_str() || decision == Decided::Refused.as_str()
}

/// Whether its row may be there already although nobody recorded that it was sent: the database may have been restored to
/// a state from before that. Then the command is from before `since`, when we began to write, or was decided once more,
/// long after it was sent.
fn may_be_logged(command: &StoredCommand, since: Timestamp) -> bool {
    command.at < since + LATE || command.decided_at - command.at > LATE
}

/// A sheet with boxes that managers tick and we clear.
pub trait TickedSheet: Table {
    /// When a box was ticked or cleared last.
    const TICKED_AT: Self;
}

impl TickedSheet for Today {
    const TICKED_AT: Self = Self::ManagerEditedAt;
}

impl TickedSheet for AllRooms {
    const TICKED_AT: Self = Self::ApprovedAt;
}

/// The edit of a row of this sheet that asked for a command, if it may have been a tick.
fn tick<T: TickedSheet>(outcome: &PendingOutcome, sheet: &Sheet<T>) -> Option<EditId> {
    let edit: EditId = outcome.command.id.as_str().parse().ok()?;
    let from_vika = outcome.command.via == Via::Vika.as_str() && edit.part == EditPart::Main;
    (from_vika && edit.sheet == *sheet.state.id()).then_some(edit)
}

/// A row with boxes that are ticked still.
#[derive(Debug, Clone)]
struct Ticked<T> {
    record: RecordId,
    boxes: Vec<T>,
}

/// The boxes that managers tick and we clear.
fn boxes<T: Table>(columns: &UsableColumns<T>) -> Vec<T> {
    let is_box = |column: &T| column.column().writer == Writer::Command && columns.has_all(&[*column]);
    T::ALL.iter().copied().filter(is_box).collect()
}

async fn record(
    cx: &SyncContext,
    outcomes: &[&PendingOutcome],
    step: Step,
    now: Timestamp,
) -> Result<(), SyncError> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = outcomes.iter().map(|outcome| outcome.command.id.to_string()).collect();
    Ok(mirror::record_step(&mut *cx.service.db.acquire().await?, &ids, step, now).await?)
}

/// Writes the rows of 系统信息 that are missing.
pub async fn log(
    cx: &mut SyncContext,
    sheet: &mut Sheet<SystemLog>,
    outcomes: &[PendingOutcome],
) -> Result<(), SyncError> {
    let now = cx.now();
    let (wanted, unlogged): (Vec<_>, Vec<_>) =
        outcomes.iter().filter(|outcome| !outcome.logged).partition(|outcome| is_logged(outcome));
    record(cx, &unlogged, Step::Logged, now).await?;
    let Some(columns) = sheet.state.columns(now).cloned() else { return Ok(()) };
    let rooms = rooms_of(cx, &wanted).await?;
    for batch in wanted.chunks(sheet.batch_size) {
        let missing = missing(cx, sheet, &columns, batch).await?;
        append(cx, sheet, &columns, &missing, &rooms).await?;
    }
    if !wanted.is_empty() {
        sheet.record_success();
    }
    Ok(())
}

async fn rooms_of(
    cx: &SyncContext,
    outcomes: &[&PendingOutcome],
) -> Result<BTreeMap<String, Room>, SyncError> {
    let keys: Vec<String> = outcomes.iter().map(|outcome| room_of(outcome)).collect();
    let found = rooms::list(&mut *cx.service.db.acquire().await?, Some(&keys)).await?;
    Ok(found.into_iter().map(|room| (room.room.to_string(), room)).collect())
}

/// Outcomes without a row. Only those that may have been sent before are looked up.
async fn missing<'o>(
    cx: &SyncContext,
    sheet: &Sheet<SystemLog>,
    columns: &UsableColumns<SystemLog>,
    batch: &[&'o PendingOutcome],
) -> Result<Vec<&'o PendingOutcome>, SyncError> {
    let sent: Vec<&str> = batch
        .iter()
        .filter(|outcome| outcome.attempted_at.is_some() || may_be_logged(&outcome.command, cx.since))
        .map(|outcome| outcome.command.id.as_str())
        .collect();
    let existing = match columns.key(SystemLog::EventId) {
        Some(key) if !sent.is_empty() => cx.client().ids_by_key(sheet.state.id(), key, &sent).await?,
        _ => BTreeMap::new(),
    };
    let (found, missing): (Vec<_>, Vec<_>) =
        batch.iter().partition(|outcome| existing.contains_key(outcome.command.id.as_str()));
    record(cx, &found, Step::Logged, cx.now()).await?;
    Ok(missing)
}

/// Creates the rows, halving refused batches.
async fn append(
    cx: &mut SyncContext,
    sheet: &mut Sheet<SystemLog>,
    columns: &UsableColumns<SystemLog>,
    missing: &[&PendingOutcome],
    rooms: &BTreeMap<String, Room>,
) -> Result<(), SyncError> {
    let Some(key) = columns.key(SystemLog::EventId).filter(|_| !missing.is_empty()) else { return Ok(()) };
    let mut batches = Batches::new([missing.to_vec()]);
    while let Some(batch) = batches.take_next() {
        cx.ready().await?;
        let cells: Vec<Fields> = batch.iter().map(|outcome| cells(columns, outcome, rooms)).collect();
        record(cx, &batch, Step::LogSent, cx.now()).await?;
        match cx.client().create_once(sheet.state.id(), key, &cells).await {
            Ok(_) => {
                cx.service.faults.reach(point::LOGGED).await;
                sheet.unshown.retain(|room, _| !batch.iter().any(|outcome| room_of(outcome) == *room));
            }
            Err(error @ (Error::Rejected { .. } | Error::Invalid(_))) => {
                if let Some(outcome) = batches.split(batch) {
                    report_refused(sheet, outcome, &error);
                }
            }
            // Unconfirmed: the next round looks it up before it sends it again.
            Err(error @ (Error::Ambiguous { .. } | Error::Retry { .. })) => {
                sheet.batch_size = (batch.len() / 2).max(1);
                if batch.len() > 1 || !is_answering(cx, sheet, Some(key)).await {
                    return Err(error.into());
                }
                report_refused(sheet, batch[0], &error);
            }
            Err(Error::RowLimit { .. }) if delete_oldest(cx, sheet, columns).await? => {
                batches.put_back(batch);
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

/// Makes room in a full sheet: deletes its oldest rows, of outcomes that are not looked for any more. `false`: there are none.
async fn delete_oldest(
    cx: &mut SyncContext,
    sheet: &Sheet<SystemLog>,
    columns: &UsableColumns<SystemLog>,
) -> Result<bool, SyncError> {
    let Some(number) = columns.id(SystemLog::Number) else { return Ok(false) };
    let query = RecordQuery {
        fields: columns.ids(&[SystemLog::At]),
        sort: Some(number.clone()),
        page_size: Some(MAX_RECORDS),
        first_page_only: true,
        ..RecordQuery::default()
    };
    let rows = cx.client().records(sheet.state.id(), &query).await?;
    let expired = cx.now() - HORIZON;
    let is_old = |row: &Record| columns.cell(row, SystemLog::At).as_time().is_some_and(|at| at < expired);
    let old: Vec<RecordId> = rows.iter().filter(|row| is_old(row)).map(|row| row.id.clone()).collect();
    if old.is_empty() {
        return Ok(false);
    }
    cx.ready().await?;
    cx.client().delete(sheet.state.id(), &old).await?;
    tracing::warn!(
        sheet = SystemLog::TITLE,
        rows = old.len(),
        "the sheet is full: its oldest rows are deleted"
    );
    Ok(true)
}

/// The outcome is tried again with the others that could not be shown.
fn report_refused(sheet: &mut Sheet<SystemLog>, outcome: &PendingOutcome, error: &Error) {
    let command = outcome.command.id.as_str();
    tracing::error!(command, %error, "Vika refuses a row of 系统信息; the others go on");
    metrics::counter!("vika_rows_refused_total", "sheet" => SystemLog::TITLE).increment(1);
    sheet.unshown.insert(room_of(outcome), outcome.command.decided_at);
}

fn room_of(outcome: &PendingOutcome) -> String {
    outcome.command.room.to_string()
}

fn cells(
    columns: &UsableColumns<SystemLog>,
    outcome: &PendingOutcome,
    rooms: &BTreeMap<String, Room>,
) -> Fields {
    let command = &outcome.command;
    let room = rooms.get(&room_of(outcome));
    let topic = room.and_then(|room| short_name(&room.topic)).unwrap_or(&command.room.id);
    let owner = room.and_then(|room| room.state.owner.as_ref()).map_or("", |owner| owner.as_str());
    columns.fields([
        (SystemLog::Topic, Cell::text(topic)),
        (SystemLog::Owner, Cell::text(owner)),
        (SystemLog::At, Cell::Time(command.decided_at)),
        (SystemLog::Author, Cell::text(&command.by)),
        (SystemLog::Message, Cell::text(message(command))),
        (SystemLog::EventId, Cell::text(command.id.as_str())),
    ])
}

/// What became of an edit; whoever waited for it reads for how long, and what acts at once.
fn message(command: &StoredCommand) -> String {
    let delay = command.decided_at - command.at;
    if command.via == Via::Vika.as_str() && delay >= NOTABLE_DELAY {
        wording::decided_late(&command.message, delay)
    } else {
        command.message.clone()
    }
}

/// Records of outcomes without a tick in any of the sheets that none is left.
pub async fn skip_unticked(
    cx: &SyncContext,
    today: &Sheet<Today>,
    all_rooms: &Sheet<AllRooms>,
    outcomes: &[PendingOutcome],
) -> Result<(), SyncError> {
    let without_tick: Vec<&PendingOutcome> = outcomes
        .iter()
        .filter(|outcome| !outcome.unticked)
        .filter(|outcome| tick(outcome, today).is_none() && tick(outcome, all_rooms).is_none())
        .collect();
    record(cx, &without_tick, Step::Unticked, cx.now()).await
}

/// Clears ticks that were acted on. A row that was ticked again since is left to `vika-reconcile`.
pub async fn untick<T: TickedSheet>(
    cx: &mut SyncContext,
    sheet: &mut Sheet<T>,
    outcomes: &[PendingOutcome],
) -> Result<(), SyncError> {
    let now = cx.now();
    let ticked: Vec<&PendingOutcome> =
        outcomes.iter().filter(|outcome| !outcome.unticked && tick(outcome, sheet).is_some()).collect();
    let Some(columns) = sheet.state.columns(now).cloned() else { return Ok(()) };
    if ticked.is_empty() || boxes(&columns).is_empty() || !columns.has_all(&[T::TICKED_AT]) {
        return Ok(());
    }
    cx.ready().await?;
    cx.service.faults.reach(point::BEFORE_UNTICK).await;
    let edits: Vec<EditId> = ticked.iter().filter_map(|outcome| tick(outcome, sheet)).collect();
    let stuck = still_ticked(cx, sheet, &columns, &edits).await?;
    let refused = clear_ticks(cx, sheet, &columns, &stuck).await?;
    let is_of = |rows: &[Ticked<T>], outcome: &PendingOutcome| {
        tick(outcome, sheet).is_some_and(|edit| rows.iter().any(|row| row.record == edit.record))
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
    record(cx, &gone, Step::Unticked, now).await
}

/// Clears ticks, halving refused batches, and returns the rows that refuse it alone.
async fn clear_ticks<T: TickedSheet>(
    cx: &SyncContext,
    sheet: &Sheet<T>,
    columns: &UsableColumns<T>,
    stuck: &[Ticked<T>],
) -> Result<Vec<Ticked<T>>, SyncError> {
    let off = |row: &Ticked<T>| {
        let cells = row.boxes.iter().map(|column| (*column, Cell::Tick(false)));
        (row.record.clone(), columns.fields(cells))
    };
    let mut refused = Vec::new();
    let mut batches = Batches::new(stuck.chunks(MAX_RECORDS).map(<[_]>::to_vec));
    while let Some(batch) = batches.take_next() {
        let changes: Vec<(RecordId, Fields)> = batch.iter().map(off).collect();
        let Err(error) = cx.client().update(sheet.state.id(), &changes).await else { continue };
        if !is_caused_by_rows(cx, sheet, columns, &error).await {
            return Err(error.into());
        }
        if let Some(row) = batches.split(batch) {
            tracing::error!(sheet = T::TITLE, record = %row.record, %error, "a tick cannot be cleared");
            metrics::counter!("vika_ticks_stuck_total").increment(1);
            refused.push(row);
        }
    }
    Ok(refused)
}

/// Whether a call failed because of its rows: it was refused, or the service answers other calls.
async fn is_caused_by_rows<T: Table>(
    cx: &SyncContext,
    sheet: &Sheet<T>,
    columns: &UsableColumns<T>,
    error: &Error,
) -> bool {
    match error {
        Error::Rejected { .. } => true,
        Error::Ambiguous { .. } | Error::Retry { .. } => {
            is_answering(cx, sheet, columns.key(sheet.key)).await
        }
        _ => false,
    }
}

/// The rows that still hold the ticks that were acted on.
async fn still_ticked<T: TickedSheet>(
    cx: &SyncContext,
    sheet: &Sheet<T>,
    columns: &UsableColumns<T>,
    edits: &[EditId],
) -> Result<Vec<Ticked<T>>, SyncError> {
    let boxes = boxes(columns);
    let query = RecordQuery {
        record_ids: Some(edits.iter().map(|edit| edit.record.clone()).collect()),
        fields: columns.ids(&[boxes.as_slice(), &[T::TICKED_AT]].concat()),
        ..RecordQuery::default()
    };
    let read = cx.client().records(sheet.state.id(), &query).await?;
    let ticked = |record: vika::Record| {
        let stamp = columns.cell(&record, T::TICKED_AT).as_time()?.timestamp_millis();
        let acted_on = edits.iter().any(|edit| edit.record == record.id && stamp <= edit.stamp_ms);
        let boxes = boxes.iter().copied().filter(|column| columns.cell(&record, *column).is_ticked());
        let boxes: Vec<T> = boxes.collect();
        (acted_on && !boxes.is_empty()).then_some(Ticked { record: record.id, boxes })
    };
    Ok(read.into_iter().filter_map(ticked).collect())
}

/// Closes outcomes that are fully shown, and postpones the others.
pub async fn close(
    cx: &SyncContext,
    outcomes: &[PendingOutcome],
    rows_written: bool,
) -> Result<(), SyncError> {
    let now = cx.now();
    let mut connection = cx.service.db.acquire().await?;
    let ids: Vec<String> = outcomes.iter().map(|outcome| outcome.command.id.to_string()).collect();
    // A row that did not store its cells is found by verification, whether or not the outcome is closed.
    if rows_written {
        mirror::close_outcomes(&mut connection, &ids, now).await?;
    }
    for (outcome, id) in outcomes.iter().zip(ids) {
        let again = now + (now - outcome.command.decided_at).clamp(RETRY_AFTER.0, RETRY_AFTER.1);
        mirror::postpone_outcomes(&mut connection, &[id], again).await?;
    }
    Ok(())
}
