//! A server that also listens on TCP, for tests of connections as a managed server has them: with TLS and no others.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::PoisonError;

use super::PrivatePostgres;
use crate::error::{Error, IoContext as _};
use crate::secret::write_private;

/// Everybody with a password, from this machine.
const RULE: &str = "hostssl all all 127.0.0.0/8 scram-sha-256\n";

impl PrivatePostgres {
    /// Starts it again; from now on it listens on an address of this machine too, at [`super::SOCKET_PORT`], with this
    /// certificate and its key (PEM).
    pub async fn listen(&self, address: IpAddr, certificate: &str, key: &str) -> Result<(), Error> {
        let data = &self.cluster.data;
        // The names that Postgres expects.
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = data.join(name);
            write_private(&file, text)?;
            self.cluster.account.give(&file)?;
        }
        let rules = data.join("pg_hba.conf");
        let mut file = OpenOptions::new().append(true).open(&rules).context("open", &rules)?;
        file.write_all(RULE.as_bytes()).context("write", &rules)?;
        *self.network.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
        self.stop().await;
        self.boot().await
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        *self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
