//! Wake-ups on ROOM: announced soon after the commit, several changes of a room as one; what a crash left unannounced
//! is found by a sweep. The row is the outbox.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::id::RoomKey;
use events::room::RoomChanged;
use events::{encode, subject};
use runtime::Context;
use runtime::bus::Outgoing;
use runtime::telemetry::chain;
use store::rooms;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::fold::Changed;
use crate::point;

/// Changes of a room within this time are announced as one.
const GATHER: Duration = Duration::from_millis(100);
/// How often rooms that nobody announced are looked for.
const SWEEP: Duration = Duration::from_mins(1);

/// Takes changed rooms, never blocks.
#[derive(Debug, Clone)]
pub struct PublishHandle(UnboundedSender<(RoomKey, i64)>);

impl PublishHandle {
    /// These rooms changed, and that is committed.
    pub fn send(&self, changed: Vec<Changed>) {
        for room in changed {
            // The receiver only goes away at shutdown; the next start's sweep announces what is left.
            self.0.send((room.room, room.version)).ok();
        }
    }
}

/// Announces changed rooms.
pub struct Publisher {
    ctx: Context,
    sender: UnboundedSender<(RoomKey, i64)>,
    changes: UnboundedReceiver<(RoomKey, i64)>,
}

impl Publisher {
    /// Ready to run.
    pub fn new(ctx: Context) -> Self {
        let (sender, changes) = unbounded_channel();
        Self { ctx, sender, changes }
    }

    /// Where changed rooms are handed in.
    pub fn handle(&self) -> PublishHandle {
        PublishHandle(self.sender.clone())
    }

    /// Runs until the shutdown is requested. Starts with a sweep, for what the last run left behind.
    pub async fn run(mut self) {
        let mut next_sweep = tokio::time::Instant::now();
        while !self.ctx.shutdown.requested() {
            let changed = tokio::select! {
                () = self.ctx.shutdown.wait() => return,
                () = tokio::time::sleep_until(next_sweep) => {
                    next_sweep = tokio::time::Instant::now() + SWEEP;
                    self.left_behind().await
                }
                first = self.changes.recv() => self.gather(first).await,
            };
            self.ctx.health.beat("publish");
            self.ctx.faults.reach(point::BEFORE_PUBLISH).await;
            if let Err(error) = self.announce(changed).await {
                tracing::warn!(error, "wake-ups are late: the next sweep announces them");
            }
        }
    }

    async fn gather(&mut self, first: Option<(RoomKey, i64)>) -> BTreeMap<RoomKey, i64> {
        let mut changed: BTreeMap<RoomKey, i64> = first.into_iter().collect();
        tokio::time::sleep(GATHER).await;
        while let Ok((room, version)) = self.changes.try_recv() {
            let held = changed.entry(room).or_insert(version);
            *held = version.max(*held);
        }
        changed
    }

    async fn left_behind(&self) -> BTreeMap<RoomKey, i64> {
        let found = async {
            let mut connection = self.ctx.db.acquire().await?;
            rooms::unpublished(&mut connection).await
        };
        found.await.map_or_else(
            |error| {
                tracing::warn!(error = chain(&error), "sweep of unannounced rooms failed");
                BTreeMap::new()
            },
            BTreeMap::from_iter,
        )
    }

    async fn announce(&self, changed: BTreeMap<RoomKey, i64>) -> Result<(), String> {
        let outgoing: Vec<Outgoing> =
            changed.iter().filter_map(|(room, version)| wake_up(room, *version)).collect();
        let answers = self.ctx.bus.publish_all(&outgoing).await;
        let published: Vec<(RoomKey, i64)> = changed
            .into_iter()
            .zip(&answers)
            .filter(|(_, answer)| answer.is_ok())
            .map(|(room, _)| room)
            .collect();
        if !published.is_empty() {
            let mut connection = self.ctx.db.acquire().await.map_err(|error| chain(&error))?;
            rooms::mark_published(&mut connection, &published).await.map_err(|error| chain(&error))?;
        }
        match answers.into_iter().find_map(Result::err) {
            Some(error) => Err(chain(&error)),
            None => Ok(()),
        }
    }
}

fn wake_up(room: &RoomKey, version: i64) -> Option<Outgoing> {
    let payload = encode(&RoomChanged { room: room.clone(), version }).ok()?;
    Some(Outgoing { subject: subject::room_changed(room), id: format!("{room}@{version}"), payload })
}
