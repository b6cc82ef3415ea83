//! `huiyin golive`: from when on people are told, and back.
//!
//! It records when; the services read it. Nothing has to be started again. By which ladder people are told can be chosen
//! with it: that is a version of the rules from that moment on, and a configuration that names no ladder keeps it.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::golive::{Change, GoLive};
use domain::rules::{Ladders, Preset, Rules};
use runtime::Clock;
use runtime::main_wrapper::connect_options;
use sqlx::{Connection as _, PgConnection};
use store::role::Role;

use crate::apply::{When, connect};
use crate::failure::{Failure, Result};
use crate::installation::Target;
use crate::wording;

/// What it uses of the configuration.
const USED: [&str; 6] = [
    "rules.time_zone",
    "rules.ladders",
    "database.host",
    "database.port",
    "database.name",
    "database.passwords.operator",
];

/// What `golive` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// From when: "2026-11-23", "2026-11-23T09:00:00+08:00" [default: now]
    ///
    /// A date is the beginning of that day in the rules' time zone. Takes the place of whatever was still to come.
    #[arg(long, value_name = "WHEN")]
    at: Option<When>,
    /// Go back to rehearsal: cards are only listed again
    #[arg(long)]
    undo: bool,
    /// Only say how it is
    #[arg(long, conflicts_with_all = ["at", "undo", "ladder"])]
    status: bool,
    /// By which ladder people are told from then on: "report" or "calm" [default: as before]
    #[arg(long, value_name = "LADDER", value_parser = preset, conflicts_with = "undo")]
    ladder: Option<Preset>,
}

/// A preset by its name.
pub(crate) fn preset(text: &str) -> std::result::Result<Preset, String> {
    text.parse().map_err(|_| {
        let known: Vec<String> = Preset::ALL.iter().map(|preset| format!("\"{preset}\"")).collect();
        format!("expected {}", known.join(" or "))
    })
}

pub(crate) async fn run(args: &Args, target: &Target) -> Result<()> {
    let config = target.running()?.config(&USED)?;
    let now = Clock::system().now();
    let zone = config.rules.time_zone;
    let since = args.at.map_or(now, |at| at.moment(zone));
    if since < now {
        return Err(Failure::Usage(wording::is_past(&local(since, zone))));
    }
    if let Some(chosen) = args.ladder {
        expect_open(&config.rules.ladders, chosen)?;
    }
    let mut connection =
        connect(&config.database, connect_options(&config.database, Role::Operator)?).await?;
    let mut transaction = connection.begin().await.context("the database did not answer")?;
    let before = read(&mut transaction).await?;
    let mut after = before.clone();
    if !args.status {
        after.decide(Change { since, live: !args.undo, noted_at: now });
    }
    if after != before {
        let recorded = store::golive::decide(&mut transaction, !args.undo, since, now).await;
        recorded.context("it could not be recorded")?;
    }
    let chosen = match args.ladder {
        Some(ladder) => choose(&mut transaction, ladder, since, now).await?,
        None => false,
    };
    let ladders = newest_ladders(&mut transaction).await?;
    transaction.commit().await.context("it could not be recorded")?;
    connection.close().await.ok();
    for line in lines(&after, now, zone) {
        println!("{line}");
    }
    if let Some(ladders) = ladders {
        println!("{}", wording::ladder(ladders.goes_by()));
    }
    if !args.status && after == before && !chosen {
        println!("{}", wording::AS_IT_WAS);
    }
    Ok(())
}

/// The choice is the configuration's if it names a ladder, or all of them are the company's own.
fn expect_open(written: &Ladders, chosen: Preset) -> Result<()> {
    match (written.preset, written.goes_by()) {
        (Some(named), _) if named != chosen => Err(Failure::Usage(wording::ladder_is_named(named, chosen))),
        (_, None) => Err(Failure::Usage(wording::LADDERS_ARE_OWN.to_owned())),
        _ => Ok(()),
    }
}

/// Puts the newest rules in force with the ladders of a preset, from then on; says whether that is anything new.
async fn choose(
    connection: &mut PgConnection,
    ladder: Preset,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> anyhow::Result<bool> {
    let history = store::rules::history(connection).await?;
    let newest = &history.newest().rules;
    let rules = Rules { ladders: newest.ladders.clone().with_preset(ladder), ..newest.clone() };
    let made = store::rules::apply(connection, &rules, since, now).await;
    Ok(made.context("the rules could not be stored")?.is_some())
}

/// `None`: no rules were ever put in force.
async fn newest_ladders(connection: &mut PgConnection) -> anyhow::Result<Option<Ladders>> {
    match store::rules::history(connection).await {
        Ok(history) => Ok(Some(history.newest().rules.ladders.clone())),
        Err(store::rules::RulesError::None(_)) => Ok(None),
        Err(error) => Err(error).context("the rules could not be read"),
    }
}

async fn read(connection: &mut PgConnection) -> anyhow::Result<GoLive> {
    store::golive::history(connection).await.context("whether the system is live could not be read")
}

/// How it is, for people.
pub(crate) fn lines(golive: &GoLive, now: DateTime<Utc>, zone: Tz) -> Vec<String> {
    let phase = golive.at(now);
    let since = phase.since.map(|since| local(since, zone));
    let mut lines = vec![wording::phase(phase.live, since.as_deref())];
    lines.extend(golive.next(now).map(|next| wording::announced(next.live, &local(next.since, zone))));
    lines
}

/// A moment as the company's clocks show it.
pub(crate) fn local(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string()
}
