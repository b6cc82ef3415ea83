//! A sheet that takes no more rows: the rows of the quietest rooms leave it for rooms in which somebody has spoken since. Such
//! a room gets its row again when somebody speaks there.
//!
//! Nothing is lost by that: what managers have set in a row is in the database, and is written into the new one. A row with an
//! edit that was not read yet stays.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::Timestamp;
use store::vika_reconcile::watermark;
use store::vika_sync::{self as mirror, QuietRow};
use vika::tables::{ColumnKind, Table};
use vika::{Error, MAX_RECORDS, Record, RecordId, RecordQuery, UsableColumns};

use crate::context::SyncContext;
use crate::point;
use crate::problems::SyncError;
use crate::sheet::Sheet;

/// The row of a room that was active within this time stays, whatever else wants a row.
const STAYS_FOR: TimeDelta = TimeDelta::days(1);

/// Room by room, who goes and who comes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Exchange {
    /// Rows that leave the sheet, the quietest first.
    leaving: Vec<QuietRow>,
    /// Rooms that get a row for each that leaves, the latest active first.
    coming: Vec<String>,
    /// Rooms that are quieter than all that have a row.
    without: Vec<String>,
}

impl Exchange {
    /// `wanted`: the rooms that want a row, the latest active first. A room that was active after `before` is not sent away:
    /// it asks again soon.
    fn plan(wanted: Vec<(String, Option<Timestamp>)>, quietest: Vec<QuietRow>, before: Timestamp) -> Self {
        let mut exchange = Self::default();
        let mut quietest = quietest.into_iter();
        for (room, active_at) in wanted {
            match quietest.next() {
                Some(row) if row.active_at < active_at => {
                    exchange.leaving.push(row);
                    exchange.coming.push(room);
                }
                _ if active_at.is_none_or(|at| at < before) => exchange.without.push(room),
                _ => {}
            }
        }
        exchange
    }
}

/// Makes room in a full sheet for as many of these rooms (in text form) as possible, and gives those that can get a row now.
pub async fn make_room<T: Table>(
    cx: &mut SyncContext,
    sheet: &Sheet<T>,
    columns: &UsableColumns<T>,
    rooms: &[String],
) -> Result<Vec<String>, SyncError> {
    let now = cx.now();
    let before = now - STAYS_FOR;
    let most = i64::try_from(MAX_RECORDS).unwrap_or(i64::MAX);
    let quietest = {
        let mut connection = cx.service.db.acquire().await?;
        mirror::quietest_rows(&mut connection, sheet.id(), before, most).await?
    };
    let quietest = without_unread(cx, sheet, columns, quietest).await?;
    let exchange = {
        let mut connection = cx.service.db.acquire().await?;
        let wanted = mirror::latest_active(&mut connection, rooms).await?;
        let exchange = Exchange::plan(wanted, quietest, before);
        mirror::leave(&mut connection, sheet.id(), &exchange.without, now).await?;
        exchange
    };
    let gone = delete_rows(cx, sheet, exchange.leaving).await?;
    if !gone.is_empty() {
        cx.service.faults.reach(point::LEFT).await;
        tracing::warn!(
            sheet = T::TITLE,
            rows = gone.len(),
            "the sheet is full: the rows of the quietest rooms leave it"
        );
        metrics::counter!("vika_rows_left_total", "sheet" => T::TITLE).increment(gone.len() as u64);
        mirror::leave(&mut *cx.service.db.acquire().await?, sheet.id(), &gone, now).await?;
    }
    Ok(exchange.coming.into_iter().take(gone.len()).collect())
}

/// Those of the rows in which managers have edited nothing that `vika-reconcile` has not read.
async fn without_unread<T: Table>(
    cx: &SyncContext,
    sheet: &Sheet<T>,
    columns: &UsableColumns<T>,
    rows: Vec<QuietRow>,
) -> Result<Vec<QuietRow>, SyncError> {
    let stamps = stamps::<T>();
    let read: Vec<T> = stamps.iter().flat_map(|(at, by)| [*at, *by]).chain([sheet.key]).collect();
    let query =
        RecordQuery { record_ids: Some(ids(&rows)), fields: columns.ids(&read), ..RecordQuery::default() };
    let found = cx.client().records(sheet.state.id(), &query).await?;
    let read_up_to = watermark(&mut *cx.service.db.acquire().await?, sheet.id()).await?;
    let bots = &cx.service.config.vika.bot_names;
    let is_unread = |record: &Record| {
        stamps.iter().any(|(at, by)| {
            let author = columns.cell(record, *by).people().first();
            let is_ours = author.is_some_and(|author| bots.contains(&author.name));
            let at = columns.cell(record, *at).as_time().map(|at| at.timestamp_millis());
            !is_ours && at > read_up_to
        })
    };
    let unread: BTreeSet<&str> =
        found.iter().filter(|record| is_unread(record)).map(|record| record.id.as_str()).collect();
    Ok(rows.into_iter().filter(|row| !unread.contains(row.record.as_str())).collect())
}

/// Deletes rows, and gives the rooms whose rows are not there any more.
async fn delete_rows<T: Table>(
    cx: &mut SyncContext,
    sheet: &Sheet<T>,
    rows: Vec<QuietRow>,
) -> Result<Vec<String>, SyncError> {
    cx.ready().await?;
    let there: BTreeSet<RecordId> = match cx.client().delete(sheet.state.id(), &ids(&rows)).await {
        Ok(()) => BTreeSet::new(),
        // If somebody else has deleted one of them, none of the others was deleted now.
        Err(Error::Ambiguous { .. } | Error::Rejected { .. }) => {
            let query = RecordQuery { record_ids: Some(ids(&rows)), ..RecordQuery::default() };
            let left = cx.client().records(sheet.state.id(), &query).await?;
            left.into_iter().map(|record| record.id).collect()
        }
        Err(other) => return Err(other.into()),
    };
    let is_there = |row: &QuietRow| there.iter().any(|record| record.as_str() == row.record);
    Ok(rows.into_iter().filter(|row| !is_there(row)).map(|row| row.room).collect())
}

fn ids(rows: &[QuietRow]) -> Vec<RecordId> {
    rows.iter().filter_map(|row| row.record.parse().ok()).collect()
}

/// The columns that say when managers' columns were changed last, each with the one that says by whom.
fn stamps<T: Table>() -> Vec<(T, T)> {
    let by = |watched| T::ALL.iter().find(|column| column.column().kind == ColumnKind::ModifiedBy(watched));
    let pair = |column: &T| match column.column().kind {
        ColumnKind::ModifiedTime(watched) => Some((*column, *by(watched)?)),
        _ => None,
    };
    T::ALL.iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use vika::tables::AllRooms;

    use super::*;

    #[test]
    fn the_quietest_leave_for_whoever_has_spoken_since() {
        let at = |day| Some(Timestamp::UNIX_EPOCH + TimeDelta::days(day));
        let row = |room: &str, active_at| QuietRow { room: room.into(), record: room.into(), active_at };
        let wanted = |room: &str, active_at| (room.to_owned(), active_at);
        let exchange = Exchange::plan(
            vec![wanted("new", at(9)), wanted("back", at(5)), wanted("old", at(2)), wanted("never", None)],
            vec![row("silent", None), row("quiet", at(1)), row("middle", at(3))],
            Timestamp::UNIX_EPOCH + TimeDelta::days(8),
        );
        let leaving: Vec<&str> = exchange.leaving.iter().map(|row| row.room.as_str()).collect();
        assert_eq!(
            (leaving, exchange.coming),
            (vec!["silent", "quiet"], vec!["new".to_owned(), "back".into()])
        );
        assert_eq!(exchange.without, ["old", "never"]);
        let none = Exchange::plan(
            vec![wanted("new", at(9))],
            Vec::new(),
            Timestamp::UNIX_EPOCH + TimeDelta::days(8),
        );
        assert_eq!(none, Exchange::default(), "whoever spoke just now asks again soon");
    }

    #[test]
    fn every_stamp_has_its_author() {
        assert_eq!(
            stamps::<AllRooms>(),
            [
                (AllRooms::AssignedAt, AllRooms::AssignedBy),
                (AllRooms::ApprovedAt, AllRooms::ApprovedBy),
                (AllRooms::ManagerEditedAt, AllRooms::ManagerEditedBy),
            ]
        );
    }
}
