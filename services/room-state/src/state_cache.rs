//! States of rooms, cached from batch to batch, so that a batch needs not read and parse what the last one wrote.
//!
//! What is true is decided by the revision under the room's lock: what another process, a command or a sweep wrote
//! meanwhile is read. A room is taken out for a fold and comes back with its commit; whatever fails leaves nothing behind.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Timestamp;
use domain::id::RoomKey;
use hashlink::LruCache;
use store::rooms::{CachedState, Revision};

use crate::fold::Written;

/// As many rooms, and as many bytes of what they are in the database, as are kept at most. In memory they take about three
/// times as much.
const ROOMS: usize = 50_000;
const BYTES: usize = 48 * 1024 * 1024;

pub struct StateCache(Mutex<States>);

struct States {
    rooms: LruCache<RoomKey, (CachedState, usize)>,
    bytes: usize,
}

impl Default for StateCache {
    fn default() -> Self {
        Self(Mutex::new(States { rooms: LruCache::new_unbounded(), bytes: 0 }))
    }
}

impl StateCache {
    fn states(&self) -> MutexGuard<'_, States> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out what is kept of these rooms.
    pub fn take(&self, rooms: &[RoomKey]) -> BTreeMap<RoomKey, CachedState> {
        let mut states = self.states();
        rooms.iter().filter_map(|room| Some((room.clone(), states.remove(room)?))).collect()
    }

    /// Keeps what was written to these rooms at this moment, now that it is committed.
    pub fn keep(&self, written: Vec<Written>, at: Timestamp) {
        let mut states = self.states();
        for Written { room, version, state, last_lines, bytes } in written {
            let revision = Revision { version, at };
            states.insert(room, CachedState { revision, state, last_lines }, bytes);
        }
        metrics::gauge!("room_states_cached")
            .set(f64::from(u32::try_from(states.rooms.len()).unwrap_or(u32::MAX)));
    }
}

impl States {
    fn remove(&mut self, room: &RoomKey) -> Option<CachedState> {
        let (cached, bytes) = self.rooms.remove(room)?;
        self.bytes -= bytes;
        Some(cached)
    }

    fn insert(&mut self, room: RoomKey, cached: CachedState, bytes: usize) {
        self.remove(&room);
        self.rooms.insert(room, (cached, bytes));
        self.bytes += bytes;
        while self.rooms.len() > ROOMS || self.bytes > BYTES {
            let Some((_, (_, bytes))) = self.rooms.remove_lru() else { return };
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::fold::FoldState;

    use super::*;

    impl StateCache {
        fn held(&self) -> (usize, usize) {
            let states = self.states();
            (states.rooms.len(), states.bytes)
        }
    }

    fn written(n: usize, bytes: usize) -> Written {
        let room = RoomKey { source: "test".into(), id: format!("r{n}") };
        Written { room, version: 1, state: FoldState::default(), last_lines: Vec::new(), bytes }
    }

    #[test]
    fn as_many_are_kept_as_there_is_room_for() {
        let (cache, at) = (StateCache::default(), Timestamp::UNIX_EPOCH);
        cache.keep((0..4).map(|n| written(n, BYTES / 3)).collect(), at);
        let rooms: Vec<RoomKey> = (0..4).map(|n| written(n, 0).room).collect();
        let left = cache.take(&rooms);
        assert!(left.len() == 3 && !left.contains_key(&rooms[0]), "the oldest went");
        assert!(cache.take(&rooms).is_empty(), "whoever takes them has them alone");
        assert_eq!(cache.held(), (0, 0));
        cache.keep((0..ROOMS + 5).map(|n| written(n, 1)).collect(), at);
        assert_eq!(cache.held(), (ROOMS, ROOMS));
        cache.keep(vec![written(ROOMS, 7)], at);
        assert_eq!(cache.held(), (ROOMS, ROOMS + 6), "the same room again");
    }
}
