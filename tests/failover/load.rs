//! Other systems that send messages by the webhook, and each of them again until it is accepted.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use store::sqlx::PgPool;
use testkit::until;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Rooms that messages are spread over.
pub const ROOMS: usize = 12;
/// Messages of a request.
const ROWS: usize = 6;
/// Between two requests, and before the same one is sent again.
const PAUSE: Duration = Duration::from_millis(50);
const AGAIN: Duration = Duration::from_millis(200);
/// Whatever happens, it sends no more requests than these.
const MOST: usize = 2_000;

/// Messages on their way. It ends when it is dropped.
pub struct Load {
    accepted: Arc<AtomicUsize>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<BTreeSet<String>>>,
}

impl Load {
    /// Begins to send to the webhook at this address.
    pub fn start(webhook: SocketAddr) -> Result<Self> {
        let client = runtime::http::client()?;
        let (stop, stopped) = watch::channel(false);
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = accepted.clone();
        let began = runtime::Clock::system().now() - TimeDelta::minutes(30);
        let task = tokio::spawn(async move {
            let mut ids = BTreeSet::new();
            for request in 0..MOST {
                let rows: Vec<Value> = (0..ROWS).map(|row| message(request * ROWS + row, began)).collect();
                while !is_accepted(&client, webhook, &rows).await {
                    tokio::time::sleep(AGAIN).await;
                }
                ids.extend(
                    rows.iter().filter_map(|row| row["id"].as_str().map(|id| format!("webhook:main:{id}"))),
                );
                counted.store(ids.len(), Ordering::Relaxed);
                if *stopped.borrow() {
                    return Ok(ids);
                }
                tokio::time::sleep(PAUSE).await;
            }
            anyhow::bail!("the load was not stopped in time")
        });
        Ok(Self { accepted, stop, task })
    }

    /// How many were accepted so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Waits until some more are accepted than now.
    pub async fn goes_on(&self, after: &str) -> Result<()> {
        let (enough, began) = (self.accepted() + 5 * ROWS, tokio::time::Instant::now());
        until(&format!("messages are accepted again after {after}"), || async {
            Ok(self.accepted() >= enough)
        })
        .await?;
        println!("· {after}: accepted again within {:.1} s", began.elapsed().as_secs_f64());
        Ok(())
    }

    /// Ends it, with the entries that the accepted messages are to become.
    pub async fn stop(self) -> Result<BTreeSet<String>> {
        self.stop.send_replace(true);
        self.task.await.context("the load")?
    }
}

fn message(number: usize, began: DateTime<Utc>) -> Value {
    let room = format!("r-{}", number % ROOMS);
    let sent_at = began + TimeDelta::milliseconds(100 * i64::try_from(number).unwrap_or_default());
    json!({
        "source": "webhook", "account": "main", "id": format!("m-{number}"),
        "room": { "id": room, "topic": format!("示例公司-{room}") },
        "sender": { "id": "chen", "name": "陈小样", "corporation": "晨光贸易", "coworker": false },
        "sent_at": sent_at.to_rfc3339(), "kind": "text", "text": format!("第{number}个问题：发货了吗？")
    })
}

/// Whether all of them were accepted, now or before.
async fn is_accepted(client: &reqwest::Client, webhook: SocketAddr, rows: &[Value]) -> bool {
    let url = format!("http://{webhook}/v1/messages");
    let Ok(answer) = client.post(url).bearer_auth("test-token").json(&rows).send().await else {
        return false;
    };
    if !answer.status().is_success() {
        return false;
    }
    let answer: Value = answer.json().await.unwrap_or_default();
    let count = |name: &str| answer[name].as_u64().unwrap_or_default();
    count("accepted") + count("duplicates") == ROWS as u64
}

/// The entries of the timeline.
pub async fn timeline(db: &PgPool) -> Result<BTreeSet<String>> {
    let entries: Vec<String> = store::sqlx::query_scalar("select entry from timeline").fetch_all(db).await?;
    // The table itself has each once in a room; in two it would stand twice here.
    let ids: BTreeSet<String> = entries.iter().cloned().collect();
    anyhow::ensure!(ids.len() == entries.len(), "an entry stands twice in the timeline");
    Ok(ids)
}

/// Waits until the timeline holds what was accepted, and nothing else.
pub async fn until_all_are_there(db: &PgPool, accepted: &BTreeSet<String>) -> Result<()> {
    let waited = until("everything accepted is in the timeline", || async {
        Ok(timeline(db).await.is_ok_and(|there| there.len() >= accepted.len()))
    });
    let waited = waited.await;
    let there = timeline(db).await?;
    let (lost, more) = (accepted.difference(&there).count(), there.difference(accepted).count());
    anyhow::ensure!(
        lost + more == 0,
        "of {} accepted {lost} are lost, and {more} are there besides",
        accepted.len()
    );
    waited
}
