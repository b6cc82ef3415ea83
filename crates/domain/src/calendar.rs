//! Working time: the only clock that ladders, overdue figures and performance run on.
//!
//! Everybody asks the [`Calendar`] that the rules name for a stage ([`crate::rules::Rules::calendar`]) instead of
//! subtracting. Which kinds there are is known here alone: `hours` is what a company declares, `holidays` what the state
//! does, `table` the arithmetic. A moment is working time if a clock on the wall there shows a time within the hours of
//! the day that the calendar on the wall shows; so clocks that are put forward or back need no rule of their own.
//!
//! Times count in whole microseconds, as the database keeps them. Nobody works before 1970 or after 2100.

mod holidays;
mod hours;
mod table;
mod time_of_day;

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

pub use holidays::{Holiday, HolidayYear, Holidays};
pub use hours::{AlternateSaturdays, Hours, Interval, IntervalError, Weekdays};
pub use time_of_day::{TimeOfDay, TimeOfDayError};

use table::Table;

/// When a stage works. Its serialised form is what was declared; zone and public holidays are those of the rules that it
/// stands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Declared", into = "Declared")]
pub struct Calendar(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Day and night.
    Always,
    /// In the hours of working days.
    Hours(Arc<Table>),
    /// Working time passes half as fast: for tests of whoever has to go by the calendar that the rules name.
    #[cfg(feature = "testing")]
    HalfPace,
}

/// A calendar as it is declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Declared {
    Hours(Box<Hours>),
    Word(Word),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Always,
    #[cfg(feature = "testing")]
    HalfPace,
}

impl From<Declared> for Calendar {
    fn from(declared: Declared) -> Self {
        match declared {
            Declared::Hours(hours) => Self::new(*hours, Tz::UTC, Arc::default()),
            Declared::Word(Word::Always) => Self::always(),
            #[cfg(feature = "testing")]
            Declared::Word(Word::HalfPace) => Self::half_pace(),
        }
    }
}

impl From<Calendar> for Declared {
    fn from(calendar: Calendar) -> Self {
        match calendar.0 {
            Kind::Always => Self::Word(Word::Always),
            Kind::Hours(table) => Self::Hours(Box::new(table.hours().clone())),
            #[cfg(feature = "testing")]
            Kind::HalfPace => Self::Word(Word::HalfPace),
        }
    }
}

impl JsonSchema for Calendar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Calendar".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let hours = generator.subschema_for::<Hours>();
        schemars::json_schema!({
            "description": "When a stage works: `\"always\"`, or working hours.",
            "anyOf": [hours, { "type": "string", "enum": ["always"], "description": "Day and night." }]
        })
    }
}

/// The hours of whoever declares none: [`Hours::default`].
impl Default for Calendar {
    fn default() -> Self {
        Self::from(Declared::Hours(Box::default()))
    }
}

impl Calendar {
    /// Day and night.
    pub const fn always() -> Self {
        Self(Kind::Always)
    }

    /// Working hours in a zone.
    pub fn new(hours: Hours, zone: Tz, holidays: Arc<Holidays>) -> Self {
        Self(Kind::Hours(Arc::new(Table::new(hours, zone, holidays))))
    }

    /// A calendar that is not the default one, for tests: working time passes half as fast.
    #[cfg(feature = "testing")]
    pub const fn half_pace() -> Self {
        Self(Kind::HalfPace)
    }

    /// The same hours in another zone with other public holidays.
    #[must_use]
    pub fn within(&self, zone: Tz, holidays: &Arc<Holidays>) -> Self {
        match &self.0 {
            Kind::Hours(table) => Self::new(table.hours().clone(), zone, holidays.clone()),
            _ => self.clone(),
        }
    }

    /// Whether another calendar has said the same of every moment up to one. What each says of days to come makes no
    /// difference to what was due by then.
    pub fn same_until(&self, other: &Self, at: Timestamp) -> bool {
        match (&self.0, &other.0) {
            (Kind::Hours(own), Kind::Hours(others)) => own.same_until(others, at),
            (own, others) => own == others,
        }
    }

    /// The working hours that were declared; `None`: it knows none.
    pub fn hours(&self) -> Option<&Hours> {
        match &self.0 {
            Kind::Hours(table) => Some(table.hours()),
            _ => None,
        }
    }

    /// Working time between two moments; zero when `to` is not after `from`.
    pub fn working_time(&self, from: Timestamp, to: Timestamp) -> TimeDelta {
        let passed = (to - from).max(TimeDelta::zero());
        match &self.0 {
            Kind::Always => passed,
            Kind::Hours(_) if passed.is_zero() => passed,
            Kind::Hours(table) => table.working_time(from, to),
            #[cfg(feature = "testing")]
            Kind::HalfPace => passed / 2,
        }
    }

    /// The first moment at which this much working time has passed; the end of time where it lies beyond.
    pub fn deadline(&self, from: Timestamp, seconds: u64) -> Timestamp {
        let seconds = match &self.0 {
            Kind::Always => seconds,
            Kind::Hours(table) => return table.deadline(from, seconds).unwrap_or(Timestamp::MAX_UTC),
            #[cfg(feature = "testing")]
            Kind::HalfPace => seconds.saturating_mul(2),
        };
        let span = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
        span.and_then(|span| from.checked_add_signed(span)).unwrap_or(Timestamp::MAX_UTC)
    }

    /// Whether a moment is working time. That of closing is not.
    pub fn is_working_time(&self, at: Timestamp) -> bool {
        self.next_opening(at) == Some(at)
    }

    /// From when on working time passes, seen from a moment: the moment itself if it is working time. `None`: never again.
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Hours(table) => table.next_opening(at),
            _ => Some(at),
        }
    }

    /// When a day's work begins. `None`: it is no working day, or the calendar knows no hours.
    pub fn opening(&self, day: NaiveDate) -> Option<Timestamp> {
        self.table()?.of_day(day).first().map(|stretch| stretch.0)
    }

    /// When a day's work ends. `None`: it is no working day, or the calendar knows no hours.
    pub fn closing(&self, day: NaiveDate) -> Option<Timestamp> {
        self.table()?.of_day(day).last().map(|stretch| stretch.1)
    }

    /// Whether people work on a day.
    pub fn is_working_day(&self, day: NaiveDate) -> bool {
        self.table().is_none_or(|table| table.is_working_day(day))
    }

    /// How many working days have begun after a day and up to another.
    pub fn working_days(&self, after: NaiveDate, until: NaiveDate) -> u32 {
        let days = (until - after).num_days().max(0);
        match self.table() {
            Some(_) if days == 0 => 0,
            Some(table) => table.working_days(after, until),
            None => u32::try_from(days).unwrap_or(u32::MAX),
        }
    }

    fn table(&self) -> Option<&Table> {
        match &self.0 {
            Kind::Hours(table) => Some(table),
            _ => None,
        }
    }
}
