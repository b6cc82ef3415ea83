//! Verifies rows: a success of Vika says that a write arrived, not that it was stored, and somebody may have deleted a row
//! or typed into our columns. What differs is written again by the next round.
//!
//! Written rows are read by record id in the next round, a hundred in one call. Every few minutes all keys of the sheet are
//! listed: rows that are missing from the list, and some that were verified longest ago, are to be verified too; copies of
//! rows are marked as such.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use store::vika_sync::{self as mirror, Cells};
use vika::tables::{Table, Writer};
use vika::{Cell, Error, FieldId, Fields, MAX_RECORDS, Record, RecordId, RecordQuery};

use crate::context::SyncContext;
use crate::problems::SyncError;
use crate::sheet::Sheet;
use crate::wording;
use crate::write::set_cell;

/// How often keys are listed, for each thousand rows, so that the number of calls does not depend on the size of the sheet;
/// less often where calls are saved.
const LIST_EVERY: TimeDelta = TimeDelta::minutes(2);
/// Rows in a page.
const PAGE: usize = 1_000;
/// Rows verified in one call.
const VERIFIED_AT_ONCE: i64 = 100;

/// Verifies the rows that were written since the last round.
pub async fn verify_written<T: Table>(cx: &SyncContext, sheet: &Sheet<T>) -> Result<(), SyncError> {
    let now = cx.now();
    let Some(columns) = sheet.state.columns(now) else { return Ok(()) };
    let unverified =
        mirror::unverified(&mut *cx.service.db.acquire().await?, sheet.id(), VERIFIED_AT_ONCE).await?;
    if unverified.is_empty() {
        return Ok(());
    }
    let our_columns: Vec<T> =
        T::ALL.iter().copied().filter(|c| c.column().writer == Writer::Huiyin).collect();
    let fields = columns.ids(&our_columns);
    let ids = unverified.iter().filter_map(|(record, _)| RecordId::try_from(record.clone()).ok()).collect();
    let query = RecordQuery { record_ids: Some(ids), fields: fields.clone(), ..RecordQuery::default() };
    let read = cx.client().records(sheet.state.id(), &query).await?;
    compare::<T>(cx, sheet.id(), unverified, &read, &fields).await
}

async fn compare<T: Table>(
    cx: &SyncContext,
    sheet: &str,
    unverified: Vec<(String, Cells)>,
    read: &[Record],
    fields: &[FieldId],
) -> Result<(), SyncError> {
    let now = cx.now();
    let mut connection = cx.service.db.acquire().await?;
    let mut matching = Vec::new();
    for (record, expected) in unverified {
        let Some(found) = read.iter().find(|found| found.id.as_str() == record) else {
            tracing::warn!(sheet = T::TITLE, record, "a row was deleted; it is created again");
            metrics::counter!("vika_rows_gone_total", "sheet" => T::TITLE).increment(1);
            mirror::forget(&mut connection, sheet, &record).await?;
            continue;
        };
        let actual = actual_cells(&expected, found, fields);
        if actual == expected {
            matching.push(record);
            continue;
        }
        tracing::warn!(sheet = T::TITLE, record, "a row holds something else than was written");
        metrics::counter!("vika_rows_drifted_total", "sheet" => T::TITLE).increment(1);
        mirror::mark_drifted(&mut connection, sheet, &record, &actual, now).await?;
    }
    Ok(mirror::mark_verified(&mut connection, sheet, &matching, now).await?)
}

/// The mirrored cells, with our columns as they were read.
fn actual_cells(expected: &Cells, found: &Record, fields: &[FieldId]) -> Cells {
    let mut cells = expected.clone();
    for field in fields {
        set_cell(&mut cells, field.as_str(), found.cell(field).canonical());
    }
    cells
}

/// Lists the sheet's rows, if it is time to.
pub async fn list_if_due<T: Table>(cx: &mut SyncContext, sheet: &mut Sheet<T>) -> Result<(), SyncError> {
    let now = cx.now();
    let due = *sheet.list_at.get_or_insert(now + LIST_EVERY);
    if now < due {
        return Ok(());
    }
    let Some(columns) = sheet.state.columns(now).cloned() else { return Ok(()) };
    let named = |name: &str| T::ALL.iter().copied().find(|column| column.name() == name);
    let (info, number) = (named("系统信息"), named("自增"));
    let read: Vec<T> = [Some(sheet.key), info, number].into_iter().flatten().collect();
    let (client, fields) = (cx.client(), columns.ids(&read));
    let listed = match number.and_then(|number| columns.key(number)) {
        // By ranges of the numbers: a row that is deleted meanwhile hides no other.
        Some(number) => client.sweep(sheet.state.id(), number, &fields).await?,
        None => client.records(sheet.state.id(), &RecordQuery { fields, ..RecordQuery::default() }).await?,
    };
    let pages = u32::try_from(listed.len() / PAGE + 1).unwrap_or(u32::MAX);
    let least = LIST_EVERY * i32::try_from(pages).unwrap_or(i32::MAX);
    sheet.list_at = Some(now + cx.budget.upkeep_every(least, pages.into()));
    let known = mirror::records(&mut *cx.service.db.acquire().await?, sheet.id()).await?;
    let listed_by_id: BTreeMap<&str, &Record> =
        listed.iter().map(|record| (record.id.as_str(), record)).collect();
    verify_unlisted(cx, sheet.id(), &known, &listed_by_id).await?;
    let Some(info) = info.filter(|info| columns.id(*info).is_some()) else { return Ok(()) };
    let record_of: BTreeMap<&str, &str> =
        known.iter().map(|(record, room)| (room.as_str(), record.as_str())).collect();
    let copies = listed.iter().filter_map(|record| {
        let first = *listed_by_id.get(record_of.get(columns.cell(record, sheet.key).as_text())?)?;
        let text = wording::doubled(number.and_then(|number| columns.cell(first, number).as_number()));
        let is_marked = columns.cell(record, info).as_text() == text;
        (first.id != record.id && !is_marked)
            .then(|| (record.id.clone(), columns.fields([(info, Cell::text(&text))])))
    });
    let copies: Vec<(RecordId, Fields)> = copies.collect();
    mark_copies::<T>(cx, sheet, &copies).await
}

/// Requests verification of rows that are not in the list. A page may miss a row, so that this alone proves nothing.
async fn verify_unlisted(
    cx: &SyncContext,
    sheet: &str,
    known: &[(String, String)],
    listed_by_id: &BTreeMap<&str, &Record>,
) -> Result<(), SyncError> {
    let missing =
        known.iter().map(|(record, _)| record).filter(|record| !listed_by_id.contains_key(record.as_str()));
    let missing: Vec<String> = missing.cloned().collect();
    Ok(mirror::request_verification(&mut *cx.service.db.acquire().await?, sheet, &missing, VERIFIED_AT_ONCE)
        .await?)
}

/// Writes into copies that they are copies.
async fn mark_copies<T: Table>(
    cx: &mut SyncContext,
    sheet: &Sheet<T>,
    copies: &[(RecordId, Fields)],
) -> Result<(), SyncError> {
    for batch in copies.chunks(MAX_RECORDS) {
        cx.ready().await?;
        match cx.client().update(sheet.state.id(), batch).await {
            Ok(_) => {
                tracing::warn!(sheet = T::TITLE, copies = batch.len(), "rows were copied; they are marked");
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
