//! `huiyin golive`: from when on people are told, and back.
//!
//! It records when; the services read it. Nothing has to be started again.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::golive::{Change, GoLive};
use runtime::Clock;
use runtime::main_wrapper::connect_options;
use sqlx::{Connection as _, PgConnection};
use store::role::Role;

use crate::apply::{When, connect};
use crate::failure::{Failure, Result};
use crate::installation::Target;
use crate::wording;

/// What it uses of the configuration.
const USED: [&str; 5] =
    ["rules.time_zone", "database.host", "database.port", "database.name", "database.passwords.operator"];

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
    #[arg(long, conflicts_with_all = ["at", "undo"])]
    status: bool,
}

pub(crate) async fn run(args: &Args, target: &Target) -> Result<()> {
    let config = target.running()?.config(&USED)?;
    let now = Clock::system().now();
    let zone = config.rules.time_zone;
    let since = args.at.map_or(now, |at| at.moment(zone));
    if since < now {
        return Err(Failure::Usage(wording::is_past(&local(since, zone))));
    }
    let mut connection =
        connect(&config.database, connect_options(&config.database, Role::Operator)?).await?;
    let before = read(&mut connection).await?;
    let mut after = before.clone();
    if !args.status {
        after.decide(Change { since, live: !args.undo, noted_at: now });
    }
    if after != before {
        let recorded = store::golive::decide(&mut connection, !args.undo, since, now).await;
        recorded.context("it could not be recorded")?;
    }
    connection.close().await.ok();
    for line in lines(&after, now, zone) {
        println!("{line}");
    }
    if !args.status && after == before {
        println!("{}", wording::AS_IT_WAS);
    }
    Ok(())
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
