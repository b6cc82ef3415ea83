//! COMMAND: requests to `room-state`, which decides and records them.

use chrono::{DateTime, Utc};
use domain::id::{CommandId, EntryId, RoomKey, WaitId};
use serde::{Deserialize, Serialize};

use crate::wire::Payload;

/// A request to change what `room-state` holds about a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Chosen by the sender from what was clicked or ticked, so that a second delivery is recognised.
    pub id: CommandId,
    /// The room that it is about.
    pub room: RoomKey,
    /// When the button was clicked or the row edited, to the millisecond.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Display name of its author.
    pub by: String,
    /// Where it came from.
    pub via: Via,
    /// What is asked for, with its arguments.
    #[serde(rename = "wish")]
    pub kind: CommandKind,
}

/// Where a command came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CommandKind {
    /// What was said up to `seen_up_to` needs no reply.
    Cancel {
        /// The wait that the author was looking at, which alone ends; `None`: all that is open there.
        wait: Option<WaitId>,
        /// The last entry that the author saw.
        #[serde(rename = "through")]
        seen_up_to: EntryId,
        /// Why, as shown to people.
        reason: String,
    },
    /// A manager ticked that no reply is needed, and it is not known what they had seen: refused with a message.
    #[strum(serialize = "cancel")]
    CancelUnseen {
        /// Why they ticked, as shown to people.
        reason: String,
    },
    /// What was said up to `seen_up_to` was answered while capture was interrupted and nobody could see it.
    ConfirmAnswered {
        /// The wait that the author was looking at, which alone ends.
        wait: WaitId,
        /// The last entry that the author saw.
        #[serde(rename = "through")]
        seen_up_to: EntryId,
    },
    /// Take a cancel back.
    UndoCancel {
        /// The cancel's command id.
        cancel: CommandId,
    },
    /// Take back the last cancel of the room, of a day ago at most, whoever made it.
    #[strum(serialize = "undo_cancel")]
    UndoLastCancel,
    /// Assigns owner and stage as the manager's row has them.
    Assign {
        /// 负责人, as written.
        owner: String,
        /// 群聊阶段, as written.
        stage: String,
        /// 核准进入售后阶段.
        approved: bool,
        /// Who approves, where they have another name than the author of the command.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
    },
    /// Sets all marks of a room as the manager's row has them.
    Mark {
        /// 客户等级, as written.
        grade: String,
        /// 不计时.
        not_timed: bool,
        /// 不再跟进.
        not_followed_up: bool,
    },
    /// Compares owner and stage of a row that was in the sheet before `vika-sync` knew of it, as after the loss of the
    /// database, with what is in force. Where they differ managers are asked to confirm; nothing is assigned.
    #[strum(serialize = "assign")]
    Compare {
        /// 负责人, as written.
        owner: String,
        /// 群聊阶段, as written.
        stage: String,
    },
    /// Look whether the roster in force leaves the room its owner: whoever has left owns nothing, and by rule a room is theirs
    /// whom the roster names since.
    ReviewOwner,
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

impl CommandKind {
    /// Its name in subjects, in the database and in metrics. Variants that managers take for the same command share one.
    pub fn name(&self) -> &'static str {
        self.into()
    }
}

impl Payload for Command {
    const NAME: &'static str = "command";
    const VERSION: u8 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_in_subjects_and_in_the_database_stay() {
        let (reason, owner, stage) = (String::new, String::new, String::new);
        let entry = || EntryId(String::new());
        let kinds = [
            (CommandKind::Cancel { wait: None, seen_up_to: entry(), reason: reason() }, "cancel"),
            (CommandKind::CancelUnseen { reason: reason() }, "cancel"),
            (
                CommandKind::ConfirmAnswered { wait: WaitId(String::new()), seen_up_to: entry() },
                "confirm_answered",
            ),
            (CommandKind::UndoCancel { cancel: CommandId(String::new()) }, "undo_cancel"),
            (CommandKind::UndoLastCancel, "undo_cancel"),
            (
                CommandKind::Assign { owner: owner(), stage: stage(), approved: false, approved_by: None },
                "assign",
            ),
            (CommandKind::Mark { grade: String::new(), not_timed: false, not_followed_up: false }, "mark"),
            (CommandKind::Compare { owner: owner(), stage: stage() }, "assign"),
            (CommandKind::ReviewOwner, "review_owner"),
            (CommandKind::Recompute { from: DateTime::UNIX_EPOCH, to: None }, "recompute"),
        ];
        for (kind, name) in kinds {
            assert_eq!(kind.name(), name);
        }
        assert_eq!([Via::Vika, Via::Feishu, Via::Cli].map(Via::as_str), ["vika", "feishu", "cli"]);
    }
}
