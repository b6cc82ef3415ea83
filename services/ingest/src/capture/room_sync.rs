//! Reads all rooms and the people in them after a login, so that every room is known before it speaks, and applies what
//! events say of rooms.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use events::chat::ActorRef;
use futures::StreamExt as _;
use runtime::telemetry::chain;
use tokio::sync::mpsc;

use super::unlisted::Unlisted;
use super::{Capture, Link};
use crate::gateway::{ContactId, RoomId};

/// Rooms or people read at the same time; the rest of the gateway's attention is for messages.
const AT_ONCE: usize = 6;
/// Rooms or people read before changes are looked at again.
const CHUNK: usize = 48;
/// The pause before what failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(3);
/// How often the part says that it lives.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(10);

/// Something that events say of rooms.
#[derive(Debug, Clone)]
pub enum RoomChange {
    /// The account is logged in, or the puppet has its rooms: read what was not read since the login.
    InitialSync,
    /// People came into a room.
    Joined { room: RoomId, people: Vec<ContactId>, inviter: Option<ContactId>, at: DateTime<Utc> },
    /// People left a room.
    Left {
        room: RoomId,
        people: Vec<ContactId>,
        /// Who removed them; themselves if they went of their own accord.
        remover: Option<ContactId>,
        at: DateTime<Utc>,
    },
    /// A room has another name, which [`super::rooms::Rooms::renamed`] has been told.
    Renamed { room: RoomId, at: DateTime<Utc> },
    /// A room or one of its members is no longer as it was told.
    Invalidated {
        /// The room's id, or a compound one with the room's in it.
        id: String,
    },
}

struct RoomSync {
    capture: Arc<Capture>,
    /// What events said and is not applied yet, in order.
    changes: VecDeque<(RoomId, RoomChange)>,
    list: bool,
    rooms: BTreeSet<RoomId>,
    people: BTreeSet<ContactId>,
    unlisted: Unlisted,
}

/// Runs until the shutdown is requested.
pub async fn run(capture: Arc<Capture>, mut changes: mpsc::UnboundedReceiver<RoomChange>) {
    let shutdown = capture.ctx.shutdown.clone();
    let mut status = capture.status.clone();
    let mut sync = RoomSync {
        capture,
        changes: VecDeque::new(),
        list: false,
        rooms: BTreeSet::new(),
        people: BTreeSet::new(),
        unlisted: Unlisted::default(),
    };
    let mut pause = Duration::ZERO;
    while !shutdown.requested() {
        sync.capture.ctx.health.beat("rooms");
        tokio::select! {
            biased;
            () = shutdown.wait() => return,
            Some(change) = changes.recv() => {
                pause = Duration::ZERO;
                sync.take(change).await;
            }
            // Work may have waited for the login.
            Ok(()) = status.changed() => pause = Duration::ZERO,
            () = tokio::time::sleep(pause) => {
                pause = match sync.step().await {
                    Step::More => Duration::ZERO,
                    Step::Failed => RETRY_PAUSE,
                    Step::Idle => HEARTBEAT_EVERY,
                };
            }
        }
    }
}

enum Step {
    More,
    Failed,
    Idle,
}

impl RoomSync {
    async fn take(&mut self, change: RoomChange) {
        let room = match &change {
            RoomChange::InitialSync => {
                self.list = true;
                self.unlisted.restart();
                return;
            }
            RoomChange::Invalidated { id } => return self.invalidate(id).await,
            RoomChange::Joined { room, .. }
            | RoomChange::Left { room, .. }
            | RoomChange::Renamed { room, .. } => room.clone(),
        };
        self.changes.push_back((room, change));
    }

    /// Ids of members may be compound: every room whose id is part of it is read anew.
    async fn invalidate(&mut self, id: &str) {
        let known = self.capture.rooms.known();
        let touched = known.into_iter().filter(|room| id.contains(&*room.wire()));
        for room in touched.chain(RoomId::parse(id)).collect::<BTreeSet<_>>() {
            self.capture.rooms.forget(&room).await;
            if self.capture.rooms.known().contains(&room) {
                self.rooms.insert(room);
            }
        }
    }

    /// One piece of the work there is.
    async fn step(&mut self) -> Step {
        let Some(link) = self.capture.link() else { return Step::Idle };
        if let Some((room, change)) = self.changes.pop_front() {
            if let Err(error) = apply(&self.capture, &link, &room, change).await {
                tracing::warn!(room.id = %room, error = chain(&error), "the room is read anew");
                self.capture.rooms.forget(&room).await;
                self.rooms.insert(room);
            }
            return Step::More;
        }
        if self.list || self.unlisted.is_due(self.capture.now()) {
            return self.list_rooms(&link).await;
        }
        if !self.rooms.is_empty() {
            return self.read_rooms(&link).await;
        }
        if !self.people.is_empty() {
            return self.read_people(&link).await;
        }
        match self.unlisted.look(&self.capture, &link).await {
            Ok(true) => Step::More,
            Ok(false) => Step::Idle,
            Err(error) => {
                tracing::warn!(error = chain(&error), "a room that is not listed cannot be looked for");
                Step::Failed
            }
        }
    }

    /// Rooms that were known and are not in the list are looked for afterwards.
    async fn list_rooms(&mut self, link: &Link) -> Step {
        let listed = match link.client.rooms().await {
            Ok(rooms) => rooms,
            Err(error) => {
                tracing::warn!(%error, "the list of rooms cannot be read");
                return Step::Failed;
            }
        };
        self.list = false;
        let known = self.capture.rooms.known();
        self.unlisted.listed(listed.iter().cloned().collect(), known, self.capture.now());
        let since = self.capture.last_login_at().unwrap_or(DateTime::UNIX_EPOCH);
        for room in listed {
            if !self.capture.rooms.read_since(&room, since).await {
                self.capture.rooms.forget(&room).await;
                self.rooms.insert(room);
            }
        }
        tracing::info!(rooms = self.rooms.len(), "rooms are read");
        Step::More
    }

    async fn read_rooms(&mut self, link: &Link) -> Step {
        let chunk: Vec<RoomId> = self.rooms.iter().take(CHUNK).cloned().collect();
        let since = self.capture.last_login_at().unwrap_or_else(|| self.capture.now());
        let capture = &self.capture;
        let read: Vec<_> = futures::stream::iter(chunk)
            .map(|room| async move {
                let facts = capture.rooms.announced(capture, link, &room, since).await;
                (room, facts)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut failed = false;
        for (room, facts) in read {
            match facts {
                Ok(facts) => {
                    self.rooms.remove(&room);
                    self.people.extend(facts.members.into_iter().filter_map(|id| ContactId::kept(id, None)));
                }
                Err(error) => {
                    failed = true;
                    tracing::warn!(room.id = %room, error = chain(&error), "the room cannot be read");
                }
            }
        }
        if failed { Step::Failed } else { Step::More }
    }

    /// Who cannot be read now is read when they speak.
    async fn read_people(&mut self, link: &Link) -> Step {
        let chunk: Vec<ContactId> = self.people.iter().take(CHUNK).cloned().collect();
        let (capture, now) = (&self.capture, self.capture.now());
        futures::stream::iter(chunk.iter().filter(|id| capture.people.is_new(id, now)))
            .for_each_concurrent(AT_ONCE, |id| async move {
                if let Err(error) = capture.people.get(capture, link, id).await {
                    tracing::debug!(contact.id = %id, %error, "the contact cannot be read yet");
                }
            })
            .await;
        for id in chunk {
            self.people.remove(&id);
        }
        Step::More
    }
}

/// Somebody, with a name if the gateway knows it: an id alone is better than a departure that is told late.
async fn actor(capture: &Capture, link: &Link, id: &ContactId) -> ActorRef {
    let person = capture.people.get(capture, link, id).await.unwrap_or_default();
    ActorRef { id: id.to_string(), name: person.name }
}

async fn apply(
    capture: &Capture,
    link: &Link,
    room: &RoomId,
    change: RoomChange,
) -> Result<(), super::CaptureError> {
    let rooms = &capture.rooms;
    match change {
        RoomChange::Joined { people, inviter, at, .. } => {
            rooms
                .apply(capture, link, room, at, |facts| {
                    if people.contains(&link.account) {
                        facts.inviter = inviter.map(|inviter| inviter.to_string());
                    }
                    facts.members.extend(people.iter().map(ToString::to_string));
                })
                .await
        }
        RoomChange::Left { people, remover, at, .. } if people.contains(&link.account) => {
            let by = match remover.filter(|remover| *remover != link.account) {
                Some(remover) => Some(actor(capture, link, &remover).await),
                None => None,
            };
            rooms.left(capture, link, room, at, by).await
        }
        RoomChange::Left { people, at, .. } => {
            rooms
                .apply(capture, link, room, at, |facts| {
                    for gone in &people {
                        facts.members.remove(gone.as_str());
                    }
                })
                .await
        }
        RoomChange::Renamed { at, .. } => {
            let topic = rooms.announced_name(room, capture.now());
            rooms
                .apply(capture, link, room, at, |facts| {
                    if let Some(topic) = topic {
                        facts.topic = topic;
                    }
                })
                .await
        }
        RoomChange::InitialSync | RoomChange::Invalidated { .. } => Ok(()),
    }
}
