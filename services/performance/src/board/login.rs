//! Logging in by a link that was signed for somebody, and out again.
//!
//! A link is used up by a press and not by being opened: chat programs open links to show what is behind them.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use board_session::{LINK_LIFE, Link, SESSION_LIFE};
use domain::Timestamp;
use runtime::config::Board as Settings;
use runtime::serve::{Client, too_many};
use serde::Deserialize;
use store::performance::links;

use super::access::Viewer;
use super::failure::Failure;
use super::{Board, html, wording};

/// The cookie that holds a session.
const SESSION: &str = "huiyin_board";
/// The page that somebody asked for before they were logged in.
const PAGE: &str = "huiyin_board_page";
/// An address of ours is no longer.
const LONGEST_PAGE: usize = 1_000;

pub(super) fn router() -> Router<Arc<Board>> {
    Router::new().route("/login", get(ask).post(enter)).route("/logout", post(leave))
}

#[derive(Debug, Deserialize)]
struct Token {
    t: Option<String>,
}

fn is_https(settings: &Settings) -> bool {
    settings.public_url.starts_with("https://")
}

/// The name of a cookie: over HTTPS browsers take one of this name from this host alone, and for all of it.
fn named(settings: &Settings, name: &str) -> String {
    format!("{}{name}", if is_https(settings) { "__Host-" } else { "" })
}

/// The session that a browser has.
pub(super) fn token<'h>(headers: &'h HeaderMap, settings: &Settings) -> Option<&'h str> {
    cookie_of(headers, settings, SESSION)
}

/// What a browser keeps under a name.
pub(super) fn cookie_of<'h>(headers: &'h HeaderMap, settings: &Settings, name: &str) -> Option<&'h str> {
    let name = named(settings, name);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(key, value)| (key == name).then_some(value))
}

/// What makes a browser keep a value under a name.
pub(super) fn kept(settings: &Settings, name: &str, value: &str, seconds: i64) -> (HeaderName, String) {
    let secure = if is_https(settings) { "; Secure" } else { "" };
    (header::SET_COOKIE, format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"))
}

/// A page of this board, by its address, where a cookie can hold it: nothing leads elsewhere that could be taken for a host.
fn page(address: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\,;".contains(&byte);
    let is_ours = address.starts_with('/') && !address.starts_with("//") && !address.starts_with("/login");
    let is_ours = is_ours && address.len() <= LONGEST_PAGE;
    (is_ours && address.bytes().all(is_plain)).then_some(address)
}

/// Shows for whom a link is, and a button that uses it up.
async fn ask(
    State(board): State<Arc<Board>>,
    Extension(client): Extension<Client>,
    query: Result<Query<Token>, QueryRejection>,
) -> Response {
    let Some(token) = query.ok().and_then(|Query(query)| query.t) else {
        return board.login_wanted(None);
    };
    match board.link(client, &token) {
        Ok(link) => html::bare(wording::LOGIN, &html::login_form(&link.person, &token)).into_response(),
        Err(refusal) => *refusal,
    }
}

async fn enter(
    State(board): State<Arc<Board>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    body: String,
) -> Response {
    if !board.is_own_form(&headers) {
        return Failure::Forbidden.into_response();
    }
    // What a token is made of needs no encoding in a form.
    let token = body.strip_prefix("t=").unwrap_or_default();
    match board.link(client, token) {
        Ok(link) => board.open(client, &link, &headers).await.unwrap_or_else(Failure::into_response),
        Err(refusal) => *refusal,
    }
}

async fn leave(State(board): State<Arc<Board>>, headers: HeaderMap) -> Response {
    if !board.is_own_form(&headers) {
        return Failure::Forbidden.into_response();
    }
    let [title, text] = wording::LOGGED_OUT;
    ([kept(&board.settings, SESSION, "", 0)], html::notice(title, text)).into_response()
}

impl Board {
    /// The answer to whoever is not logged in: how to. The page that they asked for is where they are led then.
    pub(super) fn login_wanted(&self, request: Option<&Request>) -> Response {
        let [title, text] = wording::NOT_LOGGED_IN;
        let ways = html::bare(title, &html::login_ways(text, self.feishu.is_some()));
        let shows_pages = |request: &&Request| {
            let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
            accept.is_some_and(|accept| accept.contains("text/html"))
        };
        let address = request.filter(shows_pages).and_then(|request| request.uri().path_and_query());
        match address.and_then(|address| page(address.as_str())) {
            Some(page) => {
                let page = kept(&self.settings, PAGE, page, LINK_LIFE.num_seconds());
                (StatusCode::UNAUTHORIZED, [page], ways).into_response()
            }
            None => (StatusCode::UNAUTHORIZED, ways).into_response(),
        }
    }

    /// Whether a form was sent from a page of this board.
    fn is_own_form(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(header::ORIGIN);
        let is_own = origin.is_some_and(|origin| origin.as_bytes() == self.settings.public_url.as_bytes());
        if !is_own {
            let expected = &self.settings.public_url;
            tracing::warn!(expected, "a form did not come with the Origin of performance.board.public_url");
        }
        is_own
    }

    /// The link of a token, or what is answered instead.
    fn link(&self, client: Client, token: &str) -> Result<Link, Box<Response>> {
        self.guesses.check(client).map_err(|wait| Box::new(too_many(wait)))?;
        self.signer.read_link(token, self.ctx.clock.now()).ok_or_else(|| Box::new(self.refuse(client)))
    }

    pub(super) fn refuse(&self, client: Client) -> Response {
        self.guesses.offended(client);
        metrics::counter!("board_logins_refused_total").increment(1);
        let [title, text] = wording::BAD_LINK;
        (StatusCode::FORBIDDEN, html::notice(title, text)).into_response()
    }

    /// Uses a link up, and opens a session.
    async fn open(&self, client: Client, link: &Link, headers: &HeaderMap) -> Result<Response, Failure> {
        let now = self.ctx.clock.now();
        let mut connection = self.database().await?;
        let history = self.rules.get(&mut connection).await?;
        if Viewer::of(&link.person, history.at(now), &self.settings).is_none() {
            return Err(Failure::Forbidden);
        }
        if !links::take(&mut connection, &link.nonce, now).await? {
            return Ok(self.refuse(client));
        }
        Ok(self.session_of(&link.person, headers, now))
    }

    /// Opens a session of a person, and leads them to the page that they asked for before.
    pub(super) fn session_of(&self, person: &str, headers: &HeaderMap, now: Timestamp) -> Response {
        metrics::counter!("board_logins_total").increment(1);
        let session = self.signer.session(person, now);
        let session = kept(&self.settings, SESSION, &session, SESSION_LIFE.num_seconds());
        let wanted = cookie_of(headers, &self.settings, PAGE).and_then(page).unwrap_or("/");
        let led = kept(&self.settings, PAGE, "", 0);
        let headers = AppendHeaders([session, led, (header::LOCATION, wanted.to_owned())]);
        (StatusCode::SEE_OTHER, headers).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for ours in ["/", "/people/%E7%8E%8B?period=week&day=2026-11-23", "/waits?over=600"] {
            assert_eq!(page(ours), Some(ours));
        }
        let long = format!("/{}", "a".repeat(1_000));
        for other in [
            "",
            "people",
            "//elsewhere.example",
            "/\\elsewhere.example",
            "/a;b",
            "/a b",
            "/王",
            "https://x",
            "/login/feishu",
            &long,
        ] {
            assert_eq!(page(other), None, "{other:.40}");
        }
    }
}
