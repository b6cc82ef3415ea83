//! The private servers of a run and its services as processes, one replica of each: gone afterwards.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use huiyin::local::Local;
use local_stack::Settings;
use runtime::clock::Pace;
use serde_json::Value;
use store::sqlx::postgres::PgPoolOptions;
use store::sqlx::{self, PgPool};
use tempfile::TempDir;

use crate::company;
use crate::service::Service;

const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Postgres and the bus, with a folder for configurations, logs and data.
pub struct Private {
    pub local: Local,
    /// As the superuser.
    pub admin: PgPool,
    folder: TempDir,
}

impl Private {
    pub async fn start(connections: u32) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("huiyin-bench-").tempdir()?;
        let home = folder.path().join("home");
        std::fs::create_dir(&home)?;
        let local = Local::start(&Settings::in_home(home), &|line| eprintln!("· {line}")).await?;
        let admin =
            PgPoolOptions::new().max_connections(connections).connect_with(local.admin_options()).await?;
        Ok(Self { local, admin, folder })
    }

    /// The company is live by the rules of a configuration, in force since another moment.
    pub async fn go_live(&self, config: &Value, in_force: DateTime<Utc>, live: DateTime<Utc>) -> Result<()> {
        let now = in_force.max(live);
        self.local.apply_rules(&company::load(config)?.rules, in_force, now).await?;
        self.local.go_live(live).await?;
        Ok(())
    }

    /// Services with this configuration, by a clock that runs as real time does. None is started yet.
    pub fn services(
        &self,
        names: &[&'static str],
        config: &Value,
        now: DateTime<Utc>,
    ) -> Result<Vec<Service>> {
        let pace = Pace { began: now, epoch: now, rate: 1, leaps: Vec::new() };
        let each = names.iter().map(|name| {
            let service = Service::new(name, (*name).to_owned(), self.folder.path(), &pace)?;
            std::fs::write(service.config(), config.to_string())?;
            Ok(service)
        });
        each.collect()
    }

    /// Waits until a query counts so many.
    pub async fn until(
        &self,
        what: &str,
        count: &'static str,
        wanted: i64,
        patience: Duration,
    ) -> Result<()> {
        let end = Instant::now() + patience;
        loop {
            let found: i64 = sqlx::query_scalar(count).fetch_one(&self.admin).await?;
            if found == wanted {
                return Ok(());
            }
            ensure!(Instant::now() < end, "not in time: {what} ({found} of {wanted})");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub async fn stop(self) {
        self.admin.close().await;
        self.local.stop().await;
    }
}

/// Starts them all.
pub fn start(services: &[Service]) -> Result<()> {
    services.iter().try_for_each(Service::start)
}

/// Stops them all, none of which may have ended by itself.
pub async fn stop(services: &[Service]) -> Result<()> {
    check(services)?;
    for service in services {
        service.stop().await?;
    }
    Ok(())
}

/// An error, if one of them has ended by itself.
pub fn check(services: &[Service]) -> Result<()> {
    for service in services {
        service.restart_ended()?;
        ensure!(service.ended_by_itself() == 0, "{} ended", service.replica);
    }
    Ok(())
}
