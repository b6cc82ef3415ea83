//! Everything in one process, over a private Postgres and a private `nats-server`: for a machine without a container
//! engine. Each service still logs in with its own role, so that ownership is as real as with containers.

mod children;
mod health;
mod home;
mod secrets;
mod services;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use domain::golive::GoLive;
use local_stack::{Progress, Settings, Stack};
use runtime::bus::{Bus, Login, User, clear, declare, rights};
use runtime::config::{self, Database, Secret, Servers};
use store::role::Role;
use store::sqlx::postgres::PgConnectOptions;
use store::sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

pub use children::keep;
pub(crate) use children::print_line;
pub use health::Health;
pub use home::{Home, Record, RunBy};
pub(crate) use home::{claim, write_private};
pub use secrets::Secrets;
pub use services::{SERVICES, Services};

/// The database that all services share.
const DATABASE: &str = "huiyin";
/// One that is being restored beside it.
const SECOND: &str = "huiyin_restoring";
/// What the superuser's password is called in the configuration.
const ADMIN: &str = "admin";

/// The private servers, provisioned.
pub struct Local {
    stack: Stack,
    secrets: Secrets,
    home: PathBuf,
}

impl Local {
    /// Finds, fetches and starts both servers in the settings' home, and brings database and bus up to date.
    pub async fn start(settings: &Settings, progress: Progress<'_>) -> Result<Self> {
        let local = Self::servers(settings, progress).await?;
        local.prepare(progress).await?;
        Ok(local)
    }

    /// The same, with nothing left of earlier runs in database and bus.
    pub async fn start_afresh(settings: &Settings, progress: Progress<'_>) -> Result<Self> {
        let local = Self::servers(settings, progress).await?;
        local.stack.postgres.drop_database(DATABASE).await?;
        clear(Bus::connect(&local.bus_superuser(), "clear").await?.jetstream()).await?;
        local.prepare(progress).await?;
        Ok(local)
    }

    /// The servers alone, with nothing in the database that is not there already: for a restore.
    pub async fn start_bare(settings: &Settings, progress: Progress<'_>) -> Result<Self> {
        let local = Self::servers(settings, progress).await?;
        local.ensure_database().await?;
        Ok(local)
    }

    async fn servers(settings: &Settings, progress: Progress<'_>) -> Result<Self> {
        local_stack::check_owners(&settings.home)?;
        let secrets = Secrets::load_or_make(&settings.home)?;
        let bus_users = rights::users(|user| secrets.bus_password(user));
        let stack = Stack::start(&Settings { bus_users, ..settings.clone() }, progress).await?;
        Ok(Self { stack, secrets, home: settings.home.clone() })
    }

    async fn prepare(&self, progress: Progress<'_>) -> Result<()> {
        progress("Bringing the database and the streams up to date");
        self.provision().await?;
        let bus = Bus::connect(&self.bus_login(User::Admin)?, "provision").await?;
        declare(bus.jetstream(), self.bus().replicas).await?;
        Ok(())
    }

    async fn provision(&self) -> Result<()> {
        self.ensure_database().await?;
        let mut connection = self.admin().await?;
        store::migrate::provision(&mut connection, |role| self.secrets.password(role)).await?;
        connection.close().await?;
        Ok(())
    }

    async fn ensure_database(&self) -> Result<()> {
        let mut server =
            self.stack.postgres.superuser().connect().await.context("connecting as the superuser")?;
        let exists: bool =
            store::sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
                .bind(DATABASE)
                .fetch_one(&mut server)
                .await?;
        server.close().await?;
        if !exists {
            self.stack.postgres.create_database(DATABASE, None).await?;
        }
        Ok(())
    }

    /// A second database, empty, beside the one that there is; with every login to it.
    pub async fn second_database(&self) -> Result<Servers> {
        self.drop_second_database().await?;
        self.stack.postgres.create_database(SECOND, None).await?;
        let Servers { database, bus } = self.all_logins();
        Ok(Servers { database: Database { name: SECOND.to_owned(), ..database }, bus })
    }

    /// Removes it, if it is there.
    pub async fn drop_second_database(&self) -> Result<()> {
        Ok(self.stack.postgres.drop_database(SECOND).await?)
    }

    /// Puts the second database in the place of the first, which keeps another name: both or neither, whatever happens
    /// meanwhile. `aside` is a plain word.
    pub async fn exchange_databases(&self, aside: &str) -> Result<()> {
        let mut server =
            self.stack.postgres.superuser().connect().await.context("connecting as the superuser")?;
        let mut tx = server.begin().await?;
        for (name, new) in [(DATABASE, aside), (SECOND, DATABASE)] {
            let rename = format!("alter database {name} rename to {new}");
            store::sqlx::query(AssertSqlSafe(rename)).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(server.close().await?)
    }

    /// Leaves word in the home for commands that are run beside this process: with which configuration it runs, and
    /// where its servers are.
    pub fn write_record(&self, run_by: RunBy, config: &Path) -> Result<()> {
        home::write_record(&self.home, run_by, config, &self.all_logins(), &self.stack.nats.monitor_url())
    }

    /// Both servers with every login that there is, the database superuser's too: for an operator's commands. A service
    /// is not handed that one.
    pub fn all_logins(&self) -> Servers {
        let mut database = self.database();
        let password = Secret::new(self.stack.postgres.superuser_password());
        database.passwords.insert(ADMIN.to_owned(), password);
        Servers { database, bus: self.bus() }
    }

    /// Goes live at a moment, unless that was done before.
    pub async fn go_live(&self, at: DateTime<Utc>) -> Result<()> {
        let mut connection = self.admin().await?;
        if !store::golive::history(&mut connection).await?.at(at).live {
            store::golive::decide(&mut connection, true, at, at).await?;
        }
        connection.close().await?;
        Ok(())
    }

    /// Whether cards are sent, and what is to come.
    pub async fn golive(&self) -> Result<GoLive> {
        let mut connection = self.admin().await?;
        let golive = store::golive::history(&mut connection).await?;
        connection.close().await?;
        Ok(golive)
    }

    /// Puts rules in force; those of the last run stay if they say the same.
    pub async fn apply_rules(
        &self,
        rules: &domain::rules::Rules,
        valid_from: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let mut connection = self.admin().await?;
        store::rules::apply(&mut connection, rules, valid_from, now).await?;
        connection.close().await?;
        Ok(())
    }

    async fn admin(&self) -> Result<PgConnection> {
        PgConnection::connect_with(&self.admin_options())
            .await
            .context("connecting to the database as the superuser")
    }

    /// How the superuser logs in to the database.
    pub fn admin_options(&self) -> PgConnectOptions {
        self.stack.postgres.superuser().database(DATABASE)
    }

    /// How a role logs in.
    pub fn connect_options(&self, role: Role) -> PgConnectOptions {
        self.stack.postgres.connect_options(role.name(), &self.secrets.password(role), DATABASE)
    }

    /// How a user logs in to the bus.
    pub fn bus_login(&self, user: User) -> Result<Login> {
        Ok(Login::of(&self.bus(), user)?)
    }

    /// How the bus's superuser logs in, who is no user of the configuration: for the demo and the bench.
    pub fn bus_superuser(&self) -> Login {
        let nats = &self.stack.nats;
        Login { url: self.bus().url, user: nats.user().to_owned(), password: Secret::new(nats.password()) }
    }

    /// The same as one address, for people and their tools.
    pub fn bus_superuser_url(&self) -> String {
        self.stack.nats.client_url()
    }

    /// As the configuration's section.
    pub fn bus(&self) -> config::Bus {
        let password = |user: &User| (user.name().to_owned(), Secret::new(self.secrets.bus_password(*user)));
        config::Bus {
            url: format!("nats://{}", self.stack.nats.address()),
            replicas: 1,
            passwords: User::ALL.iter().map(password).collect(),
            password_files: None,
        }
    }

    /// The secrets of this home.
    pub const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// As the configuration's section.
    pub fn database(&self) -> Database {
        let password = |role: &Role| (role.name().to_owned(), Secret::new(self.secrets.password(*role)));
        Database {
            tls_ca: None,
            host: self.stack.postgres.socket_folder().display().to_string(),
            port: local_stack::SOCKET_PORT,
            name: DATABASE.to_owned(),
            passwords: Role::ALL.iter().map(password).collect(),
            password_files: None,
            admin: "postgres".to_owned(),
        }
    }

    /// A connection string for people and their tools.
    pub fn database_url(&self, role: Role) -> String {
        format!(
            "postgres://{}:{}@localhost:{}/{DATABASE}?host={}",
            role,
            self.secrets.password(role),
            local_stack::SOCKET_PORT,
            self.stack.postgres.socket_folder().display(),
        )
    }

    /// The servers themselves, for a test that kills them.
    pub const fn stack(&self) -> &Stack {
        &self.stack
    }

    pub async fn stop(self) {
        self.stack.stop().await;
    }
}
