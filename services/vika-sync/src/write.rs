//! Writes rows: what is missing is made once, what differs is changed, ten rows a call. A row that the service refuses
//! is found by halving its batch and set aside, so that the others go on.

use chrono::TimeDelta;
use domain::Timestamp;
use runtime::Context;
use runtime::lease::Lease;
use serde_json::Value;
use store::vika_sync::{self as mirror, Cells, MirrorRow, OUTDATED, SEEN_MOST, Seen};
use vika::tables::Table;
use vika::{Client, Error, FieldId, Fields, Key, MAX_RECORDS, Present, RecordId, RecordQuery};

use crate::point;
use crate::row::Desired;
use crate::sheet::{Sheet, after};
use crate::trouble::Trouble;

/// A creation of which nobody heard again is looked for this long before the row is made again: the service may still
/// be at it.
const CREATION_SETTLES: TimeDelta = TimeDelta::seconds(15);
/// So often in a row the service fails at one row alone, and answers about others, before the row is the reason.
const ALONE_FAILURES: u32 = 2;
/// Rows read in one call.
const READ_AT_ONCE: usize = 100;
/// How finely distances are told apart that are measured by age.
const PER_AGE: i64 = 1_000_000;
/// For so long the earliest moment is remembered at which a row was seen: an edit may be read that late.
const SEEN_FOR: TimeDelta = TimeDelta::days(1);

/// What writing needs.
pub struct Tools {
    /// The service's context.
    pub ctx: Context,
    /// The client of the one token that writes.
    pub client: Client,
    /// The right to write.
    pub lease: Lease,
}

impl Tools {
    /// To be asked before each call that writes: we still may, and nobody asked us to stop.
    pub async fn ready(&mut self) -> Result<(), Trouble> {
        if self.ctx.shutdown.requested() {
            return Err(Trouble::Stopping);
        }
        self.ctx.health.beat("sync");
        Ok(self.lease.check().await?)
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.ctx.clock.now()
    }
}

/// A row to be brought up to date.
#[derive(Debug, Clone)]
pub struct Row<T> {
    /// What is known of it.
    pub known: MirrorRow,
    /// The room's version that `desired` reflects.
    pub version: i64,
    /// The last entry that `desired` reflects, where it matters.
    pub through: Option<String>,
    /// What it should say; `None`: nothing, there need not be a row.
    pub desired: Option<Desired<T>>,
}

impl<T: Table> Row<T> {
    /// What is known of it once `written` has arrived in `record`.
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
            keep(&mut next.cells, field.as_str(), cell.canonical());
        }
        if let Some(through) = &self.through
            && next.record.is_some()
            && next.seen.last().is_none_or(|seen| seen.through != *through)
        {
            next.seen.push(Seen { through: through.clone(), at: now });
            thin_out(&mut next.seen, now);
        }
        next
    }
}

/// Keeps few moments over a long time instead of the last ones alone: an edit that is read late must find one before it.
/// Where one is missing, an edit reaches less far than its author saw, never further.
fn thin_out(seen: &mut Vec<Seen>, now: Timestamp) {
    while seen.len() > SEEN_MOST {
        // The one whose neighbours are closest to each other, measured by its age: of the newest nothing is lost.
        let age = |place: usize| (now - seen[place].at).num_milliseconds().max(1);
        let apart = |place: usize| (seen[place + 1].at - seen[place - 1].at).num_milliseconds();
        let between = (1..seen.len() - 1).min_by_key(|place| apart(*place) * PER_AGE / age(*place));
        let first_is_old = now - seen[1].at >= SEEN_FOR;
        seen.remove(if first_is_old { 0 } else { between.unwrap_or(0) });
    }
}

/// Puts a canonical value among cells, in which empty ones are absent.
pub fn keep(cells: &mut Cells, field: &str, value: Value) {
    if value.is_null() {
        cells.remove(field);
    } else {
        cells.insert(field.to_owned(), value);
    }
}

/// A row with the cells to be sent.
type Change<T> = (Row<T>, Fields);

/// Brings rows up to date.
pub async fn flush<T: Table>(
    tools: &mut Tools,
    sheet: &mut Sheet<T>,
    rows: Vec<Row<T>>,
) -> Result<(), Trouble> {
    let Some(columns) = sheet.guard.usable().cloned() else { return Ok(()) };
    let (mut missing, mut changes, mut settled) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match (&row.desired, &row.known.record) {
            (Some(desired), Some(_)) => {
                let outdated = row.known.version == OUTDATED;
                let fields = if outdated {
                    desired.ours(&columns)
                } else {
                    desired.changes(&columns, &row.known.cells)
                };
                if fields.is_empty() { settled.push(row) } else { changes.push((row, fields)) }
            }
            (Some(desired), None) if desired.create => missing.push(row),
            _ => settled.push(row),
        }
    }
    settle(tools, sheet, &settled).await?;
    if sheet.takes_rows(tools.now()) {
        changes.extend(create(tools, sheet, &columns, missing).await?);
    }
    learn_theirs(tools, sheet, &columns, &mut changes).await?;
    let key = columns.key(sheet.key);
    for batch in batches(sheet, changes) {
        change(tools, sheet, key, batch).await?;
    }
    Ok(())
}

/// What is sent together. Rows that were refused before come last, each alone.
fn batches<T: Table>(sheet: &Sheet<T>, changes: Vec<Change<T>>) -> Vec<Vec<Change<T>>> {
    let (suspects, others): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(row, _)| row.known.refused);
    let together = others.chunks(sheet.at_once).map(<[_]>::to_vec);
    together.chain(suspects.into_iter().map(|suspect| vec![suspect])).collect()
}

/// Reads what managers own in rows of which that was never noted: their next edit is compared with it.
async fn learn_theirs<T: Table>(
    tools: &Tools,
    sheet: &Sheet<T>,
    columns: &Present<T>,
    changes: &mut [Change<T>],
) -> Result<(), Trouble> {
    let theirs = |row: &Row<T>| -> Vec<FieldId> {
        let desired = row.desired.iter().flat_map(|desired| &desired.once);
        desired.filter_map(|(column, _)| columns.id(*column).cloned()).collect()
    };
    let mut unknown: Vec<(&mut Row<T>, Vec<FieldId>)> = changes
        .iter_mut()
        .map(|(row, _)| (theirs(row), row))
        .filter(|(theirs, row)| {
            !theirs.is_empty() && theirs.iter().all(|id| !row.known.cells.contains_key(id.as_str()))
        })
        .map(|(theirs, row)| (row, theirs))
        .collect();
    for batch in unknown.chunks_mut(READ_AT_ONCE) {
        let ids = batch.iter().filter_map(|(row, _)| row.known.record.clone()?.try_into().ok()).collect();
        let fields = batch[0].1.clone();
        let query = RecordQuery { record_ids: Some(ids), fields, ..RecordQuery::default() };
        let read = tools.client.records(&sheet.guard.sheet, &query).await?;
        for (row, theirs) in batch {
            let found = read.iter().find(|found| Some(found.id.as_str()) == row.known.record.as_deref());
            let cells = found.into_iter().flat_map(|found| theirs.iter().map(|id| (id, found.cell(id))));
            for (id, cell) in cells {
                keep(&mut row.known.cells, id.as_str(), cell.canonical());
            }
        }
    }
    Ok(())
}

/// Rows that need no call are up to date by being looked at.
async fn settle<T: Table>(tools: &Tools, sheet: &Sheet<T>, rows: &[Row<T>]) -> Result<(), Trouble> {
    let now = tools.now();
    let looked_at = rows.iter().map(|row| (row, row.after(row.known.record.clone(), &Fields::new(), now)));
    let news: Vec<MirrorRow> =
        looked_at.filter(|(row, next)| row.known != *next).map(|(_, next)| next).collect();
    if !news.is_empty() {
        mirror::confirm(&mut *tools.ctx.db.acquire().await?, sheet.id(), &news, false).await?;
    }
    Ok(())
}

/// Makes rows, and gives those that turned out to be there as changes of everything that is ours.
async fn create<T: Table>(
    tools: &mut Tools,
    sheet: &mut Sheet<T>,
    columns: &Present<T>,
    missing: Vec<Row<T>>,
) -> Result<Vec<Change<T>>, Trouble> {
    let mut adopted = Vec::new();
    let Some(key) = columns.key(sheet.key) else { return Ok(adopted) };
    for batch in missing.chunks(MAX_RECORDS) {
        tools.ready().await?;
        let keys: Vec<&str> = batch.iter().map(|row| row.known.room.as_str()).collect();
        let mut there = match tools.client.ids_by_key(&sheet.guard.sheet, key, &keys).await {
            Err(Error::Rejected { .. })
                if sheet.guard.look_after_refusal(&tools.client, tools.now()).await? =>
            {
                return Err(Trouble::Columns);
            }
            found => found?,
        };
        let now = tools.now();
        let strange: Vec<(String, String)> = batch
            .iter()
            .filter(|row| row.known.attempted_at.is_none())
            .filter_map(|row| Some((row.known.room.clone(), there.get(&row.known.room)?.to_string())))
            .collect();
        if !strange.is_empty() {
            mirror::note_found(&mut *tools.ctx.db.acquire().await?, sheet.id(), &strange).await?;
        }
        let mut new = Vec::new();
        for row in batch {
            let Some(desired) = &row.desired else { continue };
            if let Some(record) = there.remove(&row.known.room) {
                let known = MirrorRow { record: Some(record.to_string()), ..row.known.clone() };
                let fields = desired.ours(columns);
                adopted.push((Row { known, ..row.clone() }, fields));
            } else if row.known.attempted_at.is_none_or(|at| now - at >= CREATION_SETTLES) {
                new.push((row.clone(), desired.complete(columns)));
            }
        }
        insert(tools, sheet, columns, key, new).await?;
    }
    Ok(adopted)
}

/// Creates rows that are certainly not there.
async fn insert<T: Table>(
    tools: &mut Tools,
    sheet: &mut Sheet<T>,
    columns: &Present<T>,
    key: Key<'_>,
    new: Vec<Change<T>>,
) -> Result<(), Trouble> {
    let mut batches = batches(sheet, new);
    batches.reverse();
    while let Some(batch) = batches.pop() {
        tools.ready().await?;
        let cells: Vec<Fields> = batch.iter().map(|(_, fields)| fields.clone()).collect();
        note(tools, sheet, columns, &batch).await?;
        match tools.client.create_once(&sheet.guard.sheet, key, &cells).await {
            Ok(records) => {
                tools.ctx.faults.reach(point::CREATED).await;
                sheet.full_until = None;
                confirm(tools, sheet, &batch, &records).await?;
                metrics::counter!("vika_rows_created_total", "sheet" => T::TITLE)
                    .increment(batch.len() as u64);
            }
            // Not known: the attempt stays noted, and the rows are looked for first.
            Err(error @ (Error::Ambiguous { .. } | Error::Retry { .. })) => {
                failed(tools, sheet, Some(key), &batch, error).await?;
            }
            Err(error) => {
                let rooms: Vec<String> = batch.iter().map(|(row, _)| row.known.room.clone()).collect();
                mirror::note_no_creation(&mut *tools.ctx.db.acquire().await?, sheet.id(), &rooms).await?;
                match error {
                    Error::Rejected { .. } | Error::Invalid(_) => {
                        refused(tools, sheet, batch, &error, &mut batches).await?;
                    }
                    Error::RowLimit { .. } => {
                        declare_full(tools, sheet, &error);
                        return Ok(());
                    }
                    other => return Err(other.into()),
                }
            }
        }
    }
    Ok(())
}

fn declare_full<T: Table>(tools: &Tools, sheet: &mut Sheet<T>, error: &Error) {
    if let vika::Pause::NewRows(pause) = error.pause() {
        sheet.full_until = Some(after(tools.now(), pause));
    }
    metrics::counter!("vika_sheet_full_total", "sheet" => T::TITLE).increment(1);
    tracing::error!(sheet = T::TITLE, sheet.id = sheet.id(), %error, "no rows are made for now; the others are kept up");
}

/// Changes rows that are there.
async fn change<T: Table>(
    tools: &mut Tools,
    sheet: &mut Sheet<T>,
    key: Option<Key<'_>>,
    batch: Vec<Change<T>>,
) -> Result<(), Trouble> {
    let mut batches = vec![batch];
    while let Some(batch) = batches.pop() {
        tools.ready().await?;
        let changes: Vec<(RecordId, Fields)> = batch
            .iter()
            .filter_map(|(row, fields)| Some((row.known.record.clone()?.try_into().ok()?, fields.clone())))
            .collect();
        doubt(tools, sheet, &batch).await?;
        match tools.client.update(&sheet.guard.sheet, &changes).await {
            Ok(_) => {
                tools.ctx.faults.reach(point::CHANGED).await;
                let records: Vec<RecordId> = changes.into_iter().map(|(record, _)| record).collect();
                confirm(tools, sheet, &batch, &records).await?;
                metrics::counter!("vika_rows_changed_total", "sheet" => T::TITLE)
                    .increment(batch.len() as u64);
            }
            Err(error @ (Error::Rejected { .. } | Error::Invalid(_))) => {
                if let [(only, _)] = batch.as_slice()
                    && gone(tools, sheet, key, only).await?
                {
                    continue;
                }
                refused(tools, sheet, batch, &error, &mut batches).await?;
            }
            Err(error @ (Error::Ambiguous { .. } | Error::Retry { .. })) => {
                failed(tools, sheet, key, &batch, error).await?;
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

/// Whether a refused row is refused because somebody deleted it; then it is made again.
async fn gone<T: Table>(
    tools: &Tools,
    sheet: &Sheet<T>,
    key: Option<Key<'_>>,
    row: &Row<T>,
) -> Result<bool, Trouble> {
    let Some(record) = row.known.record.clone() else { return Ok(false) };
    let Ok(id) = RecordId::try_from(record.clone()) else { return Ok(false) };
    let query = RecordQuery {
        record_ids: Some(vec![id]),
        fields: key.map(|key| key.field.clone()).into_iter().collect(),
        ..RecordQuery::default()
    };
    if !tools.client.records(&sheet.guard.sheet, &query).await?.is_empty() {
        return Ok(false);
    }
    tracing::warn!(sheet = T::TITLE, room.id = row.known.room, record, "a row was deleted; it is made again");
    metrics::counter!("vika_rows_gone_total", "sheet" => T::TITLE).increment(1);
    mirror::forget(&mut *tools.ctx.db.acquire().await?, sheet.id(), &record).await?;
    Ok(true)
}

/// A refused batch: columns may have changed; if not, it is halved until the culprit is alone, which is set aside.
async fn refused<T: Table>(
    tools: &Tools,
    sheet: &mut Sheet<T>,
    mut batch: Vec<Change<T>>,
    error: &Error,
    batches: &mut Vec<Vec<Change<T>>>,
) -> Result<(), Trouble> {
    let now = tools.now();
    if sheet.guard.look_after_refusal(&tools.client, now).await? {
        return Err(Trouble::Columns);
    }
    if let [(row, _)] = batch.as_slice() {
        set_aside(tools, sheet, row, error).await?;
    } else {
        let other = batch.split_off(batch.len() / 2);
        batches.push(other);
        batches.push(batch);
    }
    Ok(())
}

/// A call at which the service failed: it is down, or one row is what it fails at. Fewer rows are sent the next time, until
/// one is alone; if it fails at that one again and again while it answers about others, the row is set aside.
async fn failed<T: Table>(
    tools: &Tools,
    sheet: &mut Sheet<T>,
    key: Option<Key<'_>>,
    batch: &[Change<T>],
    error: Error,
) -> Result<(), Trouble> {
    let [(row, _)] = batch else {
        sheet.at_once = (batch.len() / 2).max(1);
        return Err(error.into());
    };
    let failures = sheet.failures.entry(row.known.room.clone()).or_default();
    *failures += 1;
    let is_suspect = row.known.refused || *failures >= ALONE_FAILURES;
    if is_suspect && answers(tools, sheet, key).await {
        return set_aside(tools, sheet, row, &error).await;
    }
    Err(error.into())
}

/// Whether the service answers about the sheet.
pub async fn answers<T: Table>(tools: &Tools, sheet: &Sheet<T>, key: Option<Key<'_>>) -> bool {
    let query = RecordQuery {
        fields: key.map(|key| key.field.clone()).into_iter().collect(),
        page_size: Some(1),
        first_page_only: true,
        ..RecordQuery::default()
    };
    tools.client.records(&sheet.guard.sheet, &query).await.is_ok()
}

/// Leaves a row alone for a while, and tells operators of it.
async fn set_aside<T: Table>(
    tools: &Tools,
    sheet: &Sheet<T>,
    row: &Row<T>,
    error: &Error,
) -> Result<(), Trouble> {
    let room = &row.known.room;
    tracing::error!(sheet = T::TITLE, room.id = room, %error, "Vika refuses a row; the others go on");
    metrics::counter!("vika_rows_refused_total", "sheet" => T::TITLE).increment(1);
    let (reason, now) = (error.to_string(), tools.now());
    Ok(mirror::refuse(&mut *tools.ctx.db.acquire().await?, sheet.id(), room, &reason, now).await?)
}

/// Before rows are made: that they are, and with what in managers' columns. After a crash nobody could tell that from
/// what a manager has edited since.
async fn note<T: Table>(
    tools: &Tools,
    sheet: &Sheet<T>,
    columns: &Present<T>,
    batch: &[Change<T>],
) -> Result<(), Trouble> {
    let theirs = |row: &Row<T>| row.desired.as_ref().map(|desired| desired.theirs(columns));
    let rows: Vec<(String, Cells)> =
        batch.iter().map(|(row, _)| (row.known.room.clone(), theirs(row).unwrap_or_default())).collect();
    let now = tools.now();
    Ok(mirror::note_creation(&mut *tools.ctx.db.acquire().await?, sheet.id(), &rows, now).await?)
}

/// Before cells are sent: whatever comes of it, they do not hold any more what they are known to.
async fn doubt<T: Table>(tools: &Tools, sheet: &Sheet<T>, batch: &[Change<T>]) -> Result<(), Trouble> {
    let cells = batch
        .iter()
        .map(|(row, fields)| (row.known.room.as_str(), fields.keys().map(FieldId::as_str).collect()));
    Ok(mirror::doubt(&mut *tools.ctx.db.acquire().await?, sheet.id(), cells).await?)
}

async fn confirm<T: Table>(
    tools: &Tools,
    sheet: &Sheet<T>,
    batch: &[Change<T>],
    records: &[RecordId],
) -> Result<(), Trouble> {
    let now = tools.now();
    let rows: Vec<MirrorRow> = batch
        .iter()
        .zip(records)
        .map(|((row, fields), record)| row.after(Some(record.to_string()), fields, now))
        .collect();
    Ok(mirror::confirm(&mut *tools.ctx.db.acquire().await?, sheet.id(), &rows, true).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail with the last twenty kept: a burst of half a minute drove everything before it out.
    #[test]
    fn a_burst_drives_out_nothing_that_was_seen_long_before() {
        let at = |seconds| Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let mut list = Vec::new();
        let mut shows = |seconds: i64| {
            list.push(Seen { through: seconds.to_string(), at: at(seconds) });
            thin_out(&mut list, at(seconds));
            list.iter().map(|seen| (seen.at - Timestamp::UNIX_EPOCH).num_seconds()).collect::<Vec<_>>()
        };
        shows(0);
        shows(3_600);
        let mut kept = Vec::new();
        for second in 7_200..7_300 {
            kept = shows(second);
        }
        assert_eq!((kept.len(), kept[0], kept[1]), (SEEN_MOST, 0, 3_600));
        assert_eq!(kept[SEEN_MOST - 3..], [7_297, 7_298, 7_299], "of the newest the least is lost");
        assert_eq!(shows(7_200 + 86_400)[0], 3_600, "what is more than a day old goes first");
    }
}
