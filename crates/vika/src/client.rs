//! Sends calls: queued, with a timeout, retried when that is safe, and counted.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    answer::{self, Outcome},
    error::Error,
    ids::{SheetId, SpaceId},
    pacing::{Pacing, QueueSlot, Queues, jitter},
};

/// Longest address that is sent. The service takes 24 KiB; a gateway before it may take less.
const MAX_URL_BYTES: usize = 8 * 1024;
/// The pause that a caller is advised to make once the client's own retries are used up.
const PAUSE_AFTER_RETRIES: Duration = Duration::from_secs(30);

/// An API token, `usk…`. Never shown.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Wraps a token; it is sent as the bearer of every call.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// An attempt that has ended, for the monthly ledger of calls.
#[derive(Debug, Clone)]
pub struct CallDone {
    /// `GET`, `POST` …
    pub method: Method,
    /// The sheet, if the call was about one.
    pub sheet: Option<SheetId>,
    /// Whether the service counts it against the monthly quota: everything but 401, 403, 429 and what never left. A call
    /// without an answer is taken as counted.
    pub counted: bool,
}

type Observer = Arc<dyn Fn(&CallDone) + Send + Sync>;

/// A client for one token. Clones share its queues and counters.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    observer: Option<Observer>,
}

struct Inner {
    http: reqwest::Client,
    root: String,
    token: Token,
    pacing: Pacing,
    queues: Queues,
    counted: AtomicU64,
    sent: AtomicU64,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("root", &self.inner.root).finish_non_exhaustive()
    }
}

/// Calls with the same scope share a queue: the service limits the rate by sheet, else by space.
#[derive(Debug, Clone)]
pub(crate) enum QueueScope {
    Sheet(SheetId),
    Space(SpaceId),
}

impl QueueScope {
    fn name(&self) -> &str {
        match self {
            Self::Sheet(id) => id.as_str(),
            Self::Space(id) => id.as_str(),
        }
    }
}

/// One call, before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub scope: QueueScope,
    pub method: Method,
    /// Below the root, for example `fusion/v1/datasheets/dst…/records`.
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
}

impl Call {
    /// Doing it twice is the same as doing it once. A DELETE is not: the second one is refused as a whole.
    fn is_repeatable(&self) -> bool {
        self.method == Method::GET || self.method == Method::PATCH
    }
}

impl Client {
    /// A client of the service at `base`: `https://api.vika.cn`, with or without `/fusion/v1`. Whatever else uses
    /// the same token should use a clone of this client, since the rate limit knows the token only.
    pub fn new(http: reqwest::Client, base: &str, token: Token, pacing: Pacing) -> Self {
        let root = base.trim_end_matches('/').trim_end_matches("/fusion/v1").to_owned();
        let inner = Inner {
            http,
            root,
            token,
            pacing,
            queues: Queues::default(),
            counted: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner), observer: None }
    }

    /// The same client, calling `observer` after every attempt. It runs on the task that makes the call and
    /// must not block.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Fn(&CallDone) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Attempts since the client was made that count against the monthly quota.
    pub fn counted_calls(&self) -> u64 {
        self.inner.counted.load(Ordering::Relaxed)
    }

    pub(crate) fn pacing(&self) -> &Pacing {
        &self.inner.pacing
    }

    /// Carries a call out and gives its `data`.
    pub(crate) async fn call(&self, call: Call) -> Result<Value, Error> {
        let pacing = self.pacing();
        let mut limited = 0;
        let mut failed = 0;
        loop {
            let mut slot = self.inner.queues.acquire(call.scope.name(), pacing.spacing).await;
            match self.send(&call).await? {
                Outcome::Done(data) => return Ok(data),
                Outcome::Failed(error) => return Err(error),
                Outcome::Limited => {
                    limited += 1;
                    self.delay_queue(&call, &mut slot);
                    if limited >= pacing.attempts {
                        return Err(Error::RateLimited { after: PAUSE_AFTER_RETRIES });
                    }
                }
                Outcome::Unknown(cause) if !call.is_repeatable() => return Err(Error::Ambiguous { cause }),
                Outcome::Unsent(cause) | Outcome::Unknown(cause) => {
                    failed += 1;
                    if failed >= pacing.attempts {
                        return Err(Error::Retry { after: PAUSE_AFTER_RETRIES, cause });
                    }
                    drop(slot);
                    tracing::debug!(queue = call.scope.name(), %cause, failed, "a Vika call is retried");
                    sleep(pacing.backoff(failed)).await;
                }
            }
        }
    }

    /// Delays the whole queue until the refusing window has passed.
    fn delay_queue(&self, call: &Call, slot: &mut QueueSlot) {
        let queue = call.scope.name();
        let pause = self.pacing().rate_pause + jitter(queue, self.inner.sent.load(Ordering::Relaxed));
        **slot = Instant::now() + pause;
        tracing::debug!(queue, pause_ms = pause.as_millis(), "Vika's rate limit refused a call");
    }

    async fn send(&self, call: &Call) -> Result<Outcome, Error> {
        let inner = &*self.inner;
        let mut request = inner
            .http
            .request(call.method.clone(), format!("{}/{}", inner.root, call.path))
            .bearer_auth(&inner.token.0)
            .timeout(inner.pacing.timeout)
            .query(&call.query);
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let request =
            request.build().map_err(|_| Error::Invalid("the address or the body cannot be encoded"))?;
        if request.url().as_str().len() > MAX_URL_BYTES {
            return Err(Error::Invalid("the address is too long; ask for less at once"));
        }
        inner.sent.fetch_add(1, Ordering::Relaxed);
        let outcome = match inner.http.execute(request).await {
            Ok(response) => {
                let status = response.status().as_u16();
                match response.bytes().await {
                    Ok(body) => answer::read(status, &body),
                    Err(error) => Outcome::Unknown(describe(error)),
                }
            }
            Err(error) if error.is_connect() => Outcome::Unsent(describe(error)),
            Err(error) => Outcome::Unknown(describe(error)),
        };
        self.count(call, &outcome);
        Ok(outcome)
    }

    fn count(&self, call: &Call, outcome: &Outcome) {
        let uncounted = matches!(
            outcome,
            Outcome::Limited
                | Outcome::Unsent(_)
                | Outcome::Failed(Error::Unauthorized | Error::Quota { .. } | Error::Forbidden { .. })
        );
        let counted = !uncounted;
        self.inner.counted.fetch_add(u64::from(counted), Ordering::Relaxed);
        if let Some(observer) = &self.observer {
            let sheet = match &call.scope {
                QueueScope::Sheet(id) => Some(id.clone()),
                QueueScope::Space(_) => None,
            };
            observer(&CallDone { method: call.method.clone(), sheet, counted });
        }
    }
}

/// A transport error as text, without its address, which may hold what customers wrote.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
