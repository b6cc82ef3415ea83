//! Messages posted one after another, and what became of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const TOKEN: &str = "test-token-of-the-load";
const EVERY: Duration = Duration::from_millis(20);
/// Longer than any deadline of ours: what is not answered by then is not answered.
const PATIENCE: Duration = Duration::from_secs(40);

/// What became of them.
#[derive(Debug, Default)]
pub struct Sent {
    /// The ids of those accepted.
    pub accepted: Vec<String>,
    /// How many were answered with 503.
    pub refused: usize,
    pub strange: Vec<String>,
    /// The longest that an answer took.
    pub slowest: Duration,
}

/// A sender that never waits for better times: what is refused is not sent again.
pub struct Load {
    accepted: Arc<AtomicUsize>,
    sent: Arc<Mutex<Sent>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Load {
    pub fn start(http: &Client, webhook: &str, token: &str) -> Self {
        let (accepted, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Sent::default())));
        let stop = CancellationToken::new();
        let (count, all, stopped) = (accepted.clone(), sent.clone(), stop.clone());
        let (http, webhook, token) = (http.clone(), webhook.to_owned(), token.to_owned());
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            for number in 0.. {
                if stopped.is_cancelled() {
                    break;
                }
                let (http, webhook, token) = (http.clone(), webhook.clone(), token.clone());
                let (count, all) = (count.clone(), all.clone());
                open.spawn(async move {
                    let id = format!("load-{number}");
                    let asked = tokio::time::Instant::now();
                    let answer = post(&http, &webhook, &token, &id).await;
                    let mut all = all.lock().unwrap();
                    all.slowest = all.slowest.max(asked.elapsed());
                    match answer {
                        Ok((200, answer)) if answer["rejected"] == json!([]) => {
                            all.accepted.push(id);
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok((503, _)) => all.refused += 1,
                        other => all.strange.push(format!("{id}: {other:?}")),
                    }
                });
                tokio::time::sleep(EVERY).await;
            }
            while open.join_next().await.is_some() {}
        });
        Self { accepted, sent, stop, task }
    }

    /// How many were accepted so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Waits for the last answers.
    pub async fn stop(self) -> Result<Sent> {
        self.stop.cancel();
        self.task.await?;
        Ok(std::mem::take(&mut self.sent.lock().unwrap()))
    }
}

/// Posts one message of a room of its own.
pub async fn post(http: &Client, webhook: &str, token: &str, id: &str) -> Result<(u16, Value)> {
    let number: usize = id.bytes().map(usize::from).sum();
    let message = json!({
        "source": "webhook", "account": "main", "id": id,
        "room": { "id": format!("r-{}", number % 20), "topic": "示例公司-试客户" },
        "sender": { "id": "u-1", "name": "试客户", "corporation": "试客户公司", "coworker": false },
        "sent_at": runtime::Clock::system().now(), "kind": "text", "text": "在吗？"
    });
    let request = http.post(format!("{webhook}/v1/messages")).bearer_auth(token);
    let answer = request.timeout(PATIENCE).json(&message).send().await?;
    let status = answer.status().as_u16();
    Ok((status, answer.json().await.unwrap_or_default()))
}

/// The status of a page; `None`: nobody answers.
pub async fn status(http: &Client, root: &str, path: &str) -> Option<u16> {
    let answer = http.get(format!("{root}{path}")).send().await.ok()?;
    Some(answer.status().as_u16())
}

/// What stands on a page.
pub async fn text(http: &Client, root: &str, path: &str) -> Result<String> {
    Ok(http.get(format!("{root}{path}")).send().await?.text().await?)
}

/// A customer of the mock account's world says something in a room; the message's id.
pub async fn spoken(
    http: &Client,
    control: &str,
    (room, talker): (&str, &str),
    text: &str,
) -> Result<String> {
    let state: Value = http.get(format!("{control}/state")).send().await?.json().await?;
    let find = |list: &str, key: &str, name: &str| {
        let entries = state[list].as_array()?;
        entries.iter().find(|entry| entry[key] == name)?["id"].as_str().map(str::to_owned)
    };
    let room = find("rooms", "topic", room).context("no room")?;
    let talker = find("contacts", "name", talker).context("no customer")?;
    let body = json!({ "room": room, "talker": talker, "text": text });
    let answer = http.post(format!("{control}/say")).json(&body).send().await?;
    ensure!(answer.status().is_success(), "{}", answer.status());
    let answer: Value = answer.json().await?;
    Ok(answer["message_id"].as_str().context("a message without an id")?.to_owned())
}
