//! What health and metrics said at any moment of an outage, which may last no longer than a second.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use reqwest::Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::load;

const EVERY: Duration = Duration::from_millis(20);

/// Looks again and again until it is stopped, for each sign by itself: one answer may take long.
pub struct Watch {
    stop: CancellationToken,
    looks: JoinSet<Option<String>>,
}

impl Watch {
    /// Looks for 503 on both paths of health, and for these lines among the metrics.
    pub fn start(http: &Client, root: &str, lines: &[String]) -> Self {
        let (stop, mut looks) = (CancellationToken::new(), JoinSet::new());
        for path in ["/healthz", "/readyz"] {
            let (http, root) = (http.clone(), root.to_owned());
            let sick = async move || load::status(&http, &root, path).await == Some(503);
            looks.spawn(look(stop.clone(), path.to_owned(), sick));
        }
        for line in lines {
            let (http, root, wanted) = (http.clone(), root.to_owned(), line.clone());
            let said = async move || {
                load::text(&http, &root, "/metrics").await.is_ok_and(|metrics| metrics.contains(&wanted))
            };
            looks.spawn(look(stop.clone(), line.clone(), said));
        }
        Self { stop, looks }
    }

    /// Every sign that was seen.
    pub async fn stop(self) -> Result<BTreeSet<String>> {
        self.stop.cancel();
        Ok(self.looks.join_all().await.into_iter().flatten().collect())
    }
}

/// The sign, once it is seen.
async fn look(
    stop: CancellationToken,
    sign: String,
    is_there: impl AsyncFn() -> bool + Send,
) -> Option<String> {
    while !stop.is_cancelled() {
        if is_there().await {
            return Some(sign);
        }
        tokio::time::sleep(EVERY).await;
    }
    None
}
