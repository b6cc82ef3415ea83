//! `huiyin apply`: puts the configuration in force. Safe to run again: what is so already stays as it is.
//!
//! The one-shot of a deployment. Roles and migrations need the superuser; the rules are stored with the operator's own
//! role, which may do nothing else.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use domain::rules::Rules;
use runtime::bus::{Bus, Login, User, declare, limit_ages};
use runtime::config::{Database, Retention, Scope};
use runtime::main_wrapper::{admin_options, connect_options};
use runtime::{Clock, Config};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use store::role::Role;

use crate::failure;
use crate::installation::Target;
use crate::owner_review;

/// How long Postgres may take to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What `apply` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// From when messages are judged by these rules: "2026-11-22", "2026-11-22T09:00:00+08:00" [default: now]
    ///
    /// A moment in the past makes the rooms that it touches be judged again. A date is the beginning of that day in the
    /// rules' time zone.
    #[arg(long, value_name = "WHEN")]
    valid_from: Option<When>,
}

/// A moment, or the beginning of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Moment(DateTime<Utc>),
    Day(NaiveDate),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let moment = DateTime::parse_from_rfc3339(text).map(|moment| Self::Moment(moment.to_utc()));
        moment
            .or_else(|_| NaiveDate::parse_from_str(text, "%Y-%m-%d").map(Self::Day))
            .map_err(|_| "expected \"2026-11-22\" or \"2026-11-22T09:00:00+08:00\"".to_owned())
    }
}

impl When {
    /// The moment; a day begins in this zone.
    pub(crate) fn moment(self, zone: Tz) -> DateTime<Utc> {
        match self {
            Self::Moment(moment) => moment,
            // Where a clock change leaves out midnight, the day begins when the clock goes on.
            Self::Day(day) => (0..24)
                .filter_map(|hour| NaiveTime::from_hms_opt(hour, 0, 0))
                .find_map(|time| zone.from_local_datetime(&day.and_time(time)).earliest())
                .map_or_else(|| day.and_time(NaiveTime::MIN).and_utc(), |moment| moment.to_utc()),
        }
    }
}

/// What putting a configuration in force did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The database's schema version before; 0: there was none.
    pub schema_before: i64,
    /// The database's schema version now.
    pub schema_now: i64,
    /// The newest version of the rules.
    pub rules_version: i64,
    /// Whether that version was made now; if not, the newest rules said the same already.
    pub rules_are_new: bool,
    /// Rooms whose owner is to be reviewed by the roster.
    pub rooms_reviewed: usize,
}

pub(crate) async fn run(args: &Args, target: &Target) -> failure::Result<()> {
    let installation = target.running()?;
    installation.expect_servers()?;
    let config = installation.complete_config(Scope::Secrets(&installation.used(&[])))?;
    println!("configuration: {} is sound", installation.file().display());
    let now = Clock::system().now();
    let zone = config.rules.time_zone;
    let valid_from = args.valid_from.map_or(now, |valid_from| valid_from.moment(zone));
    let applied = put_in_force(&config, valid_from, now).await?;
    print(&applied, &config, valid_from);
    Ok(())
}

fn print(applied: &Applied, config: &Config, valid_from: DateTime<Utc>) {
    let Applied { schema_before, schema_now, rules_version, rules_are_new, rooms_reviewed } = applied;
    let database = &config.database;
    let schema = if schema_before == schema_now {
        format!("schema version {schema_now}, unchanged")
    } else {
        format!("schema brought from version {schema_before} to {schema_now}")
    };
    println!("database: {} on {}: {schema}; {} roles set up", database.name, database.host, Role::ALL.len());
    println!("bus: streams and consumers declared");
    if *rules_are_new {
        let from = valid_from.with_timezone(&config.rules.time_zone).to_rfc3339();
        println!("rules: version {rules_version} in force from {from}");
    } else {
        println!("rules: unchanged, version {rules_version}");
    }
    if *rooms_reviewed > 0 {
        println!("rooms: the owners of {rooms_reviewed} are reviewed by the roster");
    }
}

/// Migrates the database, sets up roles and streams, and stores the rules as valid from a moment.
///
/// # Errors
/// If a password is missing, or the database or the bus cannot be reached or refuses.
pub async fn put_in_force(config: &Config, valid_from: DateTime<Utc>, now: DateTime<Utc>) -> Result<Applied> {
    let database = &config.database;
    let (schema_before, schema_now) = prepare_database(database).await?;
    let bus = Bus::connect(&Login::of(&config.bus, User::Admin)?, "huiyin-apply").await?;
    declare_streams(&bus, config.bus.replicas, &config.retention).await?;
    let mut operator = connect(database, connect_options(database, Role::Operator)?).await?;
    let rules = with_chosen_ladders(&mut operator, &config.rules).await?;
    let made = store::rules::apply(&mut operator, &rules, valid_from, now)
        .await
        .context("the rules could not be stored")?;
    let newest = store::rules::newest_version(&mut operator).await.context("the rules could not be read")?;
    let rules_version = made.unwrap_or(newest);
    // A roster of some later day is reviewed by whoever applies it once more on that day.
    let rooms_reviewed = if valid_from <= now {
        let mut reader = connect(database, connect_options(database, Role::Reader)?).await?;
        owner_review::ask(&mut reader, &bus, (rules_version, &rules), now).await?
    } else {
        0
    };
    operator.close().await.ok();
    Ok(Applied { schema_before, schema_now, rules_version, rules_are_new: made.is_some(), rooms_reviewed })
}

/// These rules; where they leave open whose ladders they go by, with those that were chosen when the system went live.
async fn with_chosen_ladders(connection: &mut PgConnection, rules: &Rules) -> Result<Rules> {
    let before = match store::rules::history(connection).await {
        Ok(history) => history.newest().rules.ladders.preset,
        Err(store::rules::RulesError::None(_)) => None,
        Err(error) => return Err(error).context("the rules could not be read"),
    };
    Ok(Rules { ladders: rules.ladders.clone().or_chosen(before), ..rules.clone() })
}

/// Declares streams and consumers; streams forget texts as early as the retention says.
pub(crate) async fn declare_streams(bus: &Bus, replicas: usize, retention: &Retention) -> Result<()> {
    declare(bus.jetstream(), replicas).await?;
    if let Some(text) = retention.text {
        limit_ages(bus.jetstream(), text.as_duration()).await?;
    }
    Ok(())
}

async fn prepare_database(database: &Database) -> Result<(i64, i64)> {
    let passwords = role_passwords(database)?;
    let mut admin = connect(database, admin_options(database)?).await?;
    let before = store::migrate::version(&mut admin).await.context("the schema version could not be read")?;
    store::migrate::provision(&mut admin, |role| passwords.get(&role).cloned().unwrap_or_default()).await?;
    let now = store::migrate::version(&mut admin).await.context("the schema version could not be read")?;
    admin.close().await.ok();
    Ok((before, now))
}

pub(crate) fn role_passwords(database: &Database) -> Result<BTreeMap<Role, String>> {
    let password = |role: Role| match database.passwords.get(role.name()) {
        Some(password) => Ok((role, password.expose().to_owned())),
        None => bail!("database.passwords.{role} is missing"),
    };
    Role::ALL.into_iter().map(password).collect()
}

/// Logs in, within a bounded time.
pub(crate) async fn connect(database: &Database, options: PgConnectOptions) -> Result<PgConnection> {
    let connecting = runtime::database::connect(database, &options);
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected,
        Err(_elapsed) => bail!(
            "Postgres on {}:{} did not answer within {} s",
            database.host,
            database.port,
            CONNECT_TIMEOUT.as_secs()
        ),
    }
    .with_context(|| {
        format!(
            "cannot log in to the database {} on {}:{} as {}",
            database.name,
            database.host,
            database.port,
            options.get_username()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_in_the_zone_of_the_rules() {
        let day: When = "2026-11-22".parse().unwrap();
        assert_eq!(day.moment(Tz::Asia__Shanghai).to_rfc3339(), "2026-11-21T16:00:00+00:00");
        let moment: When = "2026-11-22T09:00:00+08:00".parse().unwrap();
        assert_eq!(moment.moment(Tz::UTC).to_rfc3339(), "2026-11-22T01:00:00+00:00");
        assert!("yesterday".parse::<When>().unwrap_err().contains("expected"));
        // In Beirut, 2022-03-27 began at one o'clock.
        let short: When = "2022-03-27".parse().unwrap();
        assert_eq!(short.moment(Tz::Asia__Beirut).to_rfc3339(), "2022-03-26T22:00:00+00:00");
    }
}
