//! What health and metrics said at any moment of an outage, which may last no longer than a second.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use reqwest::Client;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::load;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(20);

/// Looks again and again until it is stopped.
pub struct Watch {
    stop: CancellationToken,
    task: JoinHandle<BTreeSet<String>>,
}

impl Watch {
    /// Looks for 503 on both paths of health, and for these lines among the metrics.
    pub fn start(http: &Client, root: &str, lines: Vec<String>) -> Self {
        let stop = CancellationToken::new();
        let (http, root, stopped) = (http.clone(), root.to_owned(), stop.clone());
        let task = tokio::spawn(async move {
            let mut seen = BTreeSet::new();
            while !stopped.is_cancelled() {
                for path in ["/healthz", "/readyz"] {
                    if load::status(&http, &root, path).await == Some(503) {
                        seen.insert(path.to_owned());
                    }
                }
                let metrics = load::text(&http, &root, "/metrics").await.unwrap_or_default();
                seen.extend(lines.iter().filter(|line| metrics.contains(*line)).cloned());
                tokio::time::sleep(EVERY).await;
            }
            seen
        });
        Self { stop, task }
    }

    /// Everything that was seen.
    pub async fn stop(self) -> Result<BTreeSet<String>> {
        self.stop.cancel();
        Ok(self.task.await?)
    }
}
