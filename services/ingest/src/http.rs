//! The HTTP listener that the webhook and the operator's pages share.

use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use runtime::Context;
use runtime::serve::{Limits, Server};
use tokio::net::TcpListener;

use crate::callers::Gate;
use crate::capture::Capture;
use crate::contacts::Contacts;
use crate::order::CaptureOrder;
use crate::{page, webhook};

/// The webhook takes large bodies; everything else as everywhere.
const LIMITS: Limits = Limits { body: webhook::MAX_BODY, ..Limits::OUTWARD };

/// Takes the configured address.
///
/// # Errors
/// If it cannot be bound.
pub async fn bind(ctx: &Context) -> anyhow::Result<TcpListener> {
    let address = ctx.config.ingest.listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("ingest.listen: cannot listen on {address}"))?;
    tracing::info!(%address, "webhook listens");
    Ok(listener)
}

/// Serves until the shutdown is requested.
pub async fn serve(
    ctx: Context,
    listener: TcpListener,
    capture: Option<Arc<Capture>>,
    contacts: Contacts,
    order: Arc<CaptureOrder>,
) {
    let (shutdown, gate) = (ctx.shutdown.clone(), Arc::new(Gate::of(&ctx.config.ingest.webhook_tokens)));
    let server = Server::new("ingest", LIMITS).behind(&ctx.config.http.trusted_proxies);
    let router = Router::new()
        .merge(webhook::router(ctx.clone(), gate.clone(), contacts, order))
        .merge(page::router(ctx.clone(), capture, gate))
        .merge(Router::new().route("/healthz", get(healthz)).with_state(ctx));
    server.serve(listener, router, async move { shutdown.wait().await }).await;
}

/// Whether messages are taken, for whoever hands them on: anybody may ask, so that nothing else is told. While Postgres is
/// away they are taken all the same.
async fn healthz(State(ctx): State<Context>) -> Response {
    let ok = ctx.bus.is_connected() && ctx.health.silent().is_empty();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(serde_json::json!({ "ok": ok }))).into_response()
}
