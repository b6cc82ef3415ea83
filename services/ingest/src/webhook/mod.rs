//! `POST /v1/messages`: messages from any system that can make an HTTP call, and from `huiyin import`.
//!
//! It answers only after JetStream has acknowledged. Rows are read one by one: a bad one is refused by its index with a
//! reason, and the good ones around it are kept.

mod auth;
mod row;
mod rows;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use events::chat::ChatMessage;
use events::{encode, subject};
use runtime::Context;
use runtime::bus::Outgoing;
use runtime::telemetry::chain;
use serde::Serialize;

use self::auth::Caller;
pub use self::auth::Callers;
use self::row::Row;
use crate::contacts;

/// Bytes of a request's body.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// Rows of a request.
const MAX_ROWS: usize = 1_000;

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

/// A refused row.
#[derive(Debug, Serialize)]
struct Rejected {
    /// Its place in the body, from 0.
    index: usize,
    /// What is wrong with it and what was expected.
    reason: String,
}

struct Webhook {
    ctx: Context,
    callers: Callers,
}

/// The webhook's routes.
pub fn router(ctx: Context) -> Router {
    let callers = Callers::of(&ctx.config.ingest.webhook_tokens);
    Router::new()
        .route("/v1/messages", post(messages))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(Webhook { ctx, callers }))
}

async fn messages(State(webhook): State<Arc<Webhook>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(caller) = webhook.callers.identify(&headers) else {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "expected the header `Authorization: Bearer TOKEN` with a token of ours",
        );
    };
    let rows = rows::split(&body);
    if rows.is_empty() {
        return refuse(
            StatusCode::BAD_REQUEST,
            "expected a JSON object, a JSON array of objects, or one object a line",
        );
    }
    if rows.len() > MAX_ROWS {
        return refuse(
            StatusCode::PAYLOAD_TOO_LARGE,
            &format!("{} rows: expected at most {MAX_ROWS}", rows.len()),
        );
    }
    let (messages, rejected) = read(&webhook.ctx, caller, &rows);
    match publish(&webhook.ctx, &messages).await {
        Ok((accepted, duplicates)) => {
            contacts::remember(&webhook.ctx, &messages).await;
            Json(Answer { accepted, duplicates, rejected }).into_response()
        }
        Err(error) => {
            tracing::warn!(error, "the bus did not take a webhook request");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "the bus is not ready: send the same request again")
        }
    }
}

fn refuse(status: StatusCode, error: &str) -> Response {
    (status, Json(serde_json::json!({ "error": error }))).into_response()
}

fn read(ctx: &Context, caller: &Caller, rows: &[&[u8]]) -> (Vec<ChatMessage>, Vec<Rejected>) {
    let now = ctx.clock.now();
    let mut messages = Vec::with_capacity(rows.len());
    let mut rejected = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let read = Row::parse(row).and_then(|row| row.into_message(now)).and_then(|message| {
            if caller.may_claim(&message.source, &message.account) {
                Ok(message)
            } else {
                Err(format!("source: this token may not speak for `{}`", message.source))
            }
        });
        match read {
            Ok(message) => messages.push(message),
            Err(reason) => rejected.push(Rejected { index, reason }),
        }
    }
    metrics::counter!("webhook_rows_total", "outcome" => "rejected").increment(rejected.len() as u64);
    (messages, rejected)
}

/// How many were new and how many the bus had already.
async fn publish(ctx: &Context, messages: &[ChatMessage]) -> Result<(usize, usize), String> {
    let outgoing = messages
        .iter()
        .map(|message| {
            Ok(Outgoing {
                subject: subject::chat_message(&message.room_key()),
                id: message.key().to_string(),
                payload: encode(message).map_err(|error| chain(&error))?,
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let mut duplicates = 0;
    for answer in ctx.bus.publish_all(&outgoing).await {
        duplicates += usize::from(answer.map_err(|error| chain(&error))?);
    }
    metrics::counter!("webhook_rows_total", "outcome" => "accepted")
        .increment((messages.len() - duplicates) as u64);
    Ok((messages.len() - duplicates, duplicates))
}
