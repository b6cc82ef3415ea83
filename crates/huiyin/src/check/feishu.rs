//! The app, each chat, each person, and what callbacks need.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::rules::{RosterEntry, Rules};
use feishu::{ChatInfo, Credentials, FeishuClient, FeishuError, OpenId};
use futures::{StreamExt as _, stream};
use runtime::config::{self, Watchdog};
use runtime::{Clock, Config};

use super::report::{Finding, Group};
use super::within;
use super::wording;

/// People asked for at once.
const AT_ONCE: usize = 4;
/// A chat that takes messages.
const NORMAL: &str = "normal";

pub(super) async fn check(config: &Config, clock: &Clock) -> Vec<Finding> {
    let (config, rules, watchdog) = (&config.feishu, &config.rules, config.watchdog.as_deref());
    if !config.enabled {
        return vec![Group::Feishu.skipped(wording::FEISHU_IS_OFF)];
    }
    let Some(client) = client(config, clock) else { return vec![Group::Feishu.failed(wording::no_http())] };
    let mut findings = vec![callbacks(config)];
    match within(client.log_in()).await {
        Some(Ok(())) => {
            findings.push(Group::Feishu.ok(wording::app_is_known(&config.app_id)));
            let (chats, people) = tokio::join!(
                chats(&client, config, rules, watchdog),
                people(&client, config, rules, watchdog)
            );
            findings.extend(chats.into_iter().chain(people));
        }
        Some(Err(error)) => findings.extend(without_app(&error)),
        None => findings.push(Group::Feishu.failed(wording::feishu_unreachable(&config.base_url))),
    }
    findings
}

/// A client of the configured app; `None` without a certificate store.
pub(crate) fn client(config: &config::Feishu, clock: &Clock) -> Option<FeishuClient> {
    let clock = clock.clone();
    let credentials = Credentials { app_id: config.app_id.clone(), app_secret: config.app_secret.clone() };
    let http = runtime::http::client().ok()?;
    Some(FeishuClient::new(http, config.base_url.clone(), credentials, Arc::new(move || clock.now())))
}

fn without_app(error: &FeishuError) -> Vec<Finding> {
    let first = Group::Feishu.failed(wording::feishu("应用", error));
    vec![
        first,
        Group::Feishu.skipped(wording::CHATS_NOT_READ),
        Group::Feishu.skipped(wording::PEOPLE_NOT_READ),
    ]
}

/// The platform does not say what stands in the app's console; ours is there, or the configuration were refused.
fn callbacks(config: &config::Feishu) -> Finding {
    Group::Feishu.skipped(wording::callbacks(&config.listen.to_string()))
}

async fn chats(
    client: &FeishuClient,
    config: &config::Feishu,
    rules: &Rules,
    watchdog: Option<&Watchdog>,
) -> Vec<Finding> {
    let known: BTreeMap<String, ChatInfo> = match within(client.list_chats()).await {
        Some(Ok(chats)) => chats.into_iter().map(|chat| (chat.chat_id.to_string(), chat)).collect(),
        Some(Err(error)) => return vec![Group::Feishu.failed(wording::feishu("群列表", &error))],
        None => return vec![Group::Feishu.failed(wording::feishu_unreachable(&config.base_url))],
    };
    let own =
        |entry: &RosterEntry| Some((wording::own_chat(entry.name.as_str()), entry.feishu_chat()?.to_owned()));
    let wanted = rules.roster.iter().filter_map(own);
    let named = rules.chats.iter().map(|(name, chat)| (name.clone(), chat.feishu.to_string()));
    let public = [(wording::PUBLIC_CHAT.to_owned(), config.public_chat.clone())];
    let operators =
        watchdog.map(|watchdog| (wording::OPERATORS_CHAT.to_owned(), watchdog.operators_chat.clone()));
    wanted
        .chain(public)
        .chain(named)
        .chain(operators)
        .map(|(owner, chat)| chat_of(&owner, &chat, known.get(&chat)))
        .collect()
}

fn chat_of(owner: &str, chat: &str, found: Option<&ChatInfo>) -> Finding {
    match found {
        None => Group::Feishu.failed(wording::not_in_chat(owner, chat)),
        Some(found) if !found.status.is_empty() && found.status != NORMAL => {
            Group::Feishu.failed(wording::chat_dissolved(owner, &found.name))
        }
        Some(found) => Group::Feishu.ok(wording::in_chat(owner, &found.name)),
    }
}

/// Those who press buttons, and those who are pressed. Names are for the former: without them a press counts all the same, so nothing here is a failure but an id
/// that is none.
async fn people(
    client: &FeishuClient,
    config: &config::Feishu,
    rules: &Rules,
    watchdog: Option<&Watchdog>,
) -> Vec<Finding> {
    let operators = watchdog.map(|watchdog| watchdog.operators.as_slice()).unwrap_or_default();
    let of_roster =
        rules.roster.iter().filter_map(|entry| Some((entry.feishu_account()?, entry.name.as_str())));
    let named: BTreeMap<&str, &str> = of_roster.collect();
    let nameless = operators.iter().map(String::as_str).filter(|open_id| !named.contains_key(open_id));
    let everybody = named.clone().into_iter().chain(nameless.map(|open_id| (open_id, open_id)));
    let looks = everybody.map(async |(open_id, name)| {
        match within(client.person_name(&OpenId::new(open_id))).await {
            Some(Ok(_)) => Group::Feishu.ok(wording::person_is_known(name)),
            Some(Err(error)) if wording::is_unknown_person(&error) => {
                Group::Feishu.failed(wording::person_unknown(name, open_id))
            }
            Some(Err(error)) => Group::Feishu.warning(wording::person_unseen(name, &error)),
            None => Group::Feishu.warning(wording::feishu_unreachable(&config.base_url)),
        }
    });
    stream::iter(looks).buffered(AT_ONCE).collect().await
}
