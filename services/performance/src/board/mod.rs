//! The web board: who waits now, and figures of people, rooms and stages, each of which leads to its waits and each wait to
//! what was said.
//!
//! Pages are made here and need no script; scripts draw charts of what stands there in tables, and keep the page of today up
//! to date. Everything is served from this program. Who may see what is decided by [`access`] alone, for whom a session
//! says that it is, by the rules in force at each request. It writes nothing but which links were used, shows no text to
//! whoever has no right to it, and logs neither addresses nor people.

mod access;
mod asked;
mod assets;
mod charts;
mod failure;
mod feishu_login;
mod figures;
mod html;
mod live;
mod login;
mod pages;
mod wording;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use board_session::{Session, Signer};
use chrono::TimeDelta;
use domain::Timestamp;
use domain::rules::{Rules, RulesHistory};
use runtime::Context;
use runtime::config::Board as Settings;
use runtime::serve::{Limits, Lockout, Rate, Server};
use runtime::sweep::daily;
use store::performance::links;
use store::rules::RulesCache;
use store::sqlx::Postgres;
use store::sqlx::pool::PoolConnection;
use tokio::net::TcpListener;

use self::access::Viewer;
use self::assets::Assets;
use self::failure::Failure;
use self::feishu_login::FeishuApp;
use self::live::Live;

/// A page asks for little, and no body is larger than a token. Open pages of today hold a connection each, and behind a TCP
/// proxy all browsers are one client.
const LIMITS: Limits = Limits {
    body: 4 * 1024,
    connections_per_client: 700,
    rate: Rate::per_second(200, 500),
    ..Limits::OUTWARD
};
/// So many links, or ways back from Feishu, that are none are tolerated of a client.
const GUESSES: Rate = Rate::one_in(Duration::from_mins(1), 10);
/// Who guesses more is shut out for so long.
const LOCKED_FOR: Duration = Duration::from_mins(10);
/// Used links are remembered for so long, by when they have expired.
const REMEMBER_LINKS: TimeDelta = TimeDelta::days(1);

/// What all pages have in common: browsers load nothing from elsewhere, run no script of a page's text, and keep nothing.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    // With `no-referrer` a form would not say where it comes from.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// An address that logs a person in, once, within [`board_session::LINK_LIFE`]. `nonce` is a secret of its own. `None`: they may
/// see nothing by these rules.
pub fn link(
    settings: &Settings,
    person: &str,
    rules: &Rules,
    nonce: String,
    now: Timestamp,
) -> Option<String> {
    Viewer::of(person, rules, settings)?;
    Some(Signer::new(settings.session_key.clone()).address(&settings.public_url, person, nonce, now))
}

/// The board, bound to its address.
pub struct BoardServer {
    board: Arc<Board>,
    listener: TcpListener,
}

struct Board {
    ctx: Context,
    settings: Settings,
    signer: Signer,
    rules: RulesCache,
    guesses: Lockout,
    live: Live,
    assets: Assets,
    /// How people log in by Feishu, if they may.
    feishu: Option<FeishuApp>,
}

/// Who asks, and by which rules they are answered. Only routes behind [`authenticate`] have one.
#[derive(Clone)]
struct Who {
    viewer: Viewer,
    session: Session,
    history: Arc<RulesHistory>,
    now: Timestamp,
}

impl Who {
    /// The rules in force.
    fn rules(&self) -> &Rules {
        self.history.at(self.now)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Self>().cloned().ok_or(Failure::NotLoggedIn)
    }
}

impl BoardServer {
    /// Takes the configured address; `None`: there is to be no board.
    ///
    /// # Errors
    /// If it cannot be bound.
    pub async fn bind(ctx: &Context) -> anyhow::Result<Option<Self>> {
        let Some(settings) = ctx.config.performance.board.clone() else { return Ok(None) };
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("performance.board.listen: cannot listen on {}", settings.listen))?;
        tracing::info!(address = %settings.listen, "the board is served");
        let board = Arc::new(Board {
            ctx: ctx.clone(),
            signer: Signer::new(settings.session_key.clone()),
            rules: RulesCache::default(),
            guesses: Lockout::new(GUESSES, LOCKED_FOR),
            live: Live::default(),
            feishu: FeishuApp::of(&settings, ctx)?,
            assets: Assets::new(),
            settings,
        });
        Ok(Some(Self { board, listener }))
    }

    /// Serves until the shutdown is requested.
    pub async fn serve(self) {
        let Self { board, listener } = self;
        let (ctx, shutdown) = (&board.ctx, board.ctx.shutdown.clone());
        let server = Server::new("board", LIMITS).behind(&ctx.config.http.trusted_proxies);
        let forget = |now| async move {
            links::forget(&mut *ctx.db.acquire().await?, now - REMEMBER_LINKS).await.map(drop)
        };
        tokio::join!(
            server.serve(listener, router(board.clone()), async move { shutdown.wait().await }),
            live::watch(&board),
            daily(ctx, "board-links", "used links", forget),
        );
    }
}

fn router(board: Arc<Board>) -> Router {
    let behind_login = Router::new()
        .merge(pages::router())
        .route("/events", get(live::events))
        .route_layer(middleware::from_fn_with_state(board.clone(), authenticate));
    Router::new()
        .merge(behind_login)
        .merge(login::router())
        .merge(feishu_login::router())
        .route("/assets/{name}", get(assets::get))
        .fallback(nothing)
        .layer(middleware::map_response(with_headers))
        .with_state(board)
}

async fn nothing() -> Failure {
    Failure::NotFound
}

async fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// Lets nobody through who is not logged in, and hands on who it is.
async fn authenticate(State(board): State<Arc<Board>>, mut request: Request, next: Next) -> Response {
    match board.who(request.headers()).await {
        Ok(Some(who)) => {
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Ok(None) => board.login_wanted(Some(&request)),
        Err(failure) => failure.into_response(),
    }
}

impl Board {
    async fn database(&self) -> Result<PoolConnection<Postgres>, Failure> {
        Ok(self.ctx.db.acquire().await?)
    }

    /// Who asks, as the cookie says; `None`: nobody who may see anything.
    async fn who(&self, headers: &HeaderMap) -> Result<Option<Who>, Failure> {
        let now = self.ctx.clock.now();
        let Some(session) = login::token(headers, &self.settings) else { return Ok(None) };
        let Some(session) = self.signer.read_session(session, now) else { return Ok(None) };
        self.who_is(session, now).await
    }

    /// What the person of a session may see now.
    async fn who_is(&self, session: Session, now: Timestamp) -> Result<Option<Who>, Failure> {
        let history = self.rules.get(&mut *self.database().await?).await?;
        let viewer = Viewer::of(&session.person, history.at(now), &self.settings);
        Ok(viewer.map(|viewer| Who { viewer, session, history, now }))
    }
}
