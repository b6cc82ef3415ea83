//! What an operator sees.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::until;

use crate::support::*;

#[tokio::test]
async fn the_login_code_is_shown_while_it_is_needed() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    let client = runtime::http::client()?;
    let page = async || Ok::<_, anyhow::Error>(client.get(scene.url("/login")).send().await?.text().await?);
    assert!(page().await?.contains("账号已登录"));
    scene.control.post("/logout", json!({})).await;
    scene.control.post("/scan", json!({ "qrcode": "https://login.example/l/x" })).await;
    until("the code is on the page", || async { Ok(page().await?.contains("<svg")) }).await?;
    let status: Value = client.get(scene.url("/status")).send().await?.json().await?;
    assert_eq!((&status["state"], &status["gateway"]), (&json!("waiting_login"), &json!(NAME)));
    assert!(!status.to_string().contains(TOKEN));
    assert_eq!(scene.control.state().await["logged_in"], false);
    scene.control.post("/login", json!({})).await;
    until("the code is gone", || async { Ok(!page().await?.contains("<svg")) }).await?;
    until_state(&scene.stack, "live").await?;
    let status: Value = client.get(scene.url("/status")).send().await?.json().await?;
    assert_eq!((&status["account"], &status["inbox"]), (&json!(SELF), &json!(0)));
    service.stop().await
}

#[tokio::test]
async fn from_elsewhere_the_pages_ask_for_a_token() -> Result<()> {
    let mut stack = stack().await?;
    let port = stack.config.ingest.listen.port();
    stack.config.ingest.listen = format!("0.0.0.0:{port}").parse()?;
    let service = start(&stack).await?;
    let client = runtime::http::client()?;
    let get = async |path: &str| {
        let answer = client.get(format!("http://127.0.0.1:{port}{path}")).send().await;
        answer.ok().map(|answer| answer.status().as_u16())
    };
    until("it listens", || async { Ok(get("/healthz").await == Some(200)) }).await?;
    for (path, expected) in [
        ("/login", 401),
        ("/status", 401),
        ("/status?token=wrong", 401),
        ("/status?token=test-token", 200),
        ("/login?token=test-token", 404),
    ] {
        assert_eq!(get(path).await, Some(expected), "{path}");
    }
    service.stop().await
}
