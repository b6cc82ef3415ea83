//! The section `database`: where Postgres is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::passwords;
use crate::problem::Problems;

/// Where Postgres is. Each service logs in with the role of its own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Host name, or the folder of a unix socket (starts with `/`). Of a primary with standbys all of them, separated by
    /// commas, each with a port of its own if need be (`db-1,db-2:5433`): whichever takes writes is used.
    pub host: String,
    /// TCP port, or the socket's port number, where `host` names none.
    #[serde(default = "default_postgres_port")]
    pub port: u16,
    /// Database name.
    pub name: String,
    /// Path of a certificate authority (PEM) that the servers' TLS certificates, made out for the names in `host`, must
    /// come from, if not from one that browsers trust; `null`: TLS where a server offers it, and nobody looks at its certificate.
    #[serde(default)]
    pub tls_ca: Option<PathBuf>,
    /// Passwords by role: each service's own (`room_state` for `room-state`), `operator`, `reader`, and `admin`, the
    /// superuser that `huiyin apply` migrates with.
    #[serde(default)]
    pub passwords: BTreeMap<String, Secret>,
    /// Path of the files that hold the passwords that are not given above, with `{role}` in the place of the role:
    /// `/run/secrets/postgres_{role}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_files: Option<String>,
    /// The superuser's name.
    #[serde(default = "default_admin")]
    pub admin: String,
}

const fn default_postgres_port() -> u16 {
    5432
}

fn default_admin() -> String {
    "postgres".to_owned()
}

/// An address of Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Host name, or the folder of a unix socket (starts with `/`).
    pub host: String,
    pub port: u16,
}

impl Server {
    fn parse(text: &str, port: u16) -> Option<Self> {
        let text = text.trim();
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !text.starts_with('/') && !host.contains(':') => (host, port.parse().ok()?),
            _ => (text, port),
        };
        (!host.is_empty()).then(|| Self { host: host.to_owned(), port })
    }
}

impl Database {
    /// Its servers; `None`: `host` cannot be read.
    pub fn servers(&self) -> Option<Vec<Server>> {
        self.host.split(',').map(|server| Server::parse(server, self.port)).collect()
    }

    pub(crate) fn check(&self, problems: &mut Problems) {
        passwords::check("database", &self.passwords, self.password_files.as_deref(), problems);
        if self.servers().is_none() {
            problems.add(
                "database.host",
                "expected host names separated by commas, each with or without `:port`",
            );
        }
    }

    pub(crate) fn check_complete(&self, problems: &mut Problems) {
        passwords::check_given("database", &self.passwords, passwords::logins(), problems);
    }
}
