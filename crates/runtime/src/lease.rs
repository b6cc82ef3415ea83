//! A lease: of all processes that want one thing, one has it. A Postgres advisory lock on a connection of its own, so
//! that the database lets it go when the holder dies, however it dies.

use std::time::Duration;

use sqlx::{Connection, PgConnection, PgPool};

use crate::Shutdown;

/// How often somebody who waits asks again.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long the database may take to say that the lease is still held.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// Server settings of the connection: a holder whose machine vanished is noticed after about 25 s.
const KEEPALIVES: [(&str, &str); 3] =
    [("tcp_keepalives_idle", "10"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "3")];

/// A lease that is held until it is dropped or its connection breaks.
#[derive(Debug)]
pub struct Lease {
    connection: PgConnection,
}

/// The lease's connection broke: somebody else may have it by now.
#[derive(Debug, thiserror::Error)]
#[error("the lease is lost")]
pub struct LeaseLost(#[source] sqlx::Error);

impl Lease {
    /// Waits until the lease called `name` is free and takes it. `None`: the shutdown came first. `beat` is called
    /// with each answer: waiting is what a standby is there for, but without a database nobody does any work.
    pub async fn acquire(db: &PgPool, name: &str, shutdown: &Shutdown, beat: impl Fn()) -> Option<Self> {
        loop {
            match Self::try_acquire(db, name).await {
                Ok(Some(lease)) => return Some(lease),
                Ok(None) => {
                    beat();
                    tracing::debug!(lease = name, "another process has the lease");
                }
                Err(error) => tracing::warn!(lease = name, %error, "the lease cannot be asked for"),
            }
            if !shutdown.sleep(ASK_EVERY).await {
                return None;
            }
        }
    }

    /// Takes it if it is free. `None`: another process has it.
    pub async fn try_acquire(db: &PgPool, name: &str) -> Result<Option<Self>, sqlx::Error> {
        let options = db.connect_options().as_ref().clone().options(KEEPALIVES);
        let mut connection = PgConnection::connect_with(&options).await?;
        let got: bool = sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended($1, 0))")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        Ok(got.then_some(Self { connection }))
    }

    /// Makes sure that it is still held.
    pub async fn check(&mut self) -> Result<(), LeaseLost> {
        let timed_out = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
        tokio::time::timeout(CHECK_TIMEOUT, self.connection.ping())
            .await
            .unwrap_or_else(timed_out)
            .map_err(LeaseLost)
    }
}
