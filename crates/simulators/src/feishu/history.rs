//! Reading messages back: the history of a chat in pages, and one message.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::answer::Answer;
use super::dispatch::Call;
use super::world::{Message, World};

/// Messages a page when the request does not say.
const PAGE_DEFAULT: usize = 20;
/// Most messages a page.
const PAGE_MAX: usize = 50;
/// What stands in the place of a recalled message.
const RECALLED: &str = "This message was recalled";
/// What a reader without `card_msg_content_type` gets for a card of schema 2.0.
const CARD_FOR_READERS: &str =
    r#"{"title":null,"elements":[[{"tag":"text","text":"请升级至最新版本客户端，以查看内容"}]]}"#;

/// `GET /im/v1/messages?container_id_type=chat&container_id=…`
pub(super) fn list(world: &World, app: &str, call: &Call, now: DateTime<Utc>) -> Result<Value, Answer> {
    let chat_id = readable_chat(world, app, call)?;
    let size = page_size(call)?;
    let newest_first = match call.param("sort_type") {
        None | Some("ByCreateTimeAsc") => false,
        Some("ByCreateTimeDesc") => true,
        Some(_) => return Err(Answer::refuse_because(230_001, "sort_type")),
    };
    let (from, until) = (seconds(call, "start_time")?, seconds(call, "end_time")?);
    let visible = now - TimeDelta::milliseconds(world.switches.history_lag_ms.into());
    let mut found: Vec<&Message> = world
        .messages
        .iter()
        .filter(|message| message.chat_id == chat_id && message.created <= visible)
        .filter(|message| from.is_none_or(|from| message.created.timestamp() >= from))
        .filter(|message| until.is_none_or(|until| message.created.timestamp() <= until))
        .collect();
    found.sort_by_key(|message| message.created);
    if newest_first {
        found.reverse();
    }
    let begin = begin_of_page(call, newest_first, &found)?;
    let page = found.iter().skip(begin).take(size);
    let whole_card = call.param("card_msg_content_type") == Some("user_card_content");
    let items: Vec<Value> = page.map(|message| item(world, message, whole_card)).collect();
    let mut data = json!({"has_more": found.len() > begin + size, "items": items});
    if found.len() > begin + size {
        data["page_token"] = json!(page_token(newest_first, &found[begin + size - 1].id));
    }
    Ok(data)
}

/// `GET /im/v1/messages/:id`
pub(super) fn one(world: &World, call: &Call) -> Result<Value, Answer> {
    let message = world.message(call.message_id()?).ok_or_else(|| Answer::refuse(230_001))?;
    let whole_card = call.param("card_msg_content_type") == Some("user_card_content");
    Ok(json!({"items": [item(world, message, whole_card)]}))
}

fn readable_chat(world: &World, app: &str, call: &Call) -> Result<String, Answer> {
    if call.param("container_id_type") != Some("chat") {
        return Err(Answer::refuse_because(230_001, "container_id_type"));
    }
    let id = call.param("container_id").ok_or_else(|| Answer::refuse_because(230_001, "container_id"))?;
    let chat = world.chat(id).ok_or_else(|| Answer::refuse_because(230_001, "container_id"))?;
    let a_strangers_p2p = chat.p2p.as_ref().is_some_and(|(owner, _)| owner != app);
    if !chat.spec.bot_in || a_strangers_p2p {
        return Err(Answer::refuse(230_002));
    }
    if world.switches.no_history_scope && chat.p2p.is_none() {
        return Err(Answer::refuse(230_027));
    }
    if chat.spec.restricted {
        return Err(Answer::refuse(231_203));
    }
    Ok(id.to_owned())
}

fn item(world: &World, message: &Message, whole_card: bool) -> Value {
    let content = match message {
        Message { recalled: true, .. } => RECALLED,
        Message { msg_type, .. } if msg_type == "interactive" && !whole_card => CARD_FOR_READERS,
        _ => &message.content,
    };
    message.as_item(&world.tenant_key, content)
}

fn page_size(call: &Call) -> Result<usize, Answer> {
    let Some(text) = call.param("page_size") else { return Ok(PAGE_DEFAULT) };
    match text.parse() {
        Ok(size) if (1..=PAGE_MAX).contains(&size) => Ok(size),
        _ => Err(Answer::refuse_because(230_001, "page_size")),
    }
}

/// Both bounds are in **seconds**; a number in milliseconds lies in the far future and finds nothing.
fn seconds(call: &Call, name: &str) -> Result<Option<i64>, Answer> {
    let Some(text) = call.param(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Answer::refuse_because(230_001, name))
}

fn page_token(newest_first: bool, last_id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{last_id}", if newest_first { "desc" } else { "asc" }))
}

/// A page token stands behind one message and belongs to one order: the sort must not change between pages.
fn begin_of_page(call: &Call, newest_first: bool, found: &[&Message]) -> Result<usize, Answer> {
    let Some(token) = call.param("page_token") else { return Ok(0) };
    let bad = || Answer::refuse_because(230_001, "page_token");
    let text = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())?;
    let text = String::from_utf8(text).map_err(|_| bad())?;
    let (order, last_id) = text.split_once(':').ok_or_else(bad)?;
    if order != if newest_first { "desc" } else { "asc" } {
        return Err(bad());
    }
    let last = found.iter().position(|message| message.id == last_id).ok_or_else(bad)?;
    Ok(last + 1)
}
