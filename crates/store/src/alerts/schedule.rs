//! Rooms taken in, and when the next card of each open wait is due.

use domain::Timestamp;
use domain::id::{RoomKey, WaitId};
use sqlx::PgConnection;

/// When an open wait's next card is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub wait: WaitId,
    pub room: RoomKey,
    /// When; `None`: never again, as things stand.
    pub next_due_at: Option<Timestamp>,
}

/// Rooms (keys in text form) that changed since they were last taken in, or in which somebody waits and that were planned
/// by other rules than `rules_version` or taken in before the newest capture gap was known; without those that are deferred;
/// at most `most`. It reads all rooms: not for every day's second.
pub async fn rooms_to_observe(
    connection: &mut PgConnection,
    rules_version: i64,
    now: Timestamp,
    most: i64,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select room as "room!"
        from (
            select room from rooms left join alert_rooms seen using (room)
            where rooms.version > coalesce(seen.version, 0)
            union
            select room from alert_schedule where rules_version <> $1
            union
            select room from alert_schedule join alert_rooms using (room)
            where alert_rooms.gap < (select max(id) from capture_gaps)
        ) as changed
        where not exists (select from alert_rooms off where off.room = changed.room and off.retry_at > $3)
        order by 1
        limit $2
        "#,
        rules_version,
        most,
        now,
    )
    .fetch_all(connection)
    .await
}

/// The rooms (keys in text form) in which somebody waits.
pub async fn rooms_with_waits(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!("select distinct room from alert_schedule order by room").fetch_all(connection).await
}

/// When the next card of all is due; in the past if it is still to be decided. `None`: none is, as things stand.
pub async fn next_due(connection: &mut PgConnection) -> Result<Option<Timestamp>, sqlx::Error> {
    sqlx::query_scalar!("select min(next_due_at) from alert_schedule").fetch_one(connection).await
}

/// Those of these rooms (keys in text form) that were not taken in with at least this version, without those that are
/// deferred. It reads these and no others.
pub async fn unobserved(
    connection: &mut PgConnection,
    rooms: &[(String, i64)],
    now: Timestamp,
) -> Result<Vec<String>, sqlx::Error> {
    let (rooms, versions): (Vec<String>, Vec<i64>) = rooms.iter().cloned().unzip();
    sqlx::query_scalar!(
        r#"
        select new.room as "room!"
        from unnest($1::text[], $2::bigint[]) as new (room, version)
        left join alert_rooms seen using (room)
        where (seen.version is null or seen.version < new.version)
          and (seen.retry_at is null or seen.retry_at <= $3)
        order by 1
        "#,
        &rooms,
        &versions,
        now,
    )
    .fetch_all(connection)
    .await
}

/// Locks these rooms against other replicas of the alerter; those that one of them works on are left out.
/// Whatever is read after this is at least as new as what any replica has acted upon.
pub async fn lock_rooms(connection: &mut PgConnection, rooms: &[String]) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query!(
        r#"
        insert into alert_rooms (room, version)
        select room, 0 from unnest($1::text[]) as new (room)
        order by room
        on conflict (room) do nothing
        "#,
        rooms,
    )
    .execute(&mut *connection)
    .await?;
    let locked = sqlx::query_scalar!(
        "select room from alert_rooms where room = any ($1) order by room for update skip locked",
        rooms,
    )
    .fetch_all(&mut *connection)
    .await?;
    // The schedule before the cards, as whoever makes cards does: two who lock in one order never wait in a circle.
    sqlx::query!("select from alert_schedule where room = any ($1) order by wait for update", &locked,)
        .fetch_all(connection)
        .await?;
    Ok(locked)
}

/// Locks one room (its key in text form) against whoever takes it in, and waits for them.
pub async fn lock_room(connection: &mut PgConnection, room: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("select from alert_rooms where room = $1 for update", room)
        .fetch_optional(connection)
        .await?;
    Ok(())
}

/// Has a room (its key in text form) taken in again, whether or not anybody is told: what its cards are to show has changed.
pub async fn take_in_again(connection: &mut PgConnection, room: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("update alert_rooms set version = 0, retry_at = null where room = $1", room)
        .execute(connection)
        .await?;
    Ok(())
}

/// The newest capture gap's number; 0 while there has been none. Numbers rise, but a lower one may be committed later:
/// only one process writes the gaps of a gateway, one at a time.
pub async fn newest_gap(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select coalesce(max(id), 0) as "id!" from capture_gaps"#)
        .fetch_one(connection)
        .await
}

/// Notes up to which version rooms were taken in, and with which newest gap.
pub async fn mark_observed(
    connection: &mut PgConnection,
    versions: &[(RoomKey, i64)],
    gap: i64,
) -> Result<(), sqlx::Error> {
    let rooms: Vec<String> = versions.iter().map(|(room, _)| room.to_string()).collect();
    let versions: Vec<i64> = versions.iter().map(|(_, version)| *version).collect();
    sqlx::query!(
        r#"
        update alert_rooms set version = new.version, gap = $3, retry_at = null
        from unnest($1::text[], $2::bigint[]) as new (room, version)
        where alert_rooms.room = new.room
        "#,
        &rooms,
        &versions,
        gap,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Defers a room (its key in text form) that cannot be taken in, so that it stops no other.
pub async fn defer_room(
    connection: &mut PgConnection,
    room: &str,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into alert_rooms (room, version, retry_at) values ($1, 0, $2)
        on conflict (room) do update set retry_at = excluded.retry_at
        "#,
        room,
        until,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes the schedule of these rooms (keys in text form) exactly this.
pub async fn plan(
    connection: &mut PgConnection,
    rooms: &[String],
    planned: &[Planned],
    rules_version: i64,
) -> Result<(), sqlx::Error> {
    let waits: Vec<&str> = planned.iter().map(|planned| planned.wait.as_str()).collect();
    let their_rooms: Vec<String> = planned.iter().map(|planned| planned.room.to_string()).collect();
    let due: Vec<Option<Timestamp>> = planned.iter().map(|planned| planned.next_due_at).collect();
    sqlx::query!(
        "delete from alert_schedule where room = any ($1) and wait <> all ($2)",
        rooms,
        &waits as _,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        r#"
        insert into alert_schedule (wait, room, rules_version, next_due_at)
        select wait, room, $4, due
        from unnest($1::text[], $2::text[], $3::timestamptz[]) as new (wait, room, due)
        order by wait
        on conflict (wait) do update
        set room = excluded.room, rules_version = excluded.rules_version, next_due_at = excluded.next_due_at
        "#,
        &waits as _,
        &their_rooms,
        &due as _,
        rules_version,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Locks the wait that is due the longest; one that another replica works on is passed over.
pub async fn lock_due(connection: &mut PgConnection, now: Timestamp) -> Result<Option<WaitId>, sqlx::Error> {
    let wait = sqlx::query_scalar!(
        r#"
        select wait from alert_schedule
        where next_due_at <= $1
        order by next_due_at, wait
        limit 1
        for update skip locked
        "#,
        now,
    )
    .fetch_optional(connection)
    .await?;
    Ok(wait.map(WaitId))
}

/// Whether a card of this wait is due that was not decided yet.
pub async fn is_due(
    connection: &mut PgConnection,
    wait: &WaitId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from alert_schedule where wait = $1 and next_due_at <= $2) as "due!""#,
        wait.as_str(),
        now,
    )
    .fetch_one(connection)
    .await
}

/// Sets when a wait's next card is due.
pub async fn set_next_due(
    connection: &mut PgConnection,
    wait: &WaitId,
    next_due_at: Option<Timestamp>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("update alert_schedule set next_due_at = $2 where wait = $1", wait.as_str(), next_due_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes a wait off the schedule.
pub async fn forget(connection: &mut PgConnection, wait: &WaitId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from alert_schedule where wait = $1", wait.as_str()).execute(connection).await?;
    Ok(())
}
