//! What the web board shows besides figures: single waits, what was said around one, and whether anything is new.

use chrono::NaiveDate;
use domain::Timestamp;
use domain::closing::Verdict;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::days::Filter;
use crate::rooms::timeline::Said;

/// Which waits. What is `None` does not restrict them.
#[derive(Debug, Clone, Copy)]
pub struct WaitFilter<'a> {
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

/// A wait in a list.
#[derive(Debug, Clone)]
pub struct Listed {
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
}

/// Lists waits: those that are open, the oldest first, and then those that lasted longest; `most` of them behind the first
/// `skip`.
pub async fn waits(
    connection: &mut PgConnection,
    filter: WaitFilter<'_>,
    most: i64,
    skip: i64,
) -> Result<Vec<Listed>, sqlx::Error> {
    sqlx::query_as!(
        Listed,
        r#"
        select found.wait, found.room, coalesce(rooms.topic, '') as "topic!", coalesce(waits.customer_name, '') as "customer!",
               found.kind, found.standing, found.day, coalesce(found.owner, '') as "owner!", found.stage, found.opened_at,
               found.closed_at, found.ending, found.ended_by, found.time_ms
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
) -> Result<Vec<Listed>, sqlx::Error> {
    sqlx::query_as!(
        Listed,
        r#"
        select found.wait, found.room, coalesce(rooms.topic, '') as "topic!", coalesce(waits.customer_name, '') as "customer!",
               found.kind, found.standing, found.day, coalesce(found.owner, '') as "owner!", found.stage, found.opened_at,
               found.closed_at, found.ending, found.ended_by, found.time_ms
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

/// A wait with why it is one.
#[derive(Debug, Clone)]
pub struct Wait {
    /// As in a list.
    pub listed: Listed,
    /// In which role somebody replied, as [`domain::role::Role::name`].
    pub ended_role: Option<String>,
    /// The reply only said that another will follow.
    pub holding: bool,
    /// By when what was promised was to be kept, where that was plainly said.
    pub due_at: Option<Timestamp>,
    /// Why its opening asks for a reply; `None`: `room-state` does not have the wait any more.
    pub verdict: Option<Verdict>,
}

/// One wait. `None`: it is not counted, as one that a later fold does not have any more.
pub async fn wait(connection: &mut PgConnection, wait: &str) -> Result<Option<Wait>, sqlx::Error> {
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
        listed: Listed {
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
        },
        ended_role: row.ended_role,
        holding: row.holding,
        due_at: row.due_at,
        verdict: row.verdict.map(|json| json.0),
    }))
}

/// What was said in a room around a wait: at most `before` messages just before it opened, and `after` from then until it
/// ended, or until now. What was taken back is not among them.
pub async fn said(
    connection: &mut PgConnection,
    wait: &Listed,
    before: i64,
    after: i64,
) -> Result<Vec<Said>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select sender as "sender!", is_self as "is_self!", message as "message!", body, pos_at as "pos_at!", fact
        from ((select * from timeline
               where room = $1 and kind = 'message' and recalled is null and message not in ('system', 'recalled')
                 and pos_at < $2
               order by pos_at desc, pos_order desc, pos_seq desc, pos_entry desc, pos_after desc
               limit $4)
              union all
              (select * from timeline
               where room = $1 and kind = 'message' and recalled is null and message not in ('system', 'recalled')
                 and pos_at >= $2 and pos_at <= coalesce($3::timestamptz, 'infinity')
               order by pos_at, pos_order, pos_seq, pos_entry, pos_after
               limit $5)) near
        order by pos_at, pos_order, pos_seq, pos_entry, pos_after
        "#,
        wait.room,
        wait.opened_at,
        wait.closed_at,
        before,
        after,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| Said::of(&row.sender, row.is_self, row.message, row.body, row.pos_at, row.fact.as_deref()))
        .collect()
}

/// How many messages each member of staff sent; of the filter the stage makes no difference.
pub async fn said_by_person(
    connection: &mut PgConnection,
    filter: Filter<'_>,
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select person, sum(messages)::bigint as "messages!"
        from performance_messages
        where day between $1 and $2 and person <> '' and ($3::text is null or person = $3)
          and ($4::text is null or room = $4)
        group by person
        "#,
        filter.from,
        filter.to,
        filter.owner,
        filter.room,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.person, row.messages)).collect())
}

/// What changes whenever the list of who waits does, or something is answered that began on a day.
pub async fn version(connection: &mut PgConnection, day: NaiveDate) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select (select coalesce(sum(hashtext(concat_ws('|', wait, owner, stage, standing))::bigint), 0)::bigint
                from performance_waits where closed_at is null)
               + (select coalesce(sum(hashtext(concat_ws('|', wait, time_ms, standing))::bigint), 0)::bigint
                  from performance_waits where day = $1) as "version!"
        "#,
        day,
    )
    .fetch_one(connection)
    .await
}

/// A room's name, empty when unknown; of an owner's only where they own, or owned, a wait in it. `None`: there is no such room.
pub async fn room(
    connection: &mut PgConnection,
    room: &str,
    owner: Option<&str>,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select topic from rooms
        where room = $1
          and ($2::text is null or exists (select from performance_waits where room = $1 and owner = $2))
        "#,
        room,
        owner,
    )
    .fetch_optional(connection)
    .await
}
