//! How far the cards of a wait have climbed its ladder, and whom they have reached.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use domain::id::WaitId;
use domain::ladder::RungId;
use domain::rules::Severity;
use store::alerts::notifications::{self, Address, DealtWith};
use store::rooms::Room;
use store::sqlx::{self, PgConnection};

use crate::address_book::AddressBook;
use crate::planner::alert_context::AlertContext;

/// The rungs of one wait, those of the waits that it took the place of among them.
#[derive(Debug, Default)]
pub struct Climb {
    dealt_with: BTreeSet<RungId>,
    highest: Option<Highest>,
}

/// The highest rung with a card for somebody.
#[derive(Debug)]
struct Highest {
    rung: RungId,
    severity: Severity,
    due_at: Timestamp,
    reached: BTreeSet<Address>,
}

/// A card for somebody who owns the room since the others went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// The highest rung passed.
    pub rung: RungId,
    pub severity: Severity,
    /// Where the new owner is alerted.
    pub to: Address,
}

/// How far these waits have come.
pub async fn climbs(
    connection: &mut PgConnection,
    waits: &[WaitId],
) -> Result<BTreeMap<WaitId, Climb>, sqlx::Error> {
    let mut climbs: BTreeMap<WaitId, Climb> = BTreeMap::new();
    for card in notifications::dealt_with(connection, waits).await? {
        climbs.entry(card.follows.clone()).or_default().learn(card);
    }
    Ok(climbs)
}

impl Climb {
    /// Every rung that needs no look any more.
    pub fn dealt_with(&self) -> &BTreeSet<RungId> {
        &self.dealt_with
    }

    pub fn deal_with(&mut self, rung: RungId) {
        self.dealt_with.insert(rung);
    }

    fn learn(&mut self, card: DealtWith) {
        let rung = card.rung;
        self.dealt_with.insert(rung);
        if !card.notified || self.highest.as_ref().is_some_and(|highest| highest.rung > rung) {
            return;
        }
        let highest = self.highest.take().filter(|highest| highest.rung == rung);
        let mut highest = highest.unwrap_or(Highest {
            rung,
            severity: card.severity,
            due_at: card.due_at,
            reached: BTreeSet::new(),
        });
        highest.due_at = highest.due_at.min(card.due_at);
        highest.reached.insert(card.to);
        self.highest = Some(highest);
    }

    /// The card that the room's owner is to get at once, since others got a card of the highest rung passed and they did
    /// not. Who owned the room before and got that card has it still: it is only made true again.
    ///
    /// None in a rehearsal, and none for a rung that was due before the system went live or while the room was excluded.
    pub fn handover(&self, room: &Room, context: &AlertContext, book: AddressBook<'_>) -> Option<Handover> {
        let highest = self.highest.as_ref().filter(|_| context.phase.live)?;
        let to = book.of_owner(room.state.owner.as_ref()?);
        let since = context.phase.since.max(room.included_since);
        if highest.reached.contains(&to) || since.is_some_and(|since| highest.due_at < since) {
            return None;
        }
        Some(Handover { rung: highest.rung, severity: highest.severity, to })
    }
}
