//! The outside-facing parts against the fake Feishu, over real HTTP.

mod actions;
mod alarms;
mod cards;

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use feishu::{
    CardUuid, ChatId, Credentials, FeishuClient, FeishuError, MessageId, OutgoingMessage, Receiver, Secret,
    Sent,
};
use serde_json::{Value, json};
use simulators::feishu::{AppSpec, CallbackSpec, ChatSpec, FeishuConfig, PersonSpec, Running, start};

pub(super) const CHAT: &str = "oc_sales";
pub(super) const PERSON: &str = "ou_xiaolin";
pub(super) const ENCRYPT_KEY: &str = "sample-encrypt-key";
pub(super) const VERIFICATION_TOKEN: &str = "sample-verification";

/// A clock that only moves when told.
#[derive(Clone)]
pub(super) struct Hand(Arc<Mutex<DateTime<Utc>>>);

impl Hand {
    fn new() -> Self {
        // 2026-11-19 09:46:40 in Shanghai.
        Self(Arc::new(Mutex::new(DateTime::from_timestamp(1_795_052_800, 0).unwrap())))
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    pub(super) fn forward(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

/// The fake Feishu and a client of ours.
pub(super) struct Stage {
    pub(super) sim: Running,
    pub(super) hand: Hand,
    pub(super) http: reqwest::Client,
    pub(super) client: FeishuClient,
}

pub(super) async fn stage() -> Stage {
    let hand = Hand::new();
    let sim = start(config(&hand)).await.unwrap();
    let http = runtime::http::client().unwrap();
    let client = client(&sim, &hand, &http, "sample-secret");
    Stage { sim, hand, http, client }
}

pub(super) fn client(sim: &Running, hand: &Hand, http: &reqwest::Client, secret: &str) -> FeishuClient {
    let credentials = Credentials { app_id: "cli_sample".to_owned(), app_secret: Secret::new(secret) };
    let hand = hand.clone();
    FeishuClient::new(http.clone(), sim.url.clone(), credentials, Arc::new(move || hand.now()))
}

fn config(hand: &Hand) -> FeishuConfig {
    let hand = hand.clone();
    let app = AppSpec { app_id: "cli_sample".to_owned(), app_secret: "sample-secret".to_owned() };
    let mut config = FeishuConfig::new(Arc::new(move || hand.now()), app);
    config.chats = vec![ChatSpec {
        chat_id: CHAT.to_owned(),
        name: "销售提醒群".to_owned(),
        bot_in: true,
        members: vec![PERSON.to_owned()],
        restricted: false,
        dissolved: false,
        refuse: None,
    }];
    config.people = vec![PersonSpec {
        open_id: PERSON.to_owned(),
        name: "小林".to_owned(),
        mobile: String::new(),
        email: String::new(),
        available: true,
        refuse: None,
    }];
    config.callback = CallbackSpec {
        url: None,
        encrypt_key: Some(ENCRYPT_KEY.to_owned()),
        verification_token: VERIFICATION_TOKEN.to_owned(),
    };
    config
}

pub(super) fn chat() -> ChatId {
    ChatId::new(CHAT)
}

pub(super) fn to_chat() -> Receiver {
    Receiver::Chat(chat())
}

impl Stage {
    pub(super) async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/_sim/{path}", self.sim.url);
        let request = self.http.request(method.parse().unwrap(), url).json(body);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
        serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null)
    }

    /// Sends in time.
    pub(super) async fn send(
        &self,
        to: &Receiver,
        message: &OutgoingMessage,
        uuid: &CardUuid,
    ) -> Result<Sent, FeishuError> {
        self.client.send(to, message, uuid, self.hand.now() + TimeDelta::seconds(1)).await
    }

    /// Changes in time.
    pub(super) async fn update_card(
        &self,
        message_id: &MessageId,
        card: &OutgoingMessage,
    ) -> Result<(), FeishuError> {
        self.client.update_card(message_id, card, self.hand.now() + TimeDelta::seconds(1)).await
    }

    pub(super) async fn messages(&self) -> Vec<Value> {
        let seen = self.control("GET", &format!("messages?chat={CHAT}"), &json!({})).await;
        seen["messages"].as_array().unwrap().clone()
    }
}
