//! CHAT: what was captured, complete. There is no other copy of it until it is folded.

use chrono::{DateTime, Utc};
use domain::id::external::normalized;
use domain::id::{MessageKey, PersonKey, RoomKey};
use domain::message::{ContactType, MessageKind, Sender};
use domain::timeline::Quote;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::wire::Payload;

/// A message in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// The kind of system it came from, for example `wechaty`.
    pub source: String,
    /// The account of ours that saw it.
    pub account: String,
    /// Its id at the source.
    pub id: String,
    /// The room it was sent in.
    pub room: RoomRef,
    /// Its author.
    pub sender: SenderRef,
    /// When it was sent, as the source says.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub sent_at: DateTime<Utc>,
    /// When it reached us.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub received_at: DateTime<Utc>,
    /// Text, picture, recall and so on.
    pub kind: MessageKind,
    /// Its text; for a file the name, for a recall the id of the message taken back.
    pub text: String,
    /// The text was longer than is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// People mentioned, by contact id.
    #[serde(default)]
    pub mentions: Vec<String>,
    /// The id of the message it quotes.
    #[serde(default)]
    pub quote: Option<String>,
    /// What the quoted message was, as this one describes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted: Option<Quoted>,
    /// Imported from the past: counts, never alarms.
    #[serde(default)]
    pub history: bool,
    /// The source's sent time was unusable and the arrival stands in its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub time_guessed: bool,
    /// Its place in the order of capture, in microseconds since 1970: strictly increasing within a process.
    /// `None` in messages from before there was one; their sequence in the stream stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured: Option<i64>,
    /// The source's own order between messages of one sent time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
}

/// A quoted message, as the quoting one describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoted {
    /// Display name of who said it.
    #[serde(default)]
    pub who: String,
    /// What it said, as lines show it.
    #[serde(default)]
    pub text: String,
}

/// A room as a message names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRef {
    /// The source's room id.
    pub id: String,
    /// Its name at that moment; empty when unknown.
    #[serde(default)]
    pub topic: String,
}

/// A sender as a message names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderRef {
    /// The source's contact id.
    pub id: String,
    /// Display name.
    #[serde(default)]
    pub name: String,
    /// 企业名称; empty when unknown.
    #[serde(default)]
    pub corporation: String,
    /// A colleague; `null`: the source cannot tell.
    #[serde(default)]
    pub coworker: Option<bool>,
    /// The account that captures the messages.
    #[serde(default)]
    pub is_self: bool,
    /// Whether it is a person at all; `None`: the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_type: Option<ContactType>,
}

/// A fact about a room that nobody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatRoom {
    /// The kind of system the room lives in.
    pub source: String,
    /// The account of ours that saw it.
    pub account: String,
    /// The event's own id: sending it again is recognised by it.
    pub id: String,
    /// The room it is about.
    pub room: RoomRef,
    /// When it happened, to the millisecond.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// What happened to the room.
    pub event: RoomEvent,
    /// Who did it, where known: for [`RoomEvent::AccountLeft`] who removed the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<ActorRef>,
    /// As [`ChatMessage::captured`]. `None`: it stands before all messages of its moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured: Option<i64>,
}

/// Somebody who did something to a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorRef {
    /// The source's contact id.
    pub id: String,
    /// Display name; empty when unknown.
    #[serde(default)]
    pub name: String,
}

/// What can happen to a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomEvent {
    /// The room as it is, read from the source.
    Seen {
        /// Contact id of its owner.
        owner: Option<String>,
        /// Contact ids of everybody in it.
        members: Vec<String>,
        /// Contact id of whoever brought our account in, where known.
        #[serde(default)]
        inviter: Option<String>,
    },
    /// It has a new name (in `room.topic`).
    Renamed,
    /// Our account left it or was removed.
    AccountLeft,
}

impl Payload for ChatMessage {
    const NAME: &'static str = "chat message";
    const VERSION: u8 = 1;
}

impl Payload for ChatRoom {
    const NAME: &'static str = "room fact";
    const VERSION: u8 = 1;
}

/// Bytes of the digest in a message's id on the bus.
const DIGEST_BYTES: usize = 10;

impl ChatMessage {
    /// Its id on the bus: its identity and a digest of what it says, so that the bus drops what comes twice and lets
    /// through what contradicts.
    ///
    /// # Errors
    /// Only if it cannot be JSON, which no message can.
    pub fn bus_id(&self) -> Result<String, serde_json::Error> {
        let moment = DateTime::UNIX_EPOCH;
        let content = Self { received_at: moment, captured: None, ..self.clone() };
        let digest = Sha256::digest(serde_json::to_vec(&content)?);
        let digest = data_encoding::BASE32HEX_NOPAD.encode(&digest[..DIGEST_BYTES]).to_ascii_lowercase();
        Ok(format!("{}#{digest}", self.key()))
    }

    /// Brings ids into the form that they must have. Those that came in before they were checked may hold anything.
    #[must_use]
    pub fn with_normal_ids(mut self) -> Self {
        self.account = normalized(self.account);
        self.source = normalized(self.source);
        self.id = normalized(self.id);
        self.room.id = normalized(self.room.id);
        self.sender.id = normalized(self.sender.id);
        if self.kind == MessageKind::Recalled && !self.text.is_empty() {
            self.text = normalized(self.text);
        }
        self
    }

    /// Its identity.
    pub fn key(&self) -> MessageKey {
        MessageKey { source: self.source.clone(), account: self.account.clone(), id: self.id.clone() }
    }

    /// Its room.
    pub fn room_key(&self) -> RoomKey {
        RoomKey { source: self.source.clone(), id: self.room.id.clone() }
    }

    /// Its sender's facts.
    pub fn sender(&self) -> Sender {
        Sender {
            key: PersonKey { source: self.source.clone(), id: self.sender.id.clone() },
            name: self.sender.name.clone(),
            corporation: self.sender.corporation.clone(),
            coworker: self.sender.coworker,
            is_self: self.sender.is_self,
            contact_type: self.sender.contact_type,
        }
    }

    /// Everybody whom it mentions.
    pub fn mentioned(&self) -> Vec<PersonKey> {
        let person = |id: &String| PersonKey { source: self.source.clone(), id: id.clone() };
        self.mentions.iter().map(person).collect()
    }

    /// What it quotes.
    pub fn quotation(&self) -> Option<Quote> {
        let (id, quoted) = (self.quote.clone().filter(|id| !id.is_empty()), self.quoted.clone());
        if id.is_none() && quoted.is_none() {
            return None;
        }
        let Quoted { who, text } = quoted.unwrap_or(Quoted { who: String::new(), text: String::new() });
        Some(Quote { id, who, text: Some(text).filter(|text| !text.is_empty()) })
    }

    /// For a recall, the identity of the message taken back.
    pub fn recall_target(&self) -> Option<MessageKey> {
        (self.kind == MessageKind::Recalled && !self.text.is_empty()).then(|| MessageKey {
            source: self.source.clone(),
            account: self.account.clone(),
            id: self.text.clone(),
        })
    }
}

impl ChatRoom {
    /// Brings ids into the form that they must have, as [`ChatMessage::with_normal_ids`].
    #[must_use]
    pub fn with_normal_ids(mut self) -> Self {
        self.account = normalized(self.account);
        self.source = normalized(self.source);
        self.id = normalized(self.id);
        self.room.id = normalized(self.room.id);
        self
    }

    /// The room it is about.
    pub fn room_key(&self) -> RoomKey {
        RoomKey { source: self.source.clone(), id: self.room.id.clone() }
    }

    /// The event's identity, of the same form as a message's.
    pub fn key(&self) -> MessageKey {
        MessageKey { source: self.source.clone(), account: self.account.clone(), id: self.id.clone() }
    }
}
