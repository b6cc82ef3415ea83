//! The arithmetic of working hours: for each year a table of its stretches of working time, made when it is first asked
//! for. Whatever is asked is a search in it, so that it costs the same for a minute and for a decade.

use std::fmt;
use std::sync::{Arc, OnceLock};

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

use super::holidays::Holidays;
use super::hours::Hours;
use crate::Timestamp;

/// Outside of these years nobody works.
const FIRST: i32 = 1970;
const LAST: i32 = 2100;
/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// Further than this from a time on the wall its moment does not lie, wherever it is shown.
const FARTHEST: TimeDelta = TimeDelta::hours(26);

/// Working hours in a zone, by year.
pub(super) struct Table {
    hours: Hours,
    zone: Tz,
    holidays: Arc<Holidays>,
    years: Box<[OnceLock<Box<Year>>]>,
}

/// What the tables hold follows from the rest.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.zone == other.zone && self.hours == other.hours && self.holidays == other.holidays
    }
}

impl Eq for Table {}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {}", self.hours, self.zone)
    }
}

/// A year by the calendar on the wall.
#[derive(Debug)]
struct Year {
    /// Rising, none touching another.
    stretches: Vec<Stretch>,
    /// How many working days there are before each of its days; the last one counts all.
    working_days: Vec<u16>,
}

/// A stretch of working time, in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: i64,
    end: i64,
    /// Working time of the year before it.
    before: i64,
}

impl Table {
    pub(super) fn new(hours: Hours, zone: Tz, holidays: Arc<Holidays>) -> Self {
        let years = (FIRST..=LAST).map(|_| OnceLock::new()).collect();
        Self { hours, zone, holidays, years }
    }

    pub(super) const fn hours(&self) -> &Hours {
        &self.hours
    }

    pub(super) fn same_until(&self, other: &Self, at: Timestamp) -> bool {
        let day = at.with_timezone(&self.zone).date_naive();
        std::ptr::eq(self, other)
            || self.zone == other.zone
                && self.hours.until(day) == other.hours.until(day)
                && (!self.hours.public_holidays || self.holidays.same_until(&other.holidays, day))
    }

    /// Working time between two moments, of which the second is the later one.
    pub(super) fn working_time(&self, from: Timestamp, to: Timestamp) -> TimeDelta {
        let (first, last) = (self.year_of(from), self.year_of(to));
        let (from, to) = (from.timestamp_micros(), to.timestamp_micros());
        let through_last = (first..last).map(|year| self.year(year).total()).sum::<i64>();
        TimeDelta::microseconds(through_last + self.year(last).worked(to) - self.year(first).worked(from))
    }

    /// The first moment at which so much working time has passed.
    pub(super) fn deadline(&self, from: Timestamp, seconds: u64) -> Option<Timestamp> {
        if seconds == 0 {
            return Some(from);
        }
        let (first, begins) = (self.year_of(from), from.timestamp_micros());
        let mut left =
            i64::try_from(seconds).ok()?.checked_mul(SECOND)?.checked_add(self.year(first).worked(begins))?;
        for year in first..=LAST {
            let year = self.year(year);
            if left <= year.total() {
                return from.checked_add_signed(TimeDelta::microseconds(year.reached(left)? - begins));
            }
            left -= year.total();
        }
        None
    }

    /// The moment itself if it is working time, else the next stretch's beginning.
    pub(super) fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        let moment = at.timestamp_micros();
        let next = (self.year_of(at)..=LAST).find_map(|year| self.year(year).at_or_after(moment))?;
        if next.start <= moment { Some(at) } else { Timestamp::from_timestamp_micros(next.start) }
    }

    /// The stretches of a day.
    pub(super) fn of_day(&self, day: NaiveDate) -> Vec<(Timestamp, Timestamp)> {
        let at = |micros| Timestamp::from_timestamp_micros(micros).unwrap_or_default();
        let mut stretches = self.stretches_of(day);
        stretches.sort_unstable();
        stretches.into_iter().map(|(start, end)| (at(start), at(end))).collect()
    }

    pub(super) fn is_working_day(&self, day: NaiveDate) -> bool {
        is_known(day) && self.hours.on(day, &self.holidays).iter().any(|part| !part.minutes().is_empty())
    }

    /// Working days after a day and up to a later one.
    pub(super) fn working_days(&self, after: NaiveDate, until: NaiveDate) -> u32 {
        let (after, until) = (within(after), within(until));
        let through = |day: NaiveDate| {
            let days = &self.year(day.year()).working_days;
            days.get(day.ordinal() as usize).copied().map_or(0, u32::from)
        };
        let whole = (after.year()..until.year()).map(|year| self.year(year).days()).sum::<u32>();
        whole + through(until) - through(after)
    }

    /// The year that the calendar on the wall shows.
    fn year_of(&self, at: Timestamp) -> i32 {
        // Where local time might not be representable, the year is out of the tables anyway.
        let year = at.year();
        let year = if (FIRST..=LAST).contains(&year) { at.with_timezone(&self.zone).year() } else { year };
        year.clamp(FIRST, LAST)
    }

    fn year(&self, year: i32) -> &Year {
        let year = year.clamp(FIRST, LAST);
        let place = usize::try_from(year - FIRST).unwrap_or_default();
        self.years[place].get_or_init(|| Box::new(self.made(year)))
    }

    fn made(&self, year: i32) -> Year {
        let days = NaiveDate::from_yo_opt(year, 1).into_iter().flat_map(|first| first.iter_days());
        let (mut found, mut working_days, mut count) = (Vec::new(), vec![0], 0);
        for day in days.take_while(|day| day.year() == year) {
            found.extend(self.stretches_of(day));
            count += u16::from(self.is_working_day(day));
            working_days.push(count);
        }
        found.sort_unstable();
        Year { stretches: joined(&found), working_days }
    }

    /// The moments at which the wall shows working hours of a day, in parts.
    fn stretches_of(&self, day: NaiveDate) -> Vec<(i64, i64)> {
        if !is_known(day) {
            return Vec::new();
        }
        let parts = self.hours.on(day, &self.holidays).iter().map(|part| part.on(day));
        parts.flat_map(|(from, to)| shown(self.zone, from, to)).collect()
    }
}

impl Year {
    fn total(&self) -> i64 {
        self.stretches.last().map_or(0, |last| last.before + last.end - last.start)
    }

    fn days(&self) -> u32 {
        self.working_days.last().copied().map_or(0, u32::from)
    }

    /// Working time of the year before a moment.
    fn worked(&self, moment: i64) -> i64 {
        let begun = self.stretches.partition_point(|stretch| stretch.start <= moment);
        let last = begun.checked_sub(1).map(|last| self.stretches[last]);
        last.map_or(0, |last| last.before + moment.min(last.end) - last.start)
    }

    /// The first moment before which there is so much of it.
    fn reached(&self, worked: i64) -> Option<i64> {
        let place =
            self.stretches.partition_point(|stretch| stretch.before + stretch.end - stretch.start < worked);
        self.stretches.get(place).map(|stretch| stretch.start + worked - stretch.before)
    }

    /// The stretch that a moment lies in, or else the next one.
    fn at_or_after(&self, moment: i64) -> Option<Stretch> {
        self.stretches.get(self.stretches.partition_point(|stretch| stretch.end <= moment)).copied()
    }
}

fn is_known(day: NaiveDate) -> bool {
    (FIRST..=LAST).contains(&day.year())
}

/// The day, or the nearest of those that the tables hold.
fn within(day: NaiveDate) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(FIRST, 1, 1).unwrap_or(day);
    let last = NaiveDate::from_ymd_opt(LAST, 12, 31).unwrap_or(day);
    day.clamp(first, last)
}

/// Stretches in rising order, those that touch as one.
fn joined(parts: &[(i64, i64)]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::with_capacity(parts.len());
    for &(start, end) in parts {
        match stretches.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            last => {
                let before = last.map_or(0, |last| last.before + last.end - last.start);
                stretches.push(Stretch { start, end, before });
            }
        }
    }
    stretches
}

/// When the wall shows a time within `from..to`, in microseconds: once, or in two parts where clocks are put forward or
/// back meanwhile. At most one change lies within two days of it.
fn shown(zone: Tz, from: NaiveDateTime, to: NaiveDateTime) -> Vec<(i64, i64)> {
    let offset = |utc: &NaiveDateTime| i64::from(zone.offset_from_utc_datetime(utc).fix().local_minus_utc());
    let (mut early, mut late) = (from - FARTHEST, to + FARTHEST);
    let (old, new) = (offset(&early), offset(&late));
    let (from, to) = (from.and_utc().timestamp(), to.and_utc().timestamp());
    let parts = if old == new {
        vec![(from - old, to - old)]
    } else {
        while late - early > TimeDelta::seconds(1) {
            let middle = early + TimeDelta::seconds((late - early).num_seconds() / 2);
            *(if offset(&middle) == old { &mut early } else { &mut late }) = middle;
        }
        let change = late.and_utc().timestamp();
        vec![(from - old, (to - old).min(change)), ((from - new).max(change), to - new)]
    };
    let kept = parts.into_iter().filter(|(start, end)| start < end);
    kept.map(|(start, end)| (start * SECOND, end * SECOND)).collect()
}
