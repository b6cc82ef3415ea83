//! Delivery: brings cards out and keeps them true.
//!
//! A replica claims whole chats and works on each with one worker: cards go out in the order in which they were made,
//! at a pace that the chat allows. What was sent is compared with what should be shown, so that a change needs no
//! memory of its cause.

mod change;
mod pace;
mod send;
mod urgent;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::Timestamp;
use feishu::FeishuClient;
use runtime::Context;
use runtime::telemetry::chain;
use store::alerts::claims;
use store::rules::RulesCache;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use self::pace::{Pace, Pause};
use crate::failure::Failure;
use crate::freshness;

/// The part of the service that [`runtime::health`] knows it by.
const PART: &str = "deliver";
/// The longest pause between two looks.
const TICK: Duration = Duration::from_secs(1);
/// Chats worked on at a time by one replica.
const WORKERS: usize = 8;
/// How long a claim stands without being renewed: longer than any one call with its retries of the token.
const LEASE: TimeDelta = TimeDelta::seconds(60);

pub struct Deliverer {
    ctx: Context,
    feishu: Arc<FeishuClient>,
    rules: Arc<RulesCache>,
    wake: Arc<Notify>,
    holder: String,
    pace: Pace,
    pause: Pause,
}

/// What became of a look at a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Something was done; there may be more.
    Worked,
    /// There is nothing to do now.
    Idle,
}

/// Runs until the shutdown is requested, and then until the calls in flight are recorded.
pub async fn run(deliverer: Deliverer) {
    let deliverer = Arc::new(deliverer);
    let ctx = &deliverer.ctx;
    let (mut workers, mut busy) = (JoinSet::new(), BTreeSet::new());
    while !ctx.shutdown.requested() {
        for chat in deliverer.claim(&busy).await {
            busy.insert(chat.clone());
            let deliverer = deliverer.clone();
            workers.spawn(async move {
                deliverer.work(&chat).await;
                chat
            });
        }
        tokio::select! {
            Some(ended) = workers.join_next() => drop(busy.remove(&finished(ended))),
            () = deliverer.wake.notified(), if busy.len() < WORKERS => {}
            _ = ctx.shutdown.sleep(TICK) => {}
        }
    }
    while let Some(ended) = workers.join_next().await {
        finished(ended);
    }
}

/// The chat of a worker that ended. A panic goes on, so that it ends the service instead of leaving a chat alone.
fn finished(ended: Result<String, tokio::task::JoinError>) -> String {
    match ended {
        Ok(chat) => chat,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_cancelled) => String::new(),
        },
    }
}

impl Deliverer {
    /// Ready to run; `wake` is notified when there may be something to do.
    pub fn new(ctx: Context, feishu: Arc<FeishuClient>, rules: Arc<RulesCache>, wake: Arc<Notify>) -> Self {
        let (holder, pace, pause) = (runtime::random::token(), Pace::default(), Pause::default());
        Self { ctx, feishu, rules, wake, holder, pace, pause }
    }

    /// Claims chats that nobody works on and in which something can be done.
    async fn claim(&self, busy: &BTreeSet<String>) -> Vec<String> {
        if busy.len() >= WORKERS || self.pause.holds(self.ctx.clock.now()) {
            self.ctx.health.beat(PART);
            return Vec::new();
        }
        match self.try_claim(busy).await {
            Ok(claimed) => {
                self.ctx.health.beat(PART);
                claimed
            }
            Err(failure) => {
                tracing::warn!(error = chain(&failure), "chats could not be claimed");
                Vec::new()
            }
        }
    }

    async fn try_claim(&self, busy: &BTreeSet<String>) -> Result<Vec<String>, Failure> {
        let now = self.ctx.clock.now();
        let mut connection = self.ctx.db.acquire().await?;
        let sending = freshness::hold_reason(&mut connection, &self.ctx.config, now).await?.is_none();
        let mine: Vec<String> = busy.iter().cloned().collect();
        let most = i64::try_from(WORKERS - busy.len()).unwrap_or_default();
        Ok(claims::claim(&mut connection, &self.holder, &mine, sending, now + LEASE, now, most).await?)
    }

    /// Works on a chat until there is nothing to do, then gives it back.
    async fn work(&self, chat: &str) {
        while !self.ctx.shutdown.requested() {
            match self.step(chat).await {
                Ok(Step::Worked) => {}
                Ok(Step::Idle) => break,
                Err(failure) => {
                    tracing::warn!(
                        chat.id = chat,
                        error = chain(&failure),
                        "a chat is worked on again later"
                    );
                    break;
                }
            }
        }
        if let Err(failure) = self.release(chat).await {
            // It ends by itself.
            tracing::warn!(chat.id = chat, error = chain(&failure), "a claim could not be given back");
        }
    }

    async fn release(&self, chat: &str) -> Result<(), Failure> {
        Ok(claims::release(&mut *self.ctx.db.acquire().await?, chat, &self.holder).await?)
    }

    async fn renew(&self, chat: &str, until: Timestamp) -> Result<bool, Failure> {
        Ok(claims::renew(&mut *self.ctx.db.acquire().await?, chat, &self.holder, until).await?)
    }

    async fn step(&self, chat: &str) -> Result<Step, Failure> {
        // Before the look and not before the call, so that what was looked at is still true when the call is made.
        self.pace.wait(&self.ctx.clock).await;
        let now = self.ctx.clock.now();
        if self.pause.holds(now) || !self.renew(chat, now + LEASE).await? {
            return Ok(Step::Idle);
        }
        if self.send_next(chat).await? == Step::Worked || self.push_urgent_next(chat).await? == Step::Worked {
            return Ok(Step::Worked);
        }
        self.change_next(chat).await
    }
}
