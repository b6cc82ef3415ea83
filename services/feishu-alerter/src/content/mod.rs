//! The content of a card: a room, a list, or something that is wrong with Huiyin itself. Sending and changing are the
//! same for all of them.

pub mod button;
pub mod card;
mod day_list;
pub mod status;
pub mod subject;

use domain::Timestamp;
use domain::rules::{Colour, Rules};
use feishu::{CardUuid, OutgoingMessage};
use runtime::Config;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::alerts::cards::{self, Card};
use store::sqlx::PgConnection;

use self::card::{CardState, Form, ListSetting, render, render_list};
use self::day_list::DayList;
use self::status::as_json;
use self::subject::{Subject, SubjectDetail};
use crate::address_book::AddressBook;
use crate::failure::Failure;
use crate::watchdog::card::{Setting, Shown};

/// What a card is about.
pub enum CardContent {
    /// A wait in a room, or that our account left it.
    Room(Box<Subject>),
    /// An alarm: everything that it shows is in the card's own row.
    Alarm,
    /// All who wait although every card of theirs has gone out.
    Unanswered(DayList),
}

/// What a card is rendered by, besides its content.
#[derive(Clone, Copy)]
pub struct RenderContext<'a> {
    /// The rules in force.
    pub rules: &'a Rules,
    /// What the operator decided.
    pub config: &'a Config,
    /// The form that it is to have.
    pub form: Form,
    pub now: Timestamp,
}

impl RenderContext<'_> {
    /// Whether what was said at a moment may still be shown.
    fn keeps(self, at: Timestamp) -> bool {
        self.config.retention.blank_before(self.now).is_none_or(|before| at >= before)
    }
}

impl CardContent {
    /// Reads it from the store. `None`: the wait or its room is not there.
    pub async fn read(
        connection: &mut PgConnection,
        card: &Card,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Option<Self>, Failure> {
        if card.alarm.is_some() {
            return Ok(Some(Self::Alarm));
        }
        if card.subject_kind == cards::SubjectKind::Unanswered {
            return Ok(Some(Self::Unanswered(DayList::read(connection, card, rules, now).await?)));
        }
        Ok(Subject::read(connection, card, rules, now).await?.map(|subject| Self::Room(Box::new(subject))))
    }

    /// Whether there is still something to say.
    pub fn is_wanted(&self, card: &Card, book: AddressBook<'_>, now: Timestamp) -> bool {
        match self {
            Self::Alarm => parse::<Shown>(&card.wanted).is_ok_and(|shown| shown.is_active()),
            Self::Unanswered(day) => !day.list.named.is_empty() && day.is_of_today,
            Self::Room(subject) => {
                // One that stayed behind unconfirmed while a higher one went out.
                let overtaken =
                    parse(&card.wanted).is_ok_and(|state: CardState| state == CardState::Escalated);
                subject.shown_by(card, book, now).is_open() && !overtaken
            }
        }
    }

    /// What a card shows that is sent now.
    pub fn first(&self, card: &Card, book: AddressBook<'_>, now: Timestamp) -> Result<Value, Failure> {
        match self {
            Self::Alarm | Self::Unanswered(_) => Ok(card.wanted.clone()),
            Self::Room(subject) => {
                let unverified = matches!(subject.detail, SubjectDetail::Wait { unverified: true, .. });
                let state = subject.shown_by(card, book, now);
                let open = CardState::Waiting { unverified, owner: None };
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

    /// The message that shows this. `None`: the configuration names no watchdog any more.
    pub fn message(
        &self,
        card: &Card,
        uuid: CardUuid,
        shown: &Value,
        context: RenderContext<'_>,
    ) -> Result<Option<OutgoingMessage>, Failure> {
        let RenderContext { rules, config, form, now } = context;
        Ok(match self {
            Self::Room(subject) => {
                let state: CardState = parse(shown)?;
                let mut facts =
                    subject.facts(card, uuid, state, rules, AddressBook::new(rules, &config.feishu), now);
                facts.last_lines.retain(|line| context.keeps(line.at));
                Some(render(&facts, form))
            }
            Self::Unanswered(day) => {
                let colour = Colour::from_name(&card.colour).unwrap_or(Colour::Grey);
                let setting = ListSetting { marker: uuid, colour, zone: rules.time_zone, now };
                Some(render_list(&day.list, &setting, form))
            }
            Self::Alarm => {
                let shown: Shown = parse(shown)?;
                config.watchdog.as_ref().map(|watchdog| {
                    let setting = Setting { watchdog, zone: rules.time_zone, marker: uuid };
                    crate::watchdog::card::render(&shown, &setting, form)
                })
            }
        })
    }
}

fn parse<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    serde_json::from_value(value.clone()).map_err(|error| Failure::Json("card state", error))
}
