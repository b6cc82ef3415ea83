//! The Postgres roles: one for each service, granted exactly what the service owns and reads.

use std::fmt;

/// Who logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The capturing service.
    Ingest,
    /// The folding service.
    RoomState,
    /// The only writer of Vika.
    VikaSync,
    /// The reader of managers' edits.
    VikaReconcile,
    /// The only sender of cards.
    FeishuAlerter,
    /// The command line: writes rules and go-live.
    Operator,
    /// Reads everything, writes nothing: for people and dashboards.
    Reader,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Ingest,
        Self::RoomState,
        Self::VikaSync,
        Self::VikaReconcile,
        Self::FeishuAlerter,
        Self::Operator,
        Self::Reader,
    ];

    /// Its name in Postgres.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::RoomState => "room_state",
            Self::VikaSync => "vika_sync",
            Self::VikaReconcile => "vika_reconcile",
            Self::FeishuAlerter => "feishu_alerter",
            Self::Operator => "operator",
            Self::Reader => "reader",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
