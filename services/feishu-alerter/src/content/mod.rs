//! What a notification says: a room, a list, or something that is wrong with Huiyin itself. Sending and changing are the
//! same for all of them, and how it looks is the channel's.

pub mod approvals;
pub mod card;
pub mod digest;
pub mod figures;
pub mod follow_ups;
pub mod lists;
pub mod opening;
pub mod status;
pub mod subject;
pub mod wait_actions;

use domain::Timestamp;
use domain::notification;
use domain::opening::closed_until;
use domain::rules::{Rules, RulesHistory};
use runtime::Config;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::alerts::held::HeldFor;
use store::alerts::notifications::Notification;
use store::sqlx::PgConnection;

use self::approvals::ApprovalList;
use self::card::{Card, CardState};
use self::digest::Digest;
use self::figures::FiguresOf;
use self::follow_ups::FollowUpList;
use self::lists::StandingList;
use self::opening::{OfOpening, OpeningList};
use self::status::as_json;
use self::subject::{Subject, SubjectDetail};
use crate::address_book::AddressBook;
use crate::availability::Availability;
use crate::failure::Failure;
use crate::watchdog::card::{Setting, Shown};

/// What a notification is about.
pub enum Content {
    /// A wait in a room, that our account left it, or that it has another owner.
    Room(Box<Subject>),
    /// An alarm: everything that it shows is in the card's own row.
    Alarm,
    /// Those who wait although every card of theirs has gone out.
    Unanswered(StandingList),
    /// Those who wait for one person, told together.
    Digest(Digest),
    /// An owner's rooms that have fallen silent.
    FollowUps(FollowUpList),
    /// Who waits for somebody at the opening.
    Opening(OpeningList),
    /// Which rooms await approval.
    Approvals(ApprovalList),
    /// Figures of a day or a week.
    Figures(Box<FiguresOf>),
}

/// What a card is rendered by, besides its content.
#[derive(Clone, Copy)]
pub struct RenderContext<'a> {
    /// The rules in force.
    pub rules: &'a Rules,
    /// What the operator decided.
    pub config: &'a Config,
    /// Who is away.
    pub availability: &'a Availability,
    pub now: Timestamp,
}

impl<'a> RenderContext<'a> {
    /// Where cards go.
    pub fn book(self) -> AddressBook<'a> {
        AddressBook::new(self.rules, &self.config.feishu, self.availability)
    }

    /// Whether what was said at a moment may still be shown.
    fn keeps(self, at: Timestamp) -> bool {
        self.config.retention.blank_before(self.now).is_none_or(|before| at >= before)
    }
}

impl Content {
    /// Reads it from the store. `None`: the wait or its room is not there.
    pub async fn read(
        connection: &mut PgConnection,
        notification: &Notification,
        (history, book): (&RulesHistory, AddressBook<'_>),
        now: Timestamp,
    ) -> Result<Option<Self>, Failure> {
        let rules = history.at(now);
        Ok(match &notification.subject {
            notification::Subject::Alarm { .. } => Some(Self::Alarm),
            notification::Subject::Unanswered => {
                let list = StandingList::read(connection, notification, rules, book, now).await?;
                Some(Self::Unanswered(list))
            }
            notification::Subject::Digest(_) => {
                let digest = (notification.id, &notification.to);
                Some(Self::Digest(Digest::read(connection, digest, (rules, book), now).await?))
            }
            notification::Subject::FollowUps(owner) => {
                let list = (notification.id, notification.step);
                Some(Self::FollowUps(FollowUpList::read(connection, list, owner, rules, now).await?))
            }
            notification::Subject::Opening(owner) => {
                let of = OfOpening {
                    list: notification.id,
                    step: notification.step,
                    opening: notification.due_at,
                };
                Some(Self::Opening(OpeningList::read(connection, of, owner, rules, now).await?))
            }
            notification::Subject::Approvals => {
                Some(Self::Approvals(ApprovalList::read(connection, notification.step, rules, now).await?))
            }
            notification::Subject::Figures(owner) => {
                let of = (owner.as_ref(), notification.step);
                Some(Self::Figures(Box::new(FiguresOf::read(connection, of, history, now).await?)))
            }
            notification::Subject::Wait(_)
            | notification::Subject::Departure(_)
            | notification::Subject::Handover(_) => {
                let subject = Subject::read(connection, notification, rules, now).await?;
                subject.map(|subject| Self::Room(Box::new(subject)))
            }
        })
    }

    /// Whether there is still something to say.
    pub fn is_wanted(&self, notification: &Notification, book: AddressBook<'_>, now: Timestamp) -> bool {
        match self {
            Self::Alarm => parse::<Shown>(&notification.wanted).is_ok_and(|shown| shown.is_active()),
            Self::Unanswered(standing) => !standing.list.named.is_empty() && standing.is_current,
            Self::Digest(digest) => !digest.0.is_empty(),
            Self::FollowUps(list) => list.is_wanted(),
            Self::Opening(list) => list.is_wanted(),
            Self::Approvals(list) => list.is_wanted(),
            Self::Figures(of) => of.is_wanted(&notification.to, book),
            Self::Room(subject) => {
                // One that stayed behind unconfirmed while a higher one went out.
                let overtaken =
                    parse(&notification.wanted).is_ok_and(|state: CardState| state == CardState::Escalated);
                subject.shown_by(notification, book, now).is_open() && !overtaken
            }
        }
    }

    /// Until when it has to wait, and for what: nobody is told of a room outside of their working hours, and a reader may be
    /// left alone for a while. Lists have a time of their own.
    pub fn hold(
        &self,
        notification: &Notification,
        book: AddressBook<'_>,
        rules: &Rules,
        now: Timestamp,
    ) -> Option<(HeldFor, Timestamp)> {
        let Self::Room(subject) = self else { return None };
        let to = &notification.to;
        let opening = closed_until(subject.calendar_at(to, book, rules), now);
        let left_alone = notification
            .step
            .rung()
            .and_then(|_| subject.hold(to, book, now))
            .map(|until| (HeldFor::Reader, until));
        opening.map(|until| (HeldFor::Opening, until)).or(left_alone)
    }

    /// Whether it reaches people in their focus too.
    pub fn breaks_through(&self, notification: &Notification, rules: &Rules) -> bool {
        let (Self::Room(subject), Some(rung)) = (self, notification.step.rung()) else { return true };
        let SubjectDetail::Wait { stored, .. } = &subject.detail else { return true };
        rules.ladder(stored.wait.kind, subject.room.view()).breaks_through(rung)
    }

    /// What a card shows that is sent now.
    pub fn first(
        &self,
        notification: &Notification,
        book: AddressBook<'_>,
        now: Timestamp,
    ) -> Result<Value, Failure> {
        match self {
            Self::Alarm | Self::Unanswered(_) | Self::Approvals(_) | Self::Figures(_) => {
                Ok(notification.wanted.clone())
            }
            Self::Digest(digest) => Ok(digest.shown()),
            Self::FollowUps(list) => as_json(&list.state()),
            Self::Opening(list) => as_json(&list.state()),
            Self::Room(subject) => {
                let unverified = matches!(subject.detail, SubjectDetail::Wait { unverified: true, .. });
                let state = subject.shown_by(notification, book, now);
                let open = CardState::waiting(unverified, None);
                as_json(if state.is_open() { &state } else { &open })
            }
        }
    }

    /// The last entry of the room, which the reader of the card sees.
    pub fn seen_up_to(&self) -> Option<&str> {
        match self {
            Self::Alarm
            | Self::Unanswered(_)
            | Self::Digest(_)
            | Self::FollowUps(_)
            | Self::Opening(_)
            | Self::Approvals(_)
            | Self::Figures(_) => None,
            Self::Room(subject) => subject.room.last_entry.as_deref(),
        }
    }

    /// The same of a card that is changed to show this; `None`: it shows no lines.
    pub fn seen_up_to_when_shown(&self, shown: &Value) -> Option<&str> {
        self.seen_up_to().filter(|_| parse(shown).is_ok_and(|state: CardState| state.is_open()))
    }

    /// When the oldest of the lines was said that a card made so shows.
    pub fn texts_since(&self, context: RenderContext<'_>) -> Option<Timestamp> {
        let Self::Room(subject) = self else { return None };
        let lines = subject.room.last_lines.iter().map(|line| line.at);
        lines.filter(|at| context.keeps(*at)).min()
    }

    /// The card that shows this. `None`: the configuration names no watchdog any more.
    pub fn card(
        &self,
        notification: &Notification,
        shown: &Value,
        context: RenderContext<'_>,
    ) -> Result<Option<Card>, Failure> {
        let RenderContext { rules, config, now, .. } = context;
        Ok(match self {
            Self::Room(subject) => {
                let mut facts = subject.facts(notification, parse(shown)?, rules, context.book(), now);
                facts.last_lines.retain(|line| context.keeps(line.at));
                Some(card::room(&facts))
            }
            Self::Unanswered(standing) => Some(card::list(&standing.list, notification.severity, rules, now)),
            Self::Digest(digest) => {
                Some(card::digest(&digest.0, notification.severity, rules.time_zone, now))
            }
            Self::FollowUps(list) => {
                Some(card::follow_ups(list.owner.as_str(), &list.rooms, notification.severity, rules))
            }
            Self::Opening(list) => {
                Some(card::opening(list.owner.as_str(), &list.waits, notification.severity, rules))
            }
            Self::Approvals(list) => Some(card::approvals(&list.pending, notification.severity, rules, now)),
            Self::Figures(of) => {
                // Where others read along, too, nobody is compared with anybody.
                let names = context.book().is_of_manager(&notification.to);
                let board = config.performance.board.as_ref();
                let reader = card::Reader {
                    names,
                    board: board.map(|board| board.public_url.as_str()),
                    link_wanted: board.is_some_and(|board| board.feishu_login.is_none()),
                };
                Some(card::figures(&of.figured, reader, notification.severity, rules, now))
            }
            Self::Alarm => {
                let shown: Shown = parse(shown)?;
                config.watchdog.as_ref().map(|watchdog| {
                    let setting = Setting { watchdog, zone: rules.time_zone };
                    crate::watchdog::card::alarm(&shown, &setting)
                })
            }
        })
    }
}

fn parse<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    serde_json::from_value(value.clone()).map_err(|error| Failure::Json("card state", error))
}
