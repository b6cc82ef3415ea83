//! Subjects, all of them. A room key becomes a subject token only here.

use domain::id::RoomKey;
use sha2::{Digest, Sha256};

/// All of CHAT.
pub const CHAT_ALL: &str = "chat.>";
/// All messages.
pub const CHAT_MESSAGES: &str = "chat.message.*";
/// All room facts.
pub const CHAT_ROOMS: &str = "chat.room.*";
/// All commands.
pub const COMMAND_ALL: &str = "command.>";
/// All wake-ups.
pub const ROOM_ALL: &str = "room.changed.*";
/// All dead letters.
pub const DEAD_ALL: &str = "dead.>";
/// All beats. Plain NATS: no stream takes them.
pub const BEAT_ALL: &str = "beat.>";

/// Bytes of the hash that stand for a room in a subject: enough never to collide among millions of rooms.
const TOKEN_BYTES: usize = 15;

/// A room as one subject token: letters and digits only, whatever the source's id contains.
pub fn room_token(room: &RoomKey) -> String {
    let hash = Sha256::digest(room.to_string().as_bytes());
    data_encoding::BASE32HEX_NOPAD.encode(&hash[..TOKEN_BYTES]).to_ascii_lowercase()
}

/// Where a message of this room is published.
pub fn chat_message(room: &RoomKey) -> String {
    format!("chat.message.{}", room_token(room))
}

/// Where a fact about this room is published.
pub fn chat_room(room: &RoomKey) -> String {
    format!("chat.room.{}", room_token(room))
}

/// Where a command of this kind for this room is published.
pub fn command(kind: &str, room: &RoomKey) -> String {
    format!("command.{kind}.{}", room_token(room))
}

/// Where a wake-up for this room is published.
pub fn room_changed(room: &RoomKey) -> String {
    format!("room.changed.{}", room_token(room))
}

/// Where a service publishes a dead letter. `reason` is the short name that metrics show.
pub fn dead(service: &str, reason: &str) -> String {
    format!("dead.{service}.{reason}")
}

/// All dead letters of a service.
pub fn dead_of(service: &str) -> String {
    dead(service, ">")
}

/// Where a service publishes its heartbeats. No stream keeps them.
pub fn beat(service: &str) -> String {
    format!("beat.{service}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_room_id_becomes_one_safe_token() {
        for id in ["r-1", "R:10.20.*", "群 > 一", "a b\tc"] {
            let subject = chat_message(&RoomKey { source: "wechaty".into(), id: id.into() });
            assert_eq!(subject.split('.').count(), 3, "{subject}");
            assert!(subject.chars().all(|c| c.is_ascii_alphanumeric() || c == '.'), "{subject}");
        }
    }
}
