//! Alerts people that our account is not in a room any more: once, to the owner and to everybody. Nothing more comes of
//! it; when the account is back the same cards say so.

use chrono::TimeDelta;
use domain::Timestamp;
use domain::golive::Phase;
use domain::notification::{Step, Subject};
use domain::rules::{Audience, Severity};
use store::alerts::notifications::{self, InitialStatus, NewNotification};
use store::rooms::Room;
use store::sqlx::PgConnection;

use crate::address_book::AddressBook;
use crate::content::card::CardState;
use crate::content::status::as_json;
use crate::failure::Failure;

/// It says that something is wrong, and blames nobody.
const SEVERITY: Severity = Severity::Orange;
/// A departure longer ago is not reported, as by an alerter that runs for the first time.
const REPORTED_WITHIN: TimeDelta = TimeDelta::days(1);

/// Makes the cards of every room among these that nobody observes and that is not excluded; those that are made stay as they are.
pub async fn insert_cards(
    connection: &mut PgConnection,
    book: AddressBook<'_>,
    rooms: impl Iterator<Item = &Room> + Send,
    phase: Phase,
    now: Timestamp,
) -> Result<(), Failure> {
    for room in rooms.filter(|room| !room.excluded) {
        let Some(absence) = room.state.presence.unobserved() else { continue };
        // What was so before the system went live, or went back to rehearsal, was reported then or does not matter.
        if now - absence.at > REPORTED_WITHIN || phase.since.is_some_and(|since| absence.at < since) {
            continue;
        }
        let subject = Subject::Departure(absence.entry.clone());
        let owner = room.state.owner.as_ref();
        for to in book.of_audience(owner, &[Audience::Owner, Audience::Public]) {
            let new = NewNotification {
                room: Some(&room.room),
                status: if phase.live { InitialStatus::Pending } else { InitialStatus::Rehearsed },
                ..NewNotification::new(&subject, Step::Left, &to, SEVERITY, absence.at)
            };
            notifications::insert(connection, &new, &as_json(&CardState::WAITING)?, now).await?;
        }
    }
    Ok(())
}
