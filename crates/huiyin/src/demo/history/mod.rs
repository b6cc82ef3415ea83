//! A month that the invented company has behind it when the demo begins, so that there is something to look at.
//!
//! It is captured messages with the times at which they would have been sent, on the bus before any service runs: rooms,
//! waits and figures are what the services make of them. Nothing here writes to the database.

mod plan;
mod sentences;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::Calendar;
use domain::id::{CommandId, EntryId};
use domain::message::MessageKind;
use domain::rules::{Calendars, Rules, Stage, Team};
use events::chat::{ChatMessage, ChatRoom, RoomEvent, RoomRef, SenderRef};
use events::command::{Command, CommandKind, Via};
use local_stack::gateway::SAMPLE_WORLD;
use runtime::bus::{Bus, Outgoing};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::plan::{Group, Happening, Pace};
use crate::local::Local;

/// The people and rooms of the month, besides those of the sample world.
const WORLD: &str = include_str!("world.json");
const SOURCE: &str = "wechaty";
/// From being sent to being captured.
const CAPTURED_AFTER: TimeDelta = TimeDelta::seconds(1);
const CANCEL_REASON: &str = "卡片按钮：不用回复";

/// How fast people reply and how much they are asked in each of their rooms.
const PEOPLE: [(&str, Pace, u32); 5] = [
    ("林小样", Pace(3.0, 2.5), 6),
    ("周例安", Pace(7.0, 7.0), 5),
    ("陈拟夏", Pace(22.0, 8.0), 6),
    ("许试秋", Pace(4.5, 5.0), 4),
    ("沈演冬", Pace(11.0, 13.0), 6),
];
/// In the rooms of these owners somebody still waits when the demo begins.
const WAITED_FOR: [&str; 2] = ["沈演冬", "陈拟夏"];

/// People and rooms, in the shape of the control port's `state`.
#[derive(Serialize, Deserialize)]
struct World {
    #[serde(rename = "self", default)]
    own: String,
    contacts: Vec<Contact>,
    rooms: Vec<Room>,
}

#[derive(Serialize, Deserialize)]
struct Contact {
    id: String,
    name: String,
    corporation: String,
    coworker: bool,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize, Deserialize)]
struct Room {
    id: String,
    topic: String,
    owner_id: String,
    member_ids: Vec<String>,
}

/// The sample world with those of the month.
pub fn world() -> Result<Value> {
    let mut world: World = serde_json::from_str(SAMPLE_WORLD).context("the sample world")?;
    let added: World = serde_json::from_str(WORLD).context("the world of the history")?;
    world.contacts.extend(added.contacts);
    world.rooms.extend(added.rooms);
    Ok(serde_json::to_value(world)?)
}

/// Since when there is a history.
pub fn begin(rules: &Rules, now: DateTime<Utc>) -> DateTime<Utc> {
    plan::begin(rules, now)
}

/// The rules of the month: with hours at which people work, which the demo itself does without.
pub fn of_the_past(rules: &Rules) -> Rules {
    let hours = Calendar::default();
    let calendars = Calendars { pre_sales: hours.clone(), after_sales: hours };
    let mut rules = Rules { calendars, ..rules.clone() };
    rules.settle_calendars();
    rules
}

/// Puts the month on the bus as capture and the cards' buttons would have, by rules of [`of_the_past`].
pub async fn publish(local: &Local, rules: &Rules, now: DateTime<Utc>) -> Result<()> {
    let (chat, commands) = month(rules, now)?;
    let bus = Bus::connect(&local.bus_superuser(), "history").await?;
    for part in [chat, commands] {
        for known in bus.publish_all(&part).await {
            ensure!(!known?, "the bus takes a line of the history for another one: expected each id once");
        }
    }
    Ok(())
}

/// What is captured, in the order of capture, and what is asked for.
fn month(rules: &Rules, now: DateTime<Utc>) -> Result<(Vec<Outgoing>, Vec<Outgoing>)> {
    let world: World = serde_json::from_value(world()?)?;
    let added: World = serde_json::from_str(WORLD).context("the world of the history")?;
    let mut messages = Vec::new();
    let (mut chat, mut commands) = (Vec::new(), Vec::new());
    for room in &added.rooms {
        chat.push(outgoing_room(&world, room, begin(rules, now))?);
        let group = group(&world, room, rules).with_context(|| {
            format!("{}: expected an owner of the roster, a colleague and a customer", room.id)
        })?;
        let mut last = None;
        for (number, happening) in plan::happenings(&group, rules, now).into_iter().enumerate() {
            let id = format!("history-{}-{number}", group.customer);
            match happening {
                Happening::Said { at, by, text } => {
                    let message = message(&world, room, id, (at, &by, text))?;
                    last = Some(EntryId::from(&message.key()));
                    messages.push(message);
                }
                Happening::Cancelled { at } => {
                    let seen_up_to = last.clone().context("a cancel after something was said")?;
                    let by = world.contact(group.owner)?.name.clone();
                    commands.push(cancel(room, id, (at, by), seen_up_to)?);
                }
            }
        }
    }
    messages.sort_by_key(|message| message.sent_at);
    for message in &messages {
        let subject = events::subject::chat_message(&message.room_key());
        chat.push(Outgoing { subject, id: message.bus_id()?, payload: events::encode(message)? });
    }
    Ok((chat, commands))
}

impl World {
    fn contact(&self, id: &str) -> Result<&Contact> {
        let found = self.contacts.iter().find(|contact| contact.id == id);
        found.with_context(|| format!("contacts: nobody is {id}"))
    }
}

/// `None`: nobody in the roster owns the room, or nobody in it is a customer.
fn group<'w>(world: &'w World, room: &'w Room, rules: &Rules) -> Option<Group<'w>> {
    let staff = |id: &str| {
        let key = format!("{SOURCE}:{id}");
        rules.roster.iter().find(|entry| entry.contacts.iter().any(|contact| contact.to_string() == key))
    };
    let owner = staff(&room.owner_id)?;
    let (_, pace, questions) = *PEOPLE.iter().find(|(name, ..)| *name == owner.name.as_str())?;
    let members = || room.member_ids.iter().filter(|id| **id != world.own && **id != room.owner_id);
    let is_customer = |id: &str| world.contact(id).is_ok_and(|contact| !contact.coworker);
    Some(Group {
        room: &room.id,
        stage: if owner.team == Team::AfterSales { Stage::AfterSales } else { Stage::PreSales },
        customer: members().find(|id| is_customer(id))?,
        owner: &room.owner_id,
        colleague: members().find(|id| !is_customer(id))?,
        pace,
        questions,
        waits: WAITED_FOR.iter().position(|name| *name == owner.name.as_str()),
    })
}

fn outgoing_room(world: &World, room: &Room, at: DateTime<Utc>) -> Result<Outgoing> {
    let fact = ChatRoom {
        source: SOURCE.to_owned(),
        account: world.own.clone(),
        id: format!("history-seen-{}", room.id),
        room: RoomRef { id: room.id.clone(), topic: room.topic.clone() },
        at,
        event: RoomEvent::Seen {
            owner: Some(room.owner_id.clone()),
            members: room.member_ids.clone(),
            inviter: None,
        },
        by: None,
        captured: Some(at.timestamp_micros()),
    };
    Ok(Outgoing {
        subject: events::subject::chat_room(&fact.room_key()),
        id: fact.key().to_string(),
        payload: events::encode(&fact)?,
    })
}

fn message(
    world: &World,
    room: &Room,
    id: String,
    (sent_at, by, text): (DateTime<Utc>, &str, String),
) -> Result<ChatMessage> {
    let Contact { id: sender, name, corporation, coworker, .. } = world.contact(by)?;
    let received_at = sent_at + CAPTURED_AFTER;
    Ok(ChatMessage {
        source: SOURCE.to_owned(),
        account: world.own.clone(),
        id,
        room: RoomRef { id: room.id.clone(), topic: room.topic.clone() },
        sender: SenderRef {
            id: sender.clone(),
            name: name.clone(),
            corporation: corporation.clone(),
            coworker: Some(*coworker),
            is_self: false,
            contact_type: None,
        },
        sent_at,
        received_at,
        kind: MessageKind::Text,
        text,
        cut: false,
        mentions: Vec::new(),
        quote: None,
        quoted: None,
        history: false,
        time_guessed: false,
        captured: Some(received_at.timestamp_micros()),
        seq: None,
    })
}

fn cancel(
    room: &Room,
    id: String,
    (at, by): (DateTime<Utc>, String),
    seen_up_to: EntryId,
) -> Result<Outgoing> {
    let command = Command {
        id: CommandId(id.clone()),
        room: format!("{SOURCE}:{}", room.id).parse()?,
        at,
        by,
        via: Via::Feishu,
        kind: CommandKind::Cancel { wait: None, seen_up_to, reason: CANCEL_REASON.to_owned() },
    };
    let subject = events::subject::command(command.kind.name(), &command.room);
    Ok(Outgoing { subject, id, payload: events::encode(&command)? })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_owner_of_the_company_has_a_month() {
        let company: Value = serde_json::from_str(super::super::company::COMPANY).unwrap();
        let rules: Rules = serde_json::from_value(company["rules"].clone()).unwrap();
        let now = "2026-11-26T07:00:00Z".parse().unwrap();
        let (chat, commands) = month(&of_the_past(&rules), now).unwrap();
        let ids: BTreeSet<&str> = chat.iter().chain(&commands).map(|one| one.id.as_str()).collect();
        assert_eq!(ids.len(), chat.len() + commands.len());
        let subjects: BTreeSet<&str> = chat.iter().map(|one| one.subject.as_str()).collect();
        assert_eq!(subjects.len(), 16, "facts and messages of each room");
        assert!((1500..4000).contains(&chat.len()), "{}", chat.len());
        assert!((10..80).contains(&commands.len()), "{}", commands.len());
    }
}
