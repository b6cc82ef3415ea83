//! Stretches of days.

use chrono::{Datelike as _, Months, NaiveDate};

/// Some days, the first and the last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first.
    pub from: NaiveDate,
    /// The last.
    pub to: NaiveDate,
}

impl Period {
    /// One day.
    pub const fn day(day: NaiveDate) -> Self {
        Self { from: day, to: day }
    }

    /// The week, from Monday to Sunday, that a day lies in.
    pub fn week(day: NaiveDate) -> Self {
        let week = day.week(chrono::Weekday::Mon);
        Self { from: week.first_day(), to: week.last_day() }
    }

    /// The calendar month that a day lies in.
    pub fn month(day: NaiveDate) -> Self {
        let from = day.with_day(1).unwrap_or(day);
        let next = from.checked_add_months(Months::new(1)).unwrap_or(from);
        Self { from, to: next.pred_opt().unwrap_or(from) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn weeks_begin_on_monday_and_months_end_on_their_last_day() {
        let period = |from, to| Period { from: day(from), to: day(to) };
        assert_eq!(Period::week(day("2026-11-29")), period("2026-11-23", "2026-11-29"), "a Sunday");
        assert_eq!(Period::week(day("2026-12-31")), period("2026-12-28", "2027-01-03"));
        assert_eq!(Period::month(day("2028-02-10")), period("2028-02-01", "2028-02-29"));
        assert_eq!(Period::month(day("2026-12-31")), period("2026-12-01", "2026-12-31"));
    }
}
