//! Which rows are to stand in Huoban: the figures of each person and of each room, by day.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::figures::minutes;
use domain::rules::Rules;
use huoban::{BusinessKey, Column, Row, Table, Value};
use report::{By, ByRole, Line, Period, Query, read, stage, team};
use runtime::telemetry::chain;
use runtime::{Context, http};
use store::performance::rooms;
use store::rules::{RulesCache, RulesError};
use store::sqlx::{self, PgConnection};

use super::problems::Problems;
use super::{Engine, Report};

/// What [`runtime::health`] knows the loop by.
const PART: &str = "huoban";
/// How often the part says that it lives while a round lasts.
const BEAT_EVERY: Duration = Duration::from_secs(5);
/// A round that lasts longer is stuck: with most rows and fewest calls a second one may take hours.
const LONGEST_ROUND: Duration = Duration::from_hours(4);
/// Days whose figures still change by themselves.
const LIVE_DAYS: u64 = 2;
/// A comparison that was not made is tried again after this: in between, calls are left to the rows.
const COMPARE_AGAIN: TimeDelta = TimeDelta::hours(1);
/// While so many rooms are to be counted, no row is taken for one that nobody counts any more.
const MANY_BEHIND: u8 = 20;

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
    let engine = Engine::new(settings, http::client()?, ctx.clock.clone(), ctx.faults.clone());
    let mut feed = Feed {
        ctx: &ctx,
        engine,
        rules: RulesCache::default(),
        compared: None,
        compare_again: None,
        problems: Problems::default(),
    };
    loop {
        if ctx.shutdown.cut(feed.round_with_beats()).await.is_none() {
            return Ok(());
        }
        // Nothing is to be done until then, which is longer than a part may be silent.
        ctx.health.done(PART);
        let next = ctx.clock.real(settings.sync_every.as_duration());
        if !ctx.shutdown.sleep(next).await {
            return Ok(());
        }
    }
}

struct Feed<'c> {
    ctx: &'c Context,
    engine: Engine,
    rules: RulesCache,
    /// The day on which all that is kept up was compared last.
    compared: Option<NaiveDate>,
    /// When a comparison that was not made is tried again.
    compare_again: Option<Timestamp>,
    problems: Problems,
}

/// What came of a round.
struct Done {
    report: Report,
    /// From which day on all rows were handed in.
    first: NaiveDate,
    compared: bool,
}

impl Feed<'_> {
    /// A round takes as long as its calls do: the part lives meanwhile, up to a limit.
    async fn round_with_beats(&mut self) {
        let health = self.ctx.health.clone();
        let began = Instant::now();
        let beats = async {
            while began.elapsed() < LONGEST_ROUND {
                health.beat(PART);
                tokio::time::sleep(BEAT_EVERY).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = self.round_and_tell() => {}
            () = beats => {}
        }
    }

    async fn round_and_tell(&mut self) {
        let done = self.round().await;
        let now = self.ctx.clock.now();
        match done {
            Ok(Done { report, first, compared }) => self.problems.note(&report, first, compared, now),
            Err(error) => {
                tracing::warn!(error = chain(&error), "the rows for Huoban could not be made");
                self.problems.note_failed(now);
            }
        }
        let told = self.problems.told(now);
        metrics::gauge!("huoban_needs_people").set(f64::from(u8::from(!told.is_empty())));
        self.ctx.health.report_huoban(told);
    }

    /// Brings the rows of today and yesterday up to date, and once a day compares all that is kept up.
    async fn round(&mut self) -> Result<Done, RoundError> {
        let now = self.ctx.clock.now();
        let mut connection = self.ctx.db.acquire().await?;
        let history = self.rules.get(&mut connection).await?;
        let in_force = history.at(now);
        let today = in_force.day_of(now);
        let compares =
            self.is_comparison_due(today, in_force, now) && !is_partly_counted(&mut connection).await?;
        let compare_days = u64::from(self.ctx.config.huoban.compare_days);
        let days = if compares { compare_days.max(LIVE_DAYS) } else { LIVE_DAYS };
        let first = today.checked_sub_days(Days::new(days.saturating_sub(1))).unwrap_or(today);
        let mut rows = Vec::new();
        for day in first.iter_days().take_while(|day| *day <= today) {
            rows.extend(rows_of(&mut connection, day, in_force, now).await?);
        }
        drop(connection);
        if compares {
            return Ok(self.compare(first, today, rows, now).await?);
        }
        let report = self.engine.sync(&self.ctx.db, rows).await?;
        Ok(Done { report, first, compared: false })
    }

    fn is_comparison_due(&self, today: NaiveDate, rules: &Rules, now: Timestamp) -> bool {
        let at = self.ctx.config.huoban.compare_at.on(today, rules.time_zone);
        let waits = self.compare_again.is_some_and(|again| now < again);
        self.compared != Some(today) && at.is_some_and(|at| at <= now) && !waits
    }

    /// What keeps a comparison from its end need not keep rows from being written: the rounds that follow write them.
    async fn compare(
        &mut self,
        first: NaiveDate,
        today: NaiveDate,
        rows: Vec<Row>,
        now: Timestamp,
    ) -> Result<Done, sqlx::Error> {
        let report = self.engine.compare(&self.ctx.db, first, today, rows).await?;
        let is_complete = report.stopped.is_none();
        (self.compared, self.compare_again) =
            if is_complete { (Some(today), None) } else { (self.compared, Some(now + COMPARE_AGAIN)) };
        self.problems.note_comparison(is_complete, now);
        Ok(Done { report, first, compared: true })
    }
}

/// Whether so many rooms are not counted, as after a rebuild, that a row without figures may yet get some.
async fn is_partly_counted(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let behind = rooms::behind(connection, "", MANY_BEHIND.into()).await?;
    if behind.len() < usize::from(MANY_BEHIND) {
        return Ok(false);
    }
    tracing::info!("what stands in Huoban is not compared yet: many rooms are still to be counted");
    Ok(true)
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
    let room_days = read(connection, of(By::RoomDay), rules, now).await?;
    let said = said_in_rooms_of(&room_days);
    let owners = owners(room_days);
    // Without a name it is a line of nobody's rooms.
    let person = |line: &Line| {
        let key = BusinessKey::new(Table::PersonDays, &line.key.person, day).ok()?;
        let entry = rules.roster.iter().find(|entry| entry.name.as_str() == line.key.person);
        let mut values = figures(line);
        values.insert(Column::Owner, line.key.person.as_str().into());
        values.insert(Column::Team, entry.map_or("", |entry| team(entry.team.name())).into());
        values.insert(Column::Rooms, count(line.rooms));
        values.insert(Column::SilentRooms, count(line.silences));
        values.extend(messages(said.get(&line.key.person).copied().unwrap_or_default()));
        Some(Row { key, values })
    };
    let room = |line: &Line| {
        let key = BusinessKey::new(Table::RoomDays, &line.key.room, day).ok()?;
        let owner = owners.get(&line.key.room);
        let mut values = figures(line);
        values.insert(Column::RoomName, line.topic.as_str().into());
        values.insert(Column::Owner, owner.map_or("", |owner| owner.key.person.as_str()).into());
        values.insert(Column::Stage, owner.map_or("", |owner| stage(&owner.key.stage)).into());
        let by_owner = owner.and_then(|owner| owner.said).unwrap_or_default();
        values.insert(Column::OwnerReplies, Value::Number(number(by_owner)));
        values.extend(messages(line.messages.unwrap_or_default()));
        Some(Row { key, values })
    };
    // That a room is silent is no day of its own.
    let rooms = rooms.iter().filter(|line| line.silences == 0 || line.rooms > 0);
    Ok(people.iter().filter_map(person).chain(rooms.filter_map(room)).collect())
}

fn messages(of: ByRole) -> [(Column, Value); 5] {
    [
        (Column::Replies, of.total()),
        (Column::PreSalesReplies, of.pre_sales),
        (Column::AfterSalesReplies, of.after_sales),
        (Column::OtherStaffReplies, of.other_staff),
        (Column::CustomerMessages, of.customer),
    ]
    .map(|(column, messages)| (column, Value::Number(number(messages))))
}

/// What was said, by role, in the rooms in which customers asked each person.
fn said_in_rooms_of(owned: &[Line]) -> BTreeMap<String, ByRole> {
    // A room has a line for each stage in which it was on that day, with all of its messages.
    let rooms: BTreeMap<(&str, &str), ByRole> = owned
        .iter()
        .filter_map(|line| Some(((line.key.person.as_str(), line.key.room.as_str()), line.messages?)))
        .collect();
    let mut said: BTreeMap<String, ByRole> = BTreeMap::new();
    for ((person, _), messages) in rooms {
        let of = said.entry(person.to_owned()).or_default();
        of.pre_sales += messages.pre_sales;
        of.after_sales += messages.after_sales;
        of.other_staff += messages.other_staff;
        of.customer += messages.customer;
    }
    said
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

fn figures(line: &Line) -> BTreeMap<Column, Value> {
    let of = &line.figures;
    let longest = line.tally.replies.iter().chain(&line.tally.lasting).max().copied();
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
        (Column::LongestMinutes, time(longest)),
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
