//! The control routes under `/_sim/`: what tests and the demo's page use to arrange and to look.
//!
//! | route | what |
//! |---|---|
//! | `GET, POST /_sim/chats` | the chats; add or replace one |
//! | `GET, POST /_sim/people` | the people; add or replace one |
//! | `GET /_sim/messages?chat=` | messages with their cards, oldest first |
//! | `GET, DELETE /_sim/calls` | what was asked, and what it was told |
//! | `GET, POST, DELETE /_sim/faults` | ordered faults, see `faults` |
//! | `POST /_sim/release` | lets every held late call through |
//! | `GET, PATCH /_sim/switches` | lasting conditions; only the fields given are changed |
//! | `POST /_sim/limits` | how rate limits are answered: `{"style":"gateway"\|"business"}` |
//! | `POST /_sim/tokens/expire` | every token ends now |
//! | `POST /_sim/say` | a message of somebody else in a chat |
//! | `GET /_sim/images/KEY` | an uploaded image |
//! | `GET, POST /_sim/hooks` | what custom bots said, with the bots; add or replace a bot |
//! | `POST /_sim/browser` | who is logged in, and the redirect URLs of the app: `{"open_id":…,"redirect_uris":[…]}` |
//! | `POST /_sim/callback` | where callbacks go; with `check` the URL check is made |
//! | `POST /_sim/click` | a person presses a button, see `callback` |

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::RateStyle;
use super::callback::{self, Click};
use super::crypto::opaque_id;
use super::faults::FaultRule;
use super::hook::HookSpec;
use super::login::Browser;
use super::world::{ChatSpec, Message, PersonSpec, Sim};

type Shared = State<Arc<Sim>>;
type Refused = (StatusCode, Json<Value>);

pub(super) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route("/_sim/chats", get(chats).post(put_chat))
        .route("/_sim/people", get(people).post(put_person))
        .route("/_sim/messages", get(messages))
        .route("/_sim/calls", get(calls).delete(forget_calls))
        .route("/_sim/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/_sim/release", post(release))
        .route("/_sim/switches", get(switches).patch(set_switches))
        .route("/_sim/limits", post(limits))
        .route("/_sim/tokens/expire", post(expire_tokens))
        .route("/_sim/say", post(say))
        .route("/_sim/images/{key}", get(image))
        .route("/_sim/hooks", get(hooks).post(put_hook))
        .route("/_sim/browser", post(set_browser))
        .route("/_sim/callback", post(set_callback))
        .route("/_sim/click", post(click))
}

fn refused(why: &str) -> Refused {
    (StatusCode::BAD_REQUEST, Json(json!({"error": why})))
}

async fn chats(State(sim): Shared) -> Json<Value> {
    let world = sim.world();
    let chats: Vec<Value> = world
        .chats
        .iter()
        .map(|chat| {
            let count = world.messages.iter().filter(|message| message.chat_id == chat.spec.chat_id).count();
            let mut shown = json!(chat.spec);
            shown["messages"] = json!(count);
            shown["p2p"] = json!(chat.p2p.as_ref().map(|(_, person)| person));
            shown
        })
        .collect();
    Json(json!({"chats": chats}))
}

async fn put_chat(State(sim): Shared, Json(chat): Json<ChatSpec>) -> Json<ChatSpec> {
    Json(sim.world().put_chat(chat))
}

async fn people(State(sim): Shared) -> Json<Value> {
    let world = sim.world();
    Json(json!({"people": world.people.values().collect::<Vec<_>>()}))
}

async fn put_person(State(sim): Shared, Json(person): Json<PersonSpec>) -> Json<PersonSpec> {
    Json(sim.world().put_person(person))
}

async fn messages(State(sim): Shared, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let world = sim.world();
    let chat = query.get("chat");
    let wanted = world.messages.iter().filter(|message| chat.is_none_or(|chat| chat == &message.chat_id));
    Json(json!({"messages": wanted.map(shown).collect::<Vec<_>>()}))
}

fn shown(message: &Message) -> Value {
    json!({
        "message_id": message.id, "chat_id": message.chat_id, "sender": message.sender,
        "msg_type": message.msg_type, "uuid": message.uuid, "content": message.content,
        "card": (message.msg_type == "interactive")
            .then(|| serde_json::from_str::<Value>(&message.content).ok()).flatten(),
        "create_time": message.created, "update_time": message.updated, "updates": message.updates,
        "recalled": message.recalled, "urgent_to": message.urgent_to,
    })
}

async fn calls(State(sim): Shared) -> Json<Value> {
    Json(json!({"calls": sim.world().calls}))
}

async fn forget_calls(State(sim): Shared) -> StatusCode {
    sim.world().calls.clear();
    StatusCode::NO_CONTENT
}

async fn faults(State(sim): Shared) -> Json<Value> {
    Json(json!({"faults": sim.world().faults}))
}

async fn add_fault(State(sim): Shared, Json(rule): Json<FaultRule>) -> StatusCode {
    sim.world().faults.push(rule);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(sim): Shared) -> StatusCode {
    sim.world().faults.clear();
    StatusCode::NO_CONTENT
}

async fn release(State(sim): Shared) -> StatusCode {
    sim.release.send_modify(|count| *count += 1);
    StatusCode::NO_CONTENT
}

async fn set_browser(State(sim): Shared, Json(browser): Json<Browser>) -> StatusCode {
    sim.world().browser = browser;
    StatusCode::NO_CONTENT
}

async fn switches(State(sim): Shared) -> Json<Value> {
    Json(json!(sim.world().switches))
}

async fn set_switches(State(sim): Shared, Json(change): Json<Value>) -> Result<Json<Value>, Refused> {
    let mut world = sim.world();
    let mut merged = json!(world.switches);
    let (Some(fields), Some(change)) = (merged.as_object_mut(), change.as_object()) else {
        return Err(refused("an object of switches is expected"));
    };
    fields.extend(change.clone());
    world.switches = serde_json::from_value(merged).map_err(|error| refused(&error.to_string()))?;
    Ok(Json(json!(world.switches)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitStyle {
    style: RateStyle,
}

async fn limits(State(sim): Shared, Json(wanted): Json<LimitStyle>) -> StatusCode {
    sim.world().limits.style = wanted.style;
    StatusCode::NO_CONTENT
}

async fn expire_tokens(State(sim): Shared) -> StatusCode {
    sim.world().apps.values_mut().for_each(|app| app.tokens.clear());
    StatusCode::NO_CONTENT
}

async fn image(State(sim): Shared, Path(key): Path<String>) -> Result<bytes::Bytes, StatusCode> {
    let world = sim.world();
    let image = world.images.iter().find(|image| image.key == key).ok_or(StatusCode::NOT_FOUND)?;
    Ok(image.bytes.clone())
}

async fn hooks(State(sim): Shared) -> Json<Value> {
    let world = sim.world();
    Json(json!({"hooks": world.hooks, "messages": world.hook_messages}))
}

async fn put_hook(State(sim): Shared, Json(hook): Json<HookSpec>) -> StatusCode {
    let mut world = sim.world();
    world.hooks.retain(|other| other.token != hook.token);
    world.hooks.push(hook);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Say {
    chat: String,
    /// An open id, or the id of another app.
    sender: String,
    text: String,
}

async fn say(State(sim): Shared, Json(say): Json<Say>) -> Result<Json<Value>, Refused> {
    let now = sim.now();
    let mut world = sim.world();
    if world.chat(&say.chat).is_none() {
        return Err(refused("no such chat"));
    }
    let serial = world.next_serial();
    let message = Message {
        id: format!("om_{}", opaque_id(&format!("message:{serial}"), 32)),
        chat_id: say.chat,
        sender_is_app: say.sender.starts_with("cli_"),
        sender: say.sender,
        msg_type: "text".to_owned(),
        content: json!({"text": say.text}).to_string(),
        created: now,
        updated: now,
        updates: 0,
        recalled: false,
        uuid: None,
        parent: None,
        urgent_to: Vec::new(),
    };
    let id = message.id.clone();
    world.messages.push(message);
    Ok(Json(json!({"message_id": id})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetCallback {
    url: String,
    #[serde(default)]
    check: bool,
}

async fn set_callback(State(sim): Shared, Json(wanted): Json<SetCallback>) -> Result<Json<Value>, Refused> {
    sim.world().callback.spec.url = Some(wanted.url);
    if !wanted.check {
        return Ok(Json(json!({})));
    }
    callback::check_url(&sim).await.map(Json).map_err(|why| refused(&why))
}

async fn click(State(sim): Shared, Json(click): Json<Click>) -> Result<Json<Value>, Refused> {
    callback::click(&sim, click).await.map(Json).map_err(|why| refused(&why))
}
