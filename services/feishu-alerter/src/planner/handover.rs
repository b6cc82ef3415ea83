//! Whoever is made the owner of a room by somebody is told so, once, in their own chat; where a card about somebody who waits
//! there tells them already, by that. Owners by rule are not: nobody decided anything. Until an assignment is put in force nobody is told, and the owner before keeps the room's cards.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::assignment::owner_before;
use domain::golive::Phase;
use domain::id::RoomKey;
use domain::notification::{Step, Subject};
use domain::rules::Severity;
use store::alerts::handovers::{self, Handover};
use store::alerts::notifications::{self, InitialStatus, NewNotification};
use store::rooms::Room;
use store::sqlx::PgConnection;

use crate::address_book::AddressBook;
use crate::content::card::CardState;
use crate::content::status::as_json;
use crate::failure::Failure;

/// It tells, and nothing is wrong.
const SEVERITY: Severity = Severity::Blue;
/// An assignment longer ago is not told, as by an alerter that runs for the first time.
const TOLD_WITHIN: TimeDelta = TimeDelta::days(1);

/// Makes the cards of those of these rooms that were handed over and are not excluded. `told`: those of which the new owner
/// gets the card of a wait.
pub async fn insert_cards(
    connection: &mut PgConnection,
    book: AddressBook<'_>,
    rooms: impl Iterator<Item = &Room> + Send,
    told: &BTreeSet<RoomKey>,
    phase: Phase,
    now: Timestamp,
) -> Result<(), Failure> {
    let rooms: Vec<&Room> = rooms.filter(|room| !room.excluded && !told.contains(&room.room)).collect();
    let keys: Vec<String> = rooms.iter().map(|room| room.room.to_string()).collect();
    let since = phase.since.map_or(now - TOLD_WITHIN, |since| since.max(now - TOLD_WITHIN));
    for handover in handovers::last_since(connection, &keys, since).await? {
        let Some(room) = rooms.iter().find(|room| room.room == handover.room) else { continue };
        if !has_new_owner(room, &handover) {
            continue;
        }
        let to = book.of_owner(&handover.owner);
        if handovers::has_card_of_wait(connection, &handover, &to).await? {
            continue;
        }
        let subject = Subject::Handover(handover.command.clone());
        let new = NewNotification {
            room: Some(&room.room),
            status: if phase.live { InitialStatus::Pending } else { InitialStatus::Rehearsed },
            ..NewNotification::new(&subject, Step::Assigned, &to, SEVERITY, handover.decided_at)
        };
        notifications::insert(connection, &new, &as_json(&CardState::WAITING)?, now).await?;
    }
    Ok(())
}

/// Whether whoever owns the room by it was not its owner before, and did not take it themselves.
fn has_new_owner(room: &Room, handover: &Handover) -> bool {
    let Handover { owner, by, .. } = handover;
    room.state.owner.as_ref() == Some(owner)
        && owner_before(&room.state.ownerships, handover.at) != Some(owner)
        && by.trim() != owner.as_str()
}
