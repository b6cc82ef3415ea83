//! The fold: from a room's timeline to its state and its waits.
//!
//! A pure function of the entries and of the rules' history. Folding the whole timeline, folding on from the state after
//! a prefix, or folding again from any quiet state in between gives the same waits; everything that stores waits relies
//! on that.

mod folder;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::assignment::{Candidates, Origin, Ownership};
use crate::closing::{Invitations, Verdict};
use crate::fold::folder::Folder;
use crate::id::{PersonKey, StaffName, WaitId};
use crate::marks::{FollowUpStop, Marks};
use crate::nature::Ignored;
use crate::presence::{Absence, PastAbsence, Presence};
use crate::role::Role;
use crate::rules::{RulesHistory, Stage};
use crate::timeline::capture::CaptureProgress;
use crate::timeline::{Entry, Position};
use crate::turn::{Customer, Speakers};
use crate::wait::{Supersession, Wait, WaitKind};

/// Owners of a room, absences from it and stops of follow-ups that are remembered: the state is written with every message.
pub const MOST_REMEMBERED: usize = 32;

/// A room as it stands after a prefix of its timeline. Small, and holds nothing that anybody said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldState {
    /// The room's owner; `None`: nobody owns it.
    pub owner: Option<StaffName>,
    /// The room's stage; pre-sales until something else is known.
    pub stage: Stage,
    /// Who owned it when, in which stage, the present ones last: at most [`MOST_REMEMBERED`]. Empty: nobody
    /// ever did, or it was folded last before owners were remembered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ownerships: Vec<Ownership>,
    /// When it came into this stage from another; `None`: it was never in another.
    #[serde(default)]
    pub stage_since: Option<Timestamp>,
    /// When the first entry of all happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Timestamp>,
    /// Where both come from.
    pub origin: Origin,
    /// What managers noted of it.
    #[serde(default, skip_serializing_if = "Marks::is_empty")]
    pub marks: Marks,
    /// When it was marked as not to be followed up: at most [`MOST_REMEMBERED`], the last ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow_up_stops: Vec<FollowUpStop>,
    /// The members of staff who are in it, as far as known: those of the last list of its members who are on the roster, and
    /// whoever of the roster has spoken since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub staff: Vec<StaffName>,
    /// Who could own the room by rule.
    pub candidates: Candidates,
    /// The waits that are open, in order of opening.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Wait>,
    /// Of promises to several customers: to whom else they were made who has nothing yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub promised: BTreeMap<WaitId, Vec<Customer>>,
    /// Who spoke here.
    #[serde(default, skip_serializing_if = "Speakers::is_empty")]
    pub speakers: Speakers,
    /// A customer has spoken since staff spoke to customers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub customer_spoke: bool,
    /// The staff messages since the last customer message contained a question.
    pub staff_question: bool,
    /// Since then they named several things to choose from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub staff_alternatives: bool,
    /// What staff invited to when they spoke last.
    #[serde(default, skip_serializing_if = "Invitations::is_empty")]
    pub staff_invites: Invitations,
    /// How the last customer message was judged: 判定原因.
    pub verdict: Option<Verdict>,
    /// Why the last message changed nothing; `None`: it was none of that kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<Ignored>,
    /// Messages of the last day on which there were any.
    pub day: DayCounts,
    /// Which of our accounts are in the room.
    #[serde(default)]
    pub presence: Presence,
    /// When none of them was, as far as that is over: at most [`MOST_REMEMBERED`], the last ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absences: Vec<PastAbsence>,
    /// How far it was captured live.
    #[serde(default)]
    pub captured: CaptureProgress,
    /// The last customer or member of staff who spoke; `None` before the first.
    pub last_speaker: Option<LastSpeaker>,
    /// The last entry folded; `None` before the first.
    pub folded_to: Option<Position>,
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
    /// The role at that moment, by the rules of that moment.
    pub role: Role,
    /// Roster label, or else display name.
    pub name: String,
    /// The message's time.
    pub at: Timestamp,
}

/// What a fold gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The room after the last entry.
    pub state: FoldState,
    /// Every wait that was open at some time in this stretch, in order of opening. Those that are still open are in `state`
    /// too.
    pub waits: Vec<FoldedWait>,
    /// When nobody observed the room any more in this stretch, and when somebody did again, in order.
    pub presence_changes: Vec<PresenceChange>,
}

/// The observation of a room ended or began again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceChange {
    /// The departure that ended it.
    pub absence: Absence,
    /// When somebody observed it again; `None`: this is the end.
    pub back_at: Option<Timestamp>,
}

/// A wait, and what storing it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedWait {
    /// The wait as the last entry left it.
    pub wait: Wait,
    /// Where a fold may start again that is to find it.
    pub checkpoint: Checkpoint,
    /// Where the entry that closed it stands.
    pub closed: Option<Position>,
    /// Openings that were taken back and whose wait this one carries on.
    pub took_over: Vec<WaitId>,
}

/// Where a fold may start again that is to find a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checkpoint {
    /// At the wholly quiet state just before it began.
    At(Box<FoldState>),
    /// Nowhere of its own: another wait was open, so that the state was not quiet.
    None,
    /// Where it was given when it opened: it was open at the start of the fold.
    AsStored,
}

/// Folds entries, in rising order of position and all after `start.folded_to`, onto a state.
///
/// The entries must reach to the end of what is known of the room: a recall that is linked to its message has to be
/// among them too.
pub fn fold<'e>(
    start: FoldState,
    entries: impl IntoIterator<Item = &'e Entry>,
    rules: &'e RulesHistory,
) -> Folded {
    let mut folder = Folder::new(start, rules);
    for entry in entries {
        folder.step(entry);
    }
    folder.finish()
}

impl FoldState {
    /// The request of the customer who has waited longest, and those of the others who wait, in order of opening.
    pub fn requests(&self) -> Option<(&Wait, Vec<&Wait>)> {
        let mut requests = self.open.iter().filter(|wait| wait.kind == WaitKind::Request);
        Some((requests.next()?, requests.collect()))
    }

    /// Of several customers who wait for a reply: who asked last before this one, and is alerted about at all.
    pub fn request_before(&self, wait: &Wait) -> Option<&Wait> {
        let older = |open: &&Wait| {
            open.kind == WaitKind::Request && open.alarm_since.is_some() && open.opened < wait.opened
        };
        self.open.iter().rev().find(older).filter(|_| wait.kind == WaitKind::Request)
    }

    /// How many customers wait for a reply besides the one who waits for that.
    pub fn beside(&self, wait: &Wait) -> usize {
        let request = |open: &&Wait| open.kind == WaitKind::Request;
        if wait.kind != WaitKind::Request {
            return 0;
        }
        self.open.iter().filter(request).filter(|open| open.id != wait.id).count()
    }

    /// The open wait of staff's turn, of several the oldest, or else the oldest promise: what a room is shown by.
    pub fn gravest(&self) -> Option<&Wait> {
        let asked = |wait: &&Wait| wait.kind == WaitKind::Request;
        let promised = |wait: &&Wait| wait.kind == WaitKind::Promise;
        self.open.iter().find(asked).or_else(|| self.open.iter().find(promised)).or_else(|| self.open.first())
    }

    /// The oldest promise that is open.
    pub fn promise(&self) -> Option<&Wait> {
        self.open.iter().find(|wait| wait.kind == WaitKind::Promise)
    }
}

impl DayCounts {
    /// The counts of a day: zero where the room was silent on it.
    #[must_use]
    pub fn on(self, date: NaiveDate) -> Self {
        if self.date == Some(date) { self } else { Self { date: Some(date), ..Self::default() } }
    }

    /// 总回复数: everybody's messages.
    pub const fn total(self) -> u32 {
        self.pre_sales + self.after_sales + self.other_staff + self.customer
    }

    fn count(&mut self, date: NaiveDate, role: Role, by_owner: bool) {
        if self.date != Some(date) {
            *self = self.on(date);
        }
        match role {
            Role::PreSales => self.pre_sales += 1,
            Role::AfterSales => self.after_sales += 1,
            Role::OtherStaff => self.other_staff += 1,
            Role::Customer => self.customer += 1,
            Role::Bot => {}
        }
        self.owner += u32::from(by_owner);
    }
}

/// A stored live wait, as far as it matters for what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveWait {
    /// Which.
    pub id: WaitId,
    /// Where its opening stands.
    pub opened: Position,
    /// What is waited for.
    pub kind: WaitKind,
    /// Who waits.
    pub customer: PersonKey,
}

/// What becomes of the stored live waits of a stretch after it was folded again: those that are gone, with what supersedes them.
///
/// `old_live` holds the waits opened after the state that the fold started from. A turn takes the place of a turn and a
/// promise that of a promise, where there is one; of several the same customer's.
pub fn reconcile(old_live: &[LiveWait], new: &[FoldedWait]) -> Vec<(WaitId, Supersession)> {
    old_live
        .iter()
        .filter(|old| new.iter().all(|folded| folded.wait.id != old.id))
        .map(|LiveWait { id, opened, kind, customer }| {
            // Of its own sort: the rungs of a request would count as those of a promise.
            let covers = |folded: &&FoldedWait| {
                folded.contains(opened) && folded.wait.kind.is_turn() == kind.is_turn()
            };
            let theirs = |folded: &&FoldedWait| folded.wait.customer == *customer && covers(folded);
            let heir = new
                .iter()
                .find(|folded| folded.took_over.contains(id))
                .or_else(|| new.iter().find(theirs))
                .or_else(|| new.iter().find(covers));
            let fate = heir.map_or(Supersession::Void, |heir| Supersession::ReplacedBy(heir.wait.id.clone()));
            (id.clone(), fate)
        })
        .collect()
}

impl FoldedWait {
    fn contains(&self, position: &Position) -> bool {
        self.wait.opened < *position && self.closed.as_ref().is_none_or(|closed| position < closed)
    }
}
