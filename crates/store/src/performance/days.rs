//! What is known of each day's waits, by room, owner, team and stage.

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

/// What is known of a day's waits of a room, an owner and a stage.
#[derive(Debug, Clone)]
pub struct Day {
    /// Which day.
    pub day: NaiveDate,
    /// The room's key in text form.
    pub room: String,
    /// Empty: nobody owned it.
    pub owner: String,
    /// Its stage, as the rules write it.
    pub stage: String,
    /// The owner's team; empty: not in the roster.
    pub team: String,
    /// The waits that have ended.
    pub tally: Tally,
    /// How many asked in each hour, those who still wait too.
    pub hours: Vec<i32>,
}

/// Milliseconds as the tables hold them.
fn times(milliseconds: Vec<i64>) -> Vec<TimeDelta> {
    milliseconds.into_iter().map(TimeDelta::milliseconds).collect()
}

fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or_default()
}

/// Reads days, in order.
pub async fn list(connection: &mut PgConnection, filter: Filter<'_>) -> Result<Vec<Day>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select day, room, owner, stage, team, replies, cancelled, confirmed, withdrawn, unobserved, held, soft, promises_kept,
               promises_late, promises_ended, excluded, history, rehearsal, unverified, hours
        from performance_days
        where day between $1 and $2 and ($3::text is null or owner = $3) and ($4::text is null or room = $4)
          and ($5::text is null or stage = $5)
        order by day, room, owner, team, stage
        "#,
        filter.from,
        filter.to,
        filter.owner,
        filter.room,
        filter.stage,
    )
    .fetch_all(connection)
    .await?;
    let day = rows.into_iter().map(|row| Day {
        day: row.day,
        room: row.room,
        owner: row.owner,
        stage: row.stage,
        team: row.team,
        tally: Tally {
            replies: times(row.replies),
            lasting: Vec::new(),
            cancelled: times(row.cancelled),
            confirmed: count(row.confirmed),
            withdrawn: count(row.withdrawn),
            unobserved: count(row.unobserved),
            held: count(row.held),
            soft: count(row.soft),
            promised: Promised {
                kept: times(row.promises_kept),
                late: count(row.promises_late),
                open: 0,
                ended: count(row.promises_ended),
            },
            left_out: LeftOut {
                excluded: count(row.excluded),
                history: count(row.history),
                rehearsal: count(row.rehearsal),
                unverified: count(row.unverified),
            },
        },
        hours: row.hours,
    });
    Ok(day.collect())
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

/// The replies that a member of staff gave in a room to what was asked on a day.
#[derive(Debug, Clone)]
pub struct Replies {
    /// Which day.
    pub day: NaiveDate,
    /// The room's key in text form.
    pub room: String,
    /// Who replied.
    pub person: String,
    /// How long each customer had waited.
    pub replies: Vec<TimeDelta>,
}

/// Reads who replied; of the filter the owner is who replied, and the stage makes no difference.
pub async fn replies(connection: &mut PgConnection, filter: Filter<'_>) -> Result<Vec<Replies>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select day, room, person, replies
        from performance_replies
        where day between $1 and $2 and ($3::text is null or person = $3) and ($4::text is null or room = $4)
        order by day, room, person
        "#,
        filter.from,
        filter.to,
        filter.owner,
        filter.room,
    )
    .fetch_all(connection)
    .await?;
    let replies = rows.into_iter().map(|row| Replies {
        day: row.day,
        room: row.room,
        person: row.person,
        replies: times(row.replies),
    });
    Ok(replies.collect())
}
