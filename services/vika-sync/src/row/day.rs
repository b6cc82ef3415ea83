//! Days in the company's zone, and which day a row is about.

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use domain::Timestamp;

use super::Facts;

/// Figures of older days are left as they are in the sheet.
pub const OLDEST_FIGURES: TimeDelta = TimeDelta::days(7);

/// The day of a moment.
pub fn today_is(zone: Tz, now: Timestamp) -> NaiveDate {
    now.with_timezone(&zone).date_naive()
}

impl Facts<'_> {
    /// 日期: today while somebody waits, else the last day on which anything happened. `None`: nothing ever did.
    pub(super) fn day(&self) -> Option<NaiveDate> {
        let zone = self.rules.time_zone;
        if !self.room.state.open.is_empty() {
            return Some(today_is(zone, self.now));
        }
        let closed = self.waits.iter().filter_map(|stored| stored.wait.outcome.as_ref()).map(|o| o.at);
        closed.chain(self.room.last_active_at).max().map(|at| today_is(zone, at))
    }
}
