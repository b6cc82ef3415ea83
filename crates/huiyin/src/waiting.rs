//! `huiyin waiting`: who waits for somebody, whoever goes first at the top.

use std::cmp::Reverse;

use anyhow::Context as _;
use domain::priority::{Situation, priority};
use runtime::Clock;
use runtime::main_wrapper::connect_options;
use sqlx::Connection as _;
use store::role::Role;
use store::rooms;

use crate::apply::connect;
use crate::failure::Result;
use crate::focus::member;
use crate::golive::local;
use crate::installation::Target;
use crate::text::on_one_line;
use crate::wording;

/// What it uses of the configuration.
const USED: [&str; 4] = ["database.host", "database.port", "database.name", "database.passwords.reader"];

/// What `waiting` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// For whom, by the name in the roster
    person: String,
}

pub(crate) async fn run(args: &Args, target: &Target) -> Result<()> {
    let config = target.running()?.config(&USED)?;
    let mut reader = connect(&config.database, connect_options(&config.database, Role::Reader)?).await?;
    let now = Clock::system().now();
    let history = store::rules::history(&mut reader).await.context("the rules could not be read")?;
    let rules = &history.version_at(now).rules;
    let person = member(&args.person, rules)?;
    let all = rooms::list(&mut reader, None).await.context("the rooms could not be read")?;
    reader.close().await.ok();
    let theirs = all.iter().filter(|room| !room.excluded && room.state.owner.as_ref() == Some(&person));
    let mut lines = Vec::new();
    for room in theirs {
        let customers = room.customer_lines();
        let first = priority(&rules.priority, &Situation::of(&room.state, &customers, rules, now));
        let name = if room.topic.is_empty() { room.room.to_string() } else { room.topic.clone() };
        for wait in &room.state.open {
            let since = local(wait.opened.at, rules.time_zone);
            let line = wording::waits(&name, &wait.customer_name, wait.kind, &since, &first.reasons());
            lines.push((first.points, wait.opened.at, line));
        }
    }
    lines.sort_by_key(|(points, since, _)| (Reverse(*points), *since));
    println!("{}", on_one_line(&wording::waiting_for(person.as_str(), lines.len())));
    for (_, _, line) in lines {
        println!("{}", on_one_line(&line));
    }
    Ok(())
}
