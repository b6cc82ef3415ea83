//! Rows that were there before their room was known: typed by managers, or left by another program. One that bears
//! the name of exactly one room, and is the only one that does, becomes that room's row.

use std::collections::{BTreeMap, BTreeSet};

use store::vika_sync as mirror;
use vika::tables::Table;
use vika::{Error, RecordId, UnclaimedRow, UsableColumns, unclaimed_rows};

use crate::context::SyncContext;
use crate::problems::SyncError;
use crate::sheet::Sheet;

/// The rows without a key that become the rows of rooms with these topics: record by topic.
pub async fn claims<T: Table>(
    cx: &SyncContext,
    sheet: &Sheet<T>,
    columns: &UsableColumns<T>,
    topics: &[String],
) -> Result<BTreeMap<String, RecordId>, SyncError> {
    let Some(names) = sheet.names.filter(|_| !topics.is_empty()) else { return Ok(BTreeMap::new()) };
    let rows = match unclaimed_rows(cx.client(), sheet.state.id(), columns, sheet.key, names).await {
        // New rows do not depend on it: if a column has changed, the next call says so too.
        Err(error @ Error::Rejected { .. }) => {
            tracing::warn!(sheet = T::TITLE, %error, "rows without 群ID cannot be looked for");
            return Ok(BTreeMap::new());
        }
        read => read?,
    };
    let rows = only_of_their_name(rows, topics);
    if rows.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: Vec<String> = rows.keys().cloned().collect();
    let records: Vec<String> = rows.values().map(ToString::to_string).collect();
    let mut connection = cx.service.db.acquire().await?;
    let unique: BTreeSet<String> =
        mirror::unique_topics(&mut connection, &names).await?.into_iter().collect();
    // Somebody may have emptied 群ID in the row of another room.
    let taken: BTreeSet<String> =
        mirror::mirrored(&mut connection, sheet.id(), &records).await?.into_iter().collect();
    let is_free =
        |(name, record): &(String, RecordId)| unique.contains(name) && !taken.contains(record.as_str());
    Ok(rows.into_iter().filter(is_free).collect())
}

/// Those that alone bear one of these names.
fn only_of_their_name(rows: Vec<UnclaimedRow>, names: &[String]) -> BTreeMap<String, RecordId> {
    let mut by_name: BTreeMap<String, Vec<RecordId>> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| names.contains(&row.name)) {
        by_name.entry(row.name).or_default().push(row.record);
    }
    let alone = by_name.into_iter().filter(|(_, records)| records.len() == 1);
    alone.filter_map(|(name, mut records)| Some((name, records.pop()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_twice_is_nobodys() {
        let row =
            |record: &str, name: &str| UnclaimedRow { record: record.parse().unwrap(), name: name.into() };
        let rows = vec![row("recA", "甲"), row("recB", "乙"), row("recC", "乙"), row("recD", "丙")];
        let names = ["甲", "乙", "丁"].map(String::from);
        assert_eq!(only_of_their_name(rows, &names), [("甲".to_owned(), "recA".parse().unwrap())].into());
    }
}
