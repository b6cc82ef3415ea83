//! The figures of a card, read when it is frozen: it says until when.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta, Weekday};
use domain::Timestamp;
use domain::figures::Tally;
use domain::id::StaffName;
use domain::notification::Step;
use domain::rules::{Reached, Rules, RulesHistory, Stage, Target};
use report::{By, Line, Period, Query, read};
use store::alerts::notifications::Address;
use store::performance::days::{self, Filter};
use store::performance::{inputs, rooms};
use store::sqlx::{self, PgConnection};

use super::card::Figured;
use crate::address_book::AddressBook;

/// Figures that are older are said to be old.
const FRESH: TimeDelta = TimeDelta::minutes(5);
/// Who still waits, as many as are named.
const MOST_WAITING: usize = 5;

/// What a card with figures is made from.
#[derive(Debug, Clone)]
pub struct FiguresOf {
    pub figured: Figured,
    /// The card's day, or the week after the card's, is not over.
    is_of_today: bool,
}

impl FiguresOf {
    pub async fn read(
        connection: &mut PgConnection,
        (owner, step): (Option<&StaffName>, Step),
        history: &RulesHistory,
        now: Timestamp,
    ) -> Result<Self, sqlx::Error> {
        let rules = history.at(now);
        let today = rules.day_of(now);
        let (period, is_of_today) = match step {
            Step::Week(monday) => {
                let this = today.week(Weekday::Mon).first_day();
                (Period::week(monday), (this - monday).num_days() == 7)
            }
            Step::Day(day) => (Period::day(day), day == today),
            _ => (Period::day(today), false),
        };
        let person = owner.map(StaffName::as_str);
        let query = Query { period, by: By::Person, person, room: None, stage: None };
        let people = read(connection, query, rules, now).await?;
        let waiting = if matches!(step, Step::Day(_)) {
            waiting(connection, person, rules, now).await?
        } else {
            Vec::new()
        };
        let targets = match (owner, step) {
            (None, Step::Week(_)) => targets(connection, period, history, now).await?,
            _ => Vec::new(),
        };
        let seen = inputs::taken_in(connection).await?.map(|seen| seen.scanned_at);
        let old_since = seen.filter(|seen| now - *seen > FRESH);
        let (owner, total) = (owner.cloned(), total(&people));
        let figured = Figured { period, owner, total, people, targets, waiting, old_since };
        Ok(Self { figured, is_of_today })
    }

    /// Whether there is anything to say at an address, which may have become somebody else's.
    pub fn is_wanted(&self, to: &Address, book: AddressBook<'_>) -> bool {
        let Figured { total, old_since, owner, .. } = &self.figured;
        let is_theirs = match owner {
            Some(owner) => book.own(owner).as_ref() == Some(to),
            None => book.is_shared(to) || book.is_of_manager(to),
        };
        let is_something = total.asked() + total.promised.kept.len() > 0 || old_since.is_some();
        self.is_of_today && is_theirs && is_something
    }
}

fn total(lines: &[Line]) -> Tally {
    let mut total = Tally::default();
    for line in lines {
        total.add(&line.tally);
    }
    total
}

/// What each team was to reach in a period, and how far it did.
async fn targets(
    connection: &mut PgConnection,
    period: Period,
    history: &RulesHistory,
    now: Timestamp,
) -> Result<Vec<(Target, Reached)>, sqlx::Error> {
    let targets = report::targets(period, history, now);
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let query = Query { period, by: By::Team, person: None, room: None, stage: None };
    let lines = read(connection, query, history.at(now), now).await?;
    let reached = |target: &Target| {
        let line = lines.iter().find(|line| line.key.team == target.team.name());
        target.reached(line.map_or(&Tally::default(), |line| &line.tally))
    };
    Ok(targets.iter().map(|target| (target.clone(), reached(target))).collect())
}

/// Who waits now, whenever they asked: room and working time, the longest first.
async fn waiting(
    connection: &mut PgConnection,
    person: Option<&str>,
    rules: &Rules,
    now: Timestamp,
) -> Result<Vec<(String, TimeDelta)>, sqlx::Error> {
    let filter = Filter {
        from: NaiveDate::default(),
        to: rules.day_of(now) + TimeDelta::days(31),
        owner: person,
        room: None,
        stage: None,
    };
    let open = days::open(connection, filter).await?;
    let lasting = |open: &days::Open| {
        let stage: Stage = open.stage.parse().unwrap_or_default();
        rules.calendar(stage).working_time(open.opened_at, now)
    };
    let mut found: Vec<(String, TimeDelta)> =
        open.iter().filter(|open| !open.promise).map(|open| (open.room.clone(), lasting(open))).collect();
    found.sort_by_key(|(room, time)| (Reverse(*time), room.clone()));
    found.truncate(MOST_WAITING);
    let keys: Vec<String> = found.iter().map(|(room, _)| room.clone()).collect();
    let topics: BTreeMap<String, String> =
        rooms::topics(connection, &keys).await?.into_iter().filter(|(_, topic)| !topic.is_empty()).collect();
    Ok(found.into_iter().map(|(room, time)| (topics.get(&room).cloned().unwrap_or(room), time)).collect())
}
