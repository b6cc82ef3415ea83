//! What a card is made from.

use domain::rules::{CardTemplates, Severity, Stage};
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// Everything that a card shows. Names and lines may be anything that strangers write.
#[derive(Debug, Clone)]
pub struct CardFacts {
    /// What the card is for.
    pub kind: CardKind,
    pub level: Severity,
    /// The rung's threshold in working time. Not the time waited so far: that would move.
    pub threshold: Duration,
    /// The customer's display name; empty if the card is about no customer.
    pub customer: String,
    /// The company that the customer works for; empty: unknown.
    pub corporation: String,
    pub room: String,
    /// The owner, if there is one.
    pub owner: Option<Owner>,
    /// When the wait opened, our account left, or the room was handed over.
    pub waiting_since: DateTime<Utc>,
    /// The wait's clock stood still since then, outside of working hours: its lengths are not those that a reader counts.
    pub paused: bool,
    /// The last lines, oldest first; only the last few are shown.
    pub last_lines: Vec<LastLine>,
    /// Nobody but the owner reads it.
    pub private: bool,
    /// To whom the room can be handed, by roster label.
    pub staff: Vec<String>,
    /// The wait overlapped a capture gap: it may have been answered unseen.
    pub unverified: bool,
    /// How the wait stands.
    pub state: CardState,
    /// The words that the company chose.
    pub templates: CardTemplates,
    /// The zone that times are shown in.
    pub zone: Tz,
    /// When the card is made; decides only which times need a date.
    pub made_at: DateTime<Utc>,
}

impl CardFacts {
    /// Whether somebody is to answer a customer.
    pub fn awaits_reply(&self) -> bool {
        self.state.is_open() && self.kind.is_of_customer()
    }
}

/// What a card is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardKind {
    /// A customer waits too long.
    Overdue,
    /// A customer assented to a question of staff some time ago: nobody is blamed.
    Assented,
    /// What staff promised a customer is to be kept.
    Promised {
        /// When it was due, if that was said.
        due: Option<DateTime<Utc>>,
    },
    /// A customer waits in a room without owner: somebody is to be assigned.
    OwnerWanted,
    /// Our account left the room: nobody sees who waits there.
    AccountLeft {
        /// Display name of who removed it, if that is known.
        by: Option<String>,
    },
    /// The owner was made so by somebody.
    Assigned {
        /// Display name of who did.
        by: String,
        /// Who owned the room before, by roster label.
        from: Option<String>,
    },
}

impl CardKind {
    /// Whether it is about a customer.
    pub const fn is_of_customer(&self) -> bool {
        !matches!(self, Self::AccountLeft { .. } | Self::Assigned { .. })
    }
}

/// The person answerable for the room.
#[derive(Debug, Clone, Default)]
pub struct Owner {
    pub name: String,
    /// The stage that their team works in, if it works in one.
    pub team: Option<Stage>,
    /// The account to be mentioned, where others read along.
    pub mention: Option<String>,
    /// Until when their own cards wait, if they do.
    pub in_focus_until: Option<DateTime<Utc>>,
}

/// One message of the room as the card shows it.
#[derive(Debug, Clone)]
pub struct LastLine {
    pub speaker: String,
    /// What; non-text already in its bracketed form.
    pub text: String,
    pub at: DateTime<Utc>,
}

/// What somebody did about an open wait with a button. All cards of it say so, with times that stay true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Said {
    /// They see to it.
    Claimed { by: String, until: DateTime<Utc> },
    /// Their own cards wait.
    Snoozed { by: String, until: DateTime<Utc> },
    /// They took 不用回复 back.
    Undone { by: String },
    /// They handed the room to somebody.
    Assigned { by: String, to: String },
}

/// How the wait stands. Its JSON is stored with each card, as what it should show and what it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CardState {
    /// Nobody has answered; about a departure: our account is not back.
    Waiting {
        /// The wait overlaps a capture gap: the card asks whether there was a reply.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unverified: bool,
        /// The room's owner, where others read along: when somebody else owns the room the card names them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// Whoever stands in for the owner, who is away.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deputy: Option<String>,
        /// What people did about it, oldest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        said: Vec<Said>,
        /// How often it was put off here.
        #[serde(default, skip_serializing_if = "is_zero")]
        snoozes: usize,
        /// How many customers wait there besides.
        #[serde(default, skip_serializing_if = "is_zero")]
        beside: usize,
    },
    /// The chat's person does not own the room any more.
    HandedOver {
        /// Who does, by roster label.
        to: String,
    },
    /// The chat's person owns the room and is away.
    StoodInFor {
        /// Who stands in for them, by roster label; nobody: everybody reads it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// It asked for an owner, and there is one; or its chat is nobody's any more.
    OwnerFound {
        /// Who, by roster label.
        owner: String,
    },
    /// A card of a higher rung stands in the same chat: this one is a line that points to it, and never changes again as
    /// long as the wait is the same.
    Escalated,
    /// Somebody answered.
    Answered {
        by: String,
        /// How long the customer waited, in working time.
        after: Duration,
    },
    /// Somebody said that no reply is needed.
    Cancelled {
        by: String,
        /// It was said on a card, and until then it can be taken back there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undo_until: Option<DateTime<Utc>>,
    },
    /// Somebody said that there was a reply while nobody saw it.
    Confirmed { by: String },
    /// A customer who had only assented asked for something, which has cards of its own.
    BecameRequest,
    /// Our account is in the room again.
    Returned,
    /// The customer took the message back.
    Withdrawn,
    /// Our account left the room.
    Unobserved,
    /// Judged again, nobody was waiting.
    Void,
    /// The rules exclude the room: nobody is alerted about it.
    Excluded,
}

impl CardState {
    /// A customer of whom nothing was missed.
    pub const WAITING: Self = Self::waiting(false, None);

    /// A wait about which nobody did anything yet.
    pub const fn waiting(unverified: bool, owner: Option<String>) -> Self {
        Self::Waiting { unverified, owner, deputy: None, said: Vec::new(), snoozes: 0, beside: 0 }
    }

    /// With what people did about the wait, while it is open; `snoozes`: how often it was put off where the card stands.
    #[must_use]
    pub fn with(self, said: Vec<Said>, snoozes: usize) -> Self {
        match self {
            Self::Waiting { unverified, owner, deputy, beside, .. } => {
                Self::Waiting { unverified, owner, deputy, said, snoozes, beside }
            }
            other => other,
        }
    }

    /// With how many customers wait there besides, while it is open.
    #[must_use]
    pub fn beside(mut self, others: usize) -> Self {
        if let Self::Waiting { beside, .. } = &mut self {
            *beside = others;
        }
        self
    }

    /// With whoever stands in for the owner, while it is open.
    #[must_use]
    pub fn deputised(mut self, by: Option<String>) -> Self {
        if let Self::Waiting { deputy, .. } = &mut self {
            *deputy = by;
        }
        self
    }

    /// Whoever stands in for the owner.
    pub fn deputy(&self) -> Option<&str> {
        let Self::Waiting { deputy, .. } = self else { return None };
        deputy.as_deref()
    }

    /// Whether the customer still waits, or our account is still away.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Waiting { .. })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}
