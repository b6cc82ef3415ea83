//! `huiyin closing suggest`: lines of customers that people cancelled again and again, as candidates for
//! `rules.phrases.closing`. It only looks: whether a line never asks for anything is for a person to say.

use anyhow::Context as _;
use chrono::TimeDelta;
use domain::closing::candidates::{Threshold, candidates};
use runtime::Clock;
use runtime::main_wrapper::connect_options;
use sqlx::Connection as _;
use store::role::Role;
use store::rooms::waits;

use crate::apply::{When, connect};
use crate::failure::Result;
use crate::golive::local;
use crate::installation::Target;
use crate::text::on_one_line;
use crate::wording;

/// What it uses of the configuration.
const USED: [&str; 5] =
    ["rules", "database.host", "database.port", "database.name", "database.passwords.reader"];
/// How far back is looked unless asked otherwise.
const SINCE: TimeDelta = TimeDelta::days(90);

/// What can be asked about closing words.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List lines that people cancelled again and again, as candidates for the closing phrases (in Chinese)
    Suggest(Args),
}

/// What `closing suggest` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Cancelled since when: "2026-11-22", "2026-11-22T09:00:00+08:00" [default: 90 days ago]
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
    /// How often at least
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    times: usize,
    /// In how many rooms at least
    #[arg(long, default_value_t = 2, value_name = "COUNT")]
    rooms: usize,
}

pub(crate) async fn run(command: &Command, target: &Target) -> Result<()> {
    let Command::Suggest(args) = command;
    let config = target.running()?.config(&USED)?;
    let (now, zone) = (Clock::system().now(), config.rules.time_zone);
    let since = args.since.map_or(now - SINCE, |since| since.moment(zone));
    let mut connection = connect(&config.database, connect_options(&config.database, Role::Reader)?).await?;
    let cancelled = waits::cancelled_lines(&mut connection, since).await;
    let cancelled = cancelled.context("the cancelled waits could not be read")?;
    connection.close().await.ok();
    let lines = cancelled.iter().map(|line| (line.room.as_str(), line.text.as_str()));
    let found = candidates(lines, &config.rules, Threshold { times: args.times, rooms: args.rooms });
    println!("{}", wording::closing_candidates(&local(since, zone), found.len()));
    for candidate in &found {
        let phrase = on_one_line(&candidate.phrase);
        println!("{}", wording::closing_candidate(&phrase, candidate.times, candidate.rooms));
    }
    Ok(())
}
