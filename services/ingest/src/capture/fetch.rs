//! Fetches the payloads that the inbox waits for, several at a time, and hands the messages on to the bus in the order in
//! which their ids came.
//!
//! A gateway keeps some hundred payloads only, so ids are fetched at once, also while the bus is down.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use events::chat::ChatMessage;
use futures::FutureExt as _;
use runtime::Trace;
use runtime::telemetry::chain;
use store::ingest::inbox::{self, Waiting};
use tokio::task::JoinSet;
use tracing::instrument;

use super::ordered::{Ordered, Ticket};
use super::{Capture, CaptureError, message, missing, point};

/// Payloads asked for at the same time; more brings nothing.
const IN_FLIGHT: usize = 12;
/// Ids read from the inbox in one go.
const PAGE: usize = 256;
/// Ids that are done with are deleted together when there are so many, or when nothing else is to be done.
const FLUSH_AT: usize = 64;
/// How often the inbox is read without a notification.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The pauses after failed attempts, in milliseconds; one more failure and the payload is missing.
const RETRY_AFTER_MS: [i64; 4] = [200, 1_000, 5_000, 30_000];
/// The pause after a failure that says nothing about the payload: the link broke, or our database is down.
const RETRY_PAUSE: TimeDelta = TimeDelta::seconds(1);
/// What a shutdown waits for fetches in flight.
const FINISH: Duration = Duration::from_secs(6);

/// Ids that are claimed and whose message is not forwarded yet.
const MAX_CLAIMED: usize = 1_024;

/// What came of one id.
#[derive(Debug)]
enum Fetched {
    /// A message of a room, and its trace.
    Message(Box<ChatMessage>, Option<Trace>),
    /// It does not concern us.
    Nothing,
    /// The gateway would not give it.
    Failed(String),
    /// Nothing was learned about it.
    Retry,
}

/// A message, its trace, and the id that it was fetched for.
type Ready = (Waiting, Box<ChatMessage>, Option<Trace>);
/// What came of forwarding messages: the indices of those that the bus can never take, with the reason.
type Forwarded = (Vec<Waiting>, Result<Vec<(usize, String)>, CaptureError>);

struct Fetchers {
    capture: Arc<Capture>,
    queue: VecDeque<Waiting>,
    /// Queued, in flight, or done and not deleted yet.
    claimed: HashSet<String>,
    in_flight: JoinSet<(Ticket, Waiting, Fetched)>,
    ordered: Ordered<Ready>,
    /// To be forwarded, in order.
    ready: Vec<Ready>,
    /// Forwards, at most one batch at a time so that the order stays; meanwhile payloads are fetched on.
    sending: JoinSet<Forwarded>,
    forwarding: usize,
    done: Vec<String>,
    /// There may be more in the inbox than what was read last.
    may_have_more: bool,
}

/// Runs until the shutdown is requested.
pub async fn run(capture: Arc<Capture>) {
    let mut fetchers = Fetchers {
        capture: Arc::clone(&capture),
        queue: VecDeque::new(),
        claimed: HashSet::new(),
        in_flight: JoinSet::new(),
        ordered: Ordered::default(),
        ready: Vec::new(),
        sending: JoinSet::new(),
        forwarding: 0,
        done: Vec::new(),
        may_have_more: true,
    };
    while !capture.ctx.shutdown.requested() {
        capture.ctx.health.beat("fetch");
        fetchers.fill().await;
        fetchers.launch();
        tokio::select! {
            () = capture.ctx.shutdown.wait() => {}
            Some(ended) = fetchers.in_flight.join_next() => fetchers.on_fetched(ended).await,
            Some(sent) = fetchers.sending.join_next() => fetchers.on_forwarded(sent).await,
            () = capture.arrived.notified() => fetchers.may_have_more = true,
            () = tokio::time::sleep(LOOK_EVERY) => fetchers.may_have_more = true,
        }
        while let Some(ended) = fetchers.in_flight.try_join_next() {
            fetchers.on_fetched(ended).await;
        }
        fetchers.forward();
        if fetchers.done.len() >= FLUSH_AT || fetchers.in_flight.is_empty() {
            fetchers.flush().await;
        }
    }
    let finish = async {
        while let Some(ended) = fetchers.in_flight.join_next().await {
            fetchers.on_fetched(ended).await;
        }
        loop {
            fetchers.forward();
            let Some(sent) = fetchers.sending.join_next().await else { break };
            fetchers.on_forwarded(sent).await;
        }
    };
    // What is cut off here is fetched again at the next start.
    drop(tokio::time::timeout(FINISH, finish).await);
    fetchers.flush().await;
}

impl Fetchers {
    async fn fill(&mut self) {
        if !self.may_have_more || self.queue.len() >= IN_FLIGHT || self.capture.link().is_none() {
            return;
        }
        let claimed: Vec<String> = self.claimed.iter().cloned().collect();
        let capture = &self.capture;
        let due = async {
            let mut connection = capture.ctx.db.acquire().await?;
            let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
            inbox::due(&mut connection, &capture.name, &claimed, limit, capture.now()).await
        };
        match due.await {
            Ok(due) => {
                self.may_have_more = due.len() == PAGE;
                self.claimed.extend(due.iter().map(|waiting| waiting.message.clone()));
                self.queue.extend(due);
            }
            Err(error) => tracing::warn!(error = chain(&error), "the inbox cannot be read"),
        }
    }

    fn launch(&mut self) {
        while self.in_flight.len() < IN_FLIGHT
            && self.ordered.len() + self.ready.len() + self.forwarding < MAX_CLAIMED
            && let Some(waiting) = self.queue.pop_front()
        {
            let capture = Arc::clone(&self.capture);
            let ticket = self.ordered.reserve(Instant::now());
            self.in_flight.spawn(async move {
                let fetched = AssertUnwindSafe(fetch(&capture, &waiting)).catch_unwind().await;
                let fetched = fetched.unwrap_or_else(|_| Fetched::Failed("reading it panicked".into()));
                (ticket, waiting, fetched)
            });
        }
    }

    async fn on_fetched(&mut self, ended: Result<(Ticket, Waiting, Fetched), tokio::task::JoinError>) {
        // Panics are caught inside, and nobody aborts these tasks.
        let Ok((ticket, waiting, fetched)) = ended else { return };
        match fetched {
            Fetched::Message(message, trace) => {
                self.ready.extend(self.ordered.fill(ticket, (waiting, message, trace)));
                return;
            }
            Fetched::Nothing => {
                self.ordered.release(ticket);
                self.done.push(waiting.message);
                return;
            }
            Fetched::Failed(reason) => self.failed(&waiting, &reason).await,
            Fetched::Retry => self.retry_later(&waiting, waiting.attempts, RETRY_PAUSE).await,
        }
        self.ordered.release(ticket);
        self.claimed.remove(&waiting.message);
    }

    /// Forwards what can leave, unless a batch is being forwarded.
    fn forward(&mut self) {
        self.ready.extend(self.ordered.take_ready(Instant::now()));
        if self.ready.is_empty() || !self.sending.is_empty() {
            return;
        }
        let capture = Arc::clone(&self.capture);
        let (waiting, messages): (Vec<Waiting>, Vec<(ChatMessage, Option<Trace>)>) =
            self.ready.drain(..).map(|(waiting, message, trace)| (waiting, (*message, trace))).unzip();
        self.forwarding = waiting.len();
        self.sending.spawn(async move {
            let sent = capture.outbox.send_messages(&capture, &messages).await;
            (waiting, sent)
        });
    }

    /// What cannot be kept now is fetched again; what the bus can never take is given up.
    async fn on_forwarded(&mut self, sent: Result<Forwarded, tokio::task::JoinError>) {
        self.forwarding = 0;
        // Nothing in it panics; if something did, the ids would be fetched again at the next start.
        let Ok((waiting, sent)) = sent else { return };
        match sent {
            Ok(refused) => {
                let refused: BTreeMap<usize, String> = refused.into_iter().collect();
                for (at, waiting) in waiting.into_iter().enumerate() {
                    match refused.get(&at) {
                        Some(reason) => {
                            self.give_up(&waiting, waiting.attempts + 1, reason).await;
                            self.claimed.remove(&waiting.message);
                        }
                        None => self.done.push(waiting.message),
                    }
                }
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), messages = waiting.len(), "messages wait in the inbox");
                for waiting in waiting {
                    self.retry_later(&waiting, waiting.attempts, RETRY_PAUSE).await;
                    self.claimed.remove(&waiting.message);
                }
            }
        }
    }

    async fn failed(&self, waiting: &Waiting, reason: &str) {
        let attempts = waiting.attempts + 1;
        metrics::counter!("ingest_fetch_failures_total").increment(1);
        let pause = usize::try_from(waiting.attempts).ok().and_then(|failed| RETRY_AFTER_MS.get(failed));
        if let Some(pause) = pause {
            tracing::debug!(
                message.id = waiting.message,
                attempts,
                reason,
                "payload will be asked for again"
            );
            return self.retry_later(waiting, attempts, TimeDelta::milliseconds(*pause)).await;
        }
        self.give_up(waiting, attempts, reason).await;
    }

    async fn give_up(&self, waiting: &Waiting, attempts: i32, reason: &str) {
        // What it was about nobody can tell; that it was is kept, and told.
        metrics::counter!("ingest_payloads_missing_total").increment(1);
        tracing::error!(message.id = waiting.message, attempts, reason, "payload is missing");
        let given_up = async {
            let mut tx = self.capture.ctx.db.begin().await?;
            inbox::give_up(&mut tx, &self.capture.name, &waiting.message, attempts, reason).await?;
            missing::note(&mut tx, &self.capture, waiting).await?;
            tx.commit().await
        };
        if let Err(error) = given_up.await {
            tracing::warn!(error = chain(&error), "a missing payload could not be noted, it is tried again");
        }
    }

    async fn retry_later(&self, waiting: &Waiting, attempts: i32, pause: TimeDelta) {
        let (capture, next) = (&self.capture, self.capture.now() + pause);
        let noted = async {
            let mut connection = capture.ctx.db.acquire().await?;
            inbox::again_at(&mut connection, &capture.name, &waiting.message, attempts, next).await
        };
        if let Err(error) = noted.await {
            tracing::warn!(error = chain(&error), "an attempt could not be noted");
        }
    }

    async fn flush(&mut self) {
        if self.done.is_empty() {
            return;
        }
        let deleted = async {
            let mut connection = self.capture.ctx.db.acquire().await?;
            inbox::done(&mut connection, &self.capture.name, &self.done).await
        };
        match deleted.await {
            Ok(()) => {
                for message in self.done.drain(..) {
                    self.claimed.remove(&message);
                }
            }
            Err(error) => tracing::warn!(error = chain(&error), "the inbox is not tidied yet"),
        }
    }
}

/// A message's trace begins when it is fetched: before that there is nothing of it but an id.
#[instrument(parent = None, name = "capture", skip_all, fields(message.id = waiting.message, message.attempts = waiting.attempts))]
async fn fetch(capture: &Capture, waiting: &Waiting) -> Fetched {
    let Some(link) = capture.link() else { return Fetched::Retry };
    capture.ctx.faults.reach(point::BEFORE_FETCH).await;
    let last = usize::try_from(waiting.attempts).is_ok_and(|failed| failed >= RETRY_AFTER_MS.len());
    match message::assemble(capture, &link, waiting, last).await {
        Ok(Some(message)) => Fetched::Message(Box::new(message), Trace::current()),
        Ok(None) => Fetched::Nothing,
        Err(error @ CaptureError::Database(_)) => {
            tracing::warn!(error = chain(&error), "a message waits in the inbox");
            Fetched::Retry
        }
        Err(error) if capture.is_current(&link) => Fetched::Failed(chain(&error)),
        Err(_) => Fetched::Retry,
    }
}
