//! The private stack of a run: as durable as in production, gone afterwards.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use huiyin::local::Local;
use local_stack::Settings;
use runtime::bus::{Bus, User};
use runtime::{Clock, Config, Context, Shutdown};
use serde_json::json;
use store::role::Role;
use store::sqlx::PgPool;
use store::sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;

/// Connections for what the bench does itself.
const POOL_SIZE: u32 = 4;

pub struct BenchStack {
    pub local: Local,
    /// The configuration that services run with.
    pub config: Arc<Config>,
    /// As the superuser.
    pub admin: PgPool,
    /// The bench's own connection.
    pub bus: Bus,
    _home: TempDir,
}

impl BenchStack {
    /// Starts it and puts rules in force.
    pub async fn start(progress: &(dyn Fn(&str) + Send + Sync)) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("huiyin-bench-").tempdir()?;
        let local = Local::start(&Settings::in_home(home.path()), progress).await?;
        let bus = Bus::connect(&local.bus_superuser(), "bench").await?;
        let admin =
            PgPoolOptions::new().max_connections(POOL_SIZE).connect_with(local.admin_options()).await?;
        let config = Arc::new(Config { bus: local.bus(), ..config()? });
        let now = Clock::system().now();
        local.apply_rules(&config.rules, now - chrono::TimeDelta::days(30), now).await?;
        Ok(Self { local, config, admin, bus, _home: home })
    }

    pub async fn context(&self, name: &'static str, role: Role, shutdown: Shutdown) -> Result<Context> {
        let options = self.local.connect_options(role);
        let bus = self.local.bus_login(User::Role(role))?;
        runtime::main_wrapper::connect(self.config.clone(), name, options, &bus, Clock::system(), shutdown)
            .await
    }

    pub async fn stop(self) {
        self.admin.close().await;
        self.local.stop().await;
    }
}

/// The demo's company, without its outside world.
fn config() -> Result<Config> {
    let listen = local_stack::free_address()?;
    let config = huiyin::demo::sample(json!({
        "database": { "passwords": {} },
        "bus": { "url": "nats://private" },
        "ingest": {
            "listen": listen,
            "webhook_tokens": [{ "name": "bench", "token": crate::latency::TOKEN }]
        },
        "vika": {
            "enabled": false,
            "base_url": "http://127.0.0.1:9",
            "sync_token": "uskNone",
            "reconcile_token": "uskNone",
            "sheets": { "today": "", "all_rooms": "", "system_log": "" },
            "sync_every": "10s",
            "poll_every": "10s"
        },
        "feishu": {
            "enabled": false,
            "base_url": "http://127.0.0.1:9",
            "app_secret": "none",
            "encrypt_key": "none",
            "verification_token": "none",
            "listen": "127.0.0.1:0"
        },
        "watchdog": null
    }))?;
    runtime::config::load_text(
        &config.to_string(),
        "the bench's configuration",
        std::path::Path::new("."),
        false,
    )
    .context("the bench's configuration")
}
