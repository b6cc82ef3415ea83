//! `huiyin check`: proves whatever a first day can fail on, and says what to do about each failure.
//!
//! It only looks: it must change nothing, send nothing, and not disturb services that run. Nothing ends it early: what
//! stands on something that failed is shown as not looked at, and everything else is looked at all the same.

mod alarms;
mod bus;
mod clocks;
mod database;
mod feishu;
mod gateway;
mod huoban;
mod report;
mod settings;
mod vika;
mod vika_plan;
mod wording;

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};

use runtime::config::ConfigError;
use runtime::{Clock, Config};

use crate::failure::{Failure, Result};
use crate::installation::{Installation, Target};
pub(crate) use database::reader;
pub(crate) use feishu::client as feishu_client;
pub(crate) use huoban::{Looked, Tables, tables as huoban_tables};
pub use report::{Finding, Group, Report, Status};
pub(crate) use vika::problems as vika_problems;

/// The secrets that are tried, besides those of database and bus.
const USED: [&str; 5] = [
    "vika.sync_token",
    "vika.reconcile_token",
    "feishu.app_secret",
    "huoban.api_key",
    "ingest.gateway.token",
];
/// One probe takes no longer.
const PROBE_LIMIT: Duration = Duration::from_secs(10);
/// All probes of a group take no longer.
const GROUP_LIMIT: Duration = Duration::from_mins(1);

/// What `check` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    /// Where nats-server's monitoring pages are [default: port 8222 of the bus's host]
    #[arg(long, value_name = "URL")]
    nats_monitor: Option<String>,
}

pub(crate) async fn run(args: &Args, target: &Target) -> Result<()> {
    let installation = target.running()?;
    installation.expect_servers()?;
    let report = examine(&installation, args.nats_monitor.as_deref(), &Clock::system()).await;
    if args.json {
        println!("{:#}", report.to_json());
    } else {
        println!("{report}");
    }
    match report.count(Status::Failed) {
        0 => Ok(()),
        failed => Err(Failure::Partly(wording::failed_count(failed))),
    }
}

/// Looks at everything that an installation consists of, with `clock` as this machine's.
pub async fn examine(installation: &Installation, nats_monitor: Option<&str>, clock: &Clock) -> Report {
    let mut findings = settings::secret_files(installation, &installation.used(&USED));
    let nats_monitor = nats_monitor.or(installation.monitor());
    match installation.whole_config(&USED) {
        Ok(config) => {
            findings.push(Group::Config.ok(wording::config_is_sound(installation.file())));
            findings.extend(outside(&config, nats_monitor, clock).await);
        }
        Err(error) => {
            findings.extend(settings::unsound(&error));
            let others = Group::ALL.into_iter().filter(|group| *group != Group::Config);
            findings.extend(others.map(|group| group.skipped(wording::NO_CONFIG)));
        }
    }
    Report::new(findings)
}

/// All groups at once: none waits for another's deadline.
async fn outside(config: &Config, nats_monitor: Option<&str>, clock: &Clock) -> Vec<Finding> {
    let today = config.rules.day_of(clock.now());
    let begins = |day| config.rules.day_begins(day);
    let day = begins(today)..today.succ_opt().map_or(DateTime::<Utc>::MAX_UTC, begins);
    // On the heap: together these futures are larger than what a thread's stack should be asked for.
    let (database, alarms, bus, gateway, vika, plan, feishu, huoban, clocks) = tokio::join!(
        bounded(Group::Database, Box::pin(database::check(&config.database))),
        bounded(Group::Alarms, Box::pin(alarms::check(config))),
        bounded(Group::Bus, Box::pin(bus::check(&config.bus, nats_monitor))),
        bounded(Group::Gateway, Box::pin(gateway::check(config, clock))),
        bounded(Group::Vika, Box::pin(vika::check(config, &day))),
        bounded(Group::Vika, Box::pin(vika_plan::check(config, today))),
        bounded(Group::Feishu, Box::pin(feishu::check(config, clock))),
        bounded(Group::Huoban, Box::pin(huoban::check(&config.huoban, &config.database))),
        bounded(Group::Clock, Box::pin(clocks::check(config, clock))),
    );
    let calendar = settings::calendar(&config.rules, today);
    [database, alarms, bus, gateway, vika, plan, feishu, huoban, clocks, calendar].concat()
}

async fn bounded(group: Group, probes: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
    match tokio::time::timeout(GROUP_LIMIT, probes).await {
        Ok(findings) => findings,
        Err(_elapsed) => vec![group.failed(wording::group_too_slow(GROUP_LIMIT))],
    }
}

/// `None`: it took too long.
async fn within<T>(probe: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(PROBE_LIMIT, probe).await.ok()
}

/// The problems of a configuration, one by one.
fn problems(error: &ConfigError) -> Vec<(String, String)> {
    match error {
        ConfigError::Unreadable(message) => vec![(String::new(), message.clone())],
        ConfigError::Problems(problems) => {
            problems.iter().map(|problem| (problem.path.clone(), problem.message.clone())).collect()
        }
    }
}
