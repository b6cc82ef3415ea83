//! `huiyin up`: all services in one process over private servers, with the company's own configuration: for a machine
//! without a container engine. What it captured stays in its home from one start to the next.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use local_stack::Settings;
use runtime::bus::{Bus, Login, User};
use runtime::{Clock, Config, Shutdown, telemetry};
use serde_json::{Value, json};

use crate::apply::declare_streams;
use crate::golive;
use crate::local::{Local, RunBy, Services};
use crate::pasted::tell_services;

/// How `huiyin up` was called.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where database and streams are kept.
    pub home: PathBuf,
    /// The configuration file. Its sections `database` and `bus` are not used.
    pub config: PathBuf,
}

/// Runs until it is asked to stop.
pub async fn run(options: &Options) -> Result<()> {
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("installing signal handlers")?;
    let progress = |line: &str| println!("· {line}");
    let checked = company_config(&options.config, &[])?;
    telemetry::start_logs(&checked.logs.filter, checked.logs.format);
    std::fs::create_dir_all(&options.home).with_context(|| format!("creating {}", options.home.display()))?;
    let local = Local::start(&Settings::in_home(&options.home), &progress).await?;
    local.tell(RunBy::Up, &options.config)?;
    let clock = Clock::system();
    let now = clock.now();
    local.apply_rules(&checked.rules, now, now).await?;
    for line in golive::lines(&local.golive().await?, now, checked.rules.time_zone) {
        progress(&line);
    }
    let retention = checked.retention.clone();
    let mut config = Config { database: local.database(), bus: local.bus(), ..checked };
    tell_services(&mut config, &options.home);
    let bus = Bus::connect(&Login::of(&config.bus, User::Admin)?, "huiyin-up").await?;
    declare_streams(&bus, &retention).await?;
    progress("Starting the services");
    let services = Services::start(&local, &Arc::new(config), &clock);
    println!("· Running; Ctrl-C stops everything");
    shutdown.wait().await;
    println!("· Stopping");
    services.stop().await;
    local.stop().await;
    println!("· Stopped");
    Ok(())
}

/// The company's configuration, with the secrets that are `used` (none named: all of them); the private servers take the place of what it says of database and bus.
pub(crate) fn company_config(file: &Path, used: &[String]) -> Result<Config> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("reading the configuration {}", file.display()))?;
    let mut value: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
    value["bus"] = json!({ "url": "nats://private" });
    value["database"] = json!({ "passwords": {} });
    let folder = file.parent().unwrap_or(Path::new("."));
    let name = file.display().to_string();
    Ok(runtime::config::load_text_using(&value.to_string(), &name, folder, true, used)?)
}
