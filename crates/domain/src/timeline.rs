//! A room's timeline: every fact about the room that the fold looks at, in one order.

pub mod capture;
mod ordered;

use chrono::SubsecRound;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::closing::Features;
use crate::id::{CommandId, EntryId, MessageKey, PersonKey, StaffName, WaitId};
use crate::marks::Marking;
use crate::message::{MessageKind, Sender};
use crate::nature::Nature;
use crate::rules::Stage;
use crate::wait::Wait;

use self::capture::Captured;
pub use self::capture::SourceTime;
pub use ordered::Timeline;

/// Where an entry stands: by sent time, then the source's own order, then the order of capture, then id. A cancel stands
/// directly after the entry it names, whatever any clock says: it carries that entry's parts and its own id in `after`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Sent time (of the entry, or of the entry that a cancel stands after).
    pub at: Timestamp,
    /// The source's own order between equal times; 0 where it gives none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub order: i64,
    /// Place in the order of capture: what was captured earlier has the lower one.
    pub seq: i64,
    /// The entry's id (or that of the entry that a cancel stands after).
    pub entry: EntryId,
    /// For a cancel, its own id.
    pub after: Option<EntryId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(order: &i64) -> bool {
    *order == 0
}

impl Position {
    /// Before every entry of a moment.
    pub const fn before(at: Timestamp) -> Self {
        Self { at, order: i64::MIN, seq: i64::MIN, entry: EntryId(String::new()), after: None }
    }

    /// Whether two entries stand at the same place, ids aside.
    fn is_at(&self, other: &Self) -> bool {
        (self.at, self.order, self.seq) == (other.at, other.order, other.seq)
    }

    /// Takes another entry's place, to stand after it.
    pub const fn move_to(&mut self, other: &Self) {
        (self.at, self.order, self.seq) = (other.at, other.order, other.seq);
    }

    /// When the entry counts as sent.
    pub const fn sent(&self) -> SourceTime {
        SourceTime { at: self.at, order: self.order }
    }
}

/// One fact about a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the timeline's order.
    pub position: Position,
    /// What happened.
    pub body: Body,
}

impl Entry {
    /// Its own id.
    pub fn id(&self) -> &EntryId {
        self.position.after.as_ref().unwrap_or(&self.position.entry)
    }
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every entry is a message: a box for each would cost more"
)]
pub enum Body {
    /// Somebody said something.
    Message(Message),
    /// A message was taken back. Linked to its target when the timeline is annotated; by itself it changes nothing.
    Recall {
        /// The message taken back.
        target: MessageKey,
    },
    /// Somebody decided that the wait needs no reply, or has had one.
    Cancel(Cancel),
    /// A cancel was taken back. Linked like a recall.
    CancelUndone {
        /// The cancel's command.
        target: CommandId,
    },
    /// A manager set owner and stage (already decided: refusals leave no entry).
    Assigned {
        /// The new owner; `None`: the room has none from now on.
        owner: Option<StaffName>,
        /// The new stage.
        stage: Stage,
    },
    /// A manager marked the room (already decided: refusals leave no entry).
    Marked(Marking),
    /// What the source says about the room's people, for the first owner.
    Facts(RoomFacts),
    /// One of our accounts left the room or was removed.
    AccountLeft(Departure),
}

impl Body {
    /// Whether it was imported from the past.
    pub const fn is_history(&self) -> bool {
        matches!(self, Self::Message(message) if message.history)
    }
}

/// A message as the fold needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same key is the same message, however often it comes.
    pub key: MessageKey,
    /// Who said it.
    pub sender: Sender,
    /// What kind it is.
    pub kind: MessageKind,
    /// What was seen in its text when it was stored.
    pub features: Features,
    /// What was seen in it that may make it change nothing.
    pub nature: Nature,
    /// Whom it mentions: see [`crate::turn`].
    pub mentions: Vec<PersonKey>,
    /// What it quotes.
    pub quote: Option<Box<Quote>>,
    /// Imported from the past: counts, never alarms.
    pub history: bool,
    /// When it reached us.
    pub received_at: Timestamp,
    /// When it was sent, as its source says, where its position goes by something else: see [`capture`].
    pub stamped: Option<SourceTime>,
    /// Where the recall that takes it back stands (the earliest, if there are several). Set by the timeline.
    pub recalled: Option<Position>,
}

impl Message {
    /// When it was sent, as its source says.
    pub fn sent(&self, position: &Position) -> SourceTime {
        self.stamped.unwrap_or(position.sent())
    }

    /// What its place follows from; `None` for an imported message and for a notice, which keep their own time.
    pub fn captured(&self, position: &Position) -> Option<Captured> {
        let is_notice = matches!(self.kind, MessageKind::System | MessageKind::Recalled);
        (!self.history && !is_notice).then(|| Captured {
            seq: position.seq,
            sent: self.sent(position),
            received_at: self.received_at,
        })
    }
}

/// A message that another one quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Its id at the source, where that tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Display name of who said it; empty when unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub who: String,
    /// What it said. `None`: not known, or blanked like every text that is old enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A decision of somebody that nobody waits any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    /// The command that asked for it.
    pub command: CommandId,
    /// Who decided, as shown to people.
    pub by: String,
    /// Why, as shown to people.
    pub reason: String,
    /// Whether no reply was needed or one was given unseen.
    pub kind: CancelKind,
    /// What it ends; `None`: whatever is open.
    pub about: Option<About>,
    /// When.
    pub at: Timestamp,
    /// Taken back since. Set by the timeline.
    pub undone: bool,
}

/// What a cancel ends of what is open where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The turn of this customer, by whichever message it was opened.
    Turn(PersonKey),
    /// This promise.
    Promise(WaitId),
}

impl About {
    /// What somebody means who looks at a wait.
    pub fn of(wait: &Wait) -> Self {
        if wait.kind.is_turn() { Self::Turn(wait.customer.clone()) } else { Self::Promise(wait.id.clone()) }
    }

    /// Whether it is this wait.
    pub fn is(&self, wait: &Wait) -> bool {
        *self == Self::of(wait)
    }
}

/// Why a cancel ends a wait, as its author sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelKind {
    /// No reply is needed: 不用回复, 消除未回覆记录.
    #[default]
    NoReplyNeeded,
    /// There was a reply while nobody saw it: 已回复.
    Answered,
}

/// An account of ours that is not in the room any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// Our account, as the source names it.
    pub account: String,
    /// Display name of who removed it; `None`: not known, or nobody did.
    pub by: Option<String>,
}

/// People of a room, as its source reports them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomFacts {
    /// The account of ours that saw it; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Who brought our account into the room.
    pub inviter: Option<PersonKey>,
    /// The room's owner in WeCom.
    pub owner: Option<PersonKey>,
    /// Everybody in it; empty: the source does not say.
    pub members: Vec<PersonKey>,
}

/// How far ahead of its arrival a sent time may lie before it is taken for a wrong clock.
pub const MAX_AHEAD: chrono::TimeDelta = chrono::TimeDelta::minutes(2);

/// The sent time to go by, in whole milliseconds, and whether the source's own was refused: a time more than
/// [`MAX_AHEAD`] in the future becomes the arrival.
pub fn effective_sent_at(sent: Timestamp, arrival: Timestamp) -> (Timestamp, bool) {
    let flagged = sent - arrival > MAX_AHEAD;
    (if flagged { arrival } else { sent }.trunc_subsecs(3), flagged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn a_clock_too_far_ahead_is_not_believed() {
        let arrival = at(0);
        let ms = chrono::TimeDelta::milliseconds;
        assert_eq!(effective_sent_at(at(120), arrival), (at(120), false));
        assert_eq!(effective_sent_at(at(120) + ms(1), arrival), (arrival, true));
        assert_eq!(effective_sent_at(at(-86_400), arrival), (at(-86_400), false), "late is late, not wrong");
        let fine = at(1) + chrono::TimeDelta::microseconds(1_999);
        assert_eq!(effective_sent_at(fine, arrival), (at(1) + ms(1), false));
    }
}
