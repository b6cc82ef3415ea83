//! The two sheets with managers' columns, and what is known of the polls of each.

use chrono::TimeDelta;
use domain::Timestamp;
use events::beat::{VikaFailure, VikaProblem};
use store::vika_reconcile::{KnownRow, Snapshot};
use vika::tables::{AllRooms, Table, Today};
use vika::{Guard, Present, Record, SheetId};

use crate::decide::{Edit, Verdict, compare, differs, tick};

/// After this, operators are told that nothing goes on.
const STALLED_AFTER: TimeDelta = TimeDelta::minutes(5);

/// The columns without which 今日群聊 cannot be read.
const TODAY: &[Today] = &[Today::RoomId, Today::Cancel, Today::ManagerEditedAt, Today::ManagerEditedBy];
/// The columns without which 群聊总表 cannot be read.
const ALL_ROOMS: &[AllRooms] = &[
    AllRooms::RoomId,
    AllRooms::Owner,
    AllRooms::Stage,
    AllRooms::Approved,
    AllRooms::ManagerEditedAt,
    AllRooms::ManagerEditedBy,
];

/// A sheet with managers' columns.
pub trait Managed: Table {
    /// When managers' columns were last changed.
    const EDITED_AT: Self;
    /// By whom.
    const EDITED_BY: Self;
    /// The row's room.
    const ROOM: Self;
    /// The columns that a poll reads.
    const READ: &'static [Self];
    /// What a row asks for.
    type Asks;

    /// Reads it.
    fn asks(columns: &Present<Self>, record: &Record) -> Self::Asks;

    /// What is to be done about what stands in a row that was there before anything was known of it.
    fn standing(columns: &Present<Self>, edit: &Edit<Self::Asks>, known: &KnownRow) -> Verdict;

    /// What later edits of the row are compared with.
    fn snapshot(asks: &Self::Asks) -> Option<&Snapshot>;
}

impl Managed for Today {
    const EDITED_AT: Self = Self::ManagerEditedAt;
    const EDITED_BY: Self = Self::ManagerEditedBy;
    const ROOM: Self = Self::RoomId;
    const READ: &'static [Self] = TODAY;
    type Asks = bool;

    fn asks(columns: &Present<Self>, record: &Record) -> bool {
        columns.cell(record, Self::Cancel).is_ticked()
    }

    fn standing(_columns: &Present<Self>, edit: &Edit<bool>, known: &KnownRow) -> Verdict {
        tick(edit, Some(known))
    }

    fn snapshot(_asks: &bool) -> Option<&Snapshot> {
        None
    }
}

impl Managed for AllRooms {
    const EDITED_AT: Self = Self::ManagerEditedAt;
    const EDITED_BY: Self = Self::ManagerEditedBy;
    const ROOM: Self = Self::RoomId;
    const READ: &'static [Self] = ALL_ROOMS;
    type Asks = Snapshot;

    fn asks(columns: &Present<Self>, record: &Record) -> Snapshot {
        Snapshot {
            owner: columns.cell(record, Self::Owner).as_text().to_owned(),
            stage: columns.cell(record, Self::Stage).as_text().to_owned(),
            approved: columns.cell(record, Self::Approved).is_ticked(),
        }
    }

    fn standing(columns: &Present<Self>, edit: &Edit<Snapshot>, known: &KnownRow) -> Verdict {
        if differs(&edit.asks, known, columns) { compare(edit, known) } else { Verdict::Nothing }
    }

    fn snapshot(asks: &Snapshot) -> Option<&Snapshot> {
        Some(asks)
    }
}

/// A sheet as it is polled.
pub struct Sheet<T: 'static> {
    /// Its columns.
    pub guard: Guard<T>,
    /// It is left alone before this.
    pub paused_until: Option<Timestamp>,
    /// Since when polls fail.
    pub failing_since: Option<Timestamp>,
    /// It is missing, or not visible to our user.
    pub hidden: bool,
    /// When there was last no found row to be compared.
    pub compared_at: Option<Timestamp>,
}

impl<T: Managed> Sheet<T> {
    /// A sheet of which nothing is known yet.
    pub fn new(id: SheetId) -> Self {
        Self {
            guard: Guard::new(id, T::READ),
            paused_until: None,
            failing_since: None,
            hidden: false,
            compared_at: None,
        }
    }

    /// Whether it is left alone at the moment.
    pub fn is_paused(&self, now: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    /// What operators have to know of it.
    pub fn problem(&self, now: Timestamp) -> Option<VikaProblem> {
        let columns: Vec<String> =
            self.guard.problems().iter().map(|problem| problem.column().to_owned()).collect();
        let is_stalled = self.failing_since.is_some_and(|since| now - since >= STALLED_AFTER);
        let what = match (self.hidden, columns.is_empty(), is_stalled) {
            (true, ..) => VikaFailure::Access,
            (_, false, _) => VikaFailure::Columns,
            (.., true) => VikaFailure::Stalled,
            _ => return None,
        };
        let (sheet, rooms) = (Some(T::TITLE.to_owned()), Vec::new());
        Some(VikaProblem { what, sheet, columns, rooms, since: now })
    }
}
