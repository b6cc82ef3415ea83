//! Re-reads rows, a sample at a time: a success says that a write arrived, not that it was stored, and somebody may
//! have deleted a row or typed into our columns. What differs is written again by the next pass.

use chrono::TimeDelta;
use store::vika_sync::{self as mirror, Cells};
use vika::tables::{Table, Writer};
use vika::{FieldId, RecordId, RecordQuery};

use crate::sheet::Sheet;
use crate::trouble::Trouble;
use crate::write::{Tools, keep};

/// How often a sample is read.
const EVERY: TimeDelta = TimeDelta::hours(1);
/// Rows in a sample: one call.
const SAMPLE: i64 = 100;

/// Audits the rows that have gone longest without, if it is time to.
pub async fn audit_if_due<T: Table>(tools: &Tools, sheet: &mut Sheet<T>) -> Result<(), Trouble> {
    let now = tools.now();
    let last = *sheet.audited_at.get_or_insert(now);
    if now - last < EVERY || !sheet.is_ready(now) {
        return Ok(());
    }
    sheet.audited_at = Some(now);
    let Some(columns) = sheet.guard.usable() else { return Ok(()) };
    let ours: Vec<T> = T::ALL.iter().copied().filter(|c| c.column().writer == Writer::Huiyin).collect();
    let fields = columns.ids(&ours);
    let mut connection = tools.ctx.db.acquire().await?;
    let sample = mirror::least_audited(&mut connection, sheet.id(), SAMPLE).await?;
    let ids: Vec<RecordId> =
        sample.iter().filter_map(|(record, _)| RecordId::try_from(record.clone()).ok()).collect();
    let query = RecordQuery { record_ids: Some(ids), fields: fields.clone(), ..RecordQuery::default() };
    let read = tools.client.records(&sheet.guard.sheet, &query).await?;
    for (record, held) in sample {
        let Some(found) = read.iter().find(|found| found.id.as_str() == record) else {
            tracing::warn!(sheet = T::TITLE, record, "a row was deleted; it is made again");
            metrics::counter!("vika_rows_gone_total", "sheet" => T::TITLE).increment(1);
            mirror::forget(&mut connection, sheet.id(), &record).await?;
            continue;
        };
        let really = as_read(&held, found, &fields);
        let differs = really != held;
        if differs {
            tracing::warn!(sheet = T::TITLE, record, "a row holds something else than was written");
            metrics::counter!("vika_rows_drifted_total", "sheet" => T::TITLE).increment(1);
        }
        mirror::audited(&mut connection, sheet.id(), &record, differs.then_some(&really), now).await?;
    }
    Ok(())
}

/// The known cells with our columns as they really are.
fn as_read(held: &Cells, found: &vika::Record, fields: &[FieldId]) -> Cells {
    let mut cells = held.clone();
    for field in fields {
        keep(&mut cells, field.as_str(), found.cell(field).canonical());
    }
    cells
}
