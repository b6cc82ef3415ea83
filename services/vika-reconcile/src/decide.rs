//! Decides what a manager's edit leads to. Pure.

use chrono::DateTime;
use domain::id::{CommandId, EntryId};
use events::command::{Command, CommandKind, Via};
use store::vika_reconcile::{KnownRow, ManagerCells};
use store::vika_sync::{MAX_SEEN, Seen};
use vika::tables::{AllRooms, Table, Today};
use vika::{Cell, EditId, UsableColumns};

/// An edit of a row by somebody who is not one of our users.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit<A> {
    /// Sheet, row and stamp.
    pub id: EditId,
    /// Display name of its author.
    pub by: String,
    /// 群ID as the row has it, to recognise a row that is being created.
    pub room: String,
    /// What the manager cells of the row say now.
    pub request: A,
}

/// What an edit leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// A command for `room-state`.
    Send(Command),
    /// Nothing: no cell that we act on was changed.
    Nothing,
    /// Nothing: the row is not one of ours.
    UnknownRow,
}

/// A tick in 今日群聊, which is about what the row showed when the box was ticked.
pub fn decide_tick(edit: &Edit<Option<Today>>, known: Option<&KnownRow>) -> Verdict {
    let Some(known) = known else { return Verdict::UnknownRow };
    let Some(ticked) = edit.request else { return Verdict::Nothing };
    let seen = seen_at(known, edit.id.stamp_ms).map(|entry| EntryId(entry.to_owned()));
    tick_command(ticked, seen).map_or(Verdict::Nothing, |kind| Verdict::Send(command(edit, known, kind)))
}

/// What a tick of this box asks for, by somebody who had seen the room up to there. `None`: it is no box of ours to act on.
fn tick_command(ticked: Today, seen_up_to: Option<EntryId>) -> Option<CommandKind> {
    let reason = ticked.name().to_owned();
    match (ticked, seen_up_to) {
        (Today::Cancel, Some(seen_up_to)) => Some(CommandKind::Cancel { wait: None, seen_up_to, reason }),
        (Today::Cancel, None) => Some(CommandKind::CancelUnseen { reason }),
        _ => None,
    }
}

/// An edit of 群聊总表: assigns owner, stage and approval if any of them differs from `before`. While managers have `to_confirm`
/// what was found in the row, an edit that leaves these cells as they are makes us ask once more.
pub fn decide_assignment(
    edit: &Edit<ManagerCells>,
    known: Option<&KnownRow>,
    before: &ManagerCells,
    to_confirm: bool,
) -> Verdict {
    let Some(known) = known else { return Verdict::UnknownRow };
    if edit.request == *before {
        return if to_confirm { ask_to_confirm(edit, known) } else { Verdict::Nothing };
    }
    let ManagerCells { owner, stage, approved } = edit.request.clone();
    Verdict::Send(command(edit, known, CommandKind::Assign { owner, stage, approved }))
}

/// Asks managers about what was found in a row of 群聊总表, where it differs from what is in force.
pub fn ask_to_confirm(edit: &Edit<ManagerCells>, known: &KnownRow) -> Verdict {
    let ManagerCells { owner, stage, .. } = edit.request.clone();
    Verdict::Send(command(edit, known, CommandKind::Compare { owner, stage }))
}

fn command<A>(edit: &Edit<A>, known: &KnownRow, kind: CommandKind) -> Command {
    Command {
        id: CommandId(edit.id.to_string()),
        room: known.room.clone(),
        at: DateTime::from_timestamp_millis(edit.id.stamp_ms).unwrap_or_default(),
        by: edit.by.clone(),
        via: Via::Vika,
        kind,
    }
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
    let cell = |column| cell(known, columns, column);
    ManagerCells {
        owner: cell(AllRooms::Owner).as_text().to_owned(),
        stage: cell(AllRooms::Stage).as_text().to_owned(),
        approved: cell(AllRooms::Approved).is_ticked(),
    }
}

/// Whether owner or stage differ from the effective ones in the same row.
pub fn differs_from_effective(
    request: &ManagerCells,
    known: &KnownRow,
    columns: &UsableColumns<AllRooms>,
) -> bool {
    let in_force = |column| cell(known, columns, column).as_text().to_owned();
    request.owner.trim() != in_force(AllRooms::EffectiveOwner)
        || request.stage != in_force(AllRooms::EffectiveStage)
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

    fn edit<A>(request: A) -> Edit<A> {
        let id = "vika:dstA:recA:1000".parse().unwrap();
        Edit { id, by: "王经理".into(), room: "webhook:r1".into(), request }
    }

    fn known(seen: Vec<Seen>) -> KnownRow {
        let room = RoomKey { source: "webhook".into(), id: "r1".into() };
        KnownRow { room, seen, cells: store::vika_sync::Cells::new(), found: false, to_confirm: false }
    }

    fn is_unseen(row: &KnownRow) -> bool {
        matches!(
            decide_tick(&edit(Some(Today::Cancel)), Some(row)),
            Verdict::Send(Command { kind: CommandKind::CancelUnseen { .. }, .. })
        )
    }

    #[test]
    fn a_tick_cancels_what_its_author_could_see() {
        let cancelled = |entries: &[(&str, i64)]| match decide_tick(
            &edit(Some(Today::Cancel)),
            Some(&known(seen(entries))),
        ) {
            Verdict::Send(Command { kind: CommandKind::Cancel { seen_up_to, .. }, .. }) => seen_up_to.0,
            other => panic!("{other:?}"),
        };
        assert_eq!(cancelled(&[("a", 10), ("b", 1_000), ("c", 1_001)]), "b");
        assert_eq!(cancelled(&[("c", 1_001), ("d", 1_002)]), "c", "clocks apart: the earliest known");
        assert!(is_unseen(&known(Vec::new())));
        assert_eq!(decide_tick(&edit(None), Some(&known(seen(&[("a", 10)])))), Verdict::Nothing);
        assert_eq!(decide_tick(&edit(Some(Today::Cancel)), None), Verdict::UnknownRow);
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

    #[test]
    fn an_edit_that_confirms_nothing_is_asked_about_again() {
        let stands = ManagerCells { owner: "李小后".into(), stage: "after-sales".into(), approved: true };
        let row = known(Vec::new());
        let again = decide_assignment(&edit(stands.clone()), Some(&row), &stands, true);
        assert!(
            matches!(again, Verdict::Send(Command { kind: CommandKind::Compare { .. }, .. })),
            "{again:?}"
        );
        assert_eq!(decide_assignment(&edit(stands.clone()), Some(&row), &stands, false), Verdict::Nothing);
    }

    #[test]
    fn an_edit_of_another_column_assigns_nobody() {
        let cells =
            |owner: &str| ManagerCells { owner: owner.into(), stage: "pre-sales".into(), approved: false };
        let row = known(Vec::new());
        let verdict =
            |owner: &str| decide_assignment(&edit(cells(owner)), Some(&row), &cells("王小售"), false);
        assert_eq!(verdict("王小售"), Verdict::Nothing);
        let Verdict::Send(command) = verdict("李小后") else { panic!("a new owner") };
        assert_eq!((command.id.as_str(), command.by.as_str()), ("vika:dstA:recA:1000", "王经理"));
        assert_eq!(command.at.timestamp_millis(), 1_000);
    }
}
