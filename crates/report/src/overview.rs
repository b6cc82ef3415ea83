//! Everything that a page shows of a period, from one reading of its days: the lines by person, room or stage, those by day,
//! all of it together, how reply times spread, and when customers ask.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, TimeDelta};
use domain::Timestamp;
use domain::rules::Rules;
use store::performance::days::{self, Filter, Grouping};
use store::performance::{rooms, silences};
use store::sqlx::{self, PgConnection};

use super::{By, Group, Key, Line, Query, count_messages, key};

/// Up to how many minutes the parts reach in which reply times are counted; the last one has no end.
pub const SPREAD: [i64; 8] = [1, 2, 5, 10, 20, 30, 60, 120];

/// What a page shows of a period.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// By what was asked for.
    pub lines: Vec<Line>,
    /// By day; none where they are by room.
    pub days: Vec<Line>,
    /// All of it.
    pub all: Line,
    /// How many replies took so long, by the parts of [`SPREAD`] and what is longer.
    pub spread: [usize; SPREAD.len() + 1],
    /// How many asked, from Monday on, by the hour of the day; none where lines are by room.
    pub hours: [[u32; 24]; 7],
}

/// Reads it as seen at `now`; `query.by` is a person, a room, a stage or a team.
///
/// # Errors
/// If the database does not answer.
pub async fn overview(
    connection: &mut PgConnection,
    query: Query<'_>,
    rules: &Rules,
    now: Timestamp,
) -> Result<Overview, sqlx::Error> {
    let (by, filter) = (query.by, query.filter());
    let mut groups = Groups::default();
    // Each room of each day would be many more rows than those of which a page is made.
    let by_day = by != By::Room;
    for day in days::list(connection, filter, Grouping { day: by_day, ..by.grouping() }).await? {
        groups.all.tally.add(&day.tally);
        if by_day {
            groups.count_day(&day);
        }
        groups.count_line(by, day);
    }
    for open in days::open(connection, filter).await? {
        groups.count_open(by, &open, rules, now);
    }
    groups.count_silences(connection, query.filter_over(rules, now), by).await?;
    if by == By::Person {
        for replies in days::replies(connection, filter, false).await? {
            let line = key(by, replies.day, &replies.person, "", "", "");
            groups.lines.entry(line).or_default().replied.replies.extend(replies.replies);
        }
        if query.stage.is_none() {
            count_messages(connection, filter, by, &BTreeSet::new(), &mut groups.lines).await?;
        }
    }
    let keys: Vec<String> = match by {
        By::Room => groups.lines.keys().map(|key| key.room.clone()).collect(),
        _ => Vec::new(),
    };
    let topics = rooms::topics(connection, &keys).await?.into_iter().collect();
    Ok(groups.overview(&topics, query, rules, now))
}

#[derive(Default)]
struct Groups {
    lines: BTreeMap<Key, Group>,
    days: BTreeMap<Key, Group>,
    all: Group,
    hours: [[u32; 24]; 7],
}

impl Groups {
    fn count_line(&mut self, by: By, day: days::Day) {
        let line = key(by, day.day, &day.owner, &day.team, &day.room, &day.stage);
        self.lines.entry(line).or_default().count(day);
    }

    fn count_day(&mut self, day: &days::Day) {
        let of_week = day.day.weekday().num_days_from_monday() as usize;
        for (own, count) in self.hours[of_week].iter_mut().zip(&day.hours) {
            *own += u32::try_from(*count).unwrap_or_default();
        }
        self.days.entry(Key { day: Some(day.day), ..Key::default() }).or_default().tally.add(&day.tally);
    }

    fn count_open(&mut self, by: By, open: &days::Open, rules: &Rules, now: Timestamp) {
        let line = key(by, open.day, &open.owner, &open.team, &open.room, &open.stage);
        let day = Key { day: Some(open.day), ..Key::default() };
        if by != By::Room {
            self.days.entry(day).or_default().count_open(open, rules, now);
        }
        self.all.count_open(open, rules, now);
        self.lines.entry(line).or_default().count_open(open, rules, now);
    }

    /// A silence that reached several numbers of days is one, of whatever there is more than one day of.
    async fn count_silences(
        &mut self,
        connection: &mut PgConnection,
        filter: Filter<'_>,
        by: By,
    ) -> Result<(), sqlx::Error> {
        for silent in silences::count(connection, filter, by.grouping()).await? {
            let line = key(by, silent.day, &silent.owner, &silent.team, &silent.room, &silent.stage);
            self.lines.entry(line).or_default().count_silent(&silent);
        }
        for silent in silences::count(connection, filter, Grouping::default()).await? {
            self.all.count_silent(&silent);
        }
        Ok(())
    }

    fn overview(
        self,
        topics: &BTreeMap<String, String>,
        query: Query<'_>,
        rules: &Rules,
        now: Timestamp,
    ) -> Overview {
        let spread = spread(&self.all.tally.replies);
        let line = |(key, group): (Key, Group), query: Query<'_>| {
            let topic = topics.get(&key.room).filter(|topic| !topic.is_empty()).unwrap_or(&key.room).clone();
            group.line(key, topic, query, rules, now)
        };
        let by_day = Query { by: By::Day, ..query };
        Overview {
            lines: self.lines.into_iter().map(|of| line(of, query)).collect(),
            days: self.days.into_iter().map(|of| line(of, by_day)).collect(),
            all: line(
                (Key { person: query.person.unwrap_or_default().to_owned(), ..Key::default() }, self.all),
                query,
            ),
            spread,
            hours: self.hours,
        }
    }
}

fn spread(replies: &[TimeDelta]) -> [usize; SPREAD.len() + 1] {
    let mut counts = [0; SPREAD.len() + 1];
    for reply in replies {
        counts[SPREAD.partition_point(|minutes| *reply > TimeDelta::minutes(*minutes))] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_lies_in_the_first_part_that_it_does_not_exceed() {
        let replies = [0, 60, 61, 300, 301, 7_200, 7_201].map(TimeDelta::seconds);
        assert_eq!(spread(&replies), [2, 1, 1, 1, 0, 0, 0, 1, 1]);
    }
}
