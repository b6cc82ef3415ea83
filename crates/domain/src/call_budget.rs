//! How the calls that a plan allows in a month are spread over it: most over working time, few over nights and days off.
//!
//! Each day gets its part of what is left, so that the last day of the month is served as the first one was. Looking for
//! managers' edits has its own part, which writing rows never uses up.

use std::time::Duration;

use chrono::{Datelike as _, Days, NaiveDate, TimeDelta};

use crate::Timestamp;
use crate::rules::Rules;

/// The part of each of the two calendars in what is working time: where one stage works alone, calls are half as many.
const PART: f64 = 0.5;
/// A minute in which nobody works gets this part of what a working minute gets.
const OFF_PART: f64 = 1.0 / 60.0;
/// Outside working time edits are looked for this often, in minutes, unless that is configured to be less often.
const OFF_POLL_MINUTES: f64 = 30.0;
/// Looking for edits gets at most this part of the calls,
const MOST_READING: f64 = 1.0 / 3.0;
/// and at least this part is not for writing.
const KEPT_FOR_READING: f64 = 0.1;
/// Each kind of upkeep (reading columns, listing rows) gets at most this part.
const MOST_UPKEEP: f64 = 1.0 / 20.0;
/// Rows may be written with calls of so much time to come: a morning begins with many changes.
const AHEAD: TimeDelta = TimeDelta::minutes(15);
/// The longest time between polls, however few calls are left.
const LONGEST_POLL: Duration = Duration::from_hours(4);
/// The longest time between two rounds of upkeep.
const LONGEST_UPKEEP: TimeDelta = TimeDelta::days(1);

/// Calls of this month that were made before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Before today, for whatever.
    pub earlier: u64,
    /// Today, for writing.
    pub writing: u64,
}

/// How often managers' edits are to be looked for in working time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    /// In 今日群聊.
    pub today: Duration,
    /// In 群聊总表.
    pub all_rooms: Duration,
}

/// How calls are divided over some time until the month's end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Division {
    /// Calls that looking for edits takes.
    pub reading: f64,
    /// Calls for writing.
    pub writing: f64,
    /// How many times as long as configured it has to be between two looks for edits; at least 1.
    pub stretch: f64,
    /// Minutes of working time.
    pub working_minutes: f64,
}

impl Division {
    /// Divides `calls` over the time between two moments.
    pub fn of(rules: &Rules, calls: u64, polling: Polling, (from, to): (Timestamp, Timestamp)) -> Self {
        let calls = float(calls);
        let (worked, off) = minutes(rules, from, to);
        let wanted: f64 = [polling.today, polling.all_rooms]
            .map(|every| worked / working(every) + off / at_rest(every))
            .iter()
            .sum();
        let stretch = (wanted / (calls * MOST_READING)).max(1.0);
        let reading = wanted / stretch;
        let writing = calls * (1.0 - MOST_UPKEEP) - reading.max(calls * KEPT_FOR_READING);
        Self { reading, writing, stretch, working_minutes: worked }
    }

    /// Divides what a plan allows over the month that a day is in.
    pub fn of_month(rules: &Rules, per_month: u64, polling: Polling, day: NaiveDate) -> Self {
        let first = day.with_day(1).unwrap_or(day);
        Self::of(
            rules,
            planned(per_month),
            polling,
            (rules.day_begins(first), rules.day_begins(next_month(day))),
        )
    }
}

/// What calls may be made for at a moment. By default there is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CallBudget(Option<Limited>);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Limited {
    division: Division,
    /// Which part of the stages work at the moment.
    presence: f64,
    /// Calls for writing that today's part still has for now.
    writes_left: f64,
    /// Calls in a minute like this one.
    per_minute: f64,
}

impl CallBudget {
    /// The budget at a moment. `per_month`: what the plan allows; 0: as many as one likes.
    pub fn at(rules: &Rules, per_month: u64, polling: Polling, spent: Spent, now: Timestamp) -> Self {
        if per_month == 0 {
            return Self(None);
        }
        let today = rules.day_of(now);
        let (begin, over) = (rules.day_begins(today), rules.day_begins(today + Days::new(1)));
        let month_end = rules.day_begins(next_month(today));
        let left = planned(per_month).saturating_sub(spent.earlier);
        let division = Division::of(rules, left, polling, (begin, month_end));
        let part = |until| weight(rules, begin, until) / weight(rules, begin, month_end);
        let presence = presence(rules, now);
        let moment = presence + (1.0 - presence) * OFF_PART;
        Self(Some(Limited {
            division,
            presence,
            writes_left: division.writing * part((now + AHEAD).min(over)) - float(spent.writing),
            per_minute: float(left) * moment / weight(rules, begin, month_end),
        }))
    }

    /// How long it is between two looks for edits that are configured to be `every` apart.
    pub fn poll_every(&self, every: Duration) -> Duration {
        let Some(limited) = &self.0 else { return every };
        let often = limited.presence / working(every) + (1.0 - limited.presence) / at_rest(every);
        let seconds = 60.0 * limited.division.stretch / often;
        Duration::try_from_secs_f64(seconds).map_or(LONGEST_POLL, |pause| pause.min(LONGEST_POLL)).max(every)
    }

    /// Whether rows may be written with so many calls.
    pub fn allows_writing(&self, calls: u64) -> bool {
        self.0.is_none_or(|limited| limited.writes_left >= float(calls))
    }

    /// How long it is between two rounds of upkeep of so many calls each, at least `least`.
    pub fn upkeep_every(&self, least: TimeDelta, calls: u64) -> TimeDelta {
        let Some(limited) = &self.0 else { return least };
        let minutes = float(calls) / (limited.per_minute * MOST_UPKEEP);
        let longest = LONGEST_UPKEEP.max(least);
        if minutes * 60.0 >= longest.as_seconds_f64() {
            return longest;
        }
        #[expect(clippy::cast_possible_truncation, reason = "less than a few days in milliseconds")]
        TimeDelta::milliseconds((minutes * 60_000.0) as i64).max(least)
    }

    /// Whether anybody works at the moment.
    pub fn is_working_time(&self) -> bool {
        self.0.is_none_or(|limited| limited.presence > 0.0)
    }
}

/// What is planned with: one call in a hundred stays for what no ledger knows, such as `huiyin check`.
const fn planned(per_month: u64) -> u64 {
    per_month - per_month / 100
}

/// Minutes between looks for edits in working time,
fn working(every: Duration) -> f64 {
    (every.as_secs_f64() / 60.0).max(f64::MIN_POSITIVE)
}

/// and outside of it.
fn at_rest(every: Duration) -> f64 {
    working(every).max(OFF_POLL_MINUTES)
}

/// Which part of the stages work at a moment.
fn presence(rules: &Rules, at: Timestamp) -> f64 {
    let at_work = rules.calendars.all().map(|calendar| if calendar.is_working_time(at) { PART } else { 0.0 });
    at_work.iter().sum()
}

/// Minutes of working time, those of each stage by its part, and of other time.
fn minutes(rules: &Rules, from: Timestamp, to: Timestamp) -> (f64, f64) {
    let all = (to - from).as_seconds_f64() / 60.0;
    let of_each =
        rules.calendars.all().map(|calendar| calendar.working_time(from, to).as_seconds_f64() / 60.0);
    let worked = of_each.iter().sum::<f64>() * PART;
    (worked, (all - worked).max(0.0))
}

/// Minutes by what they get.
fn weight(rules: &Rules, from: Timestamp, to: Timestamp) -> f64 {
    let (worked, off) = minutes(rules, from, to);
    worked + off * OFF_PART
}

fn next_month(day: NaiveDate) -> NaiveDate {
    let first = day.with_day(1).unwrap_or(day);
    first.checked_add_months(chrono::Months::new(1)).unwrap_or(NaiveDate::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "calls of a month are far below 2^52")]
fn float(calls: u64) -> f64 {
    calls as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::calendar::Calendar;

    const POLLING: Polling = Polling { today: Duration::from_mins(1), all_rooms: Duration::from_mins(5) };

    /// Both stages work from Monday to Friday, 09:00–12:00 and 13:30–18:00, in November 2026: 157.5 hours.
    fn rules() -> Rules {
        let mut rules = crate::testing::rules();
        rules.calendars.pre_sales = Calendar::default();
        rules.calendars.after_sales = Calendar::default();
        rules.settle_calendars();
        rules
    }

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, day).unwrap()
    }

    #[derive(Default)]
    struct Day {
        reading: u64,
        writing: u64,
        at_rest: u64,
    }

    /// A month from its `first` day on in which rows could always be written: what is made of the plan's calls.
    fn month(rules: &Rules, per_month: u64, gone: u64, first: u32) -> BTreeMap<NaiveDate, Day> {
        let mut days: BTreeMap<NaiveDate, Day> = BTreeMap::new();
        let [mut today, mut all_rooms, mut upkeep] = [Timestamp::UNIX_EPOCH; 3];
        let mut now = rules.day_begins(day(first));
        while now < rules.day_begins(next_month(day(1))) {
            let date = rules.day_of(now);
            let before: u64 = days.range(..date).map(|(_, day)| day.reading + day.writing).sum();
            let spent_on = days.entry(date).or_default();
            let spent = Spent { earlier: gone + before, writing: spent_on.writing };
            let budget = CallBudget::at(rules, per_month, POLLING, spent, now);
            let mut calls = 0;
            let due = |last: &mut Timestamp, every: TimeDelta| {
                let due = now - *last >= every;
                if due {
                    *last = now;
                }
                u64::from(due)
            };
            let every = |every| TimeDelta::from_std(budget.poll_every(every)).unwrap();
            calls += due(&mut today, every(POLLING.today)) + due(&mut all_rooms, every(POLLING.all_rooms));
            calls += 2 * due(&mut upkeep, budget.upkeep_every(TimeDelta::minutes(10), 2));
            spent_on.reading += calls;
            let round = per_month / 10_000;
            let wrote = if budget.allows_writing(round) { round } else { 0 };
            spent_on.writing += wrote;
            if !budget.is_working_time() {
                spent_on.at_rest += calls + wrote;
            }
            now += TimeDelta::seconds(15);
        }
        days
    }

    #[test]
    fn a_month_takes_what_the_plan_allows_and_its_last_day_is_served_as_its_first() {
        let rules = rules();
        for per_month in [10_000, 100_000, 500_000] {
            let days = month(&rules, per_month, 0, 1);
            let total: u64 = days.values().map(|day| day.reading + day.writing).sum();
            assert!(total <= per_month, "{per_month}: {total}");
            let (first, last) = (&days[&day(2)], &days[&day(30)]);
            assert!(
                last.reading * 10 >= first.reading * 9,
                "{per_month}: {} of {}",
                last.reading,
                first.reading
            );
            assert!(
                last.writing * 10 >= first.writing * 8,
                "{per_month}: {} of {}",
                last.writing,
                first.writing
            );
            let at_rest: u64 = days.values().map(|day| day.at_rest).sum();
            assert!(at_rest * 8 <= total, "{per_month}: {at_rest} of {total} while nobody works");
        }
    }

    #[test]
    fn a_plan_of_100_000_looks_for_edits_each_minute_and_most_calls_write() {
        let rules = rules();
        let days = month(&rules, 100_000, 0, 1);
        // 7.5 hours, once a minute and once in five; both every half hour of the rest; and two columns every ten minutes.
        let monday = &days[&day(2)];
        assert!((540 + 66 + 90..540 + 66 + 120).contains(&monday.reading), "{}", monday.reading);
        let total: u64 = days.values().map(|day| day.writing).sum();
        assert!(total > 70_000, "{total}");
    }

    #[test]
    fn what_is_gone_early_is_missed_every_day_and_edits_are_looked_for_until_the_last() {
        let rules = rules();
        let days = month(&rules, 100_000, 97_000, 16);
        let total: u64 = days.values().map(|day| day.reading + day.writing).sum();
        assert!(total <= 3_000, "{total}");
        let looks: Vec<u64> =
            (16..=30).filter(|d| ![21, 22, 28, 29].contains(d)).map(|d| days[&day(d)].reading).collect();
        assert!(looks.iter().all(|looks| (60..150).contains(looks)), "{looks:?}");
        assert!(days[&day(30)].writing > 50);
    }

    #[test]
    fn without_a_limit_nothing_is_saved_and_without_calls_little_is_done() {
        let (rules, now) = (rules(), "2026-11-02T02:00:00Z".parse().unwrap());
        let free = CallBudget::at(&rules, 0, POLLING, Spent { earlier: 1_000_000, writing: 9 }, now);
        assert_eq!(free, CallBudget::default());
        assert!(free.allows_writing(u64::MAX) && free.is_working_time());
        assert_eq!(free.poll_every(POLLING.today), POLLING.today);
        assert_eq!(free.upkeep_every(TimeDelta::minutes(10), 3), TimeDelta::minutes(10));

        let none = CallBudget::at(&rules, 1_000, POLLING, Spent { earlier: 1_200, writing: 0 }, now);
        assert!(!none.allows_writing(1));
        assert_eq!(none.poll_every(POLLING.today), LONGEST_POLL);
        assert_eq!(none.upkeep_every(TimeDelta::minutes(10), 3), LONGEST_UPKEEP);
    }

    #[test]
    fn where_one_stage_works_alone_edits_are_looked_for_half_as_often() {
        let mut rules = rules();
        let at = |time: &str| format!("2026-11-02T{time}:00+08:00").parse().unwrap();
        let every = |rules: &Rules, time: &str| {
            CallBudget::at(rules, 1_000_000, POLLING, Spent::default(), at(time)).poll_every(POLLING.today)
        };
        assert_eq!(every(&rules, "10:00"), Duration::from_mins(1));
        assert_eq!(every(&rules, "20:00"), Duration::from_mins(30));
        rules.calendars.after_sales = serde_json::from_value(serde_json::json!("always")).unwrap();
        let evening = every(&rules, "20:00").as_secs();
        assert!((110..=120).contains(&evening), "{evening}");
        assert_eq!(every(&rules, "10:00"), Duration::from_mins(1));
    }

    #[test]
    fn a_plan_says_what_it_carries() {
        let rules = rules();
        let of = |per_month, every: u64| {
            let polling =
                Polling { today: Duration::from_secs(every), all_rooms: Duration::from_secs(every) };
            Division::of_month(&rules, per_month, polling, day(17))
        };
        let fits = of(100_000, 60);
        assert!((fits.working_minutes - 157.5 * 60.0).abs() < 1e-6, "{}", fits.working_minutes);
        assert!(fits.stretch <= 1.0 && (20_000.0..22_000.0).contains(&fits.reading), "{fits:?}");
        assert!((fits.writing - (0.95 * 99_000.0 - fits.reading)).abs() < 1e-6);
        // What used to be the default, and is too much for it.
        let dense = of(100_000, 15);
        assert!((2.2..2.5).contains(&dense.stretch), "{dense:?}");
        assert!(of(10_000, 60).stretch > 6.0 && of(1_000_000, 15).stretch <= 1.0);
    }
}
