//! The watchdog: whether Huiyin itself is well, and one card in the operators' chat for each thing that is not.
//!
//! Every replica listens to the beats; the one that has the lease decides ([`decide`], pure) and makes alarms and cards
//! equal to what is wrong ([`converge`]). It must not send cards by itself: they go out through the outbox of all
//! cards. Where our own app cannot speak, the fallback is told; where nobody can, the uptime pings end.

pub mod alarm_kind;
pub mod card;
mod converge;
mod dead_letters;
mod decide;
mod facts;
mod fallback;
mod heartbeats;
mod picture;
mod uptime_ping;
pub mod wording;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use feishu::FeishuClient;
use futures::StreamExt;
use runtime::config::Watchdog;
use runtime::lease::Lease;
use runtime::telemetry::chain;
use runtime::{Context, Tasks};
use store::rules::RulesCache;
use tokio::sync::Notify;

use self::alarm_kind::{AlarmKind, FEISHU_REFUSES};
use self::decide::{Confirmed, Findings, decide};
use self::facts::{AllowedSince, Facts, Rows};
use self::fallback::Fallback;
use self::heartbeats::HeartbeatTracker;
use self::picture::Picture;
use self::uptime_ping::UptimePing;
use crate::failure::Failure;

/// The pause between two looks.
const TICK: Duration = Duration::from_secs(1);
/// The pause before the beats are listened to again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// Of all replicas the one that has it decides.
const LEASE: &str = "feishu-alerter.watch";
/// The part of the service that [`runtime::health`] knows it by.
const PART: &str = "watch";

type SharedTracker = Arc<Mutex<HeartbeatTracker>>;

struct Watch {
    ctx: Context,
    watchdog: Watchdog,
    feishu: Arc<FeishuClient>,
    tracker: SharedTracker,
    rules: RulesCache,
    allowed_since: AllowedSince,
    confirmed: Confirmed,
    picture: Picture,
    fallback: Fallback,
    uptime_ping: UptimePing,
    made: Arc<Notify>,
}

/// Starts its tasks. `made` is notified after each look.
pub fn start(
    ctx: &Context,
    watchdog: &Watchdog,
    feishu: Arc<FeishuClient>,
    http: &reqwest::Client,
    made: Arc<Notify>,
    tasks: &mut Tasks,
) {
    let beat_every = watchdog.beat_every.as_duration();
    let tracker = Arc::new(Mutex::new(HeartbeatTracker::new(Instant::now(), beat_every)));
    let uptime_ping = UptimePing::default();
    let watch = Watch {
        ctx: ctx.clone(),
        watchdog: watchdog.clone(),
        feishu,
        tracker: tracker.clone(),
        rules: RulesCache::default(),
        allowed_since: AllowedSince::default(),
        confirmed: Confirmed::default(),
        picture: Picture::default(),
        fallback: Fallback::new(http.clone()),
        uptime_ping: uptime_ping.clone(),
        made,
    };
    tasks.spawn("listen", listen(ctx.clone(), tracker));
    tasks.spawn("watch", watch.run());
    tasks.spawn("letters", dead_letters::run(ctx.clone()));
    tasks.spawn("heartbeat", uptime_ping::run(ctx.clone(), watchdog.clone(), http.clone(), uptime_ping));
}

fn locked(tracker: &SharedTracker) -> MutexGuard<'_, HeartbeatTracker> {
    tracker.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens to the beats until the shutdown is requested.
async fn listen(ctx: Context, tracker: SharedTracker) {
    while !ctx.shutdown.requested() {
        match ctx.bus.client().subscribe(events::subject::BEAT_ALL).await {
            Ok(mut beats) => loop {
                let beat = tokio::select! {
                    () = ctx.shutdown.wait() => return,
                    beat = beats.next() => beat,
                };
                let Some(beat) = beat else { break };
                match events::decode(&beat.payload) {
                    Ok(beat) => locked(&tracker).record(beat, Instant::now()),
                    Err(error) => tracing::warn!(error = chain(&error), "a beat cannot be read"),
                }
            },
            Err(error) => tracing::warn!(error = chain(&error), "beats cannot be listened to"),
        }
        ctx.shutdown.sleep(LISTEN_AGAIN).await;
    }
}

impl Watch {
    /// Runs until the shutdown is requested: as a standby until the lease is free, then deciding.
    async fn run(mut self) {
        let ctx = self.ctx.clone();
        while let Some(mut lease) =
            Lease::acquire(&ctx.db, LEASE, &ctx.shutdown, || ctx.health.beat(PART)).await
        {
            tracing::info!("this replica is the watchdog");
            loop {
                if let Err(lost) = lease.check().await {
                    tracing::warn!(error = chain(&lost), "another replica may be the watchdog now");
                    break;
                }
                match self.pass().await {
                    Ok(()) => ctx.health.beat(PART),
                    Err(failure) => {
                        tracing::warn!(error = chain(&failure), "Huiyin's own state could not be looked at");
                    }
                }
                if !ctx.shutdown.sleep(TICK).await {
                    return;
                }
            }
        }
    }

    async fn pass(&mut self) -> Result<(), Failure> {
        let now = self.ctx.clock.now();
        let found = {
            let mut connection = self.ctx.db.acquire().await?;
            let window = self.watchdog.thresholds.restart_window.as_duration();
            let connected = self.ctx.bus.is_connected();
            locked(&self.tracker).note_connection(connected, Instant::now());
            locked(&self.tracker).forget(window, Instant::now());
            let rows = Rows::read(&self.ctx, &mut connection, &self.rules, now).await?;
            let mut facts = Facts::gather(&self.ctx, &locked(&self.tracker), rows, now);
            self.allowed_since.apply(&mut facts, now);
            decide(&facts, &self.watchdog.thresholds, now)
        };
        let mut found = self.confirmed.filter(found, Instant::now());
        self.picture(&mut found).await;
        let active = converge::converge(&self.ctx, &self.watchdog, found).await?;
        self.made.notify_one();
        metrics::gauge!("watchdog_alarms").set(f64::from(u32::try_from(active.len()).unwrap_or(u32::MAX)));
        self.uptime_ping.note(active.iter().all(|kind| kind.key() != FEISHU_REFUSES));
        self.fallback.report(&self.ctx, &self.watchdog, &active).await
    }

    /// The login code, where one is to be scanned.
    async fn picture(&mut self, found: &mut Findings) {
        let mut wanted = false;
        for found in found.values_mut() {
            if let AlarmKind::LoginLost { gateway, picture, verification } = &mut found.kind {
                *verification = locked(&self.tracker).verification(gateway);
                // What is asked for then is not to be scanned.
                if verification.is_some() {
                    continue;
                }
                wanted = true;
                let code = locked(&self.tracker).login(gateway).map(|login| login.code.clone());
                *picture = self.picture.of(&self.feishu, code.as_deref()).await;
            }
        }
        if !wanted {
            self.picture.clear();
        }
    }
}
