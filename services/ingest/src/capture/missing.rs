//! Messages that the gateway named and could not give: what they said is lost, that they were is not.
//!
//! The payload alone names the room, so that any room of the account may be the one. Around the moment that the event
//! came, messages may be missing there: a capture gap, which makes the waits that overlap it 待核实, and which the
//! operators' card (W18) counts.

use chrono::TimeDelta;
use store::ingest::gateways;
use store::ingest::inbox::Waiting;
use store::sqlx::{self, PgConnection};

use super::Capture;

/// A message was sent at most so long before or after its event, as far as the source's clock can be trusted.
const AROUND: TimeDelta = TimeDelta::seconds(5);

/// Notes one of them, as part of the caller's transaction.
pub async fn note(
    connection: &mut PgConnection,
    capture: &Capture,
    waiting: &Waiting,
) -> Result<(), sqlx::Error> {
    let at = waiting.arrived_at;
    let account = waiting.account.as_deref();
    gateways::note_missing(connection, &capture.name, account, at, (at - AROUND, at + AROUND)).await
}
