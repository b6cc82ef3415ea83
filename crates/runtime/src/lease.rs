//! A lease: of all processes that want one thing, one has it. A Postgres advisory lock on a connection of its own, so
//! that the database lets it go when the holder dies, however it dies.
//!
//! A process that is stopped (SIGSTOP, a frozen container) is not dead: its kernel answers for it, and no keepalive ends
//! the connection. So the lease pings all by itself, and the database ends a session that is idle for longer.

use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::Mutex;

use crate::Shutdown;

/// How often somebody who waits asks again.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long the database may take to say that the lease is still held.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// A holder of whom the database has heard nothing for so long has it no more. In real time, as the database counts.
const IDLE: Duration = Duration::from_secs(15);
/// Pings within that time: one that is late, and one that takes its time, lose nothing.
const PINGS: u32 = 4;
/// Server settings of the connection: a holder whose machine vanished is noticed after about 25 s.
const KEEPALIVES: [(&str, &str); 3] =
    [("tcp_keepalives_idle", "10"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "3")];

/// The connection, while the lease is held.
type Held = Mutex<Option<PgConnection>>;

/// A lease that is held until it is dropped, its connection breaks, or its process does not run for [`IDLE`].
#[derive(Debug)]
pub struct Lease {
    held: Arc<Held>,
}

/// The lease's connection broke: somebody else may have it by now.
#[derive(Debug, thiserror::Error)]
#[error("the lease is lost")]
pub struct LeaseLost(#[source] sqlx::Error);

impl Lease {
    /// Waits until the lease called `name` is free and takes it. `None`: the shutdown came first. `beat` is called
    /// with each answer: waiting is what a standby is there for, but without a database nobody does any work.
    pub async fn acquire(db: &PgPool, name: &str, shutdown: &Shutdown, beat: impl Fn()) -> Option<Self> {
        Self::acquire_for(db, name, IDLE, shutdown, beat).await
    }

    /// The same; it is lost by a process that does not run for `idle`, whole milliseconds.
    pub async fn acquire_for(
        db: &PgPool,
        name: &str,
        idle: Duration,
        shutdown: &Shutdown,
        beat: impl Fn(),
    ) -> Option<Self> {
        let mut asking = None;
        loop {
            // Waiting costs a query each time, not a connection: it is given back only once, with the lease.
            match tokio::time::timeout(CHECK_TIMEOUT, ask(db, name, idle, asking.take())).await {
                Ok(Ok((connection, true))) => return Some(Self::over(connection, idle)),
                Ok(Ok((connection, false))) => {
                    asking = Some(connection);
                    beat();
                    tracing::debug!(lease = name, "another process has the lease");
                }
                Ok(Err(error)) => tracing::warn!(lease = name, %error, "the lease cannot be asked for"),
                Err(_elapsed) => tracing::warn!(lease = name, "the database does not say who has the lease"),
            }
            if !shutdown.sleep(ASK_EVERY).await {
                return None;
            }
        }
    }

    /// Takes it if it is free. `None`: another process has it.
    pub async fn try_acquire(db: &PgPool, name: &str) -> Result<Option<Self>, sqlx::Error> {
        Self::try_acquire_for(db, name, IDLE).await
    }

    /// The same; it is lost by a process that does not run for `idle`, whole milliseconds.
    pub async fn try_acquire_for(
        db: &PgPool,
        name: &str,
        idle: Duration,
    ) -> Result<Option<Self>, sqlx::Error> {
        let (connection, got) = ask(db, name, idle, None).await?;
        Ok(got.then(|| Self::over(connection, idle)))
    }

    fn over(connection: PgConnection, idle: Duration) -> Self {
        let held = Arc::new(Mutex::new(Some(connection)));
        tokio::spawn(keep(Arc::downgrade(&held), idle / PINGS));
        Self { held }
    }

    /// Makes sure that it is still held.
    pub async fn check(&mut self) -> Result<(), LeaseLost> {
        ping(&self.held).await
    }
}

/// Asks for the lease, on a connection that asked before if there is one. `true`: the connection has it now.
async fn ask(
    db: &PgPool,
    name: &str,
    idle: Duration,
    asked: Option<PgConnection>,
) -> Result<(PgConnection, bool), sqlx::Error> {
    let mut connection = if let Some(connection) = asked {
        connection
    } else {
        let options = db.connect_options().as_ref().clone().options(KEEPALIVES);
        let options = options.options([("idle_session_timeout", idle.as_millis().to_string())]);
        PgConnection::connect_with(&options).await?
    };
    let got = sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended($1, 0))")
        .bind(name)
        .fetch_one(&mut connection)
        .await?;
    Ok((connection, got))
}

/// Pings until the lease is dropped or lost. Whoever holds it learns of that from [`Lease::check`].
async fn keep(held: Weak<Held>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(held) = held.upgrade() else { return };
        if ping(&held).await.is_err() {
            return;
        }
    }
}

async fn ping(held: &Held) -> Result<(), LeaseLost> {
    let mut held = held.lock().await;
    let Some(connection) = held.as_mut() else {
        return Err(LeaseLost(sqlx::Error::Io(std::io::ErrorKind::NotConnected.into())));
    };
    let timed_out = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
    let answered = tokio::time::timeout(CHECK_TIMEOUT, connection.ping()).await.unwrap_or_else(timed_out);
    answered.map_err(|lost| {
        *held = None;
        LeaseLost(lost)
    })
}
