//! 采集状态: whether what is known of a room can be relied upon.

use chrono::{NaiveDate, TimeDelta};
use domain::wording::TO_BE_VERIFIED;

use super::Facts;
use crate::wording as words;

/// Of a room on a day.
pub fn capture_state(facts: &Facts<'_>, day: NaiveDate) -> String {
    let zone = facts.rules.time_zone;
    let begin = facts.rules.day_begins(day);
    if let Some(absence) = facts.room.state.presence.unobserved() {
        words::removed(absence.at.with_timezone(&zone))
    } else if facts.unseen.overlaps(begin, begin + TimeDelta::days(1)) {
        TO_BE_VERIFIED.to_owned()
    } else {
        words::CAPTURED.to_owned()
    }
}
