//! What a notification says: a room, a list, or something that is wrong with Huiyin itself. Sending and changing are the
//! same for all of them, and how it looks is the channel's.

pub mod card;
pub mod lists;
pub mod status;
pub mod subject;
pub mod wait_actions;

use domain::Timestamp;
use domain::notification;
use domain::rules::Rules;
use runtime::Config;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::alerts::notifications::Notification;
use store::sqlx::PgConnection;

use self::card::{Card, CardState};
use self::lists::StandingList;
use self::status::as_json;
use self::subject::{Subject, SubjectDetail};
use crate::address_book::AddressBook;
use crate::failure::Failure;
use crate::watchdog::card::{Setting, Shown};

/// What a notification is about.
pub enum Content {
    /// A wait in a room, or that our account left it.
    Room(Box<Subject>),
    /// An alarm: everything that it shows is in the card's own row.
    Alarm,
    /// Those who wait although every card of theirs has gone out.
    Unanswered(StandingList),
}

/// What a card is rendered by, besides its content.
#[derive(Clone, Copy)]
pub struct RenderContext<'a> {
    /// The rules in force.
    pub rules: &'a Rules,
    /// What the operator decided.
    pub config: &'a Config,
    pub now: Timestamp,
}

impl RenderContext<'_> {
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
        rules: &Rules,
        book: AddressBook<'_>,
        now: Timestamp,
    ) -> Result<Option<Self>, Failure> {
        Ok(match notification.subject {
            notification::Subject::Alarm { .. } => Some(Self::Alarm),
            notification::Subject::Unanswered => {
                let list = StandingList::read(connection, notification, rules, book, now).await?;
                Some(Self::Unanswered(list))
            }
            notification::Subject::Wait(_) | notification::Subject::Departure(_) => {
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
            Self::Room(subject) => {
                // One that stayed behind unconfirmed while a higher one went out.
                let overtaken =
                    parse(&notification.wanted).is_ok_and(|state: CardState| state == CardState::Escalated);
                subject.shown_by(notification, book, now).is_open() && !overtaken
            }
        }
    }

    /// Until when its reader is to be left alone.
    pub fn hold(
        &self,
        notification: &Notification,
        book: AddressBook<'_>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match self {
            Self::Room(subject) if notification.step.rung().is_some() => {
                subject.hold(&notification.to, book, now)
            }
            Self::Room(_) | Self::Alarm | Self::Unanswered(_) => None,
        }
    }

    /// What a card shows that is sent now.
    pub fn first(
        &self,
        notification: &Notification,
        book: AddressBook<'_>,
        now: Timestamp,
    ) -> Result<Value, Failure> {
        match self {
            Self::Alarm | Self::Unanswered(_) => Ok(notification.wanted.clone()),
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
            Self::Alarm | Self::Unanswered(_) => None,
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
        let RenderContext { rules, config, now } = context;
        Ok(match self {
            Self::Room(subject) => {
                let mut facts = subject.facts(
                    notification,
                    parse(shown)?,
                    rules,
                    AddressBook::new(rules, &config.feishu),
                    now,
                );
                facts.last_lines.retain(|line| context.keeps(line.at));
                Some(card::room(&facts))
            }
            Self::Unanswered(standing) => Some(card::list(&standing.list, notification.severity, rules, now)),
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
