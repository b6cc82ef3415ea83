//! Reads a sheet: new edits, and found rows (rows that were in the sheet before `vika-sync` knew of them).

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use runtime::Context;
use runtime::bus::BusError;
use store::rules::RulesError;
use store::sqlx;
use store::vika_reconcile::{self as stored, KnownRow};
use vika::{Client, EditId, EditPart, Record, RecordId, RecordQuery, SheetId, UsableColumns, formula};

use crate::decide::{Edit, Stamp};
use crate::sheet::{Group, ManagedSheet, Sheet};

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
    #[error("the rules could not be read")]
    Rules(#[from] RulesError),
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
    let Some(columns) = sheet.state.columns(now).cloned() else { return Ok(None) };
    let groups = Sheet::readable(&columns);
    if groups.is_empty() {
        return Ok(None);
    }
    let id = sheet.state.id().clone();
    let watermark = stored::watermark(&mut *ctx.db.acquire().await?, id.as_str()).await?;
    let bots = &ctx.config.vika.bot_names;
    let query = RecordQuery {
        formula: Some(edited_since(&columns, &groups, watermark, bots)),
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
    let edits: Vec<Edit<T::Request>> =
        records.iter().filter_map(|record| edit(&columns, &groups, &id, record, bots)).collect();
    unprocessed(ctx, sheet, edits, watermark, now).await
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
    let groups = Sheet::readable(columns);
    let bots = &ctx.config.vika.bot_names;
    let rows = read.iter().filter_map(|record| {
        let known = known.remove(record.id.as_str())?;
        let edit = edit(columns, &groups, id, record, bots);
        let edit = match known.claimed_at {
            Some(at) => Some(claimed(columns, id, record, edit, at)),
            None => edit,
        };
        Some((edit?, known))
    });
    Ok((records, rows.collect()))
}

/// A claimed row as an edit of all its groups at the moment of the claim: what stands there was never read, and stamps may be
/// younger than the cells.
fn claimed<T: ManagedSheet>(
    columns: &UsableColumns<T>,
    sheet: &SheetId,
    record: &Record,
    edit: Option<Edit<T::Request>>,
    at: Timestamp,
) -> Edit<T::Request> {
    let at_ms = at.timestamp_millis();
    let author = edit.and_then(|edit| edit.stamps.into_iter().max_by_key(|stamp| stamp.at_ms));
    let by = author.map_or_else(|| UNKNOWN_AUTHOR.to_owned(), |stamp| stamp.by);
    let stamp = |group| Stamp { group, at_ms, by: by.clone(), is_new: true };
    Edit {
        id: EditId { sheet: sheet.clone(), record: record.id.clone(), stamp_ms: at_ms, part: EditPart::Main },
        stamps: (0..T::GROUPS.len()).map(stamp).collect(),
        room: columns.cell(record, T::ROOM).as_text().to_owned(),
        request: T::request(columns, record),
    }
}

/// Drops edits that were processed already, and those of rows that are not to be read yet: the next poll reads them again.
async fn unprocessed<T: ManagedSheet>(
    ctx: &Context,
    sheet: &mut Sheet<T>,
    mut edits: Vec<Edit<T::Request>>,
    watermark: Option<i64>,
    now: Timestamp,
) -> Result<Option<NewEdits<T::Request>>, PollError> {
    let id = sheet.state.id().clone();
    let mut connection = ctx.db.acquire().await?;
    let all: Vec<(String, i64)> = edits.iter().flat_map(stamps).collect();
    let mut watermark_ms = all.iter().map(|(_, stamp)| *stamp).chain(watermark).max().unwrap_or(0);
    let done = stored::processed(&mut connection, id.as_str(), &all).await?.into_iter().collect();
    for edit in &mut edits {
        mark_new(edit, from(watermark), &done);
    }
    edits.retain(|edit| edit.new_stamps().next().is_some());
    let records: Vec<RecordId> = edits.iter().map(|edit| edit.id.record.clone()).collect();
    sheet.keep_settling(&records);
    if edits.is_empty() {
        return Ok(None);
    }
    edits.sort_by(|a, b| (a.id.stamp_ms, &a.id.record).cmp(&(b.id.stamp_ms, &b.id.record)));
    // First the rows being created, then the known ones: a row that is confirmed in between is found by the second query. In
    // the other order it would be found by neither, and the edit dropped as one of an unknown row.
    let rooms: Vec<String> = edits.iter().map(|edit| edit.room.clone()).collect();
    let not_ready = stored::not_ready(&mut connection, id.as_str(), &rooms).await?;
    let records: Vec<String> = records.iter().map(ToString::to_string).collect();
    let known = stored::known_rows(&mut connection, id.as_str(), &records).await?;
    edits.retain(|edit| {
        let is_early = not_ready.contains(&edit.room) || !sheet.is_settled(&edit.id, now);
        if is_early {
            let first = edit.new_stamps().map(|stamp| stamp.at_ms).min().unwrap_or(edit.id.stamp_ms);
            watermark_ms = watermark_ms.min(first - 1);
        }
        !is_early
    });
    Ok(Some(NewEdits { edits, known, watermark_ms }))
}

/// The stamps of an edit, each with its record.
fn stamps<A>(edit: &Edit<A>) -> Vec<(String, i64)> {
    let record = edit.id.record.to_string();
    edit.stamps.iter().map(|stamp| (record.clone(), stamp.at_ms)).collect()
}

/// Tells the stamps that are to be processed, the newest of which the edit is named by.
fn mark_new<A>(edit: &mut Edit<A>, from: i64, done: &BTreeSet<(String, i64)>) {
    let record = edit.id.record.to_string();
    for stamp in &mut edit.stamps {
        stamp.is_new = stamp.at_ms > from && !done.contains(&(record.clone(), stamp.at_ms));
    }
    if let Some(newest) = edit.new_stamps().map(|stamp| stamp.at_ms).max() {
        edit.id.stamp_ms = newest;
    }
}

/// The stamp after which edits are read, a little behind the watermark.
fn from(watermark: Option<i64>) -> i64 {
    (watermark.unwrap_or(0) - LOOK_BACK_MS).max(0)
}

/// The condition: some group of columns was edited since, and not by one of our users.
fn edited_since<T: ManagedSheet>(
    columns: &UsableColumns<T>,
    groups: &[(usize, &Group<T>)],
    watermark: Option<i64>,
    bots: &[String],
) -> String {
    // Names that no formula can express are left out by `edit`.
    let bots: Vec<&String> = bots.iter().filter(|bot| formula::is_expressible(bot)).collect();
    let edited = |(_, group): &(usize, &Group<T>)| {
        let (at, by) = (columns.key(group.at)?.name, columns.key(group.by)?.name);
        let mut conditions = vec![formula::greater(at, from(watermark))];
        conditions.extend(bots.iter().map(|bot| formula::differs(by, bot)));
        Some(formula::all(&conditions))
    };
    let edited: Vec<String> = groups.iter().filter_map(edited).collect();
    formula::any(&edited)
}

/// A record as an edit; `None` for one without a stamp but our own.
fn edit<T: ManagedSheet>(
    columns: &UsableColumns<T>,
    groups: &[(usize, &Group<T>)],
    sheet: &SheetId,
    record: &Record,
    bots: &[String],
) -> Option<Edit<T::Request>> {
    let stamp = |(index, group): &(usize, &Group<T>)| {
        let at = columns.cell(record, group.at).as_time()?;
        let author = columns.cell(record, group.by).people().first().map(|person| person.name.clone());
        let by = author.unwrap_or_else(|| UNKNOWN_AUTHOR.to_owned());
        let stamp = Stamp { group: *index, at_ms: at.timestamp_millis(), by, is_new: true };
        (!bots.contains(&stamp.by)).then_some(stamp)
    };
    let stamps: Vec<Stamp> = groups.iter().filter_map(stamp).collect();
    let stamp_ms = stamps.iter().map(|stamp| stamp.at_ms).max()?;
    let (sheet, record_id, part) = (sheet.clone(), record.id.clone(), EditPart::Main);
    Some(Edit {
        id: EditId { sheet, record: record_id, stamp_ms, part },
        stamps,
        room: columns.cell(record, T::ROOM).as_text().to_owned(),
        request: T::request(columns, record),
    })
}
