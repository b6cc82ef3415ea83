//! On which days rooms had been silent for so many working days.

use chrono::NaiveDate;
use domain::Timestamp;
use domain::id::{RoomKey, StaffName};
use domain::performance::{Silence, Waiting};
use domain::rules::Team;
use sqlx::PgConnection;

use super::days::{Filter, Grouping};

/// The days on which anybody said anything in a room, from the last one before a day on, rising.
pub async fn spoken(
    connection: &mut PgConnection,
    room: &RoomKey,
    before: NaiveDate,
) -> Result<Vec<NaiveDate>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select distinct day
        from performance_messages
        where room = $1
          and day >= coalesce((select max(day) from performance_messages where room = $1 and day < $2), $2)
        order by day
        "#,
        room.to_string(),
        before,
    )
    .fetch_all(connection)
    .await
}

/// When somebody waited in a room, of waits that ended at or after a moment or have not.
pub async fn waiting(
    connection: &mut PgConnection,
    room: &RoomKey,
    since: Timestamp,
) -> Result<Vec<Waiting>, sqlx::Error> {
    let waits = sqlx::query!(
        "select opened_at, closed_at from performance_waits where room = $1 and (closed_at is null or closed_at >= $2)",
        room.to_string(),
        since,
    )
    .fetch_all(connection)
    .await?;
    Ok(waits.into_iter().map(|wait| (wait.opened_at, wait.closed_at)).collect())
}

/// Notes these silences of a room, and no others that began on a day or later.
pub async fn put(
    connection: &mut PgConnection,
    room: &RoomKey,
    from: NaiveDate,
    silences: &[Silence],
) -> Result<(), sqlx::Error> {
    let room = room.to_string();
    let since: Vec<NaiveDate> = silences.iter().map(|silence| silence.since).collect();
    let working_days: Vec<i32> =
        silences.iter().map(|silence| i32::try_from(silence.working_days).unwrap_or(i32::MAX)).collect();
    let days: Vec<NaiveDate> = silences.iter().map(|silence| silence.day).collect();
    let owners: Vec<&str> =
        silences.iter().map(|silence| silence.owner.as_ref().map_or("", StaffName::as_str)).collect();
    let teams: Vec<&str> = silences.iter().map(|silence| silence.team.map_or("", Team::name)).collect();
    let stages: Vec<String> = silences.iter().map(|silence| silence.stage.to_string()).collect();
    sqlx::query!(
        r#"
        delete from performance_silences
        where room = $1 and since >= $2
          and not (since, working_days) in (select * from unnest($3::date[], $4::int[]))
        "#,
        room,
        from,
        &since,
        &working_days,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        r#"
        insert into performance_silences as old (room, since, working_days, day, owner, team, stage)
        select $1, since, working_days, day, owner, team, stage
        from unnest($2::date[], $3::int[], $4::date[], $5::text[], $6::text[], $7::text[])
             as new (since, working_days, day, owner, team, stage)
        on conflict (room, since, working_days) do update
        set day = excluded.day, owner = excluded.owner, team = excluded.team, stage = excluded.stage
        where (old.day, old.owner, old.team, old.stage)
              is distinct from (excluded.day, excluded.owner, excluded.team, excluded.stage)
        "#,
        room,
        &since,
        &working_days,
        &days,
        &owners as _,
        &teams as _,
        &stages,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many silences there were.
#[derive(Debug, Clone)]
pub struct Silences {
    /// Which day.
    pub day: NaiveDate,
    /// The room's key in text form.
    pub room: String,
    /// Empty: nobody owned it.
    pub owner: String,
    /// The owner's team; empty: not in the roster.
    pub team: String,
    /// The room's stage, as the rules write it.
    pub stage: String,
    /// How many: one that reached several numbers of days is one.
    pub silences: i64,
}

/// Counts silences, by what of the grouping is asked for.
pub async fn count(
    connection: &mut PgConnection,
    filter: Filter<'_>,
    by: Grouping,
) -> Result<Vec<Silences>, sqlx::Error> {
    sqlx::query_as!(
        Silences,
        r#"
        select case when $6 then day else $1 end as "day!", case when $7 then room else '' end as "room!",
               case when $8 then owner else '' end as "owner!", case when $9 then team else '' end as "team!",
               case when $10 then stage else '' end as "stage!", count(distinct (room, since)) as "silences!"
        from performance_silences
        where day between $1 and $2 and ($3::text is null or owner = $3) and ($4::text is null or room = $4)
          and ($5::text is null or stage = $5)
        group by 1, 2, 3, 4, 5
        order by 1, 2, 3, 4, 5
        "#,
        filter.from,
        filter.to,
        filter.owner,
        filter.room,
        filter.stage,
        by.day,
        by.room,
        by.owner,
        by.team,
        by.stage,
    )
    .fetch_all(connection)
    .await
}

/// A silent room, as people look at it.
#[derive(Debug, Clone)]
pub struct SilentRoom {
    /// The room's key in text form.
    pub room: String,
    /// Its name; empty when unknown.
    pub topic: String,
    /// Who owned it then; empty: nobody.
    pub owner: String,
    /// Its stage then, as the rules write it.
    pub stage: String,
    /// The last day on which anybody said anything.
    pub since: NaiveDate,
    /// How many working days it had been silent for.
    pub working_days: i32,
    /// The day on which that was so.
    pub day: NaiveDate,
}

/// Lists silences, each with the most working days that it reached, the longest first, at most `most`.
pub async fn list(
    connection: &mut PgConnection,
    filter: Filter<'_>,
    most: i64,
) -> Result<Vec<SilentRoom>, sqlx::Error> {
    sqlx::query_as!(
        SilentRoom,
        r#"
        select found.room, coalesce(rooms.topic, '') as "topic!", owner, stage, since, working_days, day
        from (select distinct on (room, since) *
              from performance_silences
              where day between $1 and $2 and ($3::text is null or owner = $3) and ($4::text is null or room = $4)
                and ($5::text is null or stage = $5)
              order by room, since, working_days desc) found
             left join rooms on rooms.room = found.room
        order by working_days desc, since, found.room
        limit $6
        "#,
        filter.from,
        filter.to,
        filter.owner,
        filter.room,
        filter.stage,
        most,
    )
    .fetch_all(connection)
    .await
}
