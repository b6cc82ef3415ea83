//! A private `nats-server` with JetStream: loopback only, ports that were free, a superuser of its own beside the users
//! that the caller gives.
//!
//! Streams, consumers, what they hold and who may do what belong to the crates that declare them.

use std::fmt;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::secret::Secret;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::account::Account;
use crate::binaries::{NatsBinary, absolute};
use crate::error::{Error, IoContext as _};
use crate::free_address;
use crate::liveness;
use crate::lock::FolderLock;
use crate::process::{self, LOOK_AGAIN, Launch, Process};
use crate::secret::{load_or_create, write_private};
use crate::supervise::{Child, Refusal};
use crate::{Durability, Progress};

const NAME: &str = "nats-server";
const USER: &str = "huiyin";
const PASSWORD_FILE: &str = "password";
/// Where a member of a cluster tells others to find it: nowhere, so that the given routes are the only ones.
const NOWHERE: u16 = 9;
/// From start to a good `/healthz`; recovery of a large store may take a while.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// The same of a server of a cluster: streams and consumers that had lost most of their servers elect leaders first.
const MEMBER_READY_LIMIT: Duration = Duration::from_mins(1);
/// One look at `/healthz`.
const PROBE_LIMIT: Duration = Duration::from_secs(2);
const STOP_GRACE: Duration = Duration::from_secs(10);
/// A port that was free a moment ago may be taken by the time the server wants it.
const PORT_ATTEMPTS: u32 = 5;
const PORT_TAKEN: &str = "address already in use";
/// Most that JetStream may keep in files.
const MAX_FILE: &str = "16GB";
/// Most that JetStream may keep in memory.
const MAX_MEMORY: &str = "256MB";

/// A `nats-server` of our own. Dropping it stops it; so does the end of this process, of whatever kind.
pub struct PrivateNats {
    process: Mutex<Option<Process>>,
    program: PathBuf,
    folder: PathBuf,
    ports: Ports,
    password: Secret,
    users: String,
    durability: Durability,
    member: Option<Member>,
    _lock: FolderLock,
}

/// Its place in a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Its name there.
    pub(crate) name: String,
    /// Where the other servers reach it.
    pub(crate) port: u16,
    /// The ports of this machine that lead to the others.
    pub(crate) routes: Vec<u16>,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    client: u16,
    monitor: u16,
}

impl PrivateNats {
    /// Starts `nats-server` on the store in `folder`, which is made first if there is none. `users` are those besides
    /// the superuser, as entries of its configuration's list `users`.
    pub async fn start(
        program: &NatsBinary,
        folder: &Path,
        users: &str,
        durability: Durability,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        let mut nats = Self::prepare(program, folder, users, durability)?;
        progress("starting nats-server");
        for _ in 1..PORT_ATTEMPTS {
            match nats.boot().await {
                Err(Error::Server { log, .. }) if log.contains(PORT_TAKEN) => {
                    nats.ports = free_ports().context("find free ports for", &nats.program)?;
                }
                outcome => return outcome.map(|()| nats),
            }
        }
        nats.boot().await.map(|()| nats)
    }

    fn prepare(
        program: &NatsBinary,
        folder: &Path,
        users: &str,
        durability: Durability,
    ) -> Result<Self, Error> {
        let folder = absolute(folder);
        let lock = FolderLock::take(&folder)?;
        Ok(Self {
            process: Mutex::new(None),
            program: program.path.clone(),
            password: load_or_create(&folder.join(PASSWORD_FILE))?,
            ports: free_ports().context("find free ports for", &program.path)?,
            folder,
            users: users.to_owned(),
            durability,
            member: None,
            _lock: lock,
        })
    }

    /// One server of a cluster, not started yet: none of them is ready before most of them run. All need one password.
    pub(crate) fn member(
        program: &NatsBinary,
        folder: &Path,
        users: &str,
        password: &Secret,
        member: Member,
    ) -> Result<Self, Error> {
        write_private(&folder.join(PASSWORD_FILE), password.expose())?;
        Ok(Self { member: Some(member), ..Self::prepare(program, folder, users, Durability::Fast)? })
    }

    /// Starts the server again after [`Self::stop`] or [`Self::kill`], on the same store and ports.
    pub async fn boot(&self) -> Result<(), Error> {
        let mut slot = self.process.lock().await;
        if slot.is_some() {
            return Err(Error::StillUp(NAME));
        }
        let config = self.folder.join("nats.conf");
        if let Some(pid) = self.left_over(&config) {
            return Err(Error::AlreadyRunning { folder: self.folder.clone(), pid: Some(pid) });
        }
        let log = self.folder.join("nats.log");
        self.provide_store(&log)?;
        write_private(&config, &self.configuration())?;
        let mut process = Process::start(Launch {
            server: NAME,
            program: &self.program,
            args: vec!["-c".into(), config.into()],
            account: &Account::own(),
            log: &log,
            on_our_death: "KILL",
            stop: Signal::TERM,
            grace: STOP_GRACE,
        })
        .await?;
        self.until_ready(&mut process).await?;
        *slot = Some(process);
        Ok(())
    }

    /// Stops the server in an orderly way. Idempotent.
    pub async fn stop(&self) {
        if let Some(process) = self.process.lock().await.take() {
            process.end().await;
        }
    }

    /// Kills the server as a crash would. For chaos tests; [`Self::boot`] brings it back.
    pub async fn kill(&self) {
        if let Some(process) = self.process.lock().await.take() {
            process.kill().await;
        }
    }

    /// An orderly stop and a new start on the same store and ports.
    pub async fn restart(&self) -> Result<(), Error> {
        self.stop().await;
        self.boot().await
    }

    /// The server's process id while it runs.
    pub async fn pid(&self) -> Option<u32> {
        self.process.lock().await.as_ref().map(Process::pid)
    }

    /// The superuser. async-nats 0.51 ignores the user and password of a URL (read in its connector.rs): hand
    /// it these through `ConnectOptions::with_user_and_password`.
    pub fn user(&self) -> &'static str {
        USER
    }

    /// The superuser's password. Not to be printed.
    pub fn password(&self) -> &str {
        self.password.expose()
    }

    /// `nats://user:password@127.0.0.1:port`, for clients that read them there; see [`Self::user`]. Not to be
    /// printed.
    pub fn client_url(&self) -> String {
        format!("nats://{USER}:{}@{}", self.password.expose(), self.address())
    }

    /// `127.0.0.1:port`, without the password.
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.ports.client)
    }

    /// Base address of the monitoring pages (`/healthz`, `/jsz`, …), which ask for no password.
    pub fn monitor_url(&self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.ports.monitor)
    }

    async fn until_ready(&self, process: &mut Process) -> Result<(), Error> {
        let limit = if self.member.is_some() { MEMBER_READY_LIMIT } else { READY_LIMIT };
        let deadline = Instant::now() + limit;
        loop {
            process.still_alive()?;
            let probe = tokio::time::timeout(PROBE_LIMIT, healthy(self.ports.monitor)).await;
            if matches!(probe, Ok(Ok(true))) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(process.failure(format!("was not healthy within {} s", limit.as_secs())));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The server would begin with an empty store wherever there is none, and nobody would miss the streams aloud. One
    /// that has written a log had a store.
    fn provide_store(&self, log: &Path) -> Result<(), Error> {
        let store = self.store();
        if store.is_dir() {
            return Ok(());
        }
        if log.exists() {
            let problem = format!(
                "what the bus kept is gone; put a copy of the whole home in its place, or remove {} to begin with an empty \
                 bus",
                self.folder.display()
            );
            return Err(Error::Unusable { folder: store, problem });
        }
        fs::create_dir(&store).context("create", &store)
    }

    fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// A server of an earlier huiyin that outlived it, on a machine that cannot tie a child to its parent.
    fn left_over(&self, config: &Path) -> Option<u32> {
        server_of(&self.folder.join("nats.pid"), config)
    }

    fn configuration(&self) -> String {
        let sync = match self.durability {
            Durability::Durable => "sync_interval: always",
            Durability::Fast => "",
        };
        format!(
            "server_name: \"{name}\"\n\
             listen: \"{host}:{client}\"\n\
             http: \"{host}:{monitor}\"\n\
             pid_file: {pid_file}\n\
             jetstream {{\n  store_dir: {store}\n  max_file_store: {MAX_FILE}\n  max_memory_store: {MAX_MEMORY}\n  {sync}\n}}\n\
             authorization {{\n  users: [\n{{ user: {USER}, password: \"{password}\" }}\n{users}]\n}}\n{cluster}",
            name = self.member.as_ref().map_or(USER, |member| &member.name),
            cluster = self.member.as_ref().map(|member| self.cluster(member)).unwrap_or_default(),
            host = Ipv4Addr::LOCALHOST,
            client = self.ports.client,
            monitor = self.ports.monitor,
            pid_file = quoted(&self.folder.join("nats.pid")),
            store = quoted(&self.store()),
            password = self.password.expose(),
            users = self.users,
        )
    }
}

impl PrivateNats {
    fn cluster(&self, member: &Member) -> String {
        let (host, password) = (Ipv4Addr::LOCALHOST, self.password.expose());
        let routes: Vec<String> =
            member.routes.iter().map(|port| format!("\"nats://{USER}:{password}@{host}:{port}\"")).collect();
        format!(
            "cluster {{\n  name: {USER}\n  listen: \"{host}:{port}\"\n  advertise: \"{host}:{NOWHERE}\"\n  \
             authorization {{ user: {USER}, password: \"{password}\" }}\n  routes: [{routes}]\n}}\n",
            port = member.port,
            routes = routes.join(", "),
        )
    }
}

impl Child for PrivateNats {
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

impl fmt::Debug for PrivateNats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateNats")
            .field("folder", &self.folder)
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}

/// The live server whose pid file this is and that was started with this configuration.
pub(crate) fn server_of(pid_file: &Path, config: &Path) -> Option<u32> {
    let pid = fs::read_to_string(pid_file).ok()?.trim().parse().ok()?;
    (liveness::alive(pid) && liveness::started_with(pid, config)).then_some(pid)
}

fn free_ports() -> io::Result<Ports> {
    Ok(Ports { client: free_address()?.port(), monitor: free_address()?.port() })
}

/// A path as a string of the configuration's language, in which a backslash begins an escape.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
}

async fn healthy(port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(1024).read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200"))
}
