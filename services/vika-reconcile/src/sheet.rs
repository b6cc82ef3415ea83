//! The two sheets with manager columns, and the state of polling each.

use domain::Timestamp;
use events::beat::{OutsideFailure, OutsideProblem};
use store::vika_reconcile::{KnownRow, ManagerCells};
use vika::tables::{AllRooms, Table, Today, Writer};
use vika::{Record, SheetId, SheetProblem, SheetState, UsableColumns};

use crate::decide::{Edit, Verdict, ask_to_confirm, decide_tick, differs_from_effective};

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
    /// The box that is ticked; of several the first.
    type Request = Option<Self>;

    fn request(columns: &UsableColumns<Self>, record: &Record) -> Option<Self> {
        let mut boxes = TODAY.iter().filter(|column| column.column().writer == Writer::Command);
        boxes.find(|column| columns.cell(record, **column).is_ticked()).copied()
    }

    fn decide_found(_columns: &UsableColumns<Self>, edit: &Edit<Option<Self>>, known: &KnownRow) -> Verdict {
        decide_tick(edit, Some(known))
    }

    fn manager_cells(_request: &Option<Self>) -> Option<&ManagerCells> {
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
    /// Its columns and pauses.
    pub state: SheetState<T>,
    /// When last no found row was waiting to be compared.
    pub compared_at: Option<Timestamp>,
}

impl<T: ManagedSheet> Sheet<T> {
    /// A sheet that was not polled yet.
    pub fn new(id: SheetId) -> Self {
        Self { state: SheetState::new(id, T::READ), compared_at: None }
    }

    /// What operators have to repair.
    pub fn problem(&self, now: Timestamp) -> Option<OutsideProblem> {
        let title = Some(T::TITLE);
        Some(match self.state.problems(now).into_iter().next()? {
            SheetProblem::Inaccessible => OutsideProblem::new(OutsideFailure::Access, title, now),
            SheetProblem::Columns(names) => {
                let columns = names.into_iter().map(str::to_owned).collect();
                OutsideProblem { columns, ..OutsideProblem::new(OutsideFailure::Columns, title, now) }
            }
            SheetProblem::Full => OutsideProblem::new(OutsideFailure::SheetFull, title, now),
            SheetProblem::Stalled => OutsideProblem::new(OutsideFailure::Stalled, title, now),
        })
    }
}
