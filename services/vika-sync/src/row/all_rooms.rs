//! A row of 群聊总表.

use std::collections::BTreeSet;

use domain::id::StaffName;
use domain::wording;
use vika::Cell;
use vika::tables::AllRooms;

use super::capture::capture_state;
use super::day::today_is;
use super::refresh::Refresh::{Activity, Along, Steady};
use super::{Desired, Facts, short_topic};
use crate::wording as words;

/// The row of any room known. An excluded room gets none; one that exists already says so and is still written.
pub fn all_rooms(facts: &Facts<'_>) -> Desired<AllRooms> {
    let room = facts.room;
    let state = &room.state;
    let owner = || Cell::text(state.owner.as_ref().map_or("", |owner| owner.as_str()));
    let phase = || Cell::text(state.stage.to_string());
    let today = today_is(facts.rules.time_zone, facts.now);
    let cells = vec![
        (AllRooms::RoomId, Cell::text(room.room.to_string()), Steady),
        (AllRooms::Topic, Cell::text(short_topic(room)), Steady),
        (AllRooms::FullTopic, Cell::text(room.topic.clone()), Steady),
        (AllRooms::EffectiveOwner, owner(), Steady),
        (AllRooms::EffectiveStage, phase(), Steady),
        (AllRooms::OwnerSource, Cell::text(wording::origin(state.origin)), Steady),
        (AllRooms::StaffInRoom, Cell::text(known_staff(facts)), Steady),
        (AllRooms::QuietWorkdays, quiet_days(facts), Steady),
        (AllRooms::CaptureState, Cell::Text(capture_state(facts, today)), Steady),
        (AllRooms::SystemInfo, Cell::text(facts.system_info()), Steady),
        (AllRooms::LastActiveAt, room.last_active_at.map_or(Cell::Empty, Cell::Time), Activity),
        (AllRooms::UpdatedAt, Cell::Time(facts.now), Along),
    ];
    let marks = &state.marks;
    let initial = vec![
        (AllRooms::Owner, owner()),
        (AllRooms::Stage, phase()),
        (AllRooms::CustomerGrade, Cell::text(&marks.grade)),
        (AllRooms::NotTimed, Cell::Tick(marks.not_timed)),
        (AllRooms::NotFollowedUp, Cell::Tick(marks.not_followed_up)),
    ];
    Desired { cells, initial, create: !room.excluded, due_at: None }
}

/// The members of staff who are in the room, as far as known; of a room that was folded last before they were remembered
/// those who could own it.
fn known_staff(facts: &Facts<'_>) -> String {
    let staff: Vec<&str> = facts.room.state.staff.iter().map(StaffName::as_str).collect();
    if !staff.is_empty() {
        return staff.join(words::NAME_SEPARATOR);
    }
    let candidates = &facts.room.state.candidates;
    let slots = [
        &candidates.inviter,
        &candidates.room_owner,
        &candidates.pre_sales,
        &candidates.after_sales,
        &candidates.speaker,
    ];
    let mut met = BTreeSet::new();
    let names = slots.into_iter().flatten().map(|candidate| candidate.name.as_str());
    names.filter(|name| met.insert(*name)).collect::<Vec<_>>().join(words::NAME_SEPARATOR)
}

/// 静默工作日: working days of the room's stage since anybody said something.
fn quiet_days(facts: &Facts<'_>) -> Cell {
    let days = |at| facts.rules.working_days(facts.room.state.stage, at, facts.now);
    facts.room.last_active_at.map_or(Cell::Empty, |at| Cell::count(days(at)))
}
