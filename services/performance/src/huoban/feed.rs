//! Which rows are to stand in Huoban: the figures of each person and of each room, by day.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{Days, NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::figures::{Figures, minutes};
use domain::rules::Rules;
use huoban::{BusinessKey, Column, Row, Table, Value};
use report::{By, Line, Period, Query, read, team};
use runtime::telemetry::chain;
use runtime::{Context, http};
use store::rules::{RulesCache, RulesError};
use store::sqlx::{self, PgConnection};

use super::{Engine, Report};

/// What [`runtime::health`] knows the loop by.
const PART: &str = "huoban";
/// Days whose figures still change by themselves.
const LIVE_DAYS: u64 = 2;

#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("the database did not answer")]
    Sql(#[from] sqlx::Error),
    #[error(transparent)]
    Rules(#[from] RulesError),
}

/// Writes the rows until the shutdown is requested.
///
/// # Errors
/// If there is no HTTP client to be had.
pub async fn run(ctx: Context) -> anyhow::Result<()> {
    let settings = &ctx.config.huoban;
    let mut engine = Engine::new(settings, http::client()?, ctx.clock.clone(), ctx.faults.clone());
    let (rules, mut compared) = (RulesCache::default(), None);
    loop {
        ctx.health.beat(PART);
        let Some(done) = ctx.shutdown.cut(round(&ctx, &mut engine, &rules, &mut compared)).await else {
            return Ok(());
        };
        match done {
            Ok(report) => tell(&report),
            Err(error) => tracing::warn!(error = chain(&error), "the rows for Huoban could not be made"),
        }
        let next = ctx.clock.real(settings.sync_every.as_duration());
        if !ctx.shutdown.sleep(next).await {
            return Ok(());
        }
    }
}

fn tell(report: &Report) {
    metrics::gauge!("huoban_needs_people").set(f64::from(u8::from(report.needs_people())));
}

/// Brings the rows of today and yesterday up to date, and once a day compares all that is kept up.
async fn round(
    ctx: &Context,
    engine: &mut Engine,
    rules: &RulesCache,
    compared: &mut Option<NaiveDate>,
) -> Result<Report, RoundError> {
    let now = ctx.clock.now();
    let mut connection = ctx.db.acquire().await?;
    let history = rules.get(&mut connection).await?;
    let in_force = history.at(now);
    let today = in_force.day_of(now);
    let settings = &ctx.config.huoban;
    let at = settings.compare_at.on(today, in_force.time_zone);
    let is_time = *compared != Some(today) && at.is_some_and(|at| at <= now);
    let days = if is_time { u64::from(settings.compare_days) } else { LIVE_DAYS };
    let first = today.checked_sub_days(Days::new(days.saturating_sub(1))).unwrap_or(today);
    let mut rows = Vec::new();
    for day in first.iter_days().take_while(|day| *day <= today) {
        rows.extend(rows_of(&mut connection, day, in_force, now).await?);
    }
    drop(connection);
    if is_time {
        let report = engine.compare(&ctx.db, first, today, rows).await?;
        *compared = report.stopped.is_none().then_some(today);
        return Ok(report);
    }
    Ok(engine.sync(&ctx.db, rows).await?)
}

/// All rows of a day.
async fn rows_of(
    connection: &mut PgConnection,
    day: NaiveDate,
    rules: &Rules,
    now: Timestamp,
) -> Result<Vec<Row>, sqlx::Error> {
    let of = |by| Query { period: Period::day(day), by, person: None, room: None, stage: None };
    let people = read(connection, of(By::Person), rules, now).await?;
    let rooms = read(connection, of(By::Room), rules, now).await?;
    let owners = owners(read(connection, of(By::RoomDay), rules, now).await?);
    let person = |line: &Line| {
        let key = key(Table::PersonDays, &line.key.person, day)?;
        let entry = rules.roster.iter().find(|entry| entry.name.as_str() == line.key.person);
        let mut values = figures(&line.figures);
        values.insert(Column::Owner, line.key.person.as_str().into());
        values.insert(Column::Team, entry.map_or("", |entry| team(entry.team.name())).into());
        values.insert(Column::Rooms, count(line.rooms));
        values.insert(Column::Replies, line.said.map_or(count(0), |said| Value::Number(number(said))));
        Some(Row { key, values })
    };
    let room = |line: &Line| {
        let key = key(Table::RoomDays, &line.key.room, day)?;
        let owner = owners.get(&line.key.room);
        let mut values = figures(&line.figures);
        let messages = line.messages.unwrap_or_default();
        values.insert(Column::RoomName, line.topic.as_str().into());
        values.insert(Column::Owner, owner.map_or("", |owner| owner.key.person.as_str()).into());
        values.insert(Column::Stage, owner.map_or("", |owner| owner.key.stage.as_str()).into());
        let said = owner.and_then(|owner| owner.said).unwrap_or_default();
        for (column, messages) in [
            (Column::Replies, messages.total()),
            (Column::OwnerReplies, said),
            (Column::PreSalesReplies, messages.pre_sales),
            (Column::AfterSalesReplies, messages.after_sales),
            (Column::OtherStaffReplies, messages.other_staff),
            (Column::CustomerMessages, messages.customer),
        ] {
            values.insert(column, Value::Number(number(messages)));
        }
        Some(Row { key, values })
    };
    Ok(people.iter().filter_map(person).chain(rooms.iter().filter_map(room)).collect())
}

/// Of each room the line of whom most were asked.
fn owners(lines: Vec<Line>) -> BTreeMap<String, Line> {
    let mut lines = lines;
    lines.sort_by_key(|line| Reverse(line.figures.asked));
    let mut owners = BTreeMap::new();
    for line in lines {
        owners.entry(line.key.room.clone()).or_insert(line);
    }
    owners
}

/// A label of the roster may hold blanks, which no key does. `None`: nobody's.
fn key(table: Table, of: &str, day: NaiveDate) -> Option<BusinessKey> {
    let id = of.split_whitespace().collect::<Vec<_>>().join("_");
    BusinessKey::new(table, id, day).ok()
}

fn figures(of: &Figures) -> BTreeMap<Column, Value> {
    let time = |time: Option<TimeDelta>| time.map(|time| Value::Number(minutes(time)));
    let share = |place: usize| of.within.get(place).and_then(|(_, within)| within.share()).map(Value::Number);
    let cells = [
        (Column::Asked, Some(count(of.asked))),
        (Column::Answered, Some(count(of.answered))),
        (Column::Unanswered, Some(count(of.open))),
        (Column::Cancelled, Some(count(of.cancelled))),
        (Column::MeanMinutes, time(of.mean)),
        (Column::MedianMinutes, time(of.median.map(|median| median.time))),
        (Column::P90Minutes, time(of.p90.map(|p90| p90.time))),
        (Column::Within5, share(0)),
        (Column::Within10, share(1)),
        (Column::Within20, share(2)),
        (Column::Within30, share(3)),
        (Column::LongestMinutes, time(of.longest_open)),
        (Column::Promises, Some(count(of.promises.kept + of.promises.open + of.promises.ended))),
        (Column::PromisesKept, Some(count(of.promises.kept))),
    ];
    cells.into_iter().filter_map(|(column, value)| Some((column, value?))).collect()
}

fn count(of: usize) -> Value {
    Value::Number(number(of as u64))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
const fn number(of: u64) -> f64 {
    of as f64
}
