//! `huiyin demo`: the whole path on one machine, with simulators of Vika and Feishu, a real Wechaty gateway over a mock
//! account, an invented company, and a page to play it on.
//!
//! Every run starts afresh: the simulators keep nothing, so the database and the streams do not either.

mod company;
mod history;
mod info;
mod outside;
mod page;
pub mod stage;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use domain::rules::Rules;
use local_stack::Settings;
use local_stack::supervise::GaveUp;
use runtime::{Clock, Shutdown};
use store::role::Role;

use crate::command_hints::set_operated;
use crate::failure;
use crate::local::{self, Health, Local, RunBy, Services, claim, print_line, write_private};
pub use company::sample;
pub use info::Info;
use world::World;

/// The file in a home that holds the configuration of the demo that runs there.
const CONFIG: &str = "config.json";

/// How `huiyin demo` was called.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where everything is kept.
    pub home: PathBuf,
    /// Where fetched programs are kept; `None`: in the home.
    pub tools: Option<PathBuf>,
    /// Do not open anything.
    pub headless: bool,
    /// Do without the Node gateway even where Node is.
    pub without_gateway: bool,
    /// Begin with nothing said yet.
    pub without_history: bool,
}

pub struct Demo {
    /// Where everything is reached.
    pub info: Info,
    /// The time that services and simulators go by; a test may move it.
    pub clock: Clock,
    local: Local,
    world: World,
    services: Services,
    health: Health,
    page: page::Page,
}

/// Tells a person what is going on.
pub type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Runs the demo until it is asked to stop, and leaves no process behind.
pub(crate) async fn run(options: &Options) -> failure::Result<()> {
    claim(&options.home, RunBy::Demo, &options.home.join(CONFIG))?;
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("installing signal handlers")?;
    let demo = tokio::select! {
        demo = Demo::start(options, Clock::system(), &print_line) => demo?,
        () = shutdown.wait() => {
            print_line("Stopped before everything was up");
            return Ok(());
        }
    };
    println!("\n{}", demo.info.for_people());
    if !options.headless {
        open_in_browser(&demo.info.page);
    }
    let ended = tokio::select! {
        () = shutdown.wait() => Ok(()),
        gave_up = demo.keep() => Err(gave_up),
    };
    print_line("Stopping");
    demo.stop().await;
    print_line("Stopped");
    Ok(ended.map_err(anyhow::Error::from)?)
}

impl Demo {
    /// Sets everything up. What was started ends when this fails or is dropped half-way.
    pub async fn start(options: &Options, clock: Clock, progress: Progress<'_>) -> Result<Self> {
        std::fs::create_dir_all(&options.home)
            .with_context(|| format!("creating {}", options.home.display()))?;
        let settings = Settings { tools: options.tools.clone(), ..Settings::in_home(&options.home) };
        let local = Local::start_afresh(&settings, progress).await?;
        let world = World::start(options, local.secrets(), &clock, progress).await?;
        let written = company::written(&world)?;
        let mut config = company::config(&written, &local)?;
        set_operated(&mut config, &options.home, RunBy::Demo);
        let config = Arc::new(config);
        begin(&local, &config.rules, options, clock.now(), progress).await?;
        progress("Starting the services");
        let health = Health::default();
        let services = Services::start(&local, &config, &clock, &health);
        world.until_listening().await?;
        let db = local.connect_options(Role::Reader);
        let sources = page::Sources::of(&world, &config, db, &health, &clock)?;
        let page = page::Page::on_loopback(sources).await?;
        let info = Info::of(&local, &world, &config, page.address(), options);
        info.write()?;
        let file = options.home.join(CONFIG);
        write_private(&file, &format!("{written:#}\n"))?;
        local.write_record(RunBy::Demo, &file)?;
        Ok(Self { info, clock, local, world, services, health, page })
    }

    /// Keeps servers and gateway running until one of them cannot be.
    pub async fn keep(&self) -> GaveUp {
        let gateway = async {
            match &self.world.gateway {
                Some(gateway) => local::keep(gateway, &self.health).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            gave_up = self.local.keep(&self.health) => gave_up,
            gave_up = gateway => gave_up,
        }
    }

    /// Stops everything, in the order that loses nothing.
    pub async fn stop(self) {
        self.page.stop().await;
        self.services.stop().await;
        self.world.stop().await;
        self.local.stop().await;
    }

    /// How a role logs in to the demo's database.
    pub fn connect_options(&self, role: Role) -> store::sqlx::postgres::PgConnectOptions {
        self.local.connect_options(role)
    }
}

/// Puts the rules in force and goes live: now, or as if that had been a month ago and all of the month since been captured.
async fn begin(
    local: &Local,
    rules: &Rules,
    options: &Options,
    now: DateTime<Utc>,
    progress: Progress<'_>,
) -> Result<()> {
    if options.without_history {
        local.apply_rules(rules, now - company::RULES_SINCE, now).await?;
        return local.go_live(now).await;
    }
    progress("Inventing the month before now");
    let (past, since) = (history::of_the_past(rules), history::begin(rules, now));
    local.apply_rules(&past, since, since).await?;
    local.apply_rules(rules, now, now).await?;
    local.go_live(since).await?;
    history::publish(local, &past, now).await
}

/// Opens the page where there is a desktop; elsewhere its address on the terminal has to do.
fn open_in_browser(address: &str) {
    let opener = Path::new("/usr/bin/xdg-open");
    if opener.exists() {
        use std::process::Stdio;
        // The runtime's own, which collects it when it has ended.
        tokio::process::Command::new(opener)
            .arg(address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(drop)
            .ok();
    }
}
