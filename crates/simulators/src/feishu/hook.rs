//! A group's custom bot: `POST /open-apis/bot/v2/hook/<token>`. It knows no message ids and no uuids, and what is sent
//! twice stands there twice.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use super::answer::Answer;
use super::card;
use super::dispatch::Call;
use super::world::World;

/// Largest request, in bytes.
const MAX_BYTES: usize = 20 * 1024;
/// How long a signature is valid.
const SIGNATURE_VALID: TimeDelta = TimeDelta::hours(1);
/// Calls of one bot a second.
const PER_SECOND: usize = 5;
/// Calls of one bot a minute.
const PER_MINUTE: usize = 100;

/// A custom bot of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookSpec {
    /// The last part of its address.
    pub token: String,
    /// Its signature secret; `None`: it does not check signatures.
    #[serde(default)]
    pub secret: Option<String>,
}

/// What a custom bot said.
#[derive(Debug, Clone, Serialize)]
pub(super) struct HookMessage {
    pub(super) token: String,
    pub(super) at: DateTime<Utc>,
    pub(super) body: Value,
}

/// Says something in the bot's group.
pub(super) fn say(world: &mut World, call: &Call, now: DateTime<Utc>, rate_now: DateTime<Utc>) -> Answer {
    accept(world, call, now, rate_now).unwrap_or_else(|refusal| refusal)
}

fn accept(
    world: &mut World,
    call: &Call,
    now: DateTime<Utc>,
    rate_now: DateTime<Utc>,
) -> Result<Answer, Answer> {
    let token = call.message_id.clone().unwrap_or_default();
    let hook = world.hooks.iter().find(|hook| hook.token == token).cloned();
    let hook = hook.ok_or_else(|| refuse(19_001, "param invalid: incoming webhook access token invalid"))?;
    world
        .limits
        .admit_hook(&token, PER_SECOND, PER_MINUTE, rate_now)
        .map_err(|()| refuse(9_499, "too many request"))?;
    if call.body.len() > MAX_BYTES {
        return Err(refuse(19_036, "request body is too large"));
    }
    let body = call.json().map_err(|_| refuse(9_499, "Bad Request"))?;
    if let Some(secret) = &hook.secret {
        check_signature(&body, secret, now)?;
    }
    check_content(world, &body)?;
    world.hook_messages.push(HookMessage { token, at: now, body });
    let body = json!({"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"});
    Ok(Answer { status: 200, headers: Vec::new(), body })
}

fn check_signature(body: &Value, secret: &str, now: DateTime<Utc>) -> Result<(), Answer> {
    let refused = || refuse(19_021, "sign match fail or timestamp is not within one hour from current time");
    let timestamp = body.get("timestamp").and_then(Value::as_str).ok_or_else(refused)?;
    let at = timestamp.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let in_time = at.is_some_and(|at| (now - at).abs() <= SIGNATURE_VALID);
    let mac = Hmac::<Sha256>::new_from_slice(format!("{timestamp}\n{secret}").as_bytes());
    let expected = mac.map(|mac| STANDARD.encode(mac.finalize().into_bytes())).unwrap_or_default();
    let signed = body.get("sign").and_then(Value::as_str) == Some(expected.as_str());
    if in_time && signed { Ok(()) } else { Err(refused()) }
}

fn check_content(world: &World, body: &Value) -> Result<(), Answer> {
    let bad = || refuse(19_002, "params error, msg_type need");
    match body.get("msg_type").and_then(Value::as_str) {
        Some("text") => {
            let text = body.pointer("/content/text").and_then(Value::as_str);
            if text.is_some_and(|text| !text.is_empty()) { Ok(()) } else { Err(bad()) }
        }
        Some("interactive") => match body.get("card") {
            Some(card) if card.is_object() => card::check(&card.to_string(), world),
            _ => Err(bad()),
        },
        Some("post" | "image" | "share_chat") if body.get("content").is_some_and(Value::is_object) => Ok(()),
        _ => Err(bad()),
    }
}

/// Refusals of this route come with status 200 or 400; which is not documented for each, so that a client must look at
/// the code.
fn refuse(code: i64, msg: &str) -> Answer {
    Answer { status: 200, headers: Vec::new(), body: json!({"code": code, "msg": msg, "data": {}}) }
}
