//! A wait 等待: the time during which a customer has been waiting for a reply.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

use crate::Timestamp;
use crate::closing::Verdict;
use crate::id::{CommandId, PersonKey, StaffName, WaitId};
use crate::role::Role;
use crate::rules::Stage;
use crate::timeline::Position;

/// What is waited for. Which ladder a wait climbs and in which figures it is follow from it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Display, EnumString, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum WaitKind {
    /// 等待: a customer asked for something.
    #[default]
    Request,
    /// 软等待: a customer only assented to a question of staff, who may or may not have to say something more.
    Soft,
    /// 承诺: staff answered that they will answer.
    Promise,
}

impl WaitKind {
    /// Whether it is staff's turn to reply. Of a room either one soft wait is open, or the requests of some customers, one
    /// of each.
    pub const fn is_turn(self) -> bool {
        matches!(self, Self::Request | Self::Soft)
    }
}

/// A wait, open or closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The opening message's key.
    pub id: WaitId,
    /// Where its opening message stands; `opened.at` is when the clock started.
    pub opened: Position,
    /// Who waits; of a promise to several, the one of them who has waited longest and has nothing yet.
    pub customer: PersonKey,
    /// Their display name at the opening.
    pub customer_name: String,
    /// What is waited for.
    #[serde(default)]
    pub kind: WaitKind,
    /// Why the opening asks for a reply.
    pub verdict: Verdict,
    /// Who owned the room at the opening.
    pub owner: Option<StaffName>,
    /// The room's stage at the opening.
    pub stage: Stage,
    /// Messages of the room's customers while it was open, the opening included where it is one.
    pub messages: u32,
    /// When the last of them was sent.
    pub last_customer_at: Timestamp,
    /// From when it may alarm: the first message that is not imported history. `None`: never.
    pub alarm_since: Option<Timestamp>,
    /// How it ended; `None` while it is open.
    pub outcome: Option<Outcome>,
}

impl Wait {
    /// Whether another state of this wait says the same of it, but for what every further message of the customer changes.
    pub fn equals_but_for_counts(&self, other: &Self) -> bool {
        let Self { messages, last_customer_at, .. } = other.clone();
        Self { messages, last_customer_at, ..self.clone() } == *other
    }

    /// When what was promised is due, where that was plainly said.
    pub const fn due(&self) -> Option<Timestamp> {
        match &self.verdict {
            Verdict::Promised { due, .. } => *due,
            _ => None,
        }
    }

    /// The stage that it counts in: the room's when it ended; while it is open, `current`, the room's present one.
    pub fn stage_counted(&self, current: Stage) -> Stage {
        self.outcome.as_ref().map_or(current, |outcome| outcome.stage)
    }

    /// Whether it was opened by imported history.
    pub fn is_of_history(&self) -> bool {
        self.alarm_since != Some(self.opened.at)
    }
}

/// How and when a wait ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// When it ended, never before it was opened.
    pub at: Timestamp,
    /// What ended it.
    pub how: Ending,
    /// Who owned the room then.
    pub owner: Option<StaffName>,
    /// The room's stage then.
    pub stage: Stage,
}

/// How a wait ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Ending {
    /// A member of staff replied whose reply counts.
    Answered {
        /// The id of whoever replied.
        by: PersonKey,
        /// Their roster label, or else their display name.
        name: String,
        /// Their role at that moment.
        role: Role,
        /// They only said that an answer will follow, which a promise of its own is about.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        holding: bool,
    },
    /// Somebody decided that it needs no reply.
    Cancelled {
        /// Who, as shown to people.
        by: String,
        /// Why, as shown to people.
        reason: String,
        /// The command that asked for it.
        command: CommandId,
    },
    /// Of a soft wait: the customer asked for something, which opened a wait of its own.
    BecameRequest,
    /// Somebody said that it was answered while capture was interrupted and nobody could see it (已回复).
    Confirmed {
        /// Who, as shown to people.
        by: String,
        /// The command that says so.
        command: CommandId,
    },
    /// The customer took the opening back and had asked nothing else.
    Withdrawn,
    /// Our account left the room, so that nobody can see whether it was answered.
    Unobserved,
}

impl Ending {
    /// Who ended it, as shown to people; `None`: the customer, or nobody.
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::Answered { name, .. } => Some(name),
            Self::Cancelled { by, .. } | Self::Confirmed { by, .. } => Some(by),
            Self::BecameRequest | Self::Withdrawn | Self::Unobserved => None,
        }
    }
}

/// What a stored live wait became under a new fold of its stretch of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supersession {
    /// Its opening lies inside this other wait now.
    ReplacedBy(WaitId),
    /// Its opening asks for nothing any more (its author turned out to be staff, say).
    Void,
}
