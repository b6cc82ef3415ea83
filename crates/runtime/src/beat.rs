//! Heartbeats of a service on plain NATS: that it is alive, and its health. Their absence raises an alarm.
//!
//! In real time, also when a test moves the clock: a heartbeat says that this process is at work at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use events::beat::{Beat, BeatKind, Disk};
use events::subject;

use crate::bus::Bus;
use crate::health::Health;
use crate::telemetry::chain;
use crate::{Clock, Context, panics};

/// How often a service beats without a configured watchdog.
const EVERY: Duration = Duration::from_secs(10);
/// Two beats are at least so far apart, however urgent the second is.
const SPACING: Duration = Duration::from_secs(1);
/// How long announcing the stop may take.
const ANNOUNCE_LIMIT: Duration = Duration::from_secs(1);
/// Characters of an instance's name: enough to tell starts apart.
const INSTANCE_CHARS: usize = 12;

/// One instance's beats. Clones are the same instance.
#[derive(Debug, Clone)]
pub struct Beats {
    service: &'static str,
    instance: String,
    started_at: DateTime<Utc>,
    sequence: Arc<AtomicU64>,
    every: Duration,
    disks: Vec<PathBuf>,
    clock: Clock,
    health: Health,
    bus: Bus,
}

impl Beats {
    /// Of a service that starts now.
    pub fn new(service: &'static str, ctx: &Context) -> Self {
        let watchdog = ctx.config.watchdog.as_ref();
        let mut instance = crate::random::token();
        instance.truncate(INSTANCE_CHARS);
        Self {
            service,
            instance,
            started_at: ctx.clock.now(),
            sequence: Arc::default(),
            every: watchdog.map_or(EVERY, |watchdog| watchdog.beat_every.as_duration()),
            disks: watchdog.map_or_else(|| vec!["/".into()], |watchdog| watchdog.disks.clone()),
            clock: ctx.clock.clone(),
            health: ctx.health.clone(),
            bus: ctx.bus.clone(),
        }
    }

    /// Beats until it is dropped.
    pub async fn run(self) {
        loop {
            self.send(BeatKind::Alive).await;
            tokio::time::sleep(SPACING.min(self.every)).await;
            tokio::select! {
                () = tokio::time::sleep(self.every.saturating_sub(SPACING)) => {}
                () = self.health.urgent() => {}
            }
        }
    }

    /// Announces that the service stops because it was asked to.
    pub async fn announce_stop(&self) {
        drop(tokio::time::timeout(ANNOUNCE_LIMIT, self.send(BeatKind::Stopping)).await);
    }

    /// Without a connection nothing is sent: what queued up would arrive long after it was true.
    async fn send(&self, kind: BeatKind) {
        if !self.bus.is_connected() {
            return;
        }
        let payload = match events::encode(&self.beat(kind)) {
            Ok(payload) => payload,
            Err(error) => return tracing::warn!(error = chain(&error), "a beat cannot be encoded"),
        };
        if let Err(error) = self.bus.client().publish(subject::beat(self.service), payload.into()).await {
            tracing::debug!(error = chain(&error), "a beat was not sent");
        }
    }

    fn beat(&self, kind: BeatKind) -> Beat {
        let silent = self.health.silent().into_iter().map(|(part, seconds)| (part.to_owned(), seconds));
        Beat {
            service: self.service.to_owned(),
            instance: self.instance.clone(),
            kind,
            started_at: self.started_at,
            at: self.clock.now(),
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
            silent: silent.collect(),
            standby: self.health.stands_by(),
            lags: self.health.lags(),
            disks: self.disks.iter().filter_map(|path| disk(path)).collect(),
            panicked: panics::last(self.service),
            login: self.health.login(),
            verification: self.health.verification(),
            vika: self.health.vika(),
            huoban: self.health.huoban(),
            uncounted: self.health.uncounted(),
        }
    }
}

/// `None`: there is no such path here, which is another service's.
fn disk(path: &Path) -> Option<Disk> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(Disk {
        path: path.display().to_string(),
        free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_has_a_size_and_no_more_free_than_that() {
        let root = disk(Path::new("/")).unwrap();
        assert!(root.total_bytes > 0 && root.free_bytes <= root.total_bytes, "{root:?}");
        assert_eq!(disk(Path::new("/no such folder")), None);
    }
}
