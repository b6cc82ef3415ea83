//! Callbacks: what a click sends in each variant, and what the person sees of the answer.

use std::sync::{Arc, Mutex};

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::crypto;
use super::{CHAT, ENCRYPT_KEY, PERSON, Stage, card, stage};

type Inbox = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// An endpoint that keeps what it gets and always gives the same answer.
async fn endpoint(status: u16, answer: Value) -> (String, Inbox) {
    let inbox = Inbox::default();
    let handler = move |State(inbox): State<Inbox>, headers: HeaderMap, body: String| async move {
        inbox.lock().unwrap().push((headers, body));
        (StatusCode::from_u16(status).unwrap(), answer.to_string())
    };
    let router = Router::new().route("/callback", post(handler)).with_state(inbox.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/callback", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, inbox)
}

fn decrypt(body: &str, key: &str) -> Option<Value> {
    let body: Value = serde_json::from_str(body).ok()?;
    let bytes = STANDARD.decode(body["encrypt"].as_str()?).ok()?;
    let key: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    let iv: [u8; 16] = bytes[..16].try_into().ok()?;
    let cipher = cbc::Decryptor::<aes::Aes256>::new(&key.into(), &iv.into());
    serde_json::from_slice(&cipher.decrypt_padded_vec::<Pkcs7>(&bytes[16..]).ok()?).ok()
}

async fn with_card(status: u16, answer: Value) -> (Stage, String, Inbox) {
    let stage = stage().await;
    let (url, inbox) = endpoint(status, answer).await;
    stage.control("POST", "callback", &json!({"url": url})).await;
    let id = stage.send(CHAT, &card("一"), "al-1").await.message_id();
    (stage, id, inbox)
}

async fn click(stage: &Stage, id: &str, variant: &str) -> Value {
    let click = json!({"message_id": id, "chat_id": CHAT, "open_id": PERSON, "variant": variant});
    stage.control("POST", "click", &click).await
}

fn signed_rightly(headers: &HeaderMap, body: &str) -> bool {
    let get = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let (timestamp, nonce) = (get("x-lark-request-timestamp"), get("x-lark-request-nonce"));
    get("x-lark-signature") == crypto::signature(timestamp, nonce, ENCRYPT_KEY, body)
}

/// One of its options, and no other.
#[tokio::test]
async fn what_is_chosen_of_a_menu_arrives_with_its_value() {
    let (stage, id, inbox) = with_card(200, json!({})).await;
    let menu = json!({"tag": "select_static", "placeholder": {"tag": "plain_text", "content": "转交给…"},
        "options": [{"text": {"tag": "plain_text", "content": "甲"}, "value": "a"}],
        "behaviors": [{"type": "callback", "value": {"k": "al-1", "act": "assign"}}]});
    let mut with_menu = card("一");
    with_menu["body"]["elements"].as_array_mut().unwrap().push(menu);
    let answer = stage.send(CHAT, &with_menu, "al-2").await;
    let (menu_id, click) = (
        answer.message_id(),
        |button, option: Option<&str>| json!({"chat_id": CHAT, "open_id": PERSON, "button": button, "option": option}),
    );
    let mut chosen = click(1, Some("a"));
    chosen["message_id"] = json!(menu_id);
    stage.control("POST", "click", &chosen).await;
    let (_, body) = inbox.lock().unwrap().last().cloned().unwrap();
    let event = decrypt(&body, ENCRYPT_KEY).unwrap();
    assert_eq!(
        event["event"]["action"],
        json!({"value": {"k": "al-1", "act": "assign"}, "tag": "select_static", "option": "a"})
    );
    let url = format!("{}/_sim/click", stage.sim.url);
    for (message, wrong) in
        [(&menu_id, click(1, Some("b"))), (&menu_id, click(1, None)), (&id, click(0, Some("a")))]
    {
        let mut wrong = wrong;
        wrong["message_id"] = json!(message);
        let answer = stage.http.post(&url).json(&wrong).send().await.unwrap();
        assert!(!answer.status().is_success(), "{wrong}");
    }
    assert_eq!(inbox.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_click_arrives_encrypted_signed_and_compact() {
    let answer =
        json!({"toast": {"type": "success", "content": "好"}, "card": {"type": "raw", "data": card("二")}});
    let (stage, id, inbox) = with_card(200, answer).await;
    let seen = click(&stage, &id, "normal").await;
    assert_eq!(seen["client_code"], 0, "{seen}");
    assert_eq!(seen["toast"]["content"], "好");
    assert_eq!(stage.messages(CHAT).await[0]["card"], card("二"));
    let (headers, body) = inbox.lock().unwrap()[0].clone();
    assert!(signed_rightly(&headers, &body));
    assert!(body.starts_with("{\"encrypt\":\"") && !body.contains(' '));
    let event = decrypt(&body, ENCRYPT_KEY).unwrap();
    assert_eq!(event["header"]["token"], "vtoken123");
    assert_eq!(event["header"]["app_id"], "cli_test");
    assert_eq!(event["event"]["action"]["value"], json!({"k": "al-1", "act": "no_reply_needed"}));
    assert_eq!(event["event"]["context"], json!({"open_message_id": id, "open_chat_id": CHAT}));
    assert_eq!(event["event"]["operator"]["open_id"], PERSON);
}

#[tokio::test]
async fn each_variant_is_wrong_in_exactly_its_way() {
    let (stage, id, inbox) = with_card(200, json!({})).await;
    for variant in
        ["normal", "repeat", "replayed", "stale", "wrong_key", "unsigned", "bad_signature", "wrong_token"]
    {
        click(&stage, &id, variant).await;
    }
    let got = inbox.lock().unwrap().clone();
    let event_id =
        |n: usize| decrypt(&got[n].1, ENCRYPT_KEY).map(|event| event["header"]["event_id"].clone());
    assert!(signed_rightly(&got[1].0, &got[1].1));
    assert_ne!(event_id(0), event_id(1), "a repeated click is a new event");
    assert_eq!(got[1].1, got[2].1, "a replay is the same bytes");
    assert_eq!(got[1].0["x-lark-signature"], got[2].0["x-lark-signature"]);
    assert!(signed_rightly(&got[3].0, &got[3].1));
    let signed_at: i64 = got[3].0["x-lark-request-timestamp"].to_str().unwrap().parse().unwrap();
    assert_eq!(stage.hand.now().timestamp() - signed_at, 600);
    assert!(decrypt(&got[4].1, ENCRYPT_KEY).is_none() && !signed_rightly(&got[4].0, &got[4].1));
    assert!(!got[5].0.contains_key("x-lark-signature") && event_id(5).is_some());
    assert!(!signed_rightly(&got[6].0, &got[6].1) && event_id(6).is_some());
    assert!(signed_rightly(&got[7].0, &got[7].1));
    assert_eq!(decrypt(&got[7].1, ENCRYPT_KEY).unwrap()["header"]["token"], "not-the-token");
}

#[tokio::test]
async fn what_the_person_sees_when_the_endpoint_is_wrong() {
    let (stage, id, _) = with_card(500, json!({})).await;
    assert_eq!(click(&stage, &id, "normal").await["client_code"], 200_671);
    let (stage, id, _) = with_card(200, json!({"toast": "hello"})).await;
    assert_eq!(click(&stage, &id, "normal").await["client_code"], 200_672);
    let bad_card = json!({"card": {"type": "raw", "data": {"schema": "2.0", "nonsense": 1}}});
    let (stage, id, _) = with_card(200, bad_card).await;
    assert_eq!(click(&stage, &id, "normal").await["client_code"], 200_673);
    stage.control("POST", "callback", &json!({"url": "http://127.0.0.1:1/"})).await;
    assert_eq!(click(&stage, &id, "normal").await["client_code"], 200_342);
}

#[tokio::test]
async fn a_delayed_update_works_twice_within_half_an_hour() {
    let (stage, id, _) = with_card(200, json!({})).await;
    let update = |token: &Value| json!({"token": token, "card": card("晚")});
    let path = "/open-apis/interactive/v1/card/update";
    let token = click(&stage, &id, "normal").await["token"].clone();
    assert_eq!(stage.post(path, &update(&token)).await.code(), 0);
    assert_eq!(stage.post(path, &update(&token)).await.code(), 0);
    assert_ne!(stage.post(path, &update(&token)).await.code(), 0);
    let token = click(&stage, &id, "repeat").await["token"].clone();
    stage.hand.forward(TimeDelta::minutes(30));
    assert_ne!(stage.post(path, &update(&token)).await.code(), 0);
    let (stage, id, _) = with_card(500, json!({})).await;
    let token = click(&stage, &id, "normal").await["token"].clone();
    assert_ne!(stage.post(path, &update(&token)).await.code(), 0, "only after an answer of 200");
}

#[tokio::test]
async fn the_url_check_is_encrypted_and_unsigned() {
    let (stage, _, inbox) = with_card(200, json!({"challenge": "something else"})).await;
    let (url, _) = endpoint(200, json!({})).await;
    let checked = stage.control("POST", "callback", &json!({"url": url, "check": true})).await;
    assert_eq!(checked, json!({"status": 200, "passed": false}));
    assert!(inbox.lock().unwrap().is_empty());
    let (url, inbox) = endpoint(200, json!({})).await;
    stage.control("POST", "callback", &json!({"url": url, "check": true})).await;
    let (headers, body) = inbox.lock().unwrap()[0].clone();
    assert!(!headers.contains_key("x-lark-signature"));
    assert_eq!(decrypt(&body, ENCRYPT_KEY).unwrap()["type"], "url_verification");
}
