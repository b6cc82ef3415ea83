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
use crate::rules::{Audience, Deadlines, Ladder, Severity};
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

/// Why rungs that were due before a moment are not sent: nobody is to be alerted for what was decided about a past that
/// is over. A card that is merely late is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// What was said before is imported history.
    Import,
    /// An import, or rules with a past `valid_from`, gave the wait its present shape.
    Rejudged,
    /// Another ladder or calendar took force.
    RulesChanged,
    /// The room came into another stage, which has a ladder or calendar of its own.
    HandedOver,
    /// The system went live, or back to rehearsal.
    WentLive,
    /// The room was excluded until then.
    NoLongerExcluded,
}

impl SkipReason {
    /// Its name as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Rejudged => "rejudged",
            Self::RulesChanged => "rules_changed",
            Self::HandedOver => "handed_over",
            Self::WentLive => "went_live",
            Self::NoLongerExcluded => "no_longer_excluded",
        }
    }
}

/// The moment before which no rung of a wait may have been due that is still to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Baseline {
    /// Rungs due before are skipped.
    pub at: Timestamp,
    /// What happened at that moment.
    pub reason: SkipReason,
}

/// What a ladder needs to know of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitView {
    /// When the clock started.
    pub opened_at: Timestamp,
    /// Rungs due before are skipped; `None`: it never alarms.
    pub baseline: Option<Baseline>,
    /// It has ended, so that nothing is due any more.
    pub closed: bool,
    /// When what was promised is due, where that was plainly stated: the first rung is due then.
    pub due: Option<Timestamp>,
}

impl From<&Wait> for WaitView {
    fn from(wait: &Wait) -> Self {
        let baseline = wait.alarm_since.map(|at| Baseline { at, reason: SkipReason::Import });
        Self { opened_at: wait.opened.at, baseline, closed: wait.outcome.is_some(), due: wait.due() }
    }
}

impl WaitView {
    /// With something that happened at a moment, if it did: the latest moment counts. What never alarms never does.
    #[must_use]
    pub fn since(mut self, at: Option<Timestamp>, reason: SkipReason) -> Self {
        if let (Some(at), Some(baseline)) = (at, &mut self.baseline)
            && at > baseline.at
        {
            *baseline = Baseline { at, reason };
        }
        self
    }
}

/// One step of a ladder, a rung or a repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'l> {
    /// Its threshold in working time since the wait began.
    pub rung: RungId,
    /// The card's severity.
    pub severity: Severity,
    /// Who gets the card.
    pub audience: &'l [Audience],
    /// Whether the card mentions the owner where others read along.
    pub mention: bool,
}

impl Step<'_> {
    /// Whether the room's owner is among those who get the card.
    pub fn is_for_owner(&self) -> bool {
        self.audience.contains(&Audience::Owner)
    }
}

/// A card to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due<'l> {
    /// The highest rung passed.
    pub rung: RungId,
    /// The card's severity.
    pub severity: Severity,
    /// Who gets the card.
    pub audience: &'l [Audience],
    /// When it should have gone out.
    pub deadline: Timestamp,
    /// How late that is, in wall-clock time.
    pub overdue: TimeDelta,
    /// Working time since the wait began.
    pub waited: TimeDelta,
    /// Lower rungs that will not be sent any more, rising.
    pub superseded: Vec<RungId>,
}

/// A rung whose card is not sent although its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped<'l> {
    /// The highest such rung; the lower ones go with it.
    pub step: Step<'l>,
    /// When it was due.
    pub deadline: Timestamp,
    /// What the baseline stands for.
    pub reason: SkipReason,
}

/// What has become of the rungs whose time has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed<'l> {
    /// A card is due.
    pub due: Option<Due<'l>>,
    /// Cards are not due any more.
    pub skipped: Option<Skipped<'l>>,
}

/// All steps of a ladder in rising order, repeats included.
pub fn steps(ladder: &Ladder) -> impl Iterator<Item = Step<'_>> {
    let last = ladder.rungs.last().map(|rung| rung.after.as_seconds());
    let rungs = ladder.rungs.iter().map(|rung| Step {
        rung: RungId(rung.after.as_seconds()),
        severity: rung.severity,
        audience: rung.audience.as_slice(),
        mention: rung.mention,
    });
    let repeats = last.zip(ladder.repeat.as_ref()).filter(|(_, repeat)| repeat.every.as_seconds() > 0);
    rungs.chain(repeats.into_iter().flat_map(|(last, repeat)| {
        (1_u64..)
            .map_while(move |k| k.checked_mul(repeat.every.as_seconds()).and_then(|n| n.checked_add(last)))
            .take_while(move |threshold| *threshold <= repeat.until.as_seconds())
            .map(move |threshold| Step {
                rung: RungId(threshold),
                severity: repeat.severity,
                audience: repeat.audience.as_slice(),
                mention: repeat.mention,
            })
    }))
}

/// The step of a ladder with this threshold, if it has one.
pub fn step(ladder: &Ladder, rung: RungId) -> Option<Step<'_>> {
    steps(ladder).find(|step| step.rung == rung)
}

/// What has become of the rungs whose time has come. `sent` holds every rung of this wait that was dealt with.
///
/// Only the highest rung passed is sent, and none at or below one already dealt with. Rungs that were due before the
/// wait's baseline are skipped.
pub fn due<'l>(
    deadlines: Deadlines<'l>,
    wait: WaitView,
    sent: &BTreeSet<RungId>,
    now: Timestamp,
) -> Passed<'l> {
    let mut passed: Vec<(Step<'l>, Timestamp)> =
        open_steps(deadlines, wait, sent).take_while(|(_, deadline)| *deadline <= now).collect();
    let Some(baseline) = wait.baseline else { return Passed::default() };
    let late = passed.split_off(passed.partition_point(|(_, deadline)| *deadline < baseline.at));
    let skipped = passed.pop().map(|(step, deadline)| Skipped { step, deadline, reason: baseline.reason });
    let mut superseded: Vec<RungId> = late.iter().map(|(step, _)| step.rung).collect();
    superseded.pop();
    let due = late.last().map(|(step, deadline)| Due {
        rung: step.rung,
        severity: step.severity,
        audience: step.audience,
        deadline: *deadline,
        overdue: now - *deadline,
        waited: deadlines.calendar.working_time(wait.opened_at, now),
        superseded,
    });
    Passed { due, skipped }
}

/// When [`due`] has something to say next; in the past or present if it has already. `None`: never again.
pub fn next_due(deadlines: Deadlines<'_>, wait: WaitView, sent: &BTreeSet<RungId>) -> Option<Timestamp> {
    open_steps(deadlines, wait, sent).next().map(|(_, deadline)| deadline)
}

/// When the first step after a moment is due, whatever was sent. `None`: none is.
pub fn next_after(deadlines: Deadlines<'_>, wait: WaitView, after: Timestamp) -> Option<Timestamp> {
    steps(deadlines.ladder).map(|step| deadlines.of(&wait, step.rung)).find(|due| *due > after)
}

impl Deadlines<'_> {
    /// When a step of a wait is due.
    pub fn of(&self, wait: &WaitView, rung: RungId) -> Timestamp {
        let Some(due) = wait.due else { return self.calendar.deadline(wait.opened_at, rung.0) };
        let first = self.ladder.rungs.first().map_or(0, |rung| rung.after.as_seconds());
        match rung.0.saturating_sub(first) {
            0 => self.at_work(due),
            beyond => self.calendar.deadline(due, beyond),
        }
    }

    /// A stated time at which people work, that of closing included; else the next opening: nobody is alerted at night.
    fn at_work(&self, due: Timestamp) -> Timestamp {
        const SECOND: TimeDelta = TimeDelta::seconds(1);
        due.checked_sub_signed(SECOND).map_or(due, |before| self.calendar.deadline(before, 1))
    }

    /// The working time that counts against the thresholds of a wait's steps.
    pub fn elapsed(&self, wait: &WaitView, now: Timestamp) -> TimeDelta {
        let Some(due) = wait.due else { return self.calendar.working_time(wait.opened_at, now) };
        if now < self.at_work(due) {
            return TimeDelta::zero();
        }
        let first = self.ladder.rungs.first().map_or(0, |rung| rung.after.as_seconds());
        let first = i64::try_from(first).ok().and_then(TimeDelta::try_seconds).unwrap_or_default();
        self.calendar.working_time(due, now) + first
    }
}

/// Steps that are not dealt with, with their deadlines, rising.
fn open_steps<'l>(
    deadlines: Deadlines<'l>,
    wait: WaitView,
    sent: &BTreeSet<RungId>,
) -> impl Iterator<Item = (Step<'l>, Timestamp)> + use<'l> {
    let highest = sent.last().copied();
    let alarms = wait.baseline.is_some() && !wait.closed;
    steps(deadlines.ladder)
        .filter(move |step| alarms && Some(step.rung) > highest)
        .map(move |step| (step, deadlines.of(&wait, step.rung)))
}

/// 当前级别: the highest step that this much working time has passed.
pub fn current_level(ladder: &Ladder, elapsed: TimeDelta) -> Option<(RungId, Severity)> {
    let elapsed = u64::try_from(elapsed.num_seconds()).ok()?;
    steps(ladder).take_while(|step| step.rung.0 <= elapsed).last().map(|step| (step.rung, step.severity))
}
