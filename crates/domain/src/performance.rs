//! How a wait counts in the figures: on which day, whose it is, how long it took, and whether it counts at all.
//!
//! `docs/performance.md` says it for people. A function of what is true now: whoever stores what it gives derives it again
//! when anything of it changes.

mod silence;

use chrono::{NaiveDate, TimeDelta, Timelike as _};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

use crate::Timestamp;
use crate::gap::CoverageGaps;
use crate::golive::GoLive;
use crate::id::{RoomKey, StaffName};
use crate::rules::{RulesHistory, Stage, Team};
use crate::wait::Outcome;

pub use silence::{LONGEST_SILENCE, Past, Silence, Waiting, silences};

/// Whether a wait is in the figures, or why not. The first that fits, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Standing {
    /// The rules that judge its opening exclude the room.
    Excluded,
    /// An imported message opened it.
    History,
    /// It began before go-live.
    Rehearsal,
    /// It overlaps a capture gap (待核实).
    Unverified,
    /// It is in the figures.
    Counted,
}

/// What of a wait decides how it counts.
#[derive(Debug, Clone)]
pub struct WaitFacts {
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Imported history opened it.
    pub of_history: bool,
    /// Who owned the room at the opening.
    pub owner: Option<StaffName>,
    /// The room's stage at the opening.
    pub stage: Stage,
    /// How it ended; `None` while it is open.
    pub outcome: Option<Outcome>,
}

/// What of its room and of the company decides too.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The room.
    pub room: &'a RoomKey,
    /// Its present name.
    pub topic: &'a str,
    /// Who owns it now.
    pub owner: Option<&'a StaffName>,
    /// Its stage now.
    pub stage: Stage,
    /// The rules, with what is pinned of the room's past.
    pub rules: &'a RulesHistory,
    /// When the system went live.
    pub golive: &'a GoLive,
    /// When nobody saw what was said there.
    pub gaps: &'a CoverageGaps,
    /// The moment of asking.
    pub now: Timestamp,
}

/// How a wait counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Whether it counts.
    pub standing: Standing,
    /// The day on which its clock started, in the rules' zone.
    pub day: NaiveDate,
    /// The hour of that day, 0 to 23.
    pub hour: u32,
    /// Whose it is: who owned the room at the opening, or else at the end, or else now.
    pub owner: Option<StaffName>,
    /// The owner's team when it was opened.
    pub team: Option<Team>,
    /// The stage that it counts in: the room's at the end, or now.
    pub stage: Stage,
    /// Working time from the opening to the end; `None` while it is open.
    pub time: Option<TimeDelta>,
}

/// Works out how a wait counts.
pub fn assess(wait: &WaitFacts, of: &Circumstances<'_>) -> Assessment {
    let opening = of.rules.at(wait.opened_at);
    let starts = opening.calendar(wait.stage).next_opening(wait.opened_at).unwrap_or(wait.opened_at);
    let starts = starts.with_timezone(&opening.time_zone);
    let (owner, stage) = match &wait.outcome {
        Some(outcome) => (outcome.owner.as_ref(), outcome.stage),
        None => (of.owner, of.stage),
    };
    let owner = wait.owner.as_ref().or(owner);
    let time = |end: &Outcome| of.rules.at(end.at).calendar(stage).working_time(wait.opened_at, end.at);
    Assessment {
        standing: standing(wait, of),
        day: starts.date_naive(),
        hour: starts.hour(),
        owner: owner.cloned(),
        team: owner.and_then(|name| opening.staff(name)).map(|entry| entry.team),
        stage,
        time: wait.outcome.as_ref().map(time),
    }
}

fn standing(wait: &WaitFacts, of: &Circumstances<'_>) -> Standing {
    let until = wait.outcome.as_ref().map_or(of.now, |outcome| outcome.at);
    if of.rules.at(wait.opened_at).excluded_rooms.cover(of.room, of.topic) {
        Standing::Excluded
    } else if wait.of_history {
        Standing::History
    } else if !of.golive.at(wait.opened_at).live {
        Standing::Rehearsal
    } else if of.gaps.overlaps(wait.opened_at, until) {
        Standing::Unverified
    } else {
        Standing::Counted
    }
}
