//! A room's timeline: every fact about the room that the fold looks at, in one order.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::closing::Features;
use crate::id::{CommandId, EntryId, MessageKey, PersonKey, StaffName};
use crate::message::{MessageKind, Sender};
use crate::rules::Stage;

/// Where an entry stands: by sent time, then stream sequence, then id. A cancel stands directly after the entry it
/// names, whatever any clock says: it carries that entry's first three parts and its own id in `after`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Sent time (of the entry, or of the entry that a cancel stands after).
    pub at: Timestamp,
    /// Sequence in the stream it came by.
    pub seq: i64,
    /// The entry's id (or that of the entry that a cancel stands after).
    pub entry: EntryId,
    /// For a cancel, its own id.
    pub after: Option<EntryId>,
}

/// One fact about a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub position: Position,
    /// What it is.
    pub body: Body,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Somebody said something.
    Message(Message),
    /// A message was taken back. Linked to its target when the timeline is annotated; by itself it changes nothing.
    Recall {
        /// The message taken back.
        target: MessageKey,
    },
    /// Somebody decided that the wait needs no reply.
    Cancel(Cancel),
    /// A cancel was taken back. Linked like a recall.
    CancelUndone {
        /// The cancel's command.
        target: CommandId,
    },
    /// A manager set owner and stage (already decided: refusals leave no entry).
    Assigned {
        /// The new owner.
        owner: Option<StaffName>,
        /// The new stage.
        stage: Stage,
    },
    /// What the source says about the room's people, for the first owner.
    Facts(RoomFacts),
    /// Our account left the room or was removed.
    AccountLeft,
}

/// A message as the fold needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its identity.
    pub key: MessageKey,
    /// Who said it.
    pub sender: Sender,
    /// What kind it is.
    pub kind: MessageKind,
    /// What was seen in its text when it was stored.
    pub features: Features,
    /// Imported from the past: counts, never alarms.
    pub history: bool,
    /// Taken back at this moment.
    pub recalled: Option<Timestamp>,
}

/// A decision that a wait needs no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    /// The command that asked for it.
    pub command: CommandId,
    /// Who decided, as shown to people.
    pub by: String,
    /// Why, as shown to people.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Taken back since.
    pub undone: bool,
}

/// People of a room, as its source reports them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomFacts {
    /// Who brought our account into the room.
    pub inviter: Option<PersonKey>,
    /// The room's owner in WeCom.
    pub owner: Option<PersonKey>,
    /// Everybody in it.
    pub members: Vec<PersonKey>,
}
