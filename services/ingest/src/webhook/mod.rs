//! `POST /v1/messages`: messages from any system that can make an HTTP call, and from `huiyin import`.
//!
//! It answers only after JetStream has acknowledged. Rows are read one by one: a bad one is refused by its index with a
//! reason, and the good ones around it are kept.

mod read;
mod row;
mod rows;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use events::chat::ChatMessage;
use runtime::Context;
use runtime::bus::BusError;
use runtime::serve::Client;
use runtime::telemetry::chain;
use runtime::trace::{self, Trace};
use serde::Serialize;
use tracing::{Instrument as _, Span, field, info_span};

pub use self::read::{BodyError, MAX_ROWS, Read, Rejected, read};
use crate::callers::{Caller, Gate};
use crate::contacts::Contacts;
use crate::order::CaptureOrder;

/// Bytes of a request's body.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// How long the bus may take with the rows of a request. After that the sender is asked to send them again: rows that
/// got there all the same are recognised by their ids.
pub const BUS_DEADLINE: Duration = Duration::from_secs(10);

const TOKEN_NEEDED: &str = "expected the header `Authorization: Bearer TOKEN` with a token of ours";

/// What became of a request's rows.
#[derive(Debug, Default, Serialize)]
struct Answer {
    /// Rows that are new on the bus.
    accepted: usize,
    /// Rows that the bus had already.
    duplicates: usize,
    /// Rows that were refused.
    rejected: Vec<Rejected>,
}

struct Webhook {
    ctx: Context,
    gate: Arc<Gate>,
    contacts: Contacts,
    order: Arc<CaptureOrder>,
}

pub fn router(ctx: Context, gate: Arc<Gate>, contacts: Contacts, order: Arc<CaptureOrder>) -> Router {
    let webhook = Webhook { ctx, gate, contacts, order };
    Router::new().route("/v1/messages", post(messages)).with_state(Arc::new(webhook))
}

/// The body is read only once the caller is known: strangers shall not make us keep anything.
async fn messages(
    State(webhook): State<Arc<Webhook>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let caller = match webhook.gate.admit(client, &headers, None) {
        Ok(caller) => caller,
        Err(refusal) => return refusal.answer(error_body(TOKEN_NEEDED)),
    };
    let span = span_of(&headers);
    take(&webhook, caller, request).instrument(span).await
}

/// A request of somebody whom we know: it belongs to the trace that its sender names.
fn span_of(headers: &HeaderMap) -> Span {
    let span = info_span!(
        parent: None,
        "webhook",
        otel.name = "POST /v1/messages",
        otel.kind = "server",
        http.response.status_code = field::Empty,
        rows.accepted = field::Empty,
        rows.duplicates = field::Empty,
        rows.rejected = field::Empty,
    );
    let named = headers.get(trace::HEADER).and_then(|value| value.to_str().ok()).and_then(Trace::parse);
    trace::continue_from(&span, named.as_ref());
    span
}

async fn take(webhook: &Webhook, caller: &Caller, request: Request) -> Response {
    let answer = answer(webhook, caller, request).await;
    Span::current().record("http.response.status_code", answer.status().as_u16());
    answer
}

async fn answer(webhook: &Webhook, caller: &Caller, request: Request) -> Response {
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(rejection) => return refuse(rejection.status(), &rejection.body_text()),
    };
    let Read { mut messages, indices, mut rejected } = match read(&body, caller, webhook.ctx.clock.now()) {
        Ok(read) => read,
        Err(error @ BodyError::Empty) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
        Err(error @ BodyError::TooManyRows(_)) => {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string());
        }
    };
    for message in &mut messages {
        message.captured = Some(webhook.order.next(message.received_at));
    }
    match publish_in_time(&webhook.ctx, &messages).await {
        Ok(Published { accepted, duplicates, refused }) => {
            rejected.extend(refused.into_iter().map(|(at, reason)| Rejected { index: indices[at], reason }));
            rejected.sort_by_key(|rejected| rejected.index);
            metrics::counter!("webhook_rows_total", "outcome" => "rejected").increment(rejected.len() as u64);
            webhook.contacts.note_senders(&messages);
            Span::current()
                .record("rows.accepted", accepted)
                .record("rows.duplicates", duplicates)
                .record("rows.rejected", rejected.len());
            Json(Answer { accepted, duplicates, rejected }).into_response()
        }
        Err(error) => {
            tracing::warn!(error, "the bus did not take a webhook request");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "the bus is not ready: send the same request again")
        }
    }
}

fn refuse(status: StatusCode, error: &str) -> Response {
    (status, error_body(error)).into_response()
}

fn error_body(error: &str) -> Json<serde_json::Value> {
    Json(serde_json::json!({ "error": error }))
}

/// What the bus made of messages.
#[derive(Debug, Default)]
struct Published {
    /// New ones.
    accepted: usize,
    /// Those that it had already.
    duplicates: usize,
    /// Those that it can never take, by their place, with the reason.
    refused: Vec<(usize, String)>,
}

/// Without a connection the client would keep rows until its queue is full, and then whoever brings more.
async fn publish_in_time(ctx: &Context, messages: &[ChatMessage]) -> Result<Published, String> {
    if !ctx.bus.is_connected() {
        return Err("there is no connection".to_owned());
    }
    let published = tokio::time::timeout(BUS_DEADLINE, publish(ctx, messages)).await;
    published.unwrap_or_else(|_elapsed| Err(format!("no answer within {} s", BUS_DEADLINE.as_secs())))
}

async fn publish(ctx: &Context, messages: &[ChatMessage]) -> Result<Published, String> {
    let outgoing = messages.iter().map(crate::outgoing).collect::<Result<Vec<_>, _>>();
    let outgoing = outgoing.map_err(|error| chain(&error))?;
    let mut published = Published::default();
    for (at, answer) in ctx.bus.publish_all(&outgoing).await.into_iter().enumerate() {
        match answer {
            Ok(true) => published.duplicates += 1,
            Ok(false) => published.accepted += 1,
            Err(error @ BusError::Unpublishable { .. }) => published.refused.push((at, chain(&error))),
            Err(error) => return Err(chain(&error)),
        }
    }
    metrics::counter!("webhook_rows_total", "outcome" => "accepted").increment(published.accepted as u64);
    Ok(published)
}
