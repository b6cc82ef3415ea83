//! Working hours as a company declares them.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, Weekday};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::holidays::Holidays;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// Working hours: what is left out is from Monday to Friday, 09:00–12:00 and 13:30–18:00, without public holidays.
///
/// Of what says something of a day the first counts: a day off or working day of the company, a public holiday or make-up
/// day, every second Saturday, the day of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hours {
    /// The hours of a working day: from Monday to Friday, on make-up days and on working days of the company.
    pub hours: Vec<Interval>,
    /// The days of the week whose hours are others: an empty list is a day off.
    #[serde(skip_serializing_if = "Weekdays::are_ordinary")]
    pub weekdays: Weekdays,
    /// Whether public holidays are off and people work on make-up days 调休.
    pub public_holidays: bool,
    /// Further days off: 团建.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub days_off: Vec<NaiveDate>,
    /// Further working days.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub working_days: Vec<NaiveDate>,
    /// 大小周: people work on every second Saturday.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alternate_saturdays: Option<AlternateSaturdays>,
}

/// Days of the week whose hours are not those of other working days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "days of the week are their own explanation")]
pub struct Weekdays {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monday: Option<Vec<Interval>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuesday: Option<Vec<Interval>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wednesday: Option<Vec<Interval>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thursday: Option<Vec<Interval>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friday: Option<Vec<Interval>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saturday: Option<Vec<Interval>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sunday: Option<Vec<Interval>>,
}

/// Every second Saturday.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlternateSaturdays {
    /// The first Saturday on which people work; before it none is known.
    pub from: NaiveDate,
    /// Its hours, where they are others than on other working days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Vec<Interval>>,
}

impl Default for Hours {
    fn default() -> Self {
        Self {
            hours: vec![Interval::new(9 * 60, 12 * 60), Interval::new(13 * 60 + 30, 18 * 60)],
            weekdays: Weekdays::default(),
            public_holidays: true,
            days_off: Vec::new(),
            working_days: Vec::new(),
            alternate_saturdays: None,
        }
    }
}

impl Hours {
    /// The hours of a day; none if it is off.
    pub(super) fn on(&self, day: NaiveDate, holidays: &Holidays) -> &[Interval] {
        if self.days_off.contains(&day) {
            return &[];
        }
        if self.working_days.contains(&day) {
            return &self.hours;
        }
        let holiday = self.public_holidays.then(|| holidays.is_off(day)).flatten();
        match holiday {
            Some(true) => return &[],
            Some(false) => return &self.hours,
            None => {}
        }
        if let Some(second) = self.alternate_saturdays.as_ref().filter(|second| second.covers(day)) {
            return second.hours.as_ref().unwrap_or(&self.hours);
        }
        self.of(chrono::Datelike::weekday(&day))
    }

    /// Without what it says of days after one.
    pub(super) fn until(&self, day: NaiveDate) -> Self {
        let mut until = self.clone();
        until.days_off.retain(|of| *of <= day);
        until.working_days.retain(|of| *of <= day);
        until.alternate_saturdays = until.alternate_saturdays.filter(|second| second.from <= day);
        until
    }

    /// The hours of a day of the week.
    pub(crate) fn of(&self, weekday: Weekday) -> &[Interval] {
        match (self.weekdays.named(weekday), weekday) {
            (Some(hours), _) => hours,
            (None, Weekday::Sat | Weekday::Sun) => &[],
            (None, _) => &self.hours,
        }
    }
}

impl AlternateSaturdays {
    fn covers(&self, day: NaiveDate) -> bool {
        let days = (day - self.from).num_days();
        days >= 0 && days % 14 == 0
    }
}

impl Weekdays {
    fn are_ordinary(&self) -> bool {
        *self == Self::default()
    }

    fn named(&self, weekday: Weekday) -> Option<&Vec<Interval>> {
        let hours = match weekday {
            Weekday::Mon => &self.monday,
            Weekday::Tue => &self.tuesday,
            Weekday::Wed => &self.wednesday,
            Weekday::Thu => &self.thursday,
            Weekday::Fri => &self.friday,
            Weekday::Sat => &self.saturday,
            Weekday::Sun => &self.sunday,
        };
        hours.as_ref()
    }

    /// Those that are named, with their hours.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &Vec<Interval>)> {
        let days = [
            ("monday", &self.monday),
            ("tuesday", &self.tuesday),
            ("wednesday", &self.wednesday),
            ("thursday", &self.thursday),
            ("friday", &self.friday),
            ("saturday", &self.saturday),
            ("sunday", &self.sunday),
        ];
        days.into_iter().filter_map(|(name, hours)| Some((name, hours.as_ref()?)))
    }
}

/// A part of a day in whole minutes, written `"09:00-12:00"`; it may end at `24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    start: u16,
    end: u16,
}

/// A text that is no part of a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a part of a day: expected one like \"09:00-12:00\"")]
pub struct IntervalError(String);

impl Interval {
    /// Its format in the schema.
    pub const FORMAT: &'static str = "part-of-a-day";

    /// From minutes of the day, at most 24 hours.
    pub(crate) const fn new(start: u16, end: u16) -> Self {
        Self { start, end }
    }

    /// Its minutes of the day: `540..720`.
    pub const fn minutes(self) -> std::ops::Range<u16> {
        self.start..self.end
    }

    /// Where it lies on a day, by the clock on the wall.
    pub(super) fn on(self, day: NaiveDate) -> (NaiveDateTime, NaiveDateTime) {
        let at = |minute: u16| day.and_time(chrono::NaiveTime::MIN) + TimeDelta::minutes(i64::from(minute));
        (at(self.start), at(self.end))
    }
}

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let ends = text.split_once('-').and_then(|(start, end)| Some((minute(start)?, minute(end)?)));
        ends.map(|(start, end)| Self { start, end }).ok_or_else(|| IntervalError(text.to_owned()))
    }
}

/// The minute of the day that a text like `09:30` names.
fn minute(text: &str) -> Option<u16> {
    let two = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        plain.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (two(hours)?, two(minutes).filter(|minutes| *minutes < 60)?);
    Some(hours * 60 + minutes).filter(|minute| *minute <= DAY)
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60)
    }
}

impl Serialize for Interval {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Interval {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Interval".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$",
            "format": Self::FORMAT,
            "description": "A part of a day: \"09:00-12:00\", \"20:00-24:00\"."
        })
    }
}
