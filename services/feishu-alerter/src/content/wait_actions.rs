//! What people did about a wait with the buttons of its cards: who sees to it, whose cards are put off until when, and what
//! all its cards say of that.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::id::{StaffName, WaitId};
use store::alerts::actions::{self, Recorded};
use store::alerts::notifications::Address;
use store::sqlx::{self, PgConnection};

use crate::action::ActionKind;
use crate::address_book::AddressBook;
use crate::content::card::Said;

/// Everything of one wait, oldest first.
#[derive(Debug, Clone, Default)]
pub struct WaitActions(Vec<Recorded>);

impl WaitActions {
    /// Of the cards that follow a wait.
    pub async fn read(connection: &mut PgConnection, wait: &WaitId) -> Result<Self, sqlx::Error> {
        Ok(Self(actions::of_wait(connection, wait).await?))
    }

    /// By wait, of cards whose waits are known better than stored.
    pub async fn of_cards(
        connection: &mut PgConnection,
        follows: &BTreeMap<i64, WaitId>,
    ) -> Result<BTreeMap<WaitId, Self>, sqlx::Error> {
        let ids: Vec<i64> = follows.keys().copied().collect();
        let mut by_wait: BTreeMap<WaitId, Self> = BTreeMap::new();
        for recorded in actions::of(connection, &ids).await? {
            if let Some(wait) = follows.get(&recorded.notification) {
                by_wait.entry(wait.clone()).or_default().0.push(recorded);
            }
        }
        Ok(by_wait)
    }

    /// Who sees to the wait now.
    pub fn claim(&self, now: Timestamp) -> Option<&Recorded> {
        self.of(ActionKind::Claim).rfind(|claim| claim.until.is_some_and(|until| now < until))
    }

    /// How often it was put off at an address.
    pub fn snoozes(&self, to: &Address) -> usize {
        self.of(ActionKind::Snooze).filter(|snooze| snooze.to == *to).count()
    }

    /// Until when a private card of the wait is to wait: because whoever reads it put it off, or because somebody else sees
    /// to the wait. A claim holds back the cards of whoever owned the room then, and nobody's since: a new owner has to know.
    pub fn hold(
        &self,
        to: &Address,
        owner: Option<&StaffName>,
        book: AddressBook<'_>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if book.is_shared(to) {
            return None;
        }
        let snoozed = self.of(ActionKind::Snooze).filter(|snooze| snooze.to == *to);
        // Whom the roster does not know by their account is alone in the chat where they pressed.
        let is_of_claimant = |claim: &Recorded| match book.known(&claim.by) {
            Some(claimant) => book.own(claimant).is_some_and(|own| own == *to),
            None => claim.to == *to,
        };
        // Whoever reads along for another reason than owning the room is told as the ladder says.
        let is_of_owner = owner.is_some_and(|owner| book.of_owner(owner) == *to);
        let claimed = self.claim(now).filter(|claim| {
            is_of_owner && !is_of_claimant(claim) && claim.about.as_deref() == owner.map(StaffName::as_str)
        });
        snoozed.chain(claimed).filter_map(|recorded| recorded.until).filter(|until| now < *until).max()
    }

    /// What all cards of the wait say.
    pub fn said(&self) -> Vec<Said> {
        self.0.iter().filter_map(said).collect()
    }

    fn of(&self, action: ActionKind) -> impl DoubleEndedIterator<Item = &Recorded> {
        self.0.iter().filter(move |recorded| recorded.action == action.name())
    }
}

fn said(recorded: &Recorded) -> Option<Said> {
    let by = recorded.by.clone();
    Some(match recorded.action.parse().ok()? {
        ActionKind::Claim => Said::Claimed { by, until: recorded.until? },
        ActionKind::Snooze => Said::Snoozed { by, until: recorded.until? },
        ActionKind::Undo => Said::Undone { by },
        ActionKind::Assign => Said::Assigned { by, to: recorded.about.clone()? },
        ActionKind::NoReplyNeeded
        | ActionKind::Answered
        | ActionKind::Focus
        | ActionKind::Away
        | ActionKind::Back
        | ActionKind::Waiting
        | ActionKind::StopFollowUp
        | ActionKind::BoardLink => return None,
    })
}
