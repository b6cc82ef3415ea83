//! From the bus to the timeline: what a captured fact is as an entry.

use domain::Timestamp;
use domain::closing::Features;
use domain::id::{EntryId, PersonKey, RoomKey};
use domain::message::MessageKind;
use domain::nature::Nature;
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
            let room: ChatRoom = decode(delivery.payload())?;
            Ok(Self::Room(Box::new(room.with_normal_ids()), seq))
        } else {
            let message: ChatMessage = decode(delivery.payload())?;
            Ok(Self::Message(Box::new(message.with_normal_ids()), seq))
        }
    }

    /// The id of the entry that it becomes.
    pub fn id(&self) -> EntryId {
        match self {
            Self::Message(message, _) => EntryId::from(&message.key()),
            Self::Room(room, _) => EntryId::from(&room.key()),
        }
    }

    /// Its place in the order of capture.
    pub fn seq(&self) -> i64 {
        match self {
            Self::Message(message, stream_seq) => {
                message.captured.unwrap_or_else(|| by_arrival(message.received_at, *stream_seq))
            }
            Self::Room(room, stream_seq) => room.captured.unwrap_or(*stream_seq),
        }
    }

    /// The source's id of its room: all captures of one entry are of one source.
    pub fn room_id(&self) -> &str {
        match self {
            Self::Message(message, _) => &message.room.id,
            Self::Room(room, _) => &room.room.id,
        }
    }

    /// Whether it is this capture of this entry.
    pub fn is(&self, entry: &EntryId, seq: i64) -> bool {
        self.seq() == seq && self.id() == *entry
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
            Self::Message(message, _) => Some(message_entry(message, self.seq(), rules)),
            Self::Room(room, _) => room_entry(room, self.seq()),
        }
    }
}

/// The place of a message from before capture gave one: by its arrival, which is in whole milliseconds, and within one by
/// its sequence in the stream.
fn by_arrival(received_at: Timestamp, stream_seq: i64) -> i64 {
    received_at.timestamp_millis() * 1_000 + stream_seq % 1_000
}

/// It stands at its own time; where live messages stand is settled once all that stands in the room is known.
fn message_entry(message: &ChatMessage, seq: i64, rules: &RulesHistory) -> NewEntry {
    let (at, _future) = effective_sent_at(message.sent_at, message.received_at);
    let id = EntryId::from(&message.key());
    let in_force = rules.at(at);
    let position =
        Position { at, order: message.seq.unwrap_or_default(), seq, entry: id.clone(), after: None };
    let body = match message.recall_target() {
        Some(target) => Body::Recall { target },
        None => Body::Message(Message {
            key: message.key(),
            sender: message.sender(),
            kind: message.kind,
            features: Features::of(message.kind, &message.text, &in_force.phrases),
            nature: Nature::of(
                message.kind,
                &message.text,
                message.mentions.iter().map(String::as_str),
                in_force,
            ),
            mentions: message.mentioned(),
            quote: message.quotation().map(Box::new),
            history: message.history,
            received_at: message.received_at,
            stamped: None,
            recalled: None,
        }),
    };
    let text = (message.kind != MessageKind::Recalled).then(|| message.text.clone());
    NewEntry {
        room: message.room_key(),
        entry: Entry { position, body },
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
    let position = Position { at: room.at, order: 0, seq, entry: id.clone(), after: None };
    Some(NewEntry {
        room: room.room_key(),
        entry: Entry { position, body },
        id,
        received_at: room.at,
        text: None,
    })
}
