//! What people read in 系统信息 when nobody of us is in a room any more, and when somebody is back. It stands among the
//! commands, since that is where everything comes from that people read there; each departure is told once, and so is
//! its end.

use domain::Timestamp;
use domain::fold::Turn;
use domain::id::{CommandId, RoomKey};
use store::rooms::commands::{Decided, StoredCommand};

/// Our account left or was removed.
const LEFT: &str = "机器人已被移出群，无法继续计时";
/// It is back.
const BACK: &str = "机器人已回到群里，恢复计时";
/// In the place of whoever removed it, when that is not known.
const NOBODY: &str = "系统";
/// Where it was seen.
const VIA: &str = "chat";

/// As it is recorded.
pub fn of(room: &RoomKey, turn: &Turn, now: Timestamp) -> StoredCommand {
    let absence = &turn.absence;
    let (kind, message, by) = match turn.back_at {
        None => ("account_left", LEFT, absence.by.as_deref()),
        Some(_) => ("account_back", BACK, None),
    };
    StoredCommand {
        id: CommandId(format!("{kind}:{}", absence.entry)),
        room: room.clone(),
        kind: kind.to_owned(),
        at: turn.back_at.unwrap_or(absence.at),
        by: by.unwrap_or(NOBODY).to_owned(),
        via: VIA.to_owned(),
        wish: serde_json::json!({}),
        decision: Decided::Applied.as_str().to_owned(),
        message: message.to_owned(),
        decided_at: now,
    }
}
