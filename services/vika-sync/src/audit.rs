//! Reads rows back: a success says that a write arrived, not that it was stored, and somebody may have deleted a row or
//! typed into our columns. What differs is written again by the next pass.
//!
//! What was written is read by record id in the next round, one call a hundred rows. Every few minutes all keys of the
//! sheet are listed: rows that are not there, and some that were not looked at for longest, are read back too; copies
//! of rows are marked as such.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use store::vika_sync::{self as mirror, Cells};
use vika::tables::{Table, Writer};
use vika::{Cell, Error, FieldId, Fields, MAX_RECORDS, Record, RecordId, RecordQuery};

use crate::sheet::Sheet;
use crate::trouble::Trouble;
use crate::wording;
use crate::write::{Tools, keep};

/// How often keys are listed, for each thousand rows: so many calls and no more, however large the sheet.
const LIST_EVERY: TimeDelta = TimeDelta::minutes(2);
/// Rows in a page.
const PAGE: usize = 1_000;
/// Rows read back in a call.
const AT_ONCE: i64 = 100;

/// Reads back what was written.
pub async fn read_back<T: Table>(tools: &Tools, sheet: &Sheet<T>) -> Result<(), Trouble> {
    let now = tools.now();
    let Some(columns) = sheet.guard.usable().filter(|_| sheet.is_ready(now)) else { return Ok(()) };
    let unread = mirror::unread(&mut *tools.ctx.db.acquire().await?, sheet.id(), AT_ONCE).await?;
    if unread.is_empty() {
        return Ok(());
    }
    let ours: Vec<T> = T::ALL.iter().copied().filter(|c| c.column().writer == Writer::Huiyin).collect();
    let fields = columns.ids(&ours);
    let ids = unread.iter().filter_map(|(record, _)| RecordId::try_from(record.clone()).ok()).collect();
    let query = RecordQuery { record_ids: Some(ids), fields: fields.clone(), ..RecordQuery::default() };
    let read = tools.client.records(&sheet.guard.sheet, &query).await?;
    compare::<T>(tools, sheet.id(), unread, &read, &fields).await
}

async fn compare<T: Table>(
    tools: &Tools,
    sheet: &str,
    unread: Vec<(String, Cells)>,
    read: &[Record],
    fields: &[FieldId],
) -> Result<(), Trouble> {
    let now = tools.now();
    let mut connection = tools.ctx.db.acquire().await?;
    let mut well = Vec::new();
    for (record, held) in unread {
        let Some(found) = read.iter().find(|found| found.id.as_str() == record) else {
            tracing::warn!(sheet = T::TITLE, record, "a row was deleted; it is made again");
            metrics::counter!("vika_rows_gone_total", "sheet" => T::TITLE).increment(1);
            mirror::forget(&mut connection, sheet, &record).await?;
            continue;
        };
        let really = as_read(&held, found, fields);
        if really == held {
            well.push(record);
            continue;
        }
        tracing::warn!(sheet = T::TITLE, record, "a row holds something else than was written");
        metrics::counter!("vika_rows_drifted_total", "sheet" => T::TITLE).increment(1);
        mirror::drifted(&mut connection, sheet, &record, &really, now).await?;
    }
    Ok(mirror::read_back(&mut connection, sheet, &well, now).await?)
}

/// The known cells with our columns as they really are.
fn as_read(held: &Cells, found: &Record, fields: &[FieldId]) -> Cells {
    let mut cells = held.clone();
    for field in fields {
        keep(&mut cells, field.as_str(), found.cell(field).canonical());
    }
    cells
}

/// Lists the sheet's rows, if it is time to.
pub async fn list_if_due<T: Table>(tools: &mut Tools, sheet: &mut Sheet<T>) -> Result<(), Trouble> {
    let now = tools.now();
    let due = *sheet.list_at.get_or_insert(now + LIST_EVERY);
    if now < due || !sheet.is_ready(now) {
        return Ok(());
    }
    let Some(columns) = sheet.guard.usable().cloned() else { return Ok(()) };
    let named = |name: &str| T::ALL.iter().copied().find(|column| column.name() == name);
    let (note, number) = (named("系统信息"), named("自增"));
    let read: Vec<T> = [Some(sheet.key), note, number].into_iter().flatten().collect();
    let query = RecordQuery { fields: columns.ids(&read), ..RecordQuery::default() };
    let listed = tools.client.records(&sheet.guard.sheet, &query).await?;
    let pages = i32::try_from(listed.len() / PAGE + 1).unwrap_or(i32::MAX);
    sheet.list_at = Some(now + LIST_EVERY * pages);
    let known = mirror::records(&mut *tools.ctx.db.acquire().await?, sheet.id()).await?;
    let there: BTreeMap<&str, &Record> = listed.iter().map(|record| (record.id.as_str(), record)).collect();
    suspect(tools, sheet.id(), &known, &there).await?;
    let Some(note) = note.filter(|note| columns.id(*note).is_some()) else { return Ok(()) };
    let ours: BTreeMap<&str, &str> =
        known.iter().map(|(record, room)| (room.as_str(), record.as_str())).collect();
    let copies = listed.iter().filter_map(|record| {
        let first = *there.get(ours.get(columns.cell(record, sheet.key).as_text())?)?;
        let words = wording::doubled(number.and_then(|number| columns.cell(first, number).as_number()));
        let is_told = columns.cell(record, note).as_text() == words;
        (first.id != record.id && !is_told)
            .then(|| (record.id.clone(), columns.fields([(note, Cell::text(&words))])))
    });
    let copies: Vec<(RecordId, Fields)> = copies.collect();
    mark::<T>(tools, sheet, &copies).await
}

/// Has rows read back that are not listed. A page may miss one, so that alone says nothing.
async fn suspect(
    tools: &Tools,
    sheet: &str,
    known: &[(String, String)],
    there: &BTreeMap<&str, &Record>,
) -> Result<(), Trouble> {
    let missing =
        known.iter().map(|(record, _)| record).filter(|record| !there.contains_key(record.as_str()));
    let missing: Vec<String> = missing.cloned().collect();
    Ok(mirror::suspect(&mut *tools.ctx.db.acquire().await?, sheet, &missing, AT_ONCE).await?)
}

/// Says in copies that they are copies.
async fn mark<T: Table>(
    tools: &mut Tools,
    sheet: &Sheet<T>,
    copies: &[(RecordId, Fields)],
) -> Result<(), Trouble> {
    for batch in copies.chunks(MAX_RECORDS) {
        tools.ready().await?;
        match tools.client.update(&sheet.guard.sheet, batch).await {
            Ok(_) => {
                tracing::warn!(sheet = T::TITLE, copies = batch.len(), "rows were copied; the copies say so");
                metrics::counter!("vika_rows_copied_total", "sheet" => T::TITLE)
                    .increment(batch.len() as u64);
            }
            Err(error @ Error::Rejected { .. }) => {
                tracing::warn!(sheet = T::TITLE, %error, "copies of rows cannot be marked");
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}
