//! The one way in which anything of ours listens: HTTP with bounds on everything that a client could make us keep.
//!
//! `axum::serve` bounds neither connections nor the time that a request's head may take. This does, for every listener
//! alike: connections in all and of each client, heads, idle connections, whole requests, bodies, and requests a second.
//! What a request means is the router's business.

mod client;
mod limits;

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::http::{HeaderName, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub use self::client::{Client, Limiter, Lockout};
use self::client::{Connections, Counted};
pub use self::limits::{Limits, Rate};

/// Bytes of a request's head.
const MAX_HEAD: usize = 32 * 1024;
/// What requests in flight get after the stop; less than a service's grace time.
const DRAIN: Duration = Duration::from_secs(5);
/// The pause when the system has no file descriptors or memory for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// How often clients that have gone quiet are forgotten.
const TIDY_EVERY: Duration = Duration::from_mins(1);

/// Set on every answer that does not set its own: nothing that we serve is to be framed, guessed at or told about.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    ),
];

#[derive(Debug)]
pub struct Server {
    name: &'static str,
    limits: Limits,
    proxies: Vec<IpAddr>,
    limiter: Limiter,
    connections: Connections,
}

impl Server {
    /// A listener with its name for metrics.
    pub fn new(name: &'static str, limits: Limits) -> Self {
        Self {
            name,
            limits,
            proxies: Vec::new(),
            limiter: Limiter::new(limits.rate),
            connections: Connections::default(),
        }
    }

    /// Behind these proxies, whose word on who called them is taken.
    #[must_use]
    pub fn behind(mut self, proxies: &[IpAddr]) -> Self {
        self.proxies = proxies.iter().map(IpAddr::to_canonical).collect();
        self
    }

    /// Serves until `stop`, then finishes what is in flight for [`DRAIN`] at most. Never fails: what goes wrong with a
    /// connection is its client's affair.
    pub async fn serve(self, listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
        self.serve_with(listener, router, stop, |stream| {
            let peer = stream.peer_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
            (stream, peer)
        })
        .await;
    }

    /// As [`Server::serve`], over what `prepare` makes of each connection; handlers get its second part as
    /// `ConnectInfo`.
    pub async fn serve_with<S, C>(
        self,
        listener: TcpListener,
        router: Router,
        stop: impl Future<Output = ()>,
        prepare: impl Fn(TcpStream) -> (S, C),
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        C: Clone + Send + Sync + 'static,
    {
        let room = Arc::new(Semaphore::new(self.limits.connections));
        let router = router.layer(DefaultBodyLimit::max(self.limits.body));
        let (server, stopping) = (Arc::new(self), CancellationToken::new());
        let mut tidy = tokio::time::interval(TIDY_EVERY);
        let mut open = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let (stream, peer, permit) = tokio::select! {
                biased;
                () = &mut stop => break,
                Some(_) = open.join_next() => continue,
                _ = tidy.tick() => {
                    server.limiter.tidy();
                    continue;
                }
                accepted = accept(&listener, &room) => accepted,
            };
            let Some(counted) = server.admit(peer.ip()) else { continue };
            let (stream, info) = prepare(stream);
            let (server, router, stopping) = (server.clone(), router.clone(), stopping.clone());
            open.spawn(async move {
                server.connection(stream, peer.ip(), info, router, stopping).await;
                drop((permit, counted));
            });
        }
        drop(listener);
        stopping.cancel();
        drop(tokio::time::timeout(DRAIN, async { while open.join_next().await.is_some() {} }).await);
        open.shutdown().await;
    }

    /// `None`: this client has too many connections. A proxy's are many clients'.
    fn admit(&self, peer: IpAddr) -> Option<Counted> {
        let is_proxy = self.proxies.contains(&peer.to_canonical());
        let most = if is_proxy { self.limits.connections } else { self.limits.connections_per_client };
        let counted = self.connections.enter(Client::at(peer), most);
        if counted.is_none() {
            self.refused("connections");
        }
        counted
    }

    async fn connection<S, C>(
        self: &Arc<Self>,
        stream: S,
        peer: IpAddr,
        info: C,
        router: Router,
        stopping: CancellationToken,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        C: Clone + Send + Sync + 'static,
    {
        let service = service_fn(|mut request: Request<Incoming>| {
            let (server, router) = (self.clone(), router.clone());
            request.extensions_mut().insert(ConnectInfo(info.clone()));
            async move { Ok::<_, Infallible>(server.answer(peer, request.map(Body::new), router).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if ended.is_err_and(|error| error.is_timeout()) {
            self.refused("head_timeout");
        }
    }

    async fn answer(&self, peer: IpAddr, mut request: Request<Body>, router: Router) -> Response {
        let client = Client::of(peer, request.headers(), &self.proxies);
        let mut response = match self.limiter.count(client) {
            Ok(()) => {
                request.extensions_mut().insert(client);
                self.in_time(router.oneshot(request)).await
            }
            Err(wait) => {
                self.refused("rate");
                too_many(wait)
            }
        };
        if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
            self.refused("body");
        }
        for (name, value) in SECURITY_HEADERS {
            response.headers_mut().entry(name).or_insert(value);
        }
        response
    }

    async fn in_time(&self, answer: impl Future<Output = Result<Response, Infallible>>) -> Response {
        let Some(limit) = self.limits.request else { return settled(answer.await) };
        match tokio::time::timeout(limit, answer).await {
            Ok(answered) => settled(answered),
            Err(_elapsed) => {
                self.refused("request_timeout");
                StatusCode::REQUEST_TIMEOUT.into_response()
            }
        }
    }

    fn refused(&self, reason: &'static str) {
        metrics::counter!("http_refused_total", "listener" => self.name, "reason" => reason).increment(1);
    }
}

/// The answer to somebody who has to wait so long.
pub fn too_many(wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)]).into_response()
}

fn settled(answer: Result<Response, Infallible>) -> Response {
    answer.unwrap_or_else(|never| match never {})
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

/// The next connection, once there is room for it. May be dropped at any time: a permit is given back then.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Accepted {
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else {
            // Nobody closes the semaphore.
            return std::future::pending().await;
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                drop(stream.set_nodelay(true));
                return (stream, peer, permit);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
