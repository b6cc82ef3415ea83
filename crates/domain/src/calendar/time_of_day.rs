//! A time of the day.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A time of the day in whole minutes, written `"09:00"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(NaiveTime);

/// A text that is no time of the day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time of the day: expected one like \"09:00\"")]
pub struct TimeOfDayError(String);

impl TimeOfDay {
    /// The beginning of a day.
    pub const MIDNIGHT: Self = Self(NaiveTime::MIN);

    /// Nine in the morning.
    pub const NINE: Self = Self::at(9, 0);

    /// Half past nine in the morning.
    pub const HALF_PAST_NINE: Self = Self::at(9, 30);

    /// Half past five in the afternoon.
    pub const HALF_PAST_FIVE: Self = Self::at(17, 30);

    /// Six in the evening.
    pub const SIX_PM: Self = Self::at(18, 0);

    /// A time that exists.
    const fn at(hour: u32, minute: u32) -> Self {
        Self(match NaiveTime::from_hms_opt(hour, minute, 0) {
            Some(time) => time,
            None => NaiveTime::MIN,
        })
    }

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

    #[test]
    fn a_time_of_the_day_is_read_and_found_in_its_zone() {
        assert_eq!("09:00".parse(), Ok(TimeOfDay::NINE));
        assert_eq!(TimeOfDay::NINE.to_string(), "09:00");
        assert_eq!(TimeOfDay::HALF_PAST_NINE.to_string(), "09:30");
        assert_eq!(TimeOfDay::HALF_PAST_FIVE.to_string(), "17:30");
        assert_eq!(TimeOfDay::SIX_PM.to_string(), "18:00");
        for text in ["", "9:00", "24:00", "09:60", "09:00:00", "九点", "0900", "-1:00"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
        let day = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap_or_default();
        let at = |text: &str, zone| text.parse::<TimeOfDay>().ok()?.on(day, zone).map(|at| at.to_rfc3339());
        assert_eq!(at("09:00", chrono_tz::Asia::Shanghai).as_deref(), Some("2026-03-29T01:00:00+00:00"));
        // Clocks go from two to three.
        assert_eq!(at("02:30", chrono_tz::Europe::Berlin).as_deref(), Some("2026-03-29T01:30:00+00:00"));
    }
}
