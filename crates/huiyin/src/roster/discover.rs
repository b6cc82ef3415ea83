//! Coworkers as the groups know them, against the roster.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use chrono_tz::Tz;
use domain::rules::{RosterEntry, Rules};
use runtime::Config;
use runtime::main_wrapper::connect_options;
use serde_json::json;
use sqlx::Connection as _;
use store::ingest::{self, Coworker};
use store::role::Role;

use super::wording;
use crate::text::on_one_line;

/// Characters of an id that tell two people of one name apart.
const ID_TAIL: usize = 4;

/// Reads the groups and says who is missing.
pub(super) async fn run(config: &Config) -> anyhow::Result<String> {
    let options = connect_options(&config.database, Role::Reader)?;
    let mut connection = runtime::database::connect(&config.database, &options)
        .await
        .context("the database cannot be read")?;
    let seen = ingest::coworkers(&mut connection, &config.rules.company_names).await;
    let mut seen = seen.context("contacts cannot be read")?;
    connection.close().await.ok();
    seen.retain(|coworker| !is_bot(coworker, &config.rules));
    Ok(describe(&seen, &config.rules))
}

fn describe(seen: &[Coworker], rules: &Rules) -> String {
    let (known, unknown): (Vec<&Coworker>, Vec<&Coworker>) =
        seen.iter().partition(|coworker| by_contact(coworker, rules).is_some());
    let zone = rules.time_zone;
    let mut text = wording::in_roster(known.len());
    for coworker in &known {
        let name = by_contact(coworker, rules).map(|entry| entry.name.to_string()).unwrap_or_default();
        write!(text, "\n  ✔ {}", line(coworker, zone)).ok();
        if name != coworker.name {
            write!(text, "{}", wording::called(&name)).ok();
        }
    }
    text.push_str(&wording::not_in_roster(unknown.len()));
    for coworker in &unknown {
        let same_name = rules.roster.iter().any(|entry| entry.name.to_string() == coworker.name);
        let note = if same_name { wording::SAME_NAME } else { "" };
        write!(text, "\n  + {}{note}", line(coworker, zone)).ok();
    }
    if !unknown.is_empty() {
        text.push_str(&wording::paste_roster(&entries(&unknown)));
    }
    text
}

fn is_bot(coworker: &Coworker, rules: &Rules) -> bool {
    rules.bots.iter().any(|bot| bot.to_string() == coworker.person)
}

fn by_contact<'r>(coworker: &Coworker, rules: &'r Rules) -> Option<&'r RosterEntry> {
    let has = |entry: &&RosterEntry| entry.contacts.iter().any(|key| key.to_string() == coworker.person);
    rules.roster.iter().find(has)
}

fn line(coworker: &Coworker, zone: Tz) -> String {
    wording::coworker(
        &on_one_line(&coworker.name),
        &on_one_line(&coworker.corporation),
        &on_one_line(&coworker.person),
        coworker.rooms,
        &coworker.last_seen_at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string(),
    )
}

/// One a line, to be pasted. The team is for people to decide; until then nobody's cards depend on it.
fn entries(unknown: &[&Coworker]) -> String {
    let mut names = BTreeMap::<&str, usize>::new();
    for coworker in unknown {
        *names.entry(&coworker.name).or_default() += 1;
    }
    let entry = |coworker: &&Coworker| {
        let alone = names.get(coworker.name.as_str()) == Some(&1);
        let name = if alone { coworker.name.clone() } else { with_tail(coworker) };
        format!("  {}", json!({ "name": name, "team": "other", "contacts": [coworker.person] }))
    };
    unknown.iter().map(entry).collect::<Vec<_>>().join(",\n")
}

/// Names in the roster are unique.
fn with_tail(coworker: &Coworker) -> String {
    let mut tail: Vec<char> = coworker.person.chars().rev().take(ID_TAIL).collect();
    tail.reverse();
    format!("{}（{}）", coworker.name, tail.into_iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coworker(person: &str, name: &str) -> Coworker {
        Coworker {
            person: person.into(),
            name: name.into(),
            corporation: "示例公司".into(),
            rooms: 1,
            last_seen_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn two_of_one_name_get_labels_that_differ() {
        let (one, other) = (coworker("wechaty:78810001", "王小售"), coworker("wechaty:78810002", "王小售"));
        let pasted = entries(&[&one, &other]);
        assert!(pasted.contains("王小售（0001）") && pasted.contains("王小售（0002）"), "{pasted}");
        assert!(entries(&[&one]).contains(r#""name":"王小售""#));
    }
}
