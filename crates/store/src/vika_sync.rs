//! Tables of `vika-sync`: the mirror of the sheets' rows as last confirmed, and the outcomes shown in them.

mod claims;
mod columns;
mod limit;
mod outcomes;

use std::collections::BTreeMap;

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;

pub use claims::{mirrored, unique_topics};
pub use columns::{known_columns, remember_columns};
pub use limit::{QuietRow, latest_active, leave, quietest_rows, without_row};
pub use outcomes::{PendingOutcome, Step, close_outcomes, pending_outcomes, postpone_outcomes, record_step};

/// Confirmed cells in canonical form, by column id.
pub type Cells = BTreeMap<String, Value>;

/// Stored in place of a cell that was sent and not confirmed. It equals no cell's canonical form.
pub fn unconfirmed_cell() -> Value {
    serde_json::json!({ "unknown": true })
}

/// A state of the room that a row has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The last entry of the room's timeline that the row reflected.
    #[serde(rename = "through")]
    pub seen_up_to: String,
    /// When the row began to show it, by our clock.
    pub at: Timestamp,
}

/// How many states are remembered for each row.
pub const MAX_SEEN: usize = 20;

/// The version of a row whose mirror is older than the sheet, as after a restore: all of our columns are to be written.
pub const OUTDATED: i64 = -2;

/// A row of a sheet as it was last confirmed.
#[derive(Debug, Clone, PartialEq)]
pub struct MirrorRow {
    /// Its room, in text form.
    pub room: String,
    /// The row's id there; `None`: there is none yet.
    pub record: Option<String>,
    /// Its confirmed cells; of the columns that managers own, what the row was created with.
    pub cells: Cells,
    /// The states that it has shown, newest last.
    pub seen: Vec<Seen>,
    /// The room's version that it reflects; -1: to be compared again; or [`OUTDATED`].
    pub version: i64,
    /// When cells change by the mere passing of time.
    pub due_at: Option<Timestamp>,
    /// When its creation was last sent, while that is unconfirmed.
    pub attempted_at: Option<Timestamp>,
    /// Its last write was refused, alone in its call.
    pub refused: bool,
}

/// Rooms (in text form) whose row in a sheet may be out of date: the room has a newer version, a cell changes with time, or
/// there is no row yet; or all rooms. Without those that are deferred, and unless the sheet takes new rows (`creates`)
/// without those that have none. A room that has none because the sheet was full asks for one when somebody speaks there, and
/// once a day. It reads all rooms: not for every round.
pub async fn rooms_behind(
    connection: &mut PgConnection,
    sheet: &str,
    all: bool,
    creates: bool,
    now: Timestamp,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select rooms.room
        from rooms left join vika_sync_rows mirror on mirror.sheet = $1 and mirror.room = rooms.room
        where ($2 or mirror.room is null or mirror.version <> rooms.version or mirror.due_at <= $3)
          and (mirror.retry_at is null or mirror.retry_at <= $3)
          and ($4 or mirror.record is not null)
          and (mirror.record is not null or mirror.left_at is null or rooms.last_active_at > mirror.left_at
               or mirror.left_at < $3::timestamptz - interval '1 day')
        order by rooms.room
        "#,
        sheet,
        all,
        now,
        creates,
    )
    .fetch_all(connection)
    .await
}

/// The same of these rooms alone, and of those whose row asks for it by itself: a cell changes with time, or what was
/// written does not stand. It reads these and no others. Each with since when it is behind.
pub async fn named_behind(
    connection: &mut PgConnection,
    sheet: &str,
    named: &[String],
    creates: bool,
    now: Timestamp,
) -> Result<Vec<(String, Timestamp)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select rooms.room, least(mirror.due_at, $3) as "since!"
        from (
            select room from unnest($2::text[]) as named (room)
            union
            select room from vika_sync_rows where sheet = $1 and due_at <= $3
            union
            select room from vika_sync_rows where sheet = $1 and version < 0
        ) as asked
        join rooms on rooms.room = asked.room
        left join vika_sync_rows mirror on mirror.sheet = $1 and mirror.room = asked.room
        where (mirror.room is null or mirror.version <> rooms.version or mirror.due_at <= $3)
          and (mirror.retry_at is null or mirror.retry_at <= $3)
          and ($4 or mirror.record is not null)
          and (mirror.record is not null or mirror.left_at is null or rooms.last_active_at > mirror.left_at
               or mirror.left_at < $3::timestamptz - interval '1 day')
        "#,
        sheet,
        named,
        now,
        creates,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.room, row.since)).collect())
}

/// Those of these rooms (in text form) that have a row in a sheet.
pub async fn with_row(
    connection: &mut PgConnection,
    sheet: &str,
    rooms: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select room from vika_sync_rows where sheet = $1 and room = any ($2) and record is not null",
        sheet,
        rooms,
    )
    .fetch_all(connection)
    .await
}

/// The rooms (in text form) whose rows a sheet refuses, in order of refusal.
pub async fn refused_rooms(connection: &mut PgConnection, sheet: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select room from vika_sync_rows where sheet = $1 and refused is not null order by retry_at, room",
        sheet,
    )
    .fetch_all(connection)
    .await
}

/// The mirrored rows of some rooms in a sheet, by room.
pub async fn rows(
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

/// Stores rows as confirmed and clears attempts and refusals. Rows that were just `written` are to be verified.
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
            due_at = excluded.due_at, attempted_at = null, refused = null, retry_at = null,
            left_at = case when excluded.record is null then vika_sync_rows.left_at end,
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

/// Marks cells (column ids by room) as unconfirmed before they are sent, so that a change back to what they held before is
/// not taken for no change.
pub async fn mark_unconfirmed<'c>(
    connection: &mut PgConnection,
    sheet: &str,
    cells: impl IntoIterator<Item = (&'c str, Vec<&'c str>)>,
) -> Result<(), sqlx::Error> {
    let unconfirmed = |columns: Vec<&str>| -> Cells {
        columns.into_iter().map(|column| (column.to_owned(), unconfirmed_cell())).collect()
    };
    let (rooms, cells): (Vec<&str>, Vec<Json<Cells>>) =
        cells.into_iter().map(|(room, columns)| (room, Json(unconfirmed(columns)))).unzip();
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

/// Records, before it is sent, that rows are about to be created, with the initial values of the manager columns.
pub async fn record_creation(
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
        set cells = excluded.cells, version = -1, attempted_at = excluded.attempted_at, found = false, claimed_at = null
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

/// Marks the rows of some rooms (with their records) as found: they were in the sheet before we knew of them, so that
/// managers may have set their columns already. With `claimed_at`: each bore the name of its room and no 群ID until then.
pub async fn mark_found(
    connection: &mut PgConnection,
    sheet: &str,
    rows: &[(String, String)],
    claimed_at: Option<Timestamp>,
) -> Result<(), sqlx::Error> {
    let (rooms, records): (Vec<&str>, Vec<&str>) =
        rows.iter().map(|(room, record)| (room.as_str(), record.as_str())).unzip();
    sqlx::query!(
        r#"
        insert into vika_sync_rows (sheet, room, record, version, found, claimed_at)
        select $1, room, record, -1, true, $4 from unnest($2::text[], $3::text[]) as new (room, record)
        on conflict (sheet, room) do update
        set record = excluded.record, found = true, version = -1, claimed_at = excluded.claimed_at, left_at = null
        "#,
        sheet,
        &rooms as _,
        &records as _,
        claimed_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Clears the attempts of rows that were certainly not created.
pub async fn clear_creation(
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

/// Defers a row that the service refuses, or fails at, when it is alone in a call, for ten minutes at first and five hours
/// and twenty minutes at last. Its creation stays unconfirmed: after a failure it may be there.
pub async fn defer(
    connection: &mut PgConnection,
    sheet: &str,
    room: &str,
    reason: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into vika_sync_rows as mirror (sheet, room, version, refused, retry_at, refusals)
        values ($1, $2, -1, $3, $4::timestamptz + interval '10 minutes', 1)
        on conflict (sheet, room) do update
        set version = -1, refused = excluded.refused, refusals = mirror.refusals + 1,
            retry_at = $4::timestamptz + interval '10 minutes' * power(2, least(mirror.refusals, 5))
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

/// Forgets a row that was deleted from the sheet: it is looked up and created again.
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

/// Rows that are to be verified: record id and the cells that they should hold.
pub async fn unverified(
    connection: &mut PgConnection,
    sheet: &str,
    most: i64,
) -> Result<Vec<(String, Cells)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select record as "record!", cells as "cells: Json<Cells>"
        from vika_sync_rows
        where sheet = $1 and record is not null and audited_at is null
              -- One that was refused is known not to hold what it should, and waits for its next attempt.
              and refused is null
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

/// Record id and room of every mirrored row of a sheet.
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

/// Requests verification of these records and of some `more` that were verified longest ago.
pub async fn request_verification(
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

/// Records that rows hold what they should.
pub async fn mark_verified(
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

/// Records that a row does not hold what was written: it is written again, twice at once and then ever later, after two
/// to sixteen minutes. Nobody has seen the last state that it was meant to show.
pub async fn mark_drifted(
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
            retry_at = case when refusals >= 2
                            then $3::timestamptz + interval '30 seconds' * power(2, least(refusals, 5)) end,
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

/// The message of the newest decision about each of some rooms. Recomputations are left out: they concern the operator
/// alone.
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

/// Blanks the mirrored cells of at most `most` rows of sheets that are not in use any more, of rooms without a message
/// since `before`. Returns how many. Rows of the `active_sheets` follow their rooms when these lose their last lines.
pub async fn blank_cells(
    connection: &mut PgConnection,
    active_sheets: &[String],
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
        active_sheets,
        before,
        most,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
