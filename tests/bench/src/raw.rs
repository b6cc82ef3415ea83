//! The yardstick: the same messages pulled, decoded and inserted by one multi-row statement a batch, with no logic.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use chrono::{DateTime, Utc};
use events::chat::ChatMessage;
use events::decode;
use futures::{FutureExt, StreamExt};
use store::sqlx::{self, PgPool};

use crate::stack::BenchStack;

/// Messages of a statement, as `room-state` takes them.
const BATCH: usize = 500;
/// Nothing for this long means that something is wrong.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn measure(stack: &BenchStack, messages: usize) -> Result<f64> {
    // As many indexes as the timeline needs to recognise a repeated message and to read a room in order.
    for statement in [
        "create table raw (room text not null, entry text not null, sent_at timestamptz not null, received_at timestamptz not null, sender text not null, sender_name text not null, corporation text not null, coworker boolean, kind text not null, body text not null, primary key (room, entry))",
        "create index raw_order on raw (room, sent_at, entry)",
    ] {
        sqlx::query(statement).execute(&stack.admin).await?;
    }
    let config = pull::Config {
        name: Some("raw".into()),
        ack_policy: AckPolicy::Explicit,
        max_ack_pending: 4_000,
        ..Default::default()
    };
    let consumer = stack.bus.jetstream().create_consumer_on_stream(config, "CHAT").await?;
    let began = Instant::now();
    let mut stream = consumer
        .stream()
        .max_messages_per_batch(BATCH)
        .expires(Duration::from_secs(5))
        .heartbeat(Duration::from_secs(2))
        .messages()
        .await?;
    let mut done = 0;
    while done < messages {
        let Ok(Some(first)) = tokio::time::timeout(PATIENCE, stream.next()).await else {
            bail!("the raw run stalled at {done} of {messages}");
        };
        let mut batch = vec![first?];
        while batch.len() < BATCH {
            match tokio::task::unconstrained(stream.next()).now_or_never() {
                Some(Some(Ok(message))) => batch.push(message),
                _ => break,
            }
        }
        let rows = batch
            .iter()
            .map(|message| decode::<ChatMessage>(&message.payload))
            .collect::<Result<Vec<_>, _>>()?;
        insert(&stack.admin, &rows).await?;
        for message in &batch {
            message.ack().await.map_err(|error| anyhow::anyhow!(error))?;
        }
        done += batch.len();
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of messages")]
    Ok(messages as f64 / began.elapsed().as_secs_f64())
}

async fn insert(db: &PgPool, rows: &[ChatMessage]) -> Result<()> {
    let text = |of: &dyn Fn(&ChatMessage) -> String| rows.iter().map(of).collect::<Vec<String>>();
    let times = |of: &dyn Fn(&ChatMessage) -> DateTime<Utc>| rows.iter().map(of).collect::<Vec<_>>();
    let coworkers: Vec<Option<bool>> = rows.iter().map(|row| row.sender.coworker).collect();
    sqlx::query(
        "insert into raw select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::text[], $10::text[]) on conflict do nothing",
    )
    .bind(text(&|row| row.room_key().to_string()))
    .bind(text(&|row| row.key().to_string()))
    .bind(times(&|row| row.sent_at))
    .bind(times(&|row| row.received_at))
    .bind(text(&|row| row.sender().key.to_string()))
    .bind(text(&|row| row.sender.name.clone()))
    .bind(text(&|row| row.sender.corporation.clone()))
    .bind(coworkers)
    .bind(text(&|_| "text".to_owned()))
    .bind(text(&|row| row.text.clone()))
    .execute(db)
    .await?;
    Ok(())
}
