//! `GET /login` and `GET /status`: for the operator who has to log the account in, and for whoever looks after it.
//!
//! On a loopback address both are open. On any other one they ask for a webhook token, as `?token=` (which a phone's
//! browser can be given) or as `Authorization: Bearer`: whoever sees the login code can log an account of their own in.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use runtime::Context;
use runtime::serve::Client;
use runtime::telemetry::chain;
use serde::Deserialize;
use store::ingest::{gateways, inbox};

use crate::callers::{Gate, Refusal};
use crate::capture::{Capture, state_name};
use crate::gateway::qr;

struct Page {
    ctx: Context,
    capture: Option<Arc<Capture>>,
    gate: Arc<Gate>,
}

#[derive(Deserialize)]
struct Access {
    #[serde(default)]
    token: String,
}

pub fn router(ctx: Context, capture: Option<Arc<Capture>>, gate: Arc<Gate>) -> Router {
    let page = Arc::new(Page { ctx, capture, gate });
    Router::new()
        .route("/login", get(login))
        .route("/status", get(status))
        .route_layer(from_fn_with_state(page.clone(), only_admitted))
        .with_state(page)
}

impl Page {
    /// `None`: come in.
    fn refusal(&self, client: Client, access: &Access, headers: &HeaderMap) -> Option<Response> {
        if self.ctx.config.ingest.listen.ip().is_loopback() {
            return None;
        }
        let refusal: Refusal = self.gate.admit(client, headers, Some(&access.token)).err()?;
        Some(refusal.answer(text::TOKEN_NEEDED))
    }
}

async fn only_admitted(
    State(page): State<Arc<Page>>,
    Extension(client): Extension<Client>,
    access: Query<Access>,
    request: Request,
    next: Next,
) -> Response {
    match page.refusal(client, &access, request.headers()) {
        Some(answer) => answer,
        None => next.run(request).await,
    }
}

async fn login(State(page): State<Arc<Page>>) -> Response {
    let Some(capture) = &page.capture else {
        return (StatusCode::NOT_FOUND, Html(text::page(text::NO_GATEWAY, ""))).into_response();
    };
    let picture = capture.login_code().and_then(|code| qr::svg(&code).ok());
    let body = match (&picture, state_name(capture.status().state)) {
        (None, "waiting_login") if capture.verification().is_some() => text::page(text::VERIFY, ""),
        (Some(picture), _) => text::page(text::SCAN, picture),
        (None, "live" | "suspect") => text::page(text::LOGGED_IN, ""),
        (None, "waiting_login") => text::page(text::WAIT_FOR_CODE, ""),
        (None, _) => text::page(text::NOT_CONNECTED, ""),
    };
    no_store(Html(body).into_response())
}

async fn status(State(page): State<Arc<Page>>) -> Response {
    let Some(capture) = &page.capture else {
        return Json(serde_json::json!({ "gateway": null })).into_response();
    };
    let read = async {
        let mut connection = page.ctx.db.acquire().await?;
        let row = gateways::get(&mut connection, capture.name()).await?;
        Ok::<_, store::sqlx::Error>((row, inbox::counts(&mut connection, capture.name()).await?))
    };
    let (row, counts) = match read.await {
        Ok(read) => read,
        Err(error) => {
            tracing::warn!(error = chain(&error), "the status cannot be read");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let status = capture.status();
    no_store(
        Json(serde_json::json!({
            "gateway": capture.name(),
            "state": state_name(status.state),
            "account": status.account.map(|account| account.to_string()),
            "since": row.as_ref().map(|row| row.state_since),
            "last_live_at": row.as_ref().and_then(|row| row.last_live_at),
            "last_event_at": row.as_ref().and_then(|row| row.last_event_at),
            "verification": capture.verification(),
            "inbox": counts.waiting,
            "payloads_missing": counts.missing,
            "outbox": counts.outbox,
        }))
        .into_response(),
    )
}

/// The login page's one style is in it, and nothing else may be loaded.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");

fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

mod text {
    pub const TOKEN_NEEDED: &str = "需要访问令牌：请在地址后加上 ?token=…";
    pub const NO_GATEWAY: &str = "没有配置微信网关";
    pub const SCAN: &str = "请用助手账号的手机扫描二维码登录";
    pub const VERIFY: &str = "登录需要验证：请到网关的管理页面按提示完成（不用扫码）";
    pub const LOGGED_IN: &str = "助手账号已登录";
    pub const WAIT_FOR_CODE: &str = "等待网关提供二维码…";
    pub const NOT_CONNECTED: &str = "网关未连接";

    /// Seconds until the page looks again; codes change every minute or two.
    const REFRESH: u32 = 3;

    pub fn page(message: &str, picture: &str) -> String {
        format!(
            "<!doctype html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>回音 · 登录</title>\
             <meta http-equiv=\"refresh\" content=\"{REFRESH}\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <style>body{{font-family:sans-serif;display:grid;place-items:center;min-height:90vh;margin:0}}\
             main{{text-align:center}}svg{{width:min(80vw,320px);height:auto}}</style></head>\
             <body><main><h1>{message}</h1>{picture}</main></body></html>"
        )
    }
}
