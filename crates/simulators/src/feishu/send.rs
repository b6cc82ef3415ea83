//! Sending and replying: who may be written to, how large, and at most once an hour per uuid.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::answer::Answer;
use super::card;
use super::crypto::opaque_id;
use super::dispatch::Call;
use super::world::{ChatSpec, Message, UuidUse, World};

/// How long a uuid suppresses further messages.
const UUID_WINDOW: TimeDelta = TimeDelta::hours(1);
/// Longest uuid, in characters.
const UUID_MAX_CHARS: usize = 50;
/// Largest request with a card or a rich text, in bytes.
pub(super) const CARD_MAX_BYTES: usize = 30 * 1024;
/// Largest request with a text, in bytes.
const TEXT_MAX_BYTES: usize = 150 * 1024;

/// What a message is made of, after its shape was checked.
struct Draft {
    chat_id: String,
    msg_type: String,
    content: String,
    uuid: Option<String>,
    parent: Option<String>,
}

/// `POST /im/v1/messages?receive_id_type=…`
pub(super) fn send(
    world: &mut World,
    app: &str,
    call: &Call,
    now: DateTime<Utc>,
    rate_now: DateTime<Utc>,
) -> Result<Value, Answer> {
    let body = call.json()?;
    let id_type = call.param("receive_id_type").unwrap_or("open_id");
    let receive_id = string(&body, "receive_id")?;
    let chat_id = match id_type {
        "chat_id" => existing_chat(world, receive_id)?,
        "open_id" => private_chat(world, app, receive_id)?,
        // The people of the fake have open ids only.
        "union_id" | "user_id" | "email" => return Err(Answer::refuse(230_034)),
        _ => return Err(Answer::refuse_because(230_001, "receive_id_type")),
    };
    let draft = draft(&body, chat_id, None)?;
    accept(world, app, draft, call.body.len(), now, rate_now)
}

/// `POST /im/v1/messages/:id/reply`
pub(super) fn reply(
    world: &mut World,
    app: &str,
    call: &Call,
    now: DateTime<Utc>,
    rate_now: DateTime<Utc>,
) -> Result<Value, Answer> {
    let body = call.json()?;
    let parent = world.message(call.message_id()?).ok_or_else(|| Answer::refuse(230_001))?;
    if parent.recalled {
        return Err(Answer::refuse(230_011));
    }
    let (chat_id, parent_id) = (parent.chat_id.clone(), parent.id.clone());
    let chat_id = existing_chat(world, &chat_id)?;
    let draft = draft(&body, chat_id, Some(parent_id))?;
    accept(world, app, draft, call.body.len(), now, rate_now)
}

/// A chat that the bots may write into.
pub(super) fn existing_chat(world: &World, chat_id: &str) -> Result<String, Answer> {
    let chat = world.chat(chat_id).ok_or_else(|| Answer::refuse(230_034))?;
    check_chat(&chat.spec)?;
    Ok(chat_id.to_owned())
}

fn check_chat(chat: &ChatSpec) -> Result<(), Answer> {
    match chat {
        ChatSpec { dissolved: true, .. } => Err(Answer::refuse(232_009)),
        ChatSpec { bot_in: false, .. } => Err(Answer::refuse(230_002)),
        ChatSpec { refuse: Some(code), .. } => Err(Answer::refuse(*code)),
        _ => Ok(()),
    }
}

fn private_chat(world: &mut World, app: &str, open_id: &str) -> Result<String, Answer> {
    let Some(person) = world.people.get(open_id).cloned() else {
        return Err(Answer::refuse(if open_id.starts_with("ou_") { 99_992_351 } else { 230_034 }));
    };
    if !person.available {
        return Err(Answer::refuse(230_013));
    }
    match person.refuse {
        Some(code) => Err(Answer::refuse(code)),
        None => Ok(world.p2p_chat(app, &person)),
    }
}

fn draft(body: &Value, chat_id: String, parent: Option<String>) -> Result<Draft, Answer> {
    let uuid = match body.get("uuid") {
        None | Some(Value::Null) => None,
        Some(Value::String(uuid)) if uuid.chars().count() <= UUID_MAX_CHARS => {
            (!uuid.is_empty()).then(|| uuid.clone())
        }
        Some(_) => return Err(Answer::refuse_because(230_001, "uuid")),
    };
    Ok(Draft {
        chat_id,
        msg_type: string(body, "msg_type")?.to_owned(),
        content: string(body, "content")?.to_owned(),
        uuid,
        parent,
    })
}

fn accept(
    world: &mut World,
    app: &str,
    draft: Draft,
    request_bytes: usize,
    now: DateTime<Utc>,
    rate_now: DateTime<Utc>,
) -> Result<Value, Answer> {
    world.limits.admit_target(&draft.chat_id, rate_now)?;
    check_size(&draft.msg_type, request_bytes)?;
    if let Some(uuid) = &draft.uuid
        && let Some(first) = earlier(world, app, uuid, now)?
    {
        return Ok(first);
    }
    check_content(world, &draft)?;
    let serial = world.next_serial();
    let message = Message {
        id: format!("om_{}", opaque_id(&format!("message:{serial}"), 32)),
        chat_id: draft.chat_id,
        sender: app.to_owned(),
        sender_is_app: true,
        msg_type: draft.msg_type,
        content: draft.content,
        created: now,
        updated: now,
        updates: 0,
        recalled: false,
        uuid: draft.uuid.clone(),
        parent: draft.parent,
        urgent_to: Vec::new(),
    };
    if let Some(uuid) = draft.uuid {
        let first = UuidUse { message_id: message.id.clone(), at: now };
        world.uuids.insert((app.to_owned(), uuid), first);
    }
    let item = message.as_item(&world.tenant_key, &message.content);
    world.messages.push(message);
    Ok(item)
}

/// The message that this uuid already sent within the hour. Its content may differ: nothing new is sent, and nobody
/// is told. That the same message id comes back is reported by third parties, not documented.
fn earlier(world: &World, app: &str, uuid: &str, now: DateTime<Utc>) -> Result<Option<Value>, Answer> {
    let key = (app.to_owned(), uuid.to_owned());
    if world.in_flight.contains(&key) {
        return Err(Answer::refuse(230_049));
    }
    let first = world.uuids.get(&key).filter(|first| now - first.at < UUID_WINDOW);
    let message = first.and_then(|first| world.message(&first.message_id));
    Ok(message.map(|message| message.as_item(&world.tenant_key, &message.content)))
}

/// The limit is on the request's bytes.
pub(super) fn check_size(msg_type: &str, request_bytes: usize) -> Result<(), Answer> {
    let max = if msg_type == "text" { TEXT_MAX_BYTES } else { CARD_MAX_BYTES };
    if request_bytes > max { Err(Answer::refuse(230_025)) } else { Ok(()) }
}

fn check_content(world: &World, draft: &Draft) -> Result<(), Answer> {
    match draft.msg_type.as_str() {
        "interactive" => card::check(&draft.content, world),
        "text" => {
            let content: Value = serde_json::from_str(&draft.content)
                .map_err(|_| Answer::refuse_because(230_001, "content is not a JSON string"))?;
            match content.get("text").and_then(Value::as_str) {
                Some(text) if !text.is_empty() => Ok(()),
                _ => Err(Answer::refuse_because(230_001, "content has no text")),
            }
        }
        "post" | "image" | "file" | "audio" | "media" | "sticker" | "share_chat" | "share_user" => {
            let content: Value = serde_json::from_str(&draft.content)
                .map_err(|_| Answer::refuse_because(230_001, "content is not a JSON string"))?;
            // The code of a refused picture outside of cards is not documented: one that nobody may take for a success.
            card::images(&content, world).map_err(|(_, why)| Answer::refuse_because(230_001, &why))
        }
        _ => Err(Answer::refuse_because(230_001, "msg_type")),
    }
}

fn string<'a>(body: &'a Value, field: &str) -> Result<&'a str, Answer> {
    body.get(field)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Answer::refuse_because(230_001, field))
}
