//! From the bus to the timeline: what a captured fact is as an entry.

use domain::Timestamp;
use domain::closing::Features;
use domain::id::{EntryId, PersonKey, RoomKey};
use domain::message::MessageKind;
use domain::rules::RulesHistory;
use domain::timeline::{Body, Departure, Entry, Message, Position, RoomFacts, effective_sent_at};
use events::chat::{ChatMessage, ChatRoom, RoomEvent};
use events::{DecodeError, decode};
use runtime::bus::Delivery;
use store::rooms::Topic;
use store::rooms::timeline::NewEntry;

/// A captured fact, decoded.
#[derive(Debug, Clone)]
pub enum Fact {
    /// Somebody said something.
    Message(Box<ChatMessage>, i64),
    /// Something happened to a room.
    Room(Box<ChatRoom>, i64),
}

impl Fact {
    /// Reads a delivery by its subject.
    pub fn read(delivery: &Delivery) -> Result<Self, DecodeError> {
        let seq = i64::try_from(delivery.stream_seq).unwrap_or(i64::MAX);
        if delivery.subject().starts_with("chat.room.") {
            Ok(Self::Room(Box::new(decode(delivery.payload())?), seq))
        } else {
            Ok(Self::Message(Box::new(decode(delivery.payload())?), seq))
        }
    }

    /// Which room it is about.
    pub fn room_key(&self) -> RoomKey {
        match self {
            Self::Message(message, _) => message.room_key(),
            Self::Room(room, _) => room.room_key(),
        }
    }

    /// The room's name as this fact reports it. A name in imported history is of nobody knows when: it stands only
    /// until something says another.
    pub fn topic(&self) -> Option<Topic> {
        let (name, at) = match self {
            Self::Message(message, _) if message.history => (&message.room.topic, None),
            Self::Message(message, _) => {
                (&message.room.topic, Some(message.sent_at.min(message.received_at)))
            }
            Self::Room(room, _) => (&room.room.topic, Some(room.at)),
        };
        (!name.is_empty()).then(|| Topic { name: name.clone(), at })
    }

    /// As an entry, judged by the rules in force at its sent time. `None`: it only names the room.
    pub fn entry(&self, rules: &RulesHistory) -> Option<NewEntry> {
        match self {
            Self::Message(message, seq) => Some(message_entry(message, *seq, rules)),
            Self::Room(room, seq) => room_entry(room, *seq),
        }
    }
}

fn position(at: Timestamp, seq: i64, id: &EntryId) -> Position {
    Position { at, seq, entry: id.clone(), after: None }
}

fn message_entry(message: &ChatMessage, seq: i64, rules: &RulesHistory) -> NewEntry {
    let (at, _future) = effective_sent_at(message.sent_at, message.received_at);
    let id = EntryId::from(&message.key());
    let body = match message.recall_target() {
        Some(target) => Body::Recall { target },
        None => Body::Message(Message {
            key: message.key(),
            sender: message.sender(),
            kind: message.kind,
            features: Features::of(message.kind, &message.text, rules.at(at)),
            history: message.history,
            recalled: None,
        }),
    };
    let text = (message.kind != MessageKind::Recalled).then(|| message.text.clone());
    NewEntry {
        room: message.room_key(),
        entry: Entry { position: position(at, seq, &id), body },
        id,
        received_at: message.received_at,
        text,
    }
}

fn room_entry(room: &ChatRoom, seq: i64) -> Option<NewEntry> {
    let person = |id: &String| PersonKey { source: room.source.clone(), id: id.clone() };
    let body = match &room.event {
        RoomEvent::Seen { owner, members, inviter } => Body::Facts(RoomFacts {
            account: Some(room.account.clone()),
            inviter: inviter.as_ref().map(person),
            owner: owner.as_ref().map(person),
            members: members.iter().map(person).collect(),
        }),
        RoomEvent::AccountLeft => {
            let by = room.by.as_ref().map(|by| by.name.clone()).filter(|name| !name.is_empty());
            Body::AccountLeft(Departure { account: room.account.clone(), by })
        }
        RoomEvent::Renamed => return None,
    };
    let id = EntryId::from(&room.key());
    Some(NewEntry {
        room: room.room_key(),
        entry: Entry { position: position(room.at, seq, &id), body },
        id,
        received_at: room.at,
        text: None,
    })
}
