//! The fake against its own contract, through real HTTP.

mod changing;
mod clicks;
mod extras;
mod rules;
mod sending;

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{AppSpec, CallbackSpec, ChatSpec, FeishuConfig, PersonSpec, Running, start};

pub(super) const CHAT: &str = "oc_sales";
pub(super) const OTHER_CHAT: &str = "oc_after_sales";
pub(super) const PERSON: &str = "ou_xiaomei";
pub(super) const ENCRYPT_KEY: &str = "test-encrypt-key";

/// A clock that only moves when told.
#[derive(Clone)]
pub(super) struct Hand(Arc<Mutex<DateTime<Utc>>>);

impl Hand {
    pub(super) fn forward(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// A started fake, its clock, and a client with a token.
pub(super) struct Stage {
    pub(super) sim: Running,
    pub(super) hand: Hand,
    pub(super) http: reqwest::Client,
    pub(super) token: String,
}

/// An answer as a client sees it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) body: Value,
}

impl Seen {
    pub(super) fn code(&self) -> i64 {
        self.body["code"].as_i64().unwrap()
    }

    pub(super) fn message_id(&self) -> String {
        assert_eq!(self.code(), 0, "{self:?}");
        self.body["data"]["message_id"].as_str().unwrap().to_owned()
    }
}

pub(super) fn card(text: &str) -> Value {
    json!({"schema": "2.0", "config": {"update_multi": true},
        "header": {"template": "orange", "title": {"tag": "plain_text", "content": "标题"}},
        "body": {"elements": [
            {"tag": "markdown", "content": text},
            {"tag": "button", "text": {"tag": "plain_text", "content": "不用回复"},
             "behaviors": [{"type": "callback", "value": {"k": "al-1", "act": "no_reply_needed"}}]}]}})
}

fn chat(chat_id: &str, name: &str) -> ChatSpec {
    serde_json::from_value(json!({"chat_id": chat_id, "name": name, "members": [PERSON]})).unwrap()
}

pub(super) fn config(hand: &Hand) -> FeishuConfig {
    let hand = hand.clone();
    let app = AppSpec { app_id: "cli_test".to_owned(), app_secret: "sample-secret".to_owned() };
    let mut config = FeishuConfig::new(Arc::new(move || hand.now()), app);
    config.chats = vec![chat(CHAT, "售前群"), chat(OTHER_CHAT, "售后群")];
    config.people = vec![
        PersonSpec {
            open_id: PERSON.to_owned(),
            name: "小美".to_owned(),
            mobile: String::new(),
            email: String::new(),
            available: true,
            refuse: None,
        },
        PersonSpec {
            open_id: "ou_far".to_owned(),
            name: "远方".to_owned(),
            mobile: String::new(),
            email: String::new(),
            available: false,
            refuse: None,
        },
    ];
    config.callback = CallbackSpec {
        url: None,
        encrypt_key: Some(ENCRYPT_KEY.to_owned()),
        verification_token: "vtoken123".to_owned(),
    };
    config
}

pub(super) fn hand() -> Hand {
    Hand(Arc::new(Mutex::new(DateTime::from_timestamp(1_795_000_000, 0).unwrap())))
}

pub(super) async fn stage() -> Stage {
    let hand = hand();
    let sim = start(config(&hand)).await.unwrap();
    let http = super::callback::client().unwrap();
    let mut stage = Stage { sim, hand, http, token: String::new() };
    stage.log_in().await;
    stage
}

impl Stage {
    pub(super) async fn log_in(&mut self) -> (String, i64) {
        let body = json!({"app_id": "cli_test", "app_secret": "sample-secret"});
        let seen = self.post("/open-apis/auth/v3/tenant_access_token/internal", &body).await;
        self.token = seen.body["tenant_access_token"].as_str().unwrap().to_owned();
        (self.token.clone(), seen.body["expire"].as_i64().unwrap())
    }

    pub(super) async fn try_call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Seen, reqwest::Error> {
        let url = format!("{}{path}", self.sim.url);
        let mut request = self.http.request(method.parse().unwrap(), url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = serde_json::from_str(&response.text().await?).unwrap_or(Value::Null);
        Ok(Seen { status, headers, body })
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Seen {
        self.try_call("POST", path, Some(body)).await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Seen {
        self.try_call("GET", path, None).await.unwrap()
    }

    pub(super) async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/_sim/{path}", self.sim.url);
        let response = self.http.request(method.parse().unwrap(), url).json(body).send().await.unwrap();
        assert!(response.status().is_success(), "{}: {}", response.status(), response.text().await.unwrap());
        serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null)
    }

    pub(super) async fn fault(&self, route: &str, fault: Value) {
        self.control("POST", "faults", &json!({"route": route, "fault": fault})).await;
    }

    pub(super) async fn try_send(
        &self,
        chat: &str,
        content: &Value,
        uuid: &str,
    ) -> Result<Seen, reqwest::Error> {
        let body = json!({"receive_id": chat, "msg_type": "interactive", "content": content.to_string(),
            "uuid": uuid});
        self.try_call("POST", "/open-apis/im/v1/messages?receive_id_type=chat_id", Some(&body)).await
    }

    pub(super) async fn send(&self, chat: &str, content: &Value, uuid: &str) -> Seen {
        self.try_send(chat, content, uuid).await.unwrap()
    }

    pub(super) async fn patch(&self, message_id: &str, content: &Value) -> Seen {
        let body = json!({"content": content.to_string()});
        let path = format!("/open-apis/im/v1/messages/{message_id}");
        self.try_call("PATCH", &path, Some(&body)).await.unwrap()
    }

    pub(super) async fn messages(&self, chat: &str) -> Vec<Value> {
        let url = format!("{}/_sim/messages?chat={chat}", self.sim.url);
        let seen: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        seen["messages"].as_array().unwrap().clone()
    }
}
