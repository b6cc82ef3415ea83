//! A bus of several servers: where they are, and when to leave one for another.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::ServerAddr;

use super::{Bus, BusError};

/// A server is not left sooner after it was chosen: a new leader of a stream takes up to ten seconds to be found.
const STAY: Duration = Duration::from_secs(5);

/// When a server was left last.
pub(super) type Moves = Arc<Mutex<Option<Instant>>>;

/// The addresses of an URL that names one or several, separated by commas.
pub(super) fn servers(url: &str) -> Result<Vec<ServerAddr>, BusError> {
    url.split(',').map(|server| server.trim().parse().map_err(|_| BusError::Url)).collect()
}

impl Bus {
    /// Leaves the server for any of the cluster, if there are several. A server that is cut off from the others keeps its
    /// clients, and nothing can be done through it.
    pub(super) async fn try_another_server(&self) {
        let servers = self.client.server_pool().await.map_or(1, |servers| servers.len());
        if servers > 1 && self.may_move() {
            tracing::warn!(servers, "the bus does not work through this server, trying another");
            metrics::counter!("bus_servers_left_total").increment(1);
            self.client.force_reconnect().await.ok();
        }
    }

    fn may_move(&self) -> bool {
        let mut last = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last.is_none_or(|at| at.elapsed() >= STAY);
        if may {
            *last = Some(Instant::now());
        }
        may
    }
}
