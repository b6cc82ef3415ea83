//! What is known of each day's waits, by room, owner, team and stage.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::figures::{LeftOut, Promised, Tally};
use domain::id::RoomKey;
use sqlx::PgConnection;

/// Puts together anew what is known of some days of a room, from its counted waits.
pub async fn derive(
    connection: &mut PgConnection,
    room: &RoomKey,
    days: &[NaiveDate],
) -> Result<(), sqlx::Error> {
    if days.is_empty() {
        return Ok(());
    }
    let room = room.to_string();
    sqlx::query!("delete from performance_days where room = $1 and day = any ($2)", room, days)
        .execute(&mut *connection)
        .await?;
    sqlx::query!("delete from performance_replies where room = $1 and day = any ($2)", room, days)
        .execute(&mut *connection)
        .await?;
    sqlx::query!(
        r#"
        insert into performance_days (day, room, owner, team, stage, replies, cancelled, confirmed, withdrawn, unobserved,
                                      held, soft, promises_kept, promises_late, promises_ended, excluded, history,
                                      rehearsal, unverified, hours)
        select day, room, coalesce(owner, ''), coalesce(team, ''), stage,
               coalesce(array_agg(time_ms order by time_ms) filter (where asked and ending = 'answered'), '{}'),
               coalesce(array_agg(time_ms order by time_ms) filter (where asked and ending = 'cancelled'), '{}'),
               count(*) filter (where asked and ending = 'confirmed'),
               count(*) filter (where asked and ending = 'withdrawn'),
               count(*) filter (where asked and ending = 'unobserved'),
               count(*) filter (where asked and holding),
               count(*) filter (where counted and kind = 'soft'),
               coalesce(array_agg(time_ms order by time_ms) filter (where promised and ending = 'answered'), '{}'),
               count(*) filter (where promised and ending = 'answered' and closed_at > due_at),
               count(*) filter (where promised and ending not in ('answered', 'open')),
               count(*) filter (where standing = 'excluded'), count(*) filter (where standing = 'history'),
               count(*) filter (where standing = 'rehearsal'), count(*) filter (where standing = 'unverified'),
               (select array_agg((select count(*) from unnest(array_agg(waits.hour) filter (where asked)) h where h = n)::int
                                 order by n)
                from generate_series(0, 23) n)
        from (select *, standing = 'counted' as counted, standing = 'counted' and kind = 'request' as asked,
                     standing = 'counted' and kind = 'promise' as promised
              from performance_waits where room = $1 and day = any ($2)) waits
        group by day, room, coalesce(owner, ''), coalesce(team, ''), stage
        "#,
        room,
        days,
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        r#"
        insert into performance_replies (day, room, person, replies)
        select day, room, ended_by, array_agg(time_ms order by time_ms)
        from performance_waits
        where room = $1 and day = any ($2) and standing = 'counted' and kind = 'request' and ending = 'answered'
        group by day, room, ended_by
        "#,
        room,
        days,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Which rows to read. What is `None` does not restrict them.
#[derive(Debug, Clone, Copy)]
pub struct Filter<'a> {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// Whose; the empty one: nobody's.
    pub owner: Option<&'a str>,
    /// Of which room, by its key in text form.
    pub room: Option<&'a str>,
    /// In which stage.
    pub stage: Option<&'a str>,
}

/// What rows are put together by: those that differ only in what is `false` here are one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own")]
pub struct Grouping {
    /// By day; else a row stands with the first day asked for.
    pub day: bool,
    /// By room; else a row stands with an empty one, as for what follows.
    pub room: bool,
    /// By owner, or by who replied.
    pub owner: bool,
    /// By the owner's team.
    pub team: bool,
    /// By stage.
    pub stage: bool,
}

/// What is known of the waits of some days, rooms, owners and stages.
#[derive(Debug, Clone)]
pub struct Day {
    /// Which day.
    pub day: NaiveDate,
    /// The room's key in text form.
    pub room: String,
    /// Empty: nobody owned it.
    pub owner: String,
    /// The owner's team; empty: not in the roster.
    pub team: String,
    /// Its stage, as the rules write it.
    pub stage: String,
    /// In which rooms somebody asked.
    pub rooms: Vec<String>,
    /// The waits that have ended, durations in no order.
    pub tally: Tally,
    /// How many asked in each hour, those who still wait too.
    pub hours: Vec<i32>,
}

/// Milliseconds as the tables hold them.
fn times(milliseconds: Vec<i64>) -> Vec<TimeDelta> {
    milliseconds.into_iter().map(TimeDelta::milliseconds).collect()
}

fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

/// Reads days, put together in the database, in order of what they are put together by.
pub async fn list(
    connection: &mut PgConnection,
    filter: Filter<'_>,
    by: Grouping,
) -> Result<Vec<Day>, sqlx::Error> {
    let mut days = counts(connection, filter, by).await?;
    for (key, kind, times) in durations(connection, filter, by).await? {
        let Some(day) = days.get_mut(&key) else { continue };
        match kind {
            REPLIES => day.tally.replies = times,
            CANCELLED => day.tally.cancelled = times,
            _ => day.tally.promised.kept = times,
        }
    }
    Ok(days.into_values().collect())
}

/// Day, room, owner, team and stage, as far as rows are put together by them.
type Key = (NaiveDate, String, String, String, String);

/// What a duration is of; else it is of a promise that was kept.
const REPLIES: i32 = 0;
const CANCELLED: i32 = 1;

/// Days without durations.
async fn counts(
    connection: &mut PgConnection,
    filter: Filter<'_>,
    by: Grouping,
) -> Result<BTreeMap<Key, Day>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select case when $6 then day else $1 end as "day!", case when $7 then room else '' end as "room!",
               case when $8 then owner else '' end as "owner!", case when $9 then team else '' end as "team!",
               case when $10 then stage else '' end as "stage!",
               array_agg(distinct room) filter (where cardinality(replies) + cardinality(cancelled) + confirmed + withdrawn
                                                      + unobserved > 0) as rooms,
               sum(confirmed) as "confirmed!", sum(withdrawn) as "withdrawn!", sum(unobserved) as "unobserved!",
               sum(held) as "held!", sum(soft) as "soft!", sum(promises_late) as "promises_late!",
               sum(promises_ended) as "promises_ended!", sum(excluded) as "excluded!", sum(history) as "history!",
               sum(rehearsal) as "rehearsal!", sum(unverified) as "unverified!",
               array[sum(hours[1])::int, sum(hours[2])::int, sum(hours[3])::int, sum(hours[4])::int, sum(hours[5])::int,
                         sum(hours[6])::int, sum(hours[7])::int, sum(hours[8])::int, sum(hours[9])::int, sum(hours[10])::int,
                         sum(hours[11])::int, sum(hours[12])::int, sum(hours[13])::int, sum(hours[14])::int,
                         sum(hours[15])::int, sum(hours[16])::int, sum(hours[17])::int, sum(hours[18])::int,
                         sum(hours[19])::int, sum(hours[20])::int, sum(hours[21])::int, sum(hours[22])::int,
                         sum(hours[23])::int, sum(hours[24])::int] as "hours!"
        from performance_days
        where day between $1 and $2 and ($3::text is null or owner = $3) and ($4::text is null or room = $4)
          and ($5::text is null or stage = $5)
        group by 1, 2, 3, 4, 5
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
    .await?;
    let day = rows.into_iter().map(|row| {
        let key = (row.day, row.room, row.owner, row.team, row.stage);
        let tally = Tally {
            confirmed: count(row.confirmed),
            withdrawn: count(row.withdrawn),
            unobserved: count(row.unobserved),
            held: count(row.held),
            soft: count(row.soft),
            promised: Promised {
                late: count(row.promises_late),
                ended: count(row.promises_ended),
                ..Promised::default()
            },
            left_out: LeftOut {
                excluded: count(row.excluded),
                history: count(row.history),
                rehearsal: count(row.rehearsal),
                unverified: count(row.unverified),
            },
            ..Tally::default()
        };
        (key.clone(), Day::of(key, row.rooms.unwrap_or_default(), tally, row.hours))
    });
    Ok(day.collect())
}

impl Day {
    fn of((day, room, owner, team, stage): Key, rooms: Vec<String>, tally: Tally, hours: Vec<i32>) -> Self {
        Self { day, room, owner, team, stage, rooms, tally, hours }
    }
}

async fn durations(
    connection: &mut PgConnection,
    filter: Filter<'_>,
    by: Grouping,
) -> Result<Vec<(Key, i32, Vec<TimeDelta>)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select case when $6 then day else $1 end as "day!", case when $7 then room else '' end as "room!",
               case when $8 then owner else '' end as "owner!", case when $9 then team else '' end as "team!",
               case when $10 then stage else '' end as "stage!", kind as "kind!", array_agg(time) as "times!: Vec<i64>"
        from performance_days, lateral (
            select 0 as kind, unnest(replies) as time
            union all select 1, unnest(cancelled)
            union all select 2, unnest(promises_kept)
        ) durations
        where day between $1 and $2 and ($3::text is null or owner = $3) and ($4::text is null or room = $4)
          and ($5::text is null or stage = $5)
        group by 1, 2, 3, 4, 5, 6
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
    .await?;
    let of_key = rows
        .into_iter()
        .map(|row| ((row.day, row.room, row.owner, row.team, row.stage), row.kind, times(row.times)));
    Ok(of_key.collect())
}

/// A wait that is counted and open.
#[derive(Debug, Clone)]
pub struct Open {
    /// Which.
    pub wait: String,
    /// The day on which its clock started.
    pub day: NaiveDate,
    /// The room's key in text form.
    pub room: String,
    /// Empty: nobody owns it.
    pub owner: String,
    /// The room's stage, as the rules write it.
    pub stage: String,
    /// The owner's team; empty: not in the roster.
    pub team: String,
    /// It is a promise, and no request.
    pub promise: bool,
    /// Since when it is open.
    pub opened_at: Timestamp,
}

/// Requests and promises that are counted and open, in order of opening.
pub async fn open(connection: &mut PgConnection, filter: Filter<'_>) -> Result<Vec<Open>, sqlx::Error> {
    sqlx::query_as!(
        Open,
        r#"
        select wait, day, room, coalesce(owner, '') as "owner!", stage, coalesce(team, '') as "team!", kind = 'promise' as "promise!", opened_at
        from performance_waits
        where closed_at is null and standing = 'counted' and kind <> 'soft'
          and day between $1 and $2 and ($3::text is null or coalesce(owner, '') = $3)
          and ($4::text is null or room = $4) and ($5::text is null or stage = $5)
        order by opened_at, wait
        "#,
        filter.from,
        filter.to,
        filter.owner,
        filter.room,
        filter.stage,
    )
    .fetch_all(connection)
    .await
}

/// The replies that a member of staff gave to what was asked on some days.
#[derive(Debug, Clone)]
pub struct Replies {
    /// Which day.
    pub day: NaiveDate,
    /// Who replied.
    pub person: String,
    /// How long each customer had waited, in no order.
    pub replies: Vec<TimeDelta>,
}

/// Reads who replied, of a grouping by day or not; of the filter the owner is who replied, and the stage makes no
/// difference.
pub async fn replies(
    connection: &mut PgConnection,
    filter: Filter<'_>,
    by_day: bool,
) -> Result<Vec<Replies>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select case when $5 then day else $1 end as "day!", person, array_agg(time) as "replies!: Vec<i64>"
        from performance_replies, unnest(replies) as time
        where day between $1 and $2 and ($3::text is null or person = $3) and ($4::text is null or room = $4)
        group by 1, 2
        order by 1, 2
        "#,
        filter.from,
        filter.to,
        filter.owner,
        filter.room,
        by_day,
    )
    .fetch_all(connection)
    .await?;
    let replies =
        rows.into_iter().map(|row| Replies { day: row.day, person: row.person, replies: times(row.replies) });
    Ok(replies.collect())
}
