//! What the page shows and where it passes things on to.

use anyhow::{Context as _, Result};
use reqwest::Client;
use runtime::Config;
use serde_json::{Value, json};
use store::role::Role;
use store::sqlx::PgPool;
use store::sqlx::postgres::PgPoolOptions;

use super::super::world::{World, vika_token};
use super::tables;
use crate::local::{Health, Local, Services};

/// Messages of a room that the page shows.
const TRANSCRIPT: i64 = 60;
/// The source of messages, from the gateway or on its behalf.
const SOURCE: &str = "wechaty";
/// Connections for looking.
const POOL_SIZE: u32 = 2;

/// Everything behind the page.
pub struct Sources {
    db: PgPool,
    http: Client,
    vika: String,
    manager_token: String,
    feishu: String,
    control: Option<String>,
    webhook: String,
    webhook_token: String,
    people: Value,
    config: Value,
    failures: std::sync::Arc<std::sync::Mutex<Health>>,
}

impl Sources {
    /// Of a demo about to be shown.
    pub fn of(local: &Local, world: &World, config: &Config, services: &Services) -> Result<Self> {
        let secrets = &world.secrets;
        Ok(Self {
            db: PgPoolOptions::new()
                .max_connections(POOL_SIZE)
                .connect_lazy_with(local.connect_options(Role::Reader)),
            http: runtime::http::client()?,
            vika: world.vika.url.clone(),
            manager_token: vika_token(secrets, "manager"),
            feishu: world.feishu.base_url(),
            control: world.gateway.as_ref().map(|gateway| gateway.control_url().to_owned()),
            webhook: format!("http://{}/v1/messages", world.ingest),
            webhook_token: secrets.get("ingest"),
            people: world.people.clone(),
            config: shown_config(config),
            failures: services.failures(),
        })
    }

    /// What does not change while one plays: people, rooms, chats, ladders.
    pub async fn scene(&self) -> Result<Value> {
        let world = match &self.control {
            Some(control) => self.http.get(format!("{control}/state")).send().await?.json().await?,
            None => self.people.clone(),
        };
        Ok(json!({
            "world": world, "company": self.config, "gateway": self.control.is_some(), "tables": tables::shown()
        }))
    }

    /// What changes: conversations, tables, cards.
    pub async fn state(&self) -> Result<Value> {
        let sheets: Value = self.http.get(format!("{}/_sim/sheets", self.vika)).send().await?.json().await?;
        let messages: Value =
            self.http.get(format!("{}/_sim/messages", self.feishu)).send().await?.json().await?;
        let failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        Ok(
            json!({ "rooms": self.conversations().await?, "sheets": sheets, "cards": messages, "failures": failures,
            "now": runtime::Clock::system().now() }),
        )
    }

    async fn conversations(&self) -> Result<Value> {
        let mut connection = self.db.acquire().await?;
        let mut rooms = Vec::new();
        for room in store::rooms::list(&mut connection, None).await? {
            let said = store::rooms::timeline::last_said(&mut connection, &room.room, TRANSCRIPT).await?;
            let lines: Vec<Value> = said
                .iter()
                .map(|said| {
                    json!({
                        "talker": said.sender.key.id, "name": said.sender.name, "at": said.at,
                        "text": domain::wording::shown(said.kind, said.text.as_deref().unwrap_or_default()),
                    })
                })
                .collect();
            let open = room.state.open.as_ref();
            rooms.push(json!({
                "id": room.room.id, "topic": room.topic, "lines": lines,
                "owner": room.state.owner, "stage": room.state.stage.to_string(),
                "waiting_since": open.map(|wait| wait.opened.at),
                "unobserved": room.state.presence.unobserved().is_some(),
            }));
        }
        Ok(Value::Array(rooms))
    }

    /// Somebody says something in a room.
    pub async fn say(&self, room: &str, talker: &str, text: &str) -> Result<Value> {
        if let Some(control) = &self.control {
            let body = json!({ "room": room, "talker": talker, "text": text });
            return Ok(self.http.post(format!("{control}/say")).json(&body).send().await?.json().await?);
        }
        let person = self.find("contacts", talker);
        let place = self.find("rooms", room);
        let row = json!({
            "source": SOURCE, "account": self.people["self"], "id": runtime::random::token(),
            "room": { "id": room, "topic": place["topic"] },
            "sender": {
                "id": talker, "name": person["name"], "corporation": person["corporation"],
                "coworker": person["coworker"]
            },
            "sent_at": runtime::Clock::system().now(), "kind": "text", "text": text
        });
        let request = self.http.post(&self.webhook).bearer_auth(&self.webhook_token).json(&row);
        Ok(request.send().await?.json().await?)
    }

    /// The owner of a room removes our account, or brings it back.
    pub async fn presence(&self, room: &str, inside: bool) -> Result<Value> {
        let control = self.control.as_ref().context("without a gateway our account is in every room")?;
        let world: Value = self.http.get(format!("{control}/state")).send().await?.json().await?;
        let rooms = world["rooms"].as_array().context("the gateway's rooms")?;
        let owner =
            rooms.iter().find(|found| found["id"] == room).context("no such room")?["owner_id"].clone();
        let (path, actor) = if inside { ("join", "inviter") } else { ("leave", "remover") };
        let body = json!({ "room": room, "contact": world["self"], actor: owner });
        Ok(self.http.post(format!("{control}/{path}")).json(&body).send().await?.json().await?)
    }

    fn find(&self, list: &str, id: &str) -> Value {
        let found = self.people[list].as_array().into_iter().flatten().find(|entry| entry["id"] == id);
        found.cloned().unwrap_or_default()
    }

    /// A manager edits a cell.
    pub async fn edit(&self, sheet: &str, record: &str, column: &str, value: &Value) -> Result<Value> {
        let url = format!("{}/fusion/v1/datasheets/{sheet}/records?fieldKey=name", self.vika);
        let body = json!({
            "fieldKey": "name", "records": [{ "recordId": record, "fields": { column: value } }]
        });
        Ok(self.http.patch(url).bearer_auth(&self.manager_token).json(&body).send().await?.json().await?)
    }

    /// A picture that a card shows.
    pub async fn image(&self, key: &str) -> Result<Vec<u8>> {
        let answer = self.http.get(format!("{}/_sim/images/{key}", self.feishu)).send().await?;
        Ok(answer.error_for_status()?.bytes().await?.to_vec())
    }

    /// Somebody clicks a card's button.
    pub async fn click(&self, click: &Value) -> Result<Value> {
        Ok(self.http.post(format!("{}/_sim/click", self.feishu)).json(click).send().await?.json().await?)
    }
}

/// What the page may know of the configuration: no secrets.
fn shown_config(config: &Config) -> Value {
    json!({
        "time_zone": config.rules.time_zone, "roster": config.rules.roster, "ladders": config.rules.ladders, "chats": config.feishu.chats,
        "public_chat": config.feishu.public_chat,
        "operators_chat": config.watchdog.as_ref().map(|watchdog| &watchdog.operators_chat),
        "people": config.feishu.people, "sheets": config.vika.sheets
    })
}

#[cfg(test)]
impl Sources {
    /// With nobody behind any address.
    pub(super) fn of_nothing() -> Self {
        let nobody = || "http://127.0.0.1:1".to_owned();
        Self {
            db: PgPoolOptions::new()
                .connect_lazy_with(store::sqlx::postgres::PgConnectOptions::new().host("127.0.0.1").port(1)),
            http: runtime::http::client().unwrap(),
            vika: nobody(),
            manager_token: String::new(),
            feishu: nobody(),
            control: None,
            webhook: nobody(),
            webhook_token: String::new(),
            people: json!({ "rooms": [], "contacts": [] }),
            config: json!({}),
            failures: std::sync::Arc::default(),
        }
    }
}
