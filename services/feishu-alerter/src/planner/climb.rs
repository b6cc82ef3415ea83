//! How far the cards of a wait have climbed its ladder, and whom they have reached.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use domain::id::WaitId;
use domain::ladder::{RungId, step};
use domain::rules::{Ladder, Severity};
use store::alerts::notifications::{self, Address, DealtWith};
use store::rooms::Room;
use store::sqlx::{self, PgConnection};

use crate::address_book::AddressBook;
use crate::planner::alert_context::AlertContext;

/// The rungs of one wait, those of the waits that it took the place of among them.
#[derive(Debug, Default)]
pub struct Climb {
    dealt_with: BTreeSet<RungId>,
    notified: BTreeMap<RungId, Notified>,
}

/// A rung with a card for somebody.
#[derive(Debug)]
struct Notified {
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
        if !card.notified {
            return;
        }
        let notified = self.notified.entry(rung).or_insert_with(|| Notified {
            severity: card.severity,
            due_at: card.due_at,
            reached: BTreeSet::new(),
        });
        notified.due_at = notified.due_at.min(card.due_at);
        notified.reached.insert(card.to);
    }

    /// The card that the room's owner is to get at once, since others got a card of the highest rung passed that is for the owner and
    /// they did not. Who owned the room before and got that card has it still: it is only made true again.
    ///
    /// None in a rehearsal, and none for a rung that was due before the system went live or while the room was excluded.
    pub fn handover(
        &self,
        room: &Room,
        ladder: &Ladder,
        context: &AlertContext,
        book: AddressBook<'_>,
    ) -> Option<Handover> {
        // A rung of another ladder was for the owner as far as anybody knows.
        let is_for_owner = |rung| step(ladder, rung).is_none_or(|step| step.is_for_owner());
        let mut falling = self.notified.iter().rev().filter(|_| context.phase.live);
        let (rung, highest) = falling.find(|(rung, _)| is_for_owner(**rung))?;
        let to = book.of_owner(room.state.owner.as_ref()?);
        let since = context.phase.since.max(room.included_since);
        if highest.reached.contains(&to) || since.is_some_and(|since| highest.due_at < since) {
            return None;
        }
        Some(Handover { rung: *rung, severity: highest.severity, to })
    }
}
