//! The way to the bus. What the bus does not take at once waits in Postgres, in order; the payload was fetched already,
//! and a gateway would not give it a second time for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use events::chat::ChatMessage;
use runtime::Trace;
use runtime::bus::{BusError, Outgoing};
use runtime::telemetry::chain;
use store::ingest::outbox::{self as stored, Stored};
use store::sqlx::PgConnection;
use tokio::sync::Notify;

use super::{Capture, CaptureError};

/// How often what waits is offered again.
const OFFER_EVERY: Duration = Duration::from_secs(1);
/// Facts offered in one go.
const BATCH: i64 = 256;

/// Where facts go out.
#[derive(Default)]
pub struct Outbox {
    /// Something waits. What comes then waits behind it, without being offered by itself first.
    waiting: AtomicBool,
    put: Notify,
}

/// Keeps a fact as part of the caller's transaction.
pub async fn put(
    connection: &mut PgConnection,
    capture: &Capture,
    fact: &Outgoing,
) -> Result<i64, store::sqlx::Error> {
    stored::put(connection, &capture.name, &fact.id, &fact.subject, &fact.payload).await
}

async fn keep(capture: &Capture, facts: &[&Outgoing]) -> Result<(), store::sqlx::Error> {
    let mut tx = capture.ctx.db.begin().await?;
    for fact in facts {
        put(&mut tx, capture, fact).await?;
    }
    tx.commit().await
}

impl Outbox {
    /// Publishes messages in order, each in its trace, or keeps them until the bus is back. Either way they are safe then,
    /// but for those that the bus can never take: their places are returned, with the reason. What was kept has no trace.
    pub async fn send_messages(
        &self,
        capture: &Capture,
        messages: &[(ChatMessage, Option<Trace>)],
    ) -> Result<Vec<(usize, String)>, CaptureError> {
        let outgoing =
            messages.iter().map(|(message, _)| crate::outgoing(message)).collect::<Result<Vec<_>, _>>()?;
        let mut refused = Vec::new();
        let mut kept = Vec::new();
        if self.may_offer(capture) {
            let of_each = messages.iter().map(|(_, trace)| trace.as_ref());
            let together: Vec<_> = outgoing.iter().zip(of_each).collect();
            for (at, answer) in capture.ctx.bus.publish_traced(&together).await.into_iter().enumerate() {
                match answer {
                    Ok(_duplicate) => metrics::counter!("ingest_messages_total").increment(1),
                    Err(error @ BusError::Unpublishable { .. }) => refused.push((at, chain(&error))),
                    Err(error) => {
                        tracing::warn!(error = chain(&error), "the bus is down, facts wait in the outbox");
                        kept.push(&outgoing[at]);
                    }
                }
            }
        } else {
            kept.extend(&outgoing);
        }
        if !kept.is_empty() {
            keep(capture, &kept).await?;
            self.wait();
        }
        Ok(refused)
    }

    /// Publishes what is in the outbox already, if the bus takes it now.
    pub async fn try_now(&self, capture: &Capture, id: i64, outgoing: &Outgoing) {
        if !self.offer(capture, outgoing).await {
            return self.wait();
        }
        let deleted = async {
            let mut connection = capture.ctx.db.acquire().await?;
            stored::delete(&mut connection, &[id]).await
        };
        if let Err(error) = deleted.await {
            // It is published once more then, and the bus knows its id.
            tracing::warn!(error = chain(&error), "the outbox is not tidied yet");
            self.wait();
        }
    }

    async fn offer(&self, capture: &Capture, outgoing: &Outgoing) -> bool {
        if !self.may_offer(capture) {
            return false;
        }
        match capture.ctx.bus.publish(outgoing).await {
            Ok(_duplicate) => true,
            Err(error) => {
                tracing::warn!(error = chain(&error), "the bus is down, facts wait in the outbox");
                false
            }
        }
    }

    /// Nothing overtakes what waits already.
    fn may_offer(&self, capture: &Capture) -> bool {
        capture.ctx.bus.is_connected() && !self.waiting.load(Ordering::Acquire)
    }

    fn wait(&self) {
        self.waiting.store(true, Ordering::Release);
        self.put.notify_one();
    }
}

/// Runs until the shutdown is requested. Begins with what the last process left.
pub async fn run(capture: Arc<Capture>) {
    capture.outbox.wait();
    while !capture.ctx.shutdown.requested() {
        capture.ctx.health.beat("outbox");
        match drain(&capture).await {
            Ok(()) => {}
            Err(error) => tracing::debug!(error, "the outbox waits"),
        }
        let notified = async {
            // While the bus is down every new fact would wake this up.
            if capture.outbox.waiting.load(Ordering::Acquire) {
                std::future::pending::<()>().await;
            }
            capture.outbox.put.notified().await;
        };
        tokio::select! {
            () = capture.ctx.shutdown.wait() => {}
            () = notified => {}
            () = tokio::time::sleep(OFFER_EVERY) => {}
        }
    }
}

/// Publishes everything that waits.
async fn drain(capture: &Capture) -> Result<(), String> {
    loop {
        // Before looking, so that what is put in meanwhile is not forgotten.
        capture.outbox.waiting.store(false, Ordering::Release);
        let published = publish_some(capture).await;
        match published {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                capture.outbox.waiting.store(true, Ordering::Release);
                return Err(error);
            }
        }
    }
}

async fn publish_some(capture: &Capture) -> Result<usize, String> {
    let mut connection = capture.ctx.db.acquire().await.map_err(|error| chain(&error))?;
    let waiting =
        stored::oldest(&mut connection, &capture.name, BATCH).await.map_err(|error| chain(&error))?;
    drop(connection);
    if waiting.is_empty() {
        return Ok(0);
    }
    if !capture.ctx.bus.is_connected() {
        return Err("no connection to the bus".to_owned());
    }
    let ids: Vec<i64> = waiting.iter().map(|fact| fact.id).collect();
    let outgoing: Vec<Outgoing> = waiting.into_iter().map(outgoing).collect();
    let answers = capture.ctx.bus.publish_all(&outgoing).await;
    let mut connection = capture.ctx.db.acquire().await.map_err(|error| chain(&error))?;
    let (mut taken, mut failed) = (Vec::new(), None);
    for (id, answer) in ids.iter().zip(answers) {
        match answer {
            Ok(_duplicate) => taken.push(*id),
            Err(error @ BusError::Unpublishable { .. }) => {
                let reason = chain(&error);
                tracing::error!(
                    error = reason,
                    outbox.id = id,
                    "a fact can never be published: it is marked as refused"
                );
                metrics::counter!("ingest_outbox_refused_total").increment(1);
                stored::refuse(&mut connection, *id, &reason).await.map_err(|error| chain(&error))?;
            }
            Err(error) => failed = failed.or(Some(chain(&error))),
        }
    }
    stored::delete(&mut connection, &taken).await.map_err(|error| chain(&error))?;
    metrics::counter!("ingest_outbox_published_total").increment(taken.len() as u64);
    match failed {
        Some(error) => Err(error),
        None => Ok(ids.len()),
    }
}

fn outgoing(fact: Stored) -> Outgoing {
    Outgoing { subject: fact.subject, id: fact.key, payload: fact.payload }
}
