//! ROOM: wake-ups. They carry no truth: whoever is woken reads the store.

use domain::id::RoomKey;
use serde::{Deserialize, Serialize};

use crate::wire::Payload;

/// A room's stored truth has a new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomChanged {
    /// Which room.
    pub room: RoomKey,
    /// Its version now.
    pub version: i64,
}

impl Payload for RoomChanged {
    const NAME: &'static str = "room wake-up";
    const VERSION: u8 = 1;
}
