//! What every call of the Fusion API passes: reading, the list of calls, faults, the token, limits, and the answer.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Sim, calls,
    calls::Call,
    faults::{Fault, FaultKind, Target},
    messages::{self, ApiError},
    query::Query,
    routes::{self, Caller, Route, write},
    state::World,
};
use crate::server::Connection;

const MAX_BODY_BYTES: usize = 100 * 1024 * 1024;
/// How long a batch that makes options leaves the door open for another that makes the same ones.
const OPTION_RACE_WINDOW: Duration = Duration::from_millis(40);
const GATEWAY_PAGE: &str =
    "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";

/// A request, read and taken apart.
pub(super) struct Incoming {
    method: Method,
    path: String,
    pub query: Query,
    route: Option<Route>,
    token: Option<String>,
    body: Result<Value, ApiError>,
}

impl Incoming {
    async fn read(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let bytes = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
        let path = parts.uri.path().to_owned();
        Self {
            route: Route::parse(&parts.method, &path),
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            token: bearer(&parts.headers),
            body: parse_body(&parts.headers, &bytes),
            method: parts.method,
            path,
        }
    }

    /// The JSON body; a body of another type counts as empty, as the server's parser leaves it alone.
    pub fn body(&self) -> Result<&Value, ApiError> {
        self.body.as_ref().map_err(Clone::clone)
    }
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(str::to_owned)
}

fn parse_body(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if bytes.is_empty() || !kind.contains("json") {
        return Ok(json!({}));
    }
    let text = String::from_utf8_lossy(bytes);
    serde_json::from_str(&text).map_err(|error| messages::malformed_json(&text, &error))
}

enum Answer {
    Success(Option<Value>),
    Refused(ApiError),
    Html,
    Never,
    Cut,
}

pub(super) async fn serve(
    State(sim): State<Arc<Sim>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    // A task of its own: a caller who stops waiting does not stop the work, and may find it done later.
    let work = tokio::spawn(async move {
        let incoming = Incoming::read(request).await;
        let (seq, fault) = begin(&sim, &incoming);
        let answer = answer(&sim, &incoming, fault).await;
        let response = respond(&sim, &incoming, &connection, answer, seq).await;
        note_answer(&sim, seq, response.status());
        response
    });
    work.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Writes the call down and takes the fault that is waiting for it.
fn begin(sim: &Sim, incoming: &Incoming) -> (usize, Option<Fault>) {
    let at_ms = sim.now_ms();
    let mut world = sim.world();
    let user = incoming.token.as_deref().and_then(|token| user_of(&world, token));
    let route = incoming.route.as_ref().map_or("", Route::name);
    let sheet = incoming.route.as_ref().and_then(Route::sheet);
    let body = incoming.body.as_ref().ok().cloned().unwrap_or_default();
    let user_name = user.as_deref();
    let target = Target { method: incoming.method.as_str(), route, sheet, user: user_name, body: &body };
    let fault = incoming.route.as_ref().and_then(|_| world.take_fault(&target));
    let (in_body, cells) = calls::count(&body);
    let in_query = if incoming.method == Method::DELETE { incoming.query.list("recordIds").len() } else { 0 };
    let seq = world.calls.len();
    let elapsed_ms = world.started.elapsed().as_millis();
    world.calls.push(Call {
        seq,
        at_ms,
        elapsed_ms,
        method: incoming.method.to_string(),
        path: incoming.path.clone(),
        query: incoming.query.0.clone(),
        route,
        sheet: sheet.map(str::to_owned),
        user,
        token: incoming.token.clone(),
        records: in_body + in_query,
        cells,
        body,
        status: None,
        code: None,
        fault: fault.as_ref().map(|f| f.kind.name()),
    });
    (seq, fault)
}

fn user_of(world: &World, token: &str) -> Option<String> {
    world.tokens.iter().find(|t| t.token == token).map(|t| t.user.clone())
}

fn note_answer(sim: &Sim, seq: usize, status: StatusCode) {
    if let Some(call) = sim.world().calls.get_mut(seq) {
        call.status = call.code.is_some().then_some(status.as_u16());
    }
}

async fn answer(sim: &Sim, incoming: &Incoming, fault: Option<Fault>) -> Answer {
    let kind = fault.as_ref().map(|f| f.kind);
    match kind {
        Some(FaultKind::Status) => {
            return Answer::Refused(messages::fault(fault.and_then(|f| f.status).unwrap_or(500)));
        }
        Some(FaultKind::Html) => return Answer::Html,
        Some(FaultKind::DropBefore) => return Answer::Cut,
        Some(FaultKind::Hang) => return Answer::Never,
        Some(FaultKind::RateLimit) => {
            let limit = sim.world().settings.rate_limit;
            return Answer::Refused(messages::rate_limited(limit));
        }
        Some(FaultKind::Quota) => return Answer::Refused(messages::usage_exceeded()),
        Some(FaultKind::Delay) => {
            sim.wait(Duration::from_millis(fault.and_then(|f| f.ms).unwrap_or_default())).await;
        }
        Some(FaultKind::DropAfter | FaultKind::Swallow) | None => {}
    }
    let outcome = run(sim, incoming, kind == Some(FaultKind::Swallow)).await;
    if kind == Some(FaultKind::DropAfter) {
        return Answer::Cut;
    }
    match outcome {
        Ok(data) => Answer::Success(data),
        Err(error) if error.hangs && sim.world().settings.hang => Answer::Never,
        Err(error) => Answer::Refused(error),
    }
}

async fn run(sim: &Sim, incoming: &Incoming, swallow: bool) -> Result<Option<Value>, ApiError> {
    // The body parser stands before everything else; routing before the token.
    incoming.body()?;
    let route = incoming.route.as_ref().ok_or_else(messages::no_route)?;
    let (dst, creating) = {
        let mut world = sim.world();
        let caller = admit(&mut world, route, incoming, sim.now_ms())?;
        match route {
            Route::CreateRecords(dst) => (dst, true),
            Route::UpdateRecords(dst) => (dst, false),
            _ => return routes::answer(&mut world, route, incoming, &caller),
        }
    };
    let (plan, racing) = {
        let mut world = sim.world();
        let plan = write::plan(&mut world, dst, incoming, creating)?;
        let racing = world.settings.option_race && plan.needs_options();
        (plan, racing)
    };
    if racing {
        sim.wait(OPTION_RACE_WINDOW).await;
    }
    let mut world = sim.world();
    let user =
        incoming.token.as_deref().and_then(|t| user_of(&world, t)).ok_or_else(messages::unauthorized)?;
    let caller = Caller { user, now_ms: sim.now_ms() };
    write::commit(&mut world, &plan, &caller, swallow).map(Some)
}

/// Token, then rate, then membership and the month's usage, as the service orders them.
fn admit(world: &mut World, route: &Route, incoming: &Incoming, now_ms: i64) -> Result<Caller, ApiError> {
    let token = incoming.token.as_deref().ok_or_else(messages::unauthorized)?;
    let user = user_of(world, token).ok_or_else(messages::unauthorized)?;
    let place = route.sheet().or_else(|| route.space()).unwrap_or(&user);
    world.admit_rate(format!("{place} {token}"), Instant::now())?;
    if route.space().is_some_and(|space| !world.is_member(space, &user)) {
        return Err(messages::not_a_member());
    }
    if let Some(dst) = route.sheet() {
        let space = world.sheet(dst).map(|s| s.space.clone()).ok_or_else(messages::sheet_missing)?;
        let elsewhere = route.space().is_some_and(|named| named != space);
        if elsewhere || !world.is_member(&space, &user) {
            return Err(messages::sheet_missing());
        }
        world.admit_usage(&space, now_ms)?;
    } else if let Some(space) = route.space() {
        world.admit_usage(space, now_ms)?;
    }
    Ok(Caller { user, now_ms })
}

async fn respond(
    sim: &Sim,
    incoming: &Incoming,
    connection: &Connection,
    answer: Answer,
    seq: usize,
) -> Response {
    let (status, body) = match answer {
        Answer::Success(data) => {
            // A POST is answered 201, with 200 in the body.
            let status = if incoming.method == Method::POST { 201 } else { 200 };
            let mut body = json!({"success": true, "code": 200, "message": "SUCCESS"});
            if let Some(data) = data {
                body["data"] = data;
            }
            (status, body)
        }
        Answer::Refused(error) => (error.http, error.body()),
        Answer::Html => {
            return (StatusCode::BAD_GATEWAY, [(header::CONTENT_TYPE, "text/html")], GATEWAY_PAGE)
                .into_response();
        }
        Answer::Never => {
            sim.closing.cancelled().await;
            connection.cut();
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        Answer::Cut => {
            connection.cut();
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    if let Some(call) = sim.world().calls.get_mut(seq) {
        call.code = body["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    }
    json_response(status, &body, seq)
}

fn json_response(status: u16, body: &Value, seq: usize) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if status != StatusCode::TOO_MANY_REQUESTS {
        headers.insert("request-id", HeaderValue::from(seq));
        headers.insert("server-timing", HeaderValue::from_static("total;dur=1"));
    }
    response
}
