//! The nightly comparison: copies go, rows that people deleted or changed come back, rows that nobody counts any more go.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use huoban::{BusinessKey, Item, ItemId, Row};
use store::performance::huoban as ledger;

use super::failure::Failure;
use super::read_back::ByKey;
use super::run::{Known, TableRun};

/// So many rows that nobody counts any more are believed whatever the number of rows that are counted: past that, no more
/// than there are of those. It is likelier that something went wrong with counting.
const BELIEVED_STRAYS: usize = 10;

impl TableRun<'_> {
    /// Makes the table hold exactly these rows for these days, but for what is somebody's own.
    pub async fn compare(
        &mut self,
        first: NaiveDate,
        last: NaiveDate,
        rows: Vec<Row>,
    ) -> Result<(), Failure> {
        let days = first.iter_days().take_while(|day| *day <= last);
        let standing = self.of_days(days).await?;
        let known = self.known(&rows).await?;
        self.delete_strays(&standing, &rows, first, last).await?;
        self.delete_doubles(&standing, &rows, &known).await?;
        for row in &rows {
            self.adopt_or_forget(row, &standing, &known).await?;
        }
        self.sync(rows).await
    }

    /// A row that stands there as it should is noted as such, also when the ledger does not know it; any other is written
    /// again.
    async fn adopt_or_forget(&mut self, row: &Row, standing: &ByKey, known: &Known) -> Result<(), Failure> {
        let key = row.key.to_string();
        let target = self.target()?;
        let table = target.id.as_str();
        let items = standing.get(&key);
        let mut connection = self.db.acquire().await?;
        if !self.differences_of(row, known, items)?.is_empty() {
            let was_written = known.get(&key).is_some_and(|held| !held.digest.is_empty());
            self.report.differed += usize::from(was_written);
            ledger::invalidate(&mut connection, table, &key).await?;
            return Ok(());
        }
        if let Some(item) =
            items.and_then(|items| kept(items, known.get(&key).and_then(|held| held.item.as_deref())))
        {
            let (digest, now) = (row.digest(&target.columns), self.clock.now());
            let (day, item) = (row.key.day(), item.as_str());
            ledger::note_written(&mut connection, table, &key, day, item, &digest, now).await?;
            ledger::note_verified(&mut connection, table, &[key], now).await?;
        }
        Ok(())
    }

    /// Of rows with one key the one that is remembered stays, else the oldest.
    async fn delete_doubles(&mut self, standing: &ByKey, rows: &[Row], known: &Known) -> Result<(), Failure> {
        for row in rows {
            let key = row.key.to_string();
            let Some(items) = standing.get(&key) else { continue };
            let remembered = known.get(&key).and_then(|held| held.item.as_deref());
            let Some(stays) = kept(items, remembered) else { continue };
            for item in items.iter().filter(|item| item.id != *stays) {
                self.report.doubles += 1;
                self.delete(&key, &item.id).await?;
            }
        }
        Ok(())
    }

    /// Rows of ours about these days that are not among those that are counted.
    async fn delete_strays(
        &mut self,
        standing: &ByKey,
        rows: &[Row],
        first: NaiveDate,
        last: NaiveDate,
    ) -> Result<(), Failure> {
        let counted: BTreeSet<String> = rows.iter().map(|row| row.key.to_string()).collect();
        let is_ours = |text: &str| {
            let key = BusinessKey::read(self.table, text);
            key.is_some_and(|key| (first..=last).contains(&key.day()))
        };
        let strays: BTreeMap<&String, &Vec<Item>> =
            standing.iter().filter(|(key, _)| !counted.contains(*key) && is_ours(key)).collect();
        if strays.len() > rows.len().max(BELIEVED_STRAYS) {
            tracing::error!(table = %self.table, strays = strays.len(), rows = rows.len(), "too many rows in Huoban are counted no more: none is deleted");
            self.report.strays_left += strays.len();
            return Ok(());
        }
        for (key, items) in strays {
            let mut gone = true;
            for item in items {
                gone &= self.delete(key, &item.id).await?;
            }
            if gone {
                let table = self.target()?.id;
                ledger::delete(&mut *self.db.acquire().await?, table.as_str(), key).await?;
            }
        }
        Ok(())
    }

    /// Deletes a row. `false`: the service refused, which the next night meets again.
    async fn delete(&mut self, key: &str, item: &ItemId) -> Result<bool, Failure> {
        if self.lease.check().await.is_err() {
            return Err(Failure::LeaseLost);
        }
        match self.client.delete(item).await {
            Ok(()) => {
                self.report.deleted += 1;
                Ok(true)
            }
            Err(error) if !error.ends_the_run() => {
                tracing::warn!(table = %self.table, row.key = key, %error, "a row in Huoban could not be deleted");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Which of the rows with one key stays.
fn kept<'a>(items: &'a [Item], remembered: Option<&str>) -> Option<&'a ItemId> {
    let known = items.iter().find(|item| remembered == Some(item.id.as_str()));
    known.or_else(|| items.first()).map(|item| &item.id)
}
