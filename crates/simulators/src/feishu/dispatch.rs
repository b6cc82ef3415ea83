//! From an HTTP request to an answer: which route, which fault, who asks, and what was recorded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, Response, Uri};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Answer;
use super::crypto::opaque_id;
use super::faults::{self, Fault};
use super::world::{Sim, World};
use super::{chats, control, history, hook, images, login, people, send, token, update, urgent};
use crate::server::Connection;

/// The calls that the fake knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Route {
    Token,
    Send,
    Reply,
    Update,
    DelayedUpdate,
    Recall,
    Urgent,
    History,
    Message,
    Chats,
    Members,
    Image,
    Hook,
    Person,
    PersonIds,
    Authorize,
    UserToken,
    UserInfo,
}

impl Route {
    fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Send => "send",
            Self::Reply => "reply",
            Self::Update => "update",
            Self::DelayedUpdate => "delayed_update",
            Self::Recall => "recall",
            Self::Urgent => "urgent",
            Self::History => "history",
            Self::Message => "message",
            Self::Chats => "chats",
            Self::Members => "members",
            Self::Image => "image",
            Self::Hook => "hook",
            Self::Person => "person",
            Self::PersonIds => "person_ids",
            Self::Authorize => "authorize",
            Self::UserToken => "user_token",
            Self::UserInfo => "user_info",
        }
    }

    /// The route of a request and the id of a message, person or chat, or a custom bot's token, in its path.
    fn find(method: &Method, path: &str) -> Option<(Self, Option<String>)> {
        let parts: Vec<&str> = path.strip_prefix("/open-apis/")?.trim_end_matches('/').split('/').collect();
        let with = |route, id: &str| Some((route, Some(id.to_owned())));
        match (method.as_str(), parts.as_slice()) {
            ("POST", ["auth", "v3", "tenant_access_token", "internal"]) => Some((Self::Token, None)),
            ("GET", ["authen", "v1", "authorize"]) => Some((Self::Authorize, None)),
            ("POST", ["authen", "v2", "oauth", "token"]) => Some((Self::UserToken, None)),
            ("GET", ["authen", "v1", "user_info"]) => Some((Self::UserInfo, None)),
            ("POST", ["im", "v1", "messages"]) => Some((Self::Send, None)),
            ("GET", ["im", "v1", "messages"]) => Some((Self::History, None)),
            ("GET", ["im", "v1", "chats"]) => Some((Self::Chats, None)),
            ("GET", ["im", "v1", "chats", id, "members"]) => with(Self::Members, id),
            ("POST", ["im", "v1", "images"]) => Some((Self::Image, None)),
            ("POST", ["bot", "v2", "hook", token]) => with(Self::Hook, token),
            ("POST", ["contact", "v3", "users", "batch_get_id"]) => Some((Self::PersonIds, None)),
            ("GET", ["contact", "v3", "users", id]) => with(Self::Person, id),
            ("POST", ["interactive", "v1", "card", "update"]) => Some((Self::DelayedUpdate, None)),
            ("GET", ["im", "v1", "messages", id]) => with(Self::Message, id),
            ("PATCH", ["im", "v1", "messages", id]) => with(Self::Update, id),
            ("DELETE", ["im", "v1", "messages", id]) => with(Self::Recall, id),
            ("POST", ["im", "v1", "messages", id, "reply"]) => with(Self::Reply, id),
            ("PATCH", ["im", "v1", "messages", id, "urgent_app" | "urgent_sms" | "urgent_phone"]) => {
                with(Self::Urgent, id)
            }
            _ => None,
        }
    }
}

/// A request, parsed as far as every route needs it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) route: Route,
    pub(super) message_id: Option<String>,
    pub(super) query: HashMap<String, String>,
    pub(super) authorization: Option<String>,
    pub(super) body: Bytes,
    /// The body of an upload.
    pub(super) form: Option<images::Form>,
    method: String,
    path: String,
}

impl Call {
    fn parse(method: &Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Option<Self> {
        let (route, message_id) = Route::find(method, uri.path())?;
        let query = axum::extract::Query::<HashMap<String, String>>::try_from_uri(uri).ok()?.0;
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
        Some(Self {
            route,
            message_id,
            query,
            authorization: authorization.map(str::to_owned),
            body,
            form: None,
            method: method.to_string(),
            path: uri.path().to_owned(),
        })
    }

    /// The body as a JSON object; 230001 otherwise. Content-Type is not looked at, as the real one does not.
    pub(super) fn json(&self) -> Result<Value, Answer> {
        let value: Value = serde_json::from_slice(&self.body)
            .map_err(|_| Answer::refuse_because(230_001, "the body is not JSON"))?;
        if value.is_object() { Ok(value) } else { Err(Answer::refuse_because(230_001, "not an object")) }
    }

    /// A query parameter that is there and not empty.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The message id in the path.
    pub(super) fn message_id(&self) -> Result<&str, Answer> {
        self.message_id.as_deref().ok_or_else(|| Answer::refuse(230_001))
    }

    /// The chat that this is about, for faults and the record. Never an error.
    fn chat(&self, world: &World) -> Option<String> {
        match self.route {
            Route::Send => Some(self.json().ok()?.get("receive_id")?.as_str()?.to_owned()),
            Route::History => self.param("container_id").map(str::to_owned),
            Route::Members => self.message_id.clone(),
            _ => world.message(self.message_id.as_deref()?).map(|message| message.chat_id.clone()),
        }
    }

    fn uuid(&self) -> Option<String> {
        matches!(self.route, Route::Send | Route::Reply)
            .then(|| self.json().ok()?.get("uuid")?.as_str().map(str::to_owned))
            .flatten()
    }
}

/// One call as `/_sim/calls` shows it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct CallRecord {
    pub(super) at: DateTime<Utc>,
    pub(super) route: Route,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) chat: Option<String>,
    pub(super) uuid: Option<String>,
    pub(super) status: u16,
    pub(super) code: Option<i64>,
    pub(super) fault: Option<Fault>,
    pub(super) duration_ms: u64,
}

/// The routes of Feishu and the control routes.
pub(super) fn router(sim: Arc<Sim>) -> Router {
    control::routes().fallback(open_api).with_state(sim)
}

async fn open_api(
    State(sim): State<Arc<Sim>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let log_id = {
        let serial = sim.world().next_serial();
        opaque_id(&format!("log:{serial}"), 32)
    };
    let Some(mut call) = Call::parse(&method, &uri, &headers, body) else {
        return Answer::refuse_with(404, 99_991_600, "404 page not found").into_response(&log_id);
    };
    if call.route == Route::Image {
        call.form = images::form(&headers, call.body.clone()).await;
    }
    let begun = Instant::now();
    let (fault, chat) = {
        let mut world = sim.world();
        let chat = call.chat(&world);
        (faults::take(&mut world.faults, &call, chat.as_deref()), chat)
    };
    let (answer, silence) = match &fault {
        None => (sim.perform(&call), None),
        Some(fault) => under_fault(&sim, &connection, &call, fault),
    };
    let record = CallRecord {
        at: sim.now(),
        route: call.route,
        method: call.method.clone(),
        path: call.path.clone(),
        chat,
        uuid: call.uuid(),
        status: answer.status,
        code: answer.code(),
        fault,
        duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    sim.world().record(record);
    if let Some(ms) = silence {
        hang(&sim, ms).await;
    }
    answer.into_response(&log_id)
}

/// What is recorded, and for how many milliseconds nothing is answered. The client of a cut connection never sees
/// the answer, however good it is.
fn under_fault(sim: &Arc<Sim>, connection: &Connection, call: &Call, fault: &Fault) -> (Answer, Option<u64>) {
    if fault.loses_the_answer() {
        connection.cut();
    }
    match fault {
        Fault::Timeout { ms } => (Answer::proxy_error(504), Some(*ms)),
        Fault::Drop => (Answer::proxy_error(502), None),
        Fault::AcceptThenDrop => (sim.perform(call), None),
        Fault::AcceptThenTimeout { ms } => (sim.perform(call), Some(*ms)),
        Fault::AcceptThenStatus { status } => {
            sim.perform(call);
            (Answer::proxy_error(*status), None)
        }
        Fault::LateAccept { after_ms } => {
            accept_later(sim, call, *after_ms);
            (Answer::proxy_error(502), None)
        }
        Fault::Status { .. } | Fault::Code { .. } | Fault::RateLimited { .. } => {
            (fault.instead().unwrap_or_else(|| Answer::proxy_error(500)), None)
        }
    }
}

async fn hang(sim: &Sim, ms: u64) {
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(ms)) => {}
        () = sim.stop.cancelled() => {}
    }
}

/// The uuid counts as being sent from now on; the message appears when the time has come.
fn accept_later(sim: &Arc<Sim>, call: &Call, after_ms: Option<u64>) {
    let key = {
        let mut world = sim.world();
        let app = token::authenticate(&world, call, sim.now()).ok();
        let key = app.zip(call.uuid());
        if let Some(key) = &key {
            world.in_flight.insert(key.clone());
        }
        key
    };
    let mut released = sim.release.subscribe();
    let (sim, call) = (Arc::clone(sim), call.clone());
    tokio::spawn(async move {
        if let Some(ms) = after_ms {
            hang(&sim, ms).await;
        } else {
            tokio::select! {
                _ = released.changed() => {}
                () = sim.stop.cancelled() => return,
            }
        }
        if let Some(key) = key {
            sim.world().in_flight.remove(&key);
        }
        let answer = sim.perform(&call);
        tracing::debug!(code = answer.code(), "a held call was accepted late");
    });
}

impl Sim {
    /// Decides one call, whole.
    pub(super) fn perform(&self, call: &Call) -> Answer {
        let (now, rate_now) = (self.now(), self.rate_now());
        let mut world = self.world();
        if call.route == Route::Token {
            return token::issue(&mut world, call, now);
        }
        match call.route {
            Route::Authorize => return login::authorize(&mut world, call, now),
            Route::UserToken => return login::exchange(&mut world, call, now),
            Route::UserInfo => {
                return login::info(&world, call, now)
                    .map_or_else(|refusal| refusal, |data| Answer::ok(&data));
            }
            _ => {}
        }
        if call.route == Route::Hook {
            return hook::say(&mut world, call, now, rate_now);
        }
        decide(&mut world, call, now, rate_now).unwrap_or_else(|refusal| refusal)
    }
}

fn decide(
    world: &mut World,
    call: &Call,
    now: DateTime<Utc>,
    rate_now: DateTime<Utc>,
) -> Result<Answer, Answer> {
    let app = token::authenticate(world, call, now)?;
    spend_quota(world)?;
    world.limits.admit_app(&app, call.route.name(), rate_now)?;
    if world.switches.bot_off {
        return Err(Answer::refuse(230_006));
    }
    let data = match call.route {
        Route::Token | Route::Hook | Route::Authorize | Route::UserToken | Route::UserInfo => {
            return Err(Answer::refuse(230_001));
        }
        Route::Send => send::send(world, &app, call, now, rate_now)?,
        Route::Reply => send::reply(world, &app, call, now, rate_now)?,
        Route::Update => update::patch(world, &app, call, now, rate_now)?,
        Route::DelayedUpdate => update::delayed(world, call, now)?,
        Route::Recall => update::recall(world, &app, call, now)?,
        Route::Urgent => urgent::urgent(world, &app, call)?,
        Route::History => history::list(world, &app, call, now)?,
        Route::Message => history::one(world, call)?,
        Route::Chats => chats::list(world, call)?,
        Route::Members => chats::members(world, call)?,
        Route::Image => images::upload(world, call.form.as_ref())?,
        Route::Person => people::one(world, call)?,
        Route::PersonIds => people::ids(world, call)?,
    };
    Ok(Answer::ok(&data))
}

fn spend_quota(world: &mut World) -> Result<(), Answer> {
    match &mut world.switches.monthly_calls_left {
        Some(0) => Err(Answer::refuse_with(429, 99_991_403, super::answer::message_of(99_991_403))),
        Some(left) => {
            *left -= 1;
            Ok(())
        }
        None => Ok(()),
    }
}
