//! Reading, creating, changing and deleting rows. Columns are always given by id.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    MAX_PAGE_SIZE, MAX_RECORDS,
    batches::Batches,
    cell::{Cell, Fields},
    client::{Call, Client, QueueScope},
    error::Error,
    formula,
    ids::{FieldId, RecordId, SheetId, ViewId},
};

/// Record ids in one address, so that it stays well below the limit.
const IDS_PER_CALL: usize = 200;
/// Creations of one batch without an answer before the caller has to deal with it.
const CREATE_ROUNDS: usize = 3;

/// A row as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its id.
    pub id: RecordId,
    /// When it was made; to the second, and absent from the answer of a creation.
    pub created_at: Option<DateTime<Utc>>,
    /// When it was last changed; in the answer of a change the time *before* it.
    pub updated_at: Option<DateTime<Utc>>,
    /// Its cells. Empty ones are absent.
    pub fields: Fields,
}

impl Record {
    /// A cell; an absent one is empty.
    pub fn cell(&self, field: &FieldId) -> &Cell {
        self.fields.get(field).unwrap_or(&Cell::Empty)
    }
}

/// Which rows and cells to read.
#[derive(Debug, Clone, Default)]
pub struct RecordQuery {
    /// A condition, see [`crate::formula`].
    pub formula: Option<String>,
    /// Columns to read; all when empty.
    pub fields: Vec<FieldId>,
    /// Only these rows. `Some` of nothing reads nothing; the service would read everything.
    pub record_ids: Option<Vec<RecordId>>,
    /// Rows on a page, at most 1,000, which is also what it is when absent.
    pub page_size: Option<usize>,
    /// Rows in the order of this column, smallest first.
    pub sort: Option<FieldId>,
    /// The first page only.
    pub first_page_only: bool,
    /// Only what this view keeps. To look at the view itself: managers change them, and one hides columns.
    pub view: Option<ViewId>,
}

/// The column that tells rows apart, by which the effect of a creation is looked up.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// Its name, for the formula.
    pub name: &'a str,
    /// Its id, for the cell.
    pub field: &'a FieldId,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    total: usize,
    records: Vec<WireRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRecord {
    record_id: RecordId,
    created_at: Option<i64>,
    updated_at: Option<i64>,
    #[serde(default)]
    fields: BTreeMap<FieldId, Value>,
}

impl From<WireRecord> for Record {
    fn from(wire: WireRecord) -> Self {
        Self {
            id: wire.record_id,
            created_at: wire.created_at.and_then(DateTime::from_timestamp_millis),
            updated_at: wire.updated_at.and_then(DateTime::from_timestamp_millis),
            fields: wire.fields.iter().map(|(field, value)| (field.clone(), Cell::read(value))).collect(),
        }
    }
}

impl Client {
    /// Reads rows, page by page. Pages are cut from the live order: a row deleted meanwhile can hide another, so a
    /// reading that must be complete uses [`Client::sweep`]. A row that slipped onto two pages is given once.
    pub async fn records(&self, sheet: &SheetId, query: &RecordQuery) -> Result<Vec<Record>, Error> {
        let Some(ids) = &query.record_ids else { return self.pages(sheet, query, &[]).await };
        let mut found = Vec::new();
        for some in ids.chunks(IDS_PER_CALL) {
            found.extend(self.pages(sheet, query, some).await?);
        }
        Ok(found)
    }

    async fn pages(
        &self,
        sheet: &SheetId,
        query: &RecordQuery,
        ids: &[RecordId],
    ) -> Result<Vec<Record>, Error> {
        let size = query.page_size.unwrap_or(MAX_PAGE_SIZE);
        if !(1..=MAX_PAGE_SIZE).contains(&size) {
            return Err(Error::Invalid("a page holds 1 to 1,000 rows"));
        }
        let mut seen = BTreeSet::new();
        let mut found: Vec<Record> = Vec::new();
        for number in 1_usize.. {
            let page: Page = decode(self.call(read_call(sheet, query, ids, size, number)).await?)?;
            let full = page.records.len() >= size;
            found.extend(page.records.into_iter().map(Record::from).filter(|r| seen.insert(r.id.clone())));
            if query.first_page_only || !full || number * size >= page.total {
                break;
            }
        }
        Ok(found)
    }

    /// Reads every row by ranges of an `AutoNumber` column, which a deletion in between cannot disturb.
    /// The column is read too, whether `fields` names it or not.
    pub async fn sweep(
        &self,
        sheet: &SheetId,
        number: Key<'_>,
        fields: &[FieldId],
    ) -> Result<Vec<Record>, Error> {
        let mut wanted = fields.to_vec();
        if !wanted.is_empty() && !wanted.contains(number.field) {
            wanted.push(number.field.clone());
        }
        let mut found: Vec<Record> = Vec::new();
        let mut last = 0.0_f64;
        loop {
            let query = RecordQuery {
                formula: Some(formula::greater(number.name, last)),
                fields: wanted.clone(),
                sort: Some(number.field.clone()),
                first_page_only: true,
                ..RecordQuery::default()
            };
            let page = self.records(sheet, &query).await?;
            let full = page.len() >= MAX_PAGE_SIZE;
            let largest = page.iter().filter_map(|r| r.cell(number.field).as_number()).fold(last, f64::max);
            found.extend(page);
            if !full || largest <= last {
                return Ok(found);
            }
            last = largest;
        }
    }

    /// Creates up to ten rows, in order. Not repeated: [`Error::Ambiguous`] means that the rows may be there.
    pub async fn create(&self, sheet: &SheetId, rows: &[Fields]) -> Result<Vec<Record>, Error> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        check_rows(rows.iter())?;
        let records: Vec<Value> = rows.iter().map(|row| json!({"fields": wire(row)})).collect();
        read_rows(self.call(write_call(sheet, Method::POST, &records)).await?)
    }

    /// Creates up to ten rows that differ in their key, once: when an answer is missing, the keys are looked up, and
    /// only rows that are not there are created again. Gives the rows' ids in order.
    pub async fn create_once(
        &self,
        sheet: &SheetId,
        key: Key<'_>,
        rows: &[Fields],
    ) -> Result<Vec<RecordId>, Error> {
        let keys: Vec<&str> =
            rows.iter().map(|r| r.get(key.field).unwrap_or(&Cell::Empty).as_text()).collect();
        let different: BTreeSet<&str> = keys.iter().copied().filter(|k| !k.is_empty()).collect();
        if different.len() != rows.len() {
            return Err(Error::Invalid("every row needs a key of its own"));
        }
        let mut ids: BTreeMap<&str, RecordId> = BTreeMap::new();
        for round in 1.. {
            let missing: Vec<usize> = (0..rows.len()).filter(|i| !ids.contains_key(keys[*i])).collect();
            let batch: Vec<Fields> = missing.iter().map(|i| rows[*i].clone()).collect();
            match self.create(sheet, &batch).await {
                Ok(records) if records.len() == batch.len() => {
                    ids.extend(missing.iter().map(|i| keys[*i]).zip(records.into_iter().map(|r| r.id)));
                    break;
                }
                Ok(_) => return Err(Error::Unreadable("another number of rows than was created".into())),
                Err(Error::Ambiguous { .. }) if round < CREATE_ROUNDS => {
                    sleep(self.pacing().settle).await;
                    let existing = self.ids_by_key(sheet, key, &keys).await?;
                    ids.extend(keys.iter().filter_map(|k| Some((*k, existing.get(*k)?.clone()))));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(keys.iter().filter_map(|k| ids.remove(k)).collect())
    }

    /// The ids of the rows with these keys; of several with one key the first. A key that no formula can express is
    /// searched for in the whole column instead, so that it affects no other.
    pub async fn ids_by_key(
        &self,
        sheet: &SheetId,
        key: Key<'_>,
        keys: &[&str],
    ) -> Result<BTreeMap<String, RecordId>, Error> {
        let (expressible, mut others): (Vec<&str>, Vec<&str>) =
            keys.iter().copied().partition(|text| formula::is_expressible(text));
        let mut found = BTreeMap::new();
        for some in expressible.chunks(MAX_RECORDS) {
            others.extend(self.look_up(sheet, key, some, &mut found).await?);
        }
        if !others.is_empty() {
            tracing::debug!(%sheet, keys = others.len(), "keys that no formula can express: the whole column is read");
            let query = RecordQuery { fields: vec![key.field.clone()], ..RecordQuery::default() };
            let all = self.records(sheet, &query).await?;
            let wanted = |record: &Record| others.contains(&record.cell(key.field).as_text());
            collect_ids(&mut found, key, all.into_iter().filter(wanted));
        }
        Ok(found)
    }

    /// Looks keys up by formula. One that is refused as a whole for its content is halved until the culprits are alone;
    /// these are given back. A refusal for another reason, such as a renamed column, is an error.
    async fn look_up<'k>(
        &self,
        sheet: &SheetId,
        key: Key<'_>,
        keys: &[&'k str],
        found: &mut BTreeMap<String, RecordId>,
    ) -> Result<Vec<&'k str>, Error> {
        let (mut parts, mut culprits, mut is_column_known) =
            (Batches::new([keys.to_vec()]), Vec::new(), false);
        while let Some(part) = parts.take_next() {
            let query = RecordQuery {
                formula: Some(formula::one_of(key.name, part.iter().copied())),
                fields: vec![key.field.clone()],
                ..RecordQuery::default()
            };
            match self.records(sheet, &query).await {
                Ok(records) => collect_ids(found, key, records),
                Err(Error::Rejected { .. } | Error::Invalid(_)) => {
                    if !is_column_known {
                        self.probe(sheet, key).await?;
                        is_column_known = true;
                    }
                    culprits.extend(parts.split(part));
                }
                Err(other) => return Err(other),
            }
        }
        Ok(culprits)
    }

    /// Fails where even a formula without content is refused.
    async fn probe(&self, sheet: &SheetId, key: Key<'_>) -> Result<(), Error> {
        let query = RecordQuery {
            formula: Some(formula::equals(key.name, "-")),
            fields: vec![key.field.clone()],
            page_size: Some(1),
            first_page_only: true,
            ..RecordQuery::default()
        };
        self.records(sheet, &query).await.map(drop)
    }

    /// Changes cells of up to ten rows; cells that are not named stay. All rows are changed or none.
    /// The answer proves receipt only: some values are dropped silently.
    pub async fn update(
        &self,
        sheet: &SheetId,
        changes: &[(RecordId, Fields)],
    ) -> Result<Vec<Record>, Error> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        check_rows(changes.iter().map(|(_, fields)| fields))?;
        let change = |(id, fields): &(RecordId, Fields)| json!({"recordId": id, "fields": wire(fields)});
        let records: Vec<Value> = changes.iter().map(change).collect();
        read_rows(self.call(write_call(sheet, Method::PATCH, &records)).await?)
    }

    /// Deletes up to ten rows; a missing one makes the service refuse all. [`Error::Ambiguous`]: read by ids, then try the rest.
    pub async fn delete(&self, sheet: &SheetId, ids: &[RecordId]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        if ids.len() > MAX_RECORDS {
            return Err(Error::Invalid("a call deletes at most 10 rows"));
        }
        let call = Call {
            scope: QueueScope::Sheet(sheet.clone()),
            method: Method::DELETE,
            path: path(sheet),
            query: ids.iter().map(|id| ("recordIds", id.to_string())).collect(),
            body: None,
        };
        self.call(call).await.map(drop)
    }
}

fn collect_ids(
    found: &mut BTreeMap<String, RecordId>,
    key: Key<'_>,
    records: impl IntoIterator<Item = Record>,
) {
    for record in records {
        found.entry(record.cell(key.field).as_text().to_owned()).or_insert(record.id);
    }
}

fn path(sheet: &SheetId) -> String {
    format!("fusion/v1/datasheets/{sheet}/records")
}

fn read_call(sheet: &SheetId, query: &RecordQuery, ids: &[RecordId], size: usize, number: usize) -> Call {
    let mut pairs =
        vec![("fieldKey", "id".to_owned()), ("pageSize", size.to_string()), ("pageNum", number.to_string())];
    if let Some(formula) = &query.formula {
        pairs.push(("filterByFormula", formula.clone()));
    }
    if let Some(field) = &query.sort {
        pairs.push(("sort[0][field]", field.to_string()));
        pairs.push(("sort[0][order]", "asc".to_owned()));
    }
    pairs.extend(query.view.iter().map(|view| ("viewId", view.to_string())));
    pairs.extend(query.fields.iter().map(|field| ("fields", field.to_string())));
    pairs.extend(ids.iter().map(|id| ("recordIds", id.to_string())));
    Call {
        scope: QueueScope::Sheet(sheet.clone()),
        method: Method::GET,
        path: path(sheet),
        query: pairs,
        body: None,
    }
}

fn write_call(sheet: &SheetId, method: Method, records: &[Value]) -> Call {
    // Writes take fieldKey from the body, whatever the query says.
    let body = json!({"records": records, "fieldKey": "id"});
    Call {
        scope: QueueScope::Sheet(sheet.clone()),
        method,
        path: path(sheet),
        query: Vec::new(),
        body: Some(body),
    }
}

/// An empty list of records is never answered, and more than ten are refused.
fn check_rows<'a>(rows: impl ExactSizeIterator<Item = &'a Fields>) -> Result<(), Error> {
    if rows.len() > MAX_RECORDS {
        return Err(Error::Invalid("a call writes at most 10 rows"));
    }
    let mut rows = rows;
    if rows.any(Fields::is_empty) {
        Err(Error::Invalid("a row without cells cannot be written"))
    } else {
        Ok(())
    }
}

fn wire(fields: &Fields) -> BTreeMap<&FieldId, Value> {
    fields.iter().map(|(field, cell)| (field, cell.write())).collect()
}

/// The rows of an answer.
pub(crate) fn read_rows(data: Value) -> Result<Vec<Record>, Error> {
    let page: Page = decode(data)?;
    Ok(page.records.into_iter().map(Record::from).collect())
}

/// Reads `data` into its documented shape.
pub(crate) fn decode<T: serde::de::DeserializeOwned>(data: Value) -> Result<T, Error> {
    serde_json::from_value(data).map_err(|error| Error::Unreadable(expectation(&error.to_string())))
}

/// What was expected, without the value found, which may be what somebody wrote into a cell.
fn expectation(error: &str) -> String {
    if error.starts_with("missing field") {
        return error.to_owned();
    }
    match error.rsplit_once(", expected ") {
        // A value may hold the same words; what is left must be ours.
        Some((_, expected)) if !expected.contains(['"', '`']) => format!("expected {expected}"),
        _ => "a value of another kind than documented".to_owned(),
    }
}
