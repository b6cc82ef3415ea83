//! ROOM: change notifications. They carry no state: a consumer reads it from the database.

use domain::id::RoomKey;
use serde::{Deserialize, Serialize};

use crate::wire::Payload;

/// A room's stored state has a new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomChanged {
    /// The room that changed.
    pub room: RoomKey,
    /// Its version after the change; consumers may see several changes as one.
    pub version: i64,
}

impl Payload for RoomChanged {
    const NAME: &'static str = "room wake-up";
    const VERSION: u8 = 1;
}
