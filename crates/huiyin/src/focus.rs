//! `huiyin focus`: who is not to be disturbed, and until when. It records what is asked for; `feishu-alerter` reads it.

use anyhow::Context as _;
use chrono::TimeDelta;
use domain::Timestamp;
use domain::id::StaffName;
use domain::rules::{Rules, RulesHistory};
use domain::span::Span;
use runtime::Clock;
use runtime::main_wrapper::connect_options;
use sqlx::{Connection as _, PgConnection};
use store::availability::{self, Kind, NewAsked};
use store::role::Role;

use crate::apply::connect;
use crate::failure::{Failure, Result};
use crate::golive::local;
use crate::installation::Target;
use crate::text::on_one_line;
use crate::wording;

/// What it uses of the configuration.
const USED: [&str; 4] = ["database.host", "database.port", "database.name", "database.passwords.operator"];
/// The longest focus: what is longer is an absence.
const LONGEST: TimeDelta = TimeDelta::hours(24);

/// What `focus` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Who, by the name in the roster [default: only say who is not to be disturbed]
    person: Option<String>,
    /// For how long their private cards wait: 30m, 2h
    #[arg(long = "for", value_name = "LENGTH", requires = "person")]
    length: Option<Span>,
    /// End it: what waits comes at once
    #[arg(long, requires = "person", conflicts_with = "length")]
    end: bool,
}

pub(crate) async fn run(args: &Args, target: &Target) -> Result<()> {
    let (mut operator, history) = operator(target).await?;
    let now = Clock::system().now();
    let rules = &history.version_at(now).rules;
    if let Some(person) = &args.person {
        let asked = asked(args, person, rules, now)?;
        availability::ask(&mut operator, &asked, now).await.context("it could not be recorded")?;
    }
    for line in lines(&mut operator, rules, now).await? {
        println!("{}", on_one_line(&line));
    }
    operator.close().await.ok();
    Ok(())
}

fn asked(args: &Args, person: &str, rules: &Rules, now: Timestamp) -> Result<NewAsked> {
    let until = match args.length {
        Some(length) => now + TimeDelta::from_std(length.as_duration()).unwrap_or(TimeDelta::MAX),
        None if args.end => now,
        None => return Err(Failure::Usage("for how long: expected --for 30m, or --end".to_owned())),
    };
    if until - now > LONGEST {
        return Err(Failure::Usage("a focus lasts a day at most".to_owned()));
    }
    let person = member(person, rules)?;
    Ok(NewAsked { person, kind: Kind::Focus, deputy: None, by: wording::BY_COMMAND.to_owned(), until })
}

/// A connection for whoever notes what people ask for, and the rules that know them.
pub(crate) async fn operator(target: &Target) -> Result<(PgConnection, RulesHistory)> {
    let config = target.running()?.config(&USED)?;
    let mut operator = connect(&config.database, connect_options(&config.database, Role::Operator)?).await?;
    let history = store::rules::history(&mut operator).await.context("the rules could not be read")?;
    Ok((operator, history))
}

/// Somebody of the roster.
pub(crate) fn member(name: &str, rules: &Rules) -> Result<StaffName> {
    let found = rules.staff_by_name(name.trim());
    let found = found.map_err(|why| Failure::Usage(format!("{}: {why}", on_one_line(name))))?;
    Ok(found.name.clone())
}

/// Who is not to be disturbed, for people.
async fn lines(connection: &mut PgConnection, rules: &Rules, now: Timestamp) -> Result<Vec<String>> {
    let all = availability::at(connection, now).await.context("who is in focus could not be read")?;
    let mut lines = Vec::new();
    for entry in &rules.roster {
        let asked = all.iter().find(|asked| asked.kind == Kind::Focus && asked.person == entry.name);
        let window = rules.focus_until(&entry.name, now);
        let Some(until) = asked.map(|asked| asked.until).max(window) else { continue };
        let by = asked.map_or(wording::BY_RULES, |asked| asked.by.as_str());
        lines.push(wording::in_focus(entry.name.as_str(), &local(until, rules.time_zone), by));
    }
    if lines.is_empty() {
        lines.push(wording::NOBODY_IN_FOCUS.to_owned());
    }
    Ok(lines)
}
