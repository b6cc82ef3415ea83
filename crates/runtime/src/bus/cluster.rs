//! A bus of several servers: where they are, and when to leave one for another.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{ReconnectToServer, Server, ServerAddr};

use super::{Bus, BusError};

/// A server is not left sooner after the last one was: whoever moved gets time to find the leaders of the streams.
const STAY: Duration = Duration::from_secs(5);
/// A client that is looking for a server takes no orders.
const ORDER_TIMEOUT: Duration = Duration::from_secs(1);

/// How one server is left for another. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Moves {
    last: Arc<Mutex<Option<Instant>>>,
    /// The next connection is to be made elsewhere.
    wanted: Arc<AtomicBool>,
    /// Whose turn it is.
    turn: Arc<AtomicUsize>,
}

/// The addresses of an URL that names one or several, separated by commas.
pub(super) fn servers(url: &str) -> Result<Vec<ServerAddr>, BusError> {
    url.split(',').map(|server| server.trim().parse().map_err(|_| BusError::Url)).collect()
}

impl Moves {
    fn may(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last.is_none_or(|at| at.elapsed() >= STAY);
        if may {
            *last = Some(Instant::now());
        }
        may
    }

    /// The servers in turn, if one is to be left. The client itself prefers those that failed least, and a server that is
    /// cut off from the others takes clients and never fails: it would come back to it for ever.
    pub(super) fn choose(&self, servers: &[Server]) -> Option<ReconnectToServer> {
        if servers.is_empty() || !self.wanted.swap(false, Ordering::Relaxed) {
            return None;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % servers.len();
        Some(ReconnectToServer { addr: servers[turn].addr.clone(), delay: Some(Duration::ZERO) })
    }
}

impl Bus {
    /// Leaves the server for another of the cluster, if there are several. A server that is cut off from the others keeps
    /// its clients, and nothing can be done through it. Without a connection the client is looking for a server anyway.
    pub(super) async fn try_another_server(&self) {
        let servers = self.servers.max(self.client.server_info().connect_urls.len());
        if servers > 1 && self.is_connected() && self.moves.may() {
            tracing::warn!(servers, "the bus does not work through this server, trying another");
            metrics::counter!("bus_servers_left_total").increment(1);
            self.moves.wanted.store(true, Ordering::Relaxed);
            tokio::time::timeout(ORDER_TIMEOUT, self.client.force_reconnect()).await.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_has_its_turn_and_only_when_one_is_left() {
        let servers: Vec<Server> = servers("nats://a,nats://b,nats://c")
            .unwrap()
            .into_iter()
            .map(|addr| Server {
                addr,
                failed_attempts: 0,
                did_connect: true,
                is_discovered: false,
                last_error: None,
            })
            .collect();
        let moves = Moves::default();
        assert!(moves.choose(&servers).is_none());
        let chosen: Vec<String> = (0..4)
            .map(|_| {
                moves.wanted.store(true, Ordering::Relaxed);
                moves.choose(&servers).unwrap().addr.host().to_owned()
            })
            .collect();
        assert_eq!(chosen, ["a", "b", "c", "a"]);
        assert!(moves.choose(&servers).is_none());
    }
}
