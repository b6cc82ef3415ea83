//! Logging in by Feishu: the browser goes there, says who it is, and comes back with a code.
//!
//! It comes back as whoever the roster has with that account, or not at all. A browser is only let in with the code that it was
//! itself sent for: a cookie of its own and our signature say so.

use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use board_session::LINK_LIFE;
use feishu::Credentials;
use feishu::login::{authorization_url, logged_in};
use runtime::config::Board as Settings;
use runtime::serve::{Client, too_many};
use runtime::telemetry::chain;
use runtime::{Context, random};
use serde::Deserialize;

use super::access::Viewer;
use super::failure::Failure;
use super::login::{cookie_of, kept};
use super::{Board, html, wording};

/// Where browsers come back to.
const BACK: &str = "/login/feishu/back";
/// What a browser keeps meanwhile.
const ERRAND: &str = "huiyin_board_login";

/// The app by which people log in.
pub struct FeishuApp {
    http: reqwest::Client,
    /// Where people say who they are.
    accounts: String,
    /// Where that is looked up.
    base: String,
    app: Credentials,
    redirect_uri: String,
}

impl FeishuApp {
    /// As configured; `None`: nobody logs in by Feishu.
    pub fn of(settings: &Settings, ctx: &Context) -> anyhow::Result<Option<Self>> {
        let Some(login) = &settings.feishu_login else { return Ok(None) };
        let feishu = &ctx.config.feishu;
        Ok(Some(Self {
            http: runtime::http::client().context("the HTTP client for Feishu")?,
            accounts: login.accounts_url.clone(),
            base: feishu.base_url.clone(),
            app: Credentials { app_id: feishu.app_id.clone(), app_secret: feishu.app_secret.clone() },
            redirect_uri: format!("{}{BACK}", settings.public_url),
        }))
    }
}

pub(super) fn router() -> Router<Arc<Board>> {
    Router::new().route("/login/feishu", get(leave)).route(BACK, get(come_back))
}

/// Sends a browser to Feishu.
async fn leave(State(board): State<Arc<Board>>) -> Response {
    let Some(app) = &board.feishu else { return Failure::NotFound.into_response() };
    let nonce = random::token();
    let state = board.signer.errand(nonce.clone(), board.ctx.clock.now());
    match authorization_url(&app.accounts, &app.app.app_id, &app.redirect_uri, &state) {
        Some(url) => {
            let settings = &board.settings;
            let cookie = kept(settings, ERRAND, &nonce, LINK_LIFE.num_seconds());
            (StatusCode::SEE_OTHER, [(header::LOCATION, url), cookie]).into_response()
        }
        None => failed(),
    }
}

#[derive(Debug, Deserialize)]
struct Brought {
    /// Absent where the person did not consent.
    code: Option<String>,
    state: Option<String>,
}

async fn come_back(
    State(board): State<Arc<Board>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    query: Result<Query<Brought>, QueryRejection>,
) -> Response {
    let Some(app) = &board.feishu else { return Failure::NotFound.into_response() };
    if let Err(wait) = board.guesses.check(client) {
        return too_many(wait);
    }
    let Ok(Query(Brought { code: Some(code), state: Some(state) })) = query else { return failed() };
    let errand = board.signer.read_errand(&state, board.ctx.clock.now());
    if errand.is_none_or(|errand| cookie_of(&headers, &board.settings, ERRAND) != Some(errand.nonce.as_str()))
    {
        return board.refuse(client);
    }
    match logged_in(&app.http, &app.base, &app.app, &code, &app.redirect_uri).await {
        Ok(account) => {
            board.enter_as(account.as_str(), &headers).await.unwrap_or_else(Failure::into_response)
        }
        Err(error) => {
            tracing::warn!(error = chain(&error), "a login by Feishu failed");
            failed()
        }
    }
}

fn failed() -> Response {
    let [title, text] = wording::FEISHU_FAILED;
    (StatusCode::BAD_GATEWAY, html::notice(title, text)).into_response()
}

impl Board {
    /// Opens a session of whoever has this account.
    async fn enter_as(&self, account: &str, headers: &HeaderMap) -> Result<Response, Failure> {
        let now = self.ctx.clock.now();
        let history = self.rules.get(&mut *self.database().await?).await?;
        let rules = history.at(now);
        let person = rules.staff_by_feishu_account(account).map(|entry| entry.name.as_str());
        let Some(person) = person.filter(|person| Viewer::of(person, rules, &self.settings).is_some()) else {
            let [title, text] = wording::NOT_IN_ROSTER;
            return Ok((StatusCode::FORBIDDEN, html::notice(title, text)).into_response());
        };
        let gone = kept(&self.settings, ERRAND, "", 0);
        Ok((AppendHeaders([gone]), self.session_of(person, headers, now)).into_response())
    }
}
