//! Who said what and when in the invented month. No I/O: the same company, seed and moment give the same month.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, TimeDelta, Timelike as _, Utc};
use domain::calendar::Calendar;
use domain::rules::{Rules, Stage};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::sentences::{self, FOR_NOBODY, GREETINGS, HOLDING, OPEN, THANKS};

const SEED: u64 = 20;
/// Whole weeks before the one that is now.
const WEEKS: u64 = 4;
/// All that was begun by then has ended before now; nothing begins after it.
const QUIET: TimeDelta = TimeDelta::minutes(10);
/// How long the two who still wait at the end have waited.
const WAITING: [TimeDelta; 2] = [TimeDelta::seconds(95), TimeDelta::seconds(35)];
/// Of ten questions so many come in each hour, from 9:00.
const HOURS: [(u32, f64); 8] =
    [(9, 0.7), (10, 1.0), (11, 0.8), (13, 0.4), (14, 0.9), (15, 1.0), (16, 0.8), (17, 0.5)];
/// Hours in which a customer writes though nobody works.
const EVENING: std::ops::Range<u32> = 19..22;
const EVENING_QUESTION: f64 = 0.12;
const WEEKEND_QUESTION: f64 = 0.15;

/// A group of the month, and how things go in it.
pub struct Group<'w> {
    /// Its room's id.
    pub room: &'w str,
    pub stage: Stage,
    /// Contact ids.
    pub customer: &'w str,
    pub owner: &'w str,
    /// Who replies now and then in the owner's place.
    pub colleague: &'w str,
    /// The owner's usual time to a reply.
    pub pace: Pace,
    /// Questions of a working day, about.
    pub questions: u32,
    /// Which of those who still wait at the end is here, if one is.
    pub waits: Option<usize>,
}

/// Minutes to a usual reply, when the month begins and when it ends.
#[derive(Debug, Clone, Copy)]
pub struct Pace(pub f64, pub f64);

/// What happens in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    Said {
        at: DateTime<Utc>,
        /// Contact id.
        by: String,
        text: String,
    },
    /// The last thing said needs no reply, as its owner decides.
    Cancelled { at: DateTime<Utc> },
}

impl Happening {
    pub const fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Said { at, .. } | Self::Cancelled { at } => *at,
        }
    }
}

/// When the month begins: on a Monday.
pub fn begin(rules: &Rules, now: DateTime<Utc>) -> DateTime<Utc> {
    let today = rules.day_of(now);
    let days = WEEKS * 7 + u64::from(today.weekday().num_days_from_monday());
    rules.day_begins(today - Days::new(days))
}

/// What happened in a group until now, in order, by rules whose calendars are those of the month.
pub fn happenings(group: &Group<'_>, rules: &Rules, now: DateTime<Utc>) -> Vec<Happening> {
    let seed = group.room.bytes().fold(SEED, |seed, byte| seed.wrapping_mul(31) + u64::from(byte));
    let begin = begin(rules, now);
    let month = Month { group, rules, begin, length: now - begin };
    let mut dice = StdRng::seed_from_u64(seed);
    let mut all = Vec::new();
    let mut free = begin;
    for day in rules.day_of(begin).iter_days().take_while(|day| *day <= rules.day_of(now)) {
        for asked in month.questions(day, &mut dice) {
            let exchange = month.exchange(asked, &mut dice);
            let Some(end) = exchange.last().map(Happening::at) else { continue };
            if asked > free && end < now - QUIET {
                free = end + TimeDelta::minutes(2);
                all.extend(exchange);
            }
        }
    }
    let waiting =
        group.waits.map(|which| said(group.customer, now - WAITING[which], &filled(OPEN[which], &mut dice)));
    all.extend(waiting);
    all
}

/// A group's month.
struct Month<'a> {
    group: &'a Group<'a>,
    rules: &'a Rules,
    begin: DateTime<Utc>,
    length: TimeDelta,
}

impl Month<'_> {
    fn calendar(&self) -> &Calendar {
        self.rules.calendar(self.group.stage)
    }

    /// When somebody asks something on a day, in order.
    fn questions(&self, day: NaiveDate, dice: &mut StdRng) -> Vec<DateTime<Utc>> {
        let mut hours = Vec::new();
        if self.calendar().is_working_day(day) {
            let monday = u32::from(day.weekday() == chrono::Weekday::Mon);
            let about = dice.random_range(self.group.questions / 2..=self.group.questions * 3 / 2) + monday;
            for _ in 0..about {
                hours.extend(HOURS.choose_weighted(dice, |(_, weight)| *weight).map(|(hour, _)| *hour));
            }
        }
        let after_hours = if hours.is_empty() { WEEKEND_QUESTION } else { EVENING_QUESTION };
        if dice.random_bool(after_hours) {
            hours.push(dice.random_range(EVENING));
        }
        let midnight = self.rules.day_begins(day);
        let mut asked: Vec<DateTime<Utc>> = hours
            .into_iter()
            .map(|hour| midnight + TimeDelta::hours(hour.into()) + seconds(0..3600, dice))
            .collect();
        asked.sort_unstable();
        asked
    }

    /// A question and what comes of it.
    fn exchange(&self, asked: DateTime<Utc>, dice: &mut StdRng) -> Vec<Happening> {
        let Group { stage, customer, .. } = *self.group;
        if dice.random_bool(0.04) {
            let text = FOR_NOBODY.choose(dice).copied().unwrap_or_default();
            let noticed = self.calendar().deadline(asked, dice.random_range(300..2400));
            return vec![said(customer, asked, &filled(text, dice)), Happening::Cancelled { at: noticed }];
        }
        let mut lines = Vec::new();
        let mut at = asked;
        if dice.random_bool(0.15) {
            let greeting = GREETINGS.choose(dice).copied().unwrap_or_default();
            lines.push(said(customer, at, greeting));
            at += seconds(8..60, dice);
        }
        let more = if dice.random_bool(0.25) { 2 } else { 1 };
        for (question, answer) in sentences::pairs(stage).sample(dice, more).copied().collect::<Vec<_>>() {
            let number = Number::thrown(dice);
            lines.push(said(customer, at, &number.put_into(question)));
            at = self.answered(at, &number.put_into(answer), &mut lines, dice) + seconds(20..150, dice);
        }
        if dice.random_bool(0.5) {
            let thanks = THANKS.choose(dice).copied().unwrap_or_default();
            lines.push(said(customer, at, thanks));
        }
        lines
    }

    /// Somebody answers, now and then after a promise to. When.
    fn answered(
        &self,
        asked: DateTime<Utc>,
        answer: &str,
        lines: &mut Vec<Happening>,
        dice: &mut StdRng,
    ) -> DateTime<Utc> {
        let by = if dice.random_bool(0.08) { self.group.colleague } else { self.group.owner };
        let mut at = self.calendar().deadline(asked, self.pause(asked, dice));
        if dice.random_bool(0.12) {
            let holding = HOLDING.choose(dice).copied().unwrap_or_default();
            lines.push(said(by, at, holding));
            at = self.calendar().deadline(at, dice.random_range(600..4800));
        }
        lines.push(said(by, at, answer));
        at
    }

    /// Working seconds to a reply: about the owner's pace, seldom much more.
    fn pause(&self, asked: DateTime<Utc>, dice: &mut StdRng) -> u64 {
        let Pace(first, last) = self.group.pace;
        #[expect(clippy::cast_precision_loss, reason = "seconds of a month are far below 2^52")]
        let passed = (asked - self.begin).num_seconds() as f64 / self.length.num_seconds().max(1) as f64;
        // The sum of some throws lies about their mean as people's times do, of which the logarithm does.
        let spread: f64 = (0..6).map(|_| dice.random_range(-0.8..0.8)).sum();
        let late = if asked.with_timezone(&self.rules.time_zone).hour() >= 16 { 1.3 } else { 1.0 };
        let seconds = 60.0 * (first + (last - first) * passed) * late * spread.exp();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded")]
        let seconds = seconds.clamp(15.0, 4.0 * 3600.0) as u64;
        seconds
    }
}

fn said(by: &str, at: DateTime<Utc>, text: &str) -> Happening {
    Happening::Said { at, by: by.to_owned(), text: text.to_owned() }
}

fn seconds(range: std::ops::Range<i64>, dice: &mut StdRng) -> TimeDelta {
    TimeDelta::seconds(dice.random_range(range))
}

fn filled(text: &str, dice: &mut StdRng) -> String {
    Number::thrown(dice).put_into(text)
}

/// What a question and its answer are about.
struct Number(u32);

impl Number {
    fn thrown(dice: &mut StdRng) -> Self {
        Self(dice.random_range(2..13))
    }

    fn put_into(&self, text: &str) -> String {
        text.replace("{n}", &self.0.to_string())
    }
}

#[cfg(test)]
mod tests {
    use chrono::Weekday;

    use super::*;

    fn rules() -> Rules {
        super::super::of_the_past(&testkit::company::config("nats://127.0.0.1:1").unwrap().rules)
    }

    fn group() -> Group<'static> {
        Group {
            room: "r",
            stage: Stage::PreSales,
            customer: "c",
            owner: "o",
            colleague: "k",
            pace: Pace(6.0, 6.0),
            questions: 5,
            waits: Some(0),
        }
    }

    fn now() -> DateTime<Utc> {
        // A Thursday at 15:00 in Shanghai.
        "2026-11-26T07:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_same_moment_has_the_same_month_behind_it() {
        let (rules, group) = (rules(), group());
        let month = happenings(&group, &rules, now());
        assert_eq!(month, happenings(&group, &rules, now()));
        assert_ne!(month, happenings(&Group { room: "s", ..group }, &rules, now()));
        assert!((150..600).contains(&month.len()), "{}", month.len());
    }

    #[test]
    fn it_is_in_order_and_staff_speak_in_working_hours() {
        let (rules, group) = (rules(), group());
        let begin = begin(&rules, now());
        assert_eq!(begin.with_timezone(&rules.time_zone).weekday(), Weekday::Mon);
        let month = happenings(&group, &rules, now());
        assert!(month.is_sorted_by_key(Happening::at));
        assert!(month.iter().all(|one| begin < one.at() && one.at() < now()));
        let calendar = rules.calendar(group.stage);
        for one in &month {
            if let Happening::Said { at, by, .. } = one
                && by != group.customer
            {
                // Whoever is asked at the end of a part may answer at its very end.
                assert!(calendar.is_working_time(*at - TimeDelta::seconds(1)), "{at}");
            }
        }
    }

    #[test]
    fn nobody_waits_at_the_end_but_whoever_is_to() {
        let (rules, group) = (rules(), Group { waits: None, ..group() });
        let month = happenings(&group, &rules, now());
        assert!(month.last().is_some_and(|last| last.at() < now() - QUIET));
        let waits = happenings(&Group { waits: Some(1), ..group }, &rules, now());
        assert_eq!(waits.last().map(Happening::at), Some(now() - WAITING[1]));
    }
}
