//! `huiyin import` against a webhook that answers as §8 of the design says. The real one is tested where it lives.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::command::{Ran, huiyin, text};

const TOKEN: &str = "import-token";
const MOST_BYTES: usize = 4 * 1024 * 1024;

#[derive(Default)]
struct Seen {
    ids: BTreeSet<String>,
    requests: Vec<usize>,
    not_history: usize,
    /// Answers 503 this often before it works.
    failing: u32,
}

type Shared = Arc<Mutex<Seen>>;

async fn messages(State(seen): State<Shared>, headers: HeaderMap, body: String) -> Response {
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some("Bearer import-token") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if seen.failing > 0 {
        seen.failing -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let rows: Vec<&str> = body.lines().collect();
    if rows.len() > 1_000 {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    seen.requests.push(rows.len());
    let (mut accepted, mut duplicates, mut rejected) = (0, 0, Vec::new());
    for (index, row) in rows.iter().enumerate() {
        let parsed = serde_json::from_str::<Value>(row).ok();
        let Some(id) = parsed.as_ref().and_then(|value| value["id"].as_str()) else {
            rejected.push(json!({ "index": index, "reason": "not a message" }));
            continue;
        };
        seen.not_history += usize::from(parsed.as_ref().is_none_or(|value| value["history"] != true));
        if seen.ids.insert(id.to_owned()) { accepted += 1 } else { duplicates += 1 }
    }
    Json(json!({ "accepted": accepted, "duplicates": duplicates, "rejected": rejected })).into_response()
}

async fn webhook(failing: u32) -> Result<(String, Shared)> {
    let seen = Arc::new(Mutex::new(Seen { failing, ..Seen::default() }));
    let app = Router::new()
        .route("/v1/messages", post(messages))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(Arc::clone(&seen));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(axum::serve(listener, app).into_future());
    Ok((url, seen))
}

async fn import(url: &str, token: &str, content: &str) -> Result<Ran> {
    let folder = tempfile::tempdir()?;
    let (file, token_file) = (folder.path().join("messages"), folder.path().join("token"));
    std::fs::write(&file, content)?;
    std::fs::write(&token_file, format!("{token}\n"))?;
    huiyin(&["import", &text(&file), "--url", url, "--token-file", &text(&token_file)]).await
}

fn row(number: usize) -> String {
    json!({ "id": format!("m-{number}"), "text": "在吗？", "history": false }).to_string()
}

#[tokio::test]
async fn bad_rows_are_named_and_stop_nothing() -> Result<()> {
    let (url, seen) = webhook(0).await?;
    let lines = [
        row(1),
        "{\"id\": \"m-".to_owned(),
        String::new(),
        r#"{"id":"m-3","text":"\ud800"}"#.to_owned(),
        row(4),
        row(1),
    ];
    let ran = import(&url, TOKEN, &lines.join("\n")).await?;
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!(ran.out.trim(), "2 accepted, 1 known already, 2 refused");
    assert!(
        ran.err.contains("row 2: refused: not a message\nrow 4: refused: not a message\n"),
        "{}",
        ran.err
    );
    let seen = seen.lock().unwrap();
    assert_eq!(seen.ids.iter().collect::<Vec<_>>(), ["m-1", "m-4"]);
    assert_eq!(seen.not_history, 0);
    Ok(())
}

#[tokio::test]
async fn a_long_array_goes_in_chunks_and_again_without_harm() -> Result<()> {
    let (url, seen) = webhook(0).await?;
    let rows: Vec<String> = (0..2_500).map(row).collect();
    let content = format!("[\n  {}\n]\n", rows.join(",\n  "));
    let first = import(&url, TOKEN, &content).await?;
    assert_eq!(
        (first.code, first.out.trim()),
        (0, "2500 accepted, 0 known already, 0 refused"),
        "{}",
        first.err
    );
    assert_eq!(seen.lock().unwrap().requests, [1_000, 1_000, 500]);
    let second = import(&url, TOKEN, &content).await?;
    assert_eq!((second.code, second.out.trim()), (0, "0 accepted, 2500 known already, 0 refused"));
    Ok(())
}

#[tokio::test]
async fn no_request_is_larger_than_the_webhook_takes() -> Result<()> {
    let (url, seen) = webhook(0).await?;
    let wide =
        |number: usize| json!({ "id": format!("w-{number}"), "text": "长".repeat(100_000) }).to_string();
    let rows: Vec<String> = (0..30).map(wide).collect();
    let ran = import(&url, TOKEN, &rows.join("\n")).await?;
    assert_eq!((ran.code, ran.out.trim()), (0, "30 accepted, 0 known already, 0 refused"), "{}", ran.err);
    assert!(seen.lock().unwrap().requests.len() >= 3);
    Ok(())
}

#[tokio::test]
async fn a_webhook_that_comes_back_gets_everything() -> Result<()> {
    let (url, seen) = webhook(2).await?;
    let ran = import(&url, TOKEN, &row(1)).await?;
    assert_eq!((ran.code, ran.out.trim()), (0, "1 accepted, 0 known already, 0 refused"), "{}", ran.err);
    assert_eq!(seen.lock().unwrap().failing, 0);
    Ok(())
}

#[tokio::test]
async fn a_refused_token_is_said_at_once_and_not_shown() -> Result<()> {
    let (url, _seen) = webhook(0).await?;
    let ran = import(&url, "wrong-token", &row(1)).await?;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("refused the token (401)") && !ran.err.contains("wrong-token"), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    let missing = huiyin(&["import", "no-such-file", "--url", &url, "--token", "t"]).await?;
    assert_eq!((missing.code, missing.err.trim()), (2, "huiyin: there is no file no-such-file"));
    Ok(())
}
