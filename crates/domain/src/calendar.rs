//! Working time: the only clock that ladders, overdue figures and performance run on.
//!
//! Everybody asks the [`Calendar`] that the rules name for a stage ([`crate::rules::Rules::calendar`]) instead of
//! subtracting. Which kinds there are is known here alone, so that intervals, holidays and make-up days can come without
//! a change anywhere else.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc, Weekday};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// When a stage works.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Calendar(WorkingHours);

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum WorkingHours {
    /// Day and night.
    #[default]
    Always,
    /// Working time passes half as fast: for tests of whoever has to go by the calendar that the rules name.
    #[cfg(feature = "testing")]
    #[schemars(skip)]
    HalfPace,
}

impl Calendar {
    /// A calendar that is not the default one, for tests: working time passes half as fast.
    #[cfg(feature = "testing")]
    pub const fn half_pace() -> Self {
        Self(WorkingHours::HalfPace)
    }

    /// Working time between two moments, in milliseconds resolution; zero when `to` is not after `from`.
    pub fn working_time(&self, from: Timestamp, to: Timestamp) -> TimeDelta {
        let passed = (to - from).max(TimeDelta::zero());
        match self.0 {
            WorkingHours::Always => passed,
            #[cfg(feature = "testing")]
            WorkingHours::HalfPace => passed / 2,
        }
    }

    /// The moment at which this much working time has passed; the end of time where it lies beyond.
    pub fn deadline(&self, from: Timestamp, seconds: u64) -> Timestamp {
        let seconds = match self.0 {
            WorkingHours::Always => seconds,
            #[cfg(feature = "testing")]
            WorkingHours::HalfPace => seconds.saturating_mul(2),
        };
        let span = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
        span.and_then(|span| from.checked_add_signed(span)).unwrap_or(Timestamp::MAX_UTC)
    }

    /// Whether this is the calendar of whoever names none.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether people work on a day: from Monday to Friday, as long as nobody knows of holidays.
pub fn is_working_day(day: NaiveDate) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

/// A time of the day in whole minutes, written `"09:00"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(NaiveTime);

/// A text that is no time of the day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time of the day: expected one like \"09:00\"")]
pub struct TimeOfDayError(String);

impl TimeOfDay {
    /// Nine in the morning.
    pub const NINE: Self = Self(match NaiveTime::from_hms_opt(9, 0, 0) {
        Some(nine) => nine,
        None => NaiveTime::MIN,
    });

    /// This time of a day; where clocks are put forward over it, that moment does not exist, and an hour later does.
    pub fn on(self, day: NaiveDate, zone: Tz) -> Option<Timestamp> {
        let local = day.and_time(self.0);
        let at = |local| {
            zone.from_local_datetime(&local).earliest().map(|at: DateTime<Tz>| at.with_timezone(&Utc))
        };
        at(local).or_else(|| at(local + TimeDelta::hours(1)))
    }
}

impl FromStr for TimeOfDay {
    type Err = TimeOfDayError;

    fn from_str(text: &str) -> Result<Self, TimeOfDayError> {
        let time = NaiveTime::parse_from_str(text, "%H:%M").ok().filter(|_| text.len() == "09:00".len());
        time.map(Self).ok_or_else(|| TimeOfDayError(text.to_owned()))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format("%H:%M").fmt(f)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn a_time_of_the_day_is_read_and_found_in_its_zone() {
        assert_eq!("09:00".parse(), Ok(TimeOfDay::NINE));
        assert_eq!(TimeOfDay::NINE.to_string(), "09:00");
        for text in ["", "9:00", "24:00", "09:60", "09:00:00", "九点", "0900", "-1:00"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
        let day = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap_or_default();
        let at = |text: &str, zone| text.parse::<TimeOfDay>().ok()?.on(day, zone).map(|at| at.to_rfc3339());
        assert_eq!(at("09:00", chrono_tz::Asia::Shanghai).as_deref(), Some("2026-03-29T01:00:00+00:00"));
        // Clocks go from two to three.
        assert_eq!(at("02:30", chrono_tz::Europe::Berlin).as_deref(), Some("2026-03-29T01:30:00+00:00"));
    }

    #[test]
    fn the_week_has_five_working_days() {
        let monday = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap_or_default();
        let works: Vec<bool> = monday.iter_days().take(7).map(is_working_day).collect();
        assert_eq!(works, [true, true, true, true, true, false, false]);
    }

    #[test]
    fn always_is_the_wall_clock() {
        let calendar = Calendar::default();
        assert_eq!(calendar.working_time(at(10), at(25)), TimeDelta::seconds(15));
        assert_eq!(calendar.working_time(at(25), at(10)), TimeDelta::zero());
        assert_eq!(calendar.deadline(at(10), 15), at(25));
        assert_eq!(calendar.deadline(at(10), u64::MAX), Timestamp::MAX_UTC);
        assert_eq!(serde_json::to_string(&calendar).unwrap_or_default(), r#""always""#);
    }
}
