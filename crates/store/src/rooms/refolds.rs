//! From where on rooms were folded again, for whoever derives something from their waits and timelines.

use domain::Timestamp;
use sqlx::PgConnection;

use super::RoomUpdate;

/// Notes those among updates that were folded again, under the versions that they have now.
pub(super) async fn note(
    connection: &mut PgConnection,
    updates: &[RoomUpdate],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let refolded =
        updates.iter().filter_map(|update| Some((update.room.to_string(), update.refolded_since?)));
    let (rooms, since): (Vec<String>, Vec<Timestamp>) = refolded.unzip();
    if rooms.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"
        insert into room_refolds (room, version, since, noted_at)
        select room, version, refolded.since, $3
        from unnest($1::text[], $2::timestamptz[]) as refolded (room, since) join rooms using (room)
        on conflict (room, version) do update set since = least(room_refolds.since, excluded.since)
        "#,
        &rooms,
        &since,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what was noted before a moment. Whoever was away for longer takes in everything.
pub async fn forget(connection: &mut PgConnection, before: Timestamp) -> Result<u64, sqlx::Error> {
    let done =
        sqlx::query!("delete from room_refolds where noted_at < $1", before).execute(connection).await?;
    Ok(done.rows_affected())
}
