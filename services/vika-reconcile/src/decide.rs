//! What a manager's edit asks for. Pure.

use chrono::DateTime;
use domain::id::{CommandId, EntryId};
use events::command::{Command, Via, Wish};
use store::vika_reconcile::{KnownRow, Snapshot};
use store::vika_sync::{SEEN_MOST, Seen};
use vika::tables::{AllRooms, Table, Today};
use vika::{Cell, EditId, Present};

/// An edit of a row by somebody who is not one of our users.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit<A> {
    /// Which.
    pub id: EditId,
    /// Display name of its author.
    pub by: String,
    /// 群ID as the row has it, to recognise a row that is being made.
    pub room: String,
    /// What the row asks for now.
    pub asks: A,
}

/// What is to be done about an edit.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// This has to be sent.
    Send(Command),
    /// Nothing that we act on is asked for.
    Nothing,
    /// The row is not one of ours.
    UnknownRow,
}

/// A row of 今日群聊: what was shown when the box was ticked needs no reply.
pub fn tick(edit: &Edit<bool>, known: Option<&KnownRow>) -> Verdict {
    let Some(known) = known else { return Verdict::UnknownRow };
    if !edit.asks {
        return Verdict::Nothing;
    }
    let reason = Today::Cancel.name().to_owned();
    let wish = match shown_at(known, edit.id.stamp_ms) {
        Some(through) => Wish::Cancel { wait: None, through: EntryId(through.to_owned()), reason },
        None => Wish::CancelUnseen { reason },
    };
    Verdict::Send(command(edit, known, wish))
}

/// A row of 群聊总表: owner, stage and approval as they stand, if any of them is another than `before`. Where managers were
/// asked about what stands and is `open`, an edit that leaves it so is no answer: they are asked once more.
pub fn assignment(edit: &Edit<Snapshot>, known: Option<&KnownRow>, before: &Snapshot, open: bool) -> Verdict {
    let Some(known) = known else { return Verdict::UnknownRow };
    if edit.asks == *before {
        return if open { compare(edit, known) } else { Verdict::Nothing };
    }
    let Snapshot { owner, stage, approved } = edit.asks.clone();
    Verdict::Send(command(edit, known, Wish::Assign { owner, stage, approved }))
}

/// What stands in a row of 群聊总表 that was there before anything was known of it.
pub fn compare(edit: &Edit<Snapshot>, known: &KnownRow) -> Verdict {
    let Snapshot { owner, stage, .. } = edit.asks.clone();
    Verdict::Send(command(edit, known, Wish::Compare { owner, stage }))
}

fn command<A>(edit: &Edit<A>, known: &KnownRow, wish: Wish) -> Command {
    Command {
        id: CommandId(edit.id.to_string()),
        room: known.room.clone(),
        at: DateTime::from_timestamp_millis(edit.id.stamp_ms).unwrap_or_default(),
        by: edit.by.clone(),
        via: Via::Vika,
        wish,
    }
}

/// The last entry that the row reflected at a moment: what was written since, the author has not seen. The clocks of
/// Vika and ours may differ by a little; in doubt less is cancelled, never more. A full list may have lost what came
/// before it, and a row that was there before anything was known of it showed something else: then nobody knows.
fn shown_at(known: &KnownRow, stamp_ms: i64) -> Option<&str> {
    let seen: &[Seen] = &known.seen;
    let before = seen.iter().rev().find(|seen| seen.at.timestamp_millis() <= stamp_ms);
    let first = || seen.first().filter(|_| seen.len() < SEEN_MOST && !known.found);
    before.or_else(first).map(|seen| seen.through.as_str())
}

/// What the row had when it was made, as far as managers own it: what the first edit is compared with.
pub fn as_made(known: &KnownRow, columns: &Present<AllRooms>) -> Snapshot {
    let cell = |column| cell(known, columns, column);
    Snapshot {
        owner: cell(AllRooms::Owner).as_text().to_owned(),
        stage: cell(AllRooms::Stage).as_text().to_owned(),
        approved: cell(AllRooms::Approved).is_ticked(),
    }
}

/// Whether owner and stage are other ones than the row shows to be in force.
pub fn differs(asks: &Snapshot, known: &KnownRow, columns: &Present<AllRooms>) -> bool {
    let in_force = |column| cell(known, columns, column).as_text().to_owned();
    asks.owner.trim() != in_force(AllRooms::EffectiveOwner)
        || asks.stage != in_force(AllRooms::EffectiveStage)
}

fn cell(known: &KnownRow, columns: &Present<AllRooms>, column: AllRooms) -> Cell {
    let value = columns.id(column).and_then(|id| known.cells.get(id.as_str()));
    value.map_or(Cell::Empty, Cell::read)
}

#[cfg(test)]
mod tests {
    use domain::id::RoomKey;

    use super::*;

    fn seen(entries: &[(&str, i64)]) -> Vec<Seen> {
        let seen = |(through, ms): &(&str, i64)| Seen {
            through: (*through).into(),
            at: DateTime::from_timestamp_millis(*ms).unwrap(),
        };
        entries.iter().map(seen).collect()
    }

    fn edit<A>(asks: A) -> Edit<A> {
        let id = "vika:dstA:recA:1000".parse().unwrap();
        Edit { id, by: "王经理".into(), room: "webhook:r1".into(), asks }
    }

    fn known(seen: Vec<Seen>) -> KnownRow {
        let room = RoomKey { source: "webhook".into(), id: "r1".into() };
        KnownRow { room, seen, cells: store::vika_sync::Cells::new(), found: false, asked: false }
    }

    fn is_unseen(row: &KnownRow) -> bool {
        matches!(tick(&edit(true), Some(row)), Verdict::Send(Command { wish: Wish::CancelUnseen { .. }, .. }))
    }

    /// Seen to fail with the newest of `seen` taken: a message that came between tick and poll was cancelled too.
    #[test]
    fn a_tick_cancels_what_its_author_could_see() {
        let through = |entries: &[(&str, i64)]| match tick(&edit(true), Some(&known(seen(entries)))) {
            Verdict::Send(Command { wish: Wish::Cancel { through, .. }, .. }) => through.0,
            other => panic!("{other:?}"),
        };
        assert_eq!(through(&[("a", 10), ("b", 1_000), ("c", 1_001)]), "b");
        assert_eq!(through(&[("c", 1_001), ("d", 1_002)]), "c", "clocks apart: the earliest known");
        assert!(is_unseen(&known(Vec::new())));
        assert_eq!(tick(&edit(false), Some(&known(seen(&[("a", 10)])))), Verdict::Nothing);
        assert_eq!(tick(&edit(true), None), Verdict::UnknownRow);
    }

    /// Seen to fail with the first of `seen` taken whenever all are later: a tick that was read late cancelled what came
    /// after it.
    #[test]
    fn a_tick_from_before_all_that_is_remembered_cancels_nothing() {
        let later: Vec<(String, i64)> = (0..20).map(|n| (format!("m{n}"), 2_000 + n)).collect();
        let later: Vec<(&str, i64)> = later.iter().map(|(id, at)| (id.as_str(), *at)).collect();
        assert!(is_unseen(&known(seen(&later))));
    }

    /// Seen to fail with the earliest that is known taken for such a row too: a tick of months ago cancelled what a
    /// customer had said since.
    #[test]
    fn a_tick_in_a_row_that_was_found_cancels_only_what_was_seen_in_it_since() {
        let found = |entries: &[(&str, i64)]| KnownRow { found: true, ..known(seen(entries)) };
        assert!(is_unseen(&found(&[("b", 1_001)])));
        assert!(!is_unseen(&found(&[("b", 1_000)])));
    }

    /// Seen to fail with such an edit taken for one of another column: unticked and ticked again within a poll, nothing
    /// came of it.
    #[test]
    fn an_edit_that_answers_no_question_is_asked_about_again() {
        let stands = Snapshot { owner: "李小后".into(), stage: "after-sales".into(), approved: true };
        let row = known(Vec::new());
        let again = assignment(&edit(stands.clone()), Some(&row), &stands, true);
        assert!(matches!(again, Verdict::Send(Command { wish: Wish::Compare { .. }, .. })), "{again:?}");
        assert_eq!(assignment(&edit(stands.clone()), Some(&row), &stands, false), Verdict::Nothing);
    }

    #[test]
    fn an_edit_of_another_column_is_no_wish_about_the_owner() {
        let snapshot =
            |owner: &str| Snapshot { owner: owner.into(), stage: "pre-sales".into(), approved: false };
        let row = known(Vec::new());
        let verdict = |asks: &str| assignment(&edit(snapshot(asks)), Some(&row), &snapshot("王小售"), false);
        assert_eq!(verdict("王小售"), Verdict::Nothing);
        let Verdict::Send(command) = verdict("李小后") else { panic!("a new owner") };
        assert_eq!((command.id.as_str(), command.by.as_str()), ("vika:dstA:recA:1000", "王经理"));
        assert_eq!(command.at.timestamp_millis(), 1_000);
    }
}
