//! What every call passes: the list of calls, faults, the key, the rate, and the answer.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    Sim, api,
    config::KeyForm,
    faults::{Fault, FaultKind},
    world::{Call, KEY_REFUSED, Refusal, USED_UP, World, bad_call, refusal},
};
use crate::server::Connection;

const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
const ROOT: &str = "/openapi/v1/";
const PROXY_PAGE: &str = "<html><body><h1>502 Bad Gateway</h1></body></html>";

struct Incoming {
    method: String,
    /// Below the root.
    path: String,
    key: Option<String>,
    /// `None`: it is no JSON.
    body: Option<Value>,
}

impl Incoming {
    async fn read(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let bytes = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
        let key = parts.headers.get("Open-Authorization").and_then(|value| value.to_str().ok());
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().strip_prefix(ROOT).unwrap_or_default().to_owned(),
            key: key.map(str::to_owned),
            body: if bytes.is_empty() { Some(Value::Null) } else { serde_json::from_slice(&bytes).ok() },
        }
    }

    fn body(&self) -> Value {
        self.body.clone().unwrap_or_default()
    }
}

enum Answer {
    Json(StatusCode, Value),
    Text(StatusCode, &'static str),
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
        let (number, fault) = begin(&sim, &incoming);
        let answer = answer(&sim, &incoming, fault).await;
        respond(&sim, &connection, answer, number)
    });
    work.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Writes the call down and takes the fault that is waiting for it.
fn begin(sim: &Sim, incoming: &Incoming) -> (usize, Option<Fault>) {
    let mut world = sim.world();
    let fault = world.take_fault(&incoming.method, &incoming.path, &incoming.body());
    let call = Call {
        method: incoming.method.clone(),
        path: incoming.path.clone(),
        body: incoming.body(),
        elapsed_ms: world.started.elapsed().as_millis(),
        code: None,
        fault: fault.as_ref().map(|fault| fault.kind.name()),
    };
    world.calls.push(call);
    (world.calls.len() - 1, fault)
}

async fn answer(sim: &Arc<Sim>, incoming: &Incoming, fault: Option<Fault>) -> Answer {
    let ms = Duration::from_millis(fault.as_ref().and_then(|fault| fault.ms).unwrap_or_default());
    let kind = fault.as_ref().map(|fault| fault.kind);
    match kind {
        Some(FaultKind::Status) => {
            let status = fault.and_then(|fault| fault.status).unwrap_or(500);
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return Answer::Json(status, refused(sim, &refusal(500, "服务器错误")));
        }
        Some(FaultKind::Code) => {
            let code = fault.and_then(|fault| fault.code).unwrap_or(1);
            return Answer::Json(StatusCode::OK, refused(sim, &refusal(code, "失败")));
        }
        Some(FaultKind::UsedUp) => {
            return Answer::Json(StatusCode::OK, refused(sim, &refusal(USED_UP, "接口调用次数已用完")));
        }
        Some(FaultKind::Html) => return Answer::Text(StatusCode::BAD_GATEWAY, PROXY_PAGE),
        Some(FaultKind::DropBefore) => return Answer::Cut,
        Some(FaultKind::Throttle) => return throttled(sim),
        Some(FaultKind::Delay) => sim.wait(ms).await,
        Some(FaultKind::Late) => {
            let (sim, method, path, body) =
                (Arc::clone(sim), incoming.method.clone(), incoming.path.clone(), incoming.body());
            tokio::spawn(async move {
                sim.wait(ms).await;
                let now = sim.now();
                drop(api::answer(&mut sim.world(), &method, &path, &body, &now));
            });
            return Answer::Cut;
        }
        Some(FaultKind::Garbage | FaultKind::DropAfter | FaultKind::Swallow) | None => {}
    }
    let answer = run(sim, incoming, kind == Some(FaultKind::Swallow));
    match kind {
        Some(FaultKind::DropAfter) => Answer::Cut,
        Some(FaultKind::Garbage) => Answer::Text(StatusCode::OK, "{\"code\":0,\"data\":"),
        _ => answer,
    }
}

fn run(sim: &Sim, incoming: &Incoming, swallow: bool) -> Answer {
    let now = sim.now();
    let mut world = sim.world();
    if let Err(answer) = admit(&mut world, incoming) {
        return answer
            .unwrap_or_else(|refusal| Answer::Json(StatusCode::OK, refused_in(&mut world, &refusal)));
    }
    let Some(body) = &incoming.body else {
        let refusal = bad_call("请求体不是 JSON");
        return Answer::Json(StatusCode::OK, refused_in(&mut world, &refusal));
    };
    let kept = swallow.then(|| world.tables.clone());
    let done = api::answer(&mut world, &incoming.method, &incoming.path, body, &now);
    if let Some(tables) = kept {
        world.tables = tables;
    }
    let data = match done {
        Ok(data) => data,
        Err(refusal) => return Answer::Json(StatusCode::OK, refused_in(&mut world, &refusal)),
    };
    let meta = json!({ "trace_id": world.new_id(90) });
    Answer::Json(StatusCode::OK, json!({ "code": 0, "message": "success", "data": data, "meta": meta }))
}

/// Key, then rate.
fn admit(world: &mut World, incoming: &Incoming) -> Result<(), Result<Answer, Refusal>> {
    let expected = match world.settings.key_form {
        KeyForm::Bearer => format!("Bearer {}", world.key),
        KeyForm::Bare => world.key.clone(),
    };
    if incoming.key.as_deref() != Some(expected.as_str()) {
        let refusal = refusal(KEY_REFUSED, "API key 无效");
        if world.settings.key_by_status {
            return Err(Ok(Answer::Json(StatusCode::UNAUTHORIZED, refused_in(world, &refusal))));
        }
        return Err(Err(refusal));
    }
    if !world.admits() {
        return Err(Ok(throttled_in(world)));
    }
    Ok(())
}

fn throttled(sim: &Sim) -> Answer {
    throttled_in(&mut sim.world())
}

fn throttled_in(world: &mut World) -> Answer {
    match world.settings.throttle_code {
        Some(code) => Answer::Json(StatusCode::OK, refused_in(world, &refusal(code, "请求过于频繁"))),
        None => Answer::Text(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
    }
}

fn refused(sim: &Sim, refusal: &Refusal) -> Value {
    refused_in(&mut sim.world(), refusal)
}

fn refused_in(world: &mut World, refusal: &Refusal) -> Value {
    let meta = json!({ "trace_id": world.new_id(90) });
    json!({ "code": refusal.code, "message": refusal.message, "data": null, "meta": meta })
}

fn respond(sim: &Sim, connection: &Connection, answer: Answer, number: usize) -> Response {
    let (status, kind, body) = match answer {
        Answer::Json(status, body) => {
            if let Some(call) = sim.world().calls.get_mut(number) {
                call.code = body["code"].as_i64();
            }
            (status, "application/json; charset=utf-8", body.to_string())
        }
        Answer::Text(status, text) => (status, "text/html", text.to_owned()),
        Answer::Cut => {
            connection.cut();
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
