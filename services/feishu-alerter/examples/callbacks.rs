//! Presses a button in the simulator of Feishu in every right and wrong way. Each callback goes, byte for byte, both to
//! our own verification and to another one, at the address that is named: for `tests/feishu-sdk/judge.py`.
//!
//! Prints a JSON line a callback: `{"variant", "ours", "theirs", "client_code"}`.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chrono::{DateTime, TimeDelta, Utc};
use feishu::callback::{CallbackHeaders, CallbackSecrets, Verified, verify};
use feishu::{CardUuid, ChatId, Credentials, FeishuClient, OutgoingMessage, Receiver, Secret};
use serde_json::{Value, json};
use simulators::feishu::{AppSpec, CallbackSpec, ChatSpec, FeishuConfig, PersonSpec, Running, start};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

const CHAT: &str = "oc_sales";
const PERSON: &str = "ou_xiaolin";
const APP: &str = "cli_sample";
const APP_SECRET: &str = "sample-secret";
const ENCRYPT_KEY: &str = "sample-encrypt-key";
const VERIFICATION_TOKEN: &str = "sample-verification";
/// All that the simulator knows; `replayed` needs one before it.
const VARIANTS: [&str; 10] = [
    "normal",
    "repeat",
    "replayed",
    "stale",
    "wrong_key",
    "unsigned",
    "bad_signature",
    "wrong_token",
    "wrong_app",
    "plaintext",
];

/// The endpoint between the simulator and the two who verify.
struct Between {
    http: reqwest::Client,
    theirs: String,
    verdicts: Mutex<Option<(String, u16)>>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let theirs = std::env::args().nth(1).context("expected the address of the other verification")?;
    let http = runtime::http::client()?;
    let sim = start(company()).await?;
    let between = Arc::new(Between { http: http.clone(), theirs, verdicts: Mutex::new(None) });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let app = Router::new().route("/", post(judge)).with_state(between.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let check = control(&http, &sim, "callback", &json!({ "url": url, "check": true })).await?;
    print(&between, "url_check", &json!(i32::from(check["passed"] != true))).await?;
    let message_id = send_card(&http, &sim).await?;
    for variant in VARIANTS {
        let click = json!({ "message_id": message_id, "open_id": PERSON, "variant": variant });
        let seen = control(&http, &sim, "click", &click).await?;
        print(&between, variant, &seen["client_code"]).await?;
    }
    sim.stop().await;
    Ok(())
}

async fn print(between: &Between, variant: &str, client_code: &Value) -> Result<()> {
    let verdicts = between.verdicts.lock().await.take();
    let (ours, theirs) = verdicts.with_context(|| format!("{variant} reached nobody"))?;
    println!("{}", json!({ "variant": variant, "ours": ours, "theirs": theirs, "client_code": client_code }));
    Ok(())
}

/// Asks both; what the other one answers is what the simulator gets.
async fn judge(State(between): State<Arc<Between>>, headers: HeaderMap, body: Bytes) -> (StatusCode, Bytes) {
    let ours = ours(&headers, &body);
    let mut request = between.http.post(&between.theirs).body(body);
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("x-lark-")) {
        request = request.header(name, value);
    }
    let (status, answer) = match request.send().await {
        Ok(answer) => (answer.status(), answer.bytes().await.unwrap_or_default()),
        Err(_) => (StatusCode::BAD_GATEWAY, Bytes::new()),
    };
    *between.verdicts.lock().await = Some((ours, status.as_u16()));
    (status, answer)
}

fn ours(headers: &HeaderMap, body: &[u8]) -> String {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let headers = CallbackHeaders {
        timestamp: header("x-lark-request-timestamp"),
        nonce: header("x-lark-request-nonce"),
        signature: header("x-lark-signature"),
    };
    let secrets = CallbackSecrets {
        app_id: APP.to_owned(),
        verification_token: Secret::new(VERIFICATION_TOKEN),
        encrypt_key: Some(Secret::new(ENCRYPT_KEY)),
    };
    match verify(body, headers, now(), &secrets) {
        Ok(Verified::UrlCheck { .. }) => "url check".to_owned(),
        Ok(Verified::Action(action)) => format!("pressed by {}", action.operator),
        Ok(Verified::Other { event_type }) => event_type,
        Err(error) => format!("refused: {error}"),
    }
}

fn now() -> DateTime<Utc> {
    runtime::Clock::system().now()
}

fn company() -> FeishuConfig {
    let app = AppSpec { app_id: APP.to_owned(), app_secret: APP_SECRET.to_owned() };
    let mut config = FeishuConfig::new(Arc::new(now), app);
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

async fn send_card(http: &reqwest::Client, sim: &Running) -> Result<String> {
    let credentials = Credentials { app_id: APP.to_owned(), app_secret: Secret::new(APP_SECRET) };
    let client = FeishuClient::new(http.clone(), sim.url.clone(), credentials, Arc::new(now));
    let button = json!({ "tag": "button", "text": { "tag": "plain_text", "content": "不用回复" },
        "behaviors": [{ "type": "callback", "value": { "act": "no_reply", "card": "al-1" } }] });
    let card = OutgoingMessage::card(&feishu::card::card(None, "等待回复", &[button]));
    let uuid = CardUuid::new(CHAT, "official", "sdk", 1);
    let end = now() + TimeDelta::seconds(10);
    let sent = client.send(&Receiver::Chat(ChatId::new(CHAT)), &card, &uuid, end).await?;
    Ok(sent.message_id.to_string())
}

async fn control(http: &reqwest::Client, sim: &Running, path: &str, body: &Value) -> Result<Value> {
    let answer = http.post(format!("{}/_sim/{path}", sim.url)).json(body).send().await?;
    Ok(answer.error_for_status()?.json().await?)
}
