//! From a payload to the message on the bus: who, where, what.

use domain::message::MessageKind;
use events::chat::{ChatMessage, RoomRef, SenderRef};
use store::ingest::inbox::Waiting;

use super::people::Person;
use super::rooms::Facts;
use super::{Capture, Link, SOURCE, Trouble};
use crate::gateway::payload::{self, Kind, Message, Place, mentioned_names};
use crate::gateway::time::TimeOrigin;
use crate::gateway::{ContactId, MessageId};

/// Fetches a message with what is known of its room and sender. `None`: it was said between two people, which is no
/// room of ours. On the `last` attempt it goes without what cannot be had, since a message is worth more than its
/// sender's name.
pub async fn assemble(
    capture: &Capture,
    link: &Link,
    waiting: &Waiting,
    last: bool,
) -> Result<Option<ChatMessage>, Trouble> {
    let Some(id) = MessageId::kept(waiting.message.as_str(), waiting.wire_id.clone()) else {
        return Ok(None);
    };
    let wire = link.client.message(&id).await?;
    let message = payload::message(&id, wire, waiting.arrived_at)?;
    let Place::Room(room) = message.place.clone() else {
        metrics::counter!("ingest_direct_messages_total").increment(1);
        return Ok(None);
    };
    let account = waiting.account.clone();
    let account =
        account.and_then(|account| ContactId::kept(account, None)).unwrap_or_else(|| link.account.clone());
    let facts = match capture.rooms.announced(capture, link, &room, message.sent.at).await {
        Ok(facts) => facts,
        Err(Trouble::Gateway(_)) if last => Facts::default(),
        Err(trouble) => return Err(trouble),
    };
    let person = match capture.people.get(capture, link, &message.talker).await {
        Ok(person) => person,
        Err(_) if last => Person::default(),
        Err(error) => return Err(error.into()),
    };
    let name = match person.name.as_str() {
        "" => capture.people.name_in_room(link, &room, &message.talker).await,
        name => name.to_owned(),
    };
    let mentions = mentions(capture, &message, &facts);
    let sender = SenderRef {
        id: message.talker.to_string(),
        name,
        corporation: person.corporation,
        coworker: person.coworker,
        is_self: message.talker == account,
    };
    if sender.is_self {
        metrics::counter!("ingest_own_messages_total").increment(1);
    }
    let room = RoomRef { id: room.to_string(), topic: facts.topic };
    Ok(Some(fact(message, &account, room, sender, mentions, waiting)))
}

fn fact(
    message: Message,
    account: &ContactId,
    room: RoomRef,
    sender: SenderRef,
    mentions: Vec<String>,
    waiting: &Waiting,
) -> ChatMessage {
    let (kind, text) = content(message.kind, message.text, message.filename);
    ChatMessage {
        source: SOURCE.to_owned(),
        account: account.to_string(),
        id: message.id.to_string(),
        room,
        sender,
        sent_at: message.sent.at,
        received_at: waiting.arrived_at,
        kind,
        text,
        cut: message.text_was_cut,
        mentions,
        quote: message.quote.map(|id| id.to_string()),
        history: false,
        time_guessed: message.sent.origin != TimeOrigin::Puppet,
        captured: Some(waiting.arrived_at.timestamp_micros()),
        seq: None,
    }
}

/// What puppets write as the text of a picture or a sticker is XML for machines, and not kept.
fn content(kind: Kind, text: String, filename: Option<String>) -> (MessageKind, String) {
    match kind {
        Kind::Text => (MessageKind::Text, text),
        Kind::Image => (MessageKind::Image, String::new()),
        Kind::Audio => (MessageKind::Audio, String::new()),
        Kind::Video => (MessageKind::Video, String::new()),
        Kind::File => (MessageKind::File, filename.unwrap_or(text)),
        Kind::Emoticon => (MessageKind::Emoticon, String::new()),
        Kind::Location => (MessageKind::Location, text),
        Kind::Url => (MessageKind::Url, text),
        Kind::MiniProgram => (MessageKind::MiniProgram, text),
        Kind::Contact => (MessageKind::Contact, text),
        Kind::ChatHistory => (MessageKind::ChatHistory, text),
        Kind::RedEnvelope => (MessageKind::RedEnvelope, text),
        Kind::Transfer => (MessageKind::Transfer, text),
        Kind::Call => (MessageKind::Call, text),
        Kind::Recalled { original: Some(original) } => (MessageKind::Recalled, original.to_string()),
        // The puppet wrote its notice in place of the id: nobody can tell what was taken back.
        Kind::Recalled { original: None } | Kind::System => (MessageKind::System, text),
        Kind::Other => (MessageKind::Other, text),
    }
}

/// Ids from the puppet, else from the names in the text, as far as members with such a name are known.
fn mentions(capture: &Capture, message: &Message, facts: &Facts) -> Vec<String> {
    if !message.mentions.is_empty() || message.kind != Kind::Text {
        return message.mentions.iter().map(ToString::to_string).collect();
    }
    let names = mentioned_names(&message.text);
    if names.is_empty() {
        return Vec::new();
    }
    capture.people.called(&facts.members, &names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, text: &str, filename: Option<&str>) -> (MessageKind, String) {
        content(kind, text.to_owned(), filename.map(ToOwned::to_owned))
    }

    #[test]
    fn what_people_read_is_kept_and_xml_is_not() {
        let id = MessageId::parse("m0");
        let cases = [
            (read(Kind::Text, "在吗", None), (MessageKind::Text, "在吗")),
            (read(Kind::Image, "<msg/>", None), (MessageKind::Image, "")),
            (read(Kind::File, "", Some("报价.pdf")), (MessageKind::File, "报价.pdf")),
            (read(Kind::File, "报价.pdf", None), (MessageKind::File, "报价.pdf")),
            (read(Kind::Recalled { original: id }, "m0", None), (MessageKind::Recalled, "m0")),
            (
                read(Kind::Recalled { original: None }, "某人撤回了一条消息", None),
                (MessageKind::System, "某人撤回了一条消息"),
            ),
        ];
        for ((kind, text), expected) in cases {
            assert_eq!((kind, text.as_str()), expected);
        }
    }
}
