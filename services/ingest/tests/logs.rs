//! What the most talkative logs hold: no message, no token, no password. Alone in its process, because logs go to one
//! place for a whole process.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use runtime::telemetry::{LogFormat, start_logs_to};
use serde_json::json;
use store::role::Role;
use testkit::{Stack, until};

/// What a customer says; ASCII, since logs may write other characters otherwise.
const SAID: &str = "the-words-of-a-customer";
/// A token that nobody has, close to one of ours.
const GUESSED: &str = "test-token-nearly";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

#[tokio::test]
async fn the_most_talkative_logs_hold_no_message_and_no_secret() -> Result<()> {
    let lines = Lines::default();
    let writer = lines.clone();
    start_logs_to("trace", LogFormat::Json, false, move || writer.clone());
    let mut stack = Stack::start().await?;
    stack.config.ingest.listen = testkit::free_address()?;
    let service = stack.run(Role::Ingest, ingest::run).await?;
    let (client, root) = (runtime::http::client()?, format!("http://{}", stack.config.ingest.listen));
    until("it listens", || async { Ok(client.get(format!("{root}/healthz")).send().await.is_ok()) }).await?;

    let row = json!({
        "source": "webhook", "account": "main", "id": "m-1", "room": { "id": "r-1" }, "sender": { "id": "u-1" },
        "sent_at": "2026-11-22T09:30:00+08:00", "kind": "text", "text": SAID
    });
    let bad = json!({ "source": "webhook", "text": SAID, "kind": [SAID], SAID: SAID });
    let url = format!("{root}/v1/messages");
    let post = |token| client.post(&url).bearer_auth(token).body(json!([row, bad]).to_string()).send();
    assert_eq!(post("test-token").await?.status(), 200);
    assert_eq!(post(GUESSED).await?.status(), 401);
    client.get(format!("{root}/status?token={GUESSED}")).send().await?;

    // Reading it back is what a consumer does.
    let stream = stack.bus.jetstream().get_stream("CHAT").await?;
    let message = stream.get_last_raw_message_by_subject("chat.message.*").await?;
    assert!(String::from_utf8_lossy(&message.payload).contains(SAID), "the message is on the bus");
    service.stop().await?;

    let text = lines.text();
    assert!(text.contains("webhook listens"), "the logs are read at all");
    for secret in [SAID, GUESSED, stack.nats.password(), "test-token"] {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a log line holds `{secret}`");
    }
    Ok(())
}
