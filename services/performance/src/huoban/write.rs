//! Writes one row: changed where it stands, created where it does not, never created twice.

use chrono::TimeDelta;
use huoban::{Condition, Error, FieldId, Item, ItemId, Query, Row};
use store::performance::huoban::{self as ledger, LedgerRow};

use super::failure::Failure;
use super::points;
use super::run::TableRun;

/// A creation without an answer may still be done within this time; until then none is sent again.
const LATE: TimeDelta = TimeDelta::minutes(2);

/// What came of writing a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It was said to be stored.
    Done,
    /// Its creation may still come.
    Doubtful,
}

impl TableRun<'_> {
    /// Writes the whole row.
    pub async fn write(&mut self, row: &Row, held: Option<&LedgerRow>) -> Result<Written, Failure> {
        let mut refusal = None;
        let remembered: Option<ItemId> = held.and_then(|held| held.item.as_ref()?.parse().ok());
        if let Some(item) = &remembered {
            match self.update(row, item).await {
                // The row is gone, or its content is wrong: no public list says which code means what.
                Err(Failure::Call(error @ Error::Rejected { .. })) => refusal = Some(error),
                other => return other,
            }
        }
        let found = self.find(row).await?;
        self.report.doubles += found.len().saturating_sub(1);
        match (found.first(), refusal) {
            (Some(item), Some(refusal)) if remembered.as_ref() == Some(&item.id) => Err(refusal.into()),
            (Some(item), _) => self.update(row, &item.id).await,
            (None, _) => self.create(row, held).await,
        }
    }

    /// The rows with its key, the one to be kept first: the one that is remembered, else the oldest.
    pub async fn find(&self, row: &Row) -> Result<Vec<Item>, Failure> {
        let target = self.target()?;
        let Some((key, _)) = target.columns.needed() else { return Ok(Vec::new()) };
        let condition = Condition { field: key, operator: "eq", value: row.key.to_string() };
        let query = Query { table: &target.id, conditions: vec![condition], order: key };
        let mut found = self.client.items(&query).await?;
        // Whether the service's equality of texts minds case and blanks is not known: ours does.
        found.retain(|item| key_of(item, key).is_some_and(|text| text == row.key.to_string()));
        found.sort_by(|a, b| a.id.age().cmp(&b.id.age()));
        Ok(found)
    }

    async fn update(&mut self, row: &Row, item: &ItemId) -> Result<Written, Failure> {
        let cells = row.all_cells(&self.target()?.columns);
        self.client.update(item, cells).await?;
        self.note_written(row, item).await?;
        Ok(Written::Done)
    }

    async fn create(&mut self, row: &Row, held: Option<&LedgerRow>) -> Result<Written, Failure> {
        let now = self.clock.now();
        if held.and_then(|held| held.attempted_at).is_some_and(|at| now < at + LATE) {
            return Ok(Written::Doubtful);
        }
        let (target, key) = (self.target()?, row.key.to_string());
        let mut connection = self.db.acquire().await?;
        ledger::note_attempt(&mut connection, target.id.as_str(), &key, row.key.day(), now).await?;
        drop(connection);
        self.faults.reach(points::ATTEMPTED).await;
        let item = match self.client.create(&target.id, row.cells(&target.columns)).await {
            Ok(item) => item,
            Err(Error::Ambiguous { cause }) => {
                tracing::warn!(table = %self.table, row.key = key, cause, "a creation in Huoban has no answer");
                tokio::time::sleep(self.client.settle()).await;
                match self.find(row).await?.into_iter().next() {
                    Some(item) => item.id,
                    None => return Ok(Written::Doubtful),
                }
            }
            Err(error) => return Err(error.into()),
        };
        self.note_written(row, &item).await?;
        Ok(Written::Done)
    }

    async fn note_written(&self, row: &Row, item: &ItemId) -> Result<(), Failure> {
        self.faults.reach(points::WRITTEN).await;
        let (target, now) = (self.target()?, self.clock.now());
        let (key, digest) = (row.key.to_string(), row.digest(&target.columns));
        let mut connection = self.db.acquire().await?;
        let (table, day) = (target.id.as_str(), row.key.day());
        ledger::note_written(&mut connection, table, &key, day, item.as_str(), &digest, now).await?;
        Ok(())
    }
}

/// The text of an item's key.
pub(super) fn key_of<'a>(item: &'a Item, key: &FieldId) -> Option<&'a str> {
    item.fields.get(key.as_str())?.as_str().map(str::trim)
}
