//! Tables of `vika-reconcile`: watermarks, processed edits, and manager cells as last read.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::id::RoomKey;
use domain::marks::Marks;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::rooms::parse;
use crate::vika_sync::{Cells, Seen};

/// The largest edit stamp seen in a sheet, in milliseconds; `None` before the first.
pub async fn watermark(connection: &mut PgConnection, sheet: &str) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!("select watermark_ms from vika_reconcile_sheets where sheet = $1", sheet)
        .fetch_optional(connection)
        .await
}

/// Raises a sheet's watermark, and deletes edits below `keep_from_ms`, which no poll reads again.
pub async fn advance_watermark(
    connection: &mut PgConnection,
    sheet: &str,
    watermark_ms: i64,
    keep_from_ms: i64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into vika_reconcile_sheets as held (sheet, watermark_ms, updated_at) values ($1, $2, $3)
        on conflict (sheet) do update
        set watermark_ms = greatest(held.watermark_ms, excluded.watermark_ms), updated_at = excluded.updated_at
        "#,
        sheet,
        watermark_ms,
        now,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("delete from vika_reconcile_edits where sheet = $1 and stamp_ms < $2", sheet, keep_from_ms)
        .execute(connection)
        .await?;
    Ok(())
}

/// Which of these edits (record, stamp in milliseconds) were processed already.
pub async fn processed(
    connection: &mut PgConnection,
    sheet: &str,
    edits: &[(String, i64)],
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let records: Vec<&str> = edits.iter().map(|(record, _)| record.as_str()).collect();
    let stamps: Vec<i64> = edits.iter().map(|(_, stamp)| *stamp).collect();
    let rows = sqlx::query!(
        r#"
        select done.record, done.stamp_ms
        from vika_reconcile_edits done
        join unnest($2::text[], $3::bigint[]) as asked (record, stamp_ms)
          on asked.record = done.record and asked.stamp_ms = done.stamp_ms
        where done.sheet = $1
        "#,
        sheet,
        &records as _,
        &stamps,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.record, row.stamp_ms)).collect())
}

/// What an edit led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum EditResult {
    /// A command.
    Sent,
    /// Nothing: none of the cells that we act on was changed.
    Nothing,
    /// Nothing: the row is not one of ours.
    UnknownRow,
    /// A refusal: it is not known what the row had shown its author.
    Unseen,
    /// A request to confirm: the row was there before we knew of it.
    Compared,
}

impl EditResult {
    /// As stored and in metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Records a processed edit.
pub async fn record_edit(
    connection: &mut PgConnection,
    sheet: &str,
    edit: (&str, i64),
    result: EditResult,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into vika_reconcile_edits (sheet, record, stamp_ms, became, at) values ($1, $2, $3, $4, $5)
        on conflict (sheet, record, stamp_ms) do nothing
        "#,
        sheet,
        edit.0,
        edit.1,
        result.as_str(),
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A row that `vika-sync` mirrors.
#[derive(Debug, Clone)]
pub struct KnownRow {
    /// Its room.
    pub room: RoomKey,
    /// The states that it has shown, newest last.
    pub seen: Vec<Seen>,
    /// Its confirmed cells.
    pub cells: Cells,
    /// It was in the sheet before `vika-sync` knew of it.
    pub found: bool,
    /// It bore its room's name and no 群ID until then.
    pub claimed_at: Option<Timestamp>,
    /// Managers were asked to confirm what was found in it, and have not changed it since.
    pub to_confirm: bool,
}

/// The mirrored rows of these records, by record.
pub async fn known_rows(
    connection: &mut PgConnection,
    sheet: &str,
    records: &[String],
) -> Result<BTreeMap<String, KnownRow>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select record as "record!", room, seen as "seen: Json<Vec<Seen>>", cells as "cells: Json<Cells>", found, claimed_at,
               coalesce((select asked from vika_reconcile_compared compared
                         where compared.sheet = mirror.sheet and compared.record = mirror.record), false) as "asked!"
        from vika_sync_rows mirror
        where sheet = $1 and record = any ($2)
        "#,
        sheet,
        records,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let room = parse(&row.room, "room")?;
            let known = KnownRow {
                room,
                seen: row.seen.0,
                cells: row.cells.0,
                found: row.found,
                claimed_at: row.claimed_at,
                to_confirm: row.asked,
            };
            Ok((row.record, known))
        })
        .collect()
}

/// Which of these rooms (in text form) have a row that is not to be read yet: it is being created, so that its record is
/// not known, or it was found and not compared.
pub async fn not_ready(
    connection: &mut PgConnection,
    sheet: &str,
    rooms: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select room from vika_sync_rows mirror
        where sheet = $1 and room = any ($2)
          and (record is null and attempted_at is not null
               or found and not exists (select from vika_reconcile_compared compared
                                        where compared.sheet = mirror.sheet and compared.record = mirror.record))
        "#,
        sheet,
        rooms,
    )
    .fetch_all(connection)
    .await
}

/// The records of found rows that were not compared yet.
pub async fn uncompared(
    connection: &mut PgConnection,
    sheet: &str,
    most: i64,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select record as "record!" from vika_sync_rows mirror
        where sheet = $1 and found and record is not null
          -- What a claimed row says is compared with what is in force, which stands in it once it was written.
          and (claimed_at is null or version >= 0)
          and not exists (select from vika_reconcile_compared compared
                          where compared.sheet = mirror.sheet and compared.record = mirror.record)
        order by record
        limit $2
        "#,
        sheet,
        most,
    )
    .fetch_all(connection)
    .await
}

/// Records that found rows were compared; managers were asked to confirm those in `to_confirm`.
pub async fn record_comparison(
    connection: &mut PgConnection,
    sheet: &str,
    records: &[String],
    to_confirm: &[String],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into vika_reconcile_compared (sheet, record, at, asked)
        select $1, record, $4, record = any ($3) from unnest($2::text[]) as new (record)
        on conflict (sheet, record) do nothing
        "#,
        sheet,
        records,
        to_confirm,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Records that managers have changed a row that they were asked to confirm.
pub async fn close_comparison(
    connection: &mut PgConnection,
    sheet: &str,
    record: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update vika_reconcile_compared set asked = false where sheet = $1 and record = $2 and asked",
        sheet,
        record,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The manager cells of a row of 群聊总表 that say how the room is to be, as long as they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerCells {
    /// 负责人.
    pub owner: String,
    /// 群聊阶段.
    pub stage: String,
    /// 客户等级, 不计时 and 不再跟进.
    pub marks: Marks,
}

/// The manager cells of a row as last read.
pub async fn manager_cells(
    connection: &mut PgConnection,
    sheet: &str,
    record: &str,
) -> Result<Option<ManagerCells>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        select owner, stage, grade, not_timed, not_followed_up
        from vika_reconcile_snapshots
        where sheet = $1 and record = $2
        "#,
        sheet,
        record,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let marks =
            Marks { grade: row.grade, not_timed: row.not_timed, not_followed_up: row.not_followed_up };
        ManagerCells { owner: row.owner, stage: row.stage, marks }
    }))
}

/// Stores the manager cells of a row as read.
pub async fn save_manager_cells(
    connection: &mut PgConnection,
    sheet: &str,
    record: &str,
    cells: &ManagerCells,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into vika_reconcile_snapshots (sheet, record, owner, stage, grade, not_timed, not_followed_up)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (sheet, record) do update
        set owner = excluded.owner, stage = excluded.stage, grade = excluded.grade, not_timed = excluded.not_timed,
            not_followed_up = excluded.not_followed_up
        "#,
        sheet,
        record,
        cells.owner,
        cells.stage,
        cells.marks.grade,
        cells.marks.not_timed,
        cells.marks.not_followed_up,
    )
    .execute(connection)
    .await?;
    Ok(())
}
