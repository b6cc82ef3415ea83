//! Public holidays, and the make-up days 调休 on which people work instead.
//!
//! A year is written as the public repository `holiday-cn` does: `{"year":2026,"days":[{"name","date","isOffDay"}]}`.
//! What is not named there is an ordinary day of its week.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, NaiveDate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The public holidays of a year, as they are announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HolidayYear {
    /// For which year they were announced. December of the year before and January of the next may be among its days.
    pub year: i32,
    /// The days on which people do otherwise than on others of their week.
    pub days: Vec<Holiday>,
}

/// A day that is no ordinary one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// On whose account: 国庆节.
    pub name: String,
    /// Which day.
    pub date: NaiveDate,
    /// Whether it is off; else people work.
    #[serde(rename = "isOffDay")]
    pub is_off_day: bool,
}

/// What is known of days, by date: whether they are off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holidays(BTreeMap<NaiveDate, bool>);

/// What is wrong with a day of a year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolidayFault {
    /// Where it stands among the year's days.
    pub place: usize,
    /// What stands there.
    pub found: String,
    /// What was expected instead.
    pub expected: &'static str,
}

impl Holidays {
    /// Of all years that are known. Where two say something of one day, the later year's holds.
    pub fn of(years: &[HolidayYear]) -> Self {
        let mut years: Vec<&HolidayYear> = years.iter().collect();
        years.sort_by_key(|year| year.year);
        let days = years.into_iter().flat_map(|year| &year.days);
        Self(days.map(|day| (day.date, day.is_off_day)).collect())
    }

    /// Whether both say the same of every day up to one.
    pub(super) fn same_until(&self, other: &Self, day: NaiveDate) -> bool {
        self.0.range(..=day).eq(other.0.range(..=day))
    }

    /// Whether a day is off; `None`: it is an ordinary day.
    pub fn is_off(&self, day: NaiveDate) -> Option<bool> {
        self.0.get(&day).copied()
    }
}

impl HolidayYear {
    /// Whether anything is known of the year: before it is announced its file may be there and empty.
    pub fn is_announced(&self) -> bool {
        self.days.iter().any(|day| day.date.year() == self.year)
    }

    /// What is wrong with it.
    pub fn faults(&self) -> Vec<HolidayFault> {
        let mut seen = BTreeSet::new();
        let fault = |(place, day): (usize, &Holiday)| {
            let found = day.date.to_string();
            let (found, expected) = if !self.may_hold(day.date) {
                (found, "a day of the year, of the December before or of the January after it")
            } else if !seen.insert(day.date) {
                (format!("{found} once more"), "each day once")
            } else {
                return None;
            };
            Some(HolidayFault { place, found, expected })
        };
        self.days.iter().enumerate().filter_map(fault).collect()
    }

    fn may_hold(&self, day: NaiveDate) -> bool {
        let (year, month) = (i64::from(day.year()) - i64::from(self.year), day.month());
        year == 0 || (year == -1 && month == 12) || (year == 1 && month == 1)
    }
}
