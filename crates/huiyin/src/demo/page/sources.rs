//! What the page shows and where it passes things on to.

use std::collections::BTreeMap;
use std::fmt::Display;

use anyhow::{Context as _, Result};
use domain::rules::{Rules, Severity};
use domain::wording;
use performance::board;
use reqwest::{Client, Method, RequestBuilder};
use runtime::{Clock, Config, random};
use serde_json::{Value, json};
use store::sqlx::PgPool;
use store::sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::super::world::World;
use super::tables;
use crate::local::Health;

/// Messages of a room that the page shows.
const TRANSCRIPT: i64 = 60;
/// The source of messages, from the gateway or on its behalf.
const SOURCE: &str = "wechaty";
const POOL_SIZE: u32 = 2;

/// Everything behind the page.
pub struct Sources {
    db: PgPool,
    http: Client,
    addresses: Addresses,
    people: Value,
    config: Value,
    /// Whom the board knows, and how links to it are signed; `None`: there is none.
    board: Option<(runtime::config::Board, Rules)>,
    health: Health,
    clock: Clock,
}

/// Where the page passes things on to, and with which tokens.
#[derive(Clone)]
pub struct Addresses {
    /// Root of the fake Vika.
    pub vika: String,
    /// A manager's token there.
    pub manager_token: String,
    /// Root of the fake Feishu.
    pub feishu: String,
    /// Root of the mock account's control port; `None`: messages go to the webhook.
    pub control: Option<String>,
    /// The token that it asks for beyond loopback.
    pub control_token: Option<String>,
    pub webhook: String,
    pub webhook_token: String,
}

impl Sources {
    /// Of a demo about to be shown.
    pub fn of(
        world: &World,
        config: &Config,
        db: PgConnectOptions,
        health: &Health,
        clock: &Clock,
    ) -> Result<Self> {
        let addresses = Addresses {
            vika: world.outside.vika.url.clone(),
            manager_token: world.keys.manager.clone(),
            feishu: world.outside.feishu.url.clone(),
            control: world.gateway.as_ref().map(|gateway| gateway.control_url().to_owned()),
            control_token: None,
            webhook: format!("http://{}/v1/messages", world.ingest),
            webhook_token: world.secrets.get("ingest"),
        };
        Self::new(addresses, world.people.clone(), config, db, (health.clone(), clock.clone()))
    }

    /// Of services that run elsewhere and fail for themselves.
    pub fn elsewhere(
        addresses: Addresses,
        people: Value,
        config: &Config,
        db: PgConnectOptions,
    ) -> Result<Self> {
        Self::new(addresses, people, config, db, (Health::default(), Clock::system()))
    }

    fn new(
        addresses: Addresses,
        people: Value,
        config: &Config,
        db: PgConnectOptions,
        (health, clock): (Health, Clock),
    ) -> Result<Self> {
        let db = PgPoolOptions::new().max_connections(POOL_SIZE).connect_lazy_with(db);
        let http = runtime::http::client()?;
        let board = config.performance.board.clone().map(|board| (board, config.rules.clone()));
        Ok(Self { db, http, addresses, people, config: shown_config(config), board, health, clock })
    }

    /// A new link that logs the company's manager in to the board, once; `None`: there is no board.
    pub fn board_link(&self) -> Option<String> {
        let (settings, rules) = self.board.as_ref()?;
        let manager = rules.managers.first()?;
        board::link(settings, manager.as_str(), rules, random::token(), self.clock.now())
    }

    /// A call of the mock account's control port.
    fn control(&self, method: Method, path: &str) -> Option<RequestBuilder> {
        let request = self.http.request(method, format!("{}{path}", self.addresses.control.as_ref()?));
        Some(match &self.addresses.control_token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    /// What does not change while one plays: people, rooms, chats, ladders.
    pub async fn scene(&self) -> Result<Value> {
        let world = match self.control(Method::GET, "/state") {
            Some(request) => ask(GATEWAY, request).await?,
            None => self.people.clone(),
        };
        Ok(json!({
            "world": world, "company": self.config, "gateway": self.addresses.control.is_some(), "views": tables::shown(),
            "colours": colours(), "board": self.board.is_some()
        }))
    }

    /// What changes: conversations, tables, cards.
    pub async fn state(&self) -> Result<Value> {
        let sheets = ask(VIKA, self.http.get(format!("{}/_sim/sheets", self.addresses.vika))).await?;
        let messages = ask(FEISHU, self.http.get(format!("{}/_sim/messages", self.addresses.feishu))).await?;
        let failures = self.health.failures();
        Ok(
            json!({ "rooms": self.conversations().await.map_err(|error| gone(DATABASE, &error))?, "sheets": sheets, "cards": messages, "failures": failures,
            "now": self.clock.now() }),
        )
    }

    async fn conversations(&self) -> Result<Value> {
        let mut connection = self.db.acquire().await?;
        let mut rooms = Vec::new();
        for room in store::rooms::list(&mut connection, None).await? {
            let entries = store::rooms::timeline::last_said(&mut connection, &room.room, TRANSCRIPT).await?;
            let lines: Vec<Value> = entries
                .iter()
                .map(|entry| {
                    json!({
                        "talker": entry.sender.key.id, "name": wording::name(&entry.sender.name), "at": entry.at,
                        "text": wording::shown(entry.kind, entry.text.as_deref().unwrap_or_default()),
                    })
                })
                .collect();
            let open = room.state.gravest();
            rooms.push(json!({
                "id": room.room.id, "topic": room.topic, "lines": lines,
                "owner": room.state.owner, "stage": room.state.stage.to_string(),
                "waiting_since": open.map(|wait| wait.opened.at), "waits_for": open.map(|wait| wait.kind),
                "unobserved": room.state.presence.unobserved().is_some(),
            }));
        }
        Ok(Value::Array(rooms))
    }

    /// Somebody says something in a room.
    pub async fn say(&self, room: &str, talker: &str, text: &str) -> Result<Value> {
        if let Some(request) = self.control(Method::POST, "/say") {
            let body = json!({ "room": room, "talker": talker, "text": text });
            return ask(GATEWAY, request.json(&body)).await;
        }
        let person = self.find("contacts", talker);
        let place = self.find("rooms", room);
        let row = json!({
            "source": SOURCE, "account": self.people["self"], "id": random::token(),
            "room": { "id": room, "topic": place["topic"] },
            "sender": {
                "id": talker, "name": person["name"], "corporation": person["corporation"],
                "coworker": person["coworker"]
            },
            "sent_at": self.clock.now(), "kind": "text", "text": text
        });
        let request =
            self.http.post(&self.addresses.webhook).bearer_auth(&self.addresses.webhook_token).json(&row);
        ask(INGEST, request).await
    }

    /// The owner of a room removes our account, or brings it back.
    pub async fn presence(&self, room: &str, inside: bool) -> Result<Value> {
        let control =
            |method, path: &str| self.control(method, path).context("没有微信网关，助手账号在每个群里");
        let world = ask(GATEWAY, control(Method::GET, "/state")?).await?;
        let rooms = world["rooms"].as_array().context("微信网关没有说有哪些群")?;
        let owner = rooms.iter().find(|found| found["id"] == room).context("没有这个群")?["owner_id"].clone();
        let (path, actor) = if inside { ("/join", "inviter") } else { ("/leave", "remover") };
        let body = json!({ "room": room, "contact": world["self"], actor: owner });
        ask(GATEWAY, control(Method::POST, path)?.json(&body)).await
    }

    fn find(&self, list: &str, id: &str) -> Value {
        let found = self.people[list].as_array().into_iter().flatten().find(|entry| entry["id"] == id);
        found.cloned().unwrap_or_default()
    }

    /// A manager edits a cell.
    pub async fn edit(&self, sheet: &str, record: &str, column: &str, value: &Value) -> Result<Value> {
        let url = format!("{}/fusion/v1/datasheets/{sheet}/records?fieldKey=name", self.addresses.vika);
        let body = json!({
            "fieldKey": "name", "records": [{ "recordId": record, "fields": { column: value } }]
        });
        ask(VIKA, self.http.patch(url).bearer_auth(&self.addresses.manager_token).json(&body)).await
    }

    /// A picture that a card shows.
    pub async fn image(&self, key: &str) -> Result<Vec<u8>> {
        let answer = self.http.get(format!("{}/_sim/images/{key}", self.addresses.feishu)).send().await?;
        Ok(answer.error_for_status()?.bytes().await?.to_vec())
    }

    /// Somebody clicks a card's button.
    pub async fn click(&self, click: &Value) -> Result<Value> {
        ask(FEISHU, self.http.post(format!("{}/_sim/click", self.addresses.feishu)).json(click)).await
    }
}

/// The parts that the page asks, as its players know them.
const GATEWAY: &str = "微信网关";
const VIKA: &str = "维格表（模拟）";
const FEISHU: &str = "飞书（模拟）";
const INGEST: &str = "采集服务（ingest）";
const DATABASE: &str = "数据库";

/// What a part answers; a refusal in its own words is an answer.
async fn ask(part: &'static str, request: RequestBuilder) -> Result<Value> {
    let answer = async { request.send().await?.json().await };
    answer.await.map_err(|error: reqwest::Error| gone(part, &error))
}

/// What players read when a part does not answer. Why stands in the log: it says nothing to them.
fn gone(part: &str, error: &dyn Display) -> anyhow::Error {
    tracing::warn!(part, %error, "a part of the demo does not answer");
    anyhow::anyhow!("演示的一部分没有应答：{part}")
}

/// The colours by the word with which 当前级别 begins.
fn colours() -> Value {
    let colours = Severity::ALL.iter().map(|colour| (wording::severity(*colour).to_owned(), json!(colour)));
    Value::Object(colours.collect())
}

/// What the page may know of the configuration: no secrets.
fn shown_config(config: &Config) -> Value {
    let rules = &config.rules;
    let chats = rules.roster.iter().filter_map(|entry| Some((entry.name.as_str(), entry.feishu_chat()?)));
    let people = rules.roster.iter().filter_map(|entry| Some((entry.feishu_account()?, entry.name.as_str())));
    json!({
        "time_zone": rules.time_zone, "roster": rules.roster, "ladders": rules.ladders,
        "chats": chats.collect::<BTreeMap<_, _>>(), "people": people.collect::<BTreeMap<_, _>>(),
        "public_chat": config.feishu.public_chat,
        "operators_chat": config.watchdog.as_ref().map(|watchdog| &watchdog.operators_chat),
        "sheets": config.vika.sheets
    })
}

#[cfg(test)]
impl Sources {
    /// With nobody behind any address.
    pub(super) fn of_nothing() -> Self {
        let nobody = || "http://127.0.0.1:1".to_owned();
        let db = store::sqlx::postgres::PgConnectOptions::new().host("127.0.0.1").port(1);
        let addresses = Addresses {
            vika: nobody(),
            manager_token: String::new(),
            feishu: nobody(),
            control: None,
            control_token: None,
            webhook: nobody(),
            webhook_token: String::new(),
        };
        Self {
            db: PgPoolOptions::new().connect_lazy_with(db),
            http: runtime::http::client().unwrap(),
            addresses,
            people: json!({ "rooms": [], "contacts": [] }),
            config: json!({}),
            board: None,
            health: Health::default(),
            clock: Clock::system(),
        }
    }
}
