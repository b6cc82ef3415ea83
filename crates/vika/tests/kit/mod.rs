//! A simulator, a clock that is moved, and clients without pauses.

#![expect(clippy::expect_used, reason = "a helper of tests: a failed expectation is a failed test")]

use std::{
    sync::{
        Arc, Once,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::DateTime;
use serde_json::{Value, json};
use simulators::vika::{Running, VikaConfig};
use vika::{
    Client, ColumnIds, KnownSheets, Pacing, SheetId, SheetIds, SpaceId, Token, setup, tables::AllRooms,
};

pub const START_MS: i64 = 1_795_337_500_000;

pub struct Kit {
    pub sim: Running,
    http: reqwest::Client,
    clock: Arc<AtomicI64>,
}

/// No pauses, except the one that the real rate window makes necessary.
pub fn hasty() -> Pacing {
    Pacing {
        spacing: Duration::ZERO,
        timeout: Duration::from_secs(5),
        backoff: Duration::from_millis(1),
        settle: Duration::from_millis(1),
        ..Pacing::default()
    }
}

impl Kit {
    /// Without a rate limit.
    pub async fn start() -> Self {
        let kit = Self::limited().await;
        kit.order("settings", json!({"rate_limit": 0})).await;
        kit
    }

    /// With five calls a second.
    pub async fn limited() -> Self {
        let clock = Arc::new(AtomicI64::new(START_MS));
        let shared = Arc::clone(&clock);
        let config = VikaConfig::sample(Arc::new(move || {
            DateTime::from_timestamp_millis(shared.load(Ordering::SeqCst)).expect("a time")
        }));
        Self { sim: simulators::vika::start(config).await.expect("a free port"), http: http(), clock }
    }

    pub fn advance(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn client(&self, token: &str, pacing: Pacing) -> Client {
        Client::new(self.http.clone(), &self.sim.url, Token::new(token), pacing)
    }

    pub fn bot(&self) -> Client {
        self.client("uskBot", hasty())
    }

    pub fn manager(&self) -> Client {
        self.client("uskManager", hasty())
    }

    pub async fn sheets(&self) -> SheetIds {
        let made = setup::init(&self.bot(), &space(), KnownSheets::default()).await.expect("a set-up");
        self.forget_calls().await;
        made
    }

    /// `POST /_sim/<what>`
    pub async fn order(&self, what: &str, body: Value) {
        let response = self.http.post(format!("{}/_sim/{what}", self.sim.url)).json(&body).send().await;
        let status = response.expect("an answer").status();
        assert!(status.is_success(), "{what} {body}: {status}");
    }

    pub async fn calls(&self) -> Vec<Value> {
        let response = self.http.get(format!("{}/_sim/calls", self.sim.url)).send().await.expect("an answer");
        response.json().await.expect("calls")
    }

    pub async fn forget_calls(&self) {
        let response = self.http.delete(format!("{}/_sim/calls", self.sim.url)).send().await;
        assert!(response.expect("an answer").status().is_success());
    }

    /// The sheet of this name as a person sees it.
    pub async fn shown(&self, name: &str) -> Value {
        let response =
            self.http.get(format!("{}/_sim/sheets", self.sim.url)).send().await.expect("an answer");
        let all: Value = response.json().await.expect("sheets");
        let sheets = all["sheets"].as_array().expect("sheets");
        let of_name: Vec<&Value> = sheets.iter().filter(|s| s["name"] == name).collect();
        assert_eq!(of_name.len(), 1, "one sheet called {name}");
        of_name[0].clone()
    }
}

/// The sheet 群聊总表 with its columns.
pub async fn rooms(kit: &Kit) -> (SheetId, ColumnIds<AllRooms>) {
    let sheet = kit.sheets().await.all_rooms;
    let fields = kit.bot().fields(&sheet).await.expect("fields");
    kit.forget_calls().await;
    (sheet, ColumnIds::resolve(&fields).expect("a fitting schema"))
}

pub fn space() -> SpaceId {
    "spcHuiyinDemo".parse().expect("an id")
}

#[expect(clippy::disallowed_methods, reason = "a test has no runtime to take a client from")]
fn http() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    reqwest::Client::builder().no_proxy().build().expect("a client")
}
