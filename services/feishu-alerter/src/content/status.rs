//! The status of a wait as its cards show it. After a re-fold a card follows the wait that took the place of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Timestamp;
use domain::calendar::Calendar;
use domain::id::{StaffName, WaitId};
use domain::rules::Ladder;
use domain::wait::{Ending, Wait};
use serde::Serialize;
use serde_json::Value;
use store::alerts::changes::{Made, Rank};
use store::alerts::notifications::Address;
use store::rooms::waits::{self, StoredWait, Which};
use store::sqlx::{self, PgConnection};

use crate::action;
use crate::address_book::AddressBook;
use crate::content::card::CardState;
use crate::failure::Failure;

/// Waits with all those that took their place.
#[derive(Debug, Default)]
pub struct Successions(BTreeMap<WaitId, StoredWait>);

impl Successions {
    /// Reads these waits and whatever took their place, however often.
    pub async fn read(
        connection: &mut PgConnection,
        waits: impl IntoIterator<Item = WaitId>,
    ) -> Result<Self, sqlx::Error> {
        let mut successions = Self::default();
        let mut wanted: Vec<String> = waits.into_iter().map(|wait| wait.0).collect();
        while !wanted.is_empty() {
            let read = waits::list(connection, Which::Ids(&wanted)).await?;
            wanted = read
                .iter()
                .filter_map(|stored| stored.replaced_by.as_ref())
                .filter(|successor| !successions.0.contains_key(*successor))
                .map(|successor| successor.0.clone())
                .collect();
            let newly_read = read.into_iter().map(|stored| (stored.wait.id.clone(), stored));
            successions.0.extend(newly_read);
            wanted.retain(|successor| !successions.0.contains_key(&WaitId(successor.clone())));
        }
        Ok(successions)
    }

    /// The wait that stands for this one now: itself, or the last of those that took its place.
    pub fn of(&self, wait: &WaitId) -> Option<&StoredWait> {
        let mut stored = self.0.get(wait)?;
        // As many steps as there are waits: a circle, which nobody writes, must not hang us.
        for _ in 0..self.0.len() {
            match stored.replaced_by.as_ref().and_then(|successor| self.0.get(successor)) {
                Some(successor) => stored = successor,
                None => break,
            }
        }
        Some(stored)
    }
}

/// The highest card of each wait at each address. A wait is one thing there: the other cards are lines that point to it.
#[derive(Debug, Default)]
pub struct HighestCards<'m>(BTreeMap<(&'m Address, WaitId), Rank>);

impl<'m> HighestCards<'m> {
    /// Of these cards, by the waits that they follow. Only what surely stands in a chat takes the place of another; a
    /// message without a button, which cannot be changed either, does not.
    pub fn of(cards: &'m [Made], successions: &Successions) -> Self {
        let mut highest_cards = Self::default();
        for card in cards.iter().filter(|card| card.stands) {
            let Some(stored) = card.subject.wait().and_then(|wait| successions.of(wait)) else { continue };
            let top = highest_cards.0.entry((&card.to, stored.wait.id.clone())).or_insert(card.rank);
            *top = card.rank.max(*top);
        }
        highest_cards
    }

    /// Whether a higher card of the wait that it follows stands at its address.
    pub fn overtake(&self, card: &'m Made, follows: &WaitId) -> bool {
        self.0.get(&(&card.to, follows.clone())).is_some_and(|top| card.rank < *top)
    }
}

/// By what it is known who reads a wait's cards.
#[derive(Clone, Copy)]
pub struct Readers<'a> {
    /// The room's owner.
    pub owner: Option<&'a StaffName>,
    /// The wait's ladder.
    pub ladder: &'a Ladder,
    pub book: AddressBook<'a>,
}

/// What a card shows at its address, given the status of its wait. Only the owner of the room is to answer: at that of
/// somebody else it says who that is. `only_asks`: it is there for nothing but to ask for an owner.
pub fn status_at(status: CardState, readers: Readers<'_>, to: &Address, only_asks: bool) -> CardState {
    let Readers { owner, ladder, book } = readers;
    let (CardState::Waiting { unverified, .. }, Some(owner)) = (&status, owner) else { return status };
    let name = owner.as_str().to_owned();
    let deputy = book.deputy(owner).map(|deputy| deputy.as_str().to_owned());
    if book.stand_in(owner).and_then(|reader| book.own(reader)).is_some_and(|reads| reads == *to) {
        return status.deputised(deputy);
    }
    if book.is_shared(to) || book.reads_along(ladder, to) {
        if only_asks {
            return CardState::OwnerFound { owner: name };
        }
        return CardState::waiting(*unverified, Some(name)).deputised(deputy);
    }
    if book.own(owner).is_some_and(|own| own == *to) {
        CardState::StoodInFor { by: deputy }
    } else if book.is_of_somebody(to) {
        CardState::HandedOver { to: name }
    } else {
        // It may have been the owner's own, until the rules gave them another.
        CardState::OwnerFound { owner: name }
    }
}

/// What became of a wait at a moment, as its cards show it, with working time by the calendar. `excluded`: the rules exclude its room; `unverified`: it
/// overlaps a capture gap.
pub fn card_state(
    stored: &StoredWait,
    excluded: bool,
    unverified: bool,
    calendar: &Calendar,
    now: Timestamp,
) -> CardState {
    if stored.void {
        return CardState::Void;
    }
    let Some(outcome) = &stored.wait.outcome else {
        return if excluded { CardState::Excluded } else { CardState::waiting(unverified, None) };
    };
    match &outcome.how {
        Ending::Answered { name, .. } => CardState::Answered {
            by: domain::wording::name(name).to_owned(),
            after: waited(&stored.wait, calendar),
        },
        Ending::Cancelled { by, command, .. } => {
            let until = action::cancel_of(command).map(|_| outcome.at + action::UNDO_WITHIN);
            CardState::Cancelled { by: by.clone(), undo_until: until.filter(|until| now < *until) }
        }
        Ending::Confirmed { by, .. } => CardState::Confirmed { by: by.clone() },
        Ending::BecameRequest => CardState::BecameRequest,
        Ending::Withdrawn => CardState::Withdrawn,
        Ending::Unobserved => CardState::Unobserved,
    }
}

/// A status as it is stored with its card.
pub fn as_json(state: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(state).map_err(|error| Failure::Json("card state", error))
}

/// Working time from the opening to the end, in whole seconds.
fn waited(wait: &Wait, calendar: &Calendar) -> Duration {
    let end = wait.outcome.as_ref().map_or(wait.opened.at, |outcome| outcome.at);
    let seconds = calendar.working_time(wait.opened.at, end).num_seconds();
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}
