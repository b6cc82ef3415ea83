//! Handing rows to `ingest`'s webhook, with bounded patience.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::StatusCode;
use runtime::Backoff;
use serde::Deserialize;

/// How often a chunk is tried before the import gives up.
const ATTEMPTS: u32 = 6;
/// The pauses between attempts.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(8));

/// What became of a chunk.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Answer {
    /// Rows that are on the bus now.
    pub(super) accepted: u64,
    /// Rows that the bus had already.
    pub(super) duplicates: u64,
    /// Rows that will never be taken.
    pub(super) rejected: Vec<Rejected>,
}

/// One that will not.
#[derive(Debug, Deserialize)]
pub(super) struct Rejected {
    /// Which of the chunk, from 0.
    pub(super) index: usize,
    pub(super) reason: String,
}

pub(super) struct Webhook {
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Webhook {
    /// The webhook of the `ingest` at `root`.
    pub(super) fn new(root: &str, token: String) -> Result<Self> {
        let client = runtime::http::client().context("the system's certificates cannot be read")?;
        Ok(Self { client, url: format!("{}/v1/messages", root.trim_end_matches('/')), token })
    }

    /// Sends one chunk, as NDJSON. Trying again is safe: what arrived is recognised.
    pub(super) async fn send(&self, body: Vec<u8>) -> Result<Answer> {
        for attempt in 1.. {
            match self.attempt(body.clone()).await? {
                Ok(answer) => return Ok(answer),
                Err(why) if attempt >= ATTEMPTS => {
                    bail!("{}: {why}, also after {ATTEMPTS} attempts", self.url)
                }
                Err(_) => tokio::time::sleep(BACKOFF.after(attempt)).await,
            }
        }
        unreachable!("the last attempt returns")
    }

    /// The inner error passes; the outer one does not.
    async fn attempt(&self, body: Vec<u8>) -> Result<Result<Answer, String>> {
        let sent = self
            .client
            .post(&self.url)
            .bearer_auth(&self.token)
            .header("content-type", "application/x-ndjson")
            .body(body)
            .send()
            .await;
        let response = match sent {
            Ok(response) => response,
            Err(error) if error.is_builder() => bail!("{} is not an address that can be called", self.url),
            Err(error) if error.is_timeout() => return Ok(Err("no answer in time".to_owned())),
            Err(_) => return Ok(Err("it cannot be reached".to_owned())),
        };
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            bail!("{} refused the token ({})", self.url, status.as_u16());
        }
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Ok(Err(format!("it answered {}", status.as_u16())));
        }
        match response.json::<Answer>().await {
            Ok(answer) => Ok(Ok(answer)),
            Err(_) => bail!("{} answered {} and not as the webhook does", self.url, status.as_u16()),
        }
    }
}
