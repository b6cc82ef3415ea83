//! Reads back what was written before it is believed: a success of the service does not prove that anything was stored.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use huoban::{Column, Condition, Item, Query, Row};
use store::performance::huoban as ledger;

use super::failure::Failure;
use super::run::{Known, TableRun};
use super::write::key_of;

/// Items by the text of their key, the oldest first.
pub(super) type ByKey = BTreeMap<String, Vec<Item>>;

impl TableRun<'_> {
    /// Compares rows with what stands there, writes those that differ once more, and reports those that still do.
    pub async fn read_back(&mut self, rows: Vec<Row>) -> Result<(), Failure> {
        let differing = self.differing(rows).await?;
        if differing.is_empty() {
            return Ok(());
        }
        let known = self.known(&differing).await?;
        let mut again = Vec::new();
        for row in differing {
            self.report.differed += 1;
            if self.write_or_refuse(&row, known.get(&row.key.to_string())).await? {
                again.push(row);
            }
        }
        let known = self.known(&again).await?;
        for (row, columns) in self.differences(again).await? {
            let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
            let reason =
                format!("Huoban said that it stored the row, and holds something else: {}", names.join(", "));
            self.refuse(&row, known.get(&row.key.to_string()), reason).await?;
        }
        Ok(())
    }

    async fn differing(&mut self, rows: Vec<Row>) -> Result<Vec<Row>, Failure> {
        Ok(self.differences(rows).await?.into_iter().map(|(row, _)| row).collect())
    }

    /// The rows that do not stand there as they should, each with the columns that differ; of a row that is not there its
    /// key. The others are noted.
    async fn differences(&mut self, rows: Vec<Row>) -> Result<Vec<(Row, Vec<Column>)>, Failure> {
        let mut by_day: BTreeMap<NaiveDate, Vec<Row>> = BTreeMap::new();
        for row in rows {
            by_day.entry(row.key.day()).or_default().push(row);
        }
        let mut differing = Vec::new();
        for (day, rows) in by_day {
            let known = self.known(&rows).await?;
            let standing = self.standing(day, &rows).await?;
            let mut sound = Vec::new();
            for row in rows {
                let key = row.key.to_string();
                let differences = self.differences_of(&row, &known, standing.get(&key))?;
                if differences.is_empty() { sound.push(key) } else { differing.push((row, differences)) }
            }
            let (table, now) = (self.target()?.id, self.clock.now());
            ledger::note_verified(&mut *self.db.acquire().await?, table.as_str(), &sound, now).await?;
        }
        Ok(differing)
    }

    /// What stands of these rows of a day: asked for one by one, or the whole day, whichever takes fewer calls.
    async fn standing(&self, day: NaiveDate, rows: &[Row]) -> Result<ByKey, Failure> {
        if rows.len() > 2 {
            return self.of_days([day]).await;
        }
        let mut standing = ByKey::new();
        for row in rows {
            standing.insert(row.key.to_string(), self.find(row).await?);
        }
        Ok(standing)
    }

    /// Everything that stands there of some days, asked for day by day: a reading has a limit. What has no text for a key is
    /// left out: it is somebody's own.
    pub async fn of_days(&self, days: impl IntoIterator<Item = NaiveDate>) -> Result<ByKey, Failure> {
        let target = self.target()?;
        let Some((key, day)) = target.columns.needed() else { return Ok(ByKey::new()) };
        let mut standing = ByKey::new();
        for of in days {
            let conditions = vec![Condition { field: day, operator: "eq", value: of.to_string() }];
            let query = Query { table: &target.id, conditions, order: key };
            for item in self.client.items(&query).await? {
                if let Some(text) = key_of(&item, key).map(str::to_owned) {
                    standing.entry(text).or_default().push(item);
                }
            }
        }
        for items in standing.values_mut() {
            items.sort_by(|a, b| a.id.age().cmp(&b.id.age()));
        }
        Ok(standing)
    }

    /// The columns in which the item that is remembered for a row, or else the oldest with its key, holds something else.
    pub fn differences_of(
        &self,
        row: &Row,
        known: &Known,
        standing: Option<&Vec<Item>>,
    ) -> Result<Vec<Column>, Failure> {
        let remembered = known.get(&row.key.to_string()).and_then(|held| held.item.as_deref());
        let items = standing.map(Vec::as_slice).unwrap_or_default();
        let item = items.iter().find(|item| remembered == Some(item.id.as_str())).or_else(|| items.first());
        let columns = self.target()?.columns;
        Ok(item.map_or_else(|| vec![Column::Key], |item| row.differences(item, &columns)))
    }
}
