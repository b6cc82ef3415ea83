//! Reads edits from a sheet: those that are new, and what stood in rows before anything was known of them.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use runtime::Context;
use runtime::bus::BusError;
use store::sqlx;
use store::vika_reconcile::{self as kept, KnownRow};
use vika::{Client, EditId, Present, Record, RecordId, RecordQuery, SheetId, formula};

use crate::decide::Edit;
use crate::sheet::{Managed, Sheet};

/// How far a poll looks back behind the largest stamp seen: edits become visible a little out of order.
pub const LOOK_BACK_MS: i64 = 10_000;
/// Found rows compared in a poll.
const FOUND_AT_ONCE: i64 = 100;
/// An author whom the sheet does not name.
const SOMEBODY: &str = "经理";

/// What ends a poll early. All of it is met again by the next.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("a call to Vika failed")]
    Vika(#[from] vika::Error),
    #[error("the database failed")]
    Store(#[from] sqlx::Error),
    #[error("the bus failed")]
    Bus(#[from] BusError),
    #[error("a command cannot be encoded")]
    Encode(#[from] serde_json::Error),
}

/// Edits to be dealt with.
pub struct Found<A> {
    /// In order of their stamps.
    pub edits: Vec<Edit<A>>,
    /// The rows of `vika-sync` that they are about, by record.
    pub known: BTreeMap<String, KnownRow>,
    /// The largest stamp up to which all edits are dealt with then.
    pub watermark_ms: i64,
}

/// Asks for edits. `None`: there is nothing new, or the sheet cannot be read now.
pub async fn edits<T: Managed>(
    ctx: &Context,
    client: &Client,
    sheet: &mut Sheet<T>,
    now: Timestamp,
) -> Result<Option<Found<T::Asks>>, Trouble> {
    if sheet.is_paused(now) {
        return Ok(None);
    }
    sheet.guard.look_if_due(client, now).await?;
    let Some(columns) = sheet.guard.usable() else { return Ok(None) };
    let id = sheet.guard.sheet.clone();
    let watermark = kept::watermark(&mut *ctx.db.acquire().await?, id.as_str()).await?;
    let query = RecordQuery {
        formula: Some(since::<T>(watermark.unwrap_or(0), &ctx.config.vika.bot_names)),
        fields: columns.ids(T::READ),
        ..RecordQuery::default()
    };
    let records = match client.records(&id, &query).await {
        Err(error @ vika::Error::Rejected { .. }) => {
            // What was found out needs no pause: the next poll goes by it.
            return if sheet.guard.look_after_refusal(client, now).await? {
                Ok(None)
            } else {
                Err(error.into())
            };
        }
        read => read?,
    };
    let mut edits: Vec<Edit<T::Asks>> =
        records.iter().filter_map(|record| edit(columns, &id, record, &ctx.config.vika.bot_names)).collect();
    edits.sort_by(|a, b| (a.id.stamp_ms, &a.id.record).cmp(&(b.id.stamp_ms, &b.id.record)));
    new_among(ctx, &id, edits, watermark).await
}

/// What stands in rows that were there before anything was known of them, with the records that were looked at.
pub async fn found_rows<T: Managed>(
    ctx: &Context,
    client: &Client,
    sheet: &Sheet<T>,
    now: Timestamp,
) -> Result<(Vec<String>, Vec<(Edit<T::Asks>, KnownRow)>), Trouble> {
    let nothing = (Vec::new(), Vec::new());
    let Some(columns) = sheet.guard.usable().filter(|_| !sheet.is_paused(now)) else { return Ok(nothing) };
    let id = &sheet.guard.sheet;
    let mut connection = ctx.db.acquire().await?;
    let records = kept::not_compared(&mut connection, id.as_str(), FOUND_AT_ONCE).await?;
    if records.is_empty() {
        return Ok(nothing);
    }
    let mut known = kept::known_rows(&mut connection, id.as_str(), &records).await?;
    drop(connection);
    let ids = records.iter().filter_map(|record| RecordId::try_from(record.clone()).ok()).collect();
    let query = RecordQuery { record_ids: Some(ids), fields: columns.ids(T::READ), ..RecordQuery::default() };
    let read = client.records(id, &query).await?;
    let edits = read.iter().filter_map(|record| edit(columns, id, record, &ctx.config.vika.bot_names));
    let standing = edits.filter_map(|edit| {
        let known = known.remove(edit.id.record.as_str())?;
        Some((edit, known))
    });
    Ok((records, standing.collect()))
}

/// Drops edits that were dealt with, and those of rows that are not to be read yet: these come again.
async fn new_among<A>(
    ctx: &Context,
    sheet: &SheetId,
    mut edits: Vec<Edit<A>>,
    watermark: Option<i64>,
) -> Result<Option<Found<A>>, Trouble> {
    let mut connection = ctx.db.acquire().await?;
    let mut watermark_ms = edits.iter().map(|edit| edit.id.stamp_ms).chain(watermark).max().unwrap_or(0);
    let ids: Vec<(String, i64)> =
        edits.iter().map(|edit| (edit.id.record.to_string(), edit.id.stamp_ms)).collect();
    let done: BTreeSet<(String, i64)> =
        kept::dealt_with(&mut connection, sheet.as_str(), &ids).await?.into_iter().collect();
    edits.retain(|edit| !done.contains(&(edit.id.record.to_string(), edit.id.stamp_ms)));
    if edits.is_empty() {
        return Ok(None);
    }
    // First what is being made, then what is known: a row that is confirmed in between is found by the second look. The
    // other way round it would be found by neither, and the edit dropped as one of a stranger's row.
    let rooms: Vec<String> = edits.iter().map(|edit| edit.room.clone()).collect();
    let not_ready = kept::not_ready(&mut connection, sheet.as_str(), &rooms).await?;
    let records: Vec<String> = edits.iter().map(|edit| edit.id.record.to_string()).collect();
    let known = kept::known_rows(&mut connection, sheet.as_str(), &records).await?;
    let waits = |edit: &Edit<A>| not_ready.contains(&edit.room);
    if let Some(first) = edits.iter().filter(|edit| waits(edit)).map(|edit| edit.id.stamp_ms).min() {
        watermark_ms = watermark_ms.min(first - 1);
    }
    edits.retain(|edit| !waits(edit));
    Ok(Some(Found { edits, known, watermark_ms }))
}

/// The condition: edited since, and not by one of our users.
fn since<T: Managed>(watermark_ms: i64, bots: &[String]) -> String {
    let from = (watermark_ms - LOOK_BACK_MS).max(0);
    let mut conditions = vec![formula::greater(T::EDITED_AT.name(), from)];
    // Whoever cannot be left out here is left out by `edit`.
    let bots = bots.iter().filter(|bot| formula::is_expressible(bot));
    conditions.extend(bots.map(|bot| formula::differs(T::EDITED_BY.name(), bot)));
    formula::all(&conditions)
}

/// A record as an edit; `None` for one without a stamp, or of our own.
fn edit<T: Managed>(
    columns: &Present<T>,
    sheet: &SheetId,
    record: &Record,
    bots: &[String],
) -> Option<Edit<T::Asks>> {
    let stamp = columns.cell(record, T::EDITED_AT).as_time()?;
    let author = columns.cell(record, T::EDITED_BY).people().first().map(|person| person.name.clone());
    let by = author.unwrap_or_else(|| SOMEBODY.to_owned());
    (!bots.contains(&by)).then(|| Edit {
        id: EditId { sheet: sheet.clone(), record: record.id.clone(), stamp_ms: stamp.timestamp_millis() },
        by,
        room: columns.cell(record, T::ROOM).as_text().to_owned(),
        asks: T::asks(columns, record),
    })
}
