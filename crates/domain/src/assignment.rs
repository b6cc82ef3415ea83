//! Who owns a room, and in which stage it is: by rule until a manager says otherwise, by the manager from then on.

use serde::{Deserialize, Serialize};

use crate::id::StaffName;
use crate::rules::{Rules, Stage};
use crate::timeline::RoomFacts;

/// Where owner and stage come from: 自动 or 人工.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// 自动: by rule, recomputed as facts appear.
    #[default]
    Auto,
    /// 人工: by a manager, never overridden by the rule.
    Manual,
}

/// Somebody who could own the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Their roster label.
    pub name: StaffName,
    /// The stage their team works in, if it works in one.
    pub stage: Option<Stage>,
}

/// Who could own the room, one for each reason, the first filled one wins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidates {
    /// Who invited our account.
    pub inviter: Option<Candidate>,
    /// The room's owner in WeCom.
    pub room_owner: Option<Candidate>,
    /// The first pre-sales member.
    pub pre_sales: Option<Candidate>,
    /// The first after-sales member.
    pub after_sales: Option<Candidate>,
    /// The first staff member to speak.
    pub speaker: Option<Candidate>,
}

impl Candidates {
    /// Takes in what the source says about the room's people; a fact it does not name keeps its slot.
    pub fn learn(&mut self, facts: &RoomFacts, rules: &Rules) {
        let _ = (facts, rules);
        todo!()
    }

    /// The one who owns the room by rule.
    pub fn best(&self) -> Option<&Candidate> {
        [&self.inviter, &self.room_owner, &self.pre_sales, &self.after_sales, &self.speaker]
            .into_iter()
            .flatten()
            .next()
    }
}

/// What a manager asks for, as one snapshot of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// 负责人 as written.
    pub owner: &'a str,
    /// 群聊阶段 as written.
    pub stage: &'a str,
    /// 核准进入售后阶段 is ticked.
    pub approved: bool,
}

/// Owner and stage as they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current<'a> {
    /// The owner, if there is one.
    pub owner: Option<&'a StaffName>,
    /// The stage.
    pub stage: Stage,
}

/// What becomes of a manager's edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is put in force.
    Applied {
        /// The new owner.
        owner: StaffName,
        /// The new stage.
        stage: Stage,
        /// For 系统信息.
        message: &'static str,
    },
    /// It is not; nothing changes.
    Refused {
        /// For 系统信息.
        message: String,
    },
    /// It is what stands already: nothing to do and nothing to say.
    Unchanged,
}

/// Decides an edit. `current` is `None` for a room that is not known.
pub fn decide(current: Option<&Current<'_>>, request: &Request<'_>, rules: &Rules) -> Decision {
    let _ = (current, request, rules);
    todo!()
}
