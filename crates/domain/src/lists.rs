//! List cards: when there is one, and who stands on it. What a single card would say again and again of each wait, a list
//! says of all in one.
//!
//! Two kinds: that of every working morning, for everybody, of all who wait after their last card; and those that a
//! ladder has after its last step ([`ListAfter`]), one for each chat. This module decides; it neither schedules nor sends.

use std::collections::BTreeSet;
use std::ops::Range;

use chrono::{NaiveDate, TimeDelta, Timelike as _};
use chrono_tz::Tz;

use crate::Timestamp;
use crate::calendar::{Calendar, TimeOfDay};
use crate::ladder::{WaitView, steps};
use crate::rules::{Deadlines, ListAfter, Rules};
use crate::span::Span;

/// The list of this morning: its day, if anybody works on it, and its moment, once that has come.
pub fn morning(rules: &Rules, at: TimeOfDay, now: Timestamp) -> Option<(NaiveDate, Timestamp)> {
    let day = rules.day_of(now);
    let at = at.on(day, rules.time_zone)?;
    (rules.is_working_day(day) && now >= at).then_some((day, at))
}

/// When the last card of a wait is due, that of the repeats among them. `None`: there is none.
pub fn last_due(deadlines: Deadlines<'_>, wait: &WaitView) -> Option<Timestamp> {
    steps(deadlines.ladder).last().map(|step| deadlines.of(wait, step.rung))
}

/// The latest time of such lists at or before a moment, if people work then: on the clock, counted from midnight, closing
/// time included and opening time not.
pub fn time_of_list(every: Span, calendar: &Calendar, zone: Tz, now: Timestamp) -> Option<Timestamp> {
    let every = u32::try_from(every.as_seconds()).ok().filter(|every| *every > 0)?;
    let local = now.with_timezone(&zone);
    let beyond = TimeDelta::seconds(i64::from(local.num_seconds_from_midnight() % every))
        + TimeDelta::nanoseconds(i64::from(local.nanosecond()));
    let at = now - beyond;
    (calendar.working_time(at - TimeDelta::seconds(1), at) > TimeDelta::zero()).then_some(at)
}

/// The list on which a wait stands at a moment, if that is a time of it: its last card was due by then, and it waits on.
pub fn list_at<'l>(
    deadlines: Deadlines<'l>,
    wait: &WaitView,
    zone: Tz,
    at: Timestamp,
) -> Option<&'l ListAfter> {
    let list = deadlines.ladder.list.as_ref().filter(|_| wait.baseline.is_some() && !wait.closed)?;
    let is_time = time_of_list(list.every, deadlines.calendar, zone, at) == Some(at);
    (is_time && last_due(deadlines, wait)? <= at).then_some(list)
}

impl Rules {
    /// The times at which the lists of these rules stand as of now: for each of them its latest.
    pub fn times_of_lists(&self, now: Timestamp) -> BTreeSet<Timestamp> {
        let spans: BTreeSet<Span> = self.ladders.lists().map(|list| list.every).collect();
        let calendars = self.calendars.all();
        spans
            .into_iter()
            .flat_map(|every| calendars.map(|calendar| time_of_list(every, calendar, self.time_zone, now)))
            .flatten()
            .collect()
    }
}

/// The times within a stretch at which a ladder's lists may stand, by the clock alone.
pub fn times(
    deadlines: Deadlines<'_>,
    zone: Tz,
    within: Range<Timestamp>,
) -> impl Iterator<Item = Timestamp> {
    let every = deadlines.ladder.list.as_ref().map(|list| list.every.as_seconds());
    let every = every.and_then(|every| i64::try_from(every).ok()).filter(|every| *every > 0);
    let first = every.map(|every| {
        let local = within.start.with_timezone(&zone);
        let beyond = i64::from(local.num_seconds_from_midnight()) % every;
        within.start - TimeDelta::seconds(beyond) - TimeDelta::nanoseconds(i64::from(local.nanosecond()))
    });
    let every = TimeDelta::seconds(every.unwrap_or(1));
    std::iter::successors(first, move |at| Some(*at + every))
        .skip_while(move |at| *at < within.start)
        .take_while(move |at| *at < within.end)
}
