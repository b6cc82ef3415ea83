//! Sends calls: one after the other, with a timeout, retried when that is safe, counted, and no more than allowed.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::secret::Secret;
use reqwest::Method;
use serde_json::Value;
use tokio::time::sleep;

use crate::{
    MAX_PAGE_SIZE,
    answer::{self, Codes, Outcome},
    error::{Error, Stop},
    pacing::{Pacing, Queue},
};

/// What stands between the host and every path. (documented)
const ROOT: &str = "openapi/v1";
/// The header of the key. (documented)
const KEY_HEADER: &str = "Open-Authorization";

/// How the key is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyForm {
    /// `Bearer KEY`, as the official pages say.
    #[default]
    Bearer,
    /// `KEY` alone, as some public code sends it.
    Bare,
}

/// What a client calls, as whom, and how fast.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the service is: `https://api.huoban.com`, with or without `/openapi/v1`.
    pub base: String,
    /// The key of the API.
    pub key: Secret,
    /// How it is sent.
    pub form: KeyForm,
    /// How calls are spaced and repeated.
    pub pacing: Pacing,
    /// What answers mean.
    pub codes: Codes,
    /// Rows of a page, up to [`MAX_PAGE_SIZE`].
    pub page_size: usize,
}

/// A client for one key. Clones share its queue, its allowance and its counter.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    root: String,
    key: Secret,
    form: KeyForm,
    pacing: Pacing,
    codes: Codes,
    page_size: usize,
    queue: Queue,
    /// Calls that may still be made.
    allowed: AtomicU64,
    /// Calls made that nobody has taken note of yet.
    made: AtomicU64,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("root", &self.0.root).finish_non_exhaustive()
    }
}

/// One call, before it is sent.
pub(crate) struct Call {
    pub method: Method,
    /// Below the root, for example `item/list`.
    pub path: String,
    pub body: Option<Value>,
    /// Doing it twice is the same as doing it once.
    pub repeatable: bool,
}

impl Call {
    /// A POST that only reads: this API has no GET.
    pub fn read(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, path: path.into(), body: Some(body), repeatable: true }
    }
}

impl Client {
    /// A client with settings of its own.
    pub fn new(http: reqwest::Client, settings: Settings) -> Self {
        let Settings { base, key, form, pacing, codes, page_size } = settings;
        let root = base.trim_end_matches('/').trim_end_matches(ROOT).trim_end_matches('/').to_owned();
        Self(Arc::new(Inner {
            http,
            root,
            key,
            form,
            pacing,
            codes,
            page_size: page_size.clamp(1, MAX_PAGE_SIZE),
            queue: Queue::new(),
            allowed: AtomicU64::new(u64::MAX),
            made: AtomicU64::new(0),
        }))
    }

    /// Lets so many calls through from now on, and then refuses with [`Stop::Allowance`].
    pub fn allow(&self, calls: u64) {
        self.0.allowed.store(calls, Ordering::Relaxed);
    }

    /// The calls made since this was last asked, for the ledger.
    pub fn take_made(&self) -> u64 {
        self.0.made.swap(0, Ordering::Relaxed)
    }

    /// Returns calls that could not be written into the ledger.
    pub fn put_back_made(&self, calls: u64) {
        self.0.made.fetch_add(calls, Ordering::Relaxed);
    }

    /// How long a creation without an answer is left alone before its key is looked for.
    pub fn settle(&self) -> Duration {
        self.0.pacing.settle
    }

    pub(crate) fn page_size(&self) -> usize {
        self.0.page_size
    }

    /// Carries a call out and gives its `data`.
    pub(crate) async fn call(&self, call: Call) -> Result<Value, Error> {
        let pacing = &self.0.pacing;
        let mut failed = 0;
        loop {
            let slot = self.0.queue.acquire(pacing.spacing).await;
            let outcome = self.send(&call).await?;
            drop(slot);
            failed += 1;
            let cause = match outcome {
                Outcome::Done(data) => return Ok(data),
                Outcome::Failed(error) => return Err(error),
                Outcome::Unknown(cause) if !call.repeatable => return Err(Error::Ambiguous { cause }),
                Outcome::Throttled => "it refuses calls that come so fast".to_owned(),
                Outcome::Unsent(cause) | Outcome::Unknown(cause) => cause,
            };
            if failed >= pacing.attempts {
                return Err(Error::Retry { cause });
            }
            tracing::debug!(path = call.path, %cause, failed, "a call of Huoban is tried again");
            sleep(pacing.backoff(failed)).await;
        }
    }

    async fn send(&self, call: &Call) -> Result<Outcome, Error> {
        let inner = &*self.0;
        let take = |allowed: u64| allowed.checked_sub(1);
        if inner.allowed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return Err(Error::Stop(Stop::Allowance));
        }
        let key = match inner.form {
            KeyForm::Bearer => format!("Bearer {}", inner.key.expose()),
            KeyForm::Bare => inner.key.expose().to_owned(),
        };
        let mut request = inner
            .http
            .request(call.method.clone(), format!("{}/{ROOT}/{}", inner.root, call.path))
            .header(KEY_HEADER, key)
            .timeout(inner.pacing.timeout);
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        inner.made.fetch_add(1, Ordering::Relaxed);
        Ok(match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                match response.bytes().await {
                    Ok(body) => answer::read(status, &body, &inner.codes),
                    Err(error) => Outcome::Unknown(describe(error)),
                }
            }
            Err(error) if error.is_connect() || error.is_builder() => Outcome::Unsent(describe(error)),
            Err(error) => Outcome::Unknown(describe(error)),
        })
    }
}

/// A transport error as text, without its address.
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
