//! The logins: a role for each service, granted exactly what the service owns and reads, in Postgres as on the bus; and
//! those of people.

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
    /// The counter of figures.
    Performance,
    /// The command line: writes rules and go-live.
    Operator,
    /// Reads everything, writes nothing: for people and dashboards.
    Reader,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 8] = [
        Self::Ingest,
        Self::RoomState,
        Self::VikaSync,
        Self::VikaReconcile,
        Self::FeishuAlerter,
        Self::Performance,
        Self::Operator,
        Self::Reader,
    ];

    /// Those of services.
    pub const SERVICES: [Self; 6] = [
        Self::Ingest,
        Self::RoomState,
        Self::VikaSync,
        Self::VikaReconcile,
        Self::FeishuAlerter,
        Self::Performance,
    ];

    /// Its name in Postgres and on the bus.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::RoomState => "room_state",
            Self::VikaSync => "vika_sync",
            Self::VikaReconcile => "vika_reconcile",
            Self::FeishuAlerter => "feishu_alerter",
            Self::Performance => "performance",
            Self::Operator => "operator",
            Self::Reader => "reader",
        }
    }

    /// What the program is called: in subjects, logs and container names.
    pub const fn service(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::RoomState => "room-state",
            Self::VikaSync => "vika-sync",
            Self::VikaReconcile => "vika-reconcile",
            Self::FeishuAlerter => "feishu-alerter",
            Self::Performance => "performance",
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
