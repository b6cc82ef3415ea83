//! Which card is due: by deadline in working time, never by an equal minute, and never after the wait has closed.
//!
//! A rung's identity is its threshold, so that inserting a rung shifts no key of another. This module decides; it
//! neither schedules nor sends.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::calendar::Calendar;
use crate::rules::{Audience, Colour, Ladder};
use crate::wait::Wait;

/// A rung by its threshold in working seconds; in text the number alone: `1200`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RungId(pub u64);

/// A text that is not a rung's threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a rung: expected its threshold in whole seconds")]
pub struct RungIdError(String);

impl fmt::Display for RungId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RungId {
    type Err = RungIdError;

    fn from_str(text: &str) -> Result<Self, RungIdError> {
        text.parse().map(Self).map_err(|_| RungIdError(text.to_owned()))
    }
}

impl Serialize for RungId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RungId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a ladder needs to know of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitView {
    /// When the clock started.
    pub opened_at: Timestamp,
    /// From when it may alarm; `None`: never.
    pub alarm_since: Option<Timestamp>,
    /// It has ended.
    pub closed: bool,
}

impl From<&Wait> for WaitView {
    fn from(wait: &Wait) -> Self {
        Self { opened_at: wait.opened.at, alarm_since: wait.alarm_since, closed: wait.outcome.is_some() }
    }
}

/// One step of a ladder, a rung or a repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Its threshold.
    pub rung: RungId,
    /// The card's colour.
    pub colour: Colour,
    /// Who is told.
    pub audience: Audience,
}

/// A card to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which rung.
    pub rung: RungId,
    /// The card's colour.
    pub colour: Colour,
    /// Who is told.
    pub audience: Audience,
    /// When it should have gone out.
    pub deadline: Timestamp,
    /// How late that is, in wall-clock time.
    pub overdue: TimeDelta,
    /// Working time since the wait began.
    pub waited: TimeDelta,
    /// Lower rungs that will not be sent any more, rising.
    pub superseded: Vec<RungId>,
}

/// All steps of a ladder in rising order, repeats included.
pub fn steps(ladder: &Ladder) -> impl Iterator<Item = Step> + '_ {
    let last = ladder.rungs.last().map(|rung| rung.after.as_seconds());
    let rungs = ladder.rungs.iter().map(|rung| Step {
        rung: RungId(rung.after.as_seconds()),
        colour: rung.colour,
        audience: rung.audience,
    });
    let repeats = last.zip(ladder.repeat).filter(|(_, repeat)| repeat.every.as_seconds() > 0);
    rungs.chain(repeats.into_iter().flat_map(|(last, repeat)| {
        (1_u64..)
            .map_while(move |k| k.checked_mul(repeat.every.as_seconds()).and_then(|n| n.checked_add(last)))
            .take_while(move |threshold| *threshold <= repeat.until.as_seconds())
            .map(move |threshold| Step {
                rung: RungId(threshold),
                colour: repeat.colour,
                audience: repeat.audience,
            })
    }))
}

/// The card that is due now, if one is. `sent` holds every rung of this wait that was sent or superseded.
///
/// Only the highest rung passed is sent, and none at or below one already sent. Rungs whose deadline lies before
/// `alarm_since` are skipped altogether.
pub fn due(
    ladder: &Ladder,
    calendar: Calendar,
    wait: WaitView,
    sent: &BTreeSet<RungId>,
    now: Timestamp,
) -> Option<Due> {
    let mut passed: Vec<(Step, Timestamp)> =
        open_steps(ladder, calendar, wait, sent).take_while(|(_, deadline)| *deadline <= now).collect();
    let (step, deadline) = passed.pop()?;
    Some(Due {
        rung: step.rung,
        colour: step.colour,
        audience: step.audience,
        deadline,
        overdue: now - deadline,
        waited: calendar.working_time(wait.opened_at, now),
        superseded: passed.into_iter().map(|(step, _)| step.rung).collect(),
    })
}

/// When [`due`] has something to say next; in the past or present if it has already. `None`: never again.
pub fn next_due(
    ladder: &Ladder,
    calendar: Calendar,
    wait: WaitView,
    sent: &BTreeSet<RungId>,
) -> Option<Timestamp> {
    open_steps(ladder, calendar, wait, sent).next().map(|(_, deadline)| deadline)
}

/// Steps that may still be sent, with their deadlines, rising.
fn open_steps<'l>(
    ladder: &'l Ladder,
    calendar: Calendar,
    wait: WaitView,
    sent: &BTreeSet<RungId>,
) -> impl Iterator<Item = (Step, Timestamp)> + use<'l> {
    let highest = sent.last().copied();
    wait.alarm_since.filter(|_| !wait.closed).into_iter().flat_map(move |since| {
        steps(ladder)
            .filter(move |step| Some(step.rung) > highest)
            .map(move |step| (step, calendar.deadline(wait.opened_at, step.rung.0)))
            .filter(move |(_, deadline)| *deadline >= since)
    })
}

/// 当前级别: the highest step that this much working time has passed.
pub fn current_level(ladder: &Ladder, elapsed: TimeDelta) -> Option<(RungId, Colour)> {
    let elapsed = u64::try_from(elapsed.num_seconds()).ok()?;
    steps(ladder).take_while(|step| step.rung.0 <= elapsed).last().map(|step| (step.rung, step.colour))
}
