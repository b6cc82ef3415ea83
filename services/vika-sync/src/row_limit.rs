//! A sheet that takes no more rows: the rows of the quietest rooms leave it for rooms in which somebody has spoken since. Such
//! a room gets its row again when somebody speaks there.
//!
//! Nothing is lost by that: what managers have set in a row is in the database, and is written into the new one. A row with an
//! edit that was not read yet stays.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::Timestamp;
use store::sqlx::PgConnection;
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
}

impl Exchange {
    /// `wanted`: the rooms that want a row, the latest active first; `quietest`: the rows that may leave, the quietest first.
    fn plan(wanted: Vec<(String, Option<Timestamp>)>, quietest: Vec<QuietRow>) -> Self {
        let pairs = wanted.into_iter().zip(quietest);
        let pairs = pairs.take_while(|((_, active_at), row)| row.active_at < *active_at);
        let (coming, leaving) = pairs.map(|((room, _), row)| (room, row)).unzip();
        Self { leaving, coming }
    }
}

/// The rooms for which there is no room: quieter than every row that may leave. One that was active after `before` is none of
/// them: it asks again soon.
fn too_quiet(
    wanted: &[(String, Option<Timestamp>)],
    quietest: Option<&QuietRow>,
    before: Timestamp,
) -> Vec<String> {
    let is_quiet = |active_at: Option<Timestamp>| {
        active_at.is_none_or(|at| at < before) && quietest.is_none_or(|row| active_at <= row.active_at)
    };
    wanted.iter().filter(|(_, active_at)| is_quiet(*active_at)).map(|(room, _)| room.clone()).collect()
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
        // All that lack a row at once, so that one refused call a day is enough, however many they are.
        let lacking = lacking(&mut connection, sheet, rooms).await?;
        let lacking = mirror::latest_active(&mut connection, &lacking).await?;
        let without = too_quiet(&lacking, quietest.first(), before);
        mirror::leave(&mut connection, sheet.id(), &without, now).await?;
        Exchange::plan(mirror::latest_active(&mut connection, rooms).await?, quietest)
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

/// These rooms, which are known to have no row, and all others that wait for one.
async fn lacking<T: Table>(
    connection: &mut PgConnection,
    sheet: &Sheet<T>,
    rooms: &[String],
) -> Result<Vec<String>, SyncError> {
    let mut lacking: BTreeSet<String> = sheet.pending.rooms().chain(rooms).cloned().collect();
    let asked: Vec<String> = lacking.iter().cloned().collect();
    for with_row in mirror::with_row(connection, sheet.id(), &asked).await? {
        lacking.remove(&with_row);
    }
    Ok(lacking.into_iter().collect())
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
        let before = Timestamp::UNIX_EPOCH + TimeDelta::days(8);
        let lacking =
            [wanted("new", at(9)), wanted("back", at(5)), wanted("old", at(2)), wanted("never", None)];
        let rows = vec![row("quiet", at(1)), row("middle", at(3)), row("busy", at(4))];
        let exchange = Exchange::plan(lacking.to_vec(), rows.clone());
        let leaving: Vec<&str> = exchange.leaving.iter().map(|row| row.room.as_str()).collect();
        assert_eq!(
            (leaving, exchange.coming),
            (vec!["quiet", "middle"], vec!["new".to_owned(), "back".into()])
        );
        // Whoever is quieter than all has no row for now, and whoever spoke just now asks again soon.
        assert_eq!(too_quiet(&lacking, rows.first(), before), ["never"]);
        assert_eq!(too_quiet(&lacking, rows.last(), before), ["old", "never"]);
        assert_eq!(too_quiet(&lacking, None, before), ["back", "old", "never"]);
        assert_eq!(Exchange::plan(lacking.to_vec(), Vec::new()), Exchange::default());
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
