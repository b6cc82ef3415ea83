//! The configuration's roster beside the one in force.

use anyhow::{Context as _, Result};
use domain::rules::{RosterEntry, Rules};
use runtime::bus::{Bus, Login, User};
use runtime::main_wrapper::connect_options;
use runtime::{Clock, Config};
use sqlx::Connection as _;
use store::role::Role;

use super::owners::{self, Owners};
use super::wording;
use crate::apply::connect;
use crate::owner_review;

/// What putting it in force uses of the configuration besides.
pub(super) const OF_APPLYING: [&str; 3] =
    ["database.passwords.operator", "bus.url", "bus.passwords.operator"];

pub(super) async fn diff(config: &Config) -> Result<String> {
    let mut connection = owners::reader(config).await?;
    let owners = Owners::read(&mut connection).await?;
    connection.close().await.ok();
    Ok(describe(&owners, &config.rules.roster))
}

/// Puts the roster in force, the rest of the rules as it is.
pub(super) async fn apply(config: &Config) -> Result<String> {
    let told = diff(config).await?;
    let options = connect_options(&config.database, Role::Operator)?;
    let mut operator = connect(&config.database, options).await?;
    let history = store::rules::history(&mut operator).await.context("the rules cannot be read")?;
    let rules = Rules { roster: config.rules.roster.clone(), ..history.newest().rules.clone() };
    let now = Clock::system().now();
    let problems = rules.validate();
    anyhow::ensure!(problems.is_empty(), wording::unfit(&problems));
    let made =
        store::rules::apply(&mut operator, &rules, now, now).await.context("the roster cannot be stored")?;
    let newest = store::rules::newest_version(&mut operator).await.context("the rules cannot be read")?;
    operator.close().await.ok();
    let bus = Bus::connect(&Login::of(&config.bus, User::Role(Role::Operator))?, "huiyin-roster").await?;
    let mut reader = owners::reader(config).await?;
    let reviewed = owner_review::ask(&mut reader, &bus, (made.unwrap_or(newest), &rules), now).await?;
    reader.close().await.ok();
    let reviewed = if reviewed > 0 { wording::reviewed(reviewed) } else { String::new() };
    Ok(format!("{told}\n{}{reviewed}", wording::applied(made)))
}

fn describe(owners: &Owners, wanted: &[RosterEntry]) -> String {
    let held = &owners.rules.roster;
    let find =
        |of: &[RosterEntry], entry: &RosterEntry| of.iter().find(|other| other.name == entry.name).cloned();
    let mut lines = Vec::new();
    lines.extend(wanted.iter().filter(|entry| find(held, entry).is_none()).map(wording::added));
    for entry in held {
        let rooms = owners.of(entry.name.as_str());
        match find(wanted, entry) {
            None => {
                lines.push(wording::removed(entry, rooms.len()));
                lines.extend(rooms.iter().map(wording::room));
            }
            Some(now) if now != *entry => lines.push(wording::changed(entry, &now)),
            Some(_) => {}
        }
    }
    if lines.is_empty() { wording::SAME_ROSTER.to_owned() } else { lines.join("\n") }
}
