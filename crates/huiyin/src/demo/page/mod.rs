//! The page on which one plays customer, salesperson and manager. It only passes on: messages to the gateway (or the
//! webhook), edits to Vika with the manager's token, clicks to Feishu; and shows what those and the database hold.

mod api;
mod files;
mod sources;
mod tables;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use runtime::serve::{Limits, Server};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use sources::{Addresses, Sources};

/// The page is served here if the port is free, so that an open tab survives a restart.
const PREFERRED_PORT: u16 = 8400;

pub struct Page {
    address: SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Page {
    /// Serves the page on loopback.
    pub async fn on_loopback(sources: Sources) -> Result<Self> {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, PREFERRED_PORT)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("serving the page")?,
        };
        Self::serve(sources, listener)
    }

    /// Serves it on the usual port of an address: that of a container, whose port is published on loopback.
    pub async fn on(sources: Sources, address: IpAddr) -> Result<Self> {
        let listener = TcpListener::bind((address, PREFERRED_PORT)).await.context("serving the page")?;
        Self::serve(sources, listener)
    }

    fn serve(sources: Sources, listener: TcpListener) -> Result<Self> {
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let server = Server::new("demo_page", Limits::LOOPBACK);
        let task = tokio::spawn(server.serve(listener, router(sources), stopped.cancelled_owned()));
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
    files::routes().merge(api::routes()).with_state(Arc::new(sources)).layer(from_fn(only_loopback))
}

/// Answers only what is addressed to loopback: a page of another host could otherwise reach this one by a name of its
/// own that it lets point here.
async fn only_loopback(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if matches!(name, "127.0.0.1" | "localhost") {
        next.run(request).await
    } else {
        StatusCode::MISDIRECTED_REQUEST.into_response()
    }
}
