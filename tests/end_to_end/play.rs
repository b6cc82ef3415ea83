//! Playing on a running demo as its users do: through the gateway's world, Vika's API and Feishu's chats.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use huiyin::demo::{Demo, Info, Options};
use reqwest::{Client, RequestBuilder};
use runtime::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{until, until_some};

/// The chat that everybody reads.
pub const PUBLIC: &str = "客户响应公共群";

#[derive(Debug, Clone, Copy)]
pub enum Row {
    /// 今日群聊.
    Today,
    /// 群聊总表.
    AllRooms,
    /// 系统信息.
    SystemLog,
}

/// A card as a chat shows it.
#[derive(Debug, Clone)]
pub struct Card {
    pub message_id: String,
    pub colour: String,
    /// All its text, as JSON.
    pub text: String,
}

impl Card {
    /// Whether it is about this, and has not shrunk to a line.
    fn is_about(&self, about: &str) -> bool {
        !self.colour.is_empty() && self.text.contains(about)
    }
}

/// A running demo and what it takes to play on it.
pub struct Play {
    demo: Demo,
    info: Info,
    http: Client,
    _home: TempDir,
}

impl Play {
    /// Starts a demo of its own, on the Node gateway or on the webhook.
    pub async fn start(without_gateway: bool) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("huiyin-e2e-").tempdir()?;
        let tools = local_stack::testing::settings(home.path())?.tools;
        let options = Options {
            home: home.path().to_owned(),
            tools,
            headless: true,
            without_gateway,
            without_history: true,
        };
        let demo = Demo::start(&options, Clock::system(), &|line| println!("· {line}")).await?;
        let info = demo.info.clone();
        anyhow::ensure!(without_gateway || info.gateway_control.is_some(), "this test needs Node.js and npm");
        Ok(Self { demo, info, http: runtime::http::client()?, _home: home })
    }

    /// Where it is kept.
    pub fn home(&self) -> &std::path::Path {
        &self.info.home
    }

    /// What a person is told of it.
    pub fn summary(&self) -> String {
        self.info.for_people()
    }

    pub async fn stop(self) {
        self.demo.stop().await;
    }

    /// Moves the time of services and simulators.
    pub fn advance(&self, by: Duration) {
        self.demo.clock.advance(by);
    }

    /// The time of services and simulators.
    pub fn now(&self) -> DateTime<Utc> {
        self.demo.clock.now()
    }

    /// A read-only login to the database.
    pub fn postgres(&self) -> &str {
        &self.info.postgres
    }

    /// Moves the gateway's world. `false`: it refuses that.
    pub async fn control(&self, path: &str, body: &Value) -> Result<bool> {
        let control = self.info.gateway_control.as_deref().context("no gateway")?;
        let answer = self.http.post(format!("{control}{path}")).json(body).send().await?;
        anyhow::ensure!(!answer.status().is_server_error(), "the gateway's world broke at {path}");
        Ok(answer.status().is_success())
    }

    /// Our own account in the gateway's world.
    pub async fn own_account(&self) -> Result<String> {
        let control = self.info.gateway_control.as_deref().context("no gateway")?;
        let state = self.get(&format!("{control}/state")).await?;
        Ok(state["self"].as_str().context("nobody is logged in")?.to_owned())
    }

    /// Sends rows to the webhook.
    pub async fn post_rows(&self, rows: &Value) -> Result<Value> {
        let answer = self.post(rows).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// The same as part of a trace of the sender's.
    pub async fn post_rows_in(&self, traceparent: &str, rows: &Value) -> Result<Value> {
        let answer = self.post(rows).header("traceparent", traceparent).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    fn post(&self, rows: &Value) -> RequestBuilder {
        let url = format!("{}/v1/messages", self.info.ingest.trim_end_matches('/'));
        self.http.post(url).bearer_auth(&self.info.ingest_token).json(rows)
    }

    /// Somebody says something in a room, both by name.
    pub async fn say(&self, room: &str, talker: &str, text: &str) -> Result<()> {
        let (room, talker) =
            (self.id("rooms", "topic", room).await?, self.id("contacts", "name", talker).await?);
        let body = json!({ "room": room, "talker": talker, "text": text });
        let answer = self.http.post(format!("{}api/say", self.info.page)).json(&body).send().await?;
        anyhow::ensure!(answer.status().is_success(), "saying failed: {}", answer.text().await?);
        Ok(())
    }

    /// The owner of a room removes our account from it, or brings it back.
    pub async fn presence(&self, room: &str, inside: bool) -> Result<()> {
        let body = json!({ "room": self.id("rooms", "topic", room).await?, "inside": inside });
        let answer = self.http.post(format!("{}api/presence", self.info.page)).json(&body).send().await?;
        anyhow::ensure!(answer.status().is_success(), "that failed: {}", answer.text().await?);
        Ok(())
    }

    /// The id of something of the gateway's world.
    async fn id(&self, list: &str, key: &str, value: &str) -> Result<Value> {
        let scene = self.get(&format!("{}api/scene", self.info.page)).await?;
        let entries = scene["world"][list].as_array().cloned().unwrap_or_default();
        let found = entries.into_iter().find(|entry| entry[key] == value);
        Ok(found.with_context(|| format!("no {value} in {list}"))?["id"].clone())
    }

    /// The row of a room in a sheet, once it is as it should be.
    pub async fn row(&self, sheet: Row, room: &str, is: impl Fn(&Value) -> bool) -> Result<Value> {
        let last = Cell::new(Value::Null);
        let found = until_some(&format!("{sheet:?} shows {room} as it should be"), || async {
            let Some(rows) = self.rows(sheet).await? else { return Ok(None) };
            let mine =
                rows.into_iter().filter(|row| row["完整群聊名"] == room || row["群聊名"] == short(room));
            let mine: Vec<Value> = mine.collect();
            last.set(json!(mine));
            Ok(mine.into_iter().find(|row| is(row)))
        })
        .await;
        found.with_context(|| format!("it shows {}", last.take()))
    }

    /// `None`: too many looks within a second.
    pub async fn rows(&self, sheet: Row) -> Result<Option<Vec<Value>>> {
        let url =
            format!("{}/fusion/v1/datasheets/{}/records?pageSize=1000", self.info.vika, self.sheet(sheet));
        // The manager's own token: its call allowance is not the services'.
        let request = self.http.get(&url).bearer_auth(&self.info.vika_manager_token);
        let answer: Value = request.send().await?.json().await?;
        if answer["code"] == 429 {
            return Ok(None);
        }
        anyhow::ensure!(answer["code"] == 200, "Vika says {answer}");
        let records = answer["data"]["records"].as_array().cloned().unwrap_or_default();
        let with_id = |record: Value| {
            let mut fields = record["fields"].clone();
            fields["recordId"] = record["recordId"].clone();
            fields
        };
        Ok(Some(records.into_iter().map(with_id).collect()))
    }

    fn sheet(&self, sheet: Row) -> &str {
        let sheets = &self.info.vika_sheets;
        match sheet {
            Row::Today => &sheets.today,
            Row::AllRooms => &sheets.all_rooms,
            Row::SystemLog => &sheets.system_log,
        }
    }

    /// A manager edits a row.
    pub async fn edit(&self, sheet: Row, row: &Value, fields: Value) -> Result<()> {
        let url =
            format!("{}/fusion/v1/datasheets/{}/records?fieldKey=name", self.info.vika, self.sheet(sheet));
        let body =
            json!({ "fieldKey": "name", "records": [{ "recordId": row["recordId"], "fields": fields }] });
        until("Vika takes the edit", || async {
            let request = self.http.patch(&url).bearer_auth(&self.info.vika_manager_token).json(&body);
            let answer: Value = request.send().await?.json().await?;
            anyhow::ensure!(answer["code"] == 200 || answer["code"] == 429, "Vika says {answer}");
            Ok(answer["code"] == 200)
        })
        .await
    }

    /// All cards of a chat, by the chat's name, oldest first.
    pub async fn cards(&self, chat: &str) -> Result<Vec<Card>> {
        let chat = &self.info.feishu_chats[chat];
        let answer = self.get(&format!("{}/_sim/messages?chat={chat}", self.info.feishu)).await?;
        let messages = answer["messages"].as_array().cloned().unwrap_or_default();
        Ok(messages
            .iter()
            .map(|message| Card {
                message_id: message["message_id"].as_str().unwrap_or_default().to_owned(),
                colour: message["card"]["header"]["template"].as_str().unwrap_or_default().to_owned(),
                text: message["card"].to_string(),
            })
            .collect())
    }

    /// A card of this colour (`""`: any) whose text is as it should be, once there is one.
    pub async fn card(&self, chat: &str, colour: &str, is: impl Fn(&str) -> bool) -> Result<Card> {
        until_some(&format!("{chat} has the {colour} card"), || async {
            let cards = self.cards(chat).await?;
            Ok(cards.into_iter().find(|card| (colour.is_empty() || card.colour == colour) && is(&card.text)))
        })
        .await
    }

    /// Waits until a chat has exactly cards of these colours; a line has none.
    pub async fn until_colours(&self, chat: &str, expected: &[&str], why: &str) -> Result<()> {
        until(&format!("{chat} shows {expected:?}: {why}"), || async {
            let cards = self.cards(chat).await?;
            Ok(cards.iter().map(|card| card.colour.as_str()).eq(expected.iter().copied()))
        })
        .await
    }

    /// Waits until every card about a room in a chat is as it should be; there must be one. Lines do not count.
    pub async fn all_cards(&self, chat: &str, about: &str, is: impl Fn(&Card) -> bool) -> Result<()> {
        until(&format!("every card about {about} in {chat} has changed"), || async {
            let cards: Vec<Card> =
                self.cards(chat).await?.into_iter().filter(|card| card.is_about(about)).collect();
            Ok(!cards.is_empty() && cards.iter().all(&is))
        })
        .await
    }

    /// Somebody clicks a card's button.
    pub async fn click(&self, card: &Card, open_id: &str) -> Result<Value> {
        let body = json!({ "message_id": card.message_id, "open_id": open_id, "button": 0 });
        let url = format!("{}/_sim/click", self.info.feishu);
        Ok(self.http.post(url).json(&body).send().await?.json().await?)
    }

    async fn get(&self, url: &str) -> Result<Value> {
        Ok(self.http.get(url).send().await?.error_for_status()?.json().await?)
    }
}

/// 群聊名: the part behind the dash.
fn short(topic: &str) -> &str {
    topic.split_once('-').map_or(topic, |(_, short)| short)
}
