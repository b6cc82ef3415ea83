//! Changing what was sent: PATCH of a card, the delayed update after a click, and recall.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::answer::Answer;
use super::card;
use super::dispatch::Call;
use super::send::{check_size, existing_chat};
use super::world::World;

/// How long a card can be updated.
const UPDATE_WINDOW: TimeDelta = TimeDelta::days(14);
/// How long a message can be recalled. The real limit is the tenant's choice; this is its default.
const RECALL_WINDOW: TimeDelta = TimeDelta::hours(24);

/// `PATCH /im/v1/messages/:id` `{"content":"<card>"}`
pub(super) fn patch(
    world: &mut World,
    app: &str,
    call: &Call,
    now: DateTime<Utc>,
    rate_now: DateTime<Utc>,
) -> Result<Value, Answer> {
    let message_id = call.message_id()?.to_owned();
    let body = call.json()?;
    let content = body.get("content").and_then(Value::as_str);
    let content = content.ok_or_else(|| Answer::refuse_because(230_001, "content"))?;
    world.limits.admit_target(&format!("update:{message_id}"), rate_now)?;
    check_patchable(world, app, &message_id, now)?;
    check_size("interactive", call.body.len())?;
    replace_card(world, &message_id, content, now)?;
    Ok(json!({}))
}

fn check_patchable(world: &World, app: &str, message_id: &str, now: DateTime<Utc>) -> Result<(), Answer> {
    let message = world.message(message_id).ok_or_else(|| Answer::refuse_because(230_001, "message_id"))?;
    existing_chat(world, &message.chat_id)?;
    if message.sender != app {
        // The documentation wants the sender's identity and names no code; this is its general one.
        return Err(Answer::refuse(230_027));
    }
    if message.recalled {
        return Err(Answer::refuse(230_011));
    }
    if message.age(now) > UPDATE_WINDOW {
        return Err(Answer::refuse(230_031));
    }
    if message.msg_type != "interactive" {
        return Err(Answer::refuse_because(230_001, "only cards can be updated"));
    }
    Ok(())
}

/// Puts a new card in the place of an old one, if both say that they are shared.
pub(super) fn replace_card(
    world: &mut World,
    message_id: &str,
    content: &str,
    now: DateTime<Utc>,
) -> Result<(), Answer> {
    let old = world.message(message_id).ok_or_else(|| Answer::refuse(230_001))?;
    card::check(content, world)?;
    if !(card::is_shared(&old.content) && card::is_shared(content)) {
        return Err(Answer::refuse_because(230_001, "update_multi must be true before and after"));
    }
    if card::is_second_schema(&old.content) && !card::is_second_schema(content) {
        return Err(Answer::bad_card(200_830, "cannot update a card of schema 2.0 to 1.0"));
    }
    let message = world.message_mut(message_id).ok_or_else(|| Answer::refuse(230_001))?;
    content.clone_into(&mut message.content);
    message.updated = now;
    message.updates += 1;
    Ok(())
}

/// `POST /interactive/v1/card/update` `{"token":"c-…","card":{…}}`
///
/// The documentation gives no codes for a token that is unknown, used up, too old or not yet answered; 230001 is
/// ours.
pub(super) fn delayed(world: &mut World, call: &Call, now: DateTime<Utc>) -> Result<Value, Answer> {
    let body = call.json()?;
    let token = body.get("token").and_then(Value::as_str);
    let token = token.ok_or_else(|| Answer::refuse_because(230_001, "token"))?;
    let card = body.get("card").filter(|card| card.is_object());
    let card = card.ok_or_else(|| Answer::refuse_because(230_001, "card must be an object"))?.to_string();
    check_size("interactive", call.body.len())?;
    let Some(message_id) = world.callback.usable_token(token, now) else {
        return Err(Answer::refuse_because(230_001, "the token cannot be used"));
    };
    replace_card(world, &message_id, &card, now)?;
    world.callback.spend_token(token);
    Ok(json!({}))
}

/// `DELETE /im/v1/messages/:id`
pub(super) fn recall(world: &mut World, app: &str, call: &Call, now: DateTime<Utc>) -> Result<Value, Answer> {
    let message_id = call.message_id()?;
    let message = world.message_mut(message_id).ok_or_else(|| Answer::refuse(230_001))?;
    if message.sender != app {
        return Err(Answer::refuse(230_026));
    }
    if message.recalled {
        return Err(Answer::refuse(230_011));
    }
    if message.age(now) > RECALL_WINDOW {
        return Err(Answer::refuse(230_009));
    }
    message.recalled = true;
    Ok(json!({}))
}
