//! A fake of the Huoban (伙伴云) open API, for tests and for the demo.
//!
//! It does what the official pages show, and where they are silent it is as awkward as public code says the real service
//! may be: failures under HTTP 200, a schema in two shapes, pages that are capped, batches that happen later and only in
//! part, creations that are done though their answer is lost. What nobody knows is a switch (`config::Settings`). It must
//! never be kinder than that, and it shares no code with the client.
//!
//! Codes other than 3500002 and 9600001 are invented: no list of them is public. Not simulated: files, events with their
//! encryption, permissions per row, views.
//!
//! Besides the API, `/` shows the tables to people, and `/_sim/…` takes faults, switches and what people do by hand.

mod api;
mod config;
mod faults;
mod gate;
mod page;
mod query;
mod sim;
#[cfg(test)]
mod tests;
mod values;
mod world;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use runtime::serve::{Limits, Server};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use config::{Clock, HuobanConfig};
use world::World;

use crate::vika::wire;

struct Sim {
    world: Mutex<World>,
    clock: Clock,
    closing: CancellationToken,
}

impl Sim {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time as rows carry it.
    fn now(&self) -> String {
        (self.clock)().format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Waits, but not past the end of the simulator.
    async fn wait(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.closing.cancelled() => {}
        }
    }
}

/// A running simulator. It ends when it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    /// Base address, `http://127.0.0.1:<port>`; the API is below `/openapi/v1`.
    pub url: String,
    closing: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl Running {
    /// Stops answering and waits until the port is free again.
    pub async fn stop(mut self) {
        self.closing.cancel();
        if let Some(server) = self.server.take()
            && let Err(error) = server.await
        {
            tracing::warn!(%error, "the Huoban simulator did not end cleanly");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

/// Starts a simulator with an empty space.
///
/// # Errors
/// When the address cannot be bound.
pub async fn start(config: HuobanConfig) -> io::Result<Running> {
    if !config.bind.ip().is_loopback() && !config.beyond_loopback {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the simulator listens on loopback only"));
    }
    let listener = TcpListener::bind(config.bind).await?;
    let address: SocketAddr = listener.local_addr()?;
    let closing = CancellationToken::new();
    let world = Mutex::new(World::new(config.key, config.space));
    let sim = Arc::new(Sim { world, clock: config.clock, closing: closing.clone() });
    let app = sim::router().fallback(gate::serve).with_state(sim);
    let serving = Server::new("huoban_simulator", Limits::LOOPBACK);
    let server =
        tokio::spawn(serving.serve_with(listener, app, closing.clone().cancelled_owned(), wire::cuttable));
    Ok(Running { url: format!("http://{address}"), closing, server: Some(server) })
}
