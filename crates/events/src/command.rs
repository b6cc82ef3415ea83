//! COMMAND: who asks `room-state` for what. Decided there, recorded there.

use chrono::{DateTime, Utc};
use domain::id::{CommandId, EntryId, RoomKey, WaitId};
use serde::{Deserialize, Serialize};

use crate::wire::Payload;

/// A wish about a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Chosen by the sender from what was clicked or ticked, so that sending it again is recognised.
    pub id: CommandId,
    /// Which room.
    pub room: RoomKey,
    /// When the wish was expressed.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Who wishes it, as shown to people.
    pub by: String,
    /// Where it was expressed.
    pub via: Via,
    /// What is wished.
    pub wish: Wish,
}

/// Where a wish was expressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A manager's edit in a Vika table.
    Vika,
    /// A button of a Feishu card.
    Feishu,
    /// The operator's command line.
    Cli,
}

impl Via {
    /// As stored and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vika => "vika",
            Self::Feishu => "feishu",
            Self::Cli => "cli",
        }
    }
}

/// What is wished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// What was said up to `through` needs no reply.
    Cancel {
        /// The wait that the author was looking at, where known.
        wait: Option<WaitId>,
        /// The last entry that the author saw.
        through: EntryId,
        /// Why, as shown to people.
        reason: String,
    },
    /// Somebody ticked that no reply is needed, and nobody knows what they saw: they are told, and nothing is cancelled.
    CancelUnseen {
        /// Why they ticked, as shown to people.
        reason: String,
    },
    /// What was said up to `through` was answered while capture was interrupted and nobody could see it.
    ConfirmAnswered {
        /// The wait that the author was looking at.
        wait: WaitId,
        /// The last entry that the author saw.
        through: EntryId,
    },
    /// Take a cancel back.
    UndoCancel {
        /// The cancel's command id.
        cancel: CommandId,
    },
    /// Owner and stage as they stand in the manager's row.
    Assign {
        /// 负责人, as written.
        owner: String,
        /// 群聊阶段, as written.
        stage: String,
        /// 核准进入售后阶段.
        approved: bool,
    },
    /// Owner and stage as they stand in a manager's row that was there before anything was known of it, as after the
    /// loss of the database: where they differ from what is in force the managers are asked; nothing is put in force.
    Compare {
        /// 负责人, as written.
        owner: String,
        /// 群聊阶段, as written.
        stage: String,
    },
    /// Judge what was said in a stretch of time by the rules that are valid for it now, closed waits included.
    Recompute {
        /// From here on.
        #[serde(with = "chrono::serde::ts_milliseconds")]
        from: DateTime<Utc>,
        /// Up to here; `None`: up to the present.
        #[serde(with = "chrono::serde::ts_milliseconds_option", default)]
        to: Option<DateTime<Utc>>,
    },
}

impl Wish {
    /// Its kind, as part of the subject and in metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Cancel { .. } | Self::CancelUnseen { .. } => "cancel",
            Self::ConfirmAnswered { .. } => "confirm_answered",
            Self::UndoCancel { .. } => "undo_cancel",
            Self::Assign { .. } | Self::Compare { .. } => "assign",
            Self::Recompute { .. } => "recompute",
        }
    }
}

impl Payload for Command {
    const NAME: &'static str = "command";
    const VERSION: u8 = 1;
}
