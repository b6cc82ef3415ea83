//! Decides what a manager's edit leads to. Pure.

use chrono::DateTime;
use domain::id::{CommandId, EntryId};
use domain::marks::Marks;
use events::command::{Command, CommandKind, Via};
use store::vika_reconcile::{KnownRow, ManagerCells};
use store::vika_sync::{MAX_SEEN, Seen};
use vika::tables::{AllRooms, Table, Today};
use vika::{Cell, EditId, EditPart, UsableColumns};

use crate::sheet::{APPROVAL, ASSIGNMENT, MARKS};

/// A row that somebody has edited who is not one of our users.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit<A> {
    /// Sheet, row and the newest of its new stamps.
    pub id: EditId,
    /// Who changed which group of columns last; none of our users.
    pub stamps: Vec<Stamp>,
    /// 群ID as the row has it, to recognise a row that is being created.
    pub room: String,
    /// What the manager cells of the row say now.
    pub request: A,
}

/// Who changed a group of columns last, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Which group of its sheet.
    pub group: usize,
    /// In milliseconds of the service's clock.
    pub at_ms: i64,
    /// Display name.
    pub by: String,
    /// It was not read before.
    pub is_new: bool,
}

impl<A> Edit<A> {
    /// The stamps that were not read before.
    pub fn new_stamps(&self) -> impl Iterator<Item = &Stamp> {
        self.stamps.iter().filter(|stamp| stamp.is_new)
    }

    fn stamp(&self, group: usize) -> Option<&Stamp> {
        self.stamps.iter().find(|stamp| stamp.group == group)
    }

    /// The newest of these stamps, or of all if there are none.
    fn newest_of(&self, groups: &[usize]) -> Option<&Stamp> {
        let of = self.stamps.iter().filter(|stamp| groups.contains(&stamp.group));
        let any = self.stamps.iter().max_by_key(|stamp| stamp.at_ms);
        of.max_by_key(|stamp| stamp.at_ms).or(any)
    }

    fn command(&self, known: &KnownRow, stamp: &Stamp, part: EditPart, kind: CommandKind) -> Command {
        let id = EditId { stamp_ms: stamp.at_ms, part, ..self.id.clone() };
        Command {
            id: CommandId(id.to_string()),
            room: known.room.clone(),
            at: DateTime::from_timestamp_millis(stamp.at_ms).unwrap_or_default(),
            by: stamp.by.clone(),
            via: Via::Vika,
            kind,
        }
    }
}

/// What a row of 群聊总表 asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRequest {
    /// 负责人; `None`: the sheet has no such column.
    pub owner: Option<String>,
    /// 群聊阶段, likewise.
    pub stage: Option<String>,
    /// 核准进入售后阶段 is ticked.
    pub is_approved: bool,
    /// The marks.
    pub marks: MarkCells,
}

/// The cells of the marks; `None`: the sheet has no such column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MarkCells {
    /// 客户等级.
    pub grade: Option<String>,
    /// 不计时.
    pub not_timed: Option<bool>,
    /// 不再跟进.
    pub not_followed_up: Option<bool>,
}

impl RoomRequest {
    /// The cells that stand, with those that stood before in the place of columns that are not there.
    pub fn cells(&self, before: &ManagerCells) -> ManagerCells {
        let MarkCells { grade, not_timed, not_followed_up } = self.marks.clone();
        ManagerCells {
            owner: self.owner.clone().unwrap_or_else(|| before.owner.clone()),
            stage: self.stage.clone().unwrap_or_else(|| before.stage.clone()),
            marks: Marks {
                grade: grade.unwrap_or_else(|| before.marks.grade.clone()),
                not_timed: not_timed.unwrap_or(before.marks.not_timed),
                not_followed_up: not_followed_up.unwrap_or(before.marks.not_followed_up),
            },
        }
    }
}

/// What an edit leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Commands for `room-state`; none: no cell that we act on was changed.
    Send(Vec<Command>),
    /// Nothing: the row is not one of ours.
    UnknownRow,
}

impl Verdict {
    /// The commands that it leads to.
    pub fn commands(&self) -> &[Command] {
        match self {
            Self::Send(commands) => commands,
            Self::UnknownRow => &[],
        }
    }
}

/// A tick in 今日群聊, which is about what the row showed when the box was ticked.
pub fn decide_tick(edit: &Edit<Option<Today>>, known: Option<&KnownRow>) -> Verdict {
    let Some(known) = known else { return Verdict::UnknownRow };
    let (Some(ticked), Some(stamp)) = (edit.request, edit.newest_of(&[])) else {
        return Verdict::Send(Vec::new());
    };
    let seen = seen_at(known, stamp.at_ms).map(|entry| EntryId(entry.to_owned()));
    let kind = tick_command(ticked, seen);
    let command = kind.map(|kind| edit.command(known, stamp, EditPart::Main, kind));
    Verdict::Send(command.into_iter().collect())
}

/// What a tick of this box asks for, by somebody who had seen the room up to there. `None`: it is no box of ours to act on.
fn tick_command(ticked: Today, seen_up_to: Option<EntryId>) -> Option<CommandKind> {
    let reason = ticked.name().to_owned();
    match (ticked, seen_up_to) {
        (Today::Cancel, Some(seen_up_to)) => Some(CommandKind::Cancel { wait: None, seen_up_to, reason }),
        (Today::Cancel, None) => Some(CommandKind::CancelUnseen { reason }),
        (Today::UndoCancel, _) => Some(CommandKind::UndoLastCancel),
        _ => None,
    }
}

/// An edit of 群聊总表: assigns owner and stage if any of them differs from `before` or they were approved, and marks the room
/// if a mark differs. While managers have `to_confirm` what was found in the row, an edit that leaves owner and stage as
/// they are makes us ask once more.
pub fn decide_room(
    edit: &Edit<RoomRequest>,
    known: &KnownRow,
    before: &ManagerCells,
    to_confirm: bool,
) -> Verdict {
    let cells = edit.request.cells(before);
    let is_assigned = (&cells.owner, &cells.stage) != (&before.owner, &before.stage);
    let approval = edit.stamp(APPROVAL).filter(|stamp| stamp.is_new && edit.request.is_approved);
    let touched = edit.new_stamps().any(|stamp| stamp.group != MARKS);
    let assignment = if is_assigned || approval.is_some() {
        assign(edit, known, &cells, approval)
    } else if to_confirm && touched {
        ask_to_confirm(edit, known, &cells)
    } else {
        None
    };
    let marks = (cells.marks != before.marks).then(|| mark(edit, known, &cells.marks)).flatten();
    // Of several messages the last is read in the room's row: whether it has the owner asked for weighs most.
    Verdict::Send(marks.into_iter().chain(assignment).collect())
}

/// What was found in a row of 群聊总表: managers are asked about an owner and a stage that differ from those in force. Marks are
/// nobody's but theirs. What stands in a row that was claimed they have set themselves.
pub fn decide_found_room(
    columns: &UsableColumns<AllRooms>,
    edit: &Edit<RoomRequest>,
    known: &KnownRow,
) -> Verdict {
    if known.claimed_at.is_some() {
        let said = |cell: &Option<String>| cell.clone().filter(|text| !text.trim().is_empty());
        let (owner, stage) = (said(&edit.request.owner), said(&edit.request.stage));
        let edit = Edit { request: RoomRequest { owner, stage, ..edit.request.clone() }, ..edit.clone() };
        return decide_room(&edit, known, &effective_cells(known, columns), false);
    }
    let cells = edit.request.cells(&initial_cells(known, columns));
    let differs = differs_from_effective(&cells, known, columns);
    let question = differs.then(|| ask_to_confirm(edit, known, &cells)).flatten();
    let marks = (!cells.marks.is_empty()).then(|| mark(edit, known, &cells.marks)).flatten();
    Verdict::Send(marks.into_iter().chain(question).collect())
}

/// Whoever approves is whose decision it is; else whoever changed owner or stage.
fn assign(
    edit: &Edit<RoomRequest>,
    known: &KnownRow,
    cells: &ManagerCells,
    approval: Option<&Stamp>,
) -> Option<Command> {
    let author = approval.or_else(|| edit.newest_of(&[ASSIGNMENT]))?;
    // Not older than either: the tick is taken back if nobody has ticked again since.
    let newest = edit.newest_of(&[ASSIGNMENT, APPROVAL]).map_or(author.at_ms, |stamp| stamp.at_ms);
    let stamp = Stamp { at_ms: newest.max(author.at_ms), ..author.clone() };
    let (owner, stage) = (cells.owner.clone(), cells.stage.clone());
    let kind = CommandKind::Assign { owner, stage, approved: approval.is_some(), approved_by: None };
    Some(edit.command(known, &stamp, EditPart::Main, kind))
}

fn ask_to_confirm(edit: &Edit<RoomRequest>, known: &KnownRow, cells: &ManagerCells) -> Option<Command> {
    let stamp = edit.newest_of(&[ASSIGNMENT, APPROVAL])?;
    let kind = CommandKind::Compare { owner: cells.owner.clone(), stage: cells.stage.clone() };
    Some(edit.command(known, stamp, EditPart::Main, kind))
}

fn mark(edit: &Edit<RoomRequest>, known: &KnownRow, marks: &Marks) -> Option<Command> {
    let Marks { grade, not_timed, not_followed_up } = marks.clone();
    let kind = CommandKind::Mark { grade, not_timed, not_followed_up };
    Some(edit.command(known, edit.newest_of(&[MARKS])?, EditPart::Marks, kind))
}

/// The last entry that the row showed at a moment; the author has not seen what was written later. The clocks of Vika and
/// ours may differ a little: rather too little is cancelled than too much. `None` if it is not known: a full list may have
/// lost what came before it, and a found row showed what somebody else wrote.
fn seen_at(known: &KnownRow, stamp_ms: i64) -> Option<&str> {
    let seen: &[Seen] = &known.seen;
    let before = seen.iter().rev().find(|seen| seen.at.timestamp_millis() <= stamp_ms);
    let first = || seen.first().filter(|_| seen.len() < MAX_SEEN && !known.found);
    before.or_else(first).map(|seen| seen.seen_up_to.as_str())
}

/// The manager cells that the row was created with: what its first edit is compared with.
pub fn initial_cells(known: &KnownRow, columns: &UsableColumns<AllRooms>) -> ManagerCells {
    let text = |column| cell(known, columns, column).as_text().to_owned();
    let is_ticked = |column| cell(known, columns, column).is_ticked();
    let marks = Marks {
        grade: text(AllRooms::CustomerGrade),
        not_timed: is_ticked(AllRooms::NotTimed),
        not_followed_up: is_ticked(AllRooms::NotFollowedUp),
    };
    ManagerCells { owner: text(AllRooms::Owner), stage: text(AllRooms::Stage), marks }
}

/// What is in force, as the same row says, of a room without marks.
fn effective_cells(known: &KnownRow, columns: &UsableColumns<AllRooms>) -> ManagerCells {
    let text = |column| cell(known, columns, column).as_text().to_owned();
    let (owner, stage) = (text(AllRooms::EffectiveOwner), text(AllRooms::EffectiveStage));
    ManagerCells { owner, stage, marks: Marks::default() }
}

/// Whether owner or stage differ from the effective ones in the same row.
pub fn differs_from_effective(
    cells: &ManagerCells,
    known: &KnownRow,
    columns: &UsableColumns<AllRooms>,
) -> bool {
    let in_force = effective_cells(known, columns);
    (cells.owner.trim(), &cells.stage) != (in_force.owner.as_str(), &in_force.stage)
}

fn cell(known: &KnownRow, columns: &UsableColumns<AllRooms>, column: AllRooms) -> Cell {
    let value = columns.id(column).and_then(|id| known.cells.get(id.as_str()));
    value.map_or(Cell::Empty, Cell::read)
}

#[cfg(test)]
mod tests {
    use domain::id::RoomKey;

    use super::*;

    fn seen(entries: &[(&str, i64)]) -> Vec<Seen> {
        let seen = |(entry, ms): &(&str, i64)| Seen {
            seen_up_to: (*entry).into(),
            at: DateTime::from_timestamp_millis(*ms).unwrap(),
        };
        entries.iter().map(seen).collect()
    }

    fn stamp(group: usize, at_ms: i64, by: &str, is_new: bool) -> Stamp {
        Stamp { group, at_ms, by: by.into(), is_new }
    }

    fn edit<A>(request: A, stamps: Vec<Stamp>) -> Edit<A> {
        let id = "vika:dstA:recA:1000".parse().unwrap();
        Edit { id, stamps, room: "webhook:r1".into(), request }
    }

    fn ticked(request: Option<Today>) -> Edit<Option<Today>> {
        edit(request, vec![stamp(0, 1_000, "王经理", true)])
    }

    fn known(seen: Vec<Seen>) -> KnownRow {
        let room = RoomKey { source: "webhook".into(), id: "r1".into() };
        KnownRow {
            room,
            seen,
            cells: store::vika_sync::Cells::new(),
            found: false,
            claimed_at: None,
            to_confirm: false,
        }
    }

    fn request(owner: &str, stage: &str, is_approved: bool) -> RoomRequest {
        let (owner, stage) = (Some(owner.into()), Some(stage.into()));
        RoomRequest { owner, stage, is_approved, marks: MarkCells::default() }
    }

    fn cells(owner: &str, stage: &str) -> ManagerCells {
        ManagerCells { owner: owner.into(), stage: stage.into(), marks: Marks::default() }
    }

    fn sent(verdict: Verdict) -> Vec<Command> {
        match verdict {
            Verdict::Send(commands) => commands,
            Verdict::UnknownRow => panic!("a row of ours"),
        }
    }

    fn is_unseen(row: &KnownRow) -> bool {
        let commands = sent(decide_tick(&ticked(Some(Today::Cancel)), Some(row)));
        matches!(&*commands, [Command { kind: CommandKind::CancelUnseen { .. }, .. }])
    }

    #[test]
    fn a_tick_cancels_what_its_author_could_see() {
        let cancelled = |entries: &[(&str, i64)]| match &*sent(decide_tick(
            &ticked(Some(Today::Cancel)),
            Some(&known(seen(entries))),
        )) {
            [Command { kind: CommandKind::Cancel { seen_up_to, .. }, .. }] => seen_up_to.0.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(cancelled(&[("a", 10), ("b", 1_000), ("c", 1_001)]), "b");
        assert_eq!(cancelled(&[("c", 1_001), ("d", 1_002)]), "c", "clocks apart: the earliest known");
        assert!(is_unseen(&known(Vec::new())));
        assert!(sent(decide_tick(&ticked(None), Some(&known(seen(&[("a", 10)]))))).is_empty());
        assert_eq!(decide_tick(&ticked(Some(Today::Cancel)), None), Verdict::UnknownRow);
    }

    #[test]
    fn a_tick_from_before_all_that_is_remembered_cancels_nothing() {
        let later: Vec<(String, i64)> = (0..20).map(|n| (format!("m{n}"), 2_000 + n)).collect();
        let later: Vec<(&str, i64)> = later.iter().map(|(id, at)| (id.as_str(), *at)).collect();
        assert!(is_unseen(&known(seen(&later))));
    }

    #[test]
    fn a_tick_in_a_row_that_was_found_cancels_only_what_was_seen_in_it_since() {
        let found = |entries: &[(&str, i64)]| KnownRow { found: true, ..known(seen(entries)) };
        assert!(is_unseen(&found(&[("b", 1_001)])));
        assert!(!is_unseen(&found(&[("b", 1_000)])));
    }

    /// What an edit of a row asks for, by whom, and with which id.
    fn told(edit: &Edit<RoomRequest>, before: &ManagerCells, to_confirm: bool) -> Vec<String> {
        let commands = sent(decide_room(edit, &known(Vec::new()), before, to_confirm));
        let tell = |command: Command| {
            let asked = match command.kind {
                CommandKind::Assign { owner, stage, approved, .. } => format!("{owner} {stage} {approved}"),
                CommandKind::Compare { .. } => "?".to_owned(),
                CommandKind::Mark { grade, not_timed, not_followed_up } => {
                    format!("[{grade}] {not_timed} {not_followed_up}")
                }
                other => panic!("{other:?}"),
            };
            let id = command.id.0.trim_start_matches("vika:dstA:recA:").to_owned();
            format!("{id} {} {asked}", command.by)
        };
        commands.into_iter().map(tell).collect()
    }

    #[test]
    fn an_edit_that_confirms_nothing_is_asked_about_again() {
        let stands = request("李小后", "after-sales", false);
        let unticked = edit(stands.clone(), vec![stamp(APPROVAL, 1_000, "王经理", true)]);
        let before = cells("李小后", "after-sales");
        assert_eq!(told(&unticked, &before, true), ["1000 王经理 ?"]);
        assert!(told(&unticked, &before, false).is_empty());
        let marked = edit(stands, vec![stamp(MARKS, 1_000, "王经理", true)]);
        assert!(told(&marked, &before, true).is_empty(), "an edit of other columns is no answer");
    }

    #[test]
    fn an_edit_of_another_column_assigns_nobody() {
        let stamps = || vec![stamp(ASSIGNMENT, 1_000, "王经理", true)];
        let to = |owner: &str| edit(request(owner, "pre-sales", false), stamps());
        let before = cells("王小售", "pre-sales");
        assert!(told(&to("王小售"), &before, false).is_empty());
        assert_eq!(told(&to("李小后"), &before, false), ["1000 王经理 李小后 pre-sales false"]);
        let verdict = decide_room(&to("李小后"), &known(Vec::new()), &before, false);
        assert_eq!(sent(verdict)[0].at.timestamp_millis(), 1_000);
    }

    #[test]
    fn a_tick_approves_once_and_in_the_name_of_whoever_ticked() {
        let before = cells("王小售", "pre-sales");
        let stamps = |approved_at, is_new| {
            vec![stamp(ASSIGNMENT, 1_000, "王小售", true), stamp(APPROVAL, approved_at, "王经理", is_new)]
        };
        let asked = || request("李小后", "after-sales", true);
        for (stamps, expected) in [
            (stamps(900, true), "1000 王经理 李小后 after-sales true"),
            (stamps(1_100, true), "1100 王经理 李小后 after-sales true"),
            // Left over from an approval that was acted on.
            (stamps(900, false), "1000 王小售 李小后 after-sales false"),
        ] {
            assert_eq!(told(&edit(asked(), stamps), &before, false), [expected]);
        }
        let alone = edit(asked(), vec![stamp(APPROVAL, 1_100, "王经理", true)]);
        let stands = cells("李小后", "after-sales");
        assert_eq!(told(&alone, &stands, false), ["1100 王经理 李小后 after-sales true"]);
        let taken_back = edit(request("李小后", "after-sales", false), alone.stamps);
        assert!(told(&taken_back, &stands, false).is_empty());
    }

    #[test]
    fn marks_are_asked_for_by_themselves() {
        let marks = |grade: Option<&str>, not_timed| MarkCells {
            grade: grade.map(Into::into),
            not_timed,
            not_followed_up: Some(false),
        };
        let stamps = vec![stamp(ASSIGNMENT, 1_000, "王小售", true), stamp(MARKS, 1_000, "王经理", true)];
        let row =
            |marks| edit(RoomRequest { marks, ..request("李小后", "pre-sales", false) }, stamps.clone());
        let before = cells("王小售", "pre-sales");
        assert_eq!(
            told(&row(marks(Some("A"), Some(true))), &before, false),
            ["1000:marks 王经理 [A] true false", "1000 王小售 李小后 pre-sales false"],
            "one save of both"
        );
        let graded = ManagerCells {
            marks: Marks { grade: "A".into(), not_timed: true, not_followed_up: false },
            ..cells("李小后", "pre-sales")
        };
        assert!(
            told(&row(marks(None, None)), &graded, false).is_empty(),
            "a column that is gone says nothing"
        );
        assert_eq!(
            told(&row(marks(None, Some(false))), &graded, false),
            ["1000:marks 王经理 [A] false false"]
        );
    }
}
