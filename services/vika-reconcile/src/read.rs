//! Reads a sheet: new edits, and found rows (rows that were in the sheet before `vika-sync` knew of them).

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use runtime::Context;
use runtime::bus::BusError;
use store::sqlx;
use store::vika_reconcile::{self as stored, KnownRow};
use vika::{Client, EditId, Record, RecordId, RecordQuery, SheetId, UsableColumns, formula};

use crate::decide::Edit;
use crate::sheet::{ManagedSheet, Sheet};

/// How far a poll looks back behind the largest stamp seen: edits become visible a little out of order.
pub const LOOK_BACK_MS: i64 = 10_000;
/// Found rows compared in a poll.
const FOUND_AT_ONCE: i64 = 100;
/// Stands for an author whom the sheet does not name.
const UNKNOWN_AUTHOR: &str = "经理";

/// Why a poll ended early. The next one reads the same edits again.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    #[error("a call to Vika failed")]
    Vika(#[from] vika::Error),
    #[error("the database failed")]
    Store(#[from] sqlx::Error),
    #[error("the bus failed")]
    Bus(#[from] BusError),
    #[error("a command cannot be encoded")]
    Encode(#[from] serde_json::Error),
}

/// Edits that are to be processed.
pub struct NewEdits<A> {
    /// In order of their stamps.
    pub edits: Vec<Edit<A>>,
    /// The mirrored rows that they are about, by record.
    pub known: BTreeMap<String, KnownRow>,
    /// The stamp up to which all edits will have been processed.
    pub watermark_ms: i64,
}

/// Reads new edits. `None`: there are none, or the sheet cannot be read now.
pub async fn new_edits<T: ManagedSheet>(
    ctx: &Context,
    client: &Client,
    sheet: &mut Sheet<T>,
    now: Timestamp,
) -> Result<Option<NewEdits<T::Request>>, PollError> {
    sheet.state.check_columns(client, now).await?;
    let Some(columns) = sheet.state.columns(now) else { return Ok(None) };
    let id = sheet.state.id().clone();
    let watermark = stored::watermark(&mut *ctx.db.acquire().await?, id.as_str()).await?;
    let query = RecordQuery {
        formula: Some(edited_since::<T>(watermark.unwrap_or(0), &ctx.config.vika.bot_names)),
        fields: columns.ids(T::READ),
        ..RecordQuery::default()
    };
    let records = match client.records(&id, &query).await {
        Err(error @ vika::Error::Rejected { .. }) => {
            // If the columns have changed there is no need to pause: the next poll uses the new ones.
            return if sheet.state.check_after_refusal(client, now).await? {
                Ok(None)
            } else {
                Err(error.into())
            };
        }
        read => read?,
    };
    let mut edits: Vec<Edit<T::Request>> =
        records.iter().filter_map(|record| edit(columns, &id, record, &ctx.config.vika.bot_names)).collect();
    edits.sort_by(|a, b| (a.id.stamp_ms, &a.id.record).cmp(&(b.id.stamp_ms, &b.id.record)));
    unprocessed(ctx, &id, edits, watermark).await
}

/// Found rows that were not compared yet, with their records.
pub async fn found_rows<T: ManagedSheet>(
    ctx: &Context,
    client: &Client,
    sheet: &Sheet<T>,
    now: Timestamp,
) -> Result<(Vec<String>, Vec<(Edit<T::Request>, KnownRow)>), PollError> {
    let nothing = (Vec::new(), Vec::new());
    let Some(columns) = sheet.state.columns(now) else { return Ok(nothing) };
    let id = sheet.state.id();
    let mut connection = ctx.db.acquire().await?;
    let records = stored::uncompared(&mut connection, id.as_str(), FOUND_AT_ONCE).await?;
    if records.is_empty() {
        return Ok(nothing);
    }
    let mut known = stored::known_rows(&mut connection, id.as_str(), &records).await?;
    drop(connection);
    let ids = records.iter().filter_map(|record| RecordId::try_from(record.clone()).ok()).collect();
    let query = RecordQuery { record_ids: Some(ids), fields: columns.ids(T::READ), ..RecordQuery::default() };
    let read = client.records(id, &query).await?;
    let edits = read.iter().filter_map(|record| edit(columns, id, record, &ctx.config.vika.bot_names));
    let rows = edits.filter_map(|edit| {
        let known = known.remove(edit.id.record.as_str())?;
        Some((edit, known))
    });
    Ok((records, rows.collect()))
}

/// Drops edits that were processed already, and those of rows that are not to be read yet: the next poll reads them again.
async fn unprocessed<A>(
    ctx: &Context,
    sheet: &SheetId,
    mut edits: Vec<Edit<A>>,
    watermark: Option<i64>,
) -> Result<Option<NewEdits<A>>, PollError> {
    let mut connection = ctx.db.acquire().await?;
    let mut watermark_ms = edits.iter().map(|edit| edit.id.stamp_ms).chain(watermark).max().unwrap_or(0);
    let ids: Vec<(String, i64)> =
        edits.iter().map(|edit| (edit.id.record.to_string(), edit.id.stamp_ms)).collect();
    let done: BTreeSet<(String, i64)> =
        stored::processed(&mut connection, sheet.as_str(), &ids).await?.into_iter().collect();
    edits.retain(|edit| !done.contains(&(edit.id.record.to_string(), edit.id.stamp_ms)));
    if edits.is_empty() {
        return Ok(None);
    }
    // First the rows being created, then the known ones: a row that is confirmed in between is found by the second query. In
    // the other order it would be found by neither, and the edit dropped as one of an unknown row.
    let rooms: Vec<String> = edits.iter().map(|edit| edit.room.clone()).collect();
    let not_ready = stored::not_ready(&mut connection, sheet.as_str(), &rooms).await?;
    let records: Vec<String> = edits.iter().map(|edit| edit.id.record.to_string()).collect();
    let known = stored::known_rows(&mut connection, sheet.as_str(), &records).await?;
    let is_early = |edit: &Edit<A>| not_ready.contains(&edit.room);
    if let Some(first) = edits.iter().filter(|edit| is_early(edit)).map(|edit| edit.id.stamp_ms).min() {
        watermark_ms = watermark_ms.min(first - 1);
    }
    edits.retain(|edit| !is_early(edit));
    Ok(Some(NewEdits { edits, known, watermark_ms }))
}

/// The condition: edited since, and not by one of our users.
fn edited_since<T: ManagedSheet>(watermark_ms: i64, bots: &[String]) -> String {
    let from = (watermark_ms - LOOK_BACK_MS).max(0);
    let mut conditions = vec![formula::greater(T::EDITED_AT.name(), from)];
    // Names that no formula can express are left out by `edit`.
    let bots = bots.iter().filter(|bot| formula::is_expressible(bot));
    conditions.extend(bots.map(|bot| formula::differs(T::EDITED_BY.name(), bot)));
    formula::all(&conditions)
}

/// A record as an edit; `None` for one without a stamp, or of our own.
fn edit<T: ManagedSheet>(
    columns: &UsableColumns<T>,
    sheet: &SheetId,
    record: &Record,
    bots: &[String],
) -> Option<Edit<T::Request>> {
    let stamp = columns.cell(record, T::EDITED_AT).as_time()?;
    let author = columns.cell(record, T::EDITED_BY).people().first().map(|person| person.name.clone());
    let by = author.unwrap_or_else(|| UNKNOWN_AUTHOR.to_owned());
    (!bots.contains(&by)).then(|| Edit {
        id: EditId { sheet: sheet.clone(), record: record.id.clone(), stamp_ms: stamp.timestamp_millis() },
        by,
        room: columns.cell(record, T::ROOM).as_text().to_owned(),
        request: T::request(columns, record),
    })
}
