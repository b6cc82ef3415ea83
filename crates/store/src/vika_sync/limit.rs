//! Rooms without a row, because their sheet takes no more rows than it has.

use domain::Timestamp;
use sqlx::PgConnection;

/// A row that may leave its sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietRow {
    /// Its room, in text form.
    pub room: String,
    /// The row's id.
    pub record: String,
    /// When somebody last said something there.
    pub active_at: Option<Timestamp>,
}

/// The rows of a sheet whose rooms are quiet for the longest time, the quietest first. None of a room in which somebody
/// waits, none of a room that was active after `before`, and none that was found and is still to be compared.
pub async fn quietest_rows(
    connection: &mut PgConnection,
    sheet: &str,
    before: Timestamp,
    most: i64,
) -> Result<Vec<QuietRow>, sqlx::Error> {
    sqlx::query_as!(
        QuietRow,
        r#"
        select mirror.room, mirror.record as "record!", rooms.last_active_at as active_at
        from vika_sync_rows mirror join rooms on rooms.room = mirror.room
        where mirror.sheet = $1 and mirror.record is not null
          and (rooms.last_active_at is null or rooms.last_active_at < $2)
          and not exists (select from waits where waits.room = mirror.room and waits.state = 'open'
                          and waits.replaced_by is null)
          and (not mirror.found or exists (select from vika_reconcile_compared compared
                                           where compared.sheet = $1 and compared.record = mirror.record))
        order by rooms.last_active_at nulls first, mirror.room
        limit $3
        "#,
        sheet,
        before,
        most,
    )
    .fetch_all(connection)
    .await
}

/// When somebody last said something in each of these rooms (in text form), the latest first; rooms in which nobody ever did
/// come last.
pub async fn latest_active(
    connection: &mut PgConnection,
    rooms: &[String],
) -> Result<Vec<(String, Option<Timestamp>)>, sqlx::Error> {
    let rows = sqlx::query!(
        "select room, last_active_at from rooms where room = any ($1) order by last_active_at desc nulls last, room",
        rooms,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.room, row.last_active_at)).collect())
}

/// Records that rooms (in text form) have no row in a sheet, since `now`.
pub async fn leave(
    connection: &mut PgConnection,
    sheet: &str,
    rooms: &[String],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into vika_sync_rows (sheet, room, version, left_at)
        select $1, room, 0, $3 from unnest($2::text[]) as new (room)
        on conflict (sheet, room) do update
        set record = null, cells = '{}', version = 0, due_at = null, attempted_at = null, found = false,
            claimed_at = null, left_at = excluded.left_at
        "#,
        sheet,
        rooms,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many rooms have no row in a sheet because it is full.
pub async fn without_row(connection: &mut PgConnection, sheet: &str) -> Result<u32, sqlx::Error> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from vika_sync_rows where sheet = $1 and left_at is not null and record is null"#,
        sheet,
    )
    .fetch_one(connection)
    .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}
