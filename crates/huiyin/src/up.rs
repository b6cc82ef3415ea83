//! `huiyin up`: all services in one process over private servers, with the company's own configuration: for a machine
//! without a container engine. What it captured stays in its home from one start to the next.
//!
//! It is the keeper of its servers: one that dies is started again, and one that cannot be ends it with an error.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use local_stack::Settings;
use runtime::bus::{Bus, Login, User};
use runtime::config::{Source, VikaSheets};
use runtime::serve::{Limits, Server};
use runtime::{Clock, Config, Shutdown, telemetry};

use crate::apply::declare_streams;
use crate::command_hints::{for_config, set_operated};
use crate::failure::{self, Failure};
use crate::golive;
use crate::local::{Health, Local, RunBy, Services, claim, print_line};

/// How `huiyin up` was called.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where database and streams are kept.
    pub home: PathBuf,
    /// The configuration file. Its sections `database` and `bus` are not used.
    pub config: PathBuf,
}

/// Runs until it is asked to stop, or a server cannot be kept running.
pub(crate) async fn run(options: &Options) -> failure::Result<()> {
    let config = ready_config(&options.config)?;
    let exporter = telemetry::start("huiyin", &config.logs, &config.traces)?;
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("installing signal handlers")?;
    let health = Health::default();
    serve_health(&config, &health).await?;
    claim(&options.home, RunBy::Up, &options.config)?;
    let (local, services) = tokio::select! {
        begun = begin(options, config, &health) => begun?,
        () = shutdown.wait() => {
            print_line("Stopped before everything was up");
            return Ok(());
        }
    };
    print_line("Running; Ctrl-C stops everything");
    let ended = tokio::select! {
        () = shutdown.wait() => Ok(()),
        gave_up = local.keep(&health) => Err(gave_up),
    };
    print_line("Stopping");
    services.stop().await;
    local.stop().await;
    exporter.finish().await;
    print_line("Stopped");
    Ok(ended.map_err(anyhow::Error::from)?)
}

/// Starts servers and services; what was started ends when this is dropped.
async fn begin(options: &Options, checked: Config, health: &Health) -> Result<(Local, Services)> {
    let local = Local::start(&Settings::in_home(&options.home), &print_line).await?;
    local.write_record(RunBy::Up, &options.config)?;
    let clock = Clock::system();
    let now = clock.now();
    local.apply_rules(&checked.rules, now, now).await?;
    for line in golive::lines(&local.golive().await?, now, checked.rules.time_zone) {
        print_line(&line);
    }
    let retention = checked.retention.clone();
    let mut config = Config { database: local.database(), bus: local.bus(), ..checked };
    set_operated(&mut config, &options.home, RunBy::Up);
    let bus = Bus::connect(&Login::of(&config.bus, User::Admin)?, "huiyin-up").await?;
    declare_streams(&bus, config.bus.replicas, &retention).await?;
    print_line("Starting the services");
    let services = Services::start(&local, &Arc::new(config), &clock, health);
    Ok((local, services))
}

/// Answers for all of it on `health_listen`, until the process ends.
async fn serve_health(config: &Config, health: &Health) -> Result<()> {
    let Some(address) = config.health_listen else { return Ok(()) };
    let metrics = telemetry::start_metrics();
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("health_listen: cannot listen on {address}"))?;
    let render = move || match &metrics {
        Some(metrics) => metrics.render(),
        None => String::new(),
    };
    let router = health.clone().router(render);
    tokio::spawn(Server::new("health", Limits::INWARD).serve(listener, router, std::future::pending()));
    Ok(())
}

/// The configuration, if everything that it speaks of has been made.
fn ready_config(file: &Path) -> failure::Result<Config> {
    if let Err(error) = std::fs::metadata(file)
        && error.kind() == ErrorKind::NotFound
    {
        return Err(Failure::Usage(no_configuration(file)));
    }
    let source = Source { file: file.to_owned(), environment: true };
    let config = runtime::config::load_without_servers(&source).map_err(Failure::Config)?;
    let VikaSheets { today, all_rooms, system_log } = &config.vika.sheets;
    if config.vika.enabled && [today, all_rooms, system_log].into_iter().any(String::is_empty) {
        return Err(Failure::Usage(format!(
            "vika.sheets: the sheets are not made yet: run `{} init-vika` and put the ids that it prints there; or \
             set vika.enabled to false",
            for_config(file)
        )));
    }
    Ok(config)
}

/// Where it was looked, and what to do.
fn no_configuration(file: &Path) -> String {
    let looked = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    format!(
        "there is no configuration: looked for {} (`--config` names the file, else HUIYIN_CONFIG, else it is the \
         one that the home ran with last, else config/huiyin.json); copy config/default.json there and put the company's own values in",
        looked.display()
    )
}
