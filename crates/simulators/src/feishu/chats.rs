//! The list of groups that the bot is in.

use serde_json::{Value, json};

use super::answer::Answer;
use super::dispatch::Call;
use super::world::World;

/// Chats a page when the request does not say.
const PAGE_DEFAULT: usize = 20;
/// Most chats a page.
const PAGE_MAX: usize = 100;

/// `GET /im/v1/chats`: groups only, never private chats, and only those that the bot is in.
pub(super) fn list(world: &World, call: &Call) -> Result<Value, Answer> {
    let bad = |what: &str| Answer::refuse_because(232_001, what);
    let size = match call.param("page_size").map(str::parse) {
        None => PAGE_DEFAULT,
        Some(Ok(size)) if (1..=PAGE_MAX).contains(&size) => size,
        Some(_) => return Err(bad("page_size")),
    };
    if !matches!(call.param("sort_type"), None | Some("ByCreateTimeAsc" | "ByActiveTimeDesc")) {
        return Err(bad("sort_type"));
    }
    let begin = match call.param("page_token") {
        None => 0,
        Some(token) => {
            token.strip_prefix("chats-").and_then(|at| at.parse().ok()).ok_or(bad("page_token"))?
        }
    };
    let groups: Vec<_> = world
        .chats
        .iter()
        .filter(|chat| chat.p2p.is_none() && chat.spec.bot_in)
        .map(|chat| &chat.spec)
        .collect();
    let page = groups.iter().skip(begin).take(size);
    let items: Vec<Value> = page
        .map(|chat| {
            json!({"chat_id": chat.chat_id, "avatar": "", "name": chat.name, "description": "",
                "owner_id": chat.members.first(), "owner_id_type": "open_id", "external": false,
                "tenant_key": world.tenant_key,
                "chat_status": if chat.dissolved { "dissolved" } else { "normal" }})
        })
        .collect();
    let has_more = groups.len() > begin + size;
    let next = if has_more { format!("chats-{}", begin + size) } else { String::new() };
    Ok(json!({"items": items, "has_more": has_more, "page_token": next}))
}
