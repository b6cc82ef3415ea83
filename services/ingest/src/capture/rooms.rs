//! Rooms: read from the gateway on first sight and once a day, corrected by events, announced on the bus when they
//! change.
//!
//! Each room has a lock of its own, held over reading and announcing, so that its announcements are in order.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{PersonKey, RoomKey};
use events::chat::{ActorRef, ChatRoom, RoomEvent, RoomRef};
use runtime::bus::Outgoing;
use store::ingest::rooms::Announced;
use tokio::sync::Mutex as AsyncMutex;

pub use super::change::Facts;
use super::change::{Seen, change, event_name, extended_chain};
use super::{Capture, CaptureError, Link, SOURCE, storable};
use crate::gateway::{ContactId, GatewayError, RoomId};

/// How long what is known of a room is believed without a sign of change.
const FRESH: TimeDelta = TimeDelta::hours(24);
/// For so long after a change of the name the event is believed more than a payload, which may be older.
const NAME_SETTLES: TimeDelta = TimeDelta::minutes(2);

#[derive(Default)]
pub struct Rooms {
    slots: Mutex<HashMap<RoomId, Arc<AsyncMutex<Slot>>>>,
    names: Mutex<HashMap<RoomId, (String, DateTime<Utc>)>>,
}

#[derive(Default)]
struct Slot {
    seen: Option<Seen>,
    fetched_at: Option<DateTime<Utc>>,
}

/// Whether a gateway's answer about a room that it does not list decides if our account is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// It does; if the account has left, that is announced.
    Known,
    /// It does not.
    Unknown,
}

impl Rooms {
    /// As the last process left them, to be read anew.
    pub fn restore(rooms: Vec<Announced>) -> Self {
        let slot = |room: Announced| {
            let key: RoomKey = room.room.parse().ok()?;
            let facts = Facts {
                topic: room.topic,
                owner: room.owner,
                members: room.members.into_iter().collect(),
                inviter: room.inviter,
            };
            let seen = Seen { facts, gone: room.gone, chain: room.chain, at: room.at };
            let slot = Slot { seen: Some(seen), fetched_at: None };
            Some((RoomId::kept(key.id, None)?, Arc::new(AsyncMutex::new(slot))))
        };
        Self { slots: Mutex::new(rooms.into_iter().filter_map(slot).collect()), names: Mutex::default() }
    }

    /// Ids of all rooms known.
    pub fn known(&self) -> Vec<RoomId> {
        lock(&self.slots).keys().cloned().collect()
    }

    /// A room has another name: said by an event, before anything else is done about it.
    pub fn renamed(&self, room: &RoomId, topic: &str, now: DateTime<Utc>) {
        let mut names = lock(&self.names);
        names.retain(|_, (_, at)| now - *at < NAME_SETTLES);
        names.insert(room.clone(), (storable(topic), now));
    }

    /// A room as it is, announced if it was not yet. What is new about it happened at `since` the latest if it was
    /// never seen before, else now.
    pub async fn announced(
        &self,
        capture: &Capture,
        link: &Link,
        room: &RoomId,
        since: DateTime<Utc>,
    ) -> Result<Facts, CaptureError> {
        let slot = self.slot(room);
        let mut slot = slot.lock().await;
        let now = capture.now();
        let fresh = slot.fetched_at.is_some_and(|at| now - at < FRESH);
        let gone = slot.seen.as_ref().is_none_or(|seen| seen.gone);
        if !fresh || gone {
            match self.read(capture, link, room, &slot).await {
                Ok(facts) => {
                    let at = if slot.seen.is_none() { since.min(now) } else { now };
                    announce(capture, &link.account, room, &mut slot, facts, at, None).await?;
                    slot.fetched_at = Some(now);
                }
                Err(error) if slot.seen.is_none() => return Err(error.into()),
                Err(error) => tracing::debug!(room.id = %room, %error, "the room stays as it was known"),
            }
        }
        let mut facts = slot.seen.as_ref().map(|seen| seen.facts.clone()).unwrap_or_default();
        if let Some(topic) = self.announced_name(room, now) {
            facts.topic = topic;
        }
        Ok(facts)
    }

    /// Applies what an event says, without asking: a payload read now may still be the old one.
    pub async fn apply(
        &self,
        capture: &Capture,
        link: &Link,
        room: &RoomId,
        at: DateTime<Utc>,
        correct: impl FnOnce(&mut Facts),
    ) -> Result<(), CaptureError> {
        let slot = self.slot(room);
        let mut slot = slot.lock().await;
        let mut facts = match &slot.seen {
            Some(seen) if !seen.gone => seen.facts.clone(),
            _ => {
                let facts = self.read(capture, link, room, &slot).await?;
                slot.fetched_at = Some(capture.now());
                facts
            }
        };
        correct(&mut facts);
        announce(capture, &link.account, room, &mut slot, facts, at, None).await
    }

    /// Our account left a room or was removed, as an event says.
    pub async fn left(
        &self,
        capture: &Capture,
        link: &Link,
        room: &RoomId,
        at: DateTime<Utc>,
        by: Option<ActorRef>,
    ) -> Result<(), CaptureError> {
        let slot = self.slot(room);
        let mut slot = slot.lock().await;
        // Not asked for: a room that we are not in may be refused to us.
        let mut facts = slot.seen.as_ref().map(|seen| seen.facts.clone()).unwrap_or_default();
        facts.members.remove(link.account.as_str());
        announce(capture, &link.account, room, &mut slot, facts, at, Some(Left { by })).await
    }

    /// Asks who is in a room that is not listed any more. Its payload is not asked for: of a room that nobody told the
    /// gateway about it is an old one.
    pub async fn look_for(
        &self,
        capture: &Capture,
        link: &Link,
        room: &RoomId,
    ) -> Result<Membership, CaptureError> {
        let slot = self.slot(room);
        let mut slot = slot.lock().await;
        let Some(seen) = slot.seen.as_ref().filter(|seen| !seen.gone) else { return Ok(Membership::Known) };
        let members: BTreeSet<String> = match link.client.members(room).await {
            Ok(members) => members.iter().map(ToString::to_string).collect(),
            Err(GatewayError::Refused { .. }) => return Ok(Membership::Unknown),
            Err(error) => return Err(error.into()),
        };
        let account = link.account.as_str();
        if members.contains(account) {
            return Ok(Membership::Known);
        }
        // Some puppets never list our own account.
        if members.is_empty() || !seen.facts.members.contains(account) {
            return Ok(Membership::Unknown);
        }
        let facts = Facts { members, ..seen.facts.clone() };
        announce(capture, &link.account, room, &mut slot, facts, capture.now(), None).await?;
        Ok(Membership::Known)
    }

    /// What is known of a room may no longer be true.
    pub async fn forget(&self, room: &RoomId) {
        self.slot(room).lock().await.fetched_at = None;
    }

    /// Whether a room was read at this time or later.
    pub async fn read_since(&self, room: &RoomId, since: DateTime<Utc>) -> bool {
        self.slot(room).lock().await.fetched_at.is_some_and(|at| at >= since)
    }

    async fn read(
        &self,
        capture: &Capture,
        link: &Link,
        room: &RoomId,
        slot: &Slot,
    ) -> Result<Facts, GatewayError> {
        let wire = link.client.room(room).await?;
        let known = slot.seen.as_ref().filter(|seen| !seen.gone).map(|seen| &seen.facts);
        let account = link.account.as_str();
        let mut members: BTreeSet<String> = wire.member_ids.into_iter().filter_map(usable).collect();
        let vanished =
            known.is_some_and(|known| known.members.contains(account)) && !members.contains(account);
        if members.is_empty() || vanished {
            // Leaving a room ends its waits: one payload without us is not enough to believe it.
            let listed: BTreeSet<String> =
                link.client.members(room).await?.iter().map(ToString::to_string).collect();
            members = match known {
                Some(known) if listed.is_empty() => known.members.clone(),
                _ if listed.is_empty() || listed.contains(account) || members.is_empty() => listed,
                _ => members,
            };
        }
        let inviter = match known.and_then(|known| known.inviter.clone()) {
            Some(inviter) => Some(inviter),
            None => inviter(link, room).await,
        };
        let topic = self.announced_name(room, capture.now()).unwrap_or_else(|| storable(&wire.topic));
        Ok(Facts { topic, owner: usable(wire.owner_id), members, inviter })
    }

    /// The name that an event gave a room a short while ago.
    pub fn announced_name(&self, room: &RoomId, now: DateTime<Utc>) -> Option<String> {
        lock(&self.names).get(room).filter(|(_, at)| now - *at < NAME_SETTLES).map(|(topic, _)| topic.clone())
    }

    fn slot(&self, room: &RoomId) -> Arc<AsyncMutex<Slot>> {
        Arc::clone(lock(&self.slots).entry(room.clone()).or_default())
    }
}

/// Puppets that do not know say nothing or refuse; both are no reason to wait.
async fn inviter(link: &Link, room: &RoomId) -> Option<String> {
    let member = link.client.member(room, &link.account).await.ok()?;
    usable(member.inviter_id)
}

fn usable(id: String) -> Option<String> {
    ContactId::parse(id).map(|id| id.to_string())
}

/// An event says that our account left.
struct Left {
    /// Who removed it, if that was somebody else and is known.
    by: Option<ActorRef>,
}

/// Keeps and publishes what changed. It is in the outbox before it is in memory, so that a crash loses no change.
async fn announce(
    capture: &Capture,
    account: &ContactId,
    room: &RoomId,
    slot: &mut Slot,
    facts: Facts,
    at: DateTime<Utc>,
    left: Option<Left>,
) -> Result<(), CaptureError> {
    let change = change(slot.seen.as_ref(), &facts, account.as_str(), left.is_some());
    let Some(event) = change else { return Ok(()) };
    let chain = slot.seen.as_ref().map(|seen| seen.chain.as_str()).unwrap_or_default();
    let chain = extended_chain(chain, &facts.topic, &event)?;
    let at = slot.seen.as_ref().map_or(at, |seen| seen.at.max(at));
    let gone = event == RoomEvent::AccountLeft;
    let fact = ChatRoom {
        source: SOURCE.to_owned(),
        account: account.to_string(),
        id: format!("{}:{room}:{chain}", event_name(&event)),
        room: RoomRef { id: room.to_string(), topic: facts.topic.clone() },
        at,
        event,
        by: left.and_then(|left| left.by),
        // People are known before what was said at their moment, and it was said before the account left.
        captured: gone.then(|| capture.order.next(capture.now())),
    };
    let seen = Seen { facts, gone, chain, at };
    publish(capture, &fact, &seen).await?;
    slot.seen = Some(seen);
    Ok(())
}

async fn publish(capture: &Capture, fact: &ChatRoom, seen: &Seen) -> Result<(), CaptureError> {
    let key = fact.room_key();
    let outgoing = Outgoing {
        subject: events::subject::chat_room(&key),
        id: fact.key().to_string(),
        payload: events::encode(fact)?,
    };
    let people: Vec<String> = seen.facts.members.iter().map(|id| person_key(id)).collect();
    let row = Announced {
        room: key.to_string(),
        topic: seen.facts.topic.clone(),
        owner: seen.facts.owner.clone(),
        members: seen.facts.members.iter().cloned().collect(),
        inviter: seen.facts.inviter.clone(),
        gone: seen.gone,
        chain: seen.chain.clone(),
        at: seen.at,
    };
    let mut tx = capture.ctx.db.begin().await?;
    store::ingest::rooms::save(&mut tx, &capture.name, &row, &people, capture.now()).await?;
    let stored = super::outbox::put(&mut tx, capture, &outgoing).await?;
    tx.commit().await?;
    metrics::counter!("ingest_room_facts_total", "kind" => event_name(&fact.event)).increment(1);
    capture.outbox.try_now(capture, stored, &outgoing).await;
    Ok(())
}

fn person_key(id: &str) -> String {
    PersonKey { source: SOURCE.to_owned(), id: id.to_owned() }.to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
