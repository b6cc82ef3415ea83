//! The fold: from a room's timeline to its state and its waits.
//!
//! A pure function of the entries and of the rules' history. Folding the whole timeline, folding on from the state after
//! a prefix, or folding again from any quiet state in between gives the same waits; everything that stores waits relies
//! on that.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::assignment::{Candidates, Origin};
use crate::closing::Verdict;
use crate::id::{StaffName, WaitId};
use crate::role::Role;
use crate::rules::{RulesHistory, Stage};
use crate::timeline::{Entry, Position};
use crate::wait::{Fate, Wait};

/// A room as it stands after a prefix of its timeline. Small, and holds nothing that anybody said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldState {
    /// The room's owner.
    pub owner: Option<StaffName>,
    /// The room's stage.
    pub stage: Stage,
    /// Where both come from.
    pub origin: Origin,
    /// Who could own the room by rule.
    pub candidates: Candidates,
    /// The wait that is open.
    pub open: Option<Wait>,
    /// The staff messages since the last customer message contained a question.
    pub staff_question: bool,
    /// How the last customer message was judged: 判定原因.
    pub verdict: Option<Verdict>,
    /// Messages of the last day on which there were any.
    pub day: DayCounts,
    /// Our account has left the room.
    pub account_left: bool,
    /// Who spoke last.
    pub last_speaker: Option<LastSpeaker>,
    /// The last entry folded; `None` before the first.
    pub through: Option<Position>,
}

/// Messages of one day in the rules' time zone, by role. Bots and notices are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCounts {
    /// Which day; `None` before the first message.
    pub date: Option<NaiveDate>,
    /// 售前总回复数.
    pub pre_sales: u32,
    /// 售后总回复数.
    pub after_sales: u32,
    /// 其他员工总回复数.
    pub other_staff: u32,
    /// 顾客总回复数.
    pub customer: u32,
    /// 负责人总回复数: those of the owner of the moment, counted in their team too.
    pub owner: u32,
}

/// The last customer or member of staff who said something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSpeaker {
    /// In which role.
    pub role: Role,
    /// Roster label, or else display name.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// What a fold gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The room after the last entry.
    pub state: FoldState,
    /// Every wait that was open at some time in this stretch, in order of opening. At most one is still open, and it is
    /// in `state` too.
    pub waits: Vec<FoldedWait>,
}

/// A wait, and what storing it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedWait {
    /// The wait.
    pub wait: Wait,
    /// The wholly quiet state just before it began, to be kept as a checkpoint: a fold may start again from here.
    /// `None` for the wait that was open at the start of the fold (its checkpoint was given when it opened).
    pub before: Option<FoldState>,
    /// Where the entry that closed it stands.
    pub closed: Option<Position>,
    /// Openings that were taken back and whose wait this one carries on.
    pub took_over: Vec<WaitId>,
}

/// Folds entries, in rising order of position and all after `start.through`, onto a state.
pub fn fold<'e>(
    start: FoldState,
    entries: impl IntoIterator<Item = &'e Entry>,
    rules: &RulesHistory,
) -> Folded {
    let _ = (start, entries.into_iter().count(), rules);
    todo!()
}

/// What becomes of the stored live waits of a stretch after it was folded again: those that are gone, with their fate.
pub fn reconcile(old_live: &[(WaitId, Position)], new: &[FoldedWait]) -> Vec<(WaitId, Fate)> {
    let _ = (old_live, new);
    todo!()
}
