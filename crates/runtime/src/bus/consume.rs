//! The one consumer loop: pull a batch → handle → acknowledge each message by its outcome.
//!
//! The handler commits before it answers `Done`, so an acknowledgement never runs ahead of the store; a crash in
//! between costs a redelivery, which the store recognises. As long as the process runs the server is told that what it
//! delivered is in progress, so that it waits for a slow batch and not long for a dead process. The loop heals itself: a
//! restarted server or missed heartbeats reopen it, and a vanished consumer does as soon as the one-shot has declared it
//! again.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::pull::MessagesErrorKind;
use async_nats::jetstream::{self, AckKind, Message};
use chrono::{DateTime, Utc};
use futures::FutureExt;
use tracing::{Instrument as _, Span, info_span};

use super::dead_letter::DeadLetterReason;
use super::delivered::Delivered;
use super::topology::{Consumer, open};
use super::{Bus, BusError};
use crate::Shutdown;
use crate::health::Health;
use crate::telemetry::chain;
use crate::trace::{self, Trace};

/// How long one pull request stands before it is renewed.
const EXPIRES: Duration = Duration::from_secs(5);
/// How often the server shows that a standing pull request lives.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// The pause before a failed loop is opened again.
const REOPEN_PAUSE: Duration = Duration::from_millis(500);
/// The pause before a consumer that is not declared is looked for again.
const MISSING_PAUSE: Duration = Duration::from_secs(1);
/// Heartbeats missed in a row before the loop is opened again.
const MISSED_HEARTBEATS: u32 = 2;
/// Most messages of the first batch.
const FIRST_BATCH: usize = 500;
/// Batches that take longer become smaller, those that take less larger.
const SLOW_BATCH: Duration = Duration::from_secs(5);
const QUICK_BATCH: Duration = Duration::from_secs(1);
/// A batch of long messages ends earlier.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Delivered ahead and not asked for yet, at most so many bytes.
const PULL_BYTES: usize = 2 * BATCH_BYTES;
/// Deliveries of one message after which each further one is warned about.
const MANY_DELIVERIES: i64 = 5;

/// A message as it was delivered.
#[derive(Debug)]
pub struct Delivery {
    message: Message,
    /// Its sequence in its stream.
    pub stream_seq: u64,
    /// How often it was delivered, this time included.
    pub delivered: i64,
    /// How many more wait behind it.
    pub pending: u64,
    /// When the stream stored it.
    pub published_at: DateTime<Utc>,
}

/// What a handler made of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Handled and committed, or known already.
    Done,
    /// Something needed is down: deliver it again after this time. For seconds, never as a timer.
    Retry(Duration),
    /// It can never be handled. Stored in DEAD with this reason, then acknowledged.
    DeadLetter(DeadLetterReason),
}

pub trait Handler: Send {
    /// Called when deliveries begin, and when they begin again after the bus or the consumer was away.
    fn opened(&mut self) {}

    /// One outcome for each delivery, in order. What is `Done` has been committed.
    fn handle(&mut self, batch: &[Delivery]) -> impl Future<Output = Vec<Outcome>> + Send;

    /// Called when a pull found nothing to do, at least every few seconds.
    fn idle(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

impl Delivery {
    fn new(message: Message) -> Option<Self> {
        let info = message.info().ok()?;
        let published_at = DateTime::from_timestamp_nanos(info.published.timestamp_nanos_opt()?);
        let (stream_seq, delivered, pending) = (info.stream_sequence, info.delivered, info.pending);
        Some(Self { message, stream_seq, delivered, pending, published_at })
    }

    /// Where it was published.
    pub fn subject(&self) -> &str {
        &self.message.subject
    }

    pub fn payload(&self) -> &[u8] {
        &self.message.payload
    }

    /// The trace that it was published in.
    pub fn trace(&self) -> Option<Trace> {
        Trace::parse(self.headers()?.get(trace::HEADER)?.as_str())
    }

    pub(super) fn headers(&self) -> Option<&async_nats::HeaderMap> {
        self.message.headers.as_ref()
    }
}

/// Runs until the shutdown is requested. Never fails: every failure is logged, counted and outlived, also that the
/// consumer is not declared, or not any more.
pub async fn consume<H: Handler>(
    bus: &Bus,
    consumer: Consumer,
    handler: &mut H,
    shutdown: &Shutdown,
    health: &Health,
) {
    // From here on silence counts, even if there never is anything to pull from.
    health.beat(consumer.name());
    let mut missing = false;
    while !shutdown.requested() {
        let opened = open(bus.jetstream(), consumer).await;
        note_missing(consumer, &mut missing, matches!(opened, Ok(None)));
        let ended = match opened {
            Ok(Some(opened)) => {
                handler.opened();
                session(bus, consumer, opened, handler, shutdown, health).await
            }
            Ok(None) => {
                shutdown.sleep(MISSING_PAUSE).await;
                continue;
            }
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => {
                metrics::counter!("consumer_reopened_total", "consumer" => consumer.name()).increment(1);
            }
            Err(error) => {
                tracing::warn!(consumer = consumer.name(), error = chain(&error), "consumer failed");
                bus.try_another_server().await;
            }
        }
        shutdown.sleep(REOPEN_PAUSE).await;
    }
}

/// Tells people when a consumer is found missing and when it is there again, once each time.
fn note_missing(consumer: Consumer, missing: &mut bool, now: bool) {
    let consumer = consumer.name();
    metrics::gauge!("consumer_missing", "consumer" => consumer).set(f64::from(now));
    match (std::mem::replace(missing, now), now) {
        (false, true) => {
            tracing::error!(consumer, "not declared on the bus, waiting for it: run `huiyin apply`");
        }
        (true, false) => tracing::info!(consumer, "declared now"),
        _ => {}
    }
}

/// One opened consumer, until it breaks or the shutdown is requested.
async fn session<H: Handler>(
    bus: &Bus,
    consumer: Consumer,
    opened: jetstream::consumer::PullConsumer,
    handler: &mut H,
    shutdown: &Shutdown,
    health: &Health,
) -> Result<(), BusError> {
    let declared = |source| BusError::Declare { what: format!("consumer {}", consumer.name()), source };
    let ack_wait = opened.cached_info().config.ack_wait;
    let messages = opened
        .stream()
        .max_messages_per_batch(consumer.batch())
        .max_bytes_per_batch(PULL_BYTES)
        .expires(EXPIRES)
        .heartbeat(HEARTBEAT)
        .messages()
        .await
        .map_err(|error| declared(error.into()))?;
    let mut delivered = Delivered::new(messages, ack_wait);
    let (mut missed, mut most) = (0, FIRST_BATCH.min(consumer.batch()));
    loop {
        let next = tokio::select! {
            biased;
            () = shutdown.wait() => {
                delivered.give_back().await;
                return Ok(());
            }
            next = tokio::time::timeout(EXPIRES, delivered.next()) => next,
        };
        health.beat(consumer.name());
        let first = match next {
            Err(_elapsed) => {
                missed = 0;
                health.caught_up(consumer.name());
                handler.idle().await;
                continue;
            }
            Ok(None) => return Ok(()),
            Ok(Some(first)) => first,
        };
        match first {
            Ok(first) => {
                missed = 0;
                let batch = delivered.gather(first, most, BATCH_BYTES);
                let batch: Vec<Delivery> = batch.into_iter().filter_map(Delivery::new).collect();
                let left = batch.last().map_or(0, |last| last.pending);
                health.behind(consumer.name(), left + batch.len() as u64);
                let (size, began) = (batch.len(), Instant::now());
                let span = span_of(consumer, &batch);
                let handling = handle_batch(bus, consumer, handler, &batch).instrument(span);
                let messages = batch.iter().map(|delivery| &delivery.message);
                delivered.in_progress_while(handling, &messages.collect::<Vec<_>>()).await;
                most = next_most(most, size, began.elapsed()).min(consumer.batch());
                if left == 0 {
                    health.caught_up(consumer.name());
                }
            }
            Err(error)
                if error.kind() == MessagesErrorKind::MissingHeartbeat && missed < MISSED_HEARTBEATS =>
            {
                missed += 1;
            }
            Err(error) => return Err(declared(error.into())),
        }
    }
}

/// How much to take at once after a batch of this size: more while full ones are quick, less once one is slow, so that a
/// batch is done long before the server delivers it again.
fn next_most(most: usize, size: usize, taken: Duration) -> usize {
    if taken > SLOW_BATCH {
        (size / 2).max(1)
    } else if size == most && taken < QUICK_BATCH {
        most * 2
    } else {
        most
    }
}

/// A batch belongs to the trace of its messages, if they are all of one.
fn span_of(consumer: Consumer, batch: &[Delivery]) -> Span {
    let span = info_span!(
        parent: None,
        "consume",
        otel.name = format!("consume {}", consumer.name()),
        otel.kind = "consumer",
        messaging.system = "nats",
        messaging.destination.name = consumer.stream(),
        messaging.consumer.group.name = consumer.name(),
        messaging.batch.message_count = batch.len(),
    );
    trace::continue_from_all(&span, batch.iter().filter_map(Delivery::trace));
    span
}

async fn handle_batch<H: Handler>(bus: &Bus, consumer: Consumer, handler: &mut H, batch: &[Delivery]) {
    for delivery in batch.iter().filter(|delivery| delivery.delivered > 1) {
        metrics::counter!("redeliveries_total", "consumer" => consumer.name()).increment(1);
        if delivery.delivered > MANY_DELIVERIES {
            tracing::warn!(
                consumer = consumer.name(),
                nats.delivered = delivery.delivered,
                nats.stream_seq = delivery.stream_seq,
                "a message keeps being delivered"
            );
        }
    }
    if let Some(last) = batch.last() {
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        metrics::gauge!("consumer_pending", "consumer" => consumer.name()).set(last.pending as f64);
    }
    let outcomes = handle_guarded(handler, batch).await;
    debug_assert_eq!(outcomes.len(), batch.len(), "one outcome for each delivery");
    for (delivery, outcome) in batch.iter().zip(outcomes) {
        if let Err(error) = settle(bus, consumer, delivery, outcome).await {
            // Unacknowledged, it comes again after the acknowledgement wait.
            tracing::warn!(
                consumer = consumer.name(),
                error = chain(&*error),
                "a message could not be settled"
            );
        }
    }
}

/// A panic concerns the message that causes it: its batch is halved until that one is alone, which becomes a dead letter.
fn handle_guarded<'a, H: Handler>(
    handler: &'a mut H,
    batch: &'a [Delivery],
) -> Pin<Box<dyn Future<Output = Vec<Outcome>> + Send + 'a>> {
    Box::pin(async move {
        if let Ok(outcomes) = AssertUnwindSafe(handler.handle(batch)).catch_unwind().await {
            return outcomes;
        }
        if batch.len() <= 1 {
            let reason = DeadLetterReason {
                reason: "panicked",
                explanation: "handling it panicked: see the log".to_owned(),
            };
            return batch.iter().map(|_| Outcome::DeadLetter(reason.clone())).collect();
        }
        let (one, other) = batch.split_at(batch.len() / 2);
        let mut outcomes = handle_guarded(handler, one).await;
        outcomes.extend(handle_guarded(handler, other).await);
        outcomes
    })
}

async fn settle(
    bus: &Bus,
    consumer: Consumer,
    delivery: &Delivery,
    outcome: Outcome,
) -> Result<(), async_nats::Error> {
    match outcome {
        Outcome::Done => delivery.message.ack().await,
        // A dead letter is kept already; a copy of it would be delivered here again, for ever.
        Outcome::DeadLetter(_) if consumer.stream() == "DEAD" => delivery.message.ack().await,
        Outcome::Retry(after) => delivery.message.ack_with(AckKind::Nak(Some(after))).await,
        Outcome::DeadLetter(reason) => {
            bus.store_dead_letter(consumer, delivery, &reason).await?;
            delivery.message.double_ack().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_while_they_are_quick_and_shrink_once_one_is_slow() {
        let (quick, usual, slow) =
            (Duration::from_millis(200), Duration::from_secs(2), Duration::from_secs(40));
        assert_eq!(next_most(500, 500, quick), 1_000);
        assert_eq!(next_most(500, 20, quick), 500, "nothing is behind");
        assert_eq!(next_most(1_000, 1_000, usual), 1_000);
        assert_eq!(next_most(4_000, 900, slow), 450);
        assert_eq!(next_most(1, 1, slow), 1);
    }
}
