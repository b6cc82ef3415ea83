//! OAuth 2.0: a browser says who it is, and an app exchanges the code that it came back with.
//!
//! The real page asks the person for consent; here whoever `POST /_sim/browser` named is logged in and consents.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Answer;
use super::crypto::opaque_id;
use super::dispatch::Call;
use super::world::World;

/// How long a code is good (documented).
const CODE_LIFETIME: TimeDelta = TimeDelta::minutes(5);
/// How long a user's token is good (documented: two hours).
const TOKEN_LIFETIME: TimeDelta = TimeDelta::hours(2);

/// Who is logged in, and where the app may have browsers come back to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Browser {
    /// `ou_…`
    pub open_id: String,
    /// The app's redirect URLs, to the letter.
    pub redirect_uris: Vec<String>,
}

/// A consent that was given.
#[derive(Debug, Clone)]
pub(super) struct Consent {
    code: String,
    app: String,
    person: String,
    redirect_uri: String,
    at: DateTime<Utc>,
    token: Option<(String, DateTime<Utc>)>,
}

/// `GET /open-apis/authen/v1/authorize`: sends the browser back with a code.
pub(super) fn authorize(world: &mut World, call: &Call, now: DateTime<Utc>) -> Answer {
    let (Some(app), Some(back)) = (call.param("client_id"), call.param("redirect_uri")) else {
        return refuse(20_001, "invalid_request");
    };
    if !world.apps.contains_key(app) {
        return refuse(20_048, "invalid_client");
    }
    if !world.browser.redirect_uris.iter().any(|known| known == back) {
        return refuse(20_029, "invalid_request");
    }
    if call.param("response_type") != Some("code") {
        return refuse(20_001, "invalid_request");
    }
    let person = world.browser.open_id.clone();
    if !world.people.get(&person).is_some_and(|person| person.available) {
        return refuse(20_010, "access_denied");
    }
    let serial = world.next_serial();
    let code = opaque_id(&format!("code:{serial}"), 32);
    let joint = if back.contains('?') { '&' } else { '?' };
    let state = call.param("state").map(|state| format!("&state={state}")).unwrap_or_default();
    let location = format!("{back}{joint}code={code}{state}");
    let (app, back) = (app.to_owned(), back.to_owned());
    world.consents.push(Consent { code, app, person, redirect_uri: back, at: now, token: None });
    Answer { status: 302, headers: vec![("location", location)], body: json!({}) }
}

/// `POST /open-apis/authen/v2/oauth/token`: the answer is flat, and a refusal has status 400.
pub(super) fn exchange(world: &mut World, call: &Call, now: DateTime<Utc>) -> Answer {
    let Ok(body) = call.json() else { return refuse(20_001, "invalid_request") };
    let text = |field: &str| body[field].as_str().unwrap_or_default();
    if text("grant_type") != "authorization_code" {
        return refuse(20_036, "unsupported_grant_type");
    }
    let Some(app) = world.apps.get(text("client_id")) else { return refuse(20_048, "invalid_client") };
    if app.spec.app_secret != text("client_secret") {
        return refuse(20_002, "invalid_client");
    }
    let serial = world.next_serial();
    let Some(consent) = world.consents.iter_mut().find(|consent| consent.code == text("code")) else {
        return refuse(20_003, "invalid_grant");
    };
    if consent.app != text("client_id") {
        return refuse(20_024, "invalid_grant");
    }
    if consent.token.is_some() {
        return refuse(20_065, "invalid_grant");
    }
    if now - consent.at > CODE_LIFETIME {
        return refuse(20_004, "invalid_grant");
    }
    if consent.redirect_uri != text("redirect_uri") {
        return refuse(20_071, "invalid_grant");
    }
    let token = format!("u-{}", opaque_id(&format!("user:{serial}"), 40));
    consent.token = Some((token.clone(), now + TOKEN_LIFETIME));
    let body = json!({"code": 0, "access_token": token, "expires_in": TOKEN_LIFETIME.num_seconds(),
        "token_type": "Bearer", "scope": "auth:user.id:read"});
    Answer { status: 200, headers: Vec::new(), body }
}

/// `GET /open-apis/authen/v1/user_info`, with a user's token.
pub(super) fn info(world: &World, call: &Call, now: DateTime<Utc>) -> Result<Value, Answer> {
    let header = call.authorization.as_deref().and_then(|header| header.strip_prefix("Bearer "));
    let value = header.ok_or_else(|| Answer::refuse(99_991_661))?;
    let is_it = |consent: &&Consent| {
        consent.token.as_ref().is_some_and(|(token, ends)| token == value && *ends > now)
    };
    let consent = world.consents.iter().find(is_it).ok_or_else(|| Answer::refuse(99_991_663))?;
    let person = world.people.get(&consent.person).ok_or_else(|| Answer::refuse(99_992_351))?;
    Ok(json!({"open_id": person.open_id, "name": person.name, "tenant_key": world.tenant_key}))
}

fn refuse(code: i64, error: &str) -> Answer {
    let body = json!({"code": code, "error": error, "error_description": "the simulator refuses"});
    Answer { status: 400, headers: Vec::new(), body }
}
