//! Single waits as they are counted, as people look at them.

use chrono::NaiveDate;
use domain::Timestamp;
use domain::closing::Verdict;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::days::Filter;

/// Which waits. What is `None` does not restrict them.
#[derive(Debug, Clone, Copy)]
pub struct DetailFilter<'a> {
    /// Of which days, whose, of which room and stage.
    pub of: Filter<'a>,
    /// Ended by whom, whoever owned the room.
    pub ended_by: Option<&'a str>,
    /// As stored: request, soft, promise.
    pub kind: Option<&'a str>,
    /// As stored: counted, unverified …
    pub standing: Option<&'a str>,
    /// As stored in `waits.state`: open, answered …
    pub ending: Option<&'a str>,
    /// Longer than so many milliseconds of working time; this and `within` leave out who still waits.
    pub over: Option<i64>,
    /// At most so many milliseconds of working time.
    pub within: Option<i64>,
    /// On this day of the week, 1 for Monday to 7.
    pub weekday: Option<i32>,
    /// In this hour of the day, 0 to 23.
    pub hour: Option<i16>,
}

/// A wait as it is counted, as people look at it.
#[derive(Debug, Clone)]
pub struct Detail {
    /// Which.
    pub wait: String,
    /// The room's key in text form.
    pub room: String,
    /// The room's name; empty when unknown.
    pub topic: String,
    /// Who waited, by display name.
    pub customer: String,
    /// What was waited for: [`domain::wait::WaitKind`] as stored.
    pub kind: String,
    /// Whether it counts: [`domain::performance::Standing`] as stored.
    pub standing: String,
    /// The day on which its clock started.
    pub day: NaiveDate,
    /// Empty: nobody owned the room.
    pub owner: String,
    /// The stage that it counts in, as the rules write it.
    pub stage: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ended; `None` while it is open.
    pub closed_at: Option<Timestamp>,
    /// How it ended, as stored in `waits.state`.
    pub ending: String,
    /// Who ended it.
    pub ended_by: Option<String>,
    /// Working time in milliseconds; `None` while it is open.
    pub time_ms: Option<i64>,
    /// Why its opening asks for a reply; `None`: `room-state` does not have the wait any more.
    pub verdict: Option<Json<Verdict>>,
}

impl<'a> DetailFilter<'a> {
    /// All of some days, of an owner, room or stage.
    pub const fn all(of: Filter<'a>) -> Self {
        Self {
            of,
            ended_by: None,
            kind: None,
            standing: None,
            ending: None,
            over: None,
            within: None,
            weekday: None,
            hour: None,
        }
    }
}

/// Lists waits: those that are open, the oldest first, and then those that lasted longest; `most` of them behind the first
/// `skip`.
pub async fn list(
    connection: &mut PgConnection,
    filter: DetailFilter<'_>,
    most: i64,
    skip: i64,
) -> Result<Vec<Detail>, sqlx::Error> {
    sqlx::query_as!(
        Detail,
        r#"
        select found.wait, found.room, coalesce(rooms.topic, '') as "topic!", coalesce(waits.customer_name, '') as "customer!",
               found.kind, found.standing, found.day, coalesce(found.owner, '') as "owner!", found.stage, found.opened_at,
               found.closed_at, found.ending, found.ended_by, found.time_ms, waits.verdict as "verdict?: Json<Verdict>"
        from (select * from performance_waits
              where day between $1 and $2 and ($3::text is null or owner = $3 or ($3 = '' and owner is null))
                and ($4::text is null or room = $4) and ($5::text is null or stage = $5)
                and ($6::text is null or ended_by = $6) and ($7::text is null or kind = $7)
                and ($8::text is null or standing = $8) and ($9::text is null or ending = $9)
                and ($10::bigint is null or time_ms > $10) and ($11::bigint is null or time_ms <= $11)
                and ($12::int is null or extract(isodow from day) = $12) and ($13::smallint is null or hour = $13)
              order by closed_at is null desc, case when closed_at is null then opened_at end, time_ms desc, wait
              limit $14 offset $15) found
             left join waits on waits.wait = found.wait
             left join rooms on rooms.room = found.room
        order by found.closed_at is null desc, case when found.closed_at is null then found.opened_at end,
                 found.time_ms desc, found.wait
        "#,
        filter.of.from,
        filter.of.to,
        filter.of.owner,
        filter.of.room,
        filter.of.stage,
        filter.ended_by,
        filter.kind,
        filter.standing,
        filter.ending,
        filter.over,
        filter.within,
        filter.weekday,
        filter.hour,
        most,
        skip,
    )
    .fetch_all(connection)
    .await
}

/// Requests and promises that are open now and in the figures, or would be if capture had been whole, of everybody or of one
/// owner (the empty one: nobody); in order of opening, at most `most`.
pub async fn open(
    connection: &mut PgConnection,
    owner: Option<&str>,
    most: i64,
) -> Result<Vec<Detail>, sqlx::Error> {
    sqlx::query_as!(
        Detail,
        r#"
        select found.wait, found.room, coalesce(rooms.topic, '') as "topic!", coalesce(waits.customer_name, '') as "customer!",
               found.kind, found.standing, found.day, coalesce(found.owner, '') as "owner!", found.stage, found.opened_at,
               found.closed_at, found.ending, found.ended_by, found.time_ms, waits.verdict as "verdict?: Json<Verdict>"
        from performance_waits found
             left join waits on waits.wait = found.wait
             left join rooms on rooms.room = found.room
        where found.closed_at is null and found.kind <> 'soft' and found.standing in ('counted', 'unverified')
          and ($1::text is null or found.owner = $1 or ($1 = '' and found.owner is null))
        order by found.opened_at, found.wait
        limit $2
        "#,
        owner,
        most,
    )
    .fetch_all(connection)
    .await
}

/// A wait with what only its own page shows.
#[derive(Debug, Clone)]
pub struct Wait {
    /// As in a list.
    pub detail: Detail,
    /// In which role somebody replied, as [`domain::role::Role::name`].
    pub ended_role: Option<String>,
    /// The reply only said that another will follow.
    pub holding: bool,
    /// By when what was promised was to be kept, where that was plainly said.
    pub due_at: Option<Timestamp>,
}

/// One wait. `None`: it is not counted, as one that a later fold does not have any more.
pub async fn get(connection: &mut PgConnection, wait: &str) -> Result<Option<Wait>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        select found.wait, found.room, coalesce(rooms.topic, '') as "topic!", coalesce(waits.customer_name, '') as "customer!",
               found.kind, found.standing, found.day, coalesce(found.owner, '') as "owner!", found.stage, found.opened_at,
               found.closed_at, found.ending, found.ended_by, found.time_ms, found.ended_role, found.holding, found.due_at,
               waits.verdict as "verdict?: Json<Verdict>"
        from performance_waits found
             left join waits on waits.wait = found.wait
             left join rooms on rooms.room = found.room
        where found.wait = $1
        "#,
        wait,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Wait {
        detail: Detail {
            wait: row.wait,
            room: row.room,
            topic: row.topic,
            customer: row.customer,
            kind: row.kind,
            standing: row.standing,
            day: row.day,
            owner: row.owner,
            stage: row.stage,
            opened_at: row.opened_at,
            closed_at: row.closed_at,
            ending: row.ending,
            ended_by: row.ended_by,
            time_ms: row.time_ms,
            verdict: row.verdict,
        },
        ended_role: row.ended_role,
        holding: row.holding,
        due_at: row.due_at,
    }))
}
