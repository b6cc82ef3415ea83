//! The invented company of the demo, as configuration and as chats in the fake Feishu.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use chrono::TimeDelta;
use runtime::{Clock, Config};
use serde_json::{Value, json};
use simulators::feishu::{AppSpec, CallbackSpec, ChatSpec, FeishuConfig, HookSpec, PersonSpec};

use super::outside::{Addresses, Keys};
use super::world::{World, gateway_token};
use crate::local::Local;

/// What does not depend on the machine. Its calendars are `always`: people try the demo in the evening and at weekends, and
/// what simulates this company moves the clock as it likes.
pub const COMPANY: &str = include_str!("../../../../config/demo.json");
/// The Vika space in [`COMPANY`].
pub const SPACE: &str = "spcDemo000001";
/// The company's rules have been in force for this long.
pub const RULES_SINCE: TimeDelta = TimeDelta::days(1);
/// The name of the chat that everybody reads.
pub const PUBLIC_CHAT: &str = "客户响应公共群";
/// The name of the chat of those who look after Huiyin.
pub const OPERATORS_CHAT: &str = "运维群";
/// The custom bot that is told when the app cannot speak.
const FALLBACK_BOT: &str = "demo-fallback";

/// The configuration of this run as it is read.
pub fn config(written: &Value, local: &Local) -> Result<Config> {
    let text = written.to_string();
    let config = runtime::config::load_text(&text, "config/demo.json", Path::new("."), false)?;
    Ok(Config { database: local.database(), bus: local.bus(), ..config })
}

/// The configuration of this run as a file would hold it, with its secrets. Database and bus are the home's.
pub fn written(world: &World) -> Result<Value> {
    let (secrets, keys, sheets) = (&world.secrets, &world.keys, &world.outside.sheets);
    let gateway = world.gateway.as_ref().map(
        |gateway| json!({ "name": "demo", "endpoint": gateway.endpoint(), "token": gateway_token(secrets) }),
    );
    sample(json!({
        "database": { "host": "/", "name": "huiyin" },
        "bus": { "url": "nats://private" },
        "ingest": {
            "listen": world.ingest,
            "webhook_tokens": [{
                "name": "demo",
                "token": secrets.get("ingest"),
                "may_claim": [{ "source": "webhook" }, { "source": "wechaty" }]
            }],
            "gateway": gateway
        },
        "vika": {
            "base_url": world.outside.vika.url,
            "sync_token": keys.sync,
            "reconcile_token": keys.reconcile,
            "sheets": {
                "today": sheets.today.as_str(),
                "all_rooms": sheets.all_rooms.as_str(),
                "system_log": sheets.system_log.as_str()
            }
        },
        "feishu": {
            "base_url": world.outside.feishu.url.clone(),
            "app_secret": keys.app_secret,
            "encrypt_key": keys.encrypt_key,
            "verification_token": keys.verification_token,
            "listen": world.callbacks
        },
        "performance": {
            "board": {
                "listen": world.board,
                "public_url": format!("http://{}", world.board),
                "session_key": secrets.get("board")
            }
        },
        "watchdog": {
            "fallback": {
                "url": format!("{}/open-apis/bot/v2/hook/{FALLBACK_BOT}", world.outside.feishu.url),
                "secret": keys.fallback_secret
            }
        }
    }))
}

/// The company as a configuration without its addresses: what holds in containers alone is left out, and `over` is laid
/// onto the rest.
pub fn sample(over: Value) -> Result<Value> {
    let mut config: Value = serde_json::from_str(COMPANY).context("config/demo.json")?;
    if let Some(config) = config.as_object_mut() {
        for elsewhere in ["database", "bus", "health_listen"] {
            config.remove(elsewhere);
        }
    }
    if let Some(watchdog) = config["watchdog"].as_object_mut() {
        watchdog.remove("fallback");
    }
    if let Some(ingest) = config["ingest"].as_object_mut() {
        ingest.remove("gateway");
    }
    merge(&mut config, over);
    Ok(config)
}

/// Lays `over` onto `base`, object by object. A secret by value takes the place of one by file.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                base.remove(&format!("{key}_file"));
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

/// The chats and people that the configuration names.
pub fn feishu_config(keys: &Keys, clock: &Clock, addresses: Addresses) -> Result<FeishuConfig> {
    let company: Value = serde_json::from_str(COMPANY).context("config/demo.json")?;
    let feishu = &company["feishu"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let roster = || company["rules"]["roster"].as_array().into_iter().flatten();
    let address = |entry: &Value, kind: &str| entry["addresses"]["feishu"][kind].as_str().map(str::to_owned);
    let people: Vec<PersonSpec> = roster()
        .filter_map(|entry| Some((address(entry, "open_id")?, text(&entry["name"]))))
        .map(|(open_id, name)| PersonSpec {
            open_id,
            name,
            mobile: String::new(),
            email: String::new(),
            available: true,
            refuse: None,
        })
        .collect();
    let open_ids: Vec<String> = people.iter().map(|person| person.open_id.clone()).collect();
    let chat = |chat_id: String, name: String, members: Vec<String>| ChatSpec {
        chat_id,
        name,
        bot_in: true,
        members,
        restricted: false,
        dissolved: false,
        refuse: None,
    };
    let own = |entry: &Value| {
        let members = address(entry, "open_id").into_iter().collect();
        Some(chat(address(entry, "chat")?, format!("{}的提醒群", text(&entry["name"])), members))
    };
    let mut chats: Vec<ChatSpec> = roster().filter_map(own).collect();
    chats.push(chat(text(&feishu["public_chat"]), PUBLIC_CHAT.to_owned(), open_ids));
    let watchdog = &company["watchdog"];
    let operators = watchdog["operators"].as_array().into_iter().flatten().map(text).collect();
    chats.push(chat(text(&watchdog["operators_chat"]), OPERATORS_CHAT.to_owned(), operators));
    let clock = clock.clone();
    let app = AppSpec { app_id: text(&feishu["app_id"]), app_secret: keys.app_secret.clone() };
    Ok(FeishuConfig {
        callback: CallbackSpec {
            url: Some(addresses.callbacks),
            encrypt_key: Some(keys.encrypt_key.clone()),
            verification_token: keys.verification_token.clone(),
        },
        chats,
        people,
        hooks: vec![HookSpec { token: FALLBACK_BOT.to_owned(), secret: keys.fallback_secret.clone() }],
        listen: addresses.feishu,
        beyond_loopback: !addresses.feishu.ip().is_loopback(),
        ..FeishuConfig::new(Arc::new(move || clock.now()), app)
    })
}
