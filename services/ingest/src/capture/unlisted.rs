//! Rooms that were known and that the gateway does not list: whether our account left them while nobody looked.
//!
//! A list may be short only because the puppet has not got its rooms yet, so that absence alone says nothing. What does:
//! members without our account; or that the gateway tells nothing of the room although its list has been the same for a
//! while and it answers for others.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::rooms::Membership;
use super::{Capture, CaptureError, Link};
use crate::gateway::RoomId;

/// For so long a list has to stay as it is before a room that is not in it, and of which nothing is told, counts as left.
/// Puppets with thousands of rooms were reported to load them for minutes.
const LIST_SETTLES: TimeDelta = TimeDelta::minutes(10);

/// What is still to be found out.
#[derive(Debug, Default)]
pub struct Unlisted {
    rooms: BTreeSet<RoomId>,
    /// The list read last, and since when it has been this one.
    listed: BTreeSet<RoomId>,
    since: Option<DateTime<Utc>>,
    /// The gateway told nothing of a room: when the list is to be read again.
    again_at: Option<DateTime<Utc>>,
}

impl Unlisted {
    /// The puppet began anew: its list may be short again.
    pub fn restart(&mut self) {
        self.since = None;
    }

    /// The list was read.
    pub fn listed(
        &mut self,
        listed: BTreeSet<RoomId>,
        known: impl IntoIterator<Item = RoomId>,
        now: DateTime<Utc>,
    ) {
        if self.listed != listed {
            self.since = None;
        }
        self.since.get_or_insert(now);
        self.again_at = None;
        self.rooms = known.into_iter().filter(|room| !listed.contains(room)).collect();
        self.listed = listed;
    }

    /// Whether the list has to be read again.
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.again_at.is_some_and(|at| at <= now)
    }

    /// A listed room by which the gateway can show that it answers, once the list is settled.
    fn witness(&self, now: DateTime<Utc>) -> Option<&RoomId> {
        let settled = self.since.is_some_and(|since| now - since >= LIST_SETTLES);
        self.listed.first().filter(|_| settled)
    }

    /// Looks for one room. `false`: there is none to look for.
    pub async fn look(&mut self, capture: &Capture, link: &Link) -> Result<bool, CaptureError> {
        let Some(room) = self.rooms.first().cloned() else { return Ok(false) };
        if capture.rooms.look_for(capture, link, &room).await? == Membership::Unknown {
            let now = capture.now();
            if let Some(witness) = self.witness(now) {
                link.client.room(witness).await?;
                tracing::warn!(room.id = %room, "the room is neither listed nor told of any more: our account left it");
                capture.rooms.left(capture, link, &room, now, None).await?;
            } else {
                self.again_at = Some(now + LIST_SETTLES);
            }
        }
        self.rooms.remove(&room);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_still_grows_proves_nothing() {
        let now = DateTime::UNIX_EPOCH;
        let minutes = |minutes| now + TimeDelta::minutes(minutes);
        let ids =
            |ids: &[&str]| -> BTreeSet<RoomId> { ids.iter().filter_map(|id| RoomId::parse(*id)).collect() };
        let known = ids(&["a", "b", "c"]);
        let mut unlisted = Unlisted::default();
        unlisted.listed(BTreeSet::new(), known.clone(), now);
        unlisted.listed(BTreeSet::new(), known.clone(), minutes(11));
        assert_eq!(
            (unlisted.rooms.len(), unlisted.witness(minutes(11))),
            (3, None),
            "no room at all is none yet"
        );
        unlisted.listed(ids(&["a"]), known.clone(), minutes(12));
        unlisted.listed(ids(&["a", "b"]), known.clone(), minutes(22));
        assert_eq!(unlisted.witness(minutes(22)), None);
        unlisted.listed(ids(&["a", "b"]), known.clone(), minutes(32));
        assert_eq!((unlisted.rooms.clone(), unlisted.witness(minutes(32)).is_some()), (ids(&["c"]), true));
        unlisted.restart();
        unlisted.listed(ids(&["a", "b"]), known, minutes(42));
        assert_eq!(unlisted.witness(minutes(42)), None);
    }
}
