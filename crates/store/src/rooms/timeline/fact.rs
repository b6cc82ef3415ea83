//! What the `fact` column holds: everything about an entry that no statement asks for, as JSON by the entry's kind. A new
//! fact touches no SQL.

use std::borrow::Cow;

use domain::Timestamp;
use domain::closing::Features;
use domain::id::{CommandId, StaffName};
use domain::marks::{Marking, Marks};
use domain::message::ContactType;
use domain::nature::Nature;
use domain::rules::Stage;
use domain::timeline::{About, Body, Cancel, CancelKind, Departure, Message, Quote};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::json::{from_text, to_text};

/// Of a message.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MessageFact<'a> {
    /// Display name of its sender.
    #[serde(default)]
    pub name: Cow<'a, str>,
    #[serde(default)]
    pub corporation: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coworker: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub contact_type: Option<ContactType>,
    pub features: Cow<'a, Features>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub nature: Option<Nature>,
    /// Person keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<String>,
    /// Its text goes when the message's own does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Cow<'a, Quote>>,
}

/// A word of a later release is none that this one knows.
fn known<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

/// Of a decision that nobody waits any more.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CancelFact<'a> {
    pub command: Cow<'a, CommandId>,
    pub by: Cow<'a, str>,
    pub reason: Cow<'a, str>,
    pub kind: CancelKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Cow<'a, About>>,
    pub at: Timestamp,
}

/// Of an assignment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AssignedFact<'a> {
    pub owner: Option<Cow<'a, StaffName>>,
    pub stage: Stage,
}

/// Of a marking.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MarkedFact<'a> {
    pub command: Cow<'a, CommandId>,
    /// Display name of who marked.
    pub by: Cow<'a, str>,
    pub marks: Cow<'a, Marks>,
}

/// Of a departure.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DepartureFact<'a> {
    pub account: Cow<'a, str>,
    /// Display name of who removed it.
    pub by: Option<Cow<'a, str>>,
}

impl<'a> MessageFact<'a> {
    fn of(message: &'a Message) -> Self {
        let sender = &message.sender;
        Self {
            name: (&*sender.name).into(),
            corporation: (&*sender.corporation).into(),
            coworker: sender.coworker,
            contact_type: sender.contact_type,
            features: Cow::Borrowed(&message.features),
            nature: Some(message.nature).filter(|nature| *nature != Nature::Ordinary),
            mentions: message.mentions.iter().map(ToString::to_string).collect(),
            quote: message.quote.as_deref().map(Cow::Borrowed),
        }
    }
}

/// `None`: its kind and target say it all.
pub(super) fn of(body: &Body) -> Result<Option<String>, sqlx::Error> {
    Ok(Some(match body {
        Body::Message(message) => to_text(&MessageFact::of(message))?,
        Body::Cancel(Cancel { command, by, reason, kind, about, at, undone: _ }) => to_text(&CancelFact {
            command: Cow::Borrowed(command),
            by: by.into(),
            reason: reason.into(),
            kind: *kind,
            about: about.as_ref().map(Cow::Borrowed),
            at: *at,
        })?,
        Body::Assigned { owner, stage } => {
            to_text(&AssignedFact { owner: owner.as_ref().map(Cow::Borrowed), stage: *stage })?
        }
        Body::Marked(Marking { command, by, marks }) => to_text(&MarkedFact {
            command: Cow::Borrowed(command),
            by: by.into(),
            marks: Cow::Borrowed(marks),
        })?,
        Body::Facts(people) => to_text(people)?,
        Body::AccountLeft(Departure { account, by }) => {
            to_text(&DepartureFact { account: account.into(), by: by.as_ref().map(Into::into) })?
        }
        Body::Recall { .. } | Body::CancelUndone { .. } => return Ok(None),
    }))
}

/// What [`of`] wrote.
pub(super) fn read<T: DeserializeOwned>(fact: Option<&str>) -> Result<T, sqlx::Error> {
    let fact = fact.ok_or_else(|| sqlx::Error::ColumnNotFound("fact".to_owned()))?;
    from_text(fact, "fact")
}
