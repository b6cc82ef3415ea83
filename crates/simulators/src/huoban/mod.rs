//! A fake of the Huoban (伙伴云) open API, for tests and for the demo.
//!
//! It does what the official pages show, and where they are silent it is as awkward as public code says the real service
//! may be: failures under HTTP 200, a schema in two shapes, pages that are capped, creations that are done though their answer is lost. What nobody knows is a switch (`config::Settings`). It must
//! never be kinder than that, and it shares no code with the client.
//!
//! Codes other than 3500002 and 9600001 are invented: no list of them is public. Not simulated: batches (the
//! client makes none), files, events with their encryption, permissions per row, views.
//!
//! Besides the API, `/_sim/…` takes faults, switches and what people do by hand.

mod api;
mod config;
mod faults;
mod gate;
mod query;
mod sim;
#[cfg(test)]
mod tests;
mod values;
mod world;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

pub use config::{Clock, HuobanConfig};
use world::World;

use crate::server;
pub use crate::server::Running;

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

/// Starts a simulator with an empty space on a free loopback port.
///
/// # Errors
/// When no port can be bound.
pub async fn start(config: HuobanConfig) -> io::Result<Running> {
    let closing = CancellationToken::new();
    let world = Mutex::new(World::new(config.key, config.space));
    let sim = Arc::new(Sim { world, clock: config.clock, closing: closing.clone() });
    let app = sim::router().fallback(gate::serve).with_state(sim);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    server::start("huoban_simulator", (address, false), app, closing).await
}
