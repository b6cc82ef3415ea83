//! Writes rows: creates missing ones once and changes what differs, ten rows a call. A row that the service refuses is
//! found by halving its batch and deferred, so that the others go on.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::Timestamp;
use serde_json::Value;
use store::vika_sync::{self as mirror, Cells, MirrorRow, OUTDATED};
use tracing::{Instrument as _, Span, info_span};
use vika::tables::Table;
use vika::{Batches, Error, FieldId, Fields, Key, MAX_RECORDS, RecordId, RecordQuery, UsableColumns};

use crate::claim::claims;
use crate::context::SyncContext;
use crate::point;
use crate::problems::SyncError;
use crate::row::Desired;
use crate::row_limit::make_room;
use crate::seen;
use crate::sheet::Sheet;

/// An unconfirmed creation is looked up for this long before the row is created again: the service may still be at work
/// on it.
const CREATION_SETTLES: TimeDelta = TimeDelta::seconds(15);
/// Consecutive failures at one row alone, while the service answers other calls, before the row is taken for the cause.
const FAILURES_BEFORE_DEFERRAL: u32 = 2;
/// Rows read in one call.
const READ_AT_ONCE: usize = 100;

/// A row to be brought up to date.
#[derive(Debug, Clone)]
pub struct Row<T> {
    /// The row as it is mirrored.
    pub known: MirrorRow,
    /// The room's version that `desired` reflects.
    pub version: i64,
    /// The last entry that `desired` reflects.
    pub seen_up_to: Option<String>,
    /// What it should say; `None`: there need not be a row.
    pub desired: Option<Desired<T>>,
}

impl<T: Table> Row<T> {
    /// The mirrored row once `written` has arrived in `record`.
    fn after(&self, record: Option<String>, written: &Fields, now: Timestamp) -> MirrorRow {
        let mut next = MirrorRow {
            record,
            version: self.version,
            due_at: self.desired.as_ref().and_then(|desired| desired.due_at),
            attempted_at: None,
            refused: false,
            ..self.known.clone()
        };
        for (field, cell) in written {
            set_cell(&mut next.cells, field.as_str(), cell.canonical());
        }
        if let Some(entry) = self.seen_up_to.as_ref().filter(|_| next.record.is_some()) {
            seen::push(&mut next.seen, entry, now);
        }
        next
    }
}

/// Sets a cell to a canonical value; empty cells are absent.
pub fn set_cell(cells: &mut Cells, field: &str, value: Value) {
    if value.is_null() {
        cells.remove(field);
    } else {
        cells.insert(field.to_owned(), value);
    }
}

/// A row with the cells to be sent.
type Change<T> = (Row<T>, Fields);

/// Brings rows up to date.
pub async fn write_rows<T: Table>(
    cx: &mut SyncContext,
    sheet: &mut Sheet<T>,
    rows: Vec<Row<T>>,
) -> Result<(), SyncError> {
    let Some(columns) = sheet.state.columns(cx.now()).cloned() else { return Ok(()) };
    let (mut missing, mut changes, mut unchanged) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match (&row.desired, &row.known.record) {
            (Some(desired), Some(_)) => {
                let outdated = row.known.version == OUTDATED;
                let fields = if outdated {
                    desired.huiyin_cells(&columns)
                } else {
                    desired.changes(&columns, &row.known.cells)
                };
                if fields.is_empty() { unchanged.push(row) } else { changes.push((row, fields)) }
            }
            (Some(desired), None) if desired.create => missing.push(row),
            _ => unchanged.push(row),
        }
    }
    confirm_unchanged(cx, sheet, &unchanged).await?;
    let mut claimed = BTreeSet::new();
    if sheet.state.accepts_rows(cx.now()) {
        let found = create(cx, sheet, &columns, missing).await?;
        changes.extend(found.rows);
        claimed = found.claimed;
    }
    read_manager_cells(cx, sheet, &columns, &mut changes).await?;
    fill_claimed(&columns, &mut changes, &claimed);
    let key = columns.key(sheet.key);
    change(cx, sheet, key, batches(sheet, changes)).await
}

/// Cuts changes into calls. Rows that were refused before come last, each alone.
fn batches<T: Table>(sheet: &Sheet<T>, changes: Vec<Change<T>>) -> Batches<Change<T>> {
    let (suspects, others): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(row, _)| row.known.refused);
    let together = others.chunks(sheet.batch_size).map(<[_]>::to_vec);
    Batches::new(together.chain(suspects.into_iter().map(|suspect| vec![suspect])))
}

/// Reads the manager cells of rows whose mirror lacks them: the managers' next edit is compared with these.
async fn read_manager_cells<T: Table>(
    cx: &SyncContext,
    sheet: &Sheet<T>,
    columns: &UsableColumns<T>,
    changes: &mut [Change<T>],
) -> Result<(), SyncError> {
    let columns_of = |row: &Row<T>| -> Vec<FieldId> {
        let desired = row.desired.iter().flat_map(|desired| &desired.initial);
        desired.filter_map(|(column, _)| columns.id(*column).cloned()).collect()
    };
    let mut incomplete: Vec<(&mut Row<T>, Vec<FieldId>)> = changes
        .iter_mut()
        .map(|(row, _)| (columns_of(row), row))
        .filter(|(fields, row)| {
            !fields.is_empty() && fields.iter().all(|id| !row.known.cells.contains_key(id.as_str()))
        })
        .map(|(fields, row)| (row, fields))
        .collect();
    for batch in incomplete.chunks_mut(READ_AT_ONCE) {
        let ids = batch.iter().filter_map(|(row, _)| row.known.record.clone()?.try_into().ok()).collect();
        let fields = batch[0].1.clone();
        let query = RecordQuery { record_ids: Some(ids), fields, ..RecordQuery::default() };
        let read = cx.client().records(sheet.state.id(), &query).await?;
        for (row, fields) in batch {
            let found = read.iter().find(|found| Some(found.id.as_str()) == row.known.record.as_deref());
            let cells = found.into_iter().flat_map(|found| fields.iter().map(|id| (id, found.cell(id))));
            for (id, cell) in cells {
                set_cell(&mut row.known.cells, id.as_str(), cell.canonical());
            }
        }
    }
    Ok(())
}

/// Confirms rows that need no call.
async fn confirm_unchanged<T: Table>(
    cx: &SyncContext,
    sheet: &Sheet<T>,
    rows: &[Row<T>],
) -> Result<(), SyncError> {
    let now = cx.now();
    let compared = rows.iter().map(|row| (row, row.after(row.known.record.clone(), &Fields::new(), now)));
    let updates: Vec<MirrorRow> =
        compared.filter(|(row, next)| row.known != *next).map(|(_, next)| next).collect();
    if !updates.is_empty() {
        mirror::confirm(&mut *cx.service.db.acquire().await?, sheet.id(), &updates, false).await?;
    }
    Ok(())
}

/// Fills the manager cells that are empty in claimed rows, as they are filled in new ones.
fn fill_claimed<T: Table>(columns: &UsableColumns<T>, changes: &mut [Change<T>], claimed: &BTreeSet<String>) {
    for (row, fields) in changes.iter_mut().filter(|(row, _)| claimed.contains(&row.known.room)) {
        let initial = row.desired.iter().flat_map(|desired| &desired.initial);
        let is_empty =
            |column: &T| columns.id(*column).is_some_and(|id| !row.known.cells.contains_key(id.as_str()));
        let empty = initial.filter(|(column, cell)| !cell.is_empty() && is_empty(column));
        fields.extend(columns.fields(empty.cloned()));
    }
}

/// Rows that turned out to exist when they were to be created.
struct Existing<T> {
    /// As changes of all of Huiyin's cells.
    rows: Vec<Change<T>>,
    /// The rooms of those that were claimed by name.
    claimed: BTreeSet<String>,
}

/// Creates rows, but for those that exist.
async fn create<T: Table>(
    cx: &mut SyncContext,
    sheet: &mut Sheet<T>,
    columns: &UsableColumns<T>,
    missing: Vec<Row<T>>,
) -> Result<Existing<T>, SyncError> {
    let mut found = Existing { rows: Vec::new(), claimed: BTreeSet::new() };
    let Some(key) = columns.key(sheet.key) else { return Ok(found) };
    let topics: Vec<String> = missing.iter().filter_map(|row| topic(sheet, row)).collect();
    let mut claims = claims(cx, sheet, columns, &topics).await?;
    for batch in missing.chunks(MAX_RECORDS) {
        // An earlier batch has found it full.
        if !sheet.state.accepts_rows(cx.now()) {
            break;
        }
        cx.ready().await?;
        let keys: Vec<&str> = batch.iter().map(|row| row.known.room.as_str()).collect();
        let mut existing = match cx.client().ids_by_key(sheet.state.id(), key, &keys).await {
            Err(Error::Rejected { .. }) if sheet.state.check_after_refusal(cx.client(), cx.now()).await? => {
                return Err(SyncError::Columns);
            }
            answered => answered?,
        };
        let mut with_key = Vec::new();
        let mut with_name = Vec::new();
        for row in batch.iter().filter(|row| row.known.attempted_at.is_none()) {
            let room = &row.known.room;
            if let Some(record) = existing.get(room) {
                with_key.push((room.clone(), record.to_string()));
            } else if let Some(record) = topic(sheet, row).and_then(|topic| claims.remove(&topic)) {
                existing.insert(room.clone(), record.clone());
                with_name.push((room.clone(), record.to_string()));
            }
        }
        mark_found(cx, sheet, &with_key, &with_name).await?;
        let now = cx.now();
        found.claimed.extend(with_name.into_iter().map(|(room, _)| room));
        let mut new = Vec::new();
        for row in batch {
            let Some(desired) = &row.desired else { continue };
            if let Some(record) = existing.remove(&row.known.room) {
                let known = MirrorRow { record: Some(record.to_string()), ..row.known.clone() };
                let fields = desired.huiyin_cells(columns);
                found.rows.push((Row { known, ..row.clone() }, fields));
            } else if row.known.attempted_at.is_none_or(|at| now - at >= CREATION_SETTLES) {
                new.push((row.clone(), desired.new_row(columns)));
            }
        }
        insert(cx, sheet, columns, key, new).await?;
    }
    Ok(found)
}

/// Records rows that exist already, by room with their records: they bear the room's key, or its name alone.
async fn mark_found<T: Table>(
    cx: &SyncContext,
    sheet: &Sheet<T>,
    with_key: &[(String, String)],
    with_name: &[(String, String)],
) -> Result<(), SyncError> {
    for (rows, claimed_at) in [(with_key, None), (with_name, Some(cx.now()))] {
        if !rows.is_empty() {
            mirror::mark_found(&mut *cx.service.db.acquire().await?, sheet.id(), rows, claimed_at).await?;
        }
    }
    if !with_name.is_empty() {
        tracing::info!(
            sheet = T::TITLE,
            rows = with_name.len(),
            "rows without 群ID become those of the rooms that they name"
        );
    }
    Ok(())
}

/// The name of a row's room, in a sheet where rows are found by it.
fn topic<T: Table>(sheet: &Sheet<T>, row: &Row<T>) -> Option<String> {
    let [full, _] = sheet.names?;
    let cells = &row.desired.as_ref()?.cells;
    let (_, cell, _) = cells.iter().find(|(column, ..)| *column == full)?;
    Some(cell.as_text().to_owned()).filter(|topic| !topic.is_empty())
}

/// Rows of many traces are written together, when their time comes: a call has a trace of its own.
fn span_of<T: Table>(sheet: &Sheet<T>, operation: &'static str, rows: usize) -> Span {
    let (title, id) = (T::TITLE, sheet.id());
    info_span!(
        "sheet.write",
        otel.kind = "client",
        sheet = title,
        sheet.id = id,
        sheet.operation = operation,
        rows
    )
}

/// Creates rows that are certainly not there.
async fn insert<T: Table>(
    cx: &mut SyncContext,
    sheet: &mut Sheet<T>,
    columns: &UsableColumns<T>,
    key: Key<'_>,
    new: Vec<Change<T>>,
) -> Result<(), SyncError> {
    let mut batches = batches(sheet, new);
    while let Some(batch) = batches.take_next() {
        cx.ready().await?;
        let cells: Vec<Fields> = batch.iter().map(|(_, fields)| fields.clone()).collect();
        record_creation(cx, sheet, columns, &batch).await?;
        let write = cx.client().create_once(sheet.state.id(), key, &cells);
        match write.instrument(span_of(sheet, "create", cells.len())).await {
            Ok(records) => {
                cx.service.faults.reach(point::CREATED).await;
                sheet.state.mark_row_created();
                confirm(cx, sheet, &batch, &records).await?;
                metrics::counter!("vika_rows_created_total", "sheet" => T::TITLE)
                    .increment(batch.len() as u64);
            }
            // Unconfirmed: the attempt stays recorded, and the next round looks the rows up before it creates them.
            Err(error @ (Error::Ambiguous { .. } | Error::Retry { .. })) => {
                handle_failure(cx, sheet, Some(key), &batch, error).await?;
            }
            Err(error) => {
                let rooms: Vec<String> = batch.iter().map(|(row, _)| row.known.room.clone()).collect();
                mirror::clear_creation(&mut *cx.service.db.acquire().await?, sheet.id(), &rooms).await?;
                match error {
                    Error::Rejected { .. } | Error::Invalid(_) => {
                        handle_refusal(cx, sheet, batch, &error, &mut batches).await?;
                    }
                    Error::RowLimit { .. } => {
                        let accepted = make_room(cx, sheet, columns, &rooms).await?;
                        if accepted.is_empty() {
                            return pause_creation(cx, sheet, &error).await;
                        }
                        let again = batch.into_iter().filter(|(row, _)| accepted.contains(&row.known.room));
                        batches.put_back(again.collect());
                    }
                    other => return Err(other.into()),
                }
            }
        }
    }
    Ok(())
}

/// Rooms without a row are passed over until the sheet takes rows again.
async fn pause_creation<T: Table>(
    cx: &SyncContext,
    sheet: &mut Sheet<T>,
    error: &Error,
) -> Result<(), SyncError> {
    sheet.state.mark_full(error, cx.now());
    sheet.lacks_rows = true;
    metrics::counter!("vika_sheet_full_total", "sheet" => T::TITLE).increment(1);
    tracing::error!(sheet = T::TITLE, sheet.id = sheet.id(), %error, "the sheet is full: no rows are created for now");
    let pending: Vec<String> = sheet.pending.rooms().cloned().collect();
    let with_row = mirror::with_row(&mut *cx.service.db.acquire().await?, sheet.id(), &pending).await?;
    sheet.pending.keep(&with_row.into_iter().collect());
    Ok(())
}

/// Changes rows that are there.
async fn change<T: Table>(
    cx: &mut SyncContext,
    sheet: &mut Sheet<T>,
    key: Option<Key<'_>>,
    mut batches: Batches<Change<T>>,
) -> Result<(), SyncError> {
    while let Some(batch) = batches.take_next() {
        cx.ready().await?;
        let changes: Vec<(RecordId, Fields)> = batch
            .iter()
            .filter_map(|(row, fields)| Some((row.known.record.clone()?.try_into().ok()?, fields.clone())))
            .collect();
        mark_unconfirmed(cx, sheet, &batch).await?;
        let write = cx.client().update(sheet.state.id(), &changes);
        match write.instrument(span_of(sheet, "change", changes.len())).await {
            Ok(_) => {
                cx.service.faults.reach(point::CHANGED).await;
                let records: Vec<RecordId> = changes.into_iter().map(|(record, _)| record).collect();
                confirm(cx, sheet, &batch, &records).await?;
                metrics::counter!("vika_rows_changed_total", "sheet" => T::TITLE)
                    .increment(batch.len() as u64);
            }
            Err(error @ (Error::Rejected { .. } | Error::Invalid(_))) => {
                if let [(only, _)] = batch.as_slice()
                    && was_deleted(cx, sheet, key, only).await?
                {
                    continue;
                }
                handle_refusal(cx, sheet, batch, &error, &mut batches).await?;
            }
            Err(error @ (Error::Ambiguous { .. } | Error::Retry { .. })) => {
                handle_failure(cx, sheet, key, &batch, error).await?;
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

/// Whether a row was refused because somebody deleted it; if so, it is created again.
async fn was_deleted<T: Table>(
    cx: &SyncContext,
    sheet: &Sheet<T>,
    key: Option<Key<'_>>,
    row: &Row<T>,
) -> Result<bool, SyncError> {
    let Some(record) = row.known.record.clone() else { return Ok(false) };
    let Ok(id) = RecordId::try_from(record.clone()) else { return Ok(false) };
    let query = RecordQuery {
        record_ids: Some(vec![id]),
        fields: key.map(|key| key.field.clone()).into_iter().collect(),
        ..RecordQuery::default()
    };
    if !cx.client().records(sheet.state.id(), &query).await?.is_empty() {
        return Ok(false);
    }
    tracing::warn!(
        sheet = T::TITLE,
        room.id = row.known.room,
        record,
        "a row was deleted; it is created again"
    );
    metrics::counter!("vika_rows_gone_total", "sheet" => T::TITLE).increment(1);
    mirror::forget(&mut *cx.service.db.acquire().await?, sheet.id(), &record).await?;
    Ok(true)
}

/// After a refusal: if the columns have not changed, the batch is halved until the culprit is alone, which is deferred.
async fn handle_refusal<T: Table>(
    cx: &SyncContext,
    sheet: &mut Sheet<T>,
    batch: Vec<Change<T>>,
    error: &Error,
    batches: &mut Batches<Change<T>>,
) -> Result<(), SyncError> {
    let now = cx.now();
    if sheet.state.check_after_refusal(cx.client(), now).await? {
        return Err(SyncError::Columns);
    }
    if let Some((row, _)) = batches.split(batch) {
        defer(cx, sheet, &row, error).await?;
    }
    Ok(())
}

/// After a call at which the service failed: either it is down, or it fails at one of the rows. The next call sends fewer
/// rows, until one is alone; if it goes on failing at that one while it answers other calls, the row is deferred.
async fn handle_failure<T: Table>(
    cx: &SyncContext,
    sheet: &mut Sheet<T>,
    key: Option<Key<'_>>,
    batch: &[Change<T>],
    error: Error,
) -> Result<(), SyncError> {
    let [(row, _)] = batch else {
        sheet.batch_size = (batch.len() / 2).max(1);
        return Err(error.into());
    };
    let failures = sheet.failures.entry(row.known.room.clone()).or_default();
    *failures += 1;
    let is_suspect = row.known.refused || *failures >= FAILURES_BEFORE_DEFERRAL;
    if is_suspect && is_answering(cx, sheet, key).await {
        return defer(cx, sheet, row, &error).await;
    }
    Err(error.into())
}

/// Whether the service answers calls about the sheet.
pub async fn is_answering<T: Table>(cx: &SyncContext, sheet: &Sheet<T>, key: Option<Key<'_>>) -> bool {
    let query = RecordQuery {
        fields: key.map(|key| key.field.clone()).into_iter().collect(),
        page_size: Some(1),
        first_page_only: true,
        ..RecordQuery::default()
    };
    cx.client().records(sheet.state.id(), &query).await.is_ok()
}

/// Defers a row, and logs it for operators.
async fn defer<T: Table>(
    cx: &SyncContext,
    sheet: &Sheet<T>,
    row: &Row<T>,
    error: &Error,
) -> Result<(), SyncError> {
    let room = &row.known.room;
    tracing::error!(sheet = T::TITLE, room.id = room, %error, "Vika refuses a row; the others go on");
    metrics::counter!("vika_rows_refused_total", "sheet" => T::TITLE).increment(1);
    let (reason, now) = (error.to_string(), cx.now());
    Ok(mirror::defer(&mut *cx.service.db.acquire().await?, sheet.id(), room, &reason, now).await?)
}

/// Records, before it is sent, that rows are created and with which initial values: after a crash these could not be told
/// from what a manager has edited since.
async fn record_creation<T: Table>(
    cx: &SyncContext,
    sheet: &Sheet<T>,
    columns: &UsableColumns<T>,
    batch: &[Change<T>],
) -> Result<(), SyncError> {
    let initial = |row: &Row<T>| row.desired.as_ref().map(|desired| desired.manager_cells(columns));
    let rows: Vec<(String, Cells)> =
        batch.iter().map(|(row, _)| (row.known.room.clone(), initial(row).unwrap_or_default())).collect();
    let now = cx.now();
    Ok(mirror::record_creation(&mut *cx.service.db.acquire().await?, sheet.id(), &rows, now).await?)
}

/// Marks cells as unconfirmed before they are sent: whether or not the call succeeds, the mirror does not hold for them any
/// more.
async fn mark_unconfirmed<T: Table>(
    cx: &SyncContext,
    sheet: &Sheet<T>,
    batch: &[Change<T>],
) -> Result<(), SyncError> {
    let cells = batch
        .iter()
        .map(|(row, fields)| (row.known.room.as_str(), fields.keys().map(FieldId::as_str).collect()));
    Ok(mirror::mark_unconfirmed(&mut *cx.service.db.acquire().await?, sheet.id(), cells).await?)
}

async fn confirm<T: Table>(
    cx: &SyncContext,
    sheet: &Sheet<T>,
    batch: &[Change<T>],
    records: &[RecordId],
) -> Result<(), SyncError> {
    let now = cx.now();
    let rows: Vec<MirrorRow> = batch
        .iter()
        .zip(records)
        .map(|((row, fields), record)| row.after(Some(record.to_string()), fields, now))
        .collect();
    Ok(mirror::confirm(&mut *cx.service.db.acquire().await?, sheet.id(), &rows, true).await?)
}
