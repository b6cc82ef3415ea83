//! What a caller may say about the local servers.

use std::path::PathBuf;

/// Receives one line of English for every step that may take longer than a moment.
pub type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// A [`Progress`] that says nothing.
pub fn silent(_line: &str) {}

/// How hard the servers work so that a power cut loses nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit and every acknowledged publish is on disk: Postgres with `fsync`, JetStream with
    /// `sync_interval: always`.
    Durable,
    /// For tests: what was committed or acknowledged survives the death of a process, not of the machine.
    Fast,
}

/// Where the local servers live and, if the operator said so, which programs they are.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder with `initdb` and `postgres`, or the path of `postgres` itself. `None`: look for it, else
    /// fetch it.
    pub postgres_bin: Option<PathBuf>,
    /// The path of `nats-server`. `None`: look for it, else fetch it.
    pub nats_server: Option<PathBuf>,
    /// The folder of everything private: data, passwords, logs. Usually `.huiyin`.
    pub home: PathBuf,
    /// Where fetched programs are kept; may be shared by any number of processes. `None`: `tools` under
    /// `home`.
    pub tools: Option<PathBuf>,
    /// Whether the programs that the machine already has may be used. `false` goes straight to the Python
    /// packages.
    pub usual_places: bool,
    /// How durable the servers are.
    pub durability: Durability,
    /// Users of the bus besides its superuser, as entries of the list `users` in nats-server's configuration.
    pub bus_users: String,
}

impl Settings {
    /// Durable servers in `home`, with whatever programs can be found or fetched.
    pub fn in_home(home: impl Into<PathBuf>) -> Self {
        Self {
            postgres_bin: None,
            nats_server: None,
            home: home.into(),
            tools: None,
            usual_places: true,
            durability: Durability::Durable,
            bus_users: String::new(),
        }
    }

    pub(crate) fn tools(&self) -> PathBuf {
        self.tools.clone().unwrap_or_else(|| self.home.join("tools"))
    }
}
