//! The sample company over a private stack: its Vika space, its Feishu chats, and the configuration that ties them together.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use chrono::{DateTime, Utc};
use domain::message::MessageKind;
use events::chat::{ChatMessage, RoomRef, SenderRef};
use events::{encode, subject};
use huiyin::local::Local;
use local_stack::free_address;
use runtime::bus::Outgoing;
use runtime::{Clock, Config};
use serde_json::{Value, json};
use simulators::{feishu, vika};
use store::role::Role;

use crate::chaos::plan::STAFF;

/// The space in the sample configuration.
pub const SPACE: &str = "spcDemo000001";
/// Users of the Vika space: the name of the token's secret and the user's name.
pub const VIKA_USERS: [(&str, &str); 3] =
    [("sync", "回音写表"), ("reconcile", "回音读表"), ("manager", "顾样山")];

/// Where everything of a run is.
pub struct Addresses {
    pub ingest: SocketAddr,
    /// Where the alerter takes presses.
    pub callback: SocketAddr,
    pub vika: String,
    pub feishu: String,
    pub sheets: Value,
}

impl Addresses {
    /// Of a run without Vika and Feishu, and without anybody who listens.
    pub fn nowhere() -> Result<Self> {
        let nowhere = || "http://127.0.0.1:9".to_owned();
        let (ingest, callback) = (free_address()?, free_address()?);
        Ok(Self { ingest, callback, vika: nowhere(), feishu: nowhere(), sheets: json!({}) })
    }
}

/// Who says something: a contact of the source.
pub struct Speaker {
    pub id: String,
    pub name: String,
    /// Of ours, and no customer.
    pub ours: bool,
}

/// A text that came by the webhook when it was said.
pub fn text(room: usize, id: String, speaker: Speaker, sent_at: DateTime<Utc>, text: &str) -> ChatMessage {
    ChatMessage {
        source: "webhook".into(),
        account: "main".into(),
        id,
        room: self::room(room),
        sender: SenderRef {
            id: speaker.id,
            name: speaker.name,
            corporation: if speaker.ours { "示例公司" } else { "别家公司" }.into(),
            coworker: Some(speaker.ours),
            is_self: false,
            contact_type: None,
        },
        sent_at,
        received_at: sent_at,
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

pub fn room(number: usize) -> RoomRef {
    RoomRef { id: format!("room-{number}"), topic: format!("示例公司-样例客户{number}") }
}

/// A message as it goes over the bus.
pub fn outgoing(message: &ChatMessage) -> Result<Outgoing> {
    Ok(Outgoing {
        subject: subject::chat_message(&message.room_key()),
        id: message.key().to_string(),
        payload: encode(message)?,
    })
}

/// The Vika token of a user.
pub fn vika_token(local: &Local, name: &str) -> String {
    format!("usk{}", local.secrets().get(&format!("vika.{name}")))
}

/// Vika as the company has it, whose clock is so many times as quick as real time.
pub fn vika_config(local: &Local, clock: &Clock, rate: u32) -> vika::VikaConfig {
    let clock = clock.clone();
    vika::VikaConfig {
        clock: Arc::new(move || clock.now()),
        tokens: VIKA_USERS
            .iter()
            .map(|(name, user)| vika::VikaToken { token: vika_token(local, name), user: (*user).into() })
            .collect(),
        spaces: vec![vika::VikaSpace {
            id: SPACE.into(),
            name: "示例公司".into(),
            members: VIKA_USERS.iter().map(|(_, user)| vika::VikaMember::named(*user)).collect(),
        }],
        // Its window is one of real time.
        rate_limit: Some(vika::DEFAULT_RATE_LIMIT * rate),
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        beyond_loopback: false,
    }
}

/// Feishu as the company has it: a chat for each of its staff, and the public one.
pub fn feishu_config(local: &Local, clock: &Clock, callback: SocketAddr) -> Result<feishu::FeishuConfig> {
    let company = huiyin::demo::sample(json!({}))?;
    let secrets = local.secrets();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let chat = |chat_id: String, name: &str| feishu::ChatSpec {
        chat_id,
        name: name.to_owned(),
        bot_in: true,
        members: STAFF.iter().map(|(_, _, open_id)| (*open_id).to_owned()).collect(),
        restricted: false,
        dissolved: false,
        refuse: None,
    };
    let own = |entry: &Value| {
        let id = entry["addresses"]["feishu"]["chat"].as_str()?;
        Some(chat(id.to_owned(), &text(&entry["name"])))
    };
    let roster = company["rules"]["roster"].as_array().into_iter().flatten();
    let mut chats: Vec<feishu::ChatSpec> = roster.filter_map(own).collect();
    chats.push(chat(text(&company["feishu"]["public_chat"]), "公共群"));
    let person = |(_, name, open_id): &(&str, &str, &str)| feishu::PersonSpec {
        open_id: (*open_id).to_owned(),
        name: (*name).to_owned(),
        mobile: String::new(),
        email: String::new(),
        available: true,
        refuse: None,
    };
    let app = feishu::AppSpec {
        app_id: text(&company["feishu"]["app_id"]),
        app_secret: secrets.get("feishu.secret"),
    };
    let clock = clock.clone();
    Ok(feishu::FeishuConfig {
        callback: feishu::CallbackSpec {
            url: Some(format!("http://{callback}/feishu/callback")),
            encrypt_key: Some(secrets.get("feishu.encrypt")),
            verification_token: secrets.get("feishu.verify"),
        },
        chats,
        people: STAFF.iter().map(person).collect(),
        ..feishu::FeishuConfig::new(Arc::new(move || clock.now()), app)
    })
}

/// Makes the three sheets, and gives their ids as the configuration names them.
pub async fn create_sheets(url: &str, local: &Local, clock: &Clock) -> Result<Value> {
    let sheets = prepare_sheets(url, local, clock, ::vika::setup::KnownSheets::default()).await?;
    Ok(json!({
        "today": sheets.today.as_str(), "all_rooms": sheets.all_rooms.as_str(),
        "system_log": sheets.system_log.as_str()
    }))
}

/// Makes the three sheets, or completes them.
pub async fn prepare_sheets(
    url: &str,
    local: &Local,
    clock: &Clock,
    known: ::vika::setup::KnownSheets,
) -> Result<::vika::SheetIds> {
    let pacing = ::vika::Pacing::default().scaled(|time| clock.real(time));
    let token = ::vika::Token::new(vika_token(local, "sync"));
    let client = ::vika::Client::new(runtime::http::client()?, url, token, pacing);
    let space = ::vika::SpaceId::try_from(SPACE.to_owned())?;
    Ok(::vika::setup::init(&client, &space, known).await?)
}

/// The sample company's configuration over these servers.
pub fn configuration(local: &Local, addresses: &Addresses) -> Result<Value> {
    let secrets = local.secrets();
    let bus = local.bus();
    let bus_passwords: BTreeMap<&String, &str> =
        bus.passwords.iter().map(|(user, password)| (user, password.expose())).collect();
    let config = huiyin::demo::sample(json!({
        "database": {
            "host": local.stack().postgres.socket_folder(),
            "name": "huiyin",
            "passwords": Role::ALL.iter().map(|role| (role.name(), secrets.password(*role))).collect::<BTreeMap<_, _>>()
        },
        "bus": { "url": bus.url, "passwords": bus_passwords },
        "ingest": {
            "listen": addresses.ingest,
            "webhook_tokens": [{ "name": "bench", "token": secrets.get("ingest") }]
        },
        "vika": {
            "base_url": addresses.vika,
            "sync_token": vika_token(local, "sync"),
            "reconcile_token": vika_token(local, "reconcile"),
            "sheets": addresses.sheets,
            "sync_every": "10s",
            "poll_every": "15s",
            "poll_all_rooms_every": "15s",
            "calls_per_month": 0
        },
        "feishu": {
            "base_url": addresses.feishu,
            "app_secret": secrets.get("feishu.secret"),
            "encrypt_key": secrets.get("feishu.encrypt"),
            "verification_token": secrets.get("feishu.verify"),
            "listen": addresses.callback
        }
    }))?;
    // Messages come by the webhook, under its own source.
    Ok(serde_json::from_str(&config.to_string().replace("wechaty:", "webhook:"))?)
}

/// Reads it as a service does.
pub fn load(config: &Value) -> Result<Config> {
    Ok(runtime::config::load_text(&config.to_string(), "the run's configuration", Path::new("."), false)?)
}
