//! The groups that the bot is in, and who else is in them.

use serde_json::{Value, json};

use super::answer::Answer;
use super::dispatch::Call;
use super::world::World;

/// Chats, or members, a page when the request does not say.
const PAGE_DEFAULT: usize = 20;
/// Most chats, or members, a page.
const PAGE_MAX: usize = 100;

/// `GET /im/v1/chats`: groups only, never private chats, and only those that the bot is in.
pub(super) fn list(world: &World, call: &Call) -> Result<Value, Answer> {
    if !matches!(call.param("sort_type"), None | Some("ByCreateTimeAsc" | "ByActiveTimeDesc")) {
        return Err(bad("sort_type"));
    }
    let (begin, size) = page(call, "chats-")?;
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
    let (has_more, next) = rest(groups.len(), begin + size, "chats-");
    Ok(json!({"items": items, "has_more": has_more, "page_token": next}))
}

/// `GET /im/v1/chats/:chat_id/members`: the people of a group that the bot is in; bots are not among them.
pub(super) fn members(world: &World, call: &Call) -> Result<Value, Answer> {
    if call.param("member_id_type").is_some_and(|kind| kind != "open_id") {
        return Err(bad("only open_id is known here"));
    }
    let chat = world.chat(call.message_id()?).ok_or_else(|| Answer::refuse(232_006))?;
    if chat.spec.dissolved {
        return Err(Answer::refuse(232_009));
    }
    if !chat.spec.bot_in || chat.p2p.is_some() {
        return Err(Answer::refuse(232_011));
    }
    let members = &chat.spec.members;
    let (begin, size) = page(call, "members-")?;
    let name = |id: &String| world.people.get(id).map_or("", |person| person.name.as_str());
    let items: Vec<Value> = members
        .iter()
        .skip(begin)
        .take(size)
        .map(|id| {
            json!({"member_id_type": "open_id", "member_id": id, "name": name(id),
                "tenant_key": world.tenant_key})
        })
        .collect();
    let (has_more, next) = rest(members.len(), begin + size, "members-");
    Ok(json!({"items": items, "has_more": has_more, "page_token": next, "member_total": members.len()}))
}

fn bad(what: &str) -> Answer {
    Answer::refuse_because(232_001, what)
}

/// Where a page begins and how long it is.
fn page(call: &Call, prefix: &str) -> Result<(usize, usize), Answer> {
    let size = match call.param("page_size").map(str::parse) {
        None => PAGE_DEFAULT,
        Some(Ok(size)) if (1..=PAGE_MAX).contains(&size) => size,
        Some(_) => return Err(bad("page_size")),
    };
    let begin = match call.param("page_token") {
        None => 0,
        Some(token) => {
            token.strip_prefix(prefix).and_then(|at| at.parse().ok()).ok_or_else(|| bad("page_token"))?
        }
    };
    Ok((begin, size))
}

/// Whether there is more after a page, and its token.
fn rest(all: usize, end: usize, prefix: &str) -> (bool, String) {
    let has_more = all > end;
    (has_more, if has_more { format!("{prefix}{end}") } else { String::new() })
}
