//! The HTTP listener that the webhook and the operator's pages share.

use std::future::IntoFuture as _;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::routing::get;
use runtime::Context;
use runtime::telemetry::chain;
use tokio::net::TcpListener;

use crate::capture::Capture;
use crate::{page, webhook};

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
pub async fn serve(ctx: Context, listener: TcpListener, capture: Option<Arc<Capture>>) {
    let shutdown = ctx.shutdown.clone();
    let router = Router::new()
        .merge(webhook::router(ctx.clone()))
        .merge(page::router(ctx, capture))
        .route("/healthz", get(|| std::future::ready("ok")));
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(async move { shutdown.wait().await })
        .into_future()
        .await;
    if let Err(error) = served {
        tracing::error!(error = chain(&error), "the webhook ended");
    }
}
