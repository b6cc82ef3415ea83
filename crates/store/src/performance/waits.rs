//! Waits as they are counted.

use chrono::NaiveDate;
use domain::Timestamp;
use domain::closing::Verdict;
use domain::id::{RoomKey, StaffName, WaitId};
use domain::performance::{Assessment, WaitFacts};
use domain::rules::{Stage, Team};
use domain::wait::{Ending, Outcome, WaitKind};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::rooms::parse;
use crate::rooms::waits::state_name;

/// A live wait as `room-state` has it, with what decides how it counts.
#[derive(Debug, Clone)]
pub struct LiveWait {
    /// Which.
    pub id: WaitId,
    /// What is waited for.
    pub kind: WaitKind,
    /// By when what was promised is due, where that was plainly said.
    pub due_at: Option<Timestamp>,
    /// What decides how it counts.
    pub facts: WaitFacts,
}

/// A wait with how it counts.
#[derive(Debug, Clone)]
pub struct CountedWait {
    /// The wait.
    pub wait: LiveWait,
    /// How it counts.
    pub assessment: Assessment,
}

/// The live waits of a room that were opened at or after a moment (`None`: all), or that are counted as open or as
/// closed at or after it.
pub async fn live(
    connection: &mut PgConnection,
    room: &RoomKey,
    since: Option<Timestamp>,
) -> Result<Vec<LiveWait>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select wait, kind, opened_at, alarm_since, verdict as "verdict: Json<Verdict>", owner, stage,
               outcome as "outcome: Json<Outcome>"
        from waits
        where room = $1 and replaced_by is null and state <> 'void'
          and wait = any (array(
              select wait from waits opened
              where opened.room = $1 and opened.opened_at >= coalesce($2::timestamptz, '-infinity')
              union
              select wait from performance_waits counted
              where counted.room = $1 and (counted.closed_at is null or counted.closed_at >= $2)))
        "#,
        room.to_string(),
        since as _,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let due_at = match row.verdict.0 {
                Verdict::Promised { due, .. } => due,
                _ => None,
            };
            let facts = WaitFacts {
                opened_at: row.opened_at,
                of_history: row.alarm_since != Some(row.opened_at),
                owner: row.owner.map(StaffName),
                stage: parse::<Stage>(&row.stage, "stage")?,
                outcome: row.outcome.map(|json| json.0),
            };
            Ok(LiveWait { id: WaitId(row.wait), kind: parse::<WaitKind>(&row.kind, "kind")?, due_at, facts })
        })
        .collect()
}

/// Counts these waits of a room, and no others that were counted as open, or as closed at or after a moment (`None`: ever).
/// Returns the days of which something changed.
pub async fn put(
    connection: &mut PgConnection,
    room: &RoomKey,
    since: Option<Timestamp>,
    waits: &[CountedWait],
) -> Result<Vec<NaiveDate>, sqlx::Error> {
    let ids: Vec<&str> = waits.iter().map(|counted| counted.wait.id.as_str()).collect();
    let mut days = sqlx::query_scalar!(
        r#"
        delete from performance_waits
        where room = $1 and (closed_at is null or closed_at >= coalesce($2::timestamptz, '-infinity')) and not wait = any ($3)
        returning day
        "#,
        room.to_string(),
        since as _,
        &ids as _,
    )
    .fetch_all(&mut *connection)
    .await?;
    days.extend(upsert(connection, room, waits).await?);
    days.sort_unstable();
    days.dedup();
    Ok(days)
}

/// Returns the days of those that changed, as they were and as they are.
async fn upsert(
    connection: &mut PgConnection,
    room: &RoomKey,
    waits: &[CountedWait],
) -> Result<Vec<NaiveDate>, sqlx::Error> {
    let columns = Columns::of(waits);
    let rows = sqlx::query!(
        r#"
        with new as (
            select wait, $2::text as room, kind, standing, day, hour, owner, team, stage, opened_at, closed_at, ending,
                   ended_by, ended_role, holding, due_at, time_ms
            from unnest($1::text[], $3::text[], $4::text[], $5::date[], $6::smallint[], $7::text[], $8::text[], $9::text[],
                        $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[], $14::text[], $15::boolean[],
                        $16::timestamptz[], $17::bigint[])
                 as new (wait, kind, standing, day, hour, owner, team, stage, opened_at, closed_at, ending, ended_by,
                         ended_role, holding, due_at, time_ms)
        ), old as (
            select old.* from performance_waits old join new using (wait)
        ), put as (
            insert into performance_waits
            select new.* from new left join old using (wait) where (old.*) is distinct from (new.*)
            on conflict (wait) do update
            set room = excluded.room, kind = excluded.kind, standing = excluded.standing, day = excluded.day,
                hour = excluded.hour, owner = excluded.owner, team = excluded.team, stage = excluded.stage,
                opened_at = excluded.opened_at, closed_at = excluded.closed_at, ending = excluded.ending,
                ended_by = excluded.ended_by, ended_role = excluded.ended_role, holding = excluded.holding,
                due_at = excluded.due_at, time_ms = excluded.time_ms
            returning wait, day
        )
        select day as "day!" from put union select old.day from old join put using (wait)
        "#,
        &columns.ids as _,
        room.to_string(),
        &columns.kinds,
        &columns.standings,
        &columns.days,
        &columns.hours,
        &columns.owners as _,
        &columns.teams as _,
        &columns.stages,
        &columns.opened,
        &columns.closed as _,
        &columns.endings as _,
        &columns.ended_by as _,
        &columns.roles as _,
        &columns.holding,
        &columns.due as _,
        &columns.times as _,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.day).collect())
}

/// Waits, column by column.
struct Columns<'w> {
    ids: Vec<&'w str>,
    kinds: Vec<String>,
    standings: Vec<String>,
    days: Vec<NaiveDate>,
    hours: Vec<i16>,
    owners: Vec<Option<&'w str>>,
    teams: Vec<Option<&'static str>>,
    stages: Vec<String>,
    opened: Vec<Timestamp>,
    closed: Vec<Option<Timestamp>>,
    endings: Vec<&'static str>,
    ended_by: Vec<Option<&'w str>>,
    roles: Vec<Option<&'static str>>,
    holding: Vec<bool>,
    due: Vec<Option<Timestamp>>,
    times: Vec<Option<i64>>,
}

impl<'w> Columns<'w> {
    fn of(waits: &'w [CountedWait]) -> Self {
        let wait = || waits.iter().map(|counted| &counted.wait);
        let assessed = || waits.iter().map(|counted| &counted.assessment);
        let outcome = || wait().map(|wait| wait.facts.outcome.as_ref());
        let how = || outcome().map(|outcome| outcome.map(|outcome| &outcome.how));
        Self {
            ids: wait().map(|wait| wait.id.as_str()).collect(),
            kinds: wait().map(|wait| wait.kind.to_string()).collect(),
            standings: assessed().map(|of| of.standing.to_string()).collect(),
            days: assessed().map(|of| of.day).collect(),
            hours: assessed().map(|of| i16::try_from(of.hour).unwrap_or_default()).collect(),
            owners: assessed().map(|of| of.owner.as_ref().map(StaffName::as_str)).collect(),
            teams: assessed().map(|of| of.team.map(Team::name)).collect(),
            stages: assessed().map(|of| of.stage.to_string()).collect(),
            opened: wait().map(|wait| wait.facts.opened_at).collect(),
            closed: outcome().map(|outcome| outcome.map(|outcome| outcome.at)).collect(),
            endings: how().map(state_name).collect(),
            ended_by: how().map(|how| how.and_then(Ending::by)).collect(),
            roles: how().map(|how| how.and_then(role_of)).collect(),
            holding: how().map(|how| matches!(how, Some(Ending::Answered { holding: true, .. }))).collect(),
            due: wait().map(|wait| wait.due_at).collect(),
            times: assessed().map(|of| of.time.map(|time| time.num_milliseconds())).collect(),
        }
    }
}

const fn role_of(how: &Ending) -> Option<&'static str> {
    match how {
        Ending::Answered { role, .. } => Some(role.name()),
        _ => None,
    }
}
