//! The two sheets with manager columns, and the state of polling each.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use domain::Timestamp;
use events::beat::{OutsideFailure, OutsideProblem};
use store::vika_reconcile::{KnownRow, ManagerCells};
use tokio::time::Instant;
use vika::tables::{AllRooms, Table, Today, Writer};
use vika::{EditId, Record, RecordId, SheetId, SheetProblem, SheetState, UsableColumns};

use crate::decide::{Edit, MarkCells, RoomRequest, Verdict, decide_found_room, decide_tick, initial_cells};

/// Columns that managers write, with the stamps that say when and by whom any of them was last changed.
#[derive(Debug)]
pub struct Group<T: 'static> {
    /// When.
    pub at: T,
    /// By whom.
    pub by: T,
    /// The columns without which it is not read.
    pub needed: &'static [T],
}

/// The box of 今日群聊.
const TODAY: &[Group<Today>] =
    &[Group { at: Today::ManagerEditedAt, by: Today::ManagerEditedBy, needed: &[Today::Cancel] }];

/// Owner and stage, in [`ALL_ROOMS`].
pub const ASSIGNMENT: usize = 0;
/// The approval, in [`ALL_ROOMS`].
pub const APPROVAL: usize = 1;
/// The marks, in [`ALL_ROOMS`]. Each is read by itself: whoever deletes one does not stop the others.
pub const MARKS: usize = 2;
const ALL_ROOMS: &[Group<AllRooms>] = &[
    Group { at: AllRooms::AssignedAt, by: AllRooms::AssignedBy, needed: &[AllRooms::Owner, AllRooms::Stage] },
    // What is approved is what owner and stage say.
    Group {
        at: AllRooms::ApprovedAt,
        by: AllRooms::ApprovedBy,
        needed: &[AllRooms::Approved, AllRooms::Owner, AllRooms::Stage],
    },
    Group { at: AllRooms::ManagerEditedAt, by: AllRooms::ManagerEditedBy, needed: &[] },
];

/// A sheet with manager columns.
pub trait ManagedSheet: Table {
    /// What managers write.
    const GROUPS: &'static [Group<Self>];
    /// The row's room.
    const ROOM: Self;
    /// The columns that a poll reads, if they are there.
    const READ: &'static [Self];
    /// How long a row is left alone after an edit: cells that are changed shortly after one another are one edit.
    const SETTLES: TimeDelta;
    /// What the manager cells of a row ask for.
    type Request;

    /// Reads the manager cells of a row.
    fn request(columns: &UsableColumns<Self>, record: &Record) -> Self::Request;

    /// Decides about what was found in a row that was in the sheet before `vika-sync` knew of it.
    fn decide_found(columns: &UsableColumns<Self>, edit: &Edit<Self::Request>, known: &KnownRow) -> Verdict;

    /// The cells of a found row, with which later edits of the row are compared.
    fn found_cells(
        columns: &UsableColumns<Self>,
        request: &Self::Request,
        known: &KnownRow,
    ) -> Option<ManagerCells>;
}

impl ManagedSheet for Today {
    const GROUPS: &'static [Group<Self>] = TODAY;
    const ROOM: Self = Self::RoomId;
    const READ: &'static [Self] =
        &[Self::RoomId, Self::Cancel, Self::UndoCancel, Self::ManagerEditedAt, Self::ManagerEditedBy];
    const SETTLES: TimeDelta = TimeDelta::zero();
    /// The box that is ticked; of several the first.
    type Request = Option<Self>;

    fn request(columns: &UsableColumns<Self>, record: &Record) -> Option<Self> {
        let mut boxes = Self::READ.iter().filter(|column| column.column().writer == Writer::Command);
        boxes.find(|column| columns.cell(record, **column).is_ticked()).copied()
    }

    fn decide_found(_columns: &UsableColumns<Self>, edit: &Edit<Option<Self>>, known: &KnownRow) -> Verdict {
        decide_tick(edit, Some(known))
    }

    fn found_cells(_: &UsableColumns<Self>, _: &Option<Self>, _: &KnownRow) -> Option<ManagerCells> {
        None
    }
}

impl ManagedSheet for AllRooms {
    const GROUPS: &'static [Group<Self>] = ALL_ROOMS;
    const ROOM: Self = Self::RoomId;
    const READ: &'static [Self] = &[
        Self::RoomId,
        Self::Owner,
        Self::Stage,
        Self::Approved,
        Self::CustomerGrade,
        Self::NotTimed,
        Self::NotFollowedUp,
        Self::AssignedAt,
        Self::AssignedBy,
        Self::ApprovedAt,
        Self::ApprovedBy,
        Self::ManagerEditedAt,
        Self::ManagerEditedBy,
    ];
    const SETTLES: TimeDelta = TimeDelta::seconds(10);
    type Request = RoomRequest;

    fn request(columns: &UsableColumns<Self>, record: &Record) -> RoomRequest {
        let cell = |column| columns.id(column).map(|id| record.cell(id));
        let text = |column| cell(column).map(|cell| cell.as_text().to_owned());
        let ticked = |column| cell(column).map(vika::Cell::is_ticked);
        RoomRequest {
            owner: text(Self::Owner),
            stage: text(Self::Stage),
            is_approved: ticked(Self::Approved).unwrap_or(false),
            marks: MarkCells {
                grade: text(Self::CustomerGrade),
                not_timed: ticked(Self::NotTimed),
                not_followed_up: ticked(Self::NotFollowedUp),
            },
        }
    }

    fn decide_found(columns: &UsableColumns<Self>, edit: &Edit<RoomRequest>, known: &KnownRow) -> Verdict {
        decide_found_room(columns, edit, known)
    }

    fn found_cells(
        columns: &UsableColumns<Self>,
        request: &RoomRequest,
        known: &KnownRow,
    ) -> Option<ManagerCells> {
        Some(request.cells(&initial_cells(known, columns)))
    }
}

/// A row that was edited just now.
#[derive(Debug, Clone, Copy)]
struct Settling {
    stamp_ms: i64,
    /// When this stamp was first read.
    since: Timestamp,
    /// When the row was first read so.
    first: Timestamp,
}

/// A row that is edited again and again is read after this time all the same.
const LONGEST_SETTLING: TimeDelta = TimeDelta::minutes(1);

/// A sheet as it is polled.
pub struct Sheet<T: 'static> {
    /// Its columns and pauses.
    pub state: SheetState<T>,
    /// The ids of columns that `vika-sync` once found were read.
    pub knows_columns: bool,
    /// When last no found row was waiting to be compared.
    pub compared_at: Option<Timestamp>,
    settling: BTreeMap<RecordId, Settling>,
    polled: Option<Instant>,
}

impl<T: ManagedSheet> Sheet<T> {
    /// A sheet that was not polled yet.
    pub fn new(id: SheetId) -> Self {
        // Its rows are known by their rooms; what managers write is read group by group.
        const { assert!(!T::READ.is_empty()) };
        Self {
            state: SheetState::new(id, &T::READ[..1]),
            knows_columns: false,
            compared_at: None,
            settling: BTreeMap::new(),
            polled: None,
        }
    }

    /// Whether it is to be polled now; if so, the next poll is due after `every`. Rows that settle are looked at again soon.
    pub fn begin_poll_if_due(&mut self, every: Duration) -> bool {
        let is_due = self.polled.is_none_or(|at| at.elapsed() >= every) || !self.settling.is_empty();
        if is_due {
            self.polled = Some(Instant::now());
        }
        is_due
    }

    /// The groups whose columns are all there.
    pub fn readable(columns: &UsableColumns<T>) -> Vec<(usize, &'static Group<T>)> {
        let can_ask =
            |group: &Group<T>| [group.at, group.by].iter().all(|stamp| columns.key(*stamp).is_some());
        let is_there = |group: &Group<T>| can_ask(group) && columns.has_all(group.needed);
        T::GROUPS.iter().enumerate().filter(|(_, group)| is_there(group)).collect()
    }

    /// Whether managers have left the row alone since an edit. If the clock of Vika is not ours, it takes a little longer.
    pub fn is_settled(&mut self, edit: &EditId, now: Timestamp) -> bool {
        let is_old = now.timestamp_millis() - edit.stamp_ms >= T::SETTLES.num_milliseconds();
        let fresh = Settling { stamp_ms: edit.stamp_ms, since: now, first: now };
        let row = self.settling.entry(edit.record.clone()).or_insert(fresh);
        if row.stamp_ms != edit.stamp_ms {
            *row = Settling { first: row.first, ..fresh };
        }
        is_old || now - row.since >= T::SETTLES || now - row.first >= LONGEST_SETTLING
    }

    /// These rows alone may still settle.
    pub fn keep_settling(&mut self, records: &[RecordId]) {
        self.settling.retain(|record, _| records.contains(record));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(stamp_ms: i64) -> EditId {
        format!("vika:dstA:recA:{stamp_ms}").parse().unwrap()
    }

    #[test]
    fn a_row_is_read_once_it_is_left_alone() {
        let at = |seconds: i64| Timestamp::UNIX_EPOCH + TimeDelta::seconds(1_000 + seconds);
        let mut sheet = Sheet::<AllRooms>::new("dstA".parse().unwrap());
        assert!(sheet.is_settled(&edit(at(-10).timestamp_millis()), at(0)), "edited long ago");
        sheet.keep_settling(&[]);
        // By a clock that is ahead of ours.
        let ahead = |seconds| edit(at(seconds + 3_600).timestamp_millis());
        assert!(!sheet.is_settled(&ahead(0), at(0)) && !sheet.is_settled(&ahead(0), at(9)));
        assert!(!sheet.is_settled(&ahead(9), at(10)), "edited again");
        assert!(!sheet.is_settled(&ahead(9), at(19)) && sheet.is_settled(&ahead(9), at(20)));
        sheet.keep_settling(&[]);
        let edited_again = (0..).step_by(5).find(|second| sheet.is_settled(&ahead(*second), at(*second)));
        assert_eq!(edited_again, Some(60), "not put off for ever");
        let mut today = Sheet::<Today>::new("dstA".parse().unwrap());
        assert!(today.is_settled(&ahead(0), at(0)), "a tick acts at once");
    }

    #[test]
    fn every_group_reads_the_columns_that_its_stamps_watch() {
        fn check<T: ManagedSheet>() {
            for group in T::GROUPS {
                let watched = group.at.column().kind.watches();
                assert_eq!(watched, group.by.column().kind.watches());
                let read: Vec<&str> = T::READ.iter().map(|column| column.name()).collect();
                assert!(watched.iter().all(|name| read.contains(name)), "{watched:?}");
                assert!([group.at, group.by].iter().all(|stamp| T::READ.contains(stamp)));
                assert!(group.needed.iter().all(|column| T::READ.contains(column)));
            }
            assert_eq!(T::READ[0], T::ROOM);
        }
        check::<AllRooms>();
        check::<Today>();
    }
}
