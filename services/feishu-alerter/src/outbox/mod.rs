//! Delivery: brings cards out and keeps them true.
//!
//! A replica claims whole addresses and works on each with one worker: cards go out in the order in which they were made,
//! at a pace that the channel allows. What was sent is compared with what should be shown, so that a change needs no
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
use runtime::Context;
use runtime::telemetry::chain;
use store::alerts::claims;
use store::alerts::notifications::Address;
use store::rules::RulesCache;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use self::pace::{Pace, Pause};
use crate::channel::{Channel, DeliveryError, Remedy};
use crate::failure::Failure;
use crate::freshness;

/// The part of the service that [`runtime::health`] knows it by.
const PART: &str = "deliver";
/// The longest pause between two looks.
const TICK: Duration = Duration::from_secs(1);
/// Addresses worked on at a time by one replica.
const WORKERS: usize = 8;
/// How long a claim stands without being renewed: longer than any one call with its retries of the token.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How long a channel is stopped when we ourselves are refused.
const CHANNEL_PAUSE: TimeDelta = TimeDelta::minutes(1);
/// How long it is stopped when its quota is used up.
const QUOTA_PAUSE: TimeDelta = TimeDelta::minutes(10);

pub struct Deliverer {
    ctx: Context,
    outlets: Vec<Outlet>,
    rules: Arc<RulesCache>,
    wake: Arc<Notify>,
    holder: String,
}

/// A channel, and how its calls are spaced.
struct Outlet {
    channel: Arc<dyn Channel>,
    pace: Pace,
    pause: Pause,
}

/// One address of a channel.
struct Destination<'d> {
    outlet: &'d Outlet,
    to: &'d Address,
}

/// What became of a look at an address.
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
        for to in deliverer.claim(&busy).await {
            busy.insert(to.clone());
            let deliverer = deliverer.clone();
            workers.spawn(async move {
                deliverer.work(&to).await;
                to
            });
        }
        tokio::select! {
            Some(ended) = workers.join_next() => finished(ended, &mut busy),
            () = deliverer.wake.notified(), if busy.len() < WORKERS => {}
            _ = ctx.shutdown.sleep(TICK) => {}
        }
    }
    while let Some(ended) = workers.join_next().await {
        finished(ended, &mut busy);
    }
}

/// A worker ended. A panic goes on, so that it ends the service instead of leaving an address alone.
fn finished(ended: Result<Address, tokio::task::JoinError>, busy: &mut BTreeSet<Address>) {
    match ended {
        Ok(to) => drop(busy.remove(&to)),
        Err(error) => {
            if let Ok(panic) = error.try_into_panic() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

impl Deliverer {
    /// Ready to run; `wake` is notified when there may be something to do.
    pub fn new(
        ctx: Context,
        channels: impl Iterator<Item = Arc<dyn Channel>>,
        rules: Arc<RulesCache>,
        wake: Arc<Notify>,
    ) -> Self {
        let outlet = |channel: Arc<dyn Channel>| Outlet {
            pace: Pace::new(channel.limits().call_spacing),
            pause: Pause::of(channel.name()),
            channel,
        };
        let outlets = channels.map(outlet).collect();
        Self { ctx, outlets, rules, wake, holder: runtime::random::token() }
    }

    /// Claims addresses that nobody works on and at which something can be done.
    async fn claim(&self, busy: &BTreeSet<Address>) -> Vec<Address> {
        let now = self.ctx.clock.now();
        let open = self.outlets.iter().filter(|outlet| !outlet.pause.holds(now));
        let open: Vec<&str> = open.map(|outlet| outlet.channel.name()).collect();
        if busy.len() >= WORKERS || open.is_empty() {
            self.ctx.health.beat(PART);
            return Vec::new();
        }
        match self.try_claim(&open, busy).await {
            Ok(claimed) => {
                self.ctx.health.beat(PART);
                claimed
            }
            Err(failure) => {
                tracing::warn!(error = chain(&failure), "addresses could not be claimed");
                Vec::new()
            }
        }
    }

    async fn try_claim(&self, open: &[&str], busy: &BTreeSet<Address>) -> Result<Vec<Address>, Failure> {
        let now = self.ctx.clock.now();
        let mut connection = self.ctx.db.acquire().await?;
        let sending = freshness::hold_reason(&mut connection, &self.ctx.config, now).await?.is_none();
        let mine: Vec<Address> = busy.iter().cloned().collect();
        let most = i64::try_from(WORKERS - busy.len()).unwrap_or_default();
        Ok(claims::claim(&mut connection, &self.holder, open, &mine, sending, now + LEASE, now, most).await?)
    }

    /// Works on an address until there is nothing to do, then gives it back.
    async fn work(&self, to: &Address) {
        let outlet = self.outlets.iter().find(|outlet| outlet.channel.name() == to.channel);
        while let Some(outlet) = outlet.filter(|_| !self.ctx.shutdown.requested()) {
            match self.step(&Destination { outlet, to }).await {
                Ok(Step::Worked) => {}
                Ok(Step::Idle) => break,
                Err(failure) => {
                    tracing::warn!(
                        address = %to,
                        error = chain(&failure),
                        "an address is worked on again later"
                    );
                    break;
                }
            }
        }
        if let Err(failure) = self.release(to).await {
            // It ends by itself.
            tracing::warn!(address = %to, error = chain(&failure), "a claim could not be given back");
        }
    }

    async fn release(&self, to: &Address) -> Result<(), Failure> {
        Ok(claims::release(&mut *self.ctx.db.acquire().await?, to, &self.holder).await?)
    }

    async fn renew(&self, to: &Address, until: Timestamp) -> Result<bool, Failure> {
        Ok(claims::renew(&mut *self.ctx.db.acquire().await?, to, &self.holder, until).await?)
    }

    async fn step(&self, destination: &Destination<'_>) -> Result<Step, Failure> {
        let Destination { outlet, to } = destination;
        // Before the look and not before the call, so that what was looked at is still true when the call is made.
        outlet.pace.wait(&self.ctx.clock).await;
        let now = self.ctx.clock.now();
        if outlet.pause.holds(now) || !self.renew(to, now + LEASE).await? {
            return Ok(Step::Idle);
        }
        if self.send_next(destination).await? == Step::Worked
            || self.push_urgent_next(destination).await? == Step::Worked
        {
            return Ok(Step::Worked);
        }
        self.change_next(destination).await
    }
}

impl Destination<'_> {
    /// The channel, for a call.
    fn channel(&self) -> &dyn Channel {
        &*self.outlet.channel
    }

    /// Until the address takes the next call.
    async fn space(&self, clock: &runtime::Clock) {
        clock.sleep(self.channel().limits().address_spacing).await;
    }

    /// What every call of the channel would meet: no card is to blame, and none fails for it.
    fn stop_channel(&self, error: &DeliveryError, now: Timestamp) -> Timestamp {
        let until = now + if error.remedy == Remedy::StopForQuota { QUOTA_PAUSE } else { CHANNEL_PAUSE };
        self.outlet.pause.set(until);
        tracing::error!(error = %error, %until, "NO CARD CAN BE SENT: every call of the channel is stopped");
        until
    }
}
