//! For tests of services: a database, a bus and an invented company of a test's own, and contexts to run services in.
//!
//! Everything is real but the clock, which a test may move. Not for production code.

pub mod company;
mod wait;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
pub use local_stack::free_address;
use local_stack::testing::{TestDatabase, TestNats, nats, servers};
use runtime::bus::rights::users;
use runtime::bus::{Bus, Login, User, declare};
use runtime::clock::Pace;
use runtime::config::Secret;
use runtime::fault::Faults;
use runtime::health::Health;
use runtime::{Clock, Config, Context, Shutdown};
use store::role::Role;
use store::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use store::sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tokio::task::JoinHandle;

pub use wait::{until, until_some};

/// Connections of a test's pools: several tests share one server.
const POOL_SIZE: u32 = 4;

/// A test's own stack.
pub struct Stack {
    /// The configuration; change it before contexts are made.
    pub config: Box<Config>,
    /// The time, for all contexts.
    pub clock: Clock,
    /// When the stack was started: a fixed point for times in messages.
    pub started: DateTime<Utc>,
    /// As the superuser, for looking and for preparing.
    pub admin: PgPool,
    pub nats: TestNats,
    /// A connection of the test's own, which may do everything.
    pub bus: Bus,
    database: TestDatabase,
}

/// A service run by a test.
pub struct Running {
    /// Where the test can stop it as a crash would.
    pub faults: Faults,
    shutdown: Shutdown,
    task: JoinHandle<Result<()>>,
}

fn password(role: Role) -> String {
    format!("test-{role}")
}

/// The password of a user of [`bus_server`].
pub fn bus_password(user: User) -> String {
    format!("test-{user}")
}

/// A `nats-server` of a test's own, with the users that production has, and nothing declared.
///
/// # Errors
/// If it cannot be started.
pub async fn bus_server() -> Result<TestNats> {
    Ok(nats(&users(bus_password)).await?)
}

/// How a bus server's superuser logs in.
pub fn bus_superuser(server: &TestNats) -> Login {
    let password = Secret::new(server.password());
    Login { url: bus_url(server), user: server.user().to_owned(), password }
}

/// A bus server's address, as configured.
pub fn bus_url(server: &TestNats) -> String {
    format!("nats://{}", server.address())
}

impl Stack {
    /// A migrated database with the sample company's rules in force, and declared streams.
    pub async fn start() -> Result<Self> {
        Self::start_with(Clock::system()).await
    }

    /// As [`Self::start`], with a clock that begins at a moment and goes on from there.
    pub async fn start_at(moment: DateTime<Utc>) -> Result<Self> {
        let began = Clock::system().now();
        Self::start_with(Clock::paced(Pace { began, epoch: moment, rate: 1, leaps: Vec::new() })).await
    }

    async fn start_with(clock: Clock) -> Result<Self> {
        let database = servers()
            .await?
            .fresh_database("migrated", async |superuser| -> Result<()> {
                let mut connection = superuser.connect().await?;
                store::migrate::provision(&mut connection, password).await?;
                connection.close().await?;
                Ok(())
            })
            .await?;
        let nats = bus_server().await?;
        let config = Box::new(company::config(&bus_url(&nats))?);
        let admin = Bus::connect(&Login::of(&config.bus, User::Admin)?, "test-admin").await?;
        declare(admin.jetstream(), config.bus.replicas).await?;
        let bus = Bus::connect(&bus_superuser(&nats), "test").await?;
        let admin =
            PgPoolOptions::new().max_connections(POOL_SIZE).connect_lazy_with(database.superuser.clone());
        let started = clock.now();
        let stack = Self { config, clock, started, admin, nats, bus, database };
        stack.apply_rules(chrono::TimeDelta::days(400)).await?;
        stack.go_live(true, started - chrono::TimeDelta::days(400)).await?;
        Ok(stack)
    }

    /// Goes live at a moment, or back to rehearsal. A stack is live from the start.
    pub async fn go_live(&self, live: bool, at: DateTime<Utc>) -> Result<()> {
        let mut connection = self.admin.acquire().await?;
        store::golive::decide(&mut connection, live, at, at).await?;
        Ok(())
    }

    /// As a fresh installation: never gone live.
    pub async fn never_live(&self) -> Result<()> {
        store::sqlx::query("truncate golive").execute(&self.admin).await?;
        Ok(())
    }

    /// Puts the configuration's rules in force from `ago` before now.
    pub async fn apply_rules(&self, ago: chrono::TimeDelta) -> Result<()> {
        let now = self.clock.now();
        let mut connection = self.admin.acquire().await?;
        store::rules::apply(&mut connection, &self.config.rules, now - ago, now).await?;
        Ok(())
    }

    /// Records that an account of the sample company's source captured nothing from `since` until `until`.
    pub async fn capture_gap(
        &self,
        account: &str,
        since: chrono::DateTime<chrono::Utc>,
        until: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Result<()> {
        store::sqlx::query(
            "insert into capture_gaps (gateway, source, account, since, until, reason)
             values ('test', 'webhook', $1, $2, $3, 'test')",
        )
        .bind(account)
        .bind(since)
        .bind(until)
        .execute(&self.admin)
        .await?;
        Ok(())
    }

    /// A connection with a role's own rights.
    pub async fn connect_as(&self, role: Role) -> Result<PgConnection> {
        let options = self.database.connect_options(role.name(), &password(role));
        Ok(PgConnection::connect_with(&options).await?)
    }

    /// How the superuser reaches the database, for what a test does to it from outside.
    pub const fn superuser(&self) -> &PgConnectOptions {
        &self.database.superuser
    }

    /// The configuration's section that leads to this database, as a deployment would have it.
    pub fn database_section(&self) -> serde_json::Value {
        let superuser = &self.database.superuser;
        let mut passwords: serde_json::Map<String, serde_json::Value> =
            Role::ALL.iter().map(|role| (role.name().to_owned(), password(*role).into())).collect();
        let admin = superuser.to_url_lossy().password().unwrap_or_default().to_owned();
        passwords.insert("admin".to_owned(), admin.into());
        serde_json::json!({
            "host": superuser.get_socket(),
            "port": superuser.get_port(),
            "name": self.database.name,
            "admin": superuser.get_username(),
            "passwords": passwords,
        })
    }

    /// A context as a service of its own process would have it.
    pub async fn context(&self, role: Role) -> Result<Context> {
        self.contexts(role).make().await
    }

    /// What makes a context, also on a runtime of another thread.
    pub fn contexts(&self, role: Role) -> Contexts {
        Contexts {
            role,
            options: self.database.connect_options(role.name(), &password(role)),
            config: Arc::new((*self.config).clone()),
            clock: self.clock.clone(),
        }
    }

    pub async fn run<F, Fut>(&self, role: Role, service: F) -> Result<Running>
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        Ok(self.run_watched(role, service).await?.0)
    }

    /// The same, with what it reports.
    pub async fn run_watched<F, Fut>(&self, role: Role, service: F) -> Result<(Running, Health)>
    where
        F: FnOnce(Context) -> Fut,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let context = self.context(role).await?;
        let (faults, shutdown) = (context.faults.clone(), context.shutdown.clone());
        let health = context.health.clone();
        Ok((Running { faults, shutdown, task: tokio::spawn(service(context)) }, health))
    }
}

/// Makes contexts for one role.
pub struct Contexts {
    role: Role,
    options: PgConnectOptions,
    config: Arc<Config>,
    clock: Clock,
}

impl Contexts {
    /// Connects to the bus; to the database when it is needed.
    pub async fn make(&self) -> Result<Context> {
        let login = Login::of(&self.config.bus, User::Role(self.role))?;
        let context = Context {
            config: self.config.clone(),
            clock: self.clock.clone(),
            db: PgPoolOptions::new().max_connections(POOL_SIZE).connect_lazy_with(self.options.clone()),
            bus: Bus::connect(&login, self.role.service()).await?,
            shutdown: Shutdown::new(),
            health: Health::default(),
            faults: Faults::default(),
        };
        context.health.started(&context.db, &context.bus);
        Ok(context)
    }
}

impl Running {
    /// Ends it at once, wherever it is, as a killed process ends.
    pub async fn kill(self) {
        self.task.abort();
        drop(self.task.await);
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(self) -> Result<()> {
        self.shutdown.request();
        self.task.await.context("the service's task")?
    }

    /// Whether it ended by itself.
    pub fn ended(&self) -> bool {
        self.task.is_finished()
    }
}
