//! The page on which one plays customer, salesperson and manager. It only passes on: messages to the gateway (or the
//! webhook), edits to Vika with the manager's token, clicks to Feishu; and shows what those and the database hold.

mod api;
mod sources;

use std::future::IntoFuture;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use sources::Sources;

/// The page is served here if the port is free, so that an open tab survives a restart.
const PREFERRED_PORT: u16 = 8400;

/// The running page.
pub struct Page {
    address: SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Page {
    /// Serves the page on loopback.
    pub async fn start(sources: Sources) -> Result<Self> {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, PREFERRED_PORT)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("serving the page")?,
        };
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serve = axum::serve(listener, router(sources)).with_graceful_shutdown(stopped.cancelled_owned());
        let task = tokio::spawn(async move {
            if let Err(error) = serve.into_future().await {
                tracing::error!(%error, "the page ended");
            }
        });
        Ok(Self { address, stop, task })
    }

    /// Where it is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops serving. Open connections are cut: they would only poll on.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.abort();
        drop(self.task.await);
    }
}

fn router(sources: Sources) -> Router {
    let file =
        |kind: &'static str, text: &'static str| get(move || async move { ([(CONTENT_TYPE, kind)], text) });
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("index.html")))
        .route("/page.css", file("text/css; charset=utf-8", include_str!("page.css")))
        .route("/page.js", file("text/javascript; charset=utf-8", include_str!("page.js")))
        .merge(api::routes())
        .with_state(Arc::new(sources))
}
