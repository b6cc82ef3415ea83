//! `huiyin away`: who is away, until when, and who stands in for them. It records what is asked for; `feishu-alerter` reads it.

use anyhow::Context as _;
use domain::Timestamp;
use domain::rules::Rules;
use runtime::Clock;
use sqlx::{Connection as _, PgConnection};
use store::availability::{self, Kind, NewAsked};

use crate::apply::When;
use crate::failure::{Failure, Result};
use crate::focus::{member, operator};
use crate::golive::local;
use crate::installation::Target;
use crate::text::on_one_line;
use crate::wording;

/// What `away` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Who, by the name in the roster [default: only say who is away]
    person: Option<String>,
    /// Who gets their private cards meanwhile
    #[arg(long, value_name = "PERSON", requires_all = ["person", "until"])]
    deputy: Option<String>,
    /// Until when: "2026-12-07", "2026-12-04T18:00:00+08:00"
    ///
    /// A date is the beginning of that day in the rules' time zone: the day on which they are back.
    #[arg(long, value_name = "WHEN", requires = "deputy")]
    until: Option<When>,
    /// They are back
    #[arg(long, requires = "person", conflicts_with = "deputy")]
    end: bool,
}

pub(crate) async fn run(args: &Args, target: &Target) -> Result<()> {
    let (mut operator, history) = operator(target).await?;
    let now = Clock::system().now();
    let rules = &history.version_at(now).rules;
    if let Some(person) = &args.person {
        let asked = asked(args, person, rules, now)?;
        if let Some(deputy) = &asked.deputy {
            let away = availability::at(&mut operator, now).await.context("who is away could not be read")?;
            if away.iter().any(|away| away.kind == Kind::Absence && away.person == *deputy) {
                return Err(Failure::Usage(format!("{deputy} is away too: expected somebody who is here")));
            }
        }
        availability::ask(&mut operator, &asked, now).await.context("it could not be recorded")?;
    }
    for line in lines(&mut operator, rules, now).await? {
        println!("{}", on_one_line(&line));
    }
    operator.close().await.ok();
    Ok(())
}

fn asked(args: &Args, person: &str, rules: &Rules, now: Timestamp) -> Result<NewAsked> {
    let person = member(person, rules)?;
    let (deputy, until) = match (&args.deputy, args.until) {
        (Some(deputy), Some(until)) => (Some(member(deputy, rules)?), until.moment(rules.time_zone)),
        _ if args.end => (None, now),
        _ => {
            let expected = "who stands in, and until when: expected --deputy PERSON --until WHEN, or --end";
            return Err(Failure::Usage(expected.to_owned()));
        }
    };
    if deputy.as_ref() == Some(&person) {
        return Err(Failure::Usage("nobody stands in for themselves".to_owned()));
    }
    if until < now {
        return Err(Failure::Usage(wording::until_is_past(&local(until, rules.time_zone))));
    }
    Ok(NewAsked { person, kind: Kind::Absence, deputy, by: wording::BY_COMMAND.to_owned(), until })
}

/// Who is away, for people.
async fn lines(connection: &mut PgConnection, rules: &Rules, now: Timestamp) -> Result<Vec<String>> {
    let all = availability::at(connection, now).await.context("who is away could not be read")?;
    let line = |asked: &availability::Asked| {
        let deputy = asked.deputy.as_ref().filter(|_| asked.kind == Kind::Absence)?;
        let until = local(asked.until, rules.time_zone);
        let reached = rules.staff(deputy).is_some_and(|entry| entry.feishu_chat().is_some());
        Some(wording::away(asked.person.as_str(), &until, deputy.as_str(), reached, &asked.by))
    };
    let mut lines: Vec<String> = all.iter().filter_map(line).collect();
    if lines.is_empty() {
        lines.push(wording::NOBODY_AWAY.to_owned());
    }
    Ok(lines)
}
