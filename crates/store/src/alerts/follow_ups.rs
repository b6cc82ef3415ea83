//! Rooms that have fallen silent, and on which list that was told.

use domain::Timestamp;
use domain::fold::FoldState;
use sqlx::PgConnection;

use crate::json::from_text;
use crate::rooms::Line;

/// A room in which nobody has said anything for a while.
#[derive(Debug, Clone)]
pub struct SilentRoom {
    /// Its key in text form.
    pub room: String,
    pub state: FoldState,
    /// The last lines said, newest last.
    pub last_lines: Vec<Line>,
    pub silent_since: Timestamp,
    /// The most working days of this silence that were told already; 0: none were. The most there are, if it is to be told
    /// no more.
    pub told: u32,
}

/// A room on a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its key in text form.
    pub room: String,
    /// Its name; empty when unknown.
    pub topic: String,
    pub state: FoldState,
    /// The last lines said, newest last.
    pub last_lines: Vec<Line>,
    pub silent_since: Timestamp,
    /// After how many working days of silence it was listed.
    pub working_days: u32,
    /// Somebody has said something since.
    pub spoken: bool,
    /// Who said that it is to be told no more.
    pub stopped_by: Option<String>,
    /// The rules exclude it.
    pub excluded: bool,
}

/// The rooms in which nobody waits and nobody has said anything since a moment between these two. A list that never went out
/// told nothing, nor will one that was due before `today` and still has not.
pub async fn silent_rooms(
    connection: &mut PgConnection,
    (from, to): (Timestamp, Timestamp),
    today: Timestamp,
) -> Result<Vec<SilentRoom>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select rooms.room, state as "state!", last_lines, last_active_at as "silent_since!",
               (select max(case when stopped_at is null then working_days else 2147483647 end)
                from alert_follow_ups told
                where told.room = rooms.room and told.silent_since = rooms.last_active_at
                      and (stopped_at is not null
                           or exists (select from notifications
                                      where id = told.list and notifications.state not in ('obsolete', 'skipped', 'rehearsed', 'failed')
                                            and (notifications.state <> 'pending' or due_at >= $3)))
               ) as told
        from rooms
        where last_active_at between $1 and $2 and excluded_since is null and state is not null
              and not exists (select from waits where waits.room = rooms.room and waits.state = 'open'
                                                      and waits.replaced_by is null)
        order by rooms.room
        "#,
        from,
        to,
        today,
    )
    .fetch_all(connection)
    .await?;
    let silent = rows.into_iter().filter_map(|row| {
        Some(SilentRoom {
            room: row.room,
            // What cannot be read stops no list.
            state: from_text(&row.state, "state").ok()?,
            last_lines: from_text(&row.last_lines, "last_lines").unwrap_or_default(),
            silent_since: row.silent_since,
            told: row.told.and_then(|told| u32::try_from(told).ok()).unwrap_or_default(),
        })
    });
    Ok(silent.collect())
}

/// Notes that these rooms stand on a list, each with after how many working days of silence.
pub async fn note(
    connection: &mut PgConnection,
    list: i64,
    rooms: &[(SilentRoom, u32)],
) -> Result<(), sqlx::Error> {
    let keys: Vec<&str> = rooms.iter().map(|(room, _)| room.room.as_str()).collect();
    let since: Vec<Timestamp> = rooms.iter().map(|(room, _)| room.silent_since).collect();
    let days: Vec<i32> = rooms.iter().map(|(_, days)| i32::try_from(*days).unwrap_or(i32::MAX)).collect();
    sqlx::query!(
        r#"
        insert into alert_follow_ups (room, silent_since, working_days, list)
        select room, silent_since, working_days, $4
        from unnest($1::text[], $2::timestamptz[], $3::int[]) as listed (room, silent_since, working_days)
        order by room
        on conflict (room, silent_since, working_days) do update set list = excluded.list
        "#,
        &keys as _,
        &since,
        &days,
        list,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The rooms on a list, in order of their keys.
pub async fn listed(connection: &mut PgConnection, list: i64) -> Result<Vec<Listed>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select rooms.room, topic, silent_since, working_days, state as "state!", last_lines,
               last_active_at is distinct from silent_since as "spoken!", stopped_by,
               excluded_since is not null as "excluded!"
        from alert_follow_ups listed join rooms on rooms.room = listed.room
        where list = $1 and state is not null
        order by rooms.room
        "#,
        list,
    )
    .fetch_all(connection)
    .await?;
    let listed = rows.into_iter().map(|row| Listed {
        room: row.room,
        topic: row.topic,
        state: from_text(&row.state, "state").unwrap_or_default(),
        last_lines: from_text(&row.last_lines, "last_lines").unwrap_or_default(),
        silent_since: row.silent_since,
        working_days: u32::try_from(row.working_days).unwrap_or_default(),
        spoken: row.spoken,
        stopped_by: row.stopped_by,
        excluded: row.excluded,
    });
    Ok(listed.collect())
}

/// Notes that a silence which stands on a list is to be told no more, and gives who said so first. `None`: the room (its key
/// in text form) does not stand there.
pub async fn stop(
    connection: &mut PgConnection,
    list: i64,
    room: &str,
    by: &str,
    now: Timestamp,
) -> Result<Option<String>, sqlx::Error> {
    let stopped = sqlx::query_scalar!(
        r#"
        update alert_follow_ups silence
        set stopped_by = coalesce(silence.stopped_by, $3), stopped_at = coalesce(silence.stopped_at, $4)
        from alert_follow_ups listed
        where listed.list = $1 and listed.room = $2 and silence.room = listed.room
              and silence.silent_since = listed.silent_since
        returning silence.stopped_by as "by!"
        "#,
        list,
        room,
        by,
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(stopped.into_iter().next())
}
