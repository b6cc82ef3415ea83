//! Everything in one process, over a private Postgres and a private `nats-server`: for a machine without a container
//! engine. Each service still logs in with its own role, so that ownership is as real as with containers.

mod secrets;
mod services;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use local_stack::{Progress, Settings, Stack};
use runtime::bus::{Bus, Login, User, clear, declare, rights};
use runtime::config::{self, Database, Secret};
use store::role::Role;
use store::sqlx::postgres::PgConnectOptions;
use store::sqlx::{ConnectOptions, Connection, PgConnection};

pub use secrets::Secrets;
pub use services::{Health, Services};

/// The database that all services share.
const DATABASE: &str = "huiyin";

/// The private servers, provisioned.
pub struct Local {
    stack: Stack,
    secrets: Secrets,
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

    async fn servers(settings: &Settings, progress: Progress<'_>) -> Result<Self> {
        let secrets = Secrets::load_or_make(&settings.home)?;
        let bus_users = rights::users(|user| secrets.bus_password(user));
        let stack = Stack::start(&Settings { bus_users, ..settings.clone() }, progress).await?;
        Ok(Self { stack, secrets })
    }

    async fn prepare(&self, progress: Progress<'_>) -> Result<()> {
        progress("Bringing the database and the streams up to date");
        self.provision().await?;
        declare(Bus::connect(&self.bus_login(User::Admin)?, "provision").await?.jetstream()).await?;
        Ok(())
    }

    async fn provision(&self) -> Result<()> {
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
        let mut connection = self.admin().await?;
        store::migrate::provision(&mut connection, |role| self.secrets.password(role)).await?;
        connection.close().await?;
        Ok(())
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
            passwords: User::ALL.iter().map(password).collect(),
        }
    }

    /// The secrets of this home.
    pub const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// As the configuration's section.
    pub fn database(&self) -> Database {
        let passwords: BTreeMap<String, Secret> = Role::ALL
            .iter()
            .map(|role| (role.name().to_owned(), Secret::new(self.secrets.password(*role))))
            .collect();
        Database {
            host: self.stack.postgres.socket_folder().display().to_string(),
            port: local_stack::SOCKET_PORT,
            name: DATABASE.to_owned(),
            passwords,
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

    /// Stops both servers.
    pub async fn stop(self) {
        self.stack.stop().await;
    }
}
