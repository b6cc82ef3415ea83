//! A private Postgres: reachable through a unix socket of its own only, with a password for everybody.
//!
//! What is in the databases, and which roles may do what, belongs to the crates that own the tables.

mod admin;
mod cluster;
mod network;
mod socket;
mod standby;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::Mutex;

use crate::account::Account;
use crate::binaries::{PostgresBinaries, absolute};
use crate::error::Error;
use crate::process::{self, LOOK_AGAIN, Launch, Process};
use crate::supervise::{Child, Refusal};
use crate::{Durability, Progress, place};
use cluster::Cluster;
use socket::SocketFolder;

pub(crate) use cluster::server_on;
pub(crate) use socket::path_for as socket_folder_for;

const NAME: &str = "Postgres";
/// The role that `initdb` makes.
const SUPERUSER: &str = "postgres";
/// The database that `initdb` makes for administration.
const MAINTENANCE: &str = "postgres";
/// Only part of the socket's name here; no TCP port is opened.
/// The number in the name of the socket file; nothing listens on TCP.
pub const SOCKET_PORT: u16 = 5432;
/// Enough for every service's pool several times over, and for parallel tests.
const MAX_CONNECTIONS: u32 = 200;
/// From start to the first accepted connection; recovery after a crash may take a while.
const READY_LIMIT: Duration = Duration::from_mins(1);
/// One attempt to connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a fast shutdown may take, checkpoint included.
const STOP_GRACE: Duration = Duration::from_secs(20);
/// Backends of a killed server need a moment to notice; until then the next one is refused their shared
/// memory.
const LINGER_LIMIT: Duration = Duration::from_secs(10);
/// One that is deep in a statement, or stopped, does not notice: after this it is ended.
const NOTICE_LIMIT: Duration = Duration::from_millis(500);
/// How Postgres says so.
const LINGERING: &str = "is still in use";

/// A Postgres server of our own. Dropping it stops it; so does the end of this process, of whatever kind.
#[derive(Debug)]
pub struct PrivatePostgres {
    // Before the socket folder: the server goes first.
    process: Mutex<Option<Process>>,
    cluster: Cluster,
    socket: SocketFolder,
    durability: Durability,
    /// Where it listens besides, with TLS alone.
    network: std::sync::Mutex<Option<IpAddr>>,
}

impl PrivatePostgres {
    /// Starts Postgres on the data in `folder`, which is made first if there is none. As root, and if the
    /// account that Postgres then runs as cannot enter `folder`, the data lie elsewhere and a note in
    /// `folder` says where.
    pub async fn start(
        programs: &PostgresBinaries,
        folder: &Path,
        durability: Durability,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        let folder = absolute(folder);
        let account = Account::for_postgres(Some(&folder.join(cluster::DATA)))?;
        let former = place::noted(&folder);
        let place = place::reachable(&folder, &account, progress)?;
        expect_data(&folder, former, &place)?;
        // Once more, because the data may have been lying elsewhere all the time.
        let account = Account::for_postgres(Some(&place.join(cluster::DATA)))?;
        let cluster = Cluster::provide(programs, &place, account, durability, progress).await?;
        let socket = SocketFolder::make(&cluster.data, &cluster.account)?;
        let network = std::sync::Mutex::default();
        let postgres = Self { process: Mutex::new(None), cluster, socket, durability, network };
        progress("starting Postgres");
        postgres.boot().await?;
        Ok(postgres)
    }

    /// Starts the server again after [`Self::stop`] or [`Self::kill`], on the same data and socket.
    pub async fn boot(&self) -> Result<(), Error> {
        let mut slot = self.process.lock().await;
        if slot.is_some() {
            return Err(Error::StillUp(NAME));
        }
        self.cluster.check_whole()?;
        self.cluster.clear_leftovers().await?;
        let began = Instant::now();
        let process = loop {
            match self.launch().await {
                Err(Error::Server { log, .. })
                    if log.contains(LINGERING) && began.elapsed() < LINGER_LIMIT =>
                {
                    if began.elapsed() > NOTICE_LIMIT {
                        self.cluster.end_backends();
                    }
                    tokio::time::sleep(LOOK_AGAIN * 10).await;
                }
                outcome => break outcome?,
            }
        };
        *slot = Some(process);
        Ok(())
    }

    /// Stops the server in an orderly way: clients are disconnected, everything is written. Idempotent.
    pub async fn stop(&self) {
        if let Some(process) = self.process.lock().await.take() {
            process.end().await;
        }
        self.socket.clear();
    }

    /// Kills the server as a crash would. For chaos tests; [`Self::boot`] brings it back.
    pub async fn kill(&self) {
        if let Some(process) = self.process.lock().await.take() {
            process.kill().await;
        }
    }

    /// The server's process id while it runs.
    pub async fn pid(&self) -> Option<u32> {
        self.process.lock().await.as_ref().map(Process::pid)
    }

    /// How to connect as `role` to `database`.
    pub fn connect_options(&self, role: &str, password: &str, database: &str) -> PgConnectOptions {
        // Everything is set here, so that nothing of the caller's PG* variables gets in.
        PgConnectOptions::new_without_pgpass()
            .socket(self.socket.path())
            .port(SOCKET_PORT)
            .username(role)
            .password(password)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
    }

    /// How to connect as the superuser to the maintenance database; choose another with `.database(…)`.
    pub fn superuser(&self) -> PgConnectOptions {
        self.connect_options(SUPERUSER, self.cluster.password.expose(), MAINTENANCE)
    }

    /// The superuser's password. Not to be printed.
    pub fn superuser_password(&self) -> &str {
        self.cluster.password.expose()
    }

    /// The folder of the server's unix socket.
    pub fn socket_folder(&self) -> &Path {
        self.socket.path()
    }

    /// Where the data really lie.
    pub fn data_folder(&self) -> &Path {
        &self.cluster.data
    }

    async fn launch(&self) -> Result<Process, Error> {
        let cluster = &self.cluster;
        self.socket.make_empty(&cluster.account)?;
        let mut process = Process::start(Launch {
            server: NAME,
            program: &cluster.programs.postgres(),
            args: self.arguments(),
            account: &cluster.account,
            log: &cluster.log,
            on_our_death: "INT",
            stop: Signal::INT,
            grace: STOP_GRACE,
        })
        .await?;
        self.until_ready(&mut process).await?;
        Ok(process)
    }

    async fn until_ready(&self, process: &mut Process) -> Result<(), Error> {
        let options = self.superuser();
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            process.still_alive()?;
            let attempt = tokio::time::timeout(CONNECT_LIMIT, PgConnection::connect_with(&options)).await;
            let problem = match attempt {
                Ok(Ok(connection)) => {
                    let _ = connection.close().await;
                    return Ok(());
                }
                Ok(Err(e)) if is_password_refused(&e) => {
                    return Err(process.failure("refuses the password kept beside its data".to_owned()));
                }
                Ok(Err(e)) => e.to_string(),
                Err(_) => "no answer".to_owned(),
            };
            if Instant::now() >= deadline {
                let limit = READY_LIMIT.as_secs();
                return Err(process.failure(format!("was not ready within {limit} s ({problem})")));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn arguments(&self) -> Vec<std::ffi::OsString> {
        let mut args = vec!["-D".into(), self.cluster.data.clone().into()];
        args.extend(["-k".into(), self.socket.path().into()]);
        let mut set = |name: &str, value: &str| args.extend(["-c".into(), format!("{name}={value}").into()]);
        match self.address() {
            Some(address) => {
                set("listen_addresses", &address.to_string());
                set("ssl", "on");
            }
            None => set("listen_addresses", ""),
        }
        set("port", &SOCKET_PORT.to_string());
        set("unix_socket_permissions", "0700");
        set("max_connections", &MAX_CONNECTIONS.to_string());
        set("password_encryption", "scram-sha-256");
        set("timezone", "UTC");
        set("log_timezone", "UTC");
        if self.durability == Durability::Fast {
            // Commits stay synchronous: without fsync they cost next to nothing, and what was committed must
            // outlive a kill of the server also in a test.
            set("fsync", "off");
            set("full_page_writes", "off");
        }
        args
    }
}

impl Child for PrivatePostgres {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn death(&self) -> String {
        process::death(&self.process, Process::end_by_itself).await
    }

    async fn revive(&self) -> Result<(), Refusal> {
        Ok(self.boot().await?)
    }
}

/// A home that was copied from behind a door that Postgres may not open has a note in the place of its data. Begun with
/// an empty database it would look like one that lost everything.
/// Neither may they be gone from where they lay.
fn expect_data(folder: &Path, former: Option<PathBuf>, place: &Path) -> Result<(), Error> {
    let Some(former) = former.filter(|_| !place.join(cluster::DATA).exists()) else { return Ok(()) };
    if former == place {
        return expect_never_used(folder, place);
    }
    let problem = format!(
        "the data of the home that it was copied from are in {former}; run `cp -a {former}/. {place}/` as root while that \
         one is stopped",
        former = former.display(),
        place = place.display()
    );
    Err(Error::Unusable { folder: folder.to_owned(), problem })
}

/// The bus is started after the database, so that what it has left behind shows that there was one.
fn expect_never_used(folder: &Path, place: &Path) -> Result<(), Error> {
    if !folder.parent().is_some_and(|home| home.join("nats/store").exists()) {
        return Ok(());
    }
    let problem = format!(
        "its data lay in {place} and are gone; put a copy of that folder back, or remove the whole home to begin anew",
        place = place.display()
    );
    Err(Error::Unusable { folder: folder.to_owned(), problem })
}

/// SQLSTATE 28P01, which no waiting changes.
fn is_password_refused(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| e.code().as_deref() == Some("28P01"))
}
