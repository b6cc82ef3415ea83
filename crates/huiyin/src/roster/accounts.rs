//! Feishu accounts by mobile number or e-mail address, and the groups of the bot that cards could go to.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use domain::rules::{RosterEntry, Rules};
use feishu::{ChatInfo, FeishuError, LookedUp, OpenId};
use runtime::{Clock, Config};
use serde_json::{Map, Value, json};

use super::people::Person;
use super::wording;
use crate::check::feishu_client;
use crate::text::on_one_line;

/// Looks everybody up and prints what can be pasted.
pub(super) async fn run(config: &Config, people: &[Person]) -> anyhow::Result<String> {
    let client = feishu_client(&config.feishu, &Clock::system()).context("the system's certificates")?;
    let texts = |field: fn(&Person) -> &String| -> Vec<String> {
        people.iter().map(field).filter(|text| !text.is_empty()).cloned().collect()
    };
    let found = client.look_up(&texts(|person| &person.mobile), &texts(|person| &person.email)).await;
    let found = match found {
        Ok(found) => found,
        Err(error) => bail!(refused(&error)),
    };
    let chats = client.list_chats().await.map_err(|error| anyhow::anyhow!(refused(&error)))?;
    Ok(describe(&config.rules, people, &found, &chats))
}

fn refused(error: &FeishuError) -> String {
    wording::feishu_refused(error.code())
}

fn describe(rules: &Rules, people: &[Person], found: &[LookedUp], chats: &[ChatInfo]) -> String {
    let mut text = wording::ACCOUNTS.to_owned();
    for person in people {
        write!(text, "\n  {}", line(person, account(person, found))).ok();
    }
    let entries = people.iter().filter_map(|person| entry(rules, person, account(person, found), chats));
    text.push_str(&wording::paste_addresses(&entries.collect::<Vec<_>>().join("\n")));
    text.push_str(wording::CHATS);
    for chat in chats {
        write!(text, "\n  {}  {}", chat.chat_id, on_one_line(&chat.name)).ok();
    }
    text
}

/// What to write into the roster of somebody of whom more was found than stands there: of a member of it their
/// addresses, of anybody else a whole entry.
fn entry(rules: &Rules, person: &Person, open_id: Option<&str>, chats: &[ChatInfo]) -> Option<String> {
    let known = rules.roster.iter().find(|entry| entry.name.as_str() == person.name);
    let is_taken = |chat: &str| rules.roster.iter().any(|entry| entry.feishu_chat() == Some(chat));
    let chat = match named_after(person, chats).as_slice() {
        [only] if !is_taken(only.chat_id.as_str()) => Some(only.chat_id.as_str()),
        _ => None,
    };
    let of = |key: &str, found: Option<&str>, known: Option<&str>| {
        found.or(known).map(|id| (key.to_owned(), Value::from(id)))
    };
    let addresses: Map<String, Value> = [
        of("chat", chat, known.and_then(RosterEntry::feishu_chat)),
        of("open_id", open_id, known.and_then(RosterEntry::feishu_account)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let addresses = json!({ "feishu": addresses });
    match known {
        _ if chat.is_none() && open_id.is_none() => None,
        Some(entry) if json!(entry.addresses) == addresses => None,
        Some(_) => Some(format!("  {}：\"addresses\": {addresses}", on_one_line(&person.name))),
        None => {
            let entry = json!({ "name": person.name, "team": "other", "addresses": addresses });
            Some(format!("  {entry}"))
        }
    }
}

fn account<'f>(person: &Person, found: &'f [LookedUp]) -> Option<&'f str> {
    let theirs = |one: &&LookedUp| {
        (!one.mobile.is_empty() && one.mobile == person.mobile)
            || (!one.email.is_empty() && one.email == person.email)
    };
    found.iter().filter(theirs).find_map(|one| one.open_id.as_ref()).map(OpenId::as_str)
}

/// Groups that carry somebody's name are most likely theirs.
fn named_after<'c>(person: &Person, chats: &'c [ChatInfo]) -> Vec<&'c ChatInfo> {
    chats.iter().filter(|chat| chat.name.contains(&person.name)).collect()
}

fn line(person: &Person, open_id: Option<&str>) -> String {
    let name = on_one_line(&person.name);
    let (mobile, email) = (masked_mobile(&person.mobile), masked_email(&person.email));
    wording::account(&name, &mobile, &email, open_id)
}

/// The first three and the last four digits of a long number; nothing of a short one.
fn masked_mobile(mobile: &str) -> String {
    const SHOWN: usize = 3 + 4;
    let digits: Vec<char> = mobile.chars().filter(char::is_ascii_digit).collect();
    match digits.len() {
        0 => String::new(),
        long if long > SHOWN => {
            let (head, tail) = (&digits[..3], &digits[long - 4..]);
            format!("{}****{}", head.iter().collect::<String>(), tail.iter().collect::<String>())
        }
        _ => "****".to_owned(),
    }
}

/// The first letter and the domain.
fn masked_email(email: &str) -> String {
    match email.split_once('@') {
        Some((user, domain)) => {
            format!(
                "{}***@{}",
                user.chars().next().map(String::from).unwrap_or_default(),
                on_one_line(domain)
            )
        }
        None if email.is_empty() => String::new(),
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_are_masked() {
        assert_eq!(masked_mobile("+86 138-0000-0001"), "861****0001");
        assert_eq!(masked_mobile("13800000001"), "138****0001");
        assert_eq!((masked_mobile("12345"), masked_mobile("")), ("****".to_owned(), String::new()));
        assert_eq!(masked_email("wang@example.com"), "w***@example.com");
        assert_eq!((masked_email("wang"), masked_email("")), ("***".to_owned(), String::new()));
    }
}
