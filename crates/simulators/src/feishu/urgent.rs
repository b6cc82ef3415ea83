//! Urgent reminders (加急) on a message that the bot sent itself.

use serde_json::{Value, json};

use super::answer::Answer;
use super::dispatch::Call;
use super::world::World;

/// Most people that one call may name.
const TARGETS_MAX: usize = 200;

/// `PATCH /im/v1/messages/:id/urgent_app?user_id_type=open_id` `{"user_id_list":[…]}`
pub(super) fn urgent(world: &mut World, app: &str, call: &Call) -> Result<Value, Answer> {
    let message_id = call.message_id()?.to_owned();
    let body = call.json()?;
    let ids: Vec<String> = body
        .get("user_id_list")
        .and_then(|ids| serde_json::from_value(ids.clone()).ok())
        .ok_or_else(|| Answer::refuse_because(230_001, "user_id_list"))?;
    if ids.is_empty() || ids.len() > TARGETS_MAX || call.param("user_id_type") != Some("open_id") {
        return Err(Answer::refuse(230_001));
    }
    let message = world.message(&message_id).ok_or_else(|| Answer::refuse(230_001))?;
    if message.sender != app {
        return Err(Answer::refuse(230_012));
    }
    if message.recalled {
        return Err(Answer::refuse(230_011));
    }
    if world.switches.no_urgent {
        return Err(Answer::refuse(230_052));
    }
    let members = world.chat(&message.chat_id).map(|chat| chat.spec.members.clone()).unwrap_or_default();
    let (reached, invalid): (Vec<String>, Vec<String>) = ids.into_iter().partition(|id| members.contains(id));
    if reached.is_empty() {
        return Err(Answer::refuse_because(230_001, "no valid user"));
    }
    if let Some(message) = world.message_mut(&message_id) {
        message.urgent_to.extend(reached);
    }
    Ok(json!({"invalid_user_id_list": invalid}))
}
