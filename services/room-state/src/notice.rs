//! What people read in 系统信息 when nobody of us is in a room any more, and when somebody is back. It stands among the
//! commands, since that is where everything comes from that people read there; each departure is told once, and so is
//! its end.

use domain::Timestamp;
use domain::fold::PresenceChange;
use domain::id::{CommandId, RoomKey};
use store::rooms::commands::{Decided, StoredCommand};

use crate::wording as words;

/// Where it was seen.
const VIA: &str = "chat";

/// As it is recorded.
pub fn of(room: &RoomKey, change: &PresenceChange, now: Timestamp) -> StoredCommand {
    let absence = &change.absence;
    let (kind, message, by) = match change.back_at {
        None => ("account_left", words::LEFT, absence.by.as_deref()),
        Some(_) => ("account_back", words::BACK, None),
    };
    StoredCommand {
        id: CommandId(format!("{kind}:{}", absence.entry)),
        room: room.clone(),
        kind: kind.to_owned(),
        at: change.back_at.unwrap_or(absence.at),
        by: by.unwrap_or(words::NOBODY).to_owned(),
        via: VIA.to_owned(),
        arguments: serde_json::json!({}),
        decision: Decided::Applied.as_str().to_owned(),
        message: message.to_owned(),
        decided_at: now,
    }
}
