//! `huiyin report`: the figures of a period, on the terminal or as a file for spreadsheets.

use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context as _;
use chrono::NaiveDate;
use domain::Timestamp;
use domain::rules::{RulesHistory, Stage};
use report::{By, Cell, Period, Query, Table};
use runtime::Clock;
use runtime::main_wrapper::connect_options;
use sqlx::{Connection as _, PgConnection};
use store::role::Role;

use crate::apply::connect;
use crate::failure::{self, Failure};
use crate::installation::Target;
use crate::priority::room_key;
use crate::text::on_one_line;
use crate::wording;

/// What it uses of the configuration.
const USED: [&str; 4] = ["database.host", "database.port", "database.name", "database.passwords.reader"];
/// Single waits or rooms that are listed, at most.
const MOST_LISTED: i64 = 10_000;

/// What `report` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Of one day [default: today]
    #[arg(long, value_name = "YYYY-MM-DD", num_args = 0..=1, default_missing_value = "today", group = "period")]
    day: Option<Day>,
    /// Of the week, from Monday on, that this day lies in [default: this week]
    #[arg(long, value_name = "YYYY-MM-DD", num_args = 0..=1, default_missing_value = "today", group = "period")]
    week: Option<Day>,
    /// Of the month that this day lies in [default: this month]
    #[arg(long, value_name = "YYYY-MM-DD", num_args = 0..=1, default_missing_value = "today", group = "period")]
    month: Option<Day>,
    /// Put together by what
    #[arg(long, value_enum, default_value = "person")]
    by: Grouping,
    /// Only of this person, by the name in the roster
    #[arg(long)]
    person: Option<String>,
    /// Only of this room: its key, like `wechaty:R-1`, or its whole name
    #[arg(long)]
    room: Option<String>,
    /// Only in this stage: pre-sales or after-sales
    #[arg(long)]
    stage: Option<Stage>,
    /// List the single waits instead, the longest first
    #[arg(long, group = "list")]
    waits: bool,
    /// List the silent rooms instead, the longest silence first
    #[arg(long, group = "list")]
    silences: bool,
    /// Write a file of comma-separated values
    #[arg(long, value_name = "FILE", group = "file")]
    csv: Option<PathBuf>,
    /// Write an Excel workbook
    #[arg(long, value_name = "FILE", group = "file")]
    xlsx: Option<PathBuf>,
}

/// A day, by its date or `today`.
#[derive(Debug, Clone, Copy)]
enum Day {
    Today,
    Of(NaiveDate),
}

impl FromStr for Day {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "today" { Ok(Self::Today) } else { text.parse().map(Self::Of) }
    }
}

impl Day {
    const fn or(self, today: NaiveDate) -> NaiveDate {
        match self {
            Self::Today => today,
            Self::Of(day) => day,
        }
    }
}

/// What figures are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Grouping {
    /// Who owned the room
    Person,
    /// The owner's team
    Team,
    /// The room
    Room,
    /// The stage
    Stage,
    /// The day
    Day,
    /// Who owned the room, and the day
    PersonDay,
    /// The room and the day
    RoomDay,
    /// Who replied, whoever owned the room
    Replier,
    /// The room and the day, in the columns of the sheet 今日群聊
    Sheet,
}

impl Grouping {
    const fn by(self) -> By {
        match self {
            Self::Person => By::Person,
            Self::Team => By::Team,
            Self::Room => By::Room,
            Self::Stage => By::Stage,
            Self::Day => By::Day,
            Self::PersonDay => By::PersonDay,
            Self::RoomDay | Self::Sheet => By::RoomDay,
            Self::Replier => By::Replier,
        }
    }
}

pub(crate) async fn run(args: &Args, target: &Target) -> failure::Result<()> {
    let config = target.running()?.config(&USED)?;
    let mut reader = connect(&config.database, connect_options(&config.database, Role::Reader)?).await?;
    // Waits that end while they are read are in one figure, and not in two or none.
    store::dump::begin_snapshot(&mut reader).await.context("the database could not be read")?;
    let history = store::rules::history(&mut reader).await.context("the rules could not be read")?;
    let now = Clock::system().now();
    let period = args.period(history.at(now).day_of(now));
    let table = args.table(&mut reader, period, &history, now).await?;
    reader.close().await.ok();
    args.hand_over(&table, period)
}

impl Args {
    fn period(&self, today: NaiveDate) -> Period {
        match self {
            Self { week: Some(day), .. } => Period::week(day.or(today)),
            Self { month: Some(day), .. } => Period::month(day.or(today)),
            Self { day, .. } => Period::day(day.map_or(today, |day| day.or(today))),
        }
    }

    async fn table(
        &self,
        reader: &mut PgConnection,
        period: Period,
        history: &RulesHistory,
        now: Timestamp,
    ) -> failure::Result<Table> {
        let rules = history.at(now);
        let room = match &self.room {
            Some(room) => Some(room_key(reader, room).await?.to_string()),
            None => None,
        };
        let by = self.by.by();
        let person = self.person.as_deref().map(str::trim);
        let query = Query { period, by, person, room: room.as_deref(), stage: self.stage };
        if self.waits {
            let waits = report::waits(reader, query, MOST_LISTED, rules, now).await;
            return Ok(waits.context("the waits could not be read")?);
        }
        if self.silences {
            let found = report::silent_rooms(reader, query, MOST_LISTED, rules, now).await;
            return Ok(report::silences_table(&found.context("the silent rooms could not be read")?, |_| {
                true
            }));
        }
        let lines = report::read(reader, query, rules, now).await.context("the figures could not be read")?;
        let targets = report::targets(period, history, now);
        let sheet = self.by == Grouping::Sheet;
        Ok(if sheet { report::sheet(&lines) } else { report::table(&lines, by, targets) })
    }

    fn hand_over(&self, table: &Table, period: Period) -> failure::Result<()> {
        let is_list = self.waits || self.silences;
        if is_list && i64::try_from(table.rows.len()) == Ok(MOST_LISTED) {
            println!("{}", wording::only_the_longest(table.rows.len()));
        }
        let (path, bytes) = match (&self.csv, &self.xlsx) {
            (Some(path), _) => (path, report::csv(table)),
            (_, Some(path)) => (path, report::xlsx(table, "报表")),
            _ => {
                println!("{}", wording::figures_of(period.from, period.to, table.rows.len()));
                print!("{}", listed(table));
                return Ok(());
            }
        };
        let bytes = bytes.context("the file could not be made")?;
        fs::write(path, bytes).map_err(|error| {
            Failure::Failed(
                anyhow::Error::new(error).context(format!("{} cannot be written", path.display())),
            )
        })?;
        println!("{}", wording::written(path, table.rows.len()));
        Ok(())
    }
}

/// Each row by its columns, what is empty left out: a terminal is too narrow for all of them side by side.
fn listed(table: &Table) -> String {
    let mut text = String::new();
    for row in &table.rows {
        let cells = table.columns.iter().zip(row).filter_map(|(column, cell)| shown(column, cell));
        text.push_str(&on_one_line(&cells.collect::<Vec<_>>().join("  ")));
        text.push('\n');
    }
    text
}

fn shown(column: &str, cell: &Cell) -> Option<String> {
    let says_something = !matches!(cell, Cell::Empty | Cell::Count(0));
    says_something.then(|| format!("{column} {cell}"))
}
