//! Wake-ups on ROOM: announced right after the commit, and under load several changes of a room as one; what a crash
//! left unannounced is found by a sweep. The row is the outbox.
//!
//! That a room was announced is noted later than it is announced, many rooms at once: a crash in between announces them
//! again, which harms nobody, and the rows that the fold is busy with are not written twice.

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
use tokio::time::Instant;

use crate::fold::Changed;
use crate::point;

/// At least this long lies between two announcements: changes of a room within it become one.
const GATHER: Duration = Duration::from_millis(200);
/// How often it is noted what was announced.
const NOTE: Duration = Duration::from_secs(2);
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
    /// Tells this process's announcements from those of others: a restored database counts versions again that the bus
    /// may still remember.
    announcer: String,
    /// Announced, but not noted yet.
    announced: BTreeMap<RoomKey, i64>,
}

impl Publisher {
    /// Ready to run.
    pub fn new(ctx: Context) -> Self {
        let (sender, changes) = unbounded_channel();
        let announcer = runtime::random::token();
        Self { ctx, sender, changes, announcer, announced: BTreeMap::new() }
    }

    /// Where changed rooms are handed in.
    pub fn handle(&self) -> PublishHandle {
        PublishHandle(self.sender.clone())
    }

    /// Runs until the shutdown is requested. Starts with a sweep, for what the last run left behind.
    pub async fn run(mut self) {
        let (note, sweep) = (self.ctx.clock.real(NOTE), self.ctx.clock.real(SWEEP));
        let (mut next_sweep, mut next_note) = (Instant::now(), Instant::now() + note);
        while !self.ctx.shutdown.requested() {
            self.ctx.health.beat("publish");
            let changed = tokio::select! {
                () = self.ctx.shutdown.wait() => break,
                () = tokio::time::sleep_until(next_note) => {
                    next_note = Instant::now() + note;
                    self.note().await;
                    continue;
                }
                () = tokio::time::sleep_until(next_sweep) => {
                    next_sweep = Instant::now() + sweep;
                    self.left_behind().await
                }
                Some((room, version)) = self.changes.recv() => self.gather(room, version),
            };
            self.ctx.faults.reach(point::BEFORE_PUBLISH).await;
            self.announce(changed).await;
            self.ctx.shutdown.sleep(GATHER).await;
        }
        self.note().await;
    }

    /// What has come in since the last announcement, each room once.
    fn gather(&mut self, room: RoomKey, version: i64) -> BTreeMap<RoomKey, i64> {
        let mut changed = BTreeMap::from([(room, version)]);
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
        match found.await {
            Ok(rooms) => rooms.into_iter().filter(|(room, _)| !self.announced.contains_key(room)).collect(),
            Err(error) => {
                tracing::warn!(error = chain(&error), "sweep of unannounced rooms failed");
                BTreeMap::new()
            }
        }
    }

    async fn announce(&mut self, changed: BTreeMap<RoomKey, i64>) {
        let (rooms, outgoing): (Vec<(RoomKey, i64)>, Vec<Outgoing>) = changed
            .into_iter()
            .filter_map(|(room, version)| {
                wake_up(&room, version, &self.announcer).map(|outgoing| ((room, version), outgoing))
            })
            .unzip();
        let answers = self.ctx.bus.publish_all(&outgoing).await;
        for ((room, version), answer) in rooms.into_iter().zip(answers) {
            match answer {
                Ok(_) => drop(self.announced.insert(room, version)),
                Err(error) => {
                    tracing::warn!(error = chain(&error), "a wake-up is late: the next sweep announces it");
                }
            }
        }
    }

    async fn note(&mut self) {
        if self.announced.is_empty() {
            return;
        }
        let announced: Vec<(RoomKey, i64)> = std::mem::take(&mut self.announced).into_iter().collect();
        let noted = async {
            let mut connection = self.ctx.db.acquire().await?;
            rooms::mark_published(&mut connection, &announced).await
        };
        if let Err(error) = noted.await {
            tracing::warn!(error = chain(&error), "announcements could not be noted: they will be repeated");
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
