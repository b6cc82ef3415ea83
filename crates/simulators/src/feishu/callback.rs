//! A person presses a button: the callback that Feishu would send, right or wrong in a chosen way.
//!
//! Card callbacks are synchronous and are not pushed again: whatever goes wrong, the person sees an error code.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Answer;
use super::crypto;
use super::update::replace_card;
use super::world::{Sim, World};
use super::{CallbackSpec, crypto::opaque_id};

/// How long an endpoint may take (documented).
const DEADLINE: Duration = Duration::from_secs(3);
/// How long a delayed-update token can be used.
const TOKEN_LIFE: TimeDelta = TimeDelta::minutes(30);
const TOKEN_USES: u8 = 2;
/// How old the timestamp of a stale callback is.
const STALE_BY: TimeDelta = TimeDelta::minutes(10);

/// The client shows these when a callback fails (documented).
mod shown {
    pub(super) const NOT_CONFIGURED: i64 = 200_340;
    pub(super) const TIMEOUT: i64 = 200_341;
    pub(super) const NO_CONNECTION: i64 = 200_342;
    pub(super) const NOT_200: i64 = 200_671;
    pub(super) const BAD_BODY: i64 = 200_672;
    pub(super) const BAD_CARD: i64 = 200_673;
}

/// In which way a callback is right or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Variant {
    /// As it should be.
    #[default]
    Normal,
    /// The person presses again: a new event with the same value.
    Repeat,
    /// Rightly signed, with a timestamp ten minutes old.
    Stale,
    /// The bytes and headers of the last callback of this message once more.
    Replayed,
    /// Encrypted and signed with another key.
    WrongKey,
    /// Encrypted, without signature headers.
    Unsigned,
    /// Encrypted rightly, with a signature of another body.
    BadSignature,
    /// Everything right but the verification token.
    WrongToken,
    /// Everything right but the app id.
    WrongApp,
    /// Not encrypted, though there is a key; signed.
    Plaintext,
}

/// What is posted to `/_sim/click`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Click {
    message_id: String,
    chat_id: Option<String>,
    open_id: String,
    /// The value to send; otherwise that of the button.
    value: Option<Value>,
    /// Which button or menu of the card, from 0.
    #[serde(default)]
    button: usize,
    /// What was chosen of a menu: without a `value`, one of its options.
    option: Option<String>,
    #[serde(default)]
    variant: Variant,
}

/// Secrets, the last callback of each message, and the delayed-update tokens.
pub(super) struct CallbackState {
    pub(super) spec: CallbackSpec,
    last: HashMap<String, Request>,
    tokens: HashMap<String, UpdateToken>,
}

struct UpdateToken {
    message_id: String,
    made: DateTime<Utc>,
    answered: bool,
    uses: u8,
}

#[derive(Clone)]
struct Request {
    event_id: String,
    token: String,
    body: String,
    headers: Vec<(&'static str, String)>,
}

impl CallbackState {
    pub(super) fn new(spec: CallbackSpec) -> Self {
        Self { spec, last: HashMap::new(), tokens: HashMap::new() }
    }

    /// The message that a token may update: only after the callback was answered, half an hour, twice.
    pub(super) fn usable_token(&self, token: &str, now: DateTime<Utc>) -> Option<String> {
        let token = self.tokens.get(token)?;
        let usable = token.answered && token.uses < TOKEN_USES && now - token.made < TOKEN_LIFE;
        usable.then(|| token.message_id.clone())
    }

    pub(super) fn spend_token(&mut self, token: &str) {
        if let Some(token) = self.tokens.get_mut(token) {
            token.uses += 1;
        }
    }

    fn answered(&mut self, token: &str) {
        if let Some(token) = self.tokens.get_mut(token) {
            token.answered = true;
        }
    }
}

/// The client for callbacks: header names in title case as the real service writes them, because one official SDK
/// looks them up case-sensitively.
#[expect(
    clippy::disallowed_methods,
    reason = "a simulator does not depend on `runtime`; this is its only client, and every call has a deadline"
)]
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    // Somebody else in the process may have installed it already; either is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .http1_title_case_headers()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(DEADLINE)
        .build()
}

/// `POST /_sim/click`: the endpoint's status and answer, what the person would see, and how long it took.
pub(super) async fn click(sim: &Arc<Sim>, click: Click) -> Result<Value, String> {
    let now = sim.now();
    let (url, request) = {
        let mut world = sim.world();
        let request = prepare(&mut world, &click, now)?;
        (world.callback.spec.url.clone(), request)
    };
    let Some(url) = url else {
        return Ok(json!({"event_id": request.event_id, "client_code": shown::NOT_CONFIGURED}));
    };
    let begun = Instant::now();
    let outcome = post(&sim.client, &url, &request).await;
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut seen = match outcome {
        Ok((status, body)) => take_answer(&mut sim.world(), &click, &request, status, &body, now),
        Err(code) => json!({"client_code": code}),
    };
    seen["event_id"] = json!(request.event_id);
    seen["token"] = json!(request.token);
    seen["variant"] = json!(click.variant);
    seen["duration_ms"] = json!(duration_ms);
    Ok(seen)
}

/// `POST /_sim/callback` with `check`: the URL check, encrypted when there is a key, never signed.
pub(super) async fn check_url(sim: &Arc<Sim>) -> Result<Value, String> {
    let (url, body, challenge) = {
        let mut world = sim.world();
        let serial = world.next_serial();
        let spec = world.callback.spec.clone();
        let challenge = opaque_id(&format!("challenge:{serial}"), 24);
        let plain =
            json!({"challenge": challenge, "token": spec.verification_token, "type": "url_verification"});
        let plain = plain.to_string();
        let body = match &spec.encrypt_key {
            Some(key) => crypto::encrypted_body(&plain, key, crypto::iv(serial)),
            None => plain,
        };
        (spec.url.ok_or("no callback url is set")?, body, challenge)
    };
    let request = Request { event_id: String::new(), token: String::new(), body, headers: Vec::new() };
    let (status, body) =
        post(&sim.client, &url, &request).await.map_err(|code| format!("the endpoint failed with {code}"))?;
    let echoed =
        serde_json::from_str::<Value>(&body).ok().and_then(|answer| answer.get("challenge").cloned());
    let passed = status == 200 && echoed == Some(json!(challenge));
    Ok(json!({"status": status, "passed": passed}))
}

fn prepare(world: &mut World, click: &Click, now: DateTime<Utc>) -> Result<Request, String> {
    if click.variant == Variant::Replayed {
        let last = world.callback.last.get(&click.message_id);
        return last.cloned().ok_or_else(|| "there is no callback to replay".to_owned());
    }
    let message = world.message(&click.message_id).ok_or("no such message")?;
    if click.chat_id.as_ref().is_some_and(|chat| chat != &message.chat_id) {
        return Err("the message is in another chat".to_owned());
    }
    if message.recalled || message.msg_type != "interactive" {
        return Err("there is no card to press a button on".to_owned());
    }
    if !world.people.contains_key(&click.open_id) {
        return Err("no such person".to_owned());
    }
    let value = match &click.value {
        Some(value) => value.clone(),
        None => pressed(&message.content, click)?,
    };
    let (chat_id, sender) = (message.chat_id.clone(), message.sender.clone());
    let serial = world.next_serial();
    let event = Event { click, value, chat_id, app_id: sender, serial, now };
    let request = event.request(world);
    let token = UpdateToken { message_id: click.message_id.clone(), made: now, answered: false, uses: 0 };
    world.callback.tokens.insert(request.token.clone(), token);
    if matches!(click.variant, Variant::Normal | Variant::Repeat) {
        world.callback.last.insert(click.message_id.clone(), request.clone());
    }
    Ok(request)
}

struct Event<'a> {
    click: &'a Click,
    value: Value,
    chat_id: String,
    app_id: String,
    serial: u64,
    now: DateTime<Utc>,
}

impl Event<'_> {
    fn request(&self, world: &World) -> Request {
        let spec = &world.callback.spec;
        let event_id = opaque_id(&format!("event:{}", self.serial), 32);
        let token = format!("c-{}", opaque_id(&format!("c:{}", self.serial), 40));
        let plain = self.payload(world, &event_id, &token).to_string();
        let Some(key) = &spec.encrypt_key else {
            return Request { event_id, token, body: plain, headers: Vec::new() };
        };
        let variant = self.click.variant;
        let key = if variant == Variant::WrongKey { "a-key-of-somebody-else" } else { key };
        let body = match variant {
            Variant::Plaintext => plain,
            _ => crypto::encrypted_body(&plain, key, crypto::iv(self.serial)),
        };
        let sent_at = if variant == Variant::Stale { self.now - STALE_BY } else { self.now };
        let timestamp = sent_at.timestamp().to_string();
        let nonce = opaque_id(&format!("nonce:{}", self.serial), 16);
        let signed = if variant == Variant::BadSignature { "another body" } else { &body };
        let signature = crypto::signature(&timestamp, &nonce, key, signed);
        let headers = match variant {
            Variant::Unsigned => Vec::new(),
            _ => vec![
                ("X-Lark-Request-Timestamp", timestamp),
                ("X-Lark-Request-Nonce", nonce),
                ("X-Lark-Signature", signature),
            ],
        };
        Request { event_id, token, body, headers }
    }

    fn action(&self) -> Value {
        match &self.click.option {
            Some(option) => json!({"value": self.value, "tag": "select_static", "option": option}),
            None => json!({"value": self.value, "tag": "button"}),
        }
    }

    fn payload(&self, world: &World, event_id: &str, token: &str) -> Value {
        let spec = &world.callback.spec;
        let variant = self.click.variant;
        let verification =
            if variant == Variant::WrongToken { "not-the-token" } else { &spec.verification_token };
        let app_id = if variant == Variant::WrongApp { "cli_somebody_else" } else { &self.app_id };
        json!({"schema": "2.0",
            "header": {"event_id": event_id, "token": verification,
                "create_time": self.now.timestamp_micros().to_string(),
                "event_type": "card.action.trigger", "tenant_key": world.tenant_key, "app_id": app_id},
            "event": {
                "operator": {"tenant_key": world.tenant_key, "open_id": self.click.open_id,
                    "union_id": format!("on_{}", opaque_id(&self.click.open_id, 32))},
                "token": token, "action": self.action(), "host": "im_message",
                "context": {"open_message_id": self.click.message_id, "open_chat_id": self.chat_id}}})
    }
}

/// The value of the n-th button or menu that calls back, in the order of the card's JSON. Of a menu one of its options must
/// be chosen, of a button nothing can.
fn pressed(content: &str, click: &Click) -> Result<Value, &'static str> {
    let card: Value = serde_json::from_str(content).map_err(|_| "the card cannot be read")?;
    let mut found = Vec::new();
    let elements = card.pointer("/body/elements").or_else(|| card.get("elements"));
    collect_pressable(elements.ok_or("the card has no elements")?, &mut found);
    let (value, options) = found.into_iter().nth(click.button).ok_or("the card has no such button")?;
    match (&click.option, options) {
        (None, None) => Ok(value),
        (Some(option), Some(options)) if options.iter().any(|one| one["value"] == **option) => Ok(value),
        _ => Err("the card has no such option"),
    }
}

fn collect_pressable(node: &Value, found: &mut Vec<(Value, Option<Vec<Value>>)>) {
    if let Some(items) = node.as_array() {
        for item in items {
            collect_pressable(item, found);
        }
    }
    let options = match node.get("tag").and_then(Value::as_str) {
        Some("button") => Some(None),
        Some("select_static") => Some(node.get("options").and_then(Value::as_array).cloned()),
        _ => None,
    };
    if let Some(options) = options {
        let behaviors = node.get("behaviors").and_then(Value::as_array).into_iter().flatten();
        let callback =
            behaviors.filter(|behavior| behavior["type"] == "callback").find_map(|b| b.get("value"));
        found.extend(callback.or_else(|| node.get("value")).cloned().map(|value| (value, options)));
    }
    for field in ["elements", "columns", "actions"] {
        if let Some(children) = node.get(field) {
            collect_pressable(children, found);
        }
    }
}

async fn post(client: &reqwest::Client, url: &str, request: &Request) -> Result<(u16, String), i64> {
    let mut builder = client.post(url).header("Content-Type", "application/json; charset=utf-8");
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    let failed = |error: &reqwest::Error| {
        if error.is_timeout() { shown::TIMEOUT } else { shown::NO_CONNECTION }
    };
    let response = builder.body(request.body.clone()).send().await.map_err(|error| failed(&error))?;
    let status = response.status().as_u16();
    let body = response.text().await.map_err(|error| failed(&error))?;
    Ok((status, body))
}

fn take_answer(
    world: &mut World,
    click: &Click,
    request: &Request,
    status: u16,
    body: &str,
    now: DateTime<Utc>,
) -> Value {
    let answer: Option<Value> =
        if body.is_empty() { Some(json!({})) } else { serde_json::from_str(body).ok() };
    let mut seen = json!({"status": status, "answer": answer, "client_code": 0});
    if status != 200 {
        seen["client_code"] = json!(shown::NOT_200);
        return seen;
    }
    let Some(answer) = answer.filter(|answer| answer.is_object() && toast_is_good(answer)) else {
        seen["client_code"] = json!(shown::BAD_BODY);
        return seen;
    };
    world.callback.answered(&request.token);
    seen["toast"] = answer.get("toast").cloned().unwrap_or(Value::Null);
    if let Some(card) = answer.get("card") {
        match take_card(world, click, card, now) {
            Ok(()) => seen["card_updated"] = json!(true),
            Err(refusal) => {
                seen["client_code"] = json!(shown::BAD_CARD);
                seen["card_error"] = refusal.body;
            }
        }
    }
    seen
}

fn toast_is_good(answer: &Value) -> bool {
    answer.get("toast").is_none_or(|toast| {
        matches!(toast["type"].as_str(), None | Some("info" | "success" | "error" | "warning"))
            && toast["content"].is_string()
    })
}

fn take_card(world: &mut World, click: &Click, card: &Value, now: DateTime<Utc>) -> Result<(), Answer> {
    let data = card.get("data").filter(|data| card["type"] == "raw" && data.is_object());
    let data = data.ok_or_else(|| Answer::refuse_because(200_673, "card must be raw with data"))?;
    replace_card(world, &click.message_id, &data.to_string(), now)
}
