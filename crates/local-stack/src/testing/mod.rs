//! Real servers for tests: one Postgres and one `nats-server` for each test process, gone with it.
//!
//! Always compiled, because other crates' tests use it; never for production code. Nothing here depends on
//! the caller's runtime or on its clock, so that tests with a paused clock may use it as well.

mod cluster;
mod folder;
mod link;

use std::collections::HashMap;
use std::future::Future;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use tokio::sync::{Mutex, OnceCell, oneshot};

use crate::account::Account;
use crate::error::{Error, IoContext as _};
pub use cluster::{TestCluster, nats_cluster};

use crate::{Durability, NatsBinary, PrivateNats, PrivatePostgres, Settings, Stack, place, silent};

static SERVERS: OnceCell<Servers> = OnceCell::const_new();

/// The servers of this test process.
#[derive(Debug)]
pub struct Servers {
    stack: Stack,
    templates: Mutex<HashMap<String, Arc<OnceCell<String>>>>,
    databases: AtomicU32,
}

/// The servers of this test process, started by whoever asks first. They end with the process.
pub async fn servers() -> Result<&'static Servers, Error> {
    SERVERS.get_or_try_init(|| apart(Servers::start())).await
}

/// A `nats-server` for a single test, with an empty store; it takes a few hundredths of a second. It ends,
/// and its store goes, when it is dropped. `users` are those besides the superuser, as [`Settings::bus_users`].
pub async fn nats(users: &str) -> Result<TestNats, Error> {
    let users = users.to_owned();
    apart(async move {
        let home = folder::of_this_process()?;
        let program = NatsBinary::resolve(&settings(&home)?, &silent).await?;
        let folder = TempDir::with_prefix_in("nats-", &home).context("create a folder in", &home)?;
        let nats = PrivateNats::start(&program, folder.path(), &users, Durability::Fast, &silent).await?;
        Ok(TestNats { nats, _folder: folder })
    })
    .await
}

/// A [`PrivateNats`] with its folder.
#[derive(Debug)]
pub struct TestNats {
    // Before the folder: the server goes first.
    nats: PrivateNats,
    _folder: TempDir,
}

impl Deref for TestNats {
    type Target = PrivateNats;

    fn deref(&self) -> &PrivateNats {
        &self.nats
    }
}

/// A database for a single test.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    pub name: String,
    /// How to connect to it as the superuser.
    pub superuser: PgConnectOptions,
}

impl TestDatabase {
    /// How to connect to it as `role`, which whoever made the template has made.
    pub fn connect_options(&self, role: &str, password: &str) -> PgConnectOptions {
        self.superuser.clone().username(role).password(password)
    }
}

impl Servers {
    async fn start() -> Result<Self, Error> {
        let stack = Stack::start(&settings(folder::of_this_process()?)?, &silent).await?;
        Ok(Self { stack, templates: Mutex::default(), databases: AtomicU32::new(0) })
    }

    /// The Postgres that all tests of this process share; do not stop it.
    pub fn postgres(&self) -> &PrivatePostgres {
        &self.stack.postgres
    }

    /// The `nats-server` that all tests of this process share; do not stop it, and see [`nats()`] for one's
    /// own.
    pub fn nats(&self) -> &PrivateNats {
        &self.stack.nats
    }

    /// A database of one's own, copied from the template `key`. The first to ask for that template makes it:
    /// `init` gets the superuser's connection to an empty database, and must have closed its connections when
    /// it is done. Roles belong to the server and not to the database, so that all templates share them.
    pub async fn fresh_database<F, Fut, E>(&self, key: &str, init: F) -> Result<TestDatabase, Error>
    where
        F: FnOnce(PgConnectOptions) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let cell = Arc::clone(self.templates.lock().await.entry(key.to_owned()).or_default());
        let template = cell.get_or_try_init(|| self.make_template(key, init)).await?;
        let name = self.next_name("test");
        self.postgres().create_database(&name, Some(template)).await?;
        Ok(TestDatabase { superuser: self.postgres().superuser().database(&name), name })
    }

    async fn make_template<F, Fut, E>(&self, key: &str, init: F) -> Result<String, Error>
    where
        F: FnOnce(PgConnectOptions) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let name = self.next_name("template");
        self.postgres().create_database(&name, None).await?;
        let options = self.postgres().superuser().database(&name);
        init(options).await.map_err(|e| Error::Template { key: key.to_owned(), source: e.into() })?;
        Ok(name)
    }

    fn next_name(&self, kind: &str) -> String {
        format!("{kind}_{}", self.databases.fetch_add(1, Ordering::Relaxed))
    }
}

/// For a test that starts a stack of its own in `home`: fast servers, and programs shared over runs.
pub fn settings(home: impl Into<PathBuf>) -> Result<Settings, Error> {
    let tools = Some(folder::tools()?);
    Ok(Settings { tools, durability: Durability::Fast, ..Settings::in_home(home) })
}

/// The folder of the programs that are shared over runs, where also the account of Postgres can enter it: for a test that
/// starts `huiyin` itself, which looks for them in its home.
pub fn shared_tools() -> Result<PathBuf, Error> {
    place::reachable(&folder::tools()?, &Account::for_postgres(None)?, &silent)
}

/// Runs the future on a thread and a runtime of its own: a test's runtime may have its clock paused, which
/// would make every time limit here fire at once, and it ends with its test.
async fn apart<T, Fut>(work: Fut) -> Result<T, Error>
where
    T: Send + 'static,
    Fut: Future<Output = Result<T, Error>> + Send + 'static,
{
    let (reply, outcome) = oneshot::channel();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let result =
            runtime.context("start a runtime in", &place::temporary()).and_then(|rt| rt.block_on(work));
        let _ = reply.send(result);
    };
    let spawned = std::thread::Builder::new().name("test-servers".to_owned()).spawn(run);
    spawned.context("start a thread in", &place::temporary())?;
    let lost = || std::io::Error::other("the thread that was starting servers panicked");
    outcome.await.map_err(|_| lost()).context("start servers in", &place::temporary())?
}
