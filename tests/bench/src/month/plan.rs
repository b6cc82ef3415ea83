//! Who says what and when in the month, and what managers do in the tables, drawn from the seed beforehand.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Asia::Shanghai;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// The month: thirty days, twenty-two of them working days, no public holiday is gone by.
const YEAR_AND_MONTH: (i32, u32) = (2026, 9);
const DAYS: u32 = 30;
/// Managers tick and grade so often on a working day.
const TICKS: usize = 4;
const GRADES: usize = 2;
/// The last day's last tick.
const LAST_TICK: (u32, u32) = (17, 40);

/// Somebody says something.
#[derive(Debug, Clone)]
pub struct Said {
    pub at: DateTime<Utc>,
    pub room: usize,
    /// The owner of the room, or its customer.
    pub ours: bool,
    pub text: &'static str,
}

/// What a manager does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// Cancels some wait in 今日群聊.
    Tick,
    /// Grades some customer in 群聊总表.
    Grade,
}

#[derive(Debug)]
pub struct Plan {
    pub begin: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// The day of its last edits.
    pub last_day: NaiveDate,
    /// In order.
    pub said: Vec<Said>,
    /// In order.
    pub edits: Vec<(DateTime<Utc>, Edit)>,
    /// Which part of the month is run.
    pub part: f64,
}

impl Plan {
    pub fn of(seed: u64, rooms: usize, asks: usize, from: u32) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let day =
            |number| NaiveDate::from_ymd_opt(YEAR_AND_MONTH.0, YEAR_AND_MONTH.1, number).unwrap_or_default();
        let days: Vec<NaiveDate> = (from..=DAYS).map(day).collect();
        let working: Vec<NaiveDate> = days.iter().copied().filter(|day| is_working_day(*day)).collect();
        let (mut said, mut edits) = (Vec::new(), Vec::new());
        for day in &working {
            for room in 0..rooms {
                for _ in 0..asks {
                    talk(&mut dice, *day, room, &mut said);
                }
            }
            let at =
                |dice: &mut StdRng| moment(*day, 9, 5) + TimeDelta::seconds(dice.random_range(0..32_000));
            edits.extend((0..TICKS).map(|_| (at(&mut dice), Edit::Tick)));
            edits.extend((0..GRADES).map(|_| (at(&mut dice), Edit::Grade)));
        }
        let last_day = working.last().copied().unwrap_or_default();
        edits.push((moment(last_day, LAST_TICK.0, LAST_TICK.1), Edit::Tick));
        said.sort_by_key(|said| said.at);
        edits.sort_by_key(|(at, _)| *at);
        let all = (1..=DAYS).map(day).filter(|day| is_working_day(*day)).count();
        #[expect(clippy::cast_precision_loss, reason = "days of a month")]
        let part = working.len() as f64 / all as f64;
        Self {
            begin: moment(day(from), 0, 0),
            end: moment(day(DAYS) + Days::new(1), 0, 0),
            last_day,
            said,
            edits,
            part,
        }
    }
}

pub fn is_working_day(day: NaiveDate) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

fn moment(day: NaiveDate, hour: u32, minute: u32) -> DateTime<Utc> {
    let at = day.and_time(NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or_default());
    at.and_local_timezone(Shanghai).single().map_or(DateTime::UNIX_EPOCH, |at| at.to_utc())
}

/// A customer asks, sometimes twice, and is answered after a while; one in thirty is not.
fn talk(dice: &mut StdRng, day: NaiveDate, room: usize, said: &mut Vec<Said>) {
    let customer = |at, text| Said { at, room, ours: false, text };
    let at = moment(day, 8, 30) + TimeDelta::seconds(dice.random_range(0..36_000));
    said.push(customer(at, "机器什么时候修好？"));
    if dice.random_bool(0.4) {
        said.push(customer(at + TimeDelta::seconds(dice.random_range(5..60)), "急用"));
    }
    if dice.random_bool(29.0 / 30.0) {
        let minutes = if dice.random_bool(0.8) { 1.0..12.0 } else { 12.0..50.0 };
        #[expect(clippy::cast_possible_truncation, reason = "less than an hour")]
        let after = TimeDelta::seconds((dice.random_range(minutes) * 60.0) as i64);
        said.push(Said { at: at + after, room, ours: true, text: "今天下午修好，给您送过去" });
    }
}
