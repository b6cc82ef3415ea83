//! 示例公司: an invented company, its customers, and what they say.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use chrono::{DateTime, Utc};
use domain::message::MessageKind;
use events::chat::{ActorRef, ChatMessage, ChatRoom, RoomEvent, RoomRef, SenderRef};
use runtime::Config;
use runtime::bus::{Outgoing, User};
use serde_json::{Value, json};

/// The sample configuration, with the bus at `bus_url` and the passwords of [`crate::bus_server`].
///
/// # Errors
/// If it does not pass the checks, which tests of the configuration make sure of.
pub fn config(bus_url: &str) -> Result<Config> {
    let bus_passwords: BTreeMap<&str, String> =
        User::ALL.iter().map(|user| (user.name(), crate::bus_password(*user))).collect();
    let ladder = json!({
        "rungs": [
            { "after": "5m", "colour": "turquoise", "audience": ["owner"] },
            { "after": "10m", "colour": "yellow", "audience": ["owner"] },
            { "after": "20m", "colour": "orange", "audience": ["owner"] },
            { "after": "30m", "colour": "red", "audience": ["owner", "public"] }
        ],
        "repeat": { "every": "10m", "colour": "grey", "audience": ["owner", "public"], "until": "70m" }
    });
    let text = json!({
        "rules": {
            "time_zone": "Asia/Shanghai",
            "company_names": ["示例公司"],
            "roster": [
                {
                    "name": "王小售", "team": "pre_sales", "contacts": ["webhook:wang"],
                    "addresses": { "feishu": { "chat": "oc_wang" } }
                },
                {
                    "name": "李小后", "team": "after_sales", "contacts": ["webhook:li"],
                    "addresses": { "feishu": { "chat": "oc_li" } }
                }
            ],
            "phrases": { "version": 1, "closing": ["好", "好的", "OK", "收到", "谢谢", "辛苦了", "👌", "[OK]"] },
            "ladders": { "pre_sales": ladder, "after_sales": ladder },
            // Tests move the clock as they like, over nights and weekends. Those of calendars name their own.
            "calendars": { "pre_sales": "always", "after_sales": "always" }
        },
        "database": { "passwords": {} },
        "bus": { "url": bus_url, "passwords": bus_passwords },
        "ingest": { "listen": "127.0.0.1:0", "webhook_tokens": [{ "name": "test", "token": "test-token" }] },
        "vika": {
            "base_url": "http://127.0.0.1:9", "space": "spcTest", "sync_token": "uskSync", "reconcile_token": "uskRead",
            "bot_names": ["机器人"], "sheets": { "today": "", "all_rooms": "", "system_log": "" },
            "sync_every": "1s", "poll_every": "1s", "poll_all_rooms_every": "1s", "calls_per_month": 0
        },
        "feishu": {
            "base_url": "http://127.0.0.1:9", "app_id": "cli_test", "app_secret": "secret", "encrypt_key": "key",
            "verification_token": "token", "listen": "127.0.0.1:0",
            "public_chat": "oc_public"
        }
    });
    Ok(runtime::config::load_text(&text.to_string(), "the sample company", Path::new("."), false)?)
}

/// A configuration as a file that a program can read. Written by itself it would hold `***` for every secret.
pub fn written(config: &Config) -> Value {
    let (vika, feishu) = (&config.vika, &config.feishu);
    let mut secrets = vec![
        ("/vika/sync_token".to_owned(), &vika.sync_token),
        ("/vika/reconcile_token".to_owned(), &vika.reconcile_token),
        ("/feishu/app_secret".to_owned(), &feishu.app_secret),
        ("/feishu/encrypt_key".to_owned(), &feishu.encrypt_key),
        ("/feishu/verification_token".to_owned(), &feishu.verification_token),
    ];
    for (section, passwords) in [("database", &config.database.passwords), ("bus", &config.bus.passwords)] {
        secrets.extend(passwords.iter().map(|(name, it)| (format!("/{section}/passwords/{name}"), it)));
    }
    let tokens = config.ingest.webhook_tokens.iter().enumerate();
    secrets.extend(tokens.map(|(index, it)| (format!("/ingest/webhook_tokens/{index}/token"), &it.token)));
    let board = config.performance.board.iter();
    secrets.extend(board.map(|it| ("/performance/board/session_key".to_owned(), &it.session_key)));
    secrets.extend(config.ingest.gateway.iter().map(|it| ("/ingest/gateway/token".to_owned(), &it.token)));
    let mut text = json!(config);
    for (pointer, secret) in secrets {
        if let Some(place) = text.pointer_mut(&pointer) {
            *place = json!(secret.expose());
        }
    }
    text
}

#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// Contact id, in source `webhook`.
    pub id: &'static str,
    pub name: &'static str,
    /// 企业名称.
    pub corporation: &'static str,
}

/// A member of the pre-sales team.
pub const WANG: Person = Person { id: "wang", name: "王小售", corporation: "示例公司" };
/// A member of the after-sales team.
pub const LI: Person = Person { id: "li", name: "李小后", corporation: "示例公司" };
pub const CHEN: Person = Person { id: "chen", name: "陈小样", corporation: "晨光贸易" };

/// A text message as capture would publish it; its id is unique per room, person and second.
pub fn says(room: &str, person: Person, at: DateTime<Utc>, text: &str) -> ChatMessage {
    ChatMessage {
        source: "webhook".into(),
        account: "main".into(),
        id: format!("{room}/{}/{}", person.id, at.timestamp_millis()),
        room: RoomRef { id: room.into(), topic: format!("示例公司-{room}") },
        sender: SenderRef {
            id: person.id.into(),
            name: person.name.into(),
            corporation: person.corporation.into(),
            coworker: None,
            is_self: false,
            contact_type: None,
        },
        sent_at: at,
        received_at: at,
        kind: MessageKind::Text,
        text: text.into(),
        cut: false,
        mentions: Vec::new(),
        quote: None,
        quoted: None,
        history: false,
        time_guessed: false,
        captured: None,
        seq: None,
    }
}

/// A message ready to be published on CHAT.
///
/// # Errors
/// Never for messages made by [`says`].
pub fn captured(message: &ChatMessage) -> Result<Outgoing> {
    Ok(Outgoing {
        subject: events::subject::chat_message(&message.room_key()),
        id: message.bus_id()?,
        payload: events::encode(message)?,
    })
}

/// Our account `main` left a room or was removed, as capture would publish it.
///
/// # Errors
/// Never.
pub fn account_left(room: &str, at: DateTime<Utc>, by: Option<Person>) -> Result<Outgoing> {
    let left = ChatRoom {
        source: "webhook".into(),
        account: "main".into(),
        id: format!("left/{room}/{}", at.timestamp_millis()),
        room: RoomRef { id: room.into(), topic: format!("示例公司-{room}") },
        at,
        event: RoomEvent::AccountLeft,
        by: by.map(|by| ActorRef { id: by.id.into(), name: by.name.into() }),
        captured: None,
    };
    Ok(Outgoing {
        subject: events::subject::chat_room(&left.room_key()),
        id: left.key().to_string(),
        payload: events::encode(&left)?,
    })
}
