//! What a gateway tells: events, and payloads of messages.

use chrono::{DateTime, TimeDelta, Utc};
use domain::message::MessageKind;
use ingest::content::{self, Raw};
use ingest::gateway::event::Event;
use ingest::gateway::payload::{Conversation, Kind, MAX_TEXT_BYTES, Message, mentioned_names, message};
use ingest::gateway::wire::{EventResponse, MessagePayloadResponse};
use ingest::gateway::{ContactId, MessageId, RoomId};
use prost::Message as _;

use crate::now;

/// No message may be dated later than this after its arrival.
const MAX_AHEAD: TimeDelta = TimeDelta::days(1);

/// The first byte chooses: 0 the rest is an event on the wire, 1 a message's payload on the wire, any other number is
/// the number of an event whose JSON the rest is.
///
/// # Panics
/// If something comes through that cannot be stored, or is dated when it cannot have happened.
pub fn gateway_events(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    match choice {
        0 => drop(EventResponse::decode(rest).map(|wire| event(&wire))),
        1 => drop(MessagePayloadResponse::decode(rest).map(payload)),
        number => event(&EventResponse {
            r#type: i32::from(*number),
            payload: String::from_utf8_lossy(rest).into_owned(),
            seq: 0,
        }),
    }
}

fn event(wire: &EventResponse) {
    let event = Event::parse(wire, now());
    assert!(!event.name().is_empty());
    match event {
        Event::Message(id) => stored(id.as_str()),
        Event::Login(id) => stored(id.as_str()),
        Event::RoomJoin { room, invitees, inviter, at } => {
            room_news(&room, &invitees, inviter.as_ref(), at);
        }
        Event::RoomLeave { room, removees, remover, at } => {
            room_news(&room, &removees, remover.as_ref(), at);
        }
        Event::RoomTopic { room, changer, at, .. } => {
            stored(room.as_str());
            if let Some(id) = changer {
                stored(id.as_str());
            }
            happened(at);
        }
        Event::RoomInvite { invitation } => assert!(!invitation.is_empty()),
        Event::Scan(scan) => assert!(scan.qrcode.is_none_or(|code| !code.is_empty())),
        Event::Other { number } | Event::Malformed { number } => assert_eq!(number, wire.r#type),
        Event::Verify(_)
        | Event::Heartbeat
        | Event::Dong { .. }
        | Event::Ready
        | Event::Logout
        | Event::Dirty { .. }
        | Event::Fault => {}
    }
}

fn room_news(room: &RoomId, people: &[ContactId], by: Option<&ContactId>, at: Option<DateTime<Utc>>) {
    stored(room.as_str());
    assert!(!people.is_empty(), "news of nobody");
    for id in people.iter().chain(by) {
        stored(id.as_str());
    }
    happened(at);
}

fn stored(id: &str) {
    assert!(!id.is_empty() && !id.contains('\0'), "an id that cannot be stored");
}

fn happened(at: Option<DateTime<Utc>>) {
    assert!(at.is_none_or(|at| at <= now() && at.timestamp() > 0), "an event that cannot have happened then");
}

fn payload(wire: MessagePayloadResponse) {
    let Some(asked) = MessageId::parse("asked") else { return };
    let (named, long) = (wire.id.clone(), wire.text.len() > MAX_TEXT_BYTES);
    let Ok(read) = message(&asked, wire, now()) else { return };
    assert!(named.is_empty() || named == asked.as_str(), "another message's payload");
    assert_eq!(read.id, asked);
    if let Some(talker) = &read.talker {
        stored(talker.as_str());
    }
    reads_as_text(&read);
    for id in ids_of(&read) {
        stored(id);
    }
    let texts = [Some(read.text.as_str()), read.filename.as_deref()];
    assert!(texts.into_iter().flatten().all(|text| !text.contains('\0') && text.len() <= MAX_TEXT_BYTES));
    // A NUL is replaced by three bytes, so that a shorter text may be cut as well.
    assert!(read.text_was_cut || !long, "a text was cut without a mark");
    assert!(read.sent.at <= now() + MAX_AHEAD, "a message of the future");
    assert!(mentioned_names(&read.text).iter().all(|name| !name.is_empty() && read.text.contains(*name)));
}

/// What it is, whatever its markup: nothing longer than it came, nothing that cannot be stored, and never a document of
/// `WeChat`'s in a text.
fn reads_as_text(read: &Message) {
    for kind in [MessageKind::Text, MessageKind::Other, MessageKind::File, MessageKind::System] {
        let content = content::read(Raw { kind, text: &read.text, nobody: read.talker.is_none() });
        let quoted = content.quote.as_ref().map(|quote| [&quote.who, &quote.text]);
        for text in quoted.into_iter().flatten().chain([&content.text]) {
            assert!(!text.contains('\0') && text.len() <= MAX_TEXT_BYTES + 3, "a text that cannot be stored");
        }
        let is_document = content.text.starts_with("<msg><appmsg>") && content.text.ends_with("</msg>");
        assert!(!is_document || content.kind != MessageKind::Text, "a document as somebody's words");
    }
}

fn ids_of(read: &Message) -> Vec<&str> {
    let place = match &read.conversation {
        Conversation::Room(room) => Some(room.as_str()),
        Conversation::Direct { listener } => listener.as_ref().map(ContactId::as_str),
    };
    let recalled = match &read.kind {
        Kind::Recalled { original } => original.as_ref().map(MessageId::as_str),
        _ => None,
    };
    let quote = read.quote.as_ref().map(MessageId::as_str);
    read.mentions.iter().map(ContactId::as_str).chain(place).chain(recalled).chain(quote).collect()
}
