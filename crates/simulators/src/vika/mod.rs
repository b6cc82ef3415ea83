//! A fake of the Vika Fusion API, for tests and for the demo.
//!
//! It reproduces what was observed on a running server of the open-source core, traps first: errors under HTTP 200,
//! success that stored nothing, columns ignored because somebody renamed them, a rate window that punishes bursts,
//! parameter checks that never answer. It must never be kinder than that, and it shares no code with the client.
//!
//! Not simulated: attachments, links between sheets, links to embed, members and their roles, permissions per column,
//! grouping and sorting of views, automations.
//!
//! Besides the API, `/_sim/…` takes faults and switches and shows calls and sheets; see the routes in `routes/sim.rs`.

mod calls;
mod config;
mod dates;
mod faults;
mod field;
mod formula;
mod gate;
mod limits;
mod messages;
mod query;
mod render;
mod routes;
mod state;
#[cfg(test)]
mod tests;
mod values;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

pub use config::{Clock, DEFAULT_RATE_LIMIT, VikaConfig, VikaMember, VikaSpace, VikaToken};
use state::World;

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

    fn now_ms(&self) -> i64 {
        (self.clock)().timestamp_millis()
    }

    /// Waits, but not past the end of the simulator.
    async fn wait(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.closing.cancelled() => {}
        }
    }
}

/// Starts a simulator with empty spaces.
///
/// # Errors
/// When the address cannot be bound.
pub async fn start(config: VikaConfig) -> io::Result<Running> {
    let closing = CancellationToken::new();
    let sim = Arc::new(Sim {
        world: Mutex::new(World::new(&config)),
        clock: config.clock,
        closing: closing.clone(),
    });
    let app = routes::sim::router().fallback(gate::serve).with_state(sim);
    server::start("vika_simulator", (config.bind, config.beyond_loopback), app, closing).await
}
