//! What `vika-sync` keeps: the sheets' rows as last confirmed, what became of outcomes, and the ledger of calls.

mod outcomes;

use std::collections::BTreeMap;

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;

pub use outcomes::{
    PendingOutcome, Step, note_outcomes, pending_outcomes, postpone_outcomes, settle_outcomes,
};

/// Confirmed cells in canonical form, by column id.
pub type Cells = BTreeMap<String, Value>;

/// Stands in the place of a cell that was sent and never confirmed: nobody knows what the sheet holds. It equals no
/// cell's canonical form.
pub fn unknown_cell() -> Value {
    serde_json::json!({ "unknown": true })
}

/// Something that could be seen in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The last entry of the room's timeline that the row reflected.
    pub through: String,
    /// Since when, by our clock.
    pub at: Timestamp,
}

/// How many moments are remembered at which something new could be seen in a row.
pub const SEEN_MOST: usize = 20;

/// The version of a row that was kept of an earlier time than its sheet: nothing that is ours in it is known any more,
/// and it is to be written whole.
pub const OUTDATED: i64 = -2;

/// A row of a sheet as it was last confirmed.
#[derive(Debug, Clone, PartialEq)]
pub struct MirrorRow {
    /// Its room, in text form.
    pub room: String,
    /// The row's id there; `None`: there is none yet.
    pub record: Option<String>,
    /// Its cells; those that managers own as the row was made with.
    pub cells: Cells,
    /// What could be seen in it, newest last.
    pub seen: Vec<Seen>,
    /// The room's version that it reflects; -1: to be written again; [`OUTDATED`].
    pub version: i64,
    /// When cells change by the mere passing of time.
    pub due_at: Option<Timestamp>,
    /// When its creation was last sent, while the outcome is not known.
    pub attempted_at: Option<Timestamp>,
    /// It was refused by itself and not taken since.
    pub refused: bool,
}

/// Rooms (in text form) whose row in a sheet does not reflect them any more: newer ones, rows whose cells change with
/// time, rows never looked at; or all rooms. Rows that were refused are left alone for a while, each time longer: ten
/// minutes at first, at most five hours and twenty minutes. Rows that held something else than was written come back
/// sooner.
pub async fn rooms_behind(
    connection: &mut PgConnection,
    sheet: &str,
    all: bool,
    now: Timestamp,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select rooms.room
        from rooms left join vika_sync_rows mirror on mirror.sheet = $1 and mirror.room = rooms.room
        where ($2 or mirror.room is null or mirror.version <> rooms.version or mirror.due_at <= $3)
          and (mirror.refused_at is null
               or mirror.refused_at + case when mirror.refused is null then interval '30 seconds' else interval '10 minutes' end
                  * power(2, least(greatest(mirror.refusals, 1), 6) - 1) <= $3)
        order by rooms.room
        "#,
        sheet,
        all,
        now,
    )
    .fetch_all(connection)
    .await
}

/// The rooms (in text form) whose rows a sheet refuses, those refused first first.
pub async fn refused(connection: &mut PgConnection, sheet: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select room from vika_sync_rows where sheet = $1 and refused is not null order by refused_at, room",
        sheet,
    )
    .fetch_all(connection)
    .await
}

/// The rows of some rooms in a sheet, by room.
pub async fn mirror(
    connection: &mut PgConnection,
    sheet: &str,
    rooms: &[String],
) -> Result<BTreeMap<String, MirrorRow>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select room, record, cells as "cells: Json<Cells>", seen as "seen: Json<Vec<Seen>>", version, due_at,
               attempted_at, refused is not null as "refused!"
        from vika_sync_rows
        where sheet = $1 and room = any ($2)
        "#,
        sheet,
        rooms,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let mirror = MirrorRow {
                room: row.room.clone(),
                record: row.record,
                cells: row.cells.0,
                seen: row.seen.0,
                version: row.version,
                due_at: row.due_at,
                attempted_at: row.attempted_at,
                refused: row.refused,
            };
            (row.room, mirror)
        })
        .collect())
}

/// Keeps rows as they are now known to be; forgets attempts and refusals. Those that were just `written` are to be read
/// back.
pub async fn confirm(
    connection: &mut PgConnection,
    sheet: &str,
    rows: &[MirrorRow],
    written: bool,
) -> Result<(), sqlx::Error> {
    let rooms: Vec<&str> = rows.iter().map(|row| row.room.as_str()).collect();
    let records: Vec<Option<&str>> = rows.iter().map(|row| row.record.as_deref()).collect();
    let cells: Vec<Json<&Cells>> = rows.iter().map(|row| Json(&row.cells)).collect();
    let seen: Vec<Json<&Vec<Seen>>> = rows.iter().map(|row| Json(&row.seen)).collect();
    let versions: Vec<i64> = rows.iter().map(|row| row.version).collect();
    let due: Vec<Option<Timestamp>> = rows.iter().map(|row| row.due_at).collect();
    sqlx::query!(
        r#"
        insert into vika_sync_rows (sheet, room, record, cells, seen, version, due_at)
        select $1, * from unnest($2::text[], $3::text[], $4::jsonb[], $5::jsonb[], $6::bigint[], $7::timestamptz[])
        on conflict (sheet, room) do update
        set record = excluded.record, cells = excluded.cells, seen = excluded.seen, version = excluded.version,
            due_at = excluded.due_at, attempted_at = null, refused = null, refused_at = null,
            audited_at = case when $8 then null else vika_sync_rows.audited_at end
        "#,
        sheet,
        &rooms as _,
        &records as _,
        &cells as _,
        &seen as _,
        &versions,
        &due as _,
        written,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes before it is sent that these cells (column ids by room) are about to be changed: until they are confirmed they
/// are unknown, so that a change back to what they held before is not taken for no change.
pub async fn doubt<'c>(
    connection: &mut PgConnection,
    sheet: &str,
    cells: impl IntoIterator<Item = (&'c str, Vec<&'c str>)>,
) -> Result<(), sqlx::Error> {
    let unknown = |columns: Vec<&str>| -> Cells {
        columns.into_iter().map(|column| (column.to_owned(), unknown_cell())).collect()
    };
    let (rooms, cells): (Vec<&str>, Vec<Json<Cells>>) =
        cells.into_iter().map(|(room, columns)| (room, Json(unknown(columns)))).unzip();
    sqlx::query!(
        r#"
        update vika_sync_rows mirror
        set cells = mirror.cells || new.cells
        from unnest($2::text[], $3::jsonb[]) as new (room, cells)
        where mirror.sheet = $1 and mirror.room = new.room
        "#,
        sheet,
        &rooms as _,
        &cells as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes before it is sent that rows are about to be created, with the cells of theirs that managers will own.
pub async fn note_creation(
    connection: &mut PgConnection,
    sheet: &str,
    rows: &[(String, Cells)],
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let (rooms, cells): (Vec<&str>, Vec<Json<&Cells>>) =
        rows.iter().map(|(room, cells)| (room.as_str(), Json(cells))).unzip();
    sqlx::query!(
        r#"
        insert into vika_sync_rows (sheet, room, cells, version, attempted_at)
        select $1, room, cells, -1, $4 from unnest($2::text[], $3::jsonb[]) as new (room, cells)
        on conflict (sheet, room) do update
        set cells = excluded.cells, attempted_at = excluded.attempted_at, found = false
        "#,
        sheet,
        &rooms as _,
        &cells as _,
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that the rows of some rooms are in the sheet and are not known to have been made by us: what managers own in them
/// may have been set before anything was known of them. Given are rooms and records.
pub async fn note_found(
    connection: &mut PgConnection,
    sheet: &str,
    rows: &[(String, String)],
) -> Result<(), sqlx::Error> {
    let (rooms, records): (Vec<&str>, Vec<&str>) =
        rows.iter().map(|(room, record)| (room.as_str(), record.as_str())).unzip();
    sqlx::query!(
        r#"
        insert into vika_sync_rows (sheet, room, record, version, found)
        select $1, room, record, -1, true from unnest($2::text[], $3::text[]) as new (room, record)
        on conflict (sheet, room) do update set record = excluded.record, found = true
        "#,
        sheet,
        &rooms as _,
        &records as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that rows were certainly not created.
pub async fn note_no_creation(
    connection: &mut PgConnection,
    sheet: &str,
    rooms: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update vika_sync_rows set attempted_at = null where sheet = $1 and room = any ($2)",
        sheet,
        rooms,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets a row aside that the service refuses, or fails at, by itself. What is known of its creation stays: after a failure it
/// may be there.
pub async fn refuse(
    connection: &mut PgConnection,
    sheet: &str,
    room: &str,
    reason: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into vika_sync_rows as mirror (sheet, room, version, refused, refused_at, refusals)
        values ($1, $2, -1, $3, $4, 1)
        on conflict (sheet, room) do update
        set version = -1, refused = excluded.refused, refused_at = excluded.refused_at,
            refusals = mirror.refusals + 1
        "#,
        sheet,
        room,
        reason,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets a row that is not in the sheet any more: it is looked for and made again.
pub async fn forget(connection: &mut PgConnection, sheet: &str, record: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update vika_sync_rows
        set record = null, cells = '{}', version = -1, due_at = null, attempted_at = null
        where sheet = $1 and record = $2
        "#,
        sheet,
        record,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Rows that were written, or are suspected, and not read back since: record id and cells as they should be.
pub async fn unread(
    connection: &mut PgConnection,
    sheet: &str,
    most: i64,
) -> Result<Vec<(String, Cells)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select record as "record!", cells as "cells: Json<Cells>"
        from vika_sync_rows
        where sheet = $1 and record is not null and audited_at is null
        order by room
        limit $2
        "#,
        sheet,
        most,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.record, row.cells.0)).collect())
}

/// Every row that is known to be in a sheet: record id and room.
pub async fn records(
    connection: &mut PgConnection,
    sheet: &str,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select record as "record!", room from vika_sync_rows where sheet = $1 and record is not null"#,
        sheet,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.record, row.room)).collect())
}

/// Has rows read back: these, and as many of those that have gone longest without.
pub async fn suspect(
    connection: &mut PgConnection,
    sheet: &str,
    records: &[String],
    more: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update vika_sync_rows set audited_at = null
        where sheet = $1 and record is not null and (record = any ($2) or room in (
            select room from vika_sync_rows
            where sheet = $1 and record is not null and audited_at is not null
            order by audited_at, room limit $3))
        "#,
        sheet,
        records,
        more,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that a row holds what it should.
pub async fn read_back(
    connection: &mut PgConnection,
    sheet: &str,
    records: &[String],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update vika_sync_rows set audited_at = $3, refusals = 0 where sheet = $1 and record = any ($2)",
        sheet,
        records,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that a row holds something else than was written: it is written again, twice at once and then ever more slowly.
/// What was last to be seen in it was seen by nobody.
pub async fn drifted(
    connection: &mut PgConnection,
    sheet: &str,
    record: &str,
    cells: &Cells,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update vika_sync_rows
        set audited_at = $3, cells = $4, version = -1, refusals = refusals + 1,
            refused_at = case when refusals >= 2 then $3::timestamptz end,
            seen = case when jsonb_array_length(seen) > 1 then seen - (-1) else seen end
        where sheet = $1 and record = $2
        "#,
        sheet,
        record,
        now,
        Json(cells) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What people last read about each of some rooms: the newest decision's message. A recomputation is the operator's
/// affair and shown to nobody.
pub async fn newest_messages(
    connection: &mut PgConnection,
    rooms: &[String],
) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select distinct on (room) room, message
        from commands
        where room = any ($1) and kind <> 'recompute'
        order by room, decided_at desc, at desc, command desc
        "#,
        rooms,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.room, row.message)).collect())
}

/// Adds calls to a month (`2026-11`) and gives the month's sum.
pub async fn add_calls(connection: &mut PgConnection, month: &str, counted: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        insert into vika_sync_calls as ledger (month, counted) values ($1, $2)
        on conflict (month) do update set counted = ledger.counted + excluded.counted
        returning counted
        "#,
        month,
        counted,
    )
    .fetch_one(connection)
    .await
}

/// Forgets what rows held of rooms in which nothing was said since a moment, in sheets that are not kept up any more, at
/// most `most`. Returns how many. Rows of the sheets in `kept_up` are written anew as their rooms' last lines go.
pub async fn blank_cells(
    connection: &mut PgConnection,
    kept_up: &[String],
    before: Timestamp,
    most: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update vika_sync_rows set cells = '{}', version = -1
        where (sheet, room) in (
            select sheet, mirror.room from vika_sync_rows mirror left join rooms on rooms.room = mirror.room
            where sheet <> all ($1) and cells <> '{}'
              and (rooms.last_active_at < $2 or rooms.last_active_at is null)
            order by sheet, mirror.room
            limit $3)
        "#,
        kept_up,
        before,
        most,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
