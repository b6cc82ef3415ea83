//! Actions from the fake Feishu through a real endpoint: the right ones are understood, the wrong ones are not.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use feishu::Secret;
use feishu::callback::{CallbackHeaders, CallbackSecrets, Verified, verify};
use feishu::card::{Toast, answer_with_toast};
use serde_json::{Value, json};

use super::cards::{key, render};
use super::{CHAT, ENCRYPT_KEY, Hand, PERSON, Stage, VERIFICATION_TOKEN, stage, to_chat};
use crate::action::ActionKind;
use crate::channel::feishu::PressedButton;
use crate::content::card::Form;
use crate::wording;

struct Endpoint {
    hand: Hand,
    secrets: CallbackSecrets,
}

async fn endpoint(
    State(endpoint): State<Arc<Endpoint>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let get = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signed = CallbackHeaders {
        timestamp: get("x-lark-request-timestamp"),
        nonce: get("x-lark-request-nonce"),
        signature: get("x-lark-signature"),
    };
    match verify(&body, signed, endpoint.hand.now(), &endpoint.secrets) {
        Ok(Verified::UrlCheck { challenge }) => (StatusCode::OK, json!({"challenge": challenge}).to_string()),
        Ok(Verified::Action(action)) => {
            assert_eq!(action.operator.as_str(), PERSON);
            assert_eq!(action.chat_id.as_str(), CHAT);
            let pressed = PressedButton { card: key(), action: ActionKind::NoReplyNeeded };
            assert_eq!(PressedButton::of(&action.value), Some(pressed));
            (StatusCode::OK, answer_with_toast(Toast::Success, wording::TOAST_DONE).to_string())
        }
        Ok(Verified::Other { .. }) => (StatusCode::OK, "{}".to_owned()),
        Err(error) => (StatusCode::from_u16(error.http_status()).unwrap(), String::new()),
    }
}

/// A sent card, and an endpoint that checks actions.
async fn with_endpoint() -> (Stage, String) {
    let stage = stage().await;
    let facts = super::cards::facts(&stage.hand);
    let sent = stage.send(&to_chat(), &render(&facts, Form::Full), &key()).await.unwrap();
    let secrets = CallbackSecrets {
        app_id: "cli_sample".to_owned(),
        verification_token: Secret::new(VERIFICATION_TOKEN),
        encrypt_key: Some(Secret::new(ENCRYPT_KEY)),
    };
    let shared = Arc::new(Endpoint { hand: stage.hand.clone(), secrets });
    let router = Router::new().route("/feishu/callback", post(endpoint)).with_state(shared);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/feishu/callback", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let checked = stage.control("POST", "callback", &json!({"url": url, "check": true})).await;
    assert_eq!(checked, json!({"status": 200, "passed": true}));
    (stage, sent.message_id.as_str().to_owned())
}

async fn press(stage: &Stage, message_id: &str, variant: &str) -> Value {
    let click = json!({"message_id": message_id, "open_id": PERSON, "variant": variant});
    stage.control("POST", "click", &click).await
}

#[tokio::test]
async fn a_press_is_understood() {
    let (stage, message_id) = with_endpoint().await;
    let seen = press(&stage, &message_id, "normal").await;
    assert_eq!(seen["client_code"], 0, "{seen}");
    assert_eq!(seen["toast"]["content"], wording::TOAST_DONE);
}

#[tokio::test]
async fn wrong_presses_are_refused_without_saying_why() {
    let (stage, message_id) = with_endpoint().await;
    let variants =
        ["stale", "wrong_key", "unsigned", "bad_signature", "wrong_token", "wrong_app", "plaintext"];
    for variant in variants {
        let seen = press(&stage, &message_id, variant).await;
        assert_eq!(
            (&seen["status"], &seen["client_code"]),
            (&json!(401), &json!(200_671)),
            "{variant}: {seen}"
        );
    }
    let there = stage.messages().await;
    assert_eq!(there[0]["updates"], 0);
}
