//! Feishu accounts by mobile number or e-mail address, and the groups of the bot that cards could go to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use feishu::{ChatInfo, FeishuError, LookedUp, OpenId};
use runtime::{Clock, Config};
use serde_json::json;

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
    Ok(describe(config, people, &found, &chats))
}

fn refused(error: &FeishuError) -> String {
    wording::feishu_refused(error.code())
}

fn describe(config: &Config, people: &[Person], found: &[LookedUp], chats: &[ChatInfo]) -> String {
    let mut text = wording::ACCOUNTS.to_owned();
    let (mut ids, mut own_chats) = (BTreeMap::new(), BTreeMap::new());
    for person in people {
        let open_id = account(person, found);
        write!(text, "\n  {}", line(person, open_id)).ok();
        ids.extend(open_id.map(|open_id| (open_id.to_owned(), &person.name)));
        if let [only] = named_after(person, chats).as_slice()
            && !config.feishu.chats.values().any(|chat| chat == only.chat_id.as_str())
        {
            own_chats.insert(&person.name, only.chat_id.as_str());
        }
    }
    text.push_str(&wording::paste("feishu.people", &json!(ids)));
    text.push_str(&wording::paste("feishu.chats", &json!(own_chats)));
    text.push_str(wording::CHATS);
    for chat in chats {
        write!(text, "\n  {}  {}", chat.chat_id, on_one_line(&chat.name)).ok();
    }
    text
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
