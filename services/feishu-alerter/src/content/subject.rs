//! A room and the wait, departure or handover that a card of it is about: from what is stored to what the card shows.

use std::time::Duration;

use domain::Timestamp;
use domain::assignment::owner_before;
use domain::calendar::Calendar;
use domain::gap::CoverageGaps;
use domain::id::{EntryId, StaffName};
use domain::ladder::step;
use domain::notification;
use domain::presence::Absence;
use domain::rules::Rules;
use domain::wait::{Wait, WaitKind};
use domain::wording;
use store::alerts::handovers::{self, Handover};
use store::alerts::notifications::{Address, Notification};
use store::ingest::{self, gaps};
use store::rooms::waits::StoredWait;
use store::rooms::{self, Room};
use store::sqlx::{self, PgConnection};

use crate::address_book::AddressBook;
use crate::availability::Availability;
use crate::content::card::{CardFacts, CardKind, CardState, LastLine, Owner};
use crate::content::status::{Readers, Successions, card_state, status_at};
use crate::content::wait_actions::WaitActions;
use crate::wording::WITHOUT_OWNER;

/// What a card of a room is made from.
pub struct Subject {
    /// What it is about.
    pub detail: SubjectDetail,
    pub room: Room,
    /// Who is not to be disturbed.
    pub availability: Availability,
}

/// What a card is about.
pub enum SubjectDetail {
    Wait {
        /// The one that the card follows.
        stored: Box<StoredWait>,
        /// It overlaps a capture gap.
        unverified: bool,
        /// What its working time is counted by.
        calendar: Calendar,
        /// The company that its customer works for; empty: unknown.
        corporation: String,
        /// What people did about it.
        actions: WaitActions,
    },
    /// That our account left the room; `None`: it is back.
    Departure(Option<Absence>),
    /// That somebody owns the room from now on.
    Handover {
        handover: Handover,
        /// Who owned it before.
        from: Option<StaffName>,
    },
}

impl Subject {
    /// Reads it. `None`: the wait or the room is not there.
    pub async fn read(
        connection: &mut PgConnection,
        card: &Notification,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Option<Self>, sqlx::Error> {
        let availability = Availability::read(connection, now).await?;
        let wait = match (&card.subject, &card.room) {
            (notification::Subject::Wait(wait), _) => wait,
            (notification::Subject::Departure(entry), Some(room)) => {
                let Some(room) = rooms::get(connection, room).await? else { return Ok(None) };
                let detail = SubjectDetail::Departure(absence(&room, entry).cloned());
                return Ok(Some(Self { detail, room, availability }));
            }
            (notification::Subject::Handover(command), Some(room)) => {
                let Some(room) = rooms::get(connection, room).await? else { return Ok(None) };
                let found = handovers::list(connection, &[command.to_string()]).await?.pop();
                let Some(handover) = found else { return Ok(None) };
                let from = owner_before(&room.state.ownerships, handover.at).cloned();
                let detail = SubjectDetail::Handover { handover, from };
                return Ok(Some(Self { detail, room, availability }));
            }
            _ => return Ok(None),
        };
        let successions = Successions::read(connection, [wait.clone()]).await?;
        let Some(stored) = successions.of(wait).cloned() else { return Ok(None) };
        let Some(room) = rooms::get(connection, &stored.room).await? else { return Ok(None) };
        let unverified = is_unverified(connection, &room, &stored.wait, now).await?;
        let calendar = rules.calendar(stored.wait.stage_counted(room.state.stage)).clone();
        let corporation = ingest::corporation(connection, &stored.wait.customer).await?;
        let actions = WaitActions::read(connection, &stored.wait.id).await?;
        let stored = Box::new(stored);
        let detail = SubjectDetail::Wait { stored, unverified, calendar, corporation, actions };
        Ok(Some(Self { detail, room, availability }))
    }

    /// What this card of it shows.
    pub fn shown_by(&self, card: &Notification, book: AddressBook<'_>, now: Timestamp) -> CardState {
        match &self.detail {
            SubjectDetail::Wait { actions, stored, .. } => {
                let ladder = book.rules().ladder(stored.wait.kind, self.room.view());
                let readers = Readers { owner: self.room.state.owner.as_ref(), ladder, book };
                status_at(self.state(now), readers, &card.to, card.only_asks())
                    .beside(self.room.state.beside(&stored.wait))
                    .with(actions.said(), actions.snoozes(&card.to))
            }
            SubjectDetail::Departure(_) | SubjectDetail::Handover { .. } => self.state(now),
        }
    }

    /// By which calendar those work who read a card of it: whoever's chat it is, or the room's stage.
    pub fn calendar_at<'r>(&self, to: &Address, book: AddressBook<'_>, rules: &'r Rules) -> &'r Calendar {
        let team = book.of_chat(to).and_then(|entry| entry.team.stage());
        rules.calendar(team.unwrap_or(self.room.state.stage))
    }

    /// Until when whoever reads a private card of it is to be left alone.
    pub fn hold(&self, to: &Address, book: AddressBook<'_>, now: Timestamp) -> Option<Timestamp> {
        let SubjectDetail::Wait { actions, .. } = &self.detail else { return None };
        actions.hold(to, self.room.state.owner.as_ref(), book, now)
    }

    /// What became of it.
    pub fn state(&self, now: Timestamp) -> CardState {
        match &self.detail {
            SubjectDetail::Wait { stored, unverified, calendar, .. } => {
                card_state(stored, self.room.excluded, *unverified, calendar, now)
            }
            SubjectDetail::Departure(absence) => departure_state(&self.room, absence.as_ref()),
            SubjectDetail::Handover { handover, .. } => handover_state(&self.room, &handover.owner),
        }
    }

    /// What the card shows while it stands like this.
    pub fn facts(
        &self,
        card: &Notification,
        state: CardState,
        rules: &Rules,
        book: AddressBook<'_>,
        now: Timestamp,
    ) -> CardFacts {
        let (kind, customer, waiting_since) = self.who_and_when(card);
        CardFacts {
            kind,
            level: card.severity,
            threshold: Duration::from_secs(u64::try_from(card.threshold_seconds).unwrap_or_default()),
            customer,
            corporation: self.corporation().to_owned(),
            room: self.room.topic.clone(),
            owner: self.owner().map(|owner| Owner {
                mention: mention(book, owner, &card.to).filter(|_| self.mentions(card, rules)),
                team: book.team(owner),
                in_focus_until: self.availability.in_focus_until(owner, rules, now),
                name: owner.as_str().to_owned(),
            }),
            waiting_since,
            paused: self.paused(card),
            last_lines: self.last_lines(),
            private: !book.is_shared(&card.to),
            staff: book.others_than(self.room.state.owner.as_ref()),
            unverified: match (&state, &self.detail) {
                (CardState::Waiting { unverified, .. }, _) | (_, SubjectDetail::Wait { unverified, .. }) => {
                    *unverified
                }
                (_, SubjectDetail::Departure(_) | SubjectDetail::Handover { .. }) => false,
            },
            state,
            templates: rules.cards.clone(),
            zone: rules.time_zone,
            made_at: now,
        }
    }

    /// Whether the step that the card is of mentions the owner.
    fn mentions(&self, card: &Notification, rules: &Rules) -> bool {
        let SubjectDetail::Wait { stored, .. } = &self.detail else { return true };
        let ladder = rules.ladder(stored.wait.kind, self.room.view());
        card.step.rung().and_then(|rung| step(ladder, rung)).is_none_or(|step| step.mention)
    }

    /// Whether the wait's clock stood still meanwhile: until it ended, or until the card was due.
    fn paused(&self, card: &Notification) -> bool {
        let SubjectDetail::Wait { stored, calendar, .. } = &self.detail else { return false };
        let (from, outcome) = (stored.wait.opened.at, stored.wait.outcome.as_ref());
        let until = outcome.map_or(card.due_at, |outcome| outcome.at);
        calendar.working_time(from, until) < until - from
    }

    fn who_and_when(&self, card: &Notification) -> (CardKind, String, Timestamp) {
        match &self.detail {
            SubjectDetail::Wait { stored, .. } => {
                let asks = card.asks_owner && self.owner().is_none();
                let kind = match stored.wait.kind {
                    _ if asks => CardKind::OwnerWanted,
                    WaitKind::Request => CardKind::Overdue,
                    WaitKind::Soft => CardKind::Assented,
                    WaitKind::Promise => CardKind::Promised { due: stored.wait.due() },
                };
                (kind, wording::name(&stored.wait.customer_name).to_owned(), stored.wait.opened.at)
            }
            SubjectDetail::Departure(absence) => {
                let by = absence.as_ref().and_then(|absence| absence.by.clone());
                (CardKind::AccountLeft { by }, String::new(), card.due_at)
            }
            SubjectDetail::Handover { handover, from } => {
                let (by, from) = (handover.by.clone(), from.as_ref().map(ToString::to_string));
                (CardKind::Assigned { by, from }, String::new(), card.due_at)
            }
        }
    }

    fn corporation(&self) -> &str {
        match &self.detail {
            SubjectDetail::Wait { corporation, .. } => corporation,
            SubjectDetail::Departure(_) | SubjectDetail::Handover { .. } => "",
        }
    }

    /// The owner at the end of the wait; while it is open, the room's.
    fn owner(&self) -> Option<&StaffName> {
        match &self.detail {
            SubjectDetail::Wait { stored, .. } if stored.wait.outcome.is_some() => {
                stored.wait.outcome.as_ref().and_then(|outcome| outcome.owner.as_ref())
            }
            _ => self.room.state.owner.as_ref(),
        }
    }

    fn last_lines(&self) -> Vec<LastLine> {
        let line = |line: &rooms::Line| LastLine {
            speaker: wording::name(&line.name).to_owned(),
            text: line.text.clone(),
            at: line.at,
        };
        self.room.last_lines.iter().map(line).collect()
    }
}

/// Whether a wait overlaps a capture gap of its room.
pub async fn is_unverified(
    connection: &mut PgConnection,
    room: &Room,
    wait: &Wait,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let gaps = gaps::after(connection, wait.opened.at).await?;
    Ok(CoverageGaps::of(&room.room, &room.state.presence, &gaps).affects(wait, now))
}

/// The absence of our account that this entry began, if it still lasts.
pub fn absence<'r>(room: &'r Room, entry: &EntryId) -> Option<&'r Absence> {
    room.state.presence.unobserved().filter(|absence| absence.entry == *entry)
}

/// What the cards of a departure from a room show.
pub const fn departure_state(room: &Room, absence: Option<&Absence>) -> CardState {
    match absence {
        Some(_) if room.excluded => CardState::Excluded,
        Some(_) => CardState::WAITING,
        None => CardState::Returned,
    }
}

/// What the card of a handover shows: whether the room is still theirs to whom it was given.
pub fn handover_state(room: &Room, owner: &StaffName) -> CardState {
    match room.state.owner.as_ref() {
        _ if room.excluded => CardState::Excluded,
        Some(current) if current == owner => CardState::WAITING,
        owner => {
            let to = owner.map_or(WITHOUT_OWNER, |owner| owner.as_str()).to_owned();
            CardState::HandedOver { to }
        }
    }
}

/// The owner's account, to be mentioned where others read along; in a private chat everything is for them anyway.
fn mention(book: AddressBook<'_>, owner: &StaffName, to: &Address) -> Option<String> {
    // Whoever stands in for the owner is to answer.
    let reader = book.stand_in(owner).unwrap_or(owner);
    book.account(reader).filter(|_| book.is_shared(to)).map(|account| account.as_str().to_owned())
}
