//! The two sheets with manager columns, and the state of polling each.

use chrono::TimeDelta;
use domain::Timestamp;
use events::beat::{VikaFailure, VikaProblem};
use store::vika_reconcile::{KnownRow, ManagerCells};
use vika::tables::{AllRooms, Table, Today};
use vika::{Record, SchemaGuard, SheetId, UsableColumns};

use crate::decide::{Edit, Verdict, ask_to_confirm, decide_tick, differs_from_effective};

/// Failures are reported to operators as a standstill after this.
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

/// A sheet with manager columns.
pub trait ManagedSheet: Table {
    /// When manager columns were last changed.
    const EDITED_AT: Self;
    /// By whom.
    const EDITED_BY: Self;
    /// The row's room.
    const ROOM: Self;
    /// The columns that a poll reads.
    const READ: &'static [Self];
    /// What the manager cells of a row ask for.
    type Request;

    /// Reads the manager cells of a row.
    fn request(columns: &UsableColumns<Self>, record: &Record) -> Self::Request;

    /// Decides about what was found in a row that was in the sheet before `vika-sync` knew of it.
    fn decide_found(columns: &UsableColumns<Self>, edit: &Edit<Self::Request>, known: &KnownRow) -> Verdict;

    /// The cells that later edits of the row are compared with.
    fn manager_cells(request: &Self::Request) -> Option<&ManagerCells>;
}

impl ManagedSheet for Today {
    const EDITED_AT: Self = Self::ManagerEditedAt;
    const EDITED_BY: Self = Self::ManagerEditedBy;
    const ROOM: Self = Self::RoomId;
    const READ: &'static [Self] = TODAY;
    type Request = bool;

    fn request(columns: &UsableColumns<Self>, record: &Record) -> bool {
        columns.cell(record, Self::Cancel).is_ticked()
    }

    fn decide_found(_columns: &UsableColumns<Self>, edit: &Edit<bool>, known: &KnownRow) -> Verdict {
        decide_tick(edit, Some(known))
    }

    fn manager_cells(_request: &bool) -> Option<&ManagerCells> {
        None
    }
}

impl ManagedSheet for AllRooms {
    const EDITED_AT: Self = Self::ManagerEditedAt;
    const EDITED_BY: Self = Self::ManagerEditedBy;
    const ROOM: Self = Self::RoomId;
    const READ: &'static [Self] = ALL_ROOMS;
    type Request = ManagerCells;

    fn request(columns: &UsableColumns<Self>, record: &Record) -> ManagerCells {
        ManagerCells {
            owner: columns.cell(record, Self::Owner).as_text().to_owned(),
            stage: columns.cell(record, Self::Stage).as_text().to_owned(),
            approved: columns.cell(record, Self::Approved).is_ticked(),
        }
    }

    fn decide_found(columns: &UsableColumns<Self>, edit: &Edit<ManagerCells>, known: &KnownRow) -> Verdict {
        if differs_from_effective(&edit.request, known, columns) {
            ask_to_confirm(edit, known)
        } else {
            Verdict::Nothing
        }
    }

    fn manager_cells(request: &ManagerCells) -> Option<&ManagerCells> {
        Some(request)
    }
}

/// A sheet as it is polled.
pub struct Sheet<T: 'static> {
    /// Its columns as last checked.
    pub guard: SchemaGuard<T>,
    /// No calls are made before this.
    pub paused_until: Option<Timestamp>,
    /// Since when polls fail.
    pub failing_since: Option<Timestamp>,
    /// It is missing, or not visible to our user.
    pub inaccessible: bool,
    /// When last no found row was waiting to be compared.
    pub compared_at: Option<Timestamp>,
}

impl<T: ManagedSheet> Sheet<T> {
    /// A sheet that was not polled yet.
    pub fn new(id: SheetId) -> Self {
        Self {
            guard: SchemaGuard::new(id, T::READ),
            paused_until: None,
            failing_since: None,
            inaccessible: false,
            compared_at: None,
        }
    }

    /// Whether calls are paused.
    pub fn is_paused(&self, now: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    /// What operators have to repair.
    pub fn problem(&self, now: Timestamp) -> Option<VikaProblem> {
        let columns: Vec<String> =
            self.guard.problems().iter().map(|problem| problem.column().to_owned()).collect();
        let is_stalled = self.failing_since.is_some_and(|since| now - since >= STALLED_AFTER);
        let what = match (self.inaccessible, columns.is_empty(), is_stalled) {
            (true, ..) => VikaFailure::Access,
            (_, false, _) => VikaFailure::Columns,
            (.., true) => VikaFailure::Stalled,
            _ => return None,
        };
        let (sheet, rooms) = (Some(T::TITLE.to_owned()), Vec::new());
        Some(VikaProblem { what, sheet, columns, rooms, since: now })
    }
}
