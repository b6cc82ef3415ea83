//! Wake-ups on ROOM: announced right after the commit, and under load several changes of a room as one, since a wake-up
//! costs the bus as much as a message. What a crash or a failure left unannounced is found by those who mirror rooms: they
//! compare all versions once a minute. Whoever begins to fold announces what changed shortly before, so that a crash costs
//! not even that.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use domain::id::RoomKey;
use events::room::RoomChanged;
use events::{encode, subject};
use runtime::bus::Outgoing;
use runtime::telemetry::chain;
use runtime::{Context, Trace};
use store::rooms;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::fold::Changed;
use crate::point;

/// At least this long lies between two announcements: changes of a room within it become one.
const GATHER: Duration = Duration::from_millis(200);
/// So long more for each room of the last one, while the fold is far behind: wake-ups are worth little then.
const GATHER_PER_ROOM: Duration = Duration::from_millis(1);
/// Whoever begins announces what changed within this time: longer than anybody takes to compare versions.
const RECENT: TimeDelta = TimeDelta::minutes(2);
/// How often the part shows that it lives while nothing changes, and the longest pause.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What is to be announced.
#[derive(Debug)]
enum Change {
    /// A room's version, and the trace of what changed it.
    Room(RoomKey, i64, Option<Trace>),
    /// All that changed lately, whoever changed it.
    Recent,
}

/// Rooms with their versions and what changed them, each once.
type Changes = BTreeMap<RoomKey, (i64, Option<Trace>)>;

/// Takes changed rooms, never blocks.
#[derive(Debug, Clone)]
pub struct PublishHandle(UnboundedSender<Change>);

impl PublishHandle {
    /// These rooms changed, and that is committed.
    pub fn send(&self, changed: Vec<Changed>) {
        let trace = Trace::current();
        for room in changed {
            // The receiver only goes away at shutdown.
            self.0.send(Change::Room(room.room, room.version, trace.clone())).ok();
        }
    }

    /// Somebody else may have changed rooms and died before it said so.
    pub fn send_recent(&self) {
        self.0.send(Change::Recent).ok();
    }
}

/// Announces changed rooms.
pub struct Publisher {
    ctx: Context,
    sender: UnboundedSender<Change>,
    changes: UnboundedReceiver<Change>,
    /// Tells this process's announcements from those of others: a restored database counts versions again that the bus
    /// may still remember.
    announcer: String,
}

impl Publisher {
    /// Ready to run.
    pub fn new(ctx: Context) -> Self {
        let (sender, changes) = unbounded_channel();
        let announcer = runtime::random::token();
        Self { ctx, sender, changes, announcer }
    }

    /// Where changed rooms are handed in.
    pub fn handle(&self) -> PublishHandle {
        PublishHandle(self.sender.clone())
    }

    /// Runs until the shutdown is requested.
    pub async fn run(mut self) {
        let heartbeat = self.ctx.clock.real(HEARTBEAT);
        while !self.ctx.shutdown.requested() {
            self.ctx.health.beat("publish");
            let changed = tokio::select! {
                () = self.ctx.shutdown.wait() => break,
                () = tokio::time::sleep(heartbeat) => continue,
                Some(change) = self.changes.recv() => self.gather(change).await,
            };
            self.ctx.faults.reach(point::BEFORE_PUBLISH).await;
            let rooms = u32::try_from(changed.len()).unwrap_or(u32::MAX);
            self.announce(changed).await;
            let pause = (GATHER + GATHER_PER_ROOM.saturating_mul(rooms)).min(HEARTBEAT);
            self.ctx.shutdown.sleep(pause).await;
        }
    }

    /// What has come in since the last announcement, each room once.
    async fn gather(&mut self, first: Change) -> Changes {
        let mut changed = Changes::new();
        let mut next = Some(first);
        while let Some(change) = next {
            let rooms = match change {
                Change::Room(room, version, trace) => Changes::from([(room, (version, trace))]),
                Change::Recent => self.recently_changed().await,
            };
            for (room, (version, trace)) in rooms {
                if changed.get(&room).is_none_or(|(held, _)| *held <= version) {
                    changed.insert(room, (version, trace));
                }
            }
            next = self.changes.try_recv().ok();
        }
        changed
    }

    async fn recently_changed(&self) -> Changes {
        let found = async {
            let mut connection = self.ctx.db.acquire().await?;
            rooms::changed_since(&mut connection, self.ctx.clock.now() - RECENT).await
        };
        let found = found.await.unwrap_or_else(|error| {
            tracing::warn!(error = chain(&error), "what changed lately is not announced");
            BTreeMap::new()
        });
        found.into_iter().map(|(room, version)| (room, (version, None))).collect()
    }

    async fn announce(&self, changed: Changes) {
        let outgoing: Vec<(Outgoing, Option<Trace>)> = changed
            .into_iter()
            .filter_map(|(room, (version, trace))| Some((wake_up(&room, version, &self.announcer)?, trace)))
            .collect();
        let outgoing: Vec<_> = outgoing.iter().map(|(one, trace)| (one, trace.as_ref())).collect();
        for answer in self.ctx.bus.publish_traced(&outgoing).await {
            if let Err(error) = answer {
                tracing::warn!(
                    error = chain(&error),
                    "a wake-up is late: the next comparison of versions finds the room"
                );
            }
        }
    }
}

fn wake_up(room: &RoomKey, version: i64, announcer: &str) -> Option<Outgoing> {
    let payload = encode(&RoomChanged { room: room.clone(), version }).ok()?;
    Some(Outgoing {
        subject: subject::room_changed(room),
        id: format!("{room}@{version}:{announcer}"),
        payload,
    })
}
