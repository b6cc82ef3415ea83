//! The simulator judged over HTTP, as a client meets it.

mod faults;
mod reading;
mod sdk_forms;
mod writing;

use std::sync::{
    Arc, Once,
    atomic::{AtomicI64, Ordering},
};

use chrono::DateTime;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Running, VikaConfig, VikaMember, VikaSpace, start};

pub(super) const SPACE: &str = "spcHuiyinDemo";
const START_MS: i64 = 1_795_337_500_123;

/// A simulator without a rate limit, a clock that is moved, and a client.
pub(super) struct Kit {
    pub sim: Running,
    http: reqwest::Client,
    clock: Arc<AtomicI64>,
}

impl Kit {
    pub async fn start() -> Self {
        let kit = Self::start_with(|_| {}).await;
        kit.settings(&json!({"rate_limit": 0})).await;
        kit
    }

    pub async fn start_with(change: impl FnOnce(&mut VikaConfig)) -> Self {
        let clock = Arc::new(AtomicI64::new(START_MS));
        let shared = Arc::clone(&clock);
        let mut config = VikaConfig::sample(Arc::new(move || {
            DateTime::from_timestamp_millis(shared.load(Ordering::SeqCst)).expect("a time")
        }));
        change(&mut config);
        Self { sim: start(config).await.expect("a free port"), http: http(), clock }
    }

    pub fn advance(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    /// Calls with the bot's token.
    pub async fn bot(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        self.call(method, path, Some("uskBot"), body).await
    }

    pub async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Value) -> (u16, Value) {
        self.try_call(method, path, token, body).await.expect("an answer")
    }

    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Value,
    ) -> Result<(u16, Value), reqwest::Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.sim.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// Sends a body as it is, with the bot's token.
    pub async fn post_text(&self, path: &str, body: String) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.sim.url)).bearer_auth("uskBot");
        let response =
            request.header("content-type", "application/json").body(body).send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }

    pub async fn sim_post(&self, path: &str, body: &Value) {
        let (status, answer) = self.call(Method::POST, &format!("/_sim/{path}"), None, body.clone()).await;
        assert!(status < 300, "{status} {answer}");
    }

    pub async fn settings(&self, change: &Value) {
        self.sim_post("settings", change).await;
    }

    /// A sheet with one column of most kinds, without blank rows. Gives its id and the column ids by name.
    pub async fn sheet(&self) -> (String, Value) {
        self.settings(&json!({"blank_rows": false})).await;
        let body = json!({"name": "测试", "fields": [
            {"name": "群ID", "type": "SingleText", "property": {}},
            {"name": "数", "type": "Number", "property": {"precision": 0}},
            {"name": "阶段", "type": "SingleSelect", "property": {"options": [{"name": "售前"}]}},
            {"name": "标签", "type": "MultiSelect", "property": {"options": [{"name": "A"}]}},
            {"name": "时间", "type": "DateTime",
             "property": {"dateFormat": "YYYY-MM-DD", "timeFormat": "HH:mm", "includeTime": true}},
            {"name": "核准", "type": "Checkbox", "property": {"icon": "white_check_mark"}},
            {"name": "负责人", "type": "Member", "property": {"isMulti": false, "shouldSendMsg": false}},
            {"name": "链接", "type": "URL"},
            {"name": "自增", "type": "AutoNumber"},
        ]});
        let (status, made) =
            self.bot(Method::POST, &format!("/fusion/v1/spaces/{SPACE}/datasheets"), body).await;
        assert_eq!((status, &made["code"]), (201, &json!(200)), "{made}");
        let sheet = made["data"]["id"].as_str().expect("an id").to_owned();
        let mut ids = json!({});
        for field in made["data"]["fields"].as_array().expect("fields") {
            ids[field["name"].as_str().expect("a name")] = field["id"].clone();
        }
        (sheet, ids)
    }

    /// Creates records by name; gives the whole answer.
    pub async fn create(&self, sheet: &str, records: &[Value]) -> (u16, Value) {
        let records: Vec<_> = records.iter().map(|fields| json!({"fields": fields})).collect();
        self.bot(Method::POST, &records_path(sheet), json!({"records": records})).await
    }

    /// Creates one record that must be accepted; gives its id.
    pub async fn row(&self, sheet: &str, fields: Value) -> String {
        let (_, answer) = self.create(sheet, &[fields]).await;
        answer["data"]["records"][0]["recordId"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Reads with a raw query; gives `data`.
    pub async fn read(&self, sheet: &str, query: &str) -> Value {
        let path = format!("{}?{query}", records_path(sheet));
        let (status, answer) = self.bot(Method::GET, &path, Value::Null).await;
        assert_eq!((status, &answer["success"]), (200, &json!(true)), "{answer}");
        answer["data"].clone()
    }

    /// The record ids that a filter keeps, or the refusal's code.
    pub async fn filter(&self, sheet: &str, formula: &str) -> Result<Vec<String>, Value> {
        let mut url =
            reqwest::Url::parse(&format!("{}{}", self.sim.url, records_path(sheet))).expect("a url");
        url.query_pairs_mut().append_pair("filterByFormula", formula);
        let path = url.as_str().trim_start_matches(&self.sim.url).to_owned();
        let (_, answer) = self.bot(Method::GET, &path, Value::Null).await;
        let Some(records) = answer["data"]["records"].as_array() else {
            assert_eq!(answer["message"], "", "{answer}");
            return Err(answer["code"].clone());
        };
        Ok(records.iter().map(|r| r["recordId"].as_str().expect("an id").to_owned()).collect())
    }
}

pub(super) fn records_path(sheet: &str) -> String {
    format!("/fusion/v1/datasheets/{sheet}/records")
}

#[expect(clippy::disallowed_methods, reason = "a test has no runtime to take a client from")]
fn http() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    reqwest::Client::builder()
        .no_proxy()
        .timeout(std::time::Duration::from_secs(10))
        .build()
        .expect("a client")
}

#[tokio::test]
async fn it_listens_on_loopback_unless_told_otherwise_in_so_many_words() {
    let config = |beyond_loopback| VikaConfig {
        bind: ([0, 0, 0, 0], 0).into(),
        beyond_loopback,
        ..VikaConfig::sample(Arc::new(|| DateTime::UNIX_EPOCH))
    };
    let refused = start(config(false)).await.err().map(|error| error.kind());
    assert_eq!(refused, Some(std::io::ErrorKind::InvalidInput));
    assert!(start(config(true)).await.is_ok());
}
