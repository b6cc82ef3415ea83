//! The page's own calls: JSON in, JSON out.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::sources::Sources;

type Shared = State<Arc<Sources>>;

pub fn routes() -> Router<Arc<Sources>> {
    Router::new()
        .route("/api/scene", get(async |State(sources): Shared| answer(sources.scene().await)))
        .route("/api/state", get(async |State(sources): Shared| answer(sources.state().await)))
        .route("/api/say", post(say))
        .route("/api/presence", post(presence))
        .route("/api/edit", post(edit))
        .route("/api/click", post(click))
        .route("/api/images/{key}", get(image))
        .route("/board", get(board))
}

fn answer(result: anyhow::Result<Value>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => {
            (StatusCode::BAD_GATEWAY, Json(json!({ "error": format!("{error:#}") }))).into_response()
        }
    }
}

#[derive(Deserialize)]
struct Say {
    room: String,
    talker: String,
    text: String,
}

async fn say(State(sources): Shared, Json(say): Json<Say>) -> Response {
    answer(sources.say(&say.room, &say.talker, &say.text).await)
}

#[derive(Deserialize)]
struct Presence {
    room: String,
    inside: bool,
}

async fn presence(State(sources): Shared, Json(wanted): Json<Presence>) -> Response {
    answer(sources.presence(&wanted.room, wanted.inside).await)
}

#[derive(Deserialize)]
struct Edit {
    sheet: String,
    record: String,
    column: String,
    value: Value,
}

async fn edit(State(sources): Shared, Json(edit): Json<Edit>) -> Response {
    answer(sources.edit(&edit.sheet, &edit.record, &edit.column, &edit.value).await)
}

async fn click(State(sources): Shared, Json(click): Json<Value>) -> Response {
    answer(sources.click(&click).await)
}

async fn image(State(sources): Shared, Path(key): Path<String>) -> Response {
    // A key is letters, digits and underscores; anything else could become another path.
    if !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return StatusCode::NOT_FOUND.into_response();
    }
    match sources.image(&key).await {
        Ok(png) => ([(CONTENT_TYPE, "image/png")], png).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Sends on to the board, with a link of one's own: each can be used once.
async fn board(State(sources): Shared) -> Response {
    match sources.board_link() {
        Some(link) => Redirect::to(&link).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
