//! Tenant access tokens: the same token while half an hour or more is left of it, a new one afterwards.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::answer::{Answer, message_of};
use super::dispatch::Call;
use super::world::World;

/// A token's life (documented: at most two hours).
const LIFETIME: TimeDelta = TimeDelta::hours(2);
/// With less than this left, asking gives a new token; the old one stays valid until its end.
const RENEWED_BELOW: TimeDelta = TimeDelta::minutes(30);

/// One token that was given out.
#[derive(Debug, Clone)]
pub(super) struct Token {
    value: String,
    ends_at: DateTime<Utc>,
}

/// `POST /open-apis/auth/v3/tenant_access_token/internal`; the answer is flat, and a refusal has status 200.
///
/// The body is read whatever its Content-Type says: one official SDK sends none.
pub(super) fn issue(world: &mut World, call: &Call, now: DateTime<Utc>) -> Answer {
    let Ok(body) = call.json() else { return flat_refusal(10_003) };
    let (Some(app_id), Some(secret)) = (text(&body, "app_id"), text(&body, "app_secret")) else {
        return flat_refusal(10_003);
    };
    let serial = world.next_serial();
    let Some(app) = world.apps.get_mut(app_id) else { return flat_refusal(10_014) };
    if app.spec.app_secret != secret {
        return flat_refusal(10_015);
    }
    app.tokens.retain(|token| token.ends_at > now);
    let reusable = app.tokens.last().filter(|token| token.ends_at - now >= RENEWED_BELOW).cloned();
    let token = reusable.unwrap_or_else(|| {
        let value = format!("t-{}", super::crypto::opaque_id(&format!("{app_id}:{serial}"), 40));
        let fresh = Token { value, ends_at: now + LIFETIME };
        app.tokens.push(fresh.clone());
        fresh
    });
    let body = json!({"code": 0, "msg": "ok", "tenant_access_token": token.value,
        "expire": (token.ends_at - now).num_seconds()});
    Answer { status: 200, headers: Vec::new(), body }
}

/// The app that a request speaks for.
pub(super) fn authenticate(world: &World, call: &Call, now: DateTime<Utc>) -> Result<String, Answer> {
    let Some(header) = call.authorization.as_deref() else { return Err(Answer::refuse(99_991_661)) };
    let Some(value) = header.strip_prefix("Bearer ").map(str::trim).filter(|value| !value.is_empty()) else {
        return Err(Answer::refuse(99_991_661));
    };
    if !value.starts_with("t-") && !value.starts_with("u-") {
        return Err(Answer::refuse(99_991_671));
    }
    let owner = world
        .apps
        .iter()
        .find(|(_, app)| app.tokens.iter().any(|token| token.value == value && token.ends_at > now));
    owner.map(|(id, _)| id.clone()).ok_or_else(|| Answer::refuse(99_991_663))
}

fn flat_refusal(code: i64) -> Answer {
    Answer { status: 200, headers: Vec::new(), body: json!({"code": code, "msg": message_of(code)}) }
}

fn text<'a>(body: &'a Value, field: &str) -> Option<&'a str> {
    body.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
}
