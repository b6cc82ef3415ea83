//! From a payload to the message on the bus: who, where, what.

use domain::message::MessageKind;
use domain::nature::EVERYBODY;
use events::chat::{ChatMessage, Quoted, RoomRef, SenderRef};
use store::ingest::inbox::Waiting;

use super::people::Person;
use super::rooms::Facts;
use super::{Capture, CaptureError, Link, SOURCE};
use crate::content::{self, Content, Raw};
use crate::gateway::payload::{self, Conversation, Kind, Message, mentioned_names};
use crate::gateway::time::TimeOrigin;
use crate::gateway::{ContactId, MessageId, RoomId};

/// Fetches a message with what is known of its room and sender. `None`: it was said between two people, which is no
/// room of ours. On the `last` attempt it goes without what cannot be had, since a message is worth more than its
/// sender's name.
pub async fn assemble(
    capture: &Capture,
    link: &Link,
    waiting: &Waiting,
    last: bool,
) -> Result<Option<ChatMessage>, CaptureError> {
    let Some(id) = MessageId::kept(waiting.message.as_str(), waiting.wire_id.clone()) else {
        return Ok(None);
    };
    let wire = link.client.message(&id).await?;
    let message = payload::message(&id, wire, waiting.arrived_at)?;
    let Conversation::Room(room) = message.conversation.clone() else {
        metrics::counter!("ingest_direct_messages_total").increment(1);
        return Ok(None);
    };
    let account = waiting.account.clone();
    let account =
        account.and_then(|account| ContactId::kept(account, None)).unwrap_or_else(|| link.account.clone());
    let facts = match capture.rooms.announced(capture, link, &room, message.sent.at).await {
        Ok(facts) => facts,
        Err(CaptureError::Gateway(_)) if last => Facts::default(),
        Err(error) => return Err(error),
    };
    let sender = match &message.talker {
        Some(talker) => sender(capture, link, &room, talker, &account, last).await?,
        None => notice_sender(&room),
    };
    let content = content(&message);
    let mentions = mentions(capture, &message, &content, &facts);
    if sender.is_self {
        metrics::counter!("ingest_own_messages_total").increment(1);
    }
    let room = RoomRef { id: room.to_string(), topic: facts.topic };
    Ok(Some(chat_message(message, content, &account, room, sender, mentions, waiting)))
}

/// The sender of a notice: the room itself, which is nobody's customer.
fn notice_sender(room: &RoomId) -> SenderRef {
    SenderRef {
        id: room.to_string(),
        name: String::new(),
        corporation: String::new(),
        coworker: None,
        is_self: false,
        contact_type: None,
    }
}

async fn sender(
    capture: &Capture,
    link: &Link,
    room: &RoomId,
    talker: &ContactId,
    account: &ContactId,
    last: bool,
) -> Result<SenderRef, CaptureError> {
    let person = match capture.people.get(capture, link, talker).await {
        Ok(person) => person,
        Err(_) if last => Person::default(),
        Err(error) => return Err(error.into()),
    };
    let name = match person.name.as_str() {
        "" => capture.people.name_in_room(link, room, talker).await,
        name => name.to_owned(),
    };
    Ok(SenderRef {
        id: talker.to_string(),
        name,
        corporation: person.corporation,
        coworker: person.coworker,
        is_self: talker == account,
        contact_type: person.contact_type,
    })
}

fn chat_message(
    message: Message,
    content: Content,
    account: &ContactId,
    room: RoomRef,
    sender: SenderRef,
    mentions: Vec<String>,
    waiting: &Waiting,
) -> ChatMessage {
    ChatMessage {
        source: SOURCE.to_owned(),
        account: account.to_string(),
        id: message.id.to_string(),
        room,
        sender,
        sent_at: message.sent.at,
        received_at: waiting.arrived_at,
        kind: content.kind,
        text: content.text,
        cut: message.text_was_cut,
        mentions,
        quote: message.quote.map(|id| id.to_string()).or_else(|| content.quote.as_ref()?.id.clone()),
        quoted: content.quote.map(|quote| Quoted { who: quote.who, text: quote.text }),
        history: false,
        time_guessed: message.sent.origin != TimeOrigin::Puppet,
        captured: Some(waiting.arrived_at.timestamp_micros()),
        seq: None,
    }
}

/// What it is, as [`crate::content`] says.
fn content(message: &Message) -> Content {
    let text = match (&message.kind, &message.filename) {
        (Kind::File, Some(filename)) => filename,
        (Kind::Recalled { original: Some(original) }, _) => original.as_str(),
        _ => &message.text,
    };
    content::read(Raw { kind: message_kind(&message.kind), text, nobody: message.talker.is_none() })
}

fn message_kind(kind: &Kind) -> MessageKind {
    match kind {
        Kind::Text => MessageKind::Text,
        Kind::Image => MessageKind::Image,
        Kind::Audio => MessageKind::Audio,
        Kind::Video => MessageKind::Video,
        Kind::File => MessageKind::File,
        Kind::Emoticon => MessageKind::Emoticon,
        Kind::Location => MessageKind::Location,
        Kind::Url => MessageKind::Url,
        Kind::MiniProgram => MessageKind::MiniProgram,
        Kind::Contact => MessageKind::Contact,
        Kind::ChatHistory => MessageKind::ChatHistory,
        Kind::RedEnvelope => MessageKind::RedEnvelope,
        Kind::Transfer => MessageKind::Transfer,
        Kind::Call => MessageKind::Call,
        Kind::Recalled { original: Some(_) } => MessageKind::Recalled,
        // The puppet wrote its notice in place of the id: nobody can tell what was taken back.
        Kind::Recalled { original: None } | Kind::System => MessageKind::System,
        Kind::Other => MessageKind::Other,
    }
}

/// Ids from the puppet, else from the names in the text, as far as members with such a name are known.
fn mentions(capture: &Capture, message: &Message, content: &Content, facts: &Facts) -> Vec<String> {
    let mut mentioned: Vec<String> = message.mentions.iter().map(ToString::to_string).collect();
    if mentioned.is_empty() && content.kind == MessageKind::Text {
        let names = mentioned_names(&content.text);
        if !names.is_empty() {
            mentioned = capture.people.called(&facts.members, &names);
        }
    }
    mentioned.extend(content.to_everybody.then(|| EVERYBODY.to_owned()));
    mentioned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::wire::MessagePayloadResponse;

    fn read(number: i32, text: &str, filename: &str) -> (MessageKind, String) {
        let wire = MessagePayloadResponse {
            r#type: number,
            text: text.to_owned(),
            filename: filename.to_owned(),
            talker_id: "u1".into(),
            room_id: "r1".into(),
            ..MessagePayloadResponse::default()
        };
        let id = MessageId::parse("m1").unwrap();
        let content = content(&payload::message(&id, wire, chrono::DateTime::UNIX_EPOCH).unwrap());
        (content.kind, content.text)
    }

    #[test]
    fn what_people_read_is_kept_and_xml_is_not() {
        let cases = [
            (read(7, "在吗", ""), (MessageKind::Text, "在吗")),
            (read(6, "<msg/>", ""), (MessageKind::Image, "")),
            (read(1, "", "报价.pdf"), (MessageKind::File, "报价.pdf")),
            (read(1, "报价.pdf", ""), (MessageKind::File, "报价.pdf")),
            (
                read(1, "<msg><appmsg><title>报价.pdf</title><type>6</type></appmsg></msg>", ""),
                (MessageKind::File, "报价.pdf"),
            ),
            (read(13, "m0", ""), (MessageKind::Recalled, "m0")),
            (read(13, "某人撤回了一条消息", ""), (MessageKind::System, "某人撤回了一条消息")),
        ];
        for ((kind, text), expected) in cases {
            assert_eq!((kind, text.as_str()), expected);
        }
    }
}
