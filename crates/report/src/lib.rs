//! Figures of a period, put together from what `performance` knows of single days: by person, team, room, stage or day, or
//! by who replied. Whoever shows figures reads them here: the command line, files, cards.

mod files;
mod overview;
mod period;
mod silent_rooms;
mod table;
mod waits;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::figures::{Figures, Tally};
use domain::ladder::RungId;
use domain::rules::{Rules, RulesHistory, Stage, Target, Team};
use store::performance::days::{self, Filter, Grouping};
use store::performance::{messages, rooms, silences};
use store::sqlx::{self, PgConnection};

pub use files::{FileError, csv, xlsx};
pub use overview::{Overview, SPREAD, overview};
pub use period::Period;
pub use silent_rooms::{silences_table, silent_rooms};
pub use table::{
    Cell, Table, ending, kind, left_out, met_in_words, sheet, stage, table, target_in_words, team,
};
pub use waits::{lasted, waits, waits_table};

/// Within how many minutes answers are counted: 5, 10, 20, 30.
pub const THRESHOLDS: [RungId; 4] = [RungId(300), TEN_MINUTES, RungId(1_200), RungId(1_800)];
/// The one of them that stands for all where there is room for one.
pub const TEN_MINUTES: RungId = RungId(600);

/// What figures are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Who owned the room.
    Person,
    /// The owner's team.
    Team,
    /// The room.
    Room,
    /// The stage.
    Stage,
    /// The day.
    Day,
    /// Who owned the room, and the day.
    PersonDay,
    /// The room, the day, and who owned it.
    RoomDay,
    /// Who replied, whoever owned the room.
    Replier,
}

impl By {
    /// What the database puts together for it.
    fn grouping(self) -> Grouping {
        Grouping {
            day: matches!(self, Self::Day | Self::PersonDay | Self::RoomDay),
            room: matches!(self, Self::Room | Self::RoomDay),
            owner: matches!(self, Self::Person | Self::PersonDay | Self::RoomDay | Self::Replier),
            team: self == Self::Team,
            stage: matches!(self, Self::Stage | Self::RoomDay),
        }
    }

    const fn is_of_people(self) -> bool {
        matches!(self, Self::Person | Self::PersonDay | Self::Replier)
    }
}

/// Which figures.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Of which days.
    pub period: Period,
    /// Put together by what.
    pub by: By,
    /// Only of this person.
    pub person: Option<&'a str>,
    /// Only of this room, by its key in text form.
    pub room: Option<&'a str>,
    /// Only in this stage.
    pub stage: Option<Stage>,
}

impl<'a> Query<'a> {
    /// What the database is asked for.
    fn filter(&self) -> Filter<'a> {
        let Self { period, person, room, stage, .. } = *self;
        Filter { from: period.from, to: period.to, owner: person, room, stage: stage.map(Stage::name) }
    }

    /// The same of days that are over: as long as one lasts, somebody may say something in a silent room.
    fn filter_over(&self, rules: &Rules, now: Timestamp) -> Filter<'a> {
        let last = rules.day_of(now).pred_opt().unwrap_or_default();
        let filter = self.filter();
        Filter { to: filter.to.min(last), ..filter }
    }
}

/// What a line is about. What it is not put together by is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The day.
    pub day: Option<NaiveDate>,
    /// The person; empty also where nobody owned the room.
    pub person: String,
    /// The owner's team, as the rules write it; empty also where the owner is not in the roster.
    pub team: String,
    /// The room's key in text form.
    pub room: String,
    /// The stage, as the rules write it.
    pub stage: String,
}

/// Messages by role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByRole {
    /// 售前总回复数.
    pub pre_sales: u64,
    /// 售后总回复数.
    pub after_sales: u64,
    /// 其他员工总回复数.
    pub other_staff: u64,
    /// 顾客总回复数.
    pub customer: u64,
}

impl ByRole {
    /// 总回复数.
    pub const fn total(self) -> u64 {
        self.pre_sales + self.after_sales + self.other_staff + self.customer
    }
}

/// How much work somebody had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// How many asked in an hour of working time.
    pub asked_per_hour: f64,
    /// How many waited at once, on the average of working time.
    pub waiting_at_once: f64,
}

/// The figures of one person, room, day …
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What they are about.
    pub key: Key,
    /// The room's name, where they are about one; its key where it has none.
    pub topic: String,
    /// What is known of the waits, duration by duration.
    pub tally: Tally,
    /// Their figures.
    pub figures: Figures,
    /// Of the replies that the person gave, whoever owned the room; where they are about a person.
    pub replied: Option<Figures>,
    /// Messages that the person sent, where they are about one.
    pub said: Option<u64>,
    /// Messages in the room or of the day, where they are about one.
    pub messages: Option<ByRole>,
    /// In how many rooms a customer asked, or the person said something.
    pub rooms: usize,
    /// How many silences reached one of the numbers of working days after which somebody is to follow up, on days that are
    /// over; not by who replied, nor by room and day.
    pub silences: usize,
    /// How much there was to do; where they are about a person or a team, and anybody worked.
    pub load: Option<Load>,
    /// How many asked in each hour of the day.
    pub hours: [u32; 24],
}

/// What is known of a line before it is made.
#[derive(Default)]
struct Group {
    tally: Tally,
    replied: Tally,
    said: u64,
    messages: ByRole,
    rooms: BTreeSet<String>,
    silences: usize,
    hours: [u32; 24],
}

/// Reads the figures of a period as seen at `now`, in order of their keys.
///
/// # Errors
/// If the database does not answer.
pub async fn read(
    connection: &mut PgConnection,
    query: Query<'_>,
    rules: &Rules,
    now: Timestamp,
) -> Result<Vec<Line>, sqlx::Error> {
    let groups = groups(connection, query, rules, now).await?;
    let keys: Vec<String> =
        groups.keys().map(|key| key.room.clone()).filter(|room| !room.is_empty()).collect();
    let topics: BTreeMap<String, String> = rooms::topics(connection, &keys).await?.into_iter().collect();
    let line = |(key, group): (Key, Group)| {
        let topic = topics.get(&key.room).filter(|topic| !topic.is_empty()).unwrap_or(&key.room).clone();
        group.line(key, topic, query, rules, now)
    };
    Ok(groups.into_iter().map(line).collect())
}

async fn groups(
    connection: &mut PgConnection,
    query: Query<'_>,
    rules: &Rules,
    now: Timestamp,
) -> Result<BTreeMap<Key, Group>, sqlx::Error> {
    let (by, person, filter) = (query.by, query.person, query.filter());
    let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
    let mut asked: BTreeSet<(NaiveDate, String)> = BTreeSet::new();
    let grouping = by.grouping();
    if by != By::Replier {
        let whole = Grouping { day: true, room: true, ..grouping };
        let of_person = person.is_some() && !by.is_of_people();
        for day in days::list(connection, filter, if of_person { whole } else { grouping }).await? {
            asked.insert((day.day, day.room.clone()));
            let key = key(by, day.day, &day.owner, &day.team, &day.room, &day.stage);
            groups.entry(key).or_default().count(day);
        }
        for open in days::open(connection, filter).await? {
            asked.insert((open.day, open.room.clone()));
            let key = key(by, open.day, &open.owner, &open.team, &open.room, &open.stage);
            groups.entry(key).or_default().count_open(&open, rules, now);
        }
        if by != By::RoomDay {
            for silent in silences::count(connection, query.filter_over(rules, now), grouping).await? {
                let key = key(by, silent.day, &silent.owner, &silent.team, &silent.room, &silent.stage);
                groups.entry(key).or_default().count_silent(&silent);
            }
        }
    }
    if by.is_of_people() {
        for replies in days::replies(connection, filter, grouping.day).await? {
            let key = key(by, replies.day, &replies.person, "", "", "");
            groups.entry(key).or_default().replied.replies.extend(replies.replies);
        }
    }
    // To which stage a message belongs is not known, and teams and stages show none.
    if query.stage.is_none() && !matches!(by, By::Team | By::Stage) {
        count_messages(connection, filter, by, &asked, &mut groups).await?;
    }
    Ok(groups)
}

/// Of one person's figures by room or day the messages are those of the rooms and days on which they were `asked`, whoever
/// sent them.
async fn count_messages(
    connection: &mut PgConnection,
    filter: Filter<'_>,
    by: By,
    asked: &BTreeSet<(NaiveDate, String)>,
    groups: &mut BTreeMap<Key, Group>,
) -> Result<(), sqlx::Error> {
    let spoken_by = filter.owner.filter(|_| by.is_of_people());
    let of_asked = filter.owner.is_some() && !by.is_of_people();
    let whole = Grouping { day: true, room: true, ..by.grouping() };
    let grouping = if of_asked { whole } else { by.grouping() };
    let mut said = messages::list(connection, Filter { owner: spoken_by, ..filter }, grouping).await?;
    if of_asked {
        said.retain(|said| asked.contains(&(said.day, said.room.clone())));
    }
    let lines_of = if by == By::RoomDay { lines_of_rooms(&said, groups) } else { BTreeMap::new() };
    for said in &said {
        count_said(groups, &lines_of, by, said);
    }
    Ok(())
}

fn key(by: By, day: NaiveDate, owner: &str, team: &str, room: &str, stage: &str) -> Key {
    let (key, day) = (Key::default(), Some(day));
    match by {
        By::Person | By::Replier => Key { person: owner.into(), ..key },
        By::Team => Key { team: team.into(), ..key },
        By::Room => Key { room: room.into(), ..key },
        By::Stage => Key { stage: stage.into(), ..key },
        By::Day => Key { day, ..key },
        By::PersonDay => Key { day, person: owner.into(), ..key },
        By::RoomDay => Key { day, person: owner.into(), room: room.into(), stage: stage.into(), ..key },
    }
}

/// The lines of each room and day. To whom of several owners of a day a message belongs is not known, so that each line
/// has all of them; a day without waits has a line of nobody's.
type LinesOfRooms = BTreeMap<(NaiveDate, String), Vec<Key>>;

fn lines_of_rooms(said: &[messages::Messages], groups: &BTreeMap<Key, Group>) -> LinesOfRooms {
    let rooms = said.iter().map(|said| ((said.day, said.room.clone()), Vec::new()));
    let mut lines: LinesOfRooms = rooms.collect();
    for key in groups.keys() {
        let of_room = key.day.and_then(|day| lines.get_mut(&(day, key.room.clone())));
        if let Some(keys) = of_room {
            keys.push(key.clone());
        }
    }
    for ((day, room), keys) in &mut lines {
        if keys.is_empty() {
            keys.push(Key { day: Some(*day), room: room.clone(), ..Key::default() });
        }
    }
    lines
}

/// Messages count for whoever sent them, for the room and for the day.
fn count_said(groups: &mut BTreeMap<Key, Group>, lines_of: &LinesOfRooms, by: By, said: &messages::Messages) {
    let count = u64::try_from(said.messages).unwrap_or_default();
    match by {
        By::Person | By::PersonDay | By::Replier if !said.person.is_empty() => {
            let group = groups.entry(key(by, said.day, &said.person, "", "", "")).or_default();
            group.said += count;
            group.rooms.extend(said.rooms.iter().cloned());
        }
        By::Room | By::Day => {
            let group = groups.entry(key(by, said.day, "", "", &said.room, "")).or_default();
            group.messages.add(&said.role, count);
            group.rooms.extend(said.rooms.iter().cloned());
        }
        By::RoomDay => {
            let of_room = lines_of.get(&(said.day, said.room.clone())).cloned().unwrap_or_default();
            for key in of_room {
                let group = groups.entry(key.clone()).or_default();
                group.messages.add(&said.role, count);
                if !said.person.is_empty() && said.person == key.person {
                    group.said += count;
                }
            }
        }
        _ => {}
    }
}

impl ByRole {
    fn add(&mut self, role: &str, count: u64) {
        match role {
            "pre_sales" => self.pre_sales += count,
            "after_sales" => self.after_sales += count,
            "other_staff" => self.other_staff += count,
            _ => self.customer += count,
        }
    }
}

impl Group {
    fn count(&mut self, day: days::Day) {
        self.tally.add(&day.tally);
        self.rooms.extend(day.rooms);
        for (own, count) in self.hours.iter_mut().zip(day.hours) {
            *own += u32::try_from(count).unwrap_or_default();
        }
    }

    fn count_open(&mut self, open: &days::Open, rules: &Rules, now: Timestamp) {
        if open.promise {
            self.tally.promised.open += 1;
            return;
        }
        let stage = open.stage.parse().unwrap_or_default();
        self.tally.lasting.push(rules.calendar(stage).working_time(open.opened_at, now));
        self.rooms.insert(open.room.clone());
    }

    fn count_silent(&mut self, silent: &silences::Silences) {
        self.silences += usize::try_from(silent.silences).unwrap_or_default();
    }

    fn line(self, key: Key, topic: String, query: Query<'_>, rules: &Rules, now: Timestamp) -> Line {
        let is_of_person = query.by.is_of_people();
        let load = match query.by {
            By::Person | By::PersonDay | By::Team => self.load(&key, query.period, rules, now),
            _ => None,
        };
        let has_messages = matches!(query.by, By::Room | By::Day | By::RoomDay) && query.stage.is_none();
        Line {
            topic,
            figures: self.tally.clone().figures(&THRESHOLDS),
            replied: is_of_person.then(|| self.replied.figures(&THRESHOLDS)),
            said: ((is_of_person || query.by == By::RoomDay) && query.stage.is_none()).then_some(self.said),
            messages: has_messages.then_some(self.messages),
            rooms: self.rooms.len(),
            silences: self.silences,
            load,
            hours: self.hours,
            tally: self.tally,
            key,
        }
    }

    fn load(&self, key: &Key, period: Period, rules: &Rules, now: Timestamp) -> Option<Load> {
        let period = key.day.map_or(period, Period::day);
        let team =
            rules.roster.iter().find(|entry| entry.name.as_str() == key.person).map(|entry| entry.team);
        let of_key =
            [Team::PreSales, Team::AfterSales, Team::Other].into_iter().find(|team| team.name() == key.team);
        let stage = team.or(of_key).and_then(Team::stage).unwrap_or_default();
        let hours = hours(working_time(rules, stage, period, now));
        #[expect(clippy::cast_precision_loss, reason = "numbers of waits are far below 2^52")]
        let asked = self.tally.asked() as f64;
        (hours > 0.0).then(|| Load {
            asked_per_hour: asked / hours,
            waiting_at_once: self::hours(self.tally.time_waited()) / hours,
        })
    }
}

/// Working time of a stage in a period, as far as it has passed.
fn working_time(rules: &Rules, stage: Stage, period: Period, now: Timestamp) -> TimeDelta {
    rules.calendar(stage).working_time(rules.day_begins(period.from), end(period, rules).min(now))
}

/// What is to be reached in a period: by the rules in force at its end, or now.
pub fn targets(period: Period, history: &RulesHistory, now: Timestamp) -> &[Target] {
    let last = end(period, history.at(now)) - TimeDelta::milliseconds(1);
    &history.at(last.min(now)).targets
}

/// When a period is over.
pub fn end(period: Period, rules: &Rules) -> Timestamp {
    period.to.succ_opt().map_or(Timestamp::MAX_UTC, |day| rules.day_begins(day))
}

#[expect(clippy::cast_precision_loss, reason = "any real span in milliseconds fits a double exactly")]
fn hours(time: TimeDelta) -> f64 {
    time.num_milliseconds() as f64 / 3_600_000.0
}
